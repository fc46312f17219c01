//! Forwards summed up by UTC days.

use crate::types::channel::Scid;
use crate::types::observation::Forward;
use crate::types::units::Msat;

/// What passed by one scid on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTotal {
    /// The UTC day, counted from the Unix epoch.
    pub day: i64,
    /// The scid. Several may mean one channel.
    pub scid: Scid,
    /// How many forwards left by it.
    pub forwards_out: u64,
    /// What left.
    pub sold: Msat,
    /// What that earned: a channel earns the fees of what leaves by it.
    pub fees: Msat,
    /// How many forwards came in by it.
    pub forwards_in: u64,
    /// What came in.
    pub brought: Msat,
    /// What that earned, for the channels that it left by.
    pub assist: Msat,
}

impl DayTotal {
    /// A day without any forward.
    pub fn new(day: i64, scid: Scid) -> Self {
        Self {
            day,
            scid,
            forwards_out: 0,
            sold: Msat(0),
            fees: Msat(0),
            forwards_in: 0,
            brought: Msat(0),
            assist: Msat(0),
        }
    }

    /// Adds a forward that left.
    pub fn add_sold(&mut self, forward: &Forward) {
        self.forwards_out = self.forwards_out.saturating_add(1);
        self.sold = self.sold.plus(forward.amount_out);
        self.fees = self.fees.plus(forward.fee);
    }

    /// Adds a forward that came in.
    pub fn add_brought(&mut self, forward: &Forward) {
        self.forwards_in = self.forwards_in.saturating_add(1);
        self.brought = self.brought.plus(forward.amount_in);
        self.assist = self.assist.plus(forward.fee);
    }
}

/// What the whole node forwarded on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeDayTotal {
    /// The UTC day, counted from the Unix epoch.
    pub day: i64,
    /// How many forwards.
    pub forwards: u64,
    /// What went out.
    pub sold: Msat,
    /// What was earned.
    pub fees: Msat,
}

impl NodeDayTotal {
    /// A day without any forward.
    pub fn new(day: i64) -> Self {
        Self {
            day,
            forwards: 0,
            sold: Msat(0),
            fees: Msat(0),
        }
    }

    /// Adds a forward.
    pub fn add(&mut self, forward: &Forward) {
        self.forwards = self.forwards.saturating_add(1);
        self.sold = self.sold.plus(forward.amount_out);
        self.fees = self.fees.plus(forward.fee);
    }
}
