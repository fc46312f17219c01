//! What is remembered about a channel's max HTLC, where it is managed.

use crate::types::time::Timestamp;
use crate::types::units::Msat;

/// A max HTLC someone else set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForeignMaxHtlc {
    /// What they set.
    pub max_htlc: Msat,
    /// When we first saw it.
    pub seen_at: Timestamp,
}

/// What is remembered about a channel's max HTLC.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MaxHtlcMemory {
    /// What it was last confirmed to be, set or adopted by us; `None` while it is
    /// not managed.
    pub confirmed: Option<Msat>,
    /// What someone else set, while it is left alone.
    pub foreign: Option<ForeignMaxHtlc>,
    /// When we last had it changed, or were refused.
    pub written_at: Option<Timestamp>,
    /// Since when it has not been what it should be.
    pub waiting_since: Option<Timestamp>,
}

impl MaxHtlcMemory {
    /// Takes what is on the node for the starting point.
    pub fn adopt(&mut self, on_node: Msat) {
        self.confirmed = Some(on_node);
        self.foreign = None;
    }

    /// Notes an attempt of ours to change it.
    pub fn attempted(&mut self, at: Timestamp) {
        self.written_at = Some(at);
        self.waiting_since = None;
    }

    /// Every moment that a wait counts from.
    pub fn waits_from(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let moments = [&mut self.written_at, &mut self.waiting_since];
        let foreign = self.foreign.iter_mut().map(|foreign| &mut foreign.seen_at);
        moments.into_iter().flatten().chain(foreign)
    }
}
