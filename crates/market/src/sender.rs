//! How a sender chooses among the ways over us, and what it remembers.
//!
//! A sender compares by the fees it knows, which are as old as gossip made
//! them, and shuns what failed it lately as LND's mission control does: the
//! probability it gives a pair recovers as `1 − 2^(−age/1h)`, so a failure just
//! now closes the pair, and one an hour ago costs as much as a hop that works
//! half the time.

use std::time::Duration;

use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::time::Timestamp;

use super::demand::Demand;
use super::link::Link;
use super::market_map::{MarketMap, Pair};
use super::math;
use super::payment::Payment;
use super::routes;

const HALF_LIFE_SECS: f64 = 3_600.0;
/// After this long a failure weighs less than a thousandth of an attempt.
const FORGOTTEN: Duration = Duration::from_secs(12 * 3_600);
/// LND grants a failed fee one second chance per pair and minute.
const SECOND_CHANCE: Duration = Duration::from_secs(60);
const NEVER: Timestamp = Timestamp::from_nanos(i64::MIN);

/// What all senders remember, by sender and peer.
#[derive(Clone, Debug)]
pub struct Memory {
    peers: usize,
    failed_to_us: Vec<Timestamp>,
    failed_from_us: Vec<Timestamp>,
    learned: Vec<Timestamp>,
}

impl Memory {
    /// Nothing yet.
    pub fn new(map: &MarketMap) -> Self {
        let pairs = vec![NEVER; map.sources * map.peers.len()];
        Self {
            peers: map.peers.len(),
            failed_to_us: pairs.clone(),
            failed_from_us: pairs.clone(),
            learned: pairs,
        }
    }

    /// The peer could not send to us.
    pub fn failed_to_us(&mut self, source: usize, peer: usize, now: Timestamp) {
        self.failed_to_us[source * self.peers + peer] = now;
    }

    /// We could not send to the peer.
    pub fn failed_from_us(&mut self, source: usize, peer: usize, now: Timestamp) {
        self.failed_from_us[source * self.peers + peer] = now;
    }

    /// A fee was refused and our current policy towards the peer came with the
    /// refusal; the second time within a minute the pair is shunned.
    pub fn fee_refused(&mut self, source: usize, peer: usize, now: Timestamp) {
        let at = source * self.peers + peer;
        if now.since(self.learned[at]) < SECOND_CHANCE {
            self.failed_from_us[at] = now;
        }
        self.learned[at] = now;
    }
}

/// The market as one sender sees it at one moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The tables.
    pub map: &'a MarketMap,
    /// Our channels.
    pub links: &'a [Option<Link>],
    /// What senders remember.
    pub memory: &'a Memory,
    /// The state of demand and of the ways over peers.
    pub demand: &'a Demand,
    /// The payment.
    pub payment: &'a Payment,
    /// Its pair.
    pub pair: &'a Pair,
    /// Now.
    pub now: Timestamp,
}

/// A way over us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Way {
    /// The slot of the channel it enters by.
    pub enter: usize,
    /// The slot of the channel it leaves by.
    pub leave: usize,
    /// What the sender thinks it costs in all, in msat.
    pub cost: f64,
    /// The fee it offers us, in msat.
    pub offered: u64,
}

#[derive(Clone, Copy)]
struct Leg {
    slot: usize,
    peer: usize,
    node: usize,
    cost: f64,
}

/// The two cheapest legs over different peers.
#[derive(Clone, Copy, Default)]
struct Best([Option<Leg>; 2]);

impl Best {
    fn offer(&mut self, leg: Leg) {
        // Equal costs go by the node's number, not by the order of channels.
        let beats = |other: &Option<Leg>| match other {
            Some(other) => {
                leg.cost < other.cost || (leg.cost == other.cost && leg.node < other.node)
            }
            None => leg.cost < f64::INFINITY,
        };
        let Self([first, second]) = self;
        if beats(first) {
            if first.is_some_and(|first| first.peer != leg.peer) {
                *second = *first;
            }
            *first = Some(leg);
        } else if first.is_some_and(|first| first.peer != leg.peer) && beats(second) {
            *second = Some(leg);
        }
    }
}

