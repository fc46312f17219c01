//! Where what the node paid, and what it could not forward, is kept.

use std::collections::BTreeMap;
use std::future::Future;

use super::StoreError;
use crate::money::costs::{ChainCost, MovedIn, Rebalance};
use crate::money::failed::FailedSums;
use crate::types::channel::ChannelPoint;
use crate::types::time::Timestamp;

/// How far the node's payments have been read, by the time at which they were begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentsRead {
    /// From when on ...
    pub from: Timestamp,
    /// ... and up to when.
    pub through: Timestamp,
}

/// What the node paid, and what it could not forward.
pub trait CostLog: Send + Sync {
    /// How far payments were read; `None` if never.
    fn payments_read(
        &self,
    ) -> impl Future<Output = Result<Option<PaymentsRead>, StoreError>> + Send;

    /// Stores rebalances (those already stored are passed over), and how far
    /// payments have been read with them, in one transaction.
    fn add_rebalances(
        &self,
        rebalances: &[Rebalance],
        read: PaymentsRead,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores what channels cost on the chain; what is known already stays as it was
    /// told first.
    fn add_chain_costs(
        &self,
        costs: &[ChainCost],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds to the counts of HTLCs that the node failed itself; those that wanted to
    /// leave by a channel nobody knows are left out.
    fn add_failed_forwards(
        &self,
        failed: &FailedSums,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What was moved into each channel over [`MEASURED_OVER`] until `now`.
    ///
    /// [`MEASURED_OVER`]: crate::money::costs::MEASURED_OVER
    fn moved_in(
        &self,
        now: Timestamp,
    ) -> impl Future<Output = Result<BTreeMap<ChannelPoint, MovedIn>, StoreError>> + Send;
}
