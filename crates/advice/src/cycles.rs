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
use crate::worth::{Need, Own};
use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee, PeerId};
use sweetspot_core::types::graph_edge::GraphEdge;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// Pieces into which what a channel lacks, or may give, is cut.
const PIECES: u64 = 4;
/// Less is not worth the attempts that a payment takes.
const LEAST_SAT: u64 = 10_000;
/// The base fee counts by its share of a payment of 100,000 sat: msat for a ppm.
const BASE_MSAT_PER_PPM: f64 = 100.0;
/// LND's onion has room for 20 hops; the way to ourselves takes two of our own.
const MOST_HOPS: usize = 18;

/// One direction of a channel between others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublicHop {
    /// Whose outbound fee it is.
    pub from: PeerId,
    /// Where it leads.
    pub to: PeerId,
    /// The rate out.
    pub rate: FeePpm,
    /// The base fee out.
    pub base_fee: Msat,
    /// What `to` takes or gives for what comes in by it.
    pub inbound: InboundFee,
    /// The smallest payment it takes.
    pub least: Sat,
    /// The most that may pass: where balances are not known, half of the capacity.
    pub most: Sat,
}

impl PublicHop {
    /// The open directions of a channel. What senders take for closed, above 100,000
    /// ppm or 1,000 sat base, is.
    pub fn of(edge: &GraphEdge) -> Vec<Self> {
        let ends = [(0, 1), (1, 0)].into_iter();
        let hops = ends.filter_map(|(from, to)| {
            let out = edge.policies[from]?;
            let back = edge.policies[to].map(|back| back.fees.inbound);
            let fits = Sat(out.max_htlc.0 / 1_000);
            let half = match edge.capacity {
                Sat(0) => fits,
                capacity => Sat(capacity.0 / 2),
            };
            Some(Self {
                from: edge.nodes[from],
                to: edge.nodes[to],
                rate: out.fees.outbound,
                base_fee: Msat(out.fees.base_fee_msat.into()),
                inbound: back.unwrap_or_default(),
                least: Sat(out.min_htlc.0.div_ceil(1_000)),
                most: fits.min(half),
            })
            .filter(|hop| {
                let is_price = hop.rate.0 <= 100_000 && hop.base_fee.0 <= 1_000_000;
                is_price && !out.disabled
            })
        });
        hops.collect()
    }
}

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
    for one in own.iter().filter(|one| !us.contains(&one.channel.peer)) {
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
        if !is_ours && hop.from != hop.to && hop_ppm(hop) < dearest {
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
        let arc = arc(from, to, hop.most.0, hop_ppm(hop).max(0.0));
        self.add(arc, Way::Between(hop));
    }
}

fn fee_ppm(fees: FeeParts) -> f64 {
    fees.outbound.as_f64() + f64::from(fees.base_fee_msat) / BASE_MSAT_PER_PPM
}

