//! What was paid over a period, and what could not be served, as far as the daemon
//! kept book of it: `[ledger]` says of what.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::format::times;
use sweetspot_core::money::costs::{ChainCost, ChainCostKind, MovedIn};
use sweetspot_core::money::worth::yield_per_year;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{FailedByReason, StoreReader};

/// What the node paid over the period.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Paid {
    /// From when on payments of the node to itself are known; null if they are not.
    #[serde(serialize_with = "times")]
    pub payments_known_from: Option<Timestamp>,
    /// What was moved between channels by them.
    pub moved_msat: u64,
    /// What that cost.
    pub rebalance_fees_msat: u64,
    /// Whether it is known what any channel cost on the chain.
    pub chain_costs_known: bool,
    /// Miners' fees of channels opened in the period.
    pub open_fees_sat: u64,
    /// Miners' fees of channels closed in it, where we opened them.
    pub close_fees_sat: u64,
    /// What is left of the fees earned, as far as the rest is known.
    pub net_msat: i64,
}

/// What was paid for a channel over the period, and what it could not serve.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelPaid {
    /// What was moved into it by payments of the node to itself.
    pub moved_in_msat: u64,
    /// What that cost.
    pub rebalance_fees_msat: u64,
    /// Its part less that, on its mean local balance, as a share a year.
    pub net_yield_per_year: Option<f64>,
    /// What opening it cost on the chain, whenever that was; null where not known.
    pub open_fee_sat: Option<u64>,
    /// What closing it cost there; null where not known.
    pub close_fee_sat: Option<u64>,
    /// HTLCs that wanted to leave by it and that the node failed, by reason. Anyone
    /// can make such for nothing.
    pub failed: FailedByReason,
}

impl ChannelPaid {
    /// How many HTLCs that were, whatever the reason.
    pub fn failed_htlcs(&self) -> u64 {
        let sums = self.failed.values();
        sums.fold(0, |all, sum| all.saturating_add(sum.htlcs))
    }
}

/// What was kept book of.
pub(super) struct Books {
    from: Timestamp,
    until: Timestamp,
    known_from: Option<Timestamp>,
    moved: BTreeMap<ChannelPoint, MovedIn>,
    chain: Vec<ChainCost>,
    failed: BTreeMap<ChannelPoint, FailedByReason>,
}

impl Books {
    pub(super) async fn gather(
        store: &StoreReader,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Self, StoreError> {
        let read = store.payments_read().await?;
        Ok(Self {
            from,
            until,
            known_from: read.map(|read| read.from),
            moved: store.moved_in(from, until).await?,
            chain: store.chain_costs().await?,
            failed: store
                .failed_forwards(from.utc_day(), until.utc_day())
                .await?,
        })
    }

    pub(super) fn of_node(&self, earned_msat: u64) -> Paid {
        let mut moved = MovedIn::default();
        for one in self.moved.values() {
            moved.add(one.amount, one.fee);
        }
        let within = |cost: &&ChainCost| cost.at >= self.from && cost.at < self.until;
        let fees = |kind| {
            let of_kind = self.chain.iter().filter(within);
            let of_kind = of_kind.filter(|cost| cost.kind == kind);
            of_kind.fold(0, |sum: u64, cost| sum.saturating_add(cost.fee.0))
        };
        let (open, close) = (fees(ChainCostKind::Open), fees(ChainCostKind::Close));
        let chain = i128::from(open) + i128::from(close);
        let net = i128::from(earned_msat) - i128::from(moved.fee.0) - chain * 1_000;
        Paid {
            payments_known_from: self.known_from,
            moved_msat: moved.amount.0,
            rebalance_fees_msat: moved.fee.0,
            chain_costs_known: !self.chain.is_empty(),
            open_fees_sat: open,
            close_fees_sat: close,
            net_msat: i64::try_from(net).unwrap_or(i64::MIN),
        }
    }

    pub(super) fn of_channel(
        &self,
        point: ChannelPoint,
        worth_msat: f64,
        capital_sat: f64,
        days: f64,
    ) -> ChannelPaid {
        let moved = self.moved.get(&point).copied().unwrap_or_default();
        let fee = |kind| {
            let mut of_channel = self.chain.iter().filter(|cost| cost.point == point);
            of_channel
                .find(|cost| cost.kind == kind)
                .map(|cost| cost.fee.0)
        };
        ChannelPaid {
            moved_in_msat: moved.amount.0,
            rebalance_fees_msat: moved.fee.0,
            net_yield_per_year: yield_per_year(worth_msat - moved.fee.as_f64(), capital_sat, days),
            open_fee_sat: fee(ChainCostKind::Open),
            close_fee_sat: fee(ChainCostKind::Close),
            failed: self.failed.get(&point).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::testing::point;
    use sweetspot_core::types::units::{Msat, Sat};

    #[test]
    fn what_is_left_is_what_was_earned_less_what_was_paid_in_the_period() {
        let at = Timestamp::from_secs;
        let cost = |secs, kind, fee| ChainCost {
            point: point(1),
            kind,
            at: at(secs),
            fee: Sat(fee),
        };
        let moved = MovedIn {
            amount: Msat(500_000),
            fee: Msat(2_000),
        };
        let books = Books {
            from: at(100),
            until: at(200),
            known_from: Some(at(0)),
            moved: BTreeMap::from([(point(1), moved), (point(2), moved)]),
            chain: vec![
                cost(99, ChainCostKind::Open, 7),
                cost(150, ChainCostKind::Close, 3),
            ],
            failed: BTreeMap::new(),
        };
        let paid = books.of_node(10_000);
        assert_eq!(
            (paid.moved_msat, paid.rebalance_fees_msat),
            (1_000_000, 4_000)
        );
        assert_eq!((paid.open_fees_sat, paid.close_fees_sat), (0, 3));
        assert_eq!(paid.net_msat, 3_000);
        assert_eq!(books.of_node(0).net_msat, -7_000);
        let channel = books.of_channel(point(1), 2_000.0, 1e6, 365.25);
        assert_eq!(channel.net_yield_per_year, Some(0.0));
        assert_eq!(channel.open_fee_sat, Some(7));
        let other = books.of_channel(point(3), 1_000_000.0, 1e6, 365.25);
        assert_eq!(other.net_yield_per_year, Some(0.001));
        assert_eq!((other.open_fee_sat, other.moved_in_msat), (None, 0));
    }
}
