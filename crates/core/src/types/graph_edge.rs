//! A channel of the public graph, between any two nodes.

use super::channel::{PeerId, Policy};
use super::units::Sat;

/// What gossip tells of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphEdge {
    /// Its two nodes.
    pub nodes: [PeerId; 2],
    /// Its capacity; 0 where it is not told.
    pub capacity: Sat,
    /// What the first and what the second node says of its direction; `None` where it
    /// says nothing, or nonsense.
    pub policies: [Option<Policy>; 2],
}
