//! Where it is kept how peers kept their channels.

use std::future::Future;

use super::StoreError;
use crate::peers::ended::{EndedChannel, Marks};
use crate::peers::week::PeerSums;
use crate::types::channel::PeerId;

/// How peers kept their channels.
pub trait PeerLog: Send + Sync {
    /// Adds to each peer's sums of a week.
    fn add_peer_sums(
        &self,
        sums: &[(PeerId, i64, PeerSums)],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores channels that ended; what is known already stays as it was told first.
    fn add_ended(
        &self,
        ended: &[EndedChannel],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The marks that ended channels left on peers.
    fn marks(&self) -> impl Future<Output = Result<Marks, StoreError>> + Send;
}