fn hop_ppm(hop: &PublicHop) -> f64 {
    hop.rate.as_f64() + hop.base_fee.as_f64() / BASE_MSAT_PER_PPM + f64::from(hop.inbound.rate_ppm)
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use sweetspot_core::testing::channel;
    use sweetspot_core::types::channel::{Channel, Policy};

    const US: PeerId = PeerId([9; 33]);

    fn with(n: u8, local: u64, ppm: u32, their_ppm: u32) -> Channel {
        let quiet = channel(n);
        let policy = |ppm| {
            quiet.policy.map(|policy| Policy {
                fees: FeeParts {
                    base_fee_msat: 0,
                    outbound: FeePpm(ppm),
                    inbound: InboundFee::default(),
                },
                ..policy
            })
        };
        Channel {
            local_balance: Sat(local),
            remote_balance: Sat(1_000_000 - local),
            policy: policy(ppm),
            peer_policy: policy(their_ppm),
            ..quiet
        }
    }

    fn hop(from: u8, to: u8, ppm: u32) -> PublicHop {
        PublicHop {
            from: channel(from).peer,
            to: channel(to).peer,
            rate: FeePpm(ppm),
            base_fee: Msat(0),
            inbound: InboundFee::default(),
            least: Sat(1),
            most: Sat(1_000_000),
        }
    }

    fn search(channels: &[Channel], hops: &[PublicHop]) -> Found {
        let own: Vec<_> = channels
            .iter()
            .map(|channel| Own {
                node: US,
                channel,
                price: channel.policy.map(|policy| policy.fees.outbound),
                target_ratio: 0.5,
                sold_sat: 1e9,
            })
            .collect();
        find(&own, hops, &Tuning::default(), u64::MAX)
    }

    /// Too much at 50 ppm with the first peer, too little at 1,500 ppm with the second.
    /// They charge 200 and 100 ppm on the way.
    #[test]
    fn a_walk_goes_out_where_there_is_too_much_and_in_where_there_is_too_little() {
        let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
        let found = search(&channels, &[hop(1, 2, 200)]);
        let moved: u64 = found.walks.iter().map(|walk| walk.amount_sat).sum();
        assert_eq!(moved, 400_000);
        for walk in &found.walks {
            assert_eq!(
                (walk.out, walk.into),
                (channels[0].point, channels[1].point)
            );
            assert_eq!(walk.over, [channels[0].peer, channels[1].peer]);
            // 100 ppm of the amount, then 200 ppm of that and the fee.
            let last = walk.amount_sat * 1_000 / 10_000;
            let first = (walk.amount_sat * 1_000 + last) * 200 / 1_000_000;
            assert_eq!(walk.cost_msat, last + first);
        }
        // 1,500 ppm over 0.4 of the capacity at 2.5: 379.3 sat; 50 ppm at 1.5, 27.4 sat.
        let worth: f64 = found.walks.iter().map(|walk| walk.worth_msat).sum();
        assert!((worth - 351_900.0).abs() < 200.0, "{worth}");
        assert!(search(&channels, &[hop(2, 1, 200)]).walks.is_empty());
        assert!(search(&channels, &[hop(1, 2, 1_500)]).walks.is_empty());
    }

    #[test]
    fn what_leaves_by_one_of_our_nodes_may_come_in_by_another() {
        let other = channel(8).peer;
        let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
        // The two ends of a channel between the two: as full as it can be.
        let ends = [with(8, 1_000_000, 5_000, 0), with(9, 0, 5_000, 0)];
        let ours = |node, channel| Own {
            node,
            channel,
            price: channel.policy.map(|policy| policy.fees.outbound),
            target_ratio: 0.5,
            sold_sat: 1e9,
        };
        let own = [
            ours(channel(9).peer, &channels[0]),
            ours(channel(9).peer, &ends[0]),
            ours(other, &channels[1]),
            ours(other, &ends[1]),
        ];
        let hops = [hop(1, 2, 200), hop(1, 8, 0), hop(9, 2, 0)];
        let found = find(&own, &hops, &Tuning::default(), u64::MAX);
        assert_eq!(found.needs.len(), 2);
        let moved: u64 = found.walks.iter().map(|walk| walk.amount_sat).sum();
        assert_eq!(moved, 400_000);
        for walk in &found.walks {
            // Not over our own channels: the payment is from the one to the other.
            assert_eq!(walk.over, [channels[0].peer, channels[1].peer]);
        }
    }

    #[test]
    fn discounts_of_peers_make_a_walk_that_was_too_dear() {
        let channels = [with(1, 900_000, 300, 10), with(2, 100_000, 700, 100)];
        assert!(search(&channels, &[hop(1, 2, 400)]).walks.is_empty());
        let mut discounted = channels.clone();
        let policy = discounted[0].peer_policy.as_mut().expect("a policy");
        policy.fees.inbound.rate_ppm = -390;
        let found = search(&discounted, &[hop(1, 2, 400)]);
        assert!(!found.walks.is_empty());
        // A discount makes a forward free at most.
        policy_of(&mut discounted, -5_000);
        let found = search(&discounted, &[hop(1, 2, 400)]);
        let walk = &found.walks[0];
        assert_eq!(walk.cost_msat, walk.amount_sat * 1_000 / 10_000);
    }

    fn policy_of(channels: &mut [Channel], rate_ppm: i32) {
        let policy = channels[0].peer_policy.as_mut().expect("a policy");
        policy.fees.inbound.rate_ppm = rate_ppm;
    }

    #[test]
    fn a_cheaper_way_over_more_nodes_is_taken() {
        let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
        let found = search(&channels, &[hop(1, 2, 900), hop(1, 3, 5), hop(3, 2, 5)]);
        assert!(found.walks.iter().all(|walk| walk.over.len() == 3));
    }

    #[test]
    fn nothing_that_the_graph_says_breaks_it() {
        let wild = PublicHop {
            base_fee: Msat(u64::MAX),
            most: Sat(u64::MAX),
            inbound: InboundFee {
                base_fee_msat: i32::MIN,
                rate_ppm: i32::MIN,
            },
            ..hop(1, 2, u32::MAX)
        };
        let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
        let found = search(&channels, &[wild, hop(1, 1, 0), hop(2, 2, 0)]);
        assert!(found.walks.len() < 9);
    }

    proptest! {
        #[test]
        fn every_walk_gains_and_no_channel_goes_beyond_its_target(
            locals in proptest::collection::vec(0..=1_000_000_u64, 4),
            rates in proptest::collection::vec(0..3_000_u32, 4),
            between in proptest::collection::vec((1..5_u8, 1..5_u8, 0..500_u32), 0..9),
        ) {
            let channels: Vec<_> = (1..=4_u8)
                .zip(locals.iter().zip(&rates))
                .map(|(n, (local, ppm))| with(n, *local, *ppm, 20))
                .collect();
            let hops: Vec<_> = between.iter().map(|(a, b, ppm)| hop(*a, *b, *ppm)).collect();
            let found = search(&channels, &hops);
            for channel in &channels {
                let sum = |of: fn(&Walk) -> ChannelPoint| {
                    let own = found.walks.iter().filter(|walk| of(walk) == channel.point);
                    own.map(|walk| walk.amount_sat).sum::<u64>()
                };
                let most = found.needs[&channel.point].most_sat();
                prop_assert!(sum(|walk| walk.out) <= most && sum(|walk| walk.into) <= most);
            }
            prop_assert!(found.walks.iter().all(|walk| walk.gain_msat() > 0.0));
        }
    }
}
