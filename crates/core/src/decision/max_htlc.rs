//! What was decided on a channel's max HTLC.

use serde::Serialize;

use crate::types::time::{TimeFormat, Timestamp};
use crate::types::units::{Msat, Sat};

/// What was decided about a channel's max HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MaxHtlcPart {
    /// What the channel could send: our balance above the reserve, with what is in
    /// flight out of it.
    pub local: Sat,
    /// The max HTLC on the node.
    pub now: Msat,
    /// What it should be.
    pub wanted: Msat,
    /// Why it stays, if it does.
    pub held: Option<MaxHtlcHold>,
}

/// Why a max HTLC was left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "hold")]
pub enum MaxHtlcHold {
    /// It is what it should be.
    Fits,
    /// Nothing lies between the least and the most that may be set.
    NoRoom {
        /// The least.
        least: Sat,
        /// The most.
        most: Sat,
    },
    /// Someone else set it.
    Foreign {
        /// Until when it is left alone.
        until: Timestamp,
    },
    /// Too soon after its last change.
    Cooldown {
        /// The wait's end.
        until: Timestamp,
    },
    /// It goes with the next fee update.
    Riding {
        /// When it has an update of its own, if none came.
        until: Timestamp,
    },
    /// Too soon after other updates of the channel.
    Busy {
        /// The wait's end.
        until: Timestamp,
    },
}

impl MaxHtlcPart {
    /// What was decided and why, each moment as `time` writes it.
    pub fn words(&self, time: TimeFormat<'_>) -> String {
        let (now, local) = (self.now.told(), self.local);
        let target = match self.wanted == self.now {
            true => now,
            false => format!("{now} -> {}", self.wanted.told()),
        };
        match self.held {
            Some(held) => format!("{target} (can send {local}); {}", held.words(time)),
            None => format!("{target} (can send {local})"),
        }
    }
}

impl MaxHtlcHold {
    /// The reason in words, each moment as `time` writes it.
    pub fn words(self, time: TimeFormat<'_>) -> String {
        match self {
            Self::Fits => "fits".to_owned(),
            Self::NoRoom { least, most } => {
                format!("left alone: at least {least} is asked for, and the channel allows {most}")
            }
            Self::Foreign { until } => {
                format!("external change: hands off until {}", time(until))
            }
            Self::Cooldown { until } => {
                format!("cooldown: next change possible at {}", time(until))
            }
            Self::Riding { until } => format!(
                "goes with the next fee update, or alone from {}",
                time(until)
            ),
            Self::Busy { until } => format!(
                "other updates of this channel first: waiting until {}",
                time(until)
            ),
        }
    }
}
