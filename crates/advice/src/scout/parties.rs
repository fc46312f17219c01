//! Who pays and is paid in the model: nodes drawn in proportion to their capacity.
//!
//! Capacity is on chain and costs what it says. To be drawn more often, an attacker
//! has to lock up as much more; splitting it over many nodes gains nothing.

use sweetspot_core::types::units::{Sat, count};
use sweetspot_graph::network::Network;

/// A node that pays, or is paid, in the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Party {
    /// Its number in the network.
    pub node: usize,
    /// Its share of all payments; the shares of a draw add up to 1.
    pub share: f64,
}

/// Draws up to `wanted` parties among the nodes other than `us`. `offset` in
/// [0, 1) moves the draw: the same offset draws the same parties.
///
/// Points at equal distances lie on all capacity laid end to end (systematic
/// sampling), so that a node of more than one distance is drawn for certain, and a
/// large one counts in full.
pub fn draw(network: &Network, us: usize, wanted: usize, offset: f64) -> Vec<Party> {
    let weight = |node: usize| match node == us {
        true => 0.0,
        false => Sat(network.capacity_sat(node)).as_f64(),
    };
    let total: f64 = (0..network.nodes()).map(weight).sum();
    if total <= 0.0 || wanted == 0 {
        return vec![];
    }
    let distance = total / count(wanted);
    let mut next = distance * offset.clamp(0.0, 1.0);
    let mut before = 0.0;
    let mut parties: Vec<Party> = vec![];
    for node in 0..network.nodes() {
        let end = before + weight(node);
        let mut hits = 0;
        while next < end {
            hits += 1;
            next += distance;
        }
        if hits > 0 {
            let share = count(hits) / count(wanted);
            parties.push(Party { node, share });
        }
        before = end;
    }
    parties
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_graph::network::Hop;

    fn hop(to: usize, capacity_sat: u64) -> Hop {
        Hop {
            to,
            capacity_sat,
            min_htlc_sat: 1,
            max_htlc_sat: capacity_sat,
            base_msat: 0,
            ppm: 100,
            cltv: 80,
        }
    }

    #[test]
    fn a_node_counts_by_its_capacity_and_ours_not_at_all() {
        let network = Network::new(
            4,
            vec![
                (0, hop(1, 500)),
                (1, hop(0, 500)),
                (2, hop(1, 1_500)),
                (3, hop(1, 9_000)),
            ],
        );
        let drawn = draw(&network, 3, 100, 0.5);
        let shares: Vec<(usize, f64)> = drawn.iter().map(|p| (p.node, p.share)).collect();
        assert_eq!(shares, [(0, 0.2), (1, 0.2), (2, 0.6)]);
    }

    #[test]
    fn capacity_split_over_many_nodes_is_drawn_no_more_often() {
        let edges = |parts: usize| {
            let size = 1_000_000 / u64::try_from(parts).expect("a number");
            let split = (1..=parts).map(|node| (node, hop(0, size)));
            split.chain([(0, hop(1, 1_000_000))]).collect::<Vec<_>>()
        };
        for parts in [1, 10, 1_000] {
            let network = Network::new(parts + 1, edges(parts));
            let drawn = draw(&network, usize::MAX, 200, 0.5);
            let split: f64 = drawn.iter().filter(|p| p.node > 0).map(|p| p.share).sum();
            assert!((split - 0.5).abs() < 0.01, "{parts}: {split}");
        }
    }

    #[test]
    fn a_graph_without_channels_has_no_parties() {
        assert_eq!(draw(&Network::new(3, vec![]), 0, 10, 0.5), []);
    }
}
