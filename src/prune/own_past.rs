//! What this node's own past tells of closes and of idle channels.

use std::collections::{BTreeMap, BTreeSet};

use sweetspot_core::money::costs::ChainCostKind;
use sweetspot_core::ports::StoreError;
use sweetspot_core::prune::came_back::IdleSpells;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// What each close that this node paid for cost, in sat, the least first.
pub async fn closes_paid(store: &StoreReader) -> Result<Vec<f64>, StoreError> {
    let costs = store.chain_costs().await?.into_iter();
    let closes = costs.filter(|cost| cost.kind == ChainCostKind::Close);
    let mut closes: Vec<f64> = closes.map(|cost| cost.fee.as_f64()).collect();
    closes.sort_by(f64::total_cmp);
    Ok(closes)
}

/// Two years tell enough, and what was before is another market.
const LOOKED_AT_DAYS: i64 = 730;

/// How it went on with this node's idle channels of late, of which these are `open`.
pub async fn idle_spells(
    store: &StoreReader,
    open: &BTreeSet<ChannelPoint>,
    now: Timestamp,
) -> Result<IdleSpells, StoreError> {
    let channels = store.scids().await?;
    let mut days: BTreeMap<_, BTreeSet<i64>> = BTreeMap::new();
    for (scid, of_scid) in store
        .days_of_channels(now.utc_day() - LOOKED_AT_DAYS)
        .await?
    {
        if let Some(point) = channels.get(&scid) {
            days.entry(*point).or_default().extend(of_scid);
        }
    }
    Ok(IdleSpells::of(&days, now.utc_day(), |point| {
        open.contains(point)
    }))
}

/// The middle one, or the upper of two.
pub fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}
