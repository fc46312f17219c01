//! What was decided on a channel's inbound discount.

use serde::Serialize;

use crate::types::time::{TimeFormat, Timestamp};
use crate::types::units::FeePpm;

/// What was decided about a channel's inbound discount.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Discount {
    /// How much of the local ratio is missing; below 0, how much is too much.
    pub missing: f64,
    /// The discount on the node.
    pub now: FeePpm,
    /// The most that may be given.
    pub most: FeePpm,
    /// What the channel should have.
    pub wanted: FeePpm,
    /// What the settings fix it at, whatever the need.
    pub fixed: Option<FeePpm>,
    /// Why it is not given, if it is not.
    pub held: Option<DiscountHold>,
}

/// Why a discount was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "hold")]
pub enum DiscountHold {
    /// An inbound fee with a base fee, or one that asks for more, is the
    /// operator's own.
    ByHand,
    /// A discount that was there before us.
    Foreign {
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// It is what it should be.
    AtRest,
    /// It is not needed at present.
    Expiring {
        /// When it is taken back if that stays so.
        until: Timestamp,
    },
    /// The change is too small to publish.
    Deadband {
        /// The smallest publishable change.
        needed_ppm: u32,
    },
    /// Too soon after the last change of the discount.
    Cooldown {
        /// The wait's end.
        until: Timestamp,
    },
    /// Too soon after other updates of the channel.
    Busy {
        /// The wait's end.
        until: Timestamp,
    },
}

impl Discount {
    /// What was decided and why, each moment as `time` writes it.
    pub fn words(&self, time: TimeFormat<'_>) -> String {
        let mut text = format!("{} now, {} wanted, ", self.now, self.wanted);
        text += &match self.fixed {
            None => {
                let side = if self.missing < 0.0 { "above" } else { "below" };
                let missing = self.missing.abs() * 100.0;
                format!("{} at most; local {missing:.1}% {side} target", self.most)
            }
            Some(fixed) if fixed > self.most => format!(
                "fixed at {fixed}, confined to {}: more would pay for a forward in and out again",
                self.most
            ),
            Some(fixed) => format!("fixed at {fixed}"),
        };
        if let Some(reason) = self.held {
            text += &format!("; {}", reason.words(time));
        }
        text
    }
}

impl DiscountHold {
    /// Why the discount was left as it is, each moment as `time` writes it.
    pub fn words(self, time: TimeFormat<'_>) -> String {
        match self {
            Self::ByHand => "inbound fee set by the operator: left alone".to_owned(),
            Self::Foreign { until } => {
                format!("external fee change: hands off until {}", time(until))
            }
            Self::AtRest => "at target".to_owned(),
            Self::Expiring { until } => {
                format!("no longer needed: removed at {}", time(until))
            }
            Self::Deadband { needed_ppm } => {
                let needed = FeePpm(needed_ppm);
                format!("less than the smallest change ({needed})")
            }
            Self::Cooldown { until } => {
                format!("cooldown: next change possible at {}", time(until))
            }
            Self::Busy { until } => {
                format!(
                    "other updates of this channel first: waiting until {}",
                    time(until)
                )
            }
        }
    }
}
