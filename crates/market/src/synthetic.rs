//! A network out of nothing, with the public graph's published shape.
//!
//! Targets (public graph of August 2026): out-degree 1 for 52 % of nodes, at
//! least 10 for 11 %, 100 for 1.1 %, 200 for 0.36 %; rates 0 ppm for 6.5 %, 1
//! ppm for 22 %, median 105, p75 640, p90 2,000, p95 3,000; base fee 0 for
//! 45 %, 1,000 msat for 43 %; max_htlc median 2.97 M sat, p90 19.8 M. A node
//! prices its channels differently (p90/p10 about 40 times), so a rate is part
//! the node's habit and part the channel's; larger channels cost a little more.

use std::collections::BTreeSet;

use super::math;
use super::network::{Hop, Network};
use super::random::{Purpose, Random};

/// Points (share of nodes with a lower degree, degree), log-linear between.
const DEGREES: [(f64, f64); 7] = [
    (0.0, 1.0),
    (0.52, 1.5),
    (0.70, 3.0),
    (0.89, 10.0),
    (0.989, 100.0),
    (0.9964, 200.0),
    (1.0, 900.0),
];
/// Points (share of directions below, ppm) above the share of 0 and 1 ppm.
const RATES_PPM: [(f64, f64); 7] = [
    (0.285, 1.5),
    (0.40, 25.0),
    (0.50, 105.0),
    (0.75, 640.0),
    (0.90, 2_000.0),
    (0.95, 3_000.0),
    (1.0, 10_000.0),
];
const ZERO_PPM_SHARE: f64 = 0.065;
const MAX_HTLC_MEDIAN_SAT: f64 = 2_970_000.0;
const MAX_HTLC_LN_SD: f64 = 1.48;
/// Cumulative shares of CLTV deltas.
const CLTVS: [(f64, u64); 6] = [
    (0.40, 80),
    (0.62, 144),
    (0.78, 40),
    (0.88, 100),
    (0.97, 34),
    (1.0, 18),
];

/// A network of `nodes` nodes.
pub fn network(nodes: usize, seed: u64) -> Network {
    let mut random = Random::stream(seed, Purpose::Network, 0);
    let pairs = pairs(nodes, &mut random);
    let habits: Vec<f64> = (0..nodes).map(|_| random.normal()).collect();
    let mut edges = Vec::with_capacity(pairs.len() * 2);
    for (a, b) in pairs {
        let size = random.normal();
        let max_htlc = MAX_HTLC_MEDIAN_SAT * math::exp(MAX_HTLC_LN_SD * size);
        for (from, to) in [(a, b), (b, a)] {
            edges.push((from, hop(to, habits[from], size, max_htlc, &mut random)));
        }
    }
    Network::new(nodes, edges)
}

fn hop(to: usize, habit: f64, size: f64, max_htlc_sat: f64, random: &mut Random) -> Hop {
    // Three independent standard normals with squared weights that sum to 1.
    let taste = 0.6 * habit + 0.15 * size + 0.786 * random.normal();
    let share = math::normal_cdf(taste);
    let ppm = if share < ZERO_PPM_SHARE {
        0.0
    } else if share < RATES_PPM[0].0 {
        1.0
    } else {
        quantile(&RATES_PPM, share)
    };
    let base_msat = match random.unit() {
        u if u < 0.45 => 0,
        u if u < 0.88 => 1_000,
        _ => math::whole(random.exponential(400.0)),
    };
    let u = random.unit();
    let cltv = CLTVS.iter().find(|(below, _)| u < *below);
    Hop {
        to,
        capacity_sat: math::whole(max_htlc_sat / 0.99),
        min_htlc_sat: 1,
        max_htlc_sat: math::whole(max_htlc_sat),
        base_msat,
        ppm: math::whole(ppm.round()),
        cltv: cltv.map_or(80, |(_, blocks)| *blocks),
    }
}

