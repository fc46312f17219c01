//! What the network charges, against what it charged on a day of reference.
//!
//! The best level of a node's fees rises and falls with other nodes' fees. The
//! neighbours' channels mislead (their mean lies a factor of 1.4 to 4 off the whole
//! graph's), so the daemon walks the public graph at random, one node a cycle, and
//! keeps a fading mean of what it meets there. An attacker weighs in it what the
//! channels weigh that he pays for, and one visit is bounded.

use crate::types::graph_visit::{GraphVisit, MOST_WEIGHT, PRICES_PPM};

/// What the whole graph of 2026-08-06 charged, in ppm: the geometric mean of rate
/// plus base fee per 100,000 sat, weighted by √max_htlc.
pub const REFERENCE_PPM: f64 = 114.0;

/// Visits after which one counts only 1/e: a week of one in five minutes.
/// Measured on the graph, 1,400 visits leave a standard error of 10 to 20 %, whose
/// root moves a level by half of that.
const VISITS_KEPT: f64 = 2_000.0;

/// The believed index of 1 weighs as much as so many visits, so that the first few
/// move nothing much: half a day's.
const BELIEVED_VISITS: f64 = 150.0;

/// The fading mean of visits. Without visits it stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PriceIndex {
    /// Sum of the visits' weights.
    pub weight: f64,
    /// Sum of weighted logarithms of price over [`REFERENCE_PPM`].
    pub ln_sum: f64,
    /// How many nodes were visited.
    pub visits: u64,
}

impl PriceIndex {
    /// Takes in a visit. One that is no number, as no adapter makes it, is none.
    pub fn take_in(&mut self, visit: GraphVisit) {
        let in_bounds = libm::log(PRICES_PPM.0)..=libm::log(PRICES_PPM.1);
        if !in_bounds.contains(&visit.ln_ppm) || !(0.0..=MOST_WEIGHT).contains(&visit.weight) {
            return;
        }
        let kept = libm::exp(-1.0 / VISITS_KEPT);
        self.weight = self.weight * kept + visit.weight;
        self.ln_sum = self.ln_sum * kept + visit.weight * (visit.ln_ppm - libm::log(REFERENCE_PPM));
        self.visits = self.visits.saturating_add(1);
    }

    /// What the network charges over what it charged then; 1 before any visit.
    pub fn value(&self) -> f64 {
        libm::exp(self.ln_sum / (self.weight + BELIEVED_VISITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::graph_visit::Offer;
    use crate::types::units::{FeePpm, Msat};

    fn offer(ppm: u32, base_msat: u64, max_htlc_sat: u64) -> Offer {
        Offer {
            rate: FeePpm(ppm),
            base_fee: Msat(base_msat),
            max_htlc: Msat(max_htlc_sat.saturating_mul(1_000)),
        }
    }

    fn index(offers: &[Offer], visits: u32) -> f64 {
        let mut index = PriceIndex::default();
        for _ in 0..visits {
            index.take_in(GraphVisit::of(offers).expect("has offers"));
        }
        index.value()
    }

    #[test]
    fn it_is_one_at_first_and_then_what_the_network_charges() {
        assert_eq!(PriceIndex::default().value(), 1.0);
        let at = |ppm| index(&[offer(ppm, 0, 4_000_000)], 20_000);
        assert!((at(114) - 1.0).abs() < 1e-9);
        assert!((at(228) - 2.0).abs() < 0.11 && at(228) < 2.0);
        assert!((at(57) - 0.5).abs() < 0.03 && at(57) > 0.5);
    }

    #[test]
    fn a_visit_is_bounded_whatever_a_node_says() {
        let greedy = [offer(u32::MAX, u64::MAX, u64::MAX)];
        let visit = GraphVisit::of(&greedy).expect("has offers");
        assert_eq!((visit.ln_ppm, visit.weight), (libm::log(10_000.0), 4.0));
        let mut index = PriceIndex::default();
        index.take_in(visit);
        assert!(index.value() < 1.13, "{}", index.value());
        assert_eq!(GraphVisit::of(&[]), None);
        assert_eq!(GraphVisit::of(&[offer(5, 0, 0)]), None);
        let before = index;
        for (ln_ppm, weight) in [
            (f64::NAN, 1.0),
            (1.0, f64::INFINITY),
            (1e300, 1.0),
            (1.0, -1.0),
        ] {
            index.take_in(GraphVisit { ln_ppm, weight });
        }
        assert_eq!(index, before);
    }
}
