//! Every channel in one table, from the database alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::table::{table, thousands};
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::{LevelChoice, Mode};
use sweetspot_core::state::market::Segment;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::strategy::peer_group::is_priced;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, Scid};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::{BlockHeight, Sat};
use sweetspot_store::{KnownChannel, StoreReader};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What is said of an empty database.
pub const NOTHING_YET: &str =
    "Nothing recorded yet: is `sweetspot run` running, and the node unlocked?";

/// One channel's line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The channel.
    pub channel_point: ChannelPoint,
    /// Its scid.
    pub scid: Scid,
    /// The peer's alias, or the start of its key.
    pub peer: String,
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
    /// The inbound rate; below 0, a discount.
    pub inbound_ppm: Option<i32>,
    /// When we last changed it.
    pub last_change: Option<Timestamp>,
    /// What may be done.
    pub mode: Mode,
    /// Whether the peer is online.
    pub active: bool,
    /// What the fee waits for, in words.
    pub waits_for: String,
}

/// A learned price level by which open channels are priced.
#[derive(Debug, Serialize)]
pub struct LearnedLevel {
    /// Whose it is.
    pub segment: Segment,
    /// The level in force.
    pub ppm: f64,
}

/// Every open channel, and what the node earned of late.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// When the node was last read.
    pub seen_at: Option<Timestamp>,
    /// Fees earned in the last 7 days.
    pub earned_7_days_msat: u64,
    /// Forwards settled in the last 7 days.
    pub forwards_7_days: u64,
    /// The learned price levels in use.
    pub levels: Vec<LearnedLevel>,
    /// The channels, by peer.
    pub channels: Vec<Line>,
}

impl Overview {
    /// EventKind `store` knows, as of `now`.
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
            channels,
        })
    }

    /// As a table for people.
    pub fn render(&self, now: Timestamp) -> String {
        let Some(seen_at) = self.seen_at else {
            return NOTHING_YET.to_owned();
        };
        format!(
            "{}\n{} channels, seen {} ago; {} forwards earned {} sat in the last 7 days{}",
            render_channels(&self.channels, now),
            self.channels.len(),
            human_span(now.since(seen_at)),
            thousands(self.forwards_7_days),
            thousands(self.earned_7_days_msat / 1_000),
            self.render_levels(),
        )
    }

    fn render_levels(&self) -> String {
        let each = self.levels.iter().map(|level| {
            let whose = match level.segment {
                Segment::Announced => "",
                Segment::Unannounced => " of unannounced channels",
            };
            format!("; price level{whose} {:.0} ppm", level.ppm)
        });
        each.collect()
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
    /// The learned levels that price any of the channels, or would.
    fn levels<'k>(
        &self,
        open: impl Iterator<Item = &'k KnownChannel> + Clone,
    ) -> Vec<LearnedLevel> {
        let (market, tuning) = (&self.memory.node.market, &self.book.node.tuning);
        let is_in_use = |segment: &Segment| {
            open.clone().any(|known| {
                let settings = self.book.resolve(&known.channel, self.tip, self.now);
                let remembered = self.memory.channels.get(&known.channel.point);
                remembered.is_some_and(|channel| channel.market.segment == *segment)
                    && is_priced(&settings)
                    && settings.level == LevelChoice::Learned
            })
        };
        let in_use = Segment::ALL.into_iter().filter(is_in_use);
        in_use
            .map(|segment| LearnedLevel {
                segment,
                ppm: market.ln_level(segment, tuning).exp(),
            })
            .collect()
    }

    fn line(&self, known: &KnownChannel) -> Line {
        let channel = &known.channel;
        let point = channel.point;
        let settings = self.book.resolve(channel, self.tip, self.now);
        let memory = self.memory.channels.get(&point);
        let windows = self.memory.node.windows.unwrap_or(self.book.node.windows());
        let changed = self
            .changes
            .get(&point)
            .filter(|change| change.stage == Stage::Confirmed);
        Line {
            channel_point: point,
            scid: channel.scid,
            peer: channel.peer_name(),
            capacity_sat: channel.capacity,
            local_ratio: channel.local_ratio(),
            target_ratio: settings.target_ratio,
            tpm: memory.map_or(0.0, |memory| memory.flow.tpm(self.seen_at, windows)),
            tpm_history: memory
                .map_or(0.0, |memory| memory.flow.tpm_history(self.seen_at, windows)),
            fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
            inbound_ppm: channel.policy.map(|policy| policy.fees.inbound.rate_ppm),
            last_change: changed.map(|change| change.intended_at),
            mode: settings.mode,
            active: channel.active,
            waits_for: waits_for(self.decisions.get(&point)),
        }
    }
}

/// What a channel waits for, in a few words.
pub fn waits_for(decision: Option<&Decision>) -> String {
    let Some(decision) = decision else {
        return "its first decision".to_owned();
    };
    let told = |to: FeeParts| to.told_after(decision.current);
    match decision.verdict {
        Verdict::Hold { reason } => reason.to_string(),
        Verdict::Change { to } => format!("changed to {}", told(to)),
        Verdict::WouldChange { to } => format!("observing: would set {}", told(to)),
    }
}

/// A mode in a word.
pub fn mode_name(mode: Mode) -> String {
    match mode {
        Mode::Manage => "manage".to_owned(),
        Mode::Observe => "observe".to_owned(),
        Mode::Pin(rate) => format!("pin {}", rate.0),
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
            "tpm history",
            "fee ppm",
            "last change",
            "mode",
            "waits for",
        ],
        &[2, 3, 4, 5, 6],
    );
    for line in lines {
        let peer = match line.active {
            true => line.peer.clone(),
            false => format!("{} (offline)", line.peer),
        };
        shown.add_row(vec![
            line.scid.to_string(),
            peer,
            thousands(line.capacity_sat.0),
            format!(
                "{:.0}% / {:.0}%",
                line.local_ratio * 100.0,
                line.target_ratio * 100.0
            ),
            format!("{:.5}", line.tpm),
            format!("{:.5}", line.tpm_history),
            match (line.fee_ppm, line.inbound_ppm.unwrap_or(0)) {
                (None, _) => "-".to_owned(),
                (Some(ppm), 0) => ppm.to_string(),
                (Some(ppm), inbound) => format!("{ppm}, in {inbound}"),
            },
            line.last_change.map_or("-".to_owned(), |at| {
                format!("{} ago", human_span(now.since(at)))
            }),
            mode_name(line.mode),
            line.waits_for.clone(),
        ]);
    }
    shown.to_string()
}