impl View<'_> {
    /// The cheapest way over us, if the sender sees any.
    pub fn cheapest(&self) -> Option<Way> {
        let (mut enter, mut leave) = (Best::default(), Best::default());
        let to_us = self.map.to_us.row(self.pair.class, self.pair.source);
        let from_us = self.map.from_us.row(self.pair.class, self.pair.sink);
        for (slot, link) in self.links.iter().enumerate() {
            let Some(link) = link else { continue };
            let peer = link.peer;
            if (to_us[peer].is_infinite() && from_us[peer].is_infinite()) || link.disabled(self.now)
            {
                continue;
            }
            let leg = |cost| Leg {
                slot,
                peer,
                node: self.map.peers[peer].node,
                cost,
            };
            let (to, from) = self.demand.peer_factors(peer);
            enter.offer(leg(to_us[peer] * to + self.entry_cost(link)));
            leave.offer(leg(from_us[peer] * from + self.exit_cost(link)));
        }
        let ways = enter.0.into_iter().flatten().flat_map(|enter| {
            let different = move |leave: &Leg| leave.peer != enter.peer;
            let leaves = leave.0.into_iter().flatten().filter(different);
            leaves.map(move |leave| (enter, leave))
        });
        let (enter, leave) = ways.min_by(|a, b| {
            let cost = |(enter, leave): &(Leg, Leg)| enter.cost + leave.cost;
            cost(a).total_cmp(&cost(b))
        })?;
        let offered = self.fee_known(enter.slot, leave.slot)?;
        let cost = enter.cost + leave.cost;
        Some(Way {
            enter: enter.slot,
            leave: leave.slot,
            cost,
            offered,
        })
    }

    fn typical_sat(&self) -> f64 {
        self.map.classes[self.pair.class].typical_sat
    }

    /// What entering by a link costs on top of the table: at most nothing, if
    /// the sender sees a discount.
    fn entry_cost(&self, link: &Link) -> f64 {
        let pair = self.pair.source * self.memory.peers + link.peer;
        let shunned = self.penalty(self.memory.failed_to_us[pair]);
        if !self.payment.inbound_aware {
            return shunned;
        }
        let inbound = self.known(link).inbound;
        let rate = f64::from(inbound.rate_ppm) * self.typical_sat() / 1_000.0;
        shunned + f64::from(inbound.base_fee_msat) + rate
    }

    fn exit_cost(&self, link: &Link) -> f64 {
        let amount = self.payment.amount_msat;
        if amount > link.policy.max_htlc.0 || amount < link.policy.min_htlc.0 {
            return f64::INFINITY;
        }
        let pair = self.pair.source * self.memory.peers + link.peer;
        let fees = self.known(link);
        routes::fee(
            f64::from(fees.base_fee_msat),
            fees.outbound.as_f64(),
            self.typical_sat(),
        ) + link.risks[self.pair.class]
            + self.penalty(self.memory.failed_from_us[pair])
    }

    fn penalty(&self, failed: Timestamp) -> f64 {
        if failed == NEVER {
            return 0.0;
        }
        let age = self.now.since(failed);
        if age > FORGOTTEN {
            return 0.0;
        }
        let works = 1.0 - math::pow(2.0, -age.as_secs_f64() / HALF_LIFE_SECS);
        if works <= 0.0 {
            return f64::INFINITY;
        }
        let attempt = routes::attempt_cost(self.typical_sat());
        -self.map.reliability_weight * attempt * math::ln(works)
    }

    fn known(&self, link: &Link) -> FeeParts {
        let pair = self.pair.source * self.memory.peers + link.peer;
        let heard = self.now.minus(self.payment.lag);
        link.fees_known(heard.max(self.memory.learned[pair]))
    }

    fn fee_known(&self, enter: usize, leave: usize) -> Option<u64> {
        let (enter, leave) = (self.links[enter].as_ref()?, self.links[leave].as_ref()?);
        let inbound = self.payment.inbound_aware.then(|| self.known(enter));
        Some(fee_msat(
            self.payment.amount_msat,
            self.known(leave),
            inbound,
        ))
    }
}

/// What LND asks of a forward of `amount_out`: the outbound fee, and on top of
/// both the inbound fee of the channel it entered by; never below 0.
pub fn fee_msat(amount_out: u64, leave: FeeParts, enter: Option<FeeParts>) -> u64 {
    let amount = i128::from(amount_out);
    let out = i128::from(leave.base_fee_msat) + amount * i128::from(leave.outbound.0) / 1_000_000;
    let inbound = enter.map_or(0, |fees| {
        let rate = i128::from(fees.inbound.rate_ppm);
        i128::from(fees.inbound.base_fee_msat) + (amount + out) * rate / 1_000_000
    });
    u64::try_from((out + inbound).max(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::types::channel::InboundFee;
    use sweetspot_core::types::units::FeePpm;

    fn fees(ppm: u32, inbound_ppm: i32) -> FeeParts {
        FeeParts {
            base_fee_msat: 1_000,
            outbound: FeePpm(ppm),
            inbound: InboundFee {
                base_fee_msat: 0,
                rate_ppm: inbound_ppm,
            },
        }
    }

    #[test]
    fn a_discount_is_taken_off_and_never_turns_the_fee_negative() {
        let amount = 100_000_000;
        assert_eq!(fee_msat(amount, fees(500, 0), None), 51_000);
        // 100 ppm of amount plus outbound fee: 10,005 msat.
        assert_eq!(fee_msat(amount, fees(500, 0), Some(fees(9, -100))), 40_995);
        assert_eq!(fee_msat(amount, fees(500, 0), Some(fees(9, -2_000))), 0);
    }

    #[test]
    fn the_two_best_legs_are_over_different_peers() {
        let mut best = Best::default();
        for (slot, peer, cost) in [(0, 7, 5.0), (1, 8, 9.0), (2, 7, 4.0), (3, 9, f64::INFINITY)] {
            best.offer(Leg {
                slot,
                peer,
                node: peer,
                cost,
            });
        }
        let slots = best.0.map(|leg| leg.map(|leg| leg.slot));
        assert_eq!(slots, [Some(2), Some(1)]);
    }
}
