//! The report as text and as CSV.

use super::{ChannelReport, Day, Report};
use crate::format::local_time;
use crate::table::{Align, Plain};
use sweetspot_core::money::change::Trend;
use sweetspot_core::money::failed::FailReason;
use sweetspot_core::money::outcome::Tell;
use sweetspot_core::types::format::{change, counted, grouped};
use sweetspot_core::types::time::Timestamp;

/// Outcomes shown as text; JSON has all.
const OUTCOMES_SHOWN: usize = 12;

/// Channels with failed HTLCs shown as text; JSON has all.
const UNSERVED_SHOWN: usize = 10;

/// In whole satoshis.
pub fn sat(msat: u64) -> String {
    grouped(msat / 1_000)
}

/// A share a year: `2.3%`.
pub fn yearly(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0))
}

fn date(at: Timestamp) -> String {
    at.utc().format("%Y-%m-%d").to_string()
}

impl Report {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        let last = Timestamp::of_utc_day(self.until.utc_day() - 1);
        let mut parts = vec![
            format!(
                "Income of {}, {} to {} (UTC days)\n",
                self.in_days(),
                date(self.from),
                date(last)
            ),
            self.income(),
            self.paid(),
            String::new(),
            self.days_table(width),
            String::new(),
            self.channels_table(width),
            "assist: fees of forwards that came in by the channel. yield: half of what it\n\
             earned and half of its assist, on its mean local balance, a year."
                .to_owned(),
            String::new(),
        ];
        if let Some(group) = self.group_in_words() {
            // After what this node earned and paid.
            parts.insert(3, group);
        }
        if let Some(unserved) = self.unserved_table(width) {
            parts.push(format!(
                "HTLCs failed by this node, by the channel they wanted to leave by (anyone can\n\
                 make such for nothing)\n{unserved}\n"
            ));
        }
        if !self.peers.is_empty() {
            let peers = self.peers_table(width);
            parts.push(format!("peers with several channels\n{peers}\n"));
        }
        parts.push(format!(
            "{} confirmed, {} failed",
            counted(self.changes_confirmed, "fee change"),
            counted(self.changes_failed, "update")
        ));
        if !self.outcomes.is_empty() {
            parts.push(self.outcomes_table(width));
        }
        parts.join("\n")
    }

    fn in_days(&self) -> String {
        counted(self.days.into(), "day")
    }

    fn income(&self) -> String {
        let per_day = self.node.earned_msat / u64::from(self.days.max(1));
        let against = match (self.before, self.change) {
            (None, _) => format!(
                "of the {} before, not all is known (history begins {})",
                self.in_days(),
                self.known_from
                    .map_or("with the first read".to_owned(), date)
            ),
            (Some(before), Some(share)) => format!(
                "{} against {} sat in the {} before",
                change(share),
                sat(before.earned_msat),
                self.in_days()
            ),
            (Some(_), None) => format!("nothing in the {} before", self.in_days()),
        };
        let trend = match self.trend {
            Trend::Fell => self.trend.words().to_uppercase(),
            trend => trend.words().to_owned(),
        };
        format!(
            "earned    {} sat ({} a day): {against}\n          {trend}\nforwards  {} \
             ({} sat out)\nyield     {} a year on the local balances",
            sat(self.node.earned_msat),
            sat(per_day),
            grouped(self.node.forwards),
            sat(self.node.sold_msat),
            yearly(self.yield_per_year),
        )
    }

    /// All nodes of the operator as one; `None` where there is one.
    fn group_in_words(&self) -> Option<String> {
        let group = self.group.as_ref()?;
        let mut lines: Vec<String> = group
            .others
            .iter()
            .map(|other| {
                let said = match (&other.node, &other.error) {
                    (Some(node), _) => format!(
                        "{} sat earned, {}, {} sat on its side",
                        sat(node.earned_msat),
                        counted(node.forwards, "forward"),
                        grouped(other.local_sat.unwrap_or(0)),
                    ),
                    (None, error) => format!(
                        "not known: {}",
                        error.as_ref().map_or("", |error| error.as_str())
                    ),
                };
                format!("your node {}: {said}", other.peer_pubkey.short())
            })
            .collect();
        lines.push(match (&group.together, group.local_sat) {
            (Some(all), Some(local)) => format!(
                "together  {} sat earned by {}, {} sat on your side",
                sat(all.earned_msat),
                counted(all.forwards, "forward"),
                grouped(local)
            ),
            _ => "together  not known".to_owned(),
        });
        Some(lines.join("\n"))
    }

    /// What was paid, and what is left.
    fn paid(&self) -> String {
        let paid = &self.paid;
        let rebalances = match paid.payments_known_from {
            None => "rebalances not known ([ledger])".to_owned(),
            Some(from) => {
                let since = match from > self.from {
                    true => format!(", known since {}", date(from)),
                    false => String::new(),
                };
                format!(
                    "{} sat to rebalance {} sat{since}",
                    sat(paid.rebalance_fees_msat),
                    sat(paid.moved_msat)
                )
            }
        };
        let chain = match paid.chain_costs_known {
            false => "on-chain costs not known ([ledger])".to_owned(),
            true => format!(
                "{} sat on the chain ({} to open, {} to close)",
                grouped(paid.open_fees_sat.saturating_add(paid.close_fees_sat)),
                grouped(paid.open_fees_sat),
                grouped(paid.close_fees_sat)
            ),
        };
        let sign = if paid.net_msat < 0 { "-" } else { "" };
        let left = sat(paid.net_msat.unsigned_abs());
        format!("paid      {rebalances}\n          {chain}\nleft      {sign}{left} sat")
    }

    /// What channels could not serve, the most first; `None` if there is nothing.
    fn unserved_table(&self, width: usize) -> Option<String> {
        let amount = |line: &ChannelReport| -> u64 {
            let sums = line.paid.failed.values();
            sums.fold(0, |all, sum| all.saturating_add(sum.amount.0))
        };
        let mut lines: Vec<&ChannelReport> = self.channels.iter().collect();
        lines.retain(|line| !line.paid.failed.is_empty());
        lines.sort_by_key(|line| std::cmp::Reverse(amount(line)));
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        for reason in [
            "no balance",
            "fee too low",
            "too large",
            "not ready",
            "other",
        ] {
            table.column(reason, Align::Right, 0, None);
        }
        for line in lines.iter().take(UNSERVED_SHOWN) {
            let mut row = vec![line.ids.peer_name(), line.ids.scid.to_string()];
            let counts = FailReason::ALL.map(|reason| line.paid.failed.get(&reason));
            let counts = counts.map(|sum| sum.map_or(String::new(), |sum| grouped(sum.htlcs)));
            row.extend(counts);
            table.row(row);
        }
        (!lines.is_empty()).then(|| table.fit(width))
    }

    fn days_table(&self, width: usize) -> String {
        let mut table = Plain::new(&[
            ("day", Align::Left),
            ("forwards", Align::Right),
            ("out sat", Align::Right),
            ("earned sat", Align::Right),
            ("", Align::Left),
        ]);
        let most = self.by_day.iter().map(|day| day.earned_msat).max();
        let most = most.unwrap_or(0).max(self.today.earned_msat).max(1);
        let mut row = |name: String, day: &Day| {
            // At most 20 cells.
            let cells = u128::from(day.earned_msat) * 20 / u128::from(most);
            table.row(vec![
                name,
                grouped(day.forwards),
                sat(day.sold_msat),
                sat(day.earned_msat),
                "=".repeat(usize::try_from(cells).unwrap_or(0)),
            ]);
        };
        row("today so far".to_owned(), &self.today);
        for day in &self.by_day {
            row(date(day.day), day);
        }
        table.fit(width)
    }

    fn channels_table(&self, width: usize) -> String {
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        table.column("fwds out", Align::Right, 1, None);
        table.column("out sat", Align::Right, 3, None);
        table.column("earned sat", Align::Right, 0, None);
        table.column("before", Align::Right, 0, None);
        table.column("assist", Align::Right, 0, None);
        table.column("fwds in", Align::Right, 4, None);
        table.column("local sat", Align::Right, 2, None);
        table.column("yield", Align::Right, 0, None);
        for line in &self.channels {
            table.row(vec![
                match line.open {
                    true => line.ids.peer_name(),
                    false => format!("{} (closed)", line.ids.peer_name()),
                },
                line.ids.scid.to_string(),
                grouped(line.forwards_out),
                sat(line.sold_msat),
                sat(line.earned_msat),
                line.earned_before_msat.map_or("-".to_owned(), sat),
                sat(line.assist_msat),
                grouped(line.forwards_in),
                line.mean_local_sat.map_or("-".to_owned(), |local| {
                    sweetspot_core::types::units::Sat::rounded(local)
                        .to_string()
                        .trim_end_matches(" sat")
                        .to_owned()
                }),
                yearly(line.yield_per_year),
            ]);
        }
        table.fit(width)
    }

    fn peers_table(&self, width: usize) -> String {
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channels", Align::Right, 0, None);
        table.column("fwds out", Align::Right, 0, None);
        table.column("earned sat", Align::Right, 0, None);
        table.column("assist", Align::Right, 0, None);
        for line in &self.peers {
            let name = line.peer_alias.clone();
            table.row(vec![
                name.unwrap_or_else(|| line.peer_pubkey.short()),
                grouped(line.channel_count),
                grouped(line.forwards_out),
                sat(line.earned_msat),
                sat(line.assist_msat),
            ]);
        }
        table.fit(width)
    }

    fn outcomes_table(&self, width: usize) -> String {
        let mut table = Plain::default();
        table.column("changed", Align::Left, 0, None);
        table.column("peer", Align::Left, 0, Some(12));
        table.column("from", Align::Right, 0, None);
        table.column("to ppm", Align::Right, 0, None);
        table.column("sat/day", Align::Right, 2, None);
        table.column("since", Align::Right, 1, None);
        table.column("income since (95%)", Align::Left, 0, Some(24));
        let clear = |tell: Tell| tell != Tell::TooLittleToTell;
        let told = self.outcomes.iter();
        let mut shown: Vec<_> = told
            .filter(|change| change.outcome.band.is_some())
            .collect();
        shown.sort_by_key(|change| !clear(change.outcome.verdict));
        for line in shown.iter().take(OUTCOMES_SHOWN) {
            let per_day = |msat: f64| format!("{:.0}", msat / 1_000.0);
            table.row(vec![
                local_time(line.at).chars().take(16).collect(),
                line.ids.peer_name(),
                grouped(line.from_ppm.into()),
                grouped(line.to_ppm.into()),
                per_day(line.outcome.before_msat_per_day),
                per_day(line.outcome.after_msat_per_day),
                line.outcome_words.clone(),
            ]);
        }
        let of = |tell: Tell| {
            let found = self.outcomes.iter().filter(|c| c.outcome.verdict == tell);
            found.count()
        };
        let table = match shown.is_empty() {
            true => String::new(),
            false => format!("\n{}", table.fit(width)),
        };
        format!(
            "outcomes: {} earned more since, {} less, {} too little to tell{table}",
            of(Tell::More),
            of(Tell::Less),
            of(Tell::TooLittleToTell),
        )
    }
}

/// A text as a field of CSV. An alias is its peer's text: one that a spreadsheet
/// would take for a formula gets a mark before it.
pub fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_no_formula_and_breaks_no_line() {
        assert_eq!(csv_field("alice"), "alice");
        assert_eq!(csv_field("=1+1"), "'=1+1");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
