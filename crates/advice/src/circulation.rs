//! The cheapest circulation in a graph, exact in whole numbers.
//!
//! Arcs that pay are filled to the brim first. What then piles up at some nodes and
//! lacks at others is brought back by successive shortest paths, all of whose costs
//! are then above zero. The crates that do this abort on odd input or carry a C++
//! library; this is a page.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Costs beyond this, either way, are taken as this: sums of them never overflow.
const MOST_COST: i64 = 1_000_000_000_000;

/// One way between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// How much fits through.
    pub most: u64,
    /// What a unit costs; below zero it pays.
    pub cost: i64,
}

#[derive(Clone, Copy)]
struct Edge {
    to: usize,
    room: u64,
    cost: i64,
}

/// Edge `2 n` goes the way of arc `n`, edge `2 n + 1` takes it back.
struct Residual {
    edges: Vec<Edge>,
    out: Vec<Vec<usize>>,
}

impl Residual {
    fn add(&mut self, from: usize, edge: Edge, filled: u64) {
        self.out[from].push(self.edges.len());
        self.out[edge.to].push(self.edges.len() + 1);
        self.edges.push(edge);
        self.edges.push(Edge {
            to: from,
            room: filled,
            cost: -edge.cost,
        });
    }

    /// The cheapest way between two nodes by `potential`, which is moved along.
    fn path(&self, from: usize, to: usize, potential: &mut [i64]) -> Option<Vec<usize>> {
        let mut far: Vec<Option<i64>> = vec![None; self.out.len()];
        let mut by = vec![None; self.out.len()];
        let mut waiting = BinaryHeap::from([(Reverse(0), from)]);
        far[from] = Some(0);
        while let Some((Reverse(distance), node)) = waiting.pop() {
            if far[node].is_none_or(|known| known < distance) {
                continue;
            }
            for index in &self.out[node] {
                let edge = self.edges[*index];
                let reached = distance + edge.cost + potential[node] - potential[edge.to];
                if edge.room > 0 && far[edge.to].is_none_or(|known| reached < known) {
                    far[edge.to] = Some(reached);
                    by[edge.to] = Some(*index);
                    waiting.push((Reverse(reached), edge.to));
                }
            }
        }
        let whole = far[to]?;
        for (potential, far) in potential.iter_mut().zip(&far) {
            *potential += far.unwrap_or(whole).min(whole);
        }
        let mut path = vec![];
        let mut node = to;
        while let Some(index) = by[node].filter(|_| node != from) {
            path.push(index);
            node = self.edges[index ^ 1].to;
        }
        Some(path)
    }

    fn push(&mut self, path: &[usize]) {
        let fits = path.iter().map(|index| self.edges[*index].room).min();
        for index in path {
            self.edges[*index].room -= fits.unwrap_or(0);
            let back = &mut self.edges[index ^ 1].room;
            *back = back.saturating_add(fits.unwrap_or(0));
        }
    }
}

/// How much flows through each arc so that the whole costs least. Arcs that name no
/// node carry nothing.
pub fn cheapest(nodes: usize, arcs: &[Arc]) -> Vec<u64> {
    let (source, sink) = (nodes, nodes + 1);
    let mut residual = Residual {
        edges: vec![],
        out: vec![vec![]; nodes + 2],
    };
    let mut excess = vec![0_i128; nodes];
    let is_one = |arc: &Arc| arc.from < nodes && arc.to < nodes && arc.from != arc.to;
    for arc in arcs.iter().filter(|arc| is_one(arc)) {
        let cost = arc.cost.clamp(-MOST_COST, MOST_COST);
        let filled = if cost < 0 { arc.most } else { 0 };
        excess[arc.to] += i128::from(filled);
        excess[arc.from] -= i128::from(filled);
        let edge = Edge {
            to: arc.to,
            room: arc.most - filled,
            cost,
        };
        residual.add(arc.from, edge, filled);
    }
    for (node, excess) in excess.iter().enumerate() {
        let room = u64::try_from(excess.unsigned_abs()).unwrap_or(u64::MAX);
        let (from, to) = match *excess > 0 {
            true => (source, node),
            false => (node, sink),
        };
        let edge = Edge { to, room, cost: 0 };
        residual.add(from, edge, 0);
    }
    let mut potential = vec![0; nodes + 2];
    while let Some(path) = residual.path(source, sink, &mut potential) {
        residual.push(&path);
    }
    let mut taken = 0..;
    let flow = |arc: &Arc| match is_one(arc) {
        true => taken
            .next()
            .map_or(0, |n: usize| residual.edges[2 * n + 1].room),
        false => 0,
    };
    arcs.iter().map(flow).collect()
}

