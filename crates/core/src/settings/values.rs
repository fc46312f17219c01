//! What the operator wants, validated and total: per channel after all layers
//! are applied ([`ChannelSettings`]) and for the node as a whole
//! ([`NodeSettings`]). Nothing here parses text; see `config` for that.

use std::time::Duration;

use serde::Serialize;

use crate::settings::cost::Cost;
use crate::settings::inbound::InboundRules;
use crate::settings::orders::Pause;
use crate::settings::tuning::Tuning;
use crate::types::units::{FeePpm, Msat};

/// What may be done to a channel's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Fees are decided and written.
    Manage,
    /// Fees are decided and logged; nothing is written.
    Observe,
    /// The outbound rate is held at a fixed value.
    Pin(FeePpm),
    /// The channel is watched, nothing more.
    Ignore,
}

/// The strategy that decides what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyName {
    /// The learned price level, steered by balance and throughput.
    Sweetspot,
    /// The founding rules, taken literally.
    Classic,
}

impl StrategyName {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Sweetspot, Self::Classic];

    /// What it is called in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sweetspot => "sweetspot",
            Self::Classic => "classic",
        }
    }
}

/// A price level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelChoice {
    /// The node's, by what the network charges.
    Market,
    /// A fixed one.
    Fixed(FeePpm),
}

/// Whether the base fee is ours to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseFee {
    /// Written along with every outbound rate, in msat.
    Set(u32),
    /// Left as the node has it.
    Keep,
}

/// What a channel's inbound rate follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InboundRate {
    /// What the channel needs, where discounts are on; else it is left alone.
    Auto,
    /// Nothing: it is held at this much below zero.
    Fixed(FeePpm),
}

impl InboundRate {
    /// The discount that it is held at, if it is.
    pub fn fixed(self) -> Option<FeePpm> {
        match self {
            Self::Auto => None,
            Self::Fixed(discount) => Some(discount),
        }
    }
}

/// What the max HTLC follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxHtlc {
    /// Nothing: it is left as the node has it.
    Off,
    /// The local balance, in powers of two.
    Balance,
    /// What it was before: by an order alone.
    Restored(Msat),
}

/// The gains of strategy `classic`: how strongly each signal moves the fee per slow
/// interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gains {
    /// Relative move per slow interval when the channel is all on one side
    /// (balance signal of ±1). 1.0 applies the signal undamped.
    pub balance: f64,
    /// Relative move per slow interval per relative deviation of tpm from its
    /// history. 1.0 applies the signal undamped.
    pub throughput: f64,
    /// Forwards at which the evidence is half trusted (`n / (n + k)`); 0
    /// switches dampening off.
    pub evidence_forwards: f64,
    /// The share of the balance signal that low activity cannot dampen, 0 to 1.
    pub balance_undamped_share: f64,
}

/// Limits on how a decided fee reaches the node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// Largest raise per update, relative.
    pub max_raise: f64,
    /// Largest cut per update, relative.
    pub max_cut: f64,
    /// Below this many ppm a step is never too large: without it a fee of a
    /// few ppm could never cross the deadband.
    pub step_floor_ppm: u32,
    /// Smallest change worth an update, in ppm.
    pub deadband_ppm: u32,
    /// Smallest change worth an update, relative; the larger of both counts.
    pub deadband: f64,
    /// Shortest time between our confirmed write and a raise.
    pub cooldown_raise: Duration,
    /// Shortest time between our confirmed write and a cut.
    pub cooldown_cut: Duration,
    /// Most updates of one channel in 24 hours.
    pub max_updates_per_day: u32,
    /// How long a fee set by someone else is left alone.
    pub foreign_hands_off: Duration,
}

/// When the fast rhythm may raise a draining channel early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Protect {
    /// Share of the capacity that must have left within [`Self::window`].
    pub drain_share: f64,
    /// The window over which the drain is measured.
    pub window: Duration,
    /// Below this local ratio any drain of a quarter of [`Self::drain_share`]
    /// counts.
    pub low_ratio: f64,
    /// The raise, relative.
    pub raise: f64,
    /// Shortest time between two protective raises.
    pub cooldown: Duration,
}

