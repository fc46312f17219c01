//! Every channel in one table, from the database alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::format::{ago, local_time, times};
use crate::table::table;
use sweetspot_core::decision::{Decision, Hold, Verdict};
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::{LevelChoice, Mode};
use sweetspot_core::state::memory::Memory;
use sweetspot_core::strategy::peer_group::is_priced;
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format::{grouped, grouped_signed, rate};
use sweetspot_core::types::segment::Segment;
use sweetspot_core::types::time::{TimeFormat, Timestamp, rfc3339};
use sweetspot_core::types::units::{BlockHeight, FeePpm, Sat};
use sweetspot_store::{KnownChannel, StoreReader};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What is said of an empty database.
pub const NOTHING_YET: &str =
    "No data yet. Is `sweetspot run` running, and is the node's wallet unlocked?";

/// One channel's line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The channel.
    pub channel_point: ChannelPoint,
    /// Its scid.
    pub scid: Scid,
    /// The peer's alias, or the start of its key.
    pub peer: CleanText,
    /// Its capacity.
    pub capacity_sat: Sat,
    /// The share on our side.
    pub local_ratio: f64,
    /// The wanted share.
    pub target_ratio: f64,
    /// Forwards per minute, as of the last read.
    pub tpm: f64,
    /// The same by its own history.
    pub tpm_history: f64,
    /// The outbound rate; `None` without a policy.
    pub fee_ppm: Option<u32>,
    /// The base fee.
    pub base_fee_msat: Option<u32>,
    /// The inbound rate; below 0, a discount.
    pub inbound_ppm: Option<i32>,
    /// When we last changed it.
    #[serde(serialize_with = "times")]
    pub last_change: Option<Timestamp>,
    /// The last update, and what came of it.
    pub last_update: Option<String>,
    /// What may be done.
    pub mode: Mode,
    /// Whether the peer is online.
    pub active: bool,
    /// The fee's state in words, with times as RFC 3339 ...
    pub waits_for: String,
    /// ... and with local times.
    #[serde(skip)]
    pub state: String,
}

/// A price level by which open channels are priced.
#[derive(Debug, Serialize)]
pub struct PriceLevel {
    /// Whose it is.
    pub segment: Segment,
    /// The level in force.
    pub ppm: f64,
    /// Where it goes.
    pub wanted_ppm: f64,
}

/// What the network charges, from which the levels follow.
#[derive(Debug, Serialize)]
pub struct NetworkPrices {
    /// Over what it charged on the day of reference.
    pub index: f64,
    /// How many nodes of the graph were read.
    pub nodes_read: u64,
    /// When one was last.
    #[serde(serialize_with = "times")]
    pub read_at: Option<Timestamp>,
}

/// Every open channel, and what the node earned of late.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// When the node was last read.
    #[serde(serialize_with = "times")]
    pub seen_at: Option<Timestamp>,
    /// Fees earned in the last 7 days.
    pub earned_7_days_msat: u64,
    /// Forwards settled in the last 7 days.
    pub forwards_7_days: u64,
    /// The price levels in use.
    pub levels: Vec<PriceLevel>,
    /// What the network charges.
    pub network: NetworkPrices,
    /// How far the levels have given way, for income had fallen; 0 not at all.
    pub given_way: f64,
    /// Forwards kept aside because they cannot be any.
    pub quarantined_forwards: u64,
    /// The channels, by peer.
    pub channels: Vec<Line>,
}

impl Overview {
    /// All that `store` knows, as of `now`.
    pub async fn gather(
        book: &SettingsLayers,
        store: &StoreReader,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let cycle = store.last_cycle().await?;
        let memory = store.memory().await?;
        let decisions = store.last_decisions().await?;
        let changes = store.last_changes().await?;
        let week = store.total(now.minus(WEEK), now).await?;
        let sources = Sources {
            book,
            memory: &memory,
            decisions: &decisions,
            changes: &changes,
            tip: cycle.map(|cycle| cycle.tip).unwrap_or_default(),
            seen_at: cycle.map_or(now, |cycle| cycle.at),
            now,
        };
        let known = store.channels().await?;
        let open = known.iter().filter(|known| known.open);
        let levels = sources.levels(open.clone());
        let mut channels: Vec<Line> = open.map(|known| sources.line(known)).collect();
        channels.sort_by(|a, b| (&a.peer, a.scid).cmp(&(&b.peer, b.scid)));
        Ok(Self {
            seen_at: cycle.map(|cycle| cycle.at),
            earned_7_days_msat: week.fees.0,
            forwards_7_days: week.count,
            levels,
            network: NetworkPrices {
                index: memory.node.market.index.value(),
                nodes_read: memory.node.market.index.visits,
                read_at: memory.node.market.index_read_at,
            },
            given_way: memory
                .node
                .market
                .take_over
                .map_or(0.0, |then| then.given_way),
            quarantined_forwards: store.quarantined().await?,
            channels,
        })
    }

