//! What was decided for a channel, with everything that led to it: the record
//! behind `explain`, the log line and replay.

mod brief;
mod words;

pub mod discount;
pub mod level_move;
pub mod max_htlc;

use serde::Serialize;

use crate::types::channel::{ChannelPoint, FeeParts};
use crate::types::fee_change::MaxHtlcChange;
use crate::types::time::Timestamp;
use crate::types::units::FeePpm;
use discount::Discount;
use max_htlc::MaxHtlcPart;

pub use level_move::{LevelMove, LevelReason};
pub use words::Factors;

/// Which rhythm asked for the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A channel drains quickly: may only raise, within minutes.
    #[serde(rename = "fast")]
    Drain,
    /// The channel's turn in the slow interval: everything else.
    #[serde(rename = "slow")]
    Scheduled,
}

/// What the decision saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// The local ratio, 0 to 1.
    pub ratio: f64,
    /// The wanted local ratio at that moment.
    pub target_ratio: f64,
    /// Forwards per minute now (short time constant).
    pub tpm: f64,
    /// Forwards per minute by the channel's own recency-weighted history.
    pub tpm_history: f64,
    /// How many forwards stand behind the history (decayed count).
    pub forwards: f64,
    /// The share of recent time in which the channel had something to send.
    pub stocked_share: f64,
}

/// The relative moves asked for; they add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Terms {
    /// By the balance: above 0 when too much is remote.
    pub balance: f64,
    /// By throughput: above 0 when tpm is above its history.
    pub throughput: f64,
    /// By the node's price level: above 0 when the fee is below it.
    pub level: f64,
    /// By a drain, on the fast rhythm only.
    pub protection: f64,
    /// The factor low activity put on the throughput signal, 0 to 1.
    pub dampening: f64,
}

impl Terms {
    /// The net relative move.
    pub fn sum(&self) -> f64 {
        self.balance + self.throughput + self.level + self.protection
    }
}

/// What held the fee to less than was asked, without stopping it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "limit")]
pub enum Limit {
    /// The lowest outbound rate.
    Minimum {
        /// The bound.
        ppm: FeePpm,
    },
    /// What the channel's liquidity cost.
    CostFloor {
        /// The bound.
        ppm: FeePpm,
    },
    /// The highest outbound rate.
    Maximum {
        /// The bound.
        ppm: FeePpm,
    },
    /// The largest step per update.
    Step {
        /// The fee at the end of the step.
        ppm: FeePpm,
    },
    /// A new channel with LND's default fee, which nobody set.
    NewChannel {
        /// What it begins at.
        ppm: FeePpm,
    },
    /// The operator's fixed rate, whatever was asked.
    Pinned {
        /// The rate.
        ppm: FeePpm,
    },
    /// Low tpm while the channel had nothing to send: no evidence of low demand.
    Depleted,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "hold")]
pub enum Hold {
    /// The channel's mode is `ignore`.
    Ignored,
    /// The node is not ready to be written to.
    NodeNotReady,
    /// The peer is offline.
    PeerOffline,
    /// The node's graph has no policy of ours for the channel.
    NoPolicy,
    /// Our direction is disabled: by the operator, or by LND for some minutes
    /// after the peer is back.
    Disabled,
    /// The peer's alias is unknown, and a rule that matches by alias may be about
    /// it.
    NameUnknown,
    /// Our policy of the channel could not be read; the channel says why.
    PolicyUnread,
    /// The forwarding history could not be read.
    HistoryUnread,
    /// The machine's clock was set, and is not trusted yet.
    ClockSet {
        /// When it is.
        until: Timestamp,
    },
    /// Someone else set the fee.
    Foreign {
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// An earlier write's outcome is not known yet.
    WriteUnresolved {
        /// When it is taken as not done.
        until: Timestamp,
    },
    /// Nothing asks for a change.
    AtRest,
    /// The change is too small to publish.
    Deadband {
        /// What would be published.
        wanted: FeePpm,
        /// The smallest publishable change.
        needed_ppm: u32,
    },
    /// Too soon after our last write.
    Cooldown {
        /// The wait's end.
        until: Timestamp,
        /// Whether a raise waits (else a cut).
        raise: bool,
    },
    /// The channel's updates of the last 24 hours are used up.
    DailyLimit {
        /// When the oldest falls out of the 24 hours.
        until: Timestamp,
    },
    /// The node's gossip budget is used up.
    Budget {
        /// When the next token falls due.
        until: Timestamp,
    },
    /// The operator has paused the node.
    Paused {
        /// Until when; `None` until it is resumed.
        until: Option<Timestamp>,
    },
    /// Many channels are due at once, for nobody has looked for long: each is
    /// changed at a moment of its own.
    Paced {
        /// When that is.
        until: Timestamp,
    },
    /// Too many channels would have moved at once.
    MassMove {
        /// How many would have.
        moving: u32,
        /// Of how many.
        channels: u32,
    },
}

/// The outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// The policy stays.
    Hold {
        /// Why.
        reason: Hold,
    },
    /// The policy is to be changed.
    Change {
        /// To these fees.
        to: FeeParts,
    },
    /// It would be changed, were the mode `manage`.
    WouldChange {
        /// To these fees.
        to: FeeParts,
    },
}

