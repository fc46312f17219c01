//! What the node said: one instant's channels, and settled forwards.

use std::collections::BTreeMap;

use crate::types::channel::{Channel, ChannelPoint, Scid};
use crate::types::graph_visit::GraphVisit;
use crate::types::time::Timestamp;
use crate::types::units::{BlockHeight, Msat};

/// The node's channels at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// When it was read, by our clock.
    pub at: Timestamp,
    /// The chain tip as last heard from the node.
    pub tip: BlockHeight,
    /// Every open channel.
    pub channels: BTreeMap<ChannelPoint, Channel>,
    /// What a node somewhere in the graph charges, if one was visited.
    pub graph_visit: Option<GraphVisit>,
}

/// A settled forward, as the node's forwarding history tells it. Shards of one
/// multi-part payment are forwards of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The settle time: LND makes it unique, so it is also the key.
    pub settled_at: Timestamp,
    /// The channel it entered by.
    pub scid_in: Scid,
    /// The channel it left by.
    pub scid_out: Scid,
    /// What came in.
    pub amount_in: Msat,
    /// What went out.
    pub amount_out: Msat,
    /// What we earned: in minus out, after any inbound discount.
    pub fee: Msat,
}

/// A forward with the number under which it was stored. Numbers ascend in the
/// order of storing, which late events make differ from the order of settling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredForward {
    /// The storing order.
    pub seq: i64,
    /// The forward.
    pub forward: Forward,
}

/// How a channel was closed (LND's `ClosureType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseType {
    /// By agreement.
    Cooperative,
    /// By us alone.
    LocalForce,
    /// By the peer alone.
    RemoteForce,
    /// By the peer with an old state.
    Breach,
    /// Funding never confirmed.
    FundingCanceled,
    /// CycleInput up by the operator.
    Abandoned,
    /// A kind this version does not know.
    Unknown,
}

/// A channel that is no more; kept to resolve the scids in old forwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedChannel {
    /// The key.
    pub point: ChannelPoint,
    /// Every scid that meant it.
    pub scids: Vec<Scid>,
    /// How it ended.
    pub close_type: CloseType,
}