    /// As a table for people.
    pub fn render(&self, now: Timestamp) -> String {
        let Some(seen_at) = self.seen_at else {
            return NOTHING_YET.to_owned();
        };
        format!(
            "{}\n{} channels, read {}; last 7 days: {} forwards, {} earned{}{}",
            render_channels(&self.channels, now),
            self.channels.len(),
            ago(now, seen_at),
            grouped(self.forwards_7_days),
            Sat(self.earned_7_days_msat / 1_000),
            match self.quarantined_forwards {
                0 => String::new(),
                n => format!("; {} impossible forwards quarantined", grouped(n)),
            },
            self.render_levels(now),
        )
    }

    fn render_levels(&self, now: Timestamp) -> String {
        let each = self.levels.iter().map(|level| {
            let whose = level.segment.name();
            let [now, wanted] = [level.ppm, level.wanted_ppm].map(FeePpm::rounded);
            let going = match now == wanted {
                true => String::new(),
                false => format!(", going to {wanted}"),
            };
            format!("\nprice level of {whose} channels: {now}{going}")
        });
        let index = match self.network.read_at {
            _ if self.levels.is_empty() => String::new(),
            Some(at) => format!(
                "\nprice index {:.2} (what the network charges; {} nodes read, the last {})",
                self.network.index,
                grouped(self.network.nodes_read),
                ago(now, at)
            ),
            None => "\nprice index 1.00 (no node of the graph read yet)".to_owned(),
        };
        let given_way = match self.given_way > 0.0 {
            true => {
                "\nincome had clearly fallen: the price level has given way to the fees of before"
            }
            false => "",
        };
        each.chain([index, given_way.to_owned()]).collect()
    }
}

struct Sources<'a> {
    book: &'a SettingsLayers,
    memory: &'a Memory,
    decisions: &'a BTreeMap<ChannelPoint, Decision>,
    changes: &'a BTreeMap<ChannelPoint, FeeChange>,
    tip: BlockHeight,
    /// Rates are as of the last cycle: what settled since is not known.
    seen_at: Timestamp,
    now: Timestamp,
}

impl Sources<'_> {
    /// The levels that price any of the channels, or would.
    fn levels<'k>(&self, open: impl Iterator<Item = &'k KnownChannel> + Clone) -> Vec<PriceLevel> {
        let (market, tuning) = (&self.memory.node.market, &self.book.node.tuning);
        let is_in_use = |segment: &Segment| {
            open.clone().any(|known| {
                let settings = self.book.resolve(&known.channel, self.tip, self.now);
                let remembered = self.memory.channels.get(&known.channel.point);
                remembered.is_some_and(|channel| channel.segment == *segment)
                    && is_priced(&settings)
                    && settings.level == LevelChoice::Market
            })
        };
        let in_use = Segment::ALL.into_iter().filter(is_in_use);
        in_use
            .map(|segment| PriceLevel {
                segment,
                ppm: market.ln_level(segment, tuning).exp(),
                wanted_ppm: market.ln_wanted(segment, tuning).exp(),
            })
            .collect()
    }

    fn line(&self, known: &KnownChannel) -> Line {
        let channel = &known.channel;
        let point = channel.point;
        let settings = self.book.resolve(channel, self.tip, self.now);
        let memory = self.memory.channels.get(&point);
        let windows = self.memory.node.windows.unwrap_or(self.book.node.windows());
        let decision = self.decisions.get(&point);
        let demand = memory.map(|memory| memory.meter.demand(self.seen_at, windows));
        let demand = demand.unwrap_or_default();
        let change = self.changes.get(&point);
        let changed = change.filter(|change| change.stage == Stage::Confirmed);
        Line {
            channel_point: point,
            scid: channel.scid,
            peer: channel.peer_name(),
            capacity_sat: channel.capacity,
            local_ratio: channel.local_ratio(),
            target_ratio: settings.target_ratio,
            tpm: demand.current.tpm(),
            tpm_history: demand.history.tpm(),
            fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
            base_fee_msat: channel.policy.map(|policy| policy.fees.base_fee_msat),
            inbound_ppm: channel.policy.map(|policy| policy.fees.inbound.rate_ppm),
            last_change: changed.map(|change| change.intended_at),
            mode: settings.mode,
            active: channel.active,
            last_update: change.map(update_in_words),
            waits_for: state(channel, decision, change, &rfc3339),
            state: state(channel, decision, change, &local_time),
        }
    }
}

