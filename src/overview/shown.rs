//! `status` as text: it fits the terminal, and grows with it.

use clap::ValueEnum;
use serde::Deserialize;

use super::{DaemonState, Earned, Line, NOTHING_YET, Overview, Spans, mode_name};
use crate::format::{ago, local_time};
use crate::table::{Align, Plain};
use sweetspot_core::settings::values::Mode;
use sweetspot_core::types::format::{grouped, grouped_signed, rate};
use sweetspot_core::types::time::{Timestamp, rfc3339};
use sweetspot_core::types::units::FeePpm;

/// By what channels are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The peer's alias
    #[default]
    Peer,
    /// The scid
    Channel,
    /// The local ratio, lowest first
    Local,
    /// The fee rate, highest first
    Fee,
    /// What was earned in 30 days, highest first
    Earned,
    /// Forwards in 30 days, most first
    Forwards,
    /// The capacity, largest first
    Capacity,
    /// The state
    State,
}

impl Sort {
    /// How it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Channel => "channel",
            Self::Local => "local",
            Self::Fee => "fee",
            Self::Earned => "earned",
            Self::Forwards => "forwards",
            Self::Capacity => "capacity",
            Self::State => "state",
        }
    }
}

/// Which channels are shown, and how.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// In what order.
    pub sort: Sort,
    /// Only those of which a name, mode, order or state holds this text.
    pub filter: Option<String>,
    /// In lines of at most so many characters.
    pub width: usize,
}

impl Overview {
    /// Keeps and sorts what is to be seen.
    pub fn arrange(&mut self, view: &View) {
        if let Some(filter) = &view.filter {
            let wanted = filter.to_lowercase();
            self.channels.retain(|line| line.matches(&wanted));
        }
        let fee = |line: &Line| std::cmp::Reverse(line.fee_ppm);
        let month = |line: &Line| line.spans.last_30_days;
        match view.sort {
            Sort::Peer => {}
            Sort::Channel => self.channels.sort_by_key(|line| line.ids.scid),
            Sort::Local => self
                .channels
                .sort_by(|a, b| a.local_ratio.total_cmp(&b.local_ratio)),
            Sort::Fee => self.channels.sort_by_key(fee),
            Sort::Earned => self
                .channels
                .sort_by_key(|line| std::cmp::Reverse(month(line).earned_msat)),
            Sort::Forwards => self
                .channels
                .sort_by_key(|line| std::cmp::Reverse(month(line).forwards)),
            Sort::Capacity => self
                .channels
                .sort_by_key(|line| std::cmp::Reverse(line.capacity_sat)),
            Sort::State => self
                .channels
                .sort_by_cached_key(|line| line.state.in_words(&rfc3339)),
        }
    }

    /// As text for people.
    pub fn render(&self, view: &View, now: Timestamp) -> String {
        let mut lines = self.daemon.lines(now);
        if let Some(pause) = self.paused {
            let until = pause
                .until
                .map(|until| format!(" until {}", local_time(until)));
            lines.push(format!(
                "PAUSED since {}{}: no fee is changed",
                local_time(pause.at),
                until.unwrap_or_default()
            ));
        }
        let Some(seen_at) = self.seen_at else {
            lines.push(NOTHING_YET.to_owned());
            return lines.join("\n");
        };
        lines.push(String::new());
        lines.push(self.node.table());
        lines.push(String::new());
        lines.push(self.channels_table(view, now));
        let managed = self.channels.iter();
        let managed = managed.filter(|line| matches!(line.mode, Mode::Manage | Mode::Pin(_)));
        lines.push(format!(
            "\n{}, {} managed; read {}{}",
            channels(self.channels.len()),
            managed.count(),
            ago(now, seen_at),
            match self.quarantined_forwards {
                0 => String::new(),
                n => format!("; {} impossible forwards quarantined", grouped(n)),
            },
        ));
        if self.own_nodes.channel_count > 0 {
            lines.push(format!(
                "{} to your other nodes: {} sat here, {} sat there",
                channels(self.own_nodes.channel_count),
                grouped(self.own_nodes.local_sat),
                grouped(self.own_nodes.remote_sat),
            ));
        }
        lines.extend(self.levels_in_words(now));
        lines.join("\n")
    }