/// A flow as closed walks through node 0: the arcs of each in order, and how much goes
/// around. What goes around elsewhere is left out.
pub fn walks(arcs: &[Arc], mut flow: Vec<u64>) -> Vec<(Vec<usize>, u64)> {
    let mut found = vec![];
    loop {
        let mut way: Vec<usize> = vec![];
        let mut node = 0;
        let closed = loop {
            let next = (0..arcs.len()).find(|n| flow[*n] > 0 && arcs[*n].from == node);
            let Some(next) = next else { return found };
            way.push(next);
            node = arcs[next].to;
            let start = way.iter().position(|n| arcs[*n].from == node);
            if let Some(start) = start {
                break way.split_off(start);
            }
        };
        let around = closed.iter().map(|n| flow[*n]).min().unwrap_or(0);
        for n in &closed {
            flow[*n] -= around;
        }
        if node == 0 {
            found.push((closed, around));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost(arcs: &[Arc], flow: &[u64]) -> i64 {
        let costs = arcs.iter().zip(flow);
        costs
            .map(|(arc, flow)| arc.cost * i64::try_from(*flow).expect("small"))
            .sum()
    }

    fn balances(arcs: &[Arc], flow: &[u64]) -> bool {
        (0..4).all(|node| {
            let sum = |end: fn(&Arc) -> usize| {
                let of_node = arcs.iter().zip(flow).filter(|(arc, _)| end(arc) == node);
                of_node.map(|(_, flow)| *flow).sum::<u64>()
            };
            sum(|arc| arc.from) == sum(|arc| arc.to)
        })
    }

    /// Every flow there is.
    fn all_flows(arcs: &[Arc]) -> Vec<Vec<u64>> {
        arcs.iter().fold(vec![vec![]], |flows, arc| {
            let longer = flows.iter().flat_map(|flow| {
                (0..=arc.most).map(move |more| flow.iter().copied().chain([more]).collect())
            });
            longer.collect()
        })
    }

    fn arc() -> impl Strategy<Value = Arc> {
        (0..4_usize, 1..4_usize, 0..4_u64, -6..7_i64).prop_map(|(from, step, most, cost)| Arc {
            from,
            to: (from + step) % 4,
            most,
            cost,
        })
    }

    proptest! {
        #[test]
        fn no_other_circulation_is_cheaper(arcs in proptest::collection::vec(arc(), 0..7)) {
            let found = cheapest(4, &arcs);
            prop_assert!(balances(&arcs, &found));
            prop_assert!(arcs.iter().zip(&found).all(|(arc, flow)| *flow <= arc.most));
            let all = all_flows(&arcs);
            let best = all.iter().filter(|flow| balances(&arcs, flow));
            let best = best.map(|flow| cost(&arcs, flow)).min();
            prop_assert_eq!(Some(cost(&arcs, &found)), best);
        }

        #[test]
        fn walks_are_closed_and_carry_what_passes_node_0(
            arcs in proptest::collection::vec(arc(), 0..9)
        ) {
            let flow = cheapest(4, &arcs);
            let out: u64 = arcs.iter().zip(&flow).filter(|(a, _)| a.from == 0).map(|(_, f)| f).sum();
            let found = walks(&arcs, flow);
            let around: u64 = found.iter().map(|(_, around)| around).sum();
            prop_assert_eq!(around, out);
            for (way, _) in &found {
                let next = way.iter().skip(1).chain(way.first());
                for (one, next) in way.iter().zip(next) {
                    prop_assert_eq!(arcs[*one].to, arcs[*next].from);
                }
                prop_assert_eq!(way.iter().filter(|n| arcs[**n].from == 0).count(), 1);
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let most = |from, to, cost| Arc {
            from,
            to,
            most: u64::MAX,
            cost,
        };
        let arcs = [most(0, 1, i64::MIN), most(1, 0, i64::MAX), most(0, 9, 1)];
        assert_eq!(cheapest(2, &arcs).len(), 3);
        let arcs = [most(0, 1, i64::MIN), most(1, 0, 5)];
        assert_eq!(cheapest(2, &arcs), [u64::MAX, u64::MAX]);
    }
}
