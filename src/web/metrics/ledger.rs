//! What was earned and paid over the last whole UTC days, as `report` has it. What the
//! daemon keeps no book of has no value at all, rather than 0.

use std::collections::BTreeSet;

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::{Channel, Kind, Real, Whole, whole};
use crate::report::Report;
use sweetspot_core::money::failed::FailReason;
use sweetspot_core::types::channel::Scid;

/// Whole days looked at.
pub const DAYS: u32 = 30;

/// Of a metric of the node that may have no value.
type NoLabels = [(&'static str, &'static str); 0];

#[derive(Default)]
pub struct LedgerMetrics {
    net: Family<NoLabels, Whole>,
    node_yield: Family<NoLabels, Real>,
    moved: Family<NoLabels, Whole>,
    rebalance_fees: Family<NoLabels, Whole>,
    chain_fees: Family<Kind, Whole>,
    failed: Family<Kind, Whole>,
    assist: Family<Channel, Whole>,
    channel_yield: Family<Channel, Real>,
    channel_rebalance_fees: Family<Channel, Whole>,
    channel_failed: Family<Channel, Whole>,
}

impl LedgerMetrics {
    pub fn register(&self, all: &mut Registry) {
        macro_rules! register {
            ($($name:literal $help:literal $field:ident;)*) => {
                $(all.register($name, $help, self.$field.clone());)*
            };
        }
        register! {
            "net_msat" "Fees earned in 30 UTC days less what was paid, as far as known" net;
            "yield_ratio" "Fees earned in 30 UTC days on the local balances, as a share a year" node_yield;
            "rebalanced_msat" "Moved by payments of the node to itself in 30 UTC days" moved;
            "rebalance_fees_msat" "What that cost" rebalance_fees;
            "chain_fees_sat" "Miners' fees of channels in 30 UTC days by kind" chain_fees;
            "failed_htlcs" "HTLCs that the node failed itself in 30 UTC days by reason" failed;
            "channel_assist_msat" "Fees in 30 UTC days of what came in by the channel" assist;
            "channel_yield_ratio" "Worth of 30 UTC days on its local balance, as a share a year" channel_yield;
            "channel_rebalance_fees_msat" "Paid in 30 UTC days to move liquidity into it" channel_rebalance_fees;
            "channel_failed_htlcs" "HTLCs that failed on their way out by it in 30 UTC days" channel_failed;
        }
    }

    /// Channels beyond those `shown` have no metrics of their own.
    pub fn set(&self, report: &Report, shown: &BTreeSet<Scid>) {
        let paid = &report.paid;
        self.net.get_or_create(&[]).set(paid.net_msat);
        if let Some(share) = report.yield_per_year {
            self.node_yield.get_or_create(&[]).set(share);
        }
        let payments_known = paid.payments_known_from.is_some();
        if payments_known {
            self.moved.get_or_create(&[]).set(whole(paid.moved_msat));
            let fees = whole(paid.rebalance_fees_msat);
            self.rebalance_fees.get_or_create(&[]).set(fees);
        }
        if paid.chain_costs_known {
            for (kind, fees) in [("open", paid.open_fees_sat), ("close", paid.close_fees_sat)] {
                self.chain_fees
                    .get_or_create(&Kind { kind })
                    .set(whole(fees));
            }
        }
        let heard = report
            .channels
            .iter()
            .any(|line| !line.paid.failed.is_empty());
        for reason in FailReason::ALL.into_iter().filter(|_| heard) {
            let sums = report.channels.iter();
            let sums = sums.filter_map(|line| line.paid.failed.get(&reason));
            let htlcs = sums.fold(0, |all: u64, sum| all.saturating_add(sum.htlcs));
            let kind = reason.code();
            self.failed.get_or_create(&Kind { kind }).set(whole(htlcs));
        }
        let lines = report.channels.iter();
        for line in lines.filter(|line| line.open && shown.contains(&line.ids.scid)) {
            let scid = line.ids.scid.to_string();
            let channel = Channel { scid };
            let assist = whole(line.assist_msat);
            self.assist.get_or_create(&channel).set(assist);
            if let Some(share) = line.yield_per_year {
                self.channel_yield.get_or_create(&channel).set(share);
            }
            if payments_known {
                let fees = whole(line.paid.rebalance_fees_msat);
                self.channel_rebalance_fees
                    .get_or_create(&channel)
                    .set(fees);
            }
            if heard {
                self.channel_failed
                    .get_or_create(&channel)
                    .set(whole(line.paid.failed_htlcs()));
            }
        }
    }
}