/// One decision on one channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The channel.
    pub point: ChannelPoint,
    /// By which rhythm.
    #[serde(rename = "rhythm")]
    pub trigger: Trigger,
    /// What was seen.
    pub evidence: Evidence,
    /// What it asks for.
    pub terms: Terms,
    /// The fees as the node had them; `None` if it had no policy.
    pub current: Option<FeeParts>,
    /// The float rate before this decision, in ppm.
    pub wanted_before_ppm: f64,
    /// The float rate after it, in ppm.
    pub wanted_ppm: f64,
    /// What shaped the wanted fee.
    pub limits: Vec<Limit>,
    /// The inbound part, where there is one to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Discount>,
    /// The max HTLC, where it is managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_htlc: Option<MaxHtlcPart>,
    /// The outcome.
    pub verdict: Verdict,
}

impl Decision {
    /// The outbound rate after it; `None` where nothing may be touched.
    pub fn rate(&self) -> Option<FeePpm> {
        match self.verdict {
            Verdict::Change { to } | Verdict::WouldChange { to } => Some(to.outbound),
            Verdict::Hold {
                reason:
                    Hold::AtRest
                    | Hold::Deadband { .. }
                    | Hold::Cooldown { .. }
                    | Hold::DailyLimit { .. },
            } => self.current.map(|fees| fees.outbound),
            Verdict::Hold { .. } => None,
        }
    }

    /// The fees that it sets, if it sets any, and `None` if nothing may be joined
    /// to it.
    pub(crate) fn open_to_more(&self) -> Option<Option<FeeParts>> {
        match self.verdict {
            Verdict::Change { to } | Verdict::WouldChange { to } => Some(Some(to)),
            Verdict::Hold {
                reason:
                    Hold::AtRest
                    | Hold::Deadband { .. }
                    | Hold::Cooldown { .. }
                    | Hold::DailyLimit { .. },
            } => Some(None),
            Verdict::Hold { .. } => None,
        }
    }

    /// The change of the max HTLC that it makes, or would make.
    pub fn max_htlc_change(&self) -> Option<MaxHtlcChange> {
        let part = self.max_htlc.filter(|part| part.held.is_none())?;
        match self.verdict {
            Verdict::Change { .. } | Verdict::WouldChange { .. } => Some(MaxHtlcChange {
                from: part.now,
                to: part.wanted,
            }),
            Verdict::Hold { .. } => None,
        }
    }

    /// Whether it sets the max HTLC alone.
    pub fn sets_only_max_htlc(&self) -> bool {
        match self.verdict {
            Verdict::Change { to } | Verdict::WouldChange { to } => {
                self.current == Some(to) && self.max_htlc_change().is_some()
            }
            Verdict::Hold { .. } => false,
        }
    }

    /// When the next change is possible, if a wait is what stopped this one.
    pub fn waits_until(&self) -> Option<Timestamp> {
        match self.verdict {
            Verdict::Hold {
                reason:
                    Hold::ClockSet { until }
                    | Hold::Foreign { until }
                    | Hold::WriteUnresolved { until }
                    | Hold::Cooldown { until, .. }
                    | Hold::DailyLimit { until }
                    | Hold::Budget { until }
                    | Hold::Paced { until },
            } => Some(until),
            Verdict::Hold {
                reason: Hold::Paused { until },
            } => until,
            _ => None,
        }
    }
}
