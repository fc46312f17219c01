//! What one node of the public graph charges: a step of the walk from which the
//! price index is read.

use super::units::{FeePpm, Msat, count};

/// A price is taken as within these, in ppm: free channels would draw a
/// geometric mean to nothing, placeholder rates to the sky. Narrower bounds would
/// flatten the index itself.
pub const PRICES_PPM: (f64, f64) = (1.0, 10_000.0);

/// The base fee counts by its share of a payment of 100,000 sat.
const BASE_MSAT_PER_PPM: f64 = 100.0;

/// The weight of a visit to a node whose channels take 4 million sat: the median
/// visit. Most visits lie between a quarter and four times that.
const MEDIAN_ROOT_MAX_HTLC: f64 = 2_000.0;
/// What one visit weighs at most, in median visits.
pub const MOST_WEIGHT: f64 = 4.0;

/// A node's outgoing policy on a channel, as gossip tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// The rate.
    pub rate: FeePpm,
    /// The base fee.
    pub base_fee: Msat,
    /// The largest payment it takes.
    pub max_htlc: Msat,
}

/// What one visited node charges.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GraphVisit {
    /// Mean natural logarithm of its prices in ppm.
    pub ln_ppm: f64,
    /// The visit's weight, in median visits.
    pub weight: f64,
}

impl GraphVisit {
    /// A visit to a node with these offers; `None` if there is nothing to learn.
    /// The walk meets a node as often as it has channels, so each channel weighs
    /// one by the number of them.
    pub fn of(offers: &[Offer]) -> Option<Self> {
        let (mut sum, mut roots) = (0.0, 0.0);
        for offer in offers {
            let ppm = offer.rate.as_f64() + offer.base_fee.as_f64() / BASE_MSAT_PER_PPM;
            let root = libm::sqrt(offer.max_htlc.as_sat());
            sum += root * libm::log(ppm.clamp(PRICES_PPM.0, PRICES_PPM.1));
            roots += root;
        }
        let mean_root = roots / count(offers.len().max(1));
        (roots > 0.0).then(|| Self {
            ln_ppm: sum / roots,
            weight: (mean_root / MEDIAN_ROOT_MAX_HTLC).min(MOST_WEIGHT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(ppm: u32, base_msat: u64, max_htlc_sat: u64) -> Offer {
        Offer {
            rate: FeePpm(ppm),
            base_fee: Msat(base_msat),
            max_htlc: Msat(max_htlc_sat * 1_000),
        }
    }

    #[test]
    fn a_base_fee_counts_by_a_payment_of_100_000_sat() {
        let with_base = GraphVisit::of(&[offer(100, 1_400, 1_000)]).expect("has offers");
        assert!((with_base.ln_ppm - libm::log(114.0)).abs() < 1e-12);
    }

    #[test]
    fn large_channels_say_more_than_small_ones() {
        let visit = GraphVisit::of(&[offer(100, 0, 100), offer(1_000, 0, 10_000)]).expect("some");
        let mean = (libm::log(100.0) + 10.0 * libm::log(1_000.0)) / 11.0;
        assert!((visit.ln_ppm - mean).abs() < 1e-12);
    }
}