/// Who has a channel with whom: each node, from the smallest up, finds partners
/// in proportion to the channels they still want; leaves want hubs.
fn pairs(nodes: usize, random: &mut Random) -> BTreeSet<(usize, usize)> {
    let mut wanted: Vec<usize> = (0..nodes)
        .map(|rank| {
            let share = (math::count(rank) + 0.5) / math::count(nodes);
            usize::try_from(math::whole(quantile(&DEGREES, share).round())).unwrap_or(1)
        })
        .collect();
    // Each node stands in the pool once for each channel it wants.
    let mut pool: Vec<usize> = (0..nodes)
        .filter(|node| wanted[*node] >= 3)
        .flat_map(|node| std::iter::repeat_n(node, wanted[node]))
        .collect();
    let mut pairs = BTreeSet::new();
    for node in 0..nodes {
        let mut tries = 0;
        while wanted[node] > 0 && tries < 40 && !pool.is_empty() {
            tries += 1;
            let at = random.below(pool.len());
            let partner = pool[at];
            if wanted[partner] == 0 {
                pool.swap_remove(at);
                continue;
            }
            let pair = (node.min(partner), node.max(partner));
            if partner != node && pairs.insert(pair) {
                wanted[node] -= 1;
                wanted[partner] -= 1;
                pool.swap_remove(at);
                tries = 0;
            }
        }
    }
    pairs
}

/// A quantile by log-linear interpolation between known points.
fn quantile(points: &[(f64, f64)], share: f64) -> f64 {
    for pair in points.windows(2) {
        let [(low, from), (high, to)] = [pair[0], pair[1]];
        if share <= high {
            let along = ((share - low) / (high - low)).max(0.0);
            return math::exp(math::ln(from) + along * (math::ln(to) - math::ln(from)));
        }
    }
    points.last().map_or(0.0, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hops: &[Hop], holds: impl Fn(&Hop) -> bool) -> f64 {
        math::count(hops.iter().filter(|hop| holds(hop)).count()) / math::count(hops.len())
    }

    #[test]
    fn the_shape_is_the_public_graphs() {
        let network = network(3_000, 5);
        let hops = network.all_hops();
        let near = |have: f64, want: f64, by: f64| {
            assert!((have - want).abs() < by, "{have} is not {want} ± {by}");
        };
        near(share(hops, |h| h.ppm == 0), 0.065, 0.02);
        near(share(hops, |h| h.ppm <= 1), 0.285, 0.04);
        near(share(hops, |h| h.ppm <= 105), 0.5, 0.05);
        near(share(hops, |h| h.ppm <= 2_000), 0.9, 0.03);
        near(share(hops, |h| h.base_msat == 0), 0.45, 0.03);
        near(share(hops, |h| h.max_htlc_sat <= 2_970_000), 0.5, 0.03);
        near(share(hops, |h| h.max_htlc_sat <= 19_800_000), 0.9, 0.02);
        let degrees: Vec<usize> = (0..3_000).map(|n| network.partners(n).len()).collect();
        let at_least =
            |degree| math::count(degrees.iter().filter(|d| **d >= degree).count()) / 3_000.0;
        near(at_least(2), 0.48, 0.05);
        near(at_least(10), 0.11, 0.03);
        near(at_least(100), 0.011, 0.006);
    }

    #[test]
    fn nearly_every_node_can_be_reached() {
        let network = network(1_000, 9);
        let mut seen = vec![false; 1_000];
        let mut open = vec![999];
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                open.extend(network.hops(node).iter().map(|hop| hop.to));
            }
        }
        assert!(seen.iter().filter(|s| **s).count() > 970);
    }

    #[test]
    fn a_seed_gives_the_same_network() {
        assert_eq!(network(300, 2).all_hops(), network(300, 2).all_hops());
        assert_ne!(network(300, 2).all_hops(), network(300, 3).all_hops());
    }
}
