//! What the node keeps of channels, open and closed.

use sweetspot_core::types::observation::ClosedChannel;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::BlockHeight;

use super::listed::Listed;

/// What the node remembers of a channel beside the world.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// As last seen.
    pub listed: Listed,
    /// When the node first saw it.
    pub since: Timestamp,
    /// For how long it was seen active, in nanoseconds.
    pub active_nanos: u64,
    pub sent_msat: u64,
    pub received_msat: u64,
    /// Commitment updates.
    pub updates: u64,
}

/// A closed channel.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub closed: ClosedChannel,
    pub height: BlockHeight,
    /// What was known of it; `None` if its funding failed, or it came and went
    /// between two looks.
    pub last: Option<Listed>,
}
