//! A graph whose nodes have names.

use std::collections::BTreeMap;

use super::network::{Hop, Network};
use sweetspot_core::types::clean_text::CleanText;

/// One direction of a channel, as gossip tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The smallest HTLC, in msat.
    pub min_htlc_msat: u64,
    /// The largest HTLC, in msat.
    pub max_htlc_msat: u64,
    /// The base fee, in msat.
    pub base_msat: u64,
    /// The rate, in ppm.
    pub ppm: u64,
    /// The CLTV delta, in blocks.
    pub cltv: u64,
}

/// A channel of the graph. A direction that is missing or disabled is `None`.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The keys of its two nodes.
    pub nodes: [String; 2],
    /// Its capacity, in sat.
    pub capacity_sat: u64,
    /// What the first and what the second node says of its direction.
    pub directions: [Option<Direction>; 2],
}

/// Who a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeName {
    /// Its key, in hex; in a graph without keys its number.
    pub key: CleanText,
    /// What it calls itself; may be empty.
    pub alias: CleanText,
}

/// The network, and who its nodes are.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Nodes by number.
    pub network: Network,
    /// Their names, by the same numbers.
    pub names: Vec<NodeName>,
}

impl Graph {
    /// From channels and the aliases of nodes by their keys. Nodes are numbered in
    /// the order of their keys.
    pub fn new(edges: &[Edge], aliases: &BTreeMap<String, String>) -> Self {
        let mut numbers = BTreeMap::new();
        for key in edges.iter().flat_map(|edge| &edge.nodes) {
            numbers.insert(key.as_str(), 0);
        }
        for (number, place) in numbers.values_mut().enumerate() {
            *place = number;
        }
        let mut hops = vec![];
        for edge in edges {
            let [one, two] = [0, 1].map(|end: usize| numbers[edge.nodes[end].as_str()]);
            for (from, to, said) in [
                (one, two, edge.directions[0]),
                (two, one, edge.directions[1]),
            ] {
                hops.extend(said.map(|said| (from, said.hop(to, edge.capacity_sat))));
            }
        }
        let alias = |key: &str| aliases.get(key).map_or("", String::as_str);
        let names = numbers.keys().map(|key| NodeName {
            key: CleanText::new(key),
            alias: CleanText::alias(alias(key)),
        });
        let names: Vec<_> = names.collect();
        Self {
            network: Network::new(names.len(), hops),
            names,
        }
    }

    /// The number of the node with this key.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.names.iter().position(|name| name.key.as_str() == key)
    }
}

impl Direction {
    fn hop(self, to: usize, capacity_sat: u64) -> Hop {
        Hop {
            to,
            capacity_sat,
            min_htlc_sat: self.min_htlc_msat.div_ceil(1_000),
            max_htlc_sat: self.max_htlc_msat / 1_000,
            base_msat: self.base_msat,
            ppm: self.ppm,
            cltv: self.cltv,
        }
    }
}
