//! Whether scout knows a good peer: a real peer of a real node is dropped from the
//! graph, and it is looked how high scout, capacity and degree each rank it among all
//! that the node could open a channel to.
//!
//! That asks what operators choose, not what earns. So it is also asked what the first
//! ten by each would add under payments between other nodes than those that scout
//! ranked by: the same model of routes, but not the same demand.
//!
//! Operators choose large and well-known nodes, so that capacity and degree rank high
//! what was chosen, good or not. The second figure therefore asks only among nodes of
//! about the same number of channels, where neither knows much.

use super::candidate::{LEAST_PARTNERS, candidates, gain};
use super::market::{Market, Standing};
use sweetspot_graph::math;
use sweetspot_graph::network::Network;

/// Nodes of about the same number of channels: within this factor.
const ALIKE: f64 = 1.25;

/// Where one dropped peer came back. Each is the share of the other candidates that
/// are ranked below it: 1 is the top, 0.5 is chance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// By scout.
    pub scout: f64,
    /// By capacity.
    pub capacity: f64,
    /// By number of channels.
    pub degree: f64,
    /// By scout, among candidates of about the same number of channels; as above for
    /// the next.
    pub scout_alike: f64,
    /// By capacity, among them.
    pub capacity_alike: f64,
    /// By number of channels, among them.
    pub degree_alike: f64,
    /// Whether it is among the first twentieth by scout, by capacity and by degree.
    pub in_top: [bool; 3],
}

/// Nodes to check with: `wanted` of those with 10 to 100 peers, evenly spread.
/// `odd` takes those with odd numbers, which were used for choosing the model; the
/// others were not.
pub fn nodes(network: &Network, wanted: usize, odd: bool) -> Vec<usize> {
    let fit: Vec<usize> = (0..network.nodes())
        .filter(|node| (node % 2 == 1) == odd)
        .filter(|node| (10..=100).contains(&network.partners(*node).len()))
        .collect();
    spread(&fit, wanted)
}

/// What ten new channels, each alone, would add on average under demand that was not
/// ranked by, in msat of one payment of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Added {
    /// The first ten by scout.
    pub scout_msat: f64,
    /// The ten of the largest capacity.
    pub capacity_msat: f64,
    /// The ten with the most channels.
    pub degree_msat: f64,
}

/// What the first ten candidates of `us` by each way of choosing would add.
pub fn added(network: &Network, reversed: &Network, us: usize) -> Added {
    let [ranked, other] = [0.5, 0.25].map(|offset| Market::new(network, reversed, us, offset));
    let [ranked_standing, other_standing] = [&ranked, &other].map(|market| market.standing(None));
    let open = candidates(&ranked, &ranked.peers());
    let middle = |market: &Market, standing: &Standing, node| {
        gain(market, standing, node).map_or(0.0, |gain| gain.middle_msat())
    };
    let first_ten_by = |value: &dyn Fn(usize) -> f64| {
        let mut by: Vec<(f64, usize)> = open.iter().map(|node| (value(*node), *node)).collect();
        by.sort_by(|a, b| b.0.total_cmp(&a.0));
        by.truncate(10);
        let added = by
            .iter()
            .map(|(_, node)| middle(&other, &other_standing, *node));
        added.sum::<f64>() / math::count(by.len().max(1))
    };
    Added {
        scout_msat: first_ten_by(&|node| middle(&ranked, &ranked_standing, node)),
        capacity_msat: first_ten_by(&|node| math::float(network.capacity_sat(node))),
        degree_msat: first_ten_by(&|node| math::count(network.partners(node).len())),
    }
}

/// Drops up to `drops` peers of `us`, one at a time.
pub fn check(network: &Network, reversed: &Network, us: usize, drops: usize) -> Vec<Found> {
    let market = Market::new(network, reversed, us, 0.5);
    let peers = market.peers();
    let fit: Vec<usize> = peers
        .iter()
        .copied()
        .filter(|peer| network.partners(*peer).len() > LEAST_PARTNERS)
        .collect();
    let drop = |peer: usize| {
        let standing = market.standing(Some(peer));
        let others: Vec<usize> = peers.iter().copied().filter(|p| *p != peer).collect();
        let open = candidates(&market, &others);
        let by = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            open.iter().map(|node| value(*node)).collect()
        };
        let scores = [
            by(&|node| gain(&market, &standing, node).map_or(0.0, |gain| gain.middle_msat())),
            by(&|node| math::float(network.capacity_sat(node))),
            // The dropped peer is one channel poorer than the graph has it.
            by(&|node| math::count(network.partners(node).len()) - f64::from(node == peer)),
        ];
        let at = open.iter().position(|node| *node == peer)?;
        let times = |node: usize| scores[2][node] / scores[2][at];
        let alike: Vec<bool> = (0..open.len())
            .map(|node| (1.0 / ALIKE..=ALIKE).contains(&times(node)))
            .collect();
        let all = vec![true; open.len()];
        let [scout, capacity, degree] = [0, 1, 2].map(|by: usize| above(&scores[by], at, &all));
        let [scout_alike, capacity_alike, degree_alike] =
            [0, 1, 2].map(|by: usize| above(&scores[by], at, &alike));
        Some(Found {
            scout,
            capacity,
            degree,
            scout_alike,
            capacity_alike,
            degree_alike,
            in_top: [scout, capacity, degree].map(|place| place >= 0.95),
        })
    };
    spread(&fit, drops).into_iter().filter_map(drop).collect()
}

/// Which share of the other counted scores is below that at `at`; equal ones are half
/// below.
fn above(scores: &[f64], at: usize, counted: &[bool]) -> f64 {
    let (mut below, mut others) = (0.0, 0.0);
    for (other, score) in scores.iter().enumerate() {
        if other == at || !counted[other] {
            continue;
        }
        others += 1.0;
        below += match scores[at].total_cmp(score) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
    }
    if others > 0.0 { below / others } else { 0.5 }
}

fn spread(from: &[usize], wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(from.len());
    (0..wanted).map(|n| from[n * from.len() / wanted]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_share_of_others_below_and_equals_are_half() {
        let scores = [3.0, 1.0, 3.0, 5.0];
        assert_eq!(above(&scores, 0, &[true; 4]), 0.5);
        assert_eq!(above(&scores, 0, &[true, true, false, false]), 1.0);
        assert_eq!(above(&scores, 3, &[true; 4]), 1.0);
        assert_eq!(above(&[7.0], 0, &[true]), 0.5);
    }
}
