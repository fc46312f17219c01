//! What the node paid, as far as the node tells: to move liquidity into its own
//! channels, and on the chain to open and close them.

use std::time::Duration;

use serde::Serialize;

use crate::types::channel::{ChannelPoint, Scid};
use crate::types::time::Timestamp;
use crate::types::units::{FeePpm, Msat, Sat};

/// What was moved in longer ago says nothing of what moving costs now. As long as
/// the history that a first start reads.
pub const MEASURED_OVER: Duration = Duration::from_secs(90 * 86_400);

/// Less than this share of a channel's capacity, moved in over [`MEASURED_OVER`], is
/// no measure of a price: a payment of a few sat can cost a base fee of 1 sat at
/// each hop, which is thousands of ppm.
const LEAST_MEASURED_SHARE: f64 = 0.02;

/// A payment of the node to itself that went out by one of its channels and came
/// back by another: one part of it, for a payment in parts is several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// When it settled.
    pub settled_at: Timestamp,
    /// LND's number of the payment ...
    pub payment_index: u64,
    /// ... and of this part of it: the two together are never given twice.
    pub attempt_id: u64,
    /// The channel it went out by.
    pub scid_out: Scid,
    /// The channel it came back by, which has more local balance since.
    pub scid_in: Scid,
    /// What came back.
    pub amount: Msat,
    /// What the way cost.
    pub fee: Msat,
}

/// What was paid on the chain for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainCostKind {
    /// Opening a channel: its part of the funding transaction's fee.
    Open,
    /// Closing a channel that we opened: the closing transaction's fee, which BOLT 2
    /// has the opener pay. Later sweeps are not in it.
    Close,
}

/// What a channel cost on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainCost {
    /// The channel.
    pub point: ChannelPoint,
    /// For what.
    pub kind: ChainCostKind,
    /// The transaction's time.
    pub at: Timestamp,
    /// The miners' fee.
    pub fee: Sat,
}

/// What was moved into a channel, and what that cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MovedIn {
    /// What came in.
    pub amount: Msat,
    /// What the ways cost.
    pub fee: Msat,
}

impl MovedIn {
    /// Adds a payment.
    pub fn add(&mut self, amount: Msat, fee: Msat) {
        self.amount = self.amount.plus(amount);
        self.fee = self.fee.plus(fee);
    }

    /// What a sat of it cost, rounded up; `None` if it is too little to tell, for a
    /// channel of this capacity.
    pub fn cost(&self, capacity: Sat) -> Option<FeePpm> {
        let enough = self.amount.as_sat() >= LEAST_MEASURED_SHARE * capacity.as_f64();
        if !enough || self.amount.0 == 0 {
            return None;
        }
        let fee = u128::from(self.fee.0) * 1_000_000;
        let ppm = fee.div_ceil(u128::from(self.amount.0));
        Some(FeePpm(u32::try_from(ppm).unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(amount: u64, fee: u64) -> Option<u32> {
        let (amount, fee) = (Msat(amount), Msat(fee));
        let cost = MovedIn { amount, fee }.cost(Sat(1_000_000));
        cost.map(|ppm| ppm.0)
    }

    #[test]
    fn what_a_sat_cost_is_fee_over_amount_rounded_up() {
        assert_eq!(cost(100_000_000, 25_000), Some(250));
        assert_eq!(cost(100_000_000, 25_001), Some(251));
        assert_eq!(cost(100_000_000, 0), Some(0));
        assert_eq!(cost(u64::MAX, u64::MAX), Some(1_000_000));
        assert_eq!(cost(20_000_000, u64::MAX), Some(u32::MAX));
    }

    #[test]
    fn a_payment_of_next_to_nothing_is_no_measure() {
        assert_eq!(cost(19_999_999, 5_000), None);
        assert_eq!(cost(20_000_000, 5_000), Some(250));
        assert_eq!(MovedIn::default().cost(Sat(0)), None);
    }

    #[test]
    fn sums_stop_at_the_most_there_can_be() {
        let mut moved = MovedIn::default();
        for _ in 0..2 {
            moved.add(Msat(u64::MAX), Msat(u64::MAX));
        }
        assert_eq!(moved.amount, Msat(u64::MAX));
        assert_eq!(moved.cost(Sat(1)), Some(FeePpm(1_000_000)));
    }
}
