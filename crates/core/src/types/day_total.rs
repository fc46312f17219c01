//! Forwards summed up by UTC days.

use std::collections::BTreeMap;

use crate::types::channel::Scid;
use crate::types::observation::{Forward, StoredForward};
use crate::types::time::Timestamp;
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

/// How a forward is added to a total.
type Add = fn(&mut DayTotal, &Forward);

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

    /// The scids that a forward passed by, and how it is added to the total of each.
    pub fn sides(forward: &Forward) -> [(Scid, Add); 2] {
        [
            (forward.scid_out, Self::add_sold),
            (forward.scid_in, Self::add_brought),
        ]
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

/// Forwards of whole days, in place of each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayTotals {
    /// By day, then scid.
    pub channels: Vec<DayTotal>,
    /// By day.
    pub node: Vec<NodeDayTotal>,
    /// The number of the last forward stored.
    pub through: i64,
    /// The number of the last forward below the first moment after these days: all
    /// up to it are in them.
    pub before: i64,
}

impl DayTotals {
    /// Of these days, from all stored forwards.
    pub fn of(stored: &[StoredForward], days: DayRange) -> Self {
        let (mut channels, mut node) = (BTreeMap::new(), BTreeMap::new());
        for forward in stored.iter().map(|stored| &stored.forward) {
            let day = forward.settled_at.utc_day();
            if (days.channels_from..days.until).contains(&day) {
                for (scid, add) in DayTotal::sides(forward) {
                    let total = channels.entry((day, scid));
                    add(total.or_insert_with(|| DayTotal::new(day, scid)), forward);
                }
            }
            if (days.node_from..days.until).contains(&day) {
                let total = node.entry(day);
                total.or_insert_with(|| NodeDayTotal::new(day)).add(forward);
            }
        }
        let end = Timestamp::of_utc_day(days.until).nanos();
        let numbers = || stored.iter().map(|stored| stored.seq);
        Self {
            channels: channels.into_values().collect(),
            node: node.into_values().collect(),
            through: numbers().max().unwrap_or(0),
            before: numbers().filter(|seq| *seq < end).max().unwrap_or(0),
        }
    }
}

/// Which days are meant: UTC days counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// The first day of channels.
    pub channels_from: i64,
    /// The first day of the whole node.
    pub node_from: i64,
    /// The day after the last.
    pub until: i64,
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
