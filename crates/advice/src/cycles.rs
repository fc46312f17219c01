//! Closed walks through our channels that pay for themselves: out by a channel that
//! has too much, in by one that has too little, for less than the balance gains there.
//!
//! Found as the cheapest circulation over our own channels, each cut into pieces of
//! falling worth ([`crate::worth`]), and the public hops between our peers. Base fees
//! count there by their share of a payment of 100,000 sat, and what may be below zero
//! between others counts as nothing. Then each walk is worked out exactly, at its own
//! amount, and what does not gain is dropped.
//!
//! Several nodes of one operator are one: what leaves by a channel of the one may come
//! in by a channel of another, and nothing is moved between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::circulation::{Arc, cheapest, walks};
use crate::public_hop::{BASE_MSAT_PER_PPM, PublicHop};
use crate::worth::{Need, Own};
use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::units::{Msat, Sat};

/// Pieces into which what a channel lacks, or may give, is cut.
const PIECES: u64 = 4;
/// Less is not worth the attempts that a payment takes.
const LEAST_SAT: u64 = 10_000;
/// LND's onion has room for 20 hops; the way to ourselves takes two of our own.
const MOST_HOPS: usize = 18;

/// A walk that pays for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Out by this channel ...
    pub out: ChannelPoint,
    /// ... over these nodes ...
    pub over: Vec<PeerId>,
    /// ... in by this one.
    pub into: ChannelPoint,
    /// What comes in.
    pub amount_sat: u64,
    /// What the nodes on the way take.
    pub cost_msat: u64,
    /// What the balance that comes in is worth, less that of what leaves.
    pub worth_msat: f64,
}

impl Walk {
    /// What leaves: what comes in, and the cost.
    fn leaves_sat(&self) -> f64 {
        Sat(self.amount_sat).as_f64() + Msat(self.cost_msat).as_sat()
    }

    /// What is left of the worth.
    pub fn gain_msat(&self) -> f64 {
        self.worth_msat - Msat(self.cost_msat).as_f64()
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What each channel lacks or may give.
    pub needs: BTreeMap<ChannelPoint, Need>,
    /// The walks, the greatest gain first.
    pub walks: Vec<Walk>,
}

/// What an arc stands for.
#[derive(Clone, Copy)]
enum Way<'a> {
    Out(&'a Own<'a>),
    Between(&'a PublicHop),
    In(&'a Own<'a>),
}

/// Finds the walks of our nodes whose payments are to carry `most_sat` at most.
pub fn find(own: &[Own<'_>], hops: &[PublicHop], tuning: &Tuning, most_sat: u64) -> Found {
    let us: BTreeSet<PeerId> = own.iter().map(|one| one.node).collect();
    let with_need = own.iter().filter_map(|one| {
        // What lies between two of us is lacking at neither end.
        let outwards = !us.contains(&one.channel.peer);
        let need = Need::of(one, tuning).filter(|_| outwards)?;
        Some((one.channel.point, need))
    });
    let needs: BTreeMap<_, _> = with_need.collect();
    let mut graph = Graph::default();
    for one in own {
        if let Some(need) = needs.get(&one.channel.point) {
            graph.own(one, need);
        }
    }
    // No hop is worth more than the dearest balance.
    let dearest = needs
        .values()
        .filter(|need| need.need_sat > 0)
        .map(|need| need.price_ppm)
        .fold(0.0, f64::max);
    for hop in hops {
        let is_ours = us.contains(&hop.from) || us.contains(&hop.to);
        if !is_ours && hop.from != hop.to && hop.ppm() < dearest {
            graph.between(hop);
        }
    }
    let flow = cheapest(graph.nodes(), &graph.arcs);
    // Walks that differ in the pieces only are one.
    let mut around: BTreeMap<_, (u64, Vec<Way<'_>>)> = BTreeMap::new();
    for (way, amount) in walks(&graph.arcs, flow) {
        let ways: Vec<_> = way.iter().map(|n| graph.ways[*n]).collect();
        let ends = [ways.first(), ways.last()].map(|end| match end {
            Some(Way::Out(own) | Way::In(own)) => Some(own.channel.point),
            _ => None,
        });
        let between = way.get(1..way.len().saturating_sub(1));
        let entry = around.entry((ends, between.unwrap_or_default().to_vec()));
        let entry = entry.or_insert((0, ways));
        entry.0 = entry.0.saturating_add(amount);
    }
    let mut moved = BTreeMap::new();
    let mut found: Vec<Walk> = vec![];
    for (amount, ways) in around.values() {
        // The search may have taken a discount for more than a free forward, or a base
        // fee for less than it is: then a part may gain where the whole does not.
        let parts = (1..=PIECES).map(|part| (*amount).min(most_sat) / PIECES * part);
        let gaining = parts.filter_map(|sat| walk(ways, sat, &needs, &moved));
        if let Some(best) = gaining.max_by(|a, b| a.gain_msat().total_cmp(&b.gain_msat())) {
            *moved.entry(best.out).or_default() += best.leaves_sat();
            *moved.entry(best.into).or_default() += Sat(best.amount_sat).as_f64();
            found.push(best);
        }
    }
    found.sort_by(|a, b| b.gain_msat().total_cmp(&a.gain_msat()));
    Found {
        needs,
        walks: found,
    }
}

#[derive(Default)]
struct Graph<'a> {
    numbers: BTreeMap<PeerId, usize>,
    arcs: Vec<Arc>,
    ways: Vec<Way<'a>>,
}

impl<'a> Graph<'a> {
    /// We are number 0.
    fn nodes(&self) -> usize {
        self.numbers.len() + 1
    }

    fn number(&mut self, node: PeerId) -> usize {
        let next = self.numbers.len() + 1;
        *self.numbers.entry(node).or_insert(next)
    }

    fn add(&mut self, arc: Arc, way: Way<'a>) {
        self.arcs.push(arc);
        self.ways.push(way);
    }

    fn own(&mut self, own: &'a Own<'a>, need: &Need) {
        let Some(theirs) = own.channel.peer_policy else {
            return;
        };
        let peer = self.number(own.channel.peer);
        let fills = need.need_sat > 0;
        if fills && theirs.disabled {
            return;
        }
        let most = need.most_sat();
        for piece in 0..PIECES {
            // Whatever the node says of its balances, as exact as for real ones.
            let part = |pieces: u64| most / PIECES * pieces + most % PIECES * pieces / PIECES;
            let (from, to) = (part(piece), part(piece + 1));
            let price = need.price_after((Sat(from).as_f64() + Sat(to).as_f64()) / 2.0);
            let (arc, way) = if fills {
                let fee = fee_ppm(theirs.fees);
                (arc(peer, 0, to - from, fee - price), Way::In(own))
            } else {
                let inbound = f64::from(theirs.fees.inbound.rate_ppm);
                (arc(0, peer, to - from, price + inbound), Way::Out(own))
            };
            self.add(arc, way);
        }
    }

    fn between(&mut self, hop: &'a PublicHop) {
        let (from, to) = (self.number(hop.from), self.number(hop.to));
        let arc = arc(from, to, hop.most.0, hop.ppm().max(0.0));
        self.add(arc, Way::Between(hop));
    }
}

fn fee_ppm(fees: FeeParts) -> f64 {
    fees.outbound.as_f64() + f64::from(fees.base_fee_msat) / BASE_MSAT_PER_PPM
}

/// An arc whose cost is told in ppm; inside, in thousandths of that.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounded, and `as` saturates"
)]
fn arc(from: usize, to: usize, most: u64, cost_ppm: f64) -> Arc {
    Arc {
        from,
        to,
        most,
        cost: (cost_ppm * 1_000.0).round() as i64,
    }
}