    fn channels_table(&self, view: &View, now: Timestamp) -> String {
        let long = self.table(now, false, view.width);
        if long.needs() <= view.width {
            return long.to_string();
        }
        self.table(now, true, usize::MAX).fit(view.width)
    }

    /// As far as it needs no more than `width`.
    fn table(&self, now: Timestamp, brief: bool, width: usize) -> Plain {
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        table.column("local/tgt", Align::Right, 0, None);
        table.column("fee ppm", Align::Right, 0, None);
        table.column("1d sat", Align::Right, 2, None);
        table.column("7d sat", Align::Right, 1, None);
        table.column("30d sat", Align::Right, 0, None);
        table.column("7d fwds", Align::Right, 3, None);
        table.column("30d fwds", Align::Right, 5, None);
        table.column("1d fwds", Align::Right, 6, None);
        table.column("capacity sat", Align::Right, 4, None);
        table.column("demand", Align::Right, 7, None);
        table.column("last change", Align::Left, 8, None);
        table.column("mode", Align::Left, 9, None);
        table.column("state", Align::Left, 0, Some(16));
        for line in &self.channels {
            table.row(line.cells(now, brief));
            if table.needs() > width {
                return table;
            }
        }
        let sum = |of: fn(&Line) -> u64| self.channels.iter().map(of).fold(0, u64::saturating_add);
        let capacity = sum(|line| line.capacity_sat);
        let local = sum(|line| line.local_sat);
        let earned = |of: fn(&Spans) -> Earned| {
            let each = self.channels.iter().map(|line| of(&line.spans));
            each.fold(Earned::default(), |sum, next| Earned {
                earned_msat: sum.earned_msat.saturating_add(next.earned_msat),
                forwards: sum.forwards.saturating_add(next.forwards),
            })
        };
        let (day, week, month) = (
            earned(|spans| spans.last_24_hours),
            earned(|spans| spans.last_7_days),
            earned(|spans| spans.last_30_days),
        );
        #[allow(clippy::cast_precision_loss)]
        let share = local as f64 / (capacity as f64).max(1.0);
        table.row(vec![
            "total".to_owned(),
            format!("{} shown", self.channels.len()),
            format!("{:.0}%", share * 100.0),
            String::new(),
            sat(day),
            sat(week),
            sat(month),
            grouped(week.forwards),
            grouped(month.forwards),
            grouped(day.forwards),
            grouped(capacity),
        ]);
        table
    }

    fn levels_in_words(&self, now: Timestamp) -> Vec<String> {
        let each = self.levels.iter().map(|level| {
            let whose = level.segment.name();
            let [now, wanted] = [level.ppm, level.wanted_ppm].map(FeePpm::rounded);
            let going = match now == wanted {
                true => String::new(),
                false => format!(", going to {wanted}"),
            };
            format!("price level of {whose} channels: {now}{going}")
        });
        let index = match self.network.read_at {
            _ if self.levels.is_empty() => None,
            Some(at) => Some(format!(
                "price index {:.2} (what the network charges; {} nodes read, the last {})",
                self.network.index,
                grouped(self.network.nodes_read),
                ago(now, at)
            )),
            None => Some("price index 1.00 (no node of the graph read yet)".to_owned()),
        };
        let given_way = (self.given_way > 0.0).then(|| {
            "income had clearly fallen: the price level has given way to the fees of before"
                .to_owned()
        });
        each.chain(index).chain(given_way).collect()
    }
}