/// What came of a channel's last decision, in a few words: of a change, what
/// became of it on the node. An update that failed is named until another one is
/// done.
fn state(
    channel: &Channel,
    decision: Option<&Decision>,
    change: Option<&FeeChange>,
    time: TimeFormat<'_>,
) -> String {
    if let Some(error) = &channel.policy_error {
        return format!(
            "no change: {} ({error})",
            Hold::PolicyUnread.words(None, time)
        );
    }
    let Some(decision) = decision else {
        return "no decision yet".to_owned();
    };
    let carried_out = change.filter(|change| change.intended_at >= decision.at);
    let held = match (decision.verdict, carried_out) {
        (Verdict::Change { .. }, Some(change)) => return update_in_words(change),
        (Verdict::Change { .. }, None) => return format!("{}: not sent", decision.outcome(time)),
        (Verdict::WouldChange { .. }, _)
        | (
            Verdict::Hold {
                reason: Hold::Deadband { .. },
            },
            _,
        ) => decision.outcome(time),
        (Verdict::Hold { .. }, _) => decision.reason(time).unwrap_or_default(),
    };
    match change.filter(|change| has_failed(change.stage)) {
        Some(change) => format!("{held}; {}", update_in_words(change)),
        None => held,
    }
}

fn has_failed(stage: Stage) -> bool {
    matches!(
        stage,
        Stage::Refused | Stage::NotSent | Stage::NotSeen | Stage::NotApplied
    )
}

/// An update and what came of it.
fn update_in_words(change: &FeeChange) -> String {
    let to = change.to.told_after(Some(change.from));
    if change.stage == Stage::Confirmed {
        return format!("changed to {to}");
    }
    let outcome = match change.is_open() {
        true => "unconfirmed".to_owned(),
        false => change.stage.to_string(),
    };
    match change.detail.is_empty() {
        true => format!("update to {to} {outcome}"),
        false => format!("update to {to} {outcome}: {}", change.detail),
    }
}

/// A mode in a word.
pub fn mode_name(mode: Mode) -> String {
    match mode {
        Mode::Manage => "manage".to_owned(),
        Mode::Observe => "observe".to_owned(),
        Mode::Pin(rate) => format!("pin {rate}"),
        Mode::Ignore => "ignore".to_owned(),
    }
}

/// The channels as a table.
pub fn render_channels(lines: &[Line], now: Timestamp) -> String {
    let mut shown = table(
        &[
            "channel",
            "peer",
            "capacity sat",
            "local/target",
            "tpm",
            "usual tpm",
            "demand",
            "fee ppm",
            "last change",
            "mode",
            "state",
        ],
        &[2, 3, 4, 5, 6, 7],
    );
    for line in lines {
        let peer = match line.active {
            true => line.peer.to_string(),
            false => format!("{} (offline)", line.peer),
        };
        shown.add_row(vec![
            line.scid.to_string(),
            peer,
            grouped(line.capacity_sat.0),
            format!(
                "{:.0}% / {:.0}%",
                line.local_ratio * 100.0,
                line.target_ratio * 100.0
            ),
            format!("{:.5}", line.tpm),
            format!("{:.5}", line.tpm_history),
            rate(line.tpm),
            match (line.fee_ppm, line.inbound_ppm.unwrap_or(0)) {
                (None, _) => "-".to_owned(),
                (Some(ppm), 0) => grouped(ppm.into()),
                (Some(ppm), inbound) => format!(
                    "{}, inbound {}",
                    grouped(ppm.into()),
                    grouped_signed(inbound.into())
                ),
            },
            line.last_change.map_or("-".to_owned(), |at| ago(now, at)),
            mode_name(line.mode),
            line.state.clone(),
        ]);
    }
    shown.to_string()
}
