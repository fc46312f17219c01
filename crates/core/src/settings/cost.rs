//! What a channel's liquidity cost, as the lowest rate it may be sold at.
//!
//! Two ways to say it: as a rate on what was moved in (a circular payment, a
//! swap), or as a sum paid for the channel (its opening, a bought channel). A
//! sum is shared out over the capacity: what the channel sends until it has to
//! be filled again. If both are given, the larger floor counts; so it does where
//! the cost is measured: then `ppm` is what moving in really cost, if that is more.

use serde::Serialize;

use crate::types::units::{FeePpm, Sat};

/// What the operator paid for a channel's liquidity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// In ppm of what was moved in.
    pub ppm: FeePpm,
    /// In satoshis, for the channel as a whole.
    pub sat: u64,
    /// Whether what moving liquidity in really cost counts as well.
    pub measured: bool,
}

impl Cost {
    /// The least rate that brings the cost in, rounded up.
    pub fn floor(&self, capacity: Sat) -> FeePpm {
        let shared_out = match u128::from(capacity.0) {
            0 => 0,
            capacity => (u128::from(self.sat) * 1_000_000).div_ceil(capacity),
        };
        let ppm = u32::try_from(shared_out).unwrap_or(u32::MAX);
        self.ppm.max(FeePpm(ppm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_shared_out_over_the_capacity_and_rounded_up() {
        let floor = |ppm, sat, capacity| {
            let ppm = FeePpm(ppm);
            let measured = false;
            Cost { ppm, sat, measured }.floor(Sat(capacity)).0
        };
        assert_eq!(floor(0, 0, 5_000_000), 0);
        assert_eq!(floor(0, 2_500, 5_000_000), 500);
        assert_eq!(floor(0, 2_501, 5_000_000), 501);
        assert_eq!(floor(350, 2_500, 5_000_000), 500);
        assert_eq!(floor(650, 2_500, 5_000_000), 650);
        assert_eq!(floor(0, 2_500, 0), 0);
        assert_eq!(floor(0, u64::MAX, 1), u32::MAX);
    }
}