impl Line {
    fn matches(&self, wanted: &str) -> bool {
        [
            self.ids.peer_name(),
            self.ids.scid.to_string(),
            self.ids.peer_pubkey.to_string(),
            self.ids.channel_point.to_string(),
            mode_name(self.mode),
            self.orders.join(" "),
            self.state_code.to_owned(),
            self.state.in_words(&rfc3339),
            self.state.brief(),
        ]
        .iter()
        .any(|text| text.to_lowercase().contains(wanted))
    }

    fn cells(&self, now: Timestamp, brief: bool) -> Vec<String> {
        let peer = match self.active {
            true => self.ids.peer_name(),
            false => format!("{} (offline)", self.ids.peer_name()),
        };
        let peer = if brief { self.ids.peer_name() } else { peer };
        let Spans {
            last_24_hours: day,
            last_7_days: week,
            last_30_days: month,
        } = self.spans;
        let state = if brief {
            self.state.brief()
        } else {
            self.state.in_words(&local_time)
        };
        vec![
            peer,
            self.ids.scid.to_string(),
            format!(
                "{:.0}/{:.0}%",
                self.local_ratio * 100.0,
                self.target_ratio * 100.0
            ),
            match (self.fee_ppm, self.inbound_ppm.unwrap_or(0)) {
                (None, _) => "-".to_owned(),
                (Some(ppm), inbound) if inbound == 0 || brief => grouped(ppm.into()),
                (Some(ppm), inbound) => format!(
                    "{}, inbound {}",
                    grouped(ppm.into()),
                    grouped_signed(inbound.into())
                ),
            },
            sat(day),
            sat(week),
            sat(month),
            grouped(week.forwards),
            grouped(month.forwards),
            grouped(day.forwards),
            grouped(self.capacity_sat),
            rate(self.tpm),
            self.last_change.map_or("-".to_owned(), |at| ago(now, at)),
            mode_name(self.mode),
            match self.orders.last().and_then(|order| order.split(' ').next()) {
                Some(verb) if brief => format!("{verb}: {state}"),
                _ => state,
            },
        ]
    }
}

/// `1 channel`, `12 channels`.
pub fn channels(count: usize) -> String {
    match count {
        1 => "1 channel".to_owned(),
        n => format!("{n} channels"),
    }
}

/// In whole satoshis.
fn sat(earned: Earned) -> String {
    grouped(earned.earned_msat / 1_000)
}

impl Spans {
    fn table(&self) -> String {
        let mut table = Plain::new(&[
            ("the node", Align::Left),
            ("24 hours", Align::Right),
            ("7 days", Align::Right),
            ("30 days", Align::Right),
        ]);
        let each = [self.last_24_hours, self.last_7_days, self.last_30_days];
        let row = |name: &str, cells: [String; 3]| {
            let mut row = vec![name.to_owned()];
            row.extend(cells);
            row
        };
        table.row(row("earned sat", each.map(sat)));
        table.row(row("forwards", each.map(|span| grouped(span.forwards))));
        table.to_string()
    }
}

impl DaemonState {
    fn lines(&self, now: Timestamp) -> Vec<String> {
        let (Some(tried_at), Some(started_at), Some(since)) =
            (self.tried_at, self.started_at, self.since)
        else {
            return vec![match self.running {
                true => "daemon: starting".to_owned(),
                false => "daemon: NOT RUNNING; it never ran on this database".to_owned(),
            }];
        };
        if !self.running {
            return vec![format!(
                "daemon: NOT RUNNING; last seen {} ({})",
                local_time(tried_at),
                ago(now, tried_at)
            )];
        }
        let observes = match self.observe_only {
            Some(true) => ", observes only",
            _ => "",
        };
        let what = match &self.error {
            None => "cycle",
            Some(_) => "try",
        };
        let daemon = format!(
            "daemon: running since {}{observes}; last {what} {}",
            local_time(started_at),
            ago(now, tried_at)
        );
        let node = match &self.error {
            None => format!("node:   answers since {}", local_time(since)),
            Some(error) => format!("node:   NO CYCLE since {}: {error}", local_time(since)),
        };
        vec![daemon, node]
    }
}