/// When a channel is recommended for pruning. Durations are time actually
/// watched, not time on the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PruneRules {
    /// Shortest watched time before anything is recommended.
    pub min_history: Duration,
    /// Rule a: local ratio at or above this ...
    pub stuck_local_ratio: f64,
    /// ... with a fee at or below this ...
    pub stuck_fee: FeePpm,
    /// ... and tpm below this, in forwards per minute ...
    pub stuck_tpm: f64,
    /// ... for this long.
    pub stuck_for: Duration,
    /// Rule b: local ratio at or below this ...
    pub drained_local_ratio: f64,
    /// ... for this long, whatever the fee.
    pub drained_for: Duration,
    /// Rule c: fewer forwards per minute than this ...
    pub idle_tpm: f64,
    /// ... for this long.
    pub idle_for: Duration,
    /// Rule d: at the minimum fee for this long.
    pub floor_for: Duration,
    /// Channels smaller than this are never recommended (kept small on
    /// purpose), in satoshis.
    pub ignore_below_sat: u64,
    /// While the whole node forwards less than this share of its own history,
    /// no time counts against any channel: a quiet market proves nothing.
    pub quiet_node_share: f64,
}

/// Everything that governs one channel, all layers applied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChannelSettings {
    /// What may be done.
    pub mode: Mode,
    /// Whether what is decided is only shown, whatever the mode.
    pub observe_only: bool,
    /// By which strategy.
    #[serde(rename = "law")]
    pub strategy: StrategyName,
    /// The price level of strategy `sweetspot`.
    pub level: LevelChoice,
    /// What a new channel with LND's default fee is set to at once.
    pub initial: LevelChoice,
    /// The wanted local ratio, 0 to 1, at this moment (schedules applied).
    pub target_ratio: f64,
    /// Lowest outbound rate.
    pub min: FeePpm,
    /// Highest outbound rate.
    pub max: FeePpm,
    /// What the channel's liquidity cost ...
    pub cost: Cost,
    /// ... and what follows from it for a channel of its capacity.
    pub cost_floor: FeePpm,
    /// The base fee.
    pub base_fee: BaseFee,
    /// What the max HTLC follows ...
    pub max_htlc: MaxHtlc,
    /// ... and the least that it is set to by itself, in sat.
    pub max_htlc_min_sat: u64,
    /// Signal gains.
    pub gains: Gains,
    /// Update limits.
    pub pace: Pace,
    /// Fast raises.
    pub protect: Protect,
    /// Pruning thresholds.
    pub prune: PruneRules,
    /// Never recommend pruning.
    pub keep: bool,
    /// Whether the peer is one of the small ones that are kept.
    pub kept_small: bool,
    /// Whether on-chain fees are low: then an idle channel says less.
    pub chain_is_cheap: bool,
    /// Whether the channel may have an inbound discount.
    pub inbound_discount: bool,
    /// What its inbound rate follows; a fixed one needs no discount to be allowed.
    pub inbound_rate: InboundRate,
    /// Whether the operator has paused the node.
    pub paused: Option<Pause>,
    /// Whether the peer's alias is unknown while a rule may be about it: then it
    /// is not known what holds, and nothing is touched.
    pub name_unknown: bool,
    /// Whether a rule, peer or channel pins or ignores the channel, or sets its
    /// target: then a fee that someone else sets is not left alone, but is the
    /// starting point at once.
    pub explicit: bool,
}

impl ChannelSettings {
    /// The lowest outbound rate in effect: the minimum or the cost floor, but
    /// never above the maximum.
    pub fn lowest(&self) -> FeePpm {
        self.min.max(self.cost_floor).min(self.max)
    }

    /// Whether what is decided may be written to the node.
    pub fn writes(&self) -> bool {
        matches!(self.mode, Mode::Manage | Mode::Pin(_))
            && !self.observe_only
            && self.paused.is_none()
    }
}

/// What governs the node as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeSettings {
    /// The fast rhythm: how often the node is read and drains are looked for.
    pub fast_interval: Duration,
    /// The slow rhythm: how often each channel's fee is decided.
    pub slow_interval: Duration,
    /// Time constant of the current tpm.
    pub tpm_window: Duration,
    /// Time constant of the historical tpm.
    pub tpm_history: Duration,
    /// Gossip budget: updates per hour for the whole node.
    pub updates_per_hour: u32,
    /// Part of that budget only protective raises may use.
    pub reserved_for_protection: u32,
    /// Above this share of all channels moving in one cycle, none moves.
    pub max_moving_share: f64,
    /// So few moves are never an implausible share.
    pub max_moving_free: u32,
    /// Inbound discounts.
    pub inbound: InboundRules,
    /// The constants of strategy `sweetspot`.
    pub tuning: Tuning,
}
