//! What a channel is worth to the node, against what its capital could earn.
//!
//! A forward needs the channel that it came in by as much as the one that it left
//! by, and nobody knows which of them it could have done without. So each has half
//! of the fee: the halves of all channels add up to what the node earned.

use crate::types::units::Msat;

/// The share of a forward's fee that counts for the channel it came in by.
pub const ASSIST_SHARE: f64 = 0.5;

/// Less than this share of what its capital could earn, and a channel is not worth
/// it: closing and opening cost time and fees, and the node's average is no promise.
const TOO_LITTLE: f64 = 0.1;

/// A local balance of less, on average, binds no capital worth the name: what it
/// could earn elsewhere is nothing. In sat.
const NO_CAPITAL_SAT: f64 = 10_000.0;

/// Days of a year, for yields.
pub const DAYS_PER_YEAR: f64 = 365.25;

/// A channel's part in what the node earned, in msat.
pub fn worth_msat(earned: Msat, assist: Msat) -> f64 {
    earned.as_f64() * (1.0 - ASSIST_SHARE) + assist.as_f64() * ASSIST_SHARE
}

/// What capital earned, as a share of it a year; `None` where there was none.
pub fn yield_per_year(msat: f64, capital_sat: f64, days: f64) -> Option<f64> {
    let enough = capital_sat >= NO_CAPITAL_SAT && days > 0.0;
    enough.then(|| msat / 1_000.0 / capital_sat / days * DAYS_PER_YEAR)
}

/// Whether a channel that earned `msat` is worth capital that could have earned
/// `could_msat`.
pub fn earns(msat: f64, could_msat: f64) -> bool {
    msat > 0.0 && msat >= TOO_LITTLE * could_msat
}

/// What `capital_sat` would have earned at the node's average, in msat.
pub fn could_msat(capital_sat: f64, node_msat: f64, node_capital_sat: f64) -> f64 {
    match capital_sat >= NO_CAPITAL_SAT && node_capital_sat > 0.0 {
        true => node_msat * capital_sat / node_capital_sat,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capital_that_is_next_to_nothing_could_earn_nothing() {
        assert_eq!(could_msat(9_999.0, 5.0, 1e6), 0.0);
        assert_eq!(could_msat(100_000.0, 500.0, 1_000_000.0), 50.0);
    }

    #[test]
    fn halves_of_a_fee_add_up() {
        let both = worth_msat(Msat(10), Msat(0)) + worth_msat(Msat(0), Msat(10));
        assert_eq!(both, 10.0);
        let a_year = yield_per_year(20_000_000.0, 1_000_000.0, 365.25);
        assert_eq!(a_year, Some(0.02));
        assert_eq!(yield_per_year(1.0, 0.0, 30.0), None);
    }
}
