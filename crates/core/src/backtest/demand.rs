//! What might have been sold at another price.
//!
//! A log of settled forwards tells nothing of those who found the price too
//! high, so how demand answers to price has to be assumed. The curve is
//! log-logistic, `S(f) = 1 / (1 + (f/m)²)`, as in the learning of the price
//! level, with its midpoint placed so that the elasticity at the price posted
//! then is the assumed one. A constant elasticity would need no midpoint either,
//! but promises any sales for a price near nothing, and below 1 the more income
//! the higher the price; this curve is bounded at both ends.

use crate::types::channel::FeeParts;
use crate::types::units::Msat;

/// The curve's elasticity far above its midpoint.
const STEEPEST: f64 = 2.0;

/// Cheaper than this, in ppm, is as good as free.
const LEAST_PPM: f64 = 1.0;

/// By how many per cent demand falls for a price one per cent higher, at the
/// price posted then.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Elasticity(f64);

impl Elasticity {
    /// From a number; the curve has none outside 0 to 2.
    pub fn new(number: f64) -> Option<Self> {
        (0.0..STEEPEST).contains(&number).then_some(Self(number))
    }

    /// As a number.
    pub fn number(self) -> f64 {
        self.0
    }

    /// The demand at `other_ppm` as a share of that at `posted_ppm`: the
    /// probability that a forward would have come all the same, or, above 1, how
    /// many would have come in its place.
    pub fn share(self, posted_ppm: f64, other_ppm: f64) -> f64 {
        let odds = self.0 / (STEEPEST - self.0);
        let ratio = other_ppm.max(LEAST_PPM) / posted_ppm.max(LEAST_PPM);
        (1.0 + odds) / (1.0 + odds * ratio * ratio)
    }
}

/// What `fees` ask for forwarding an amount, in msat.
pub fn price_msat(fees: &FeeParts, amount: Msat) -> f64 {
    f64::from(fees.base_fee_msat) + msat(amount) * fees.outbound.as_f64() / 1e6
}

/// The same as a rate.
pub fn price_ppm(fees: &FeeParts, amount: Msat) -> f64 {
    price_msat(fees, amount) / msat(amount).max(1.0) * 1e6
}

/// An amount as a float.
#[allow(clippy::cast_precision_loss)]
pub fn msat(amount: Msat) -> f64 {
    amount.0 as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::units::FeePpm;

    fn elasticity(number: f64) -> Elasticity {
        Elasticity::new(number).expect("one that the curve has")
    }

    #[test]
    fn the_elasticity_at_the_posted_price_is_the_assumed_one() {
        for number in [0.0, 0.3, 0.6, 1.0, 1.5] {
            let step = 1e-6;
            let share = elasticity(number).share(200.0, 200.0 * (1.0 + step));
            let slope = -share.ln() / step;
            assert!((slope - number).abs() < 1e-4, "{number}: {slope}");
        }
    }

    #[test]
    fn shares_are_as_computed_by_hand() {
        for (number, posted, other, expected) in [
            // Elasticity 1 puts the midpoint at the posted price: 2 / (1 + x²).
            (1.0, 100.0, 300.0, 0.2),
            (1.0, 300.0, 100.0, 1.8),
            // 1.5 gives odds of 3: 4 / (1 + 3 x²).
            (1.5, 100.0, 200.0, 4.0 / 13.0),
            (0.0, 100.0, 900.0, 1.0),
        ] {
            let share = elasticity(number).share(posted, other);
            assert!((share - expected).abs() < 1e-12, "{share} {expected}");
        }
    }

    #[test]
    fn a_price_of_nothing_sells_no_more_than_the_curve_has() {
        assert!(elasticity(1.5).share(500.0, 0.0) < 4.0);
        assert!(elasticity(1.5).share(0.0, 500.0) > 0.0);
        assert_eq!(elasticity(1.5).share(0.0, 0.0), 1.0);
    }

    #[test]
    fn what_the_curve_does_not_have_is_refused() {
        for number in [-0.1, 2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Elasticity::new(number), None, "{number}");
        }
    }

    #[test]
    fn a_base_fee_is_part_of_the_price() {
        let fees = FeeParts {
            base_fee_msat: 1_000,
            outbound: FeePpm(100),
            ..FeeParts::default()
        };
        assert_eq!(price_msat(&fees, Msat(50_000_000)), 6_000.0);
        assert_eq!(price_ppm(&fees, Msat(50_000_000)), 120.0);
        assert!(price_ppm(&fees, Msat(0)).is_finite());
    }

    proptest! {
        #[test]
        fn the_same_price_sells_exactly_the_same(number in 0.0..2.0, ppm in 0.0..1e6) {
            prop_assert_eq!(elasticity(number).share(ppm, ppm), 1.0);
        }

        #[test]
        fn more_elastic_demand_answers_more(
            low in 0.0..1.9,
            more in 0.01..0.1,
            posted in 1.0..5_000.0,
            factor in 1.01..20.0,
        ) {
            let (low, high) = (elasticity(low), elasticity(low + more));
            let (cheap, dear) = (posted, posted * factor);
            prop_assert!(high.share(cheap, dear) < low.share(cheap, dear));
            prop_assert!(high.share(dear, cheap) > low.share(dear, cheap));
            prop_assert!(low.share(cheap, dear) <= 1.0);
        }
    }
}