/// Works a walk out at `amount_sat`, after what was `moved` by others; none if it does
/// not gain.
fn walk(
    ways: &[Way<'_>],
    amount_sat: u64,
    needs: &BTreeMap<ChannelPoint, Need>,
    moved: &BTreeMap<ChannelPoint, f64>,
) -> Option<Walk> {
    let (Way::Out(out), Way::In(into)) = (*ways.first()?, *ways.last()?) else {
        return None;
    };
    let between = ways.iter().filter_map(|way| match way {
        Way::Between(hop) => Some(*hop),
        Way::Out(_) | Way::In(_) => None,
    });
    let between: Vec<&PublicHop> = between.collect();
    let least = between.iter().map(|hop| hop.least.0).max().unwrap_or(0);
    if amount_sat < LEAST_SAT.max(least) || between.len() > MOST_HOPS {
        return None;
    }
    let cost_msat = cost_msat(out, &between, into, amount_sat)?;
    let [from, to] = [out.channel.point, into.channel.point];
    let worth = |point: ChannelPoint, sat: f64| {
        let begun = moved.get(&point).copied().unwrap_or(0.0);
        Some(needs.get(&point)?.worth_msat(begun, begun + sat))
    };
    let comes = Sat(amount_sat).as_f64();
    let leaves = comes + Msat(cost_msat).as_sat();
    let found = Walk {
        out: from,
        over: std::iter::once(out.channel.peer)
            .chain(between.iter().map(|hop| hop.to))
            .collect(),
        into: to,
        amount_sat,
        cost_msat,
        worth_msat: worth(to, comes)? - worth(from, leaves)?,
    };
    (found.gain_msat() > 0.0).then_some(found)
}

/// What the nodes on the way take for `amount_sat` at its end, as LND reckons it; none
/// if it is beyond any sense.
fn cost_msat(
    out: &Own<'_>,
    between: &[&PublicHop],
    into: &Own<'_>,
    amount_sat: u64,
) -> Option<u64> {
    let theirs = |own: &Own<'_>| Some(own.channel.peer_policy?.fees);
    // Each node that forwards: its fee out, and what it takes or gives for what comes in.
    let first_in = theirs(out)?.inbound;
    let ins = std::iter::once(first_in).chain(between.iter().map(|hop| hop.inbound));
    let last_out = theirs(into)?;
    let last_out = (u64::from(last_out.base_fee_msat), last_out.outbound.0);
    let outs = between.iter().map(|hop| (hop.base_fee.0, hop.rate.0));
    let forwards: Vec<_> = outs.chain([last_out]).zip(ins).collect();
    let end = i128::from(amount_sat) * 1_000;
    let begin = forwards
        .iter()
        .rev()
        .try_fold(end, |leaves, (out, inbound)| {
            let fee = i128::from(out.0) + leaves.checked_mul(i128::from(out.1))? / 1_000_000;
            let base = i128::from(inbound.base_fee_msat);
            let rate = (leaves + fee).checked_mul(i128::from(inbound.rate_ppm))? / 1_000_000;
            leaves.checked_add((fee + base + rate).max(0))
        });
    u64::try_from(begin? - end).ok()
}

#[cfg(test)]
mod tests;
