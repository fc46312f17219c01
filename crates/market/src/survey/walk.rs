//! What a random walk through the public graph meets.

use sweetspot_core::types::graph_visit::{GraphVisit, Offer};
use sweetspot_core::types::units::{FeePpm, Msat};

use crate::network::{Hop, Network};
use crate::random::{Purpose, Random};

/// How many nodes it visits: a week of one in five minutes.
const VISITS: usize = 2_000;

/// Visits of the nodes that hops drawn at random leave from: as often as a walk would
/// come by.
pub fn through(network: &Network, seed: u64) -> Vec<GraphVisit> {
    let mut random = Random::stream(seed, Purpose::Walk, 0);
    let hops = network.all_hops().len();
    let visit = |_| {
        let hop = random.below(hops);
        let node = network.origin(hop)?;
        let offers: Vec<Offer> = network.hops(node).iter().map(offer).collect();
        GraphVisit::of(&offers)
    };
    (0..VISITS).filter_map(visit).collect()
}

fn offer(hop: &Hop) -> Offer {
    Offer {
        rate: FeePpm(u32::try_from(hop.ppm).unwrap_or(u32::MAX)),
        base_fee: Msat(hop.base_msat),
        max_htlc: Msat(hop.max_htlc_sat.saturating_mul(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_walk_reads_what_the_network_charges_and_how_it_changes() {
        let network = synthetic::network(1_200, 11);
        let ln_mean = |network: &Network| {
            let visits = through(network, 1);
            let weight: f64 = visits.iter().map(|visit| visit.weight).sum();
            let sum: f64 = visits.iter().map(|visit| visit.weight * visit.ln_ppm).sum();
            sum / weight
        };
        let dearer = network.with_fees_scaled(2.2);
        assert!((ln_mean(&network).exp() - 74.0).abs() < 1.0);
        let times = (ln_mean(&dearer) - ln_mean(&network)).exp();
        assert!((2.0..2.2).contains(&times), "{times}");
    }
}
