//! Where it is kept what on-chain fees were like.

use std::future::Future;

use super::StoreError;
use crate::money::chain_fees::RegimeChange;

/// What on-chain fees were like.
pub trait ChainFeeLog: Send + Sync {
    /// Every change so far, the first first.
    fn chain_fees(&self) -> impl Future<Output = Result<Vec<RegimeChange>, StoreError>> + Send;

    /// Stores that a regime began.
    fn add_chain_fees(
        &self,
        change: &RegimeChange,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
