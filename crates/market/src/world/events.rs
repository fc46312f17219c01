//! What happens in a world, and in which order.

use std::cmp::Ordering;

use sweetspot_core::types::time::Timestamp;

/// What is planned to happen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// An HTLC settles or fails.
    Resolve(u64),
    /// The peer of a channel (slot, serial) goes away.
    Away(usize, u64),
    /// It comes back.
    Back(usize, u64),
    /// A channel is to close.
    Close(usize, u64),
    /// The next channel opens.
    Open,
    /// Our node goes down.
    Down,
    /// It comes up.
    Up,
    /// Accounts are read and the target ratio is set anew.
    Hour,
    /// The attacker acts.
    Attack,
    /// A peer (slot, serial) that the attacker took away comes back.
    FlapBack(usize, u64),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When.
    pub(super) at: Timestamp,
    /// Breaks ties in the order of planning.
    pub(super) order: u64,
    /// What.
    pub(super) what: EventKind,
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        // Reversed: the heap gives its greatest, we want the earliest.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
