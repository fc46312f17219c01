//! What a route costs a sender, and the cheapest way from a node to all others.
//!
//! The cost is LND's: fee, plus the time lock at a risk factor of 15e-9 per
//! block, plus an attempt cost of 100 sat and 1,000 ppm for each nat of
//! expected failure. A hop of capacity c carries a with probability
//! `0.95 (1 − a/2c)` (uniform liquidity, Pickhardt and Richter 2021, and a
//! twentieth for everything else). All costs are msat as floats.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::math;
use super::network::{Hop, Network};

/// LND's default risk factor, per block.
const RISK_PER_BLOCK: f64 = 15e-9;
/// LND's fixed part of the cost of a failed attempt, in msat.
const ATTEMPT_MSAT: f64 = 100_000.0;
/// LND's proportional part of it.
const ATTEMPT_SHARE: f64 = 0.001;
/// The probability that a hop works, liquidity aside.
const HOP_WORKS: f64 = 0.95;

/// The cost of a failed attempt at `amount_sat`, in msat.
pub fn attempt_cost(amount_sat: f64) -> f64 {
    ATTEMPT_MSAT + amount_sat * 1_000.0 * ATTEMPT_SHARE
}

/// The fee of a hop for `amount_sat`, in msat.
pub fn fee(base_msat: f64, ppm: f64, amount_sat: f64) -> f64 {
    base_msat + amount_sat * ppm / 1_000.0
}

/// What a hop costs beside its fee, in msat; infinite if it cannot carry the
/// amount.
pub fn risk(capacity_sat: f64, cltv: f64, amount_sat: f64, reliability_weight: f64) -> f64 {
    if amount_sat > capacity_sat {
        return f64::INFINITY;
    }
    let works = HOP_WORKS * (1.0 - amount_sat / (2.0 * capacity_sat));
    amount_sat * 1_000.0 * cltv * RISK_PER_BLOCK
        - reliability_weight * attempt_cost(amount_sat) * math::ln(works)
}

/// The cost of every hop of a network for one amount.
pub struct Costs<'a> {
    network: &'a Network,
    /// Fee and the rest, in whole msat (integers keep the heap's order exact).
    parts: Vec<Option<(u64, u64)>>,
    without: usize,
}

impl<'a> Costs<'a> {
    /// For `amount_sat`, on the network without the node `without`.
    pub fn new(
        network: &'a Network,
        without: usize,
        amount_sat: f64,
        reliability_weight: f64,
    ) -> Self {
        let parts = network
            .all_hops()
            .iter()
            .map(|hop| {
                let usable = hop.to != without && carries(hop, amount_sat);
                usable.then(|| {
                    let fee = fee(math::float(hop.base_msat), math::float(hop.ppm), amount_sat);
                    let risk = risk(
                        math::float(hop.capacity_sat),
                        math::float(hop.cltv),
                        amount_sat,
                        reliability_weight,
                    );
                    (math::whole(fee.round()), math::whole(risk.round()))
                })
            })
            .collect();
        Self {
            network,
            parts,
            without,
        }
    }

    /// The least cost from `from` to every node (Dijkstra). A sender pays no
    /// fee on its own first hop; a node asked to forward takes its fee.
    pub fn cheapest_from(&self, from: usize, as_sender: bool) -> Vec<f64> {
        let mut least = vec![u64::MAX; self.network.nodes()];
        let mut open = BinaryHeap::new();
        if from != self.without {
            least[from] = 0;
            open.push(Reverse((0_u64, from)));
        }
        while let Some(Reverse((cost, node))) = open.pop() {
            if cost > least[node] {
                continue;
            }
            let free = as_sender && node == from;
            for at in self.network.range(node) {
                let Some((fee, risk)) = self.parts[at] else {
                    continue;
                };
                let next = self.network.all_hops()[at].to;
                // A graph may name any time lock: what adds up to the largest number is
                // no way.
                let fee = if free { 0 } else { fee };
                let total = cost.saturating_add(risk).saturating_add(fee);
                if total < least[next] {
                    least[next] = total;
                    open.push(Reverse((total, next)));
                }
            }
        }
        least
            .into_iter()
            .map(|cost| match cost {
                u64::MAX => f64::INFINITY,
                cost => math::float(cost),
            })
            .collect()
    }
}

/// Whether a hop's limits let the amount pass.
pub fn carries(hop: &Hop, amount_sat: f64) -> bool {
    amount_sat <= math::float(hop.max_htlc_sat.min(hop.capacity_sat))
        && amount_sat >= math::float(hop.min_htlc_sat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(to: usize, ppm: u64) -> Hop {
        Hop {
            to,
            capacity_sat: 10_000_000,
            min_htlc_sat: 1,
            max_htlc_sat: 9_900_000,
            base_msat: 0,
            ppm,
            cltv: 40,
        }
    }

    #[test]
    fn a_cheaper_detour_is_taken_and_the_removed_node_is_not() {
        let network = Network::new(
            4,
            vec![
                (0, hop(1, 0)),
                (1, hop(3, 5_000)),
                (1, hop(2, 100)),
                (2, hop(3, 100)),
            ],
        );
        let amount = 100_000.0;
        let own = risk(10_000_000.0, 40.0, amount, 1.0).round();
        let all = Costs::new(&network, usize::MAX, amount, 1.0).cheapest_from(0, true);
        // Two fees of 100 ppm on 100,000 sat are 20,000 msat.
        assert_eq!(all[3], 3.0 * own + 20_000.0);
        let without = Costs::new(&network, 2, amount, 1.0).cheapest_from(0, true);
        assert_eq!(without[3], 2.0 * own + 500_000.0);
        assert_eq!(without[2], f64::INFINITY);
    }

    #[test]
    fn a_sender_pays_no_fee_on_its_first_hop() {
        let network = Network::new(2, vec![(0, hop(1, 300))]);
        let costs = Costs::new(&network, usize::MAX, 50_000.0, 1.0);
        let fee = costs.cheapest_from(0, false)[1] - costs.cheapest_from(0, true)[1];
        assert_eq!(fee, 15_000.0);
    }

    #[test]
    fn a_hop_cannot_carry_more_than_its_limit() {
        assert!(carries(&hop(1, 0), 9_900_000.0));
        assert!(!carries(&hop(1, 0), 9_900_001.0));
        assert_eq!(risk(10.0, 40.0, 11.0, 1.0), f64::INFINITY);
    }
}
