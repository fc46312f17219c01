//! The public graph as a sender sees it: directed hops with their policies.

use super::math;

/// One direction of a channel, as its sending side advertises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The node it leads to.
    pub to: usize,
    /// The channel's capacity, in sat.
    pub capacity_sat: u64,
    /// The smallest HTLC, in sat (rounded up).
    pub min_htlc_sat: u64,
    /// The largest HTLC, in sat.
    pub max_htlc_sat: u64,
    /// The base fee, in msat.
    pub base_msat: u64,
    /// The rate, in ppm.
    pub ppm: u64,
    /// The CLTV delta, in blocks.
    pub cltv: u64,
}

impl Hop {
    /// Placeholder policies ("do not use") are no prices: above 100,000 ppm or
    /// 1,000 sat base a direction counts as closed.
    pub fn is_priced(&self) -> bool {
        self.ppm <= 100_000 && self.base_msat <= 1_000_000
    }
}

/// A graph in compressed rows: the hops out of one node lie together.
#[derive(Clone, Debug)]
pub struct Network {
    first: Vec<usize>,
    hops: Vec<Hop>,
}

impl Network {
    /// From `(from, hop)` pairs among `nodes` nodes. Pairs that name nodes out
    /// of range, loops and unpriced directions are dropped.
    pub fn new(nodes: usize, mut edges: Vec<(usize, Hop)>) -> Self {
        edges.retain(|(from, hop)| {
            *from < nodes && hop.to < nodes && *from != hop.to && hop.is_priced()
        });
        edges.sort_by_key(|(from, hop)| (*from, hop.to));
        let mut first = vec![0; nodes + 1];
        for (from, _) in &edges {
            first[from + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        Self {
            first,
            hops: edges.into_iter().map(|(_, hop)| hop).collect(),
        }
    }

    /// The same graph with every fee times `factor`, rounded.
    pub fn with_fees_scaled(&self, factor: f64) -> Self {
        let scaled = |fee: u64| math::whole((math::float(fee) * factor).round());
        let hops = self.hops.iter().map(|hop| Hop {
            base_msat: scaled(hop.base_msat),
            ppm: scaled(hop.ppm),
            ..*hop
        });
        Self {
            first: self.first.clone(),
            hops: hops.collect(),
        }
    }

    /// The same graph with every hop turned round: ways to a node become ways from it.
    pub fn reversed(&self) -> Self {
        let turn = |from: usize| {
            let hops = self.hops(from).iter();
            hops.map(move |hop| (hop.to, Hop { to: from, ..*hop }))
        };
        Self::new(self.nodes(), (0..self.nodes()).flat_map(turn).collect())
    }

    /// The node that a hop leaves, by its place in [`all_hops`](Self::all_hops).
    pub fn origin(&self, hop: usize) -> Option<usize> {
        self.first
            .partition_point(|first| *first <= hop)
            .checked_sub(1)
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.first.len() - 1
    }

    /// The hops out of `node`.
    pub fn hops(&self, node: usize) -> &[Hop] {
        &self.hops[self.range(node)]
    }

    /// All hops, those of one node together.
    pub fn all_hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Where the hops of `node` lie in [`all_hops`](Self::all_hops).
    pub fn range(&self, node: usize) -> std::ops::Range<usize> {
        self.first[node]..self.first[node + 1]
    }

    /// The nodes with a hop from `node` and one back, in order.
    pub fn partners(&self, node: usize) -> Vec<usize> {
        let mut partners: Vec<usize> = self.hops(node).iter().map(|hop| hop.to).collect();
        partners.dedup();
        partners.retain(|partner| self.hop(*partner, node).is_some());
        partners
    }

    /// The largest hop from one node to another.
    pub fn hop(&self, from: usize, to: usize) -> Option<&Hop> {
        let between = self.hops(from).iter().filter(|hop| hop.to == to);
        between.max_by_key(|hop| hop.capacity_sat)
    }

    /// The capacity of a node's channels, in sat; at most the largest number.
    pub fn capacity_sat(&self, node: usize) -> u64 {
        let capacities = self.hops(node).iter().map(|hop| hop.capacity_sat);
        capacities.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_fees_leave_the_graph_as_it_is() {
        let hop = Hop {
            to: 1,
            capacity_sat: 1_000_000,
            min_htlc_sat: 1,
            max_htlc_sat: 990_000,
            base_msat: 1_000,
            ppm: 101,
            cltv: 80,
        };
        let scaled = Network::new(2, vec![(0, hop)]).with_fees_scaled(0.45);
        let expected = Hop {
            base_msat: 450,
            ppm: 45,
            ..hop
        };
        assert_eq!(scaled.all_hops(), [expected]);
        assert_eq!(scaled.hop(0, 1), Some(&expected));
        assert_eq!((scaled.origin(0), scaled.nodes()), (Some(0), 2));
        let back = scaled.reversed();
        assert_eq!(back.hop(1, 0), Some(&Hop { to: 0, ..expected }));
        assert!(back.hops(0).is_empty());
    }
}
