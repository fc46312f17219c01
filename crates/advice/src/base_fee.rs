//! What a base fee would have brought, from the node's own forwards.
//!
//! A base fee makes small payments dear: 1 sat on a payment of 100 sat is 10,000 ppm.
//! Nobody knows which of them would still have come. So each base fee gets a band: at
//! most what it earns if every forward had come all the same, at least what it earns if
//! all those had gone elsewhere whose fee it more than doubles.

use serde::Serialize;

/// Base fees that are compared, in msat: none, a tenth of LND's default, the default.
pub const CANDIDATES_MSAT: [u64; 3] = [0, 100, 1_000];

/// Where the classes of amounts end, in sat.
const CLASS_ENDS_SAT: [u64; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

/// A settled forward.
#[derive(Clone, Copy, Debug)]
pub struct Sold {
    /// What went out, in msat.
    pub amount_msat: u64,
    /// What it paid, in msat.
    pub fee_msat: u64,
    /// What of that is taken as the base fee, in msat: that of its channel now.
    pub base_msat: u64,
}

/// Forwards of about one amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AmountClass {
    /// Amounts below this, in sat; `None` for the largest.
    pub below_sat: Option<u64>,
    /// How many.
    pub forwards: u64,
    /// What went out, in msat.
    pub sold_msat: u64,
    /// What it paid, in msat.
    pub earned_msat: u64,
    /// How many would have paid more than twice as much with a base fee of 1 sat as
    /// with none.
    pub doubled_by_1_sat: u64,
}

/// What a base fee would have earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The base fee, in msat.
    pub base_fee_msat: u64,
    /// If all came whose fee it does not more than double, in msat.
    pub least_msat: u64,
    /// If all came, in msat.
    pub most_msat: u64,
    /// How many are in the one and not in the other.
    pub doubled: u64,
}

/// Everything, counted one forward after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BaseFees {
    /// By amount, the smallest first.
    pub classes: [AmountClass; CLASS_ENDS_SAT.len() + 1],
    /// By base fee, the lowest first.
    pub candidates: [Candidate; CANDIDATES_MSAT.len()],
}

impl Default for BaseFees {
    fn default() -> Self {
        let mut classes = [AmountClass::default(); CLASS_ENDS_SAT.len() + 1];
        for (class, end) in classes.iter_mut().zip(CLASS_ENDS_SAT) {
            class.below_sat = Some(end);
        }
        Self {
            classes,
            candidates: CANDIDATES_MSAT.map(|base_fee_msat| Candidate {
                base_fee_msat,
                ..Candidate::default()
            }),
        }
    }
}

impl BaseFees {
    /// Takes in a forward.
    pub fn count(&mut self, sold: &Sold) {
        let without_base = sold.fee_msat.saturating_sub(sold.base_msat);
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        for candidate in &mut self.candidates {
            let fee = without_base.saturating_add(candidate.base_fee_msat);
            add(&mut candidate.most_msat, fee);
            if candidate.base_fee_msat > without_base {
                add(&mut candidate.doubled, 1);
            } else {
                add(&mut candidate.least_msat, fee);
            }
        }
        let of_amount = |class: &&mut AmountClass| {
            let below = |end| sold.amount_msat / 1_000 < end;
            class.below_sat.is_none_or(below)
        };
        if let Some(class) = self.classes.iter_mut().find(of_amount) {
            add(&mut class.forwards, 1);
            add(&mut class.sold_msat, sold.amount_msat);
            add(&mut class.earned_msat, sold.fee_msat);
            if without_base < 1_000 {
                add(&mut class.doubled_by_1_sat, 1);
            }
        }
    }

    /// The base fee that surely would have earned most: the greatest least, and of
    /// equal ones the lowest.
    pub fn best(&self) -> Candidate {
        let first = self.candidates[0];
        let better = |best: Candidate, next: &Candidate| match next.least_msat > best.least_msat {
            true => *next,
            false => best,
        };
        self.candidates.iter().fold(first, better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sold: &[(u64, u64, u64)]) -> BaseFees {
        let mut found = BaseFees::default();
        for (amount_msat, fee_msat, base_msat) in sold.iter().copied() {
            found.count(&Sold {
                amount_msat,
                fee_msat,
                base_msat,
            });
        }
        found
    }

    /// 500 ppm: 50 sat pay 25 msat, 10 million sat pay 5,000 sat.
    #[test]
    fn a_base_fee_doubles_what_small_payments_pay_and_adds_little_to_large_ones() {
        let found = counted(&[(50_000, 25, 0), (10_000_000_000, 5_000_000, 0)]);
        let [none, tenth, whole] = found.candidates;
        assert_eq!((none.least_msat, none.most_msat), (5_000_025, 5_000_025));
        assert_eq!((tenth.least_msat, tenth.most_msat), (5_000_100, 5_000_225));
        assert_eq!((whole.doubled, whole.most_msat), (1, 5_002_025));
        assert_eq!(found.classes[0].doubled_by_1_sat, 1);
        assert_eq!(found.classes[5].forwards, 1);
        assert_eq!(found.best(), whole);
    }

    #[test]
    fn a_stream_of_small_payments_earns_most_without_a_base_fee() {
        let found = counted(&[(50_000, 25, 0); 1_000]);
        assert_eq!(found.best().base_fee_msat, 0);
        assert_eq!(found.best().least_msat, 25_000);
    }

    #[test]
    fn the_base_fee_that_was_paid_is_taken_off_first() {
        let found = counted(&[(100_000_000, 51_000, 1_000)]);
        assert_eq!(found.candidates[0].most_msat, 50_000);
        assert_eq!(found.candidates[2].most_msat, 51_000);
    }

    #[test]
    fn any_amounts_are_summed_without_overflow() {
        let found = counted(&[(u64::MAX, u64::MAX, 0), (u64::MAX, u64::MAX, 0), (0, 0, 9)]);
        assert_eq!(found.best().least_msat, u64::MAX);
    }
}
