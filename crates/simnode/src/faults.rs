//! What can be made to go wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_lnd::proto::UpdateFailure;

/// What becomes of policy updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WriteFault {
    /// What LND does.
    #[default]
    None,
    /// Nothing is changed; the reply is OK and carries this failure.
    Failed(UpdateFailure, String),
    /// Nothing is changed; the reply is OK.
    Lost,
    /// Done, but no reply ever comes.
    Unanswered,
}

/// The node's faults; by default it has none.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// What becomes of policy updates.
    pub writes: WriteFault,
    /// Replies are this late; what was asked is done at once.
    pub slow_by: Duration,
    /// Only replies of this RPC are late; `None` for all.
    pub slow_only: Option<String>,
    /// Replies of this RPC (`/lnrpc.Lightning/ListChannels`) break off midway.
    pub cut_replies_of: Option<String>,
    /// The wallet lags behind the chain.
    pub unsynced: bool,
    /// The graph has lost these channels' edges.
    pub lost_edges: BTreeSet<ChannelPoint>,
    /// The peers of these channels never sent a policy.
    pub silent_peers: BTreeSet<ChannelPoint>,
}
