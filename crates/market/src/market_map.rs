//! Where the focal node stands in the market: what every way to it, from it
//! and around it costs each sender, computed once on the graph without it.
//!
//! A payment from source s to sink d takes our node, in over peer i and out
//! over peer j, if `min over i≠j of (S(s,i) + in_i + D(j,d) + out_j)` is below
//! the cheapest way around us, times the rivals' factor. S, D and the way
//! around are tables made here; only our own fees are left to add per payment.

use sweetspot_core::types::graph_visit::GraphVisit;

use super::math;
use super::routes;

/// The standard deviation, in logs, of a rival's cost in one payment's eyes
/// against which `rate` is defined: the standard rivals' 0.2, peers' 0.2 and noise
/// 0.15.
const RIVAL_LN_SD: f64 = 0.32;
/// The fee at which `rate` is defined where other nodes' fees are not scaled.
pub(super) const REFERENCE_PPM: f64 = 200.0;
/// Our CLTV delta: LND's default, in blocks.
pub const OUR_CLTV: u32 = 80;

/// What a peer is in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As the graph has it.
    Ordinary,
    /// Also a heavy sender.
    Source,
    /// Also a heavy receiver.
    Sink,
    /// With a small channel.
    Small,
    /// On nobody's way.
    Dead,
    /// With an unannounced channel to us alone; sends and receives itself.
    Private,
}

/// A node we have, or may come to have, a channel with.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Who it is: its number in the network; numbers past the network's nodes
    /// are private peers. All its randomness hangs on this number.
    pub node: usize,
    /// What it is.
    pub kind: Kind,
    /// Our channel with it, in sat.
    pub capacity_sat: u64,
    /// Its policy towards us.
    pub policy: PeerPolicy,
    /// The rate and base fee (msat) that the graph's own node charges there.
    pub graph_fee: (u64, u64),
    /// Its other channels.
    pub channels: usize,
    /// Their capacity, in sat.
    pub network_capacity_sat: u64,
    /// What others charge towards it, in ppm: the median by capacity.
    pub competitor_ppm: Option<u64>,
}

/// A peer's policy of the channel to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerPolicy {
    /// Base fee, in msat.
    pub base_msat: u64,
    /// Rate, in ppm.
    pub ppm: u64,
    /// CLTV delta, in blocks.
    pub cltv: u64,
}

/// A class of amounts; routes are computed for its typical amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmountClass {
    /// What routes are computed for, in sat.
    pub typical_sat: f64,
    /// The smallest amount in the class, in sat.
    pub from_sat: f64,
    /// Amounts stay below this (equal to `from_sat`: all are that), in sat.
    pub below_sat: f64,
}

/// One stream of payments that could take our node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Index into [`MarketMap::classes`].
    pub class: usize,
    /// Index of the sender.
    pub source: usize,
    /// Index of the receiver.
    pub sink: usize,
    /// Its share of sessions, relative to other pairs.
    pub weight: f64,
    /// The cost of the cheapest way around us, in msat; infinite if none.
    pub rival_msat: f64,
}

/// Costs in msat by class, party and peer; infinite where there is no way.
#[derive(Clone, Debug, Default)]
pub struct Table {
    parties: usize,
    peers: usize,
    cells: Vec<f64>,
}

impl Table {
    /// All ways closed.
    pub fn closed(classes: usize, parties: usize, peers: usize) -> Self {
        Self {
            parties,
            peers,
            cells: vec![f64::INFINITY; classes * parties * peers],
        }
    }

    /// The costs of one party in one class, by peer.
    pub fn row(&self, class: usize, party: usize) -> &[f64] {
        let start = (class * self.parties + party) * self.peers;
        &self.cells[start..start + self.peers]
    }

    /// Sets one cost.
    pub fn set(&mut self, class: usize, party: usize, peer: usize, cost_msat: f64) {
        self.cells[(class * self.parties + party) * self.peers + peer] = cost_msat;
    }
}

/// The market around the focal node. Shared by every run on it.
#[derive(Clone, Debug)]
pub struct MarketMap {
    /// Classes of amounts.
    pub classes: Vec<AmountClass>,
    /// Peers: those with a channel at the start first, then those to come.
    pub peers: Vec<Peer>,
    /// How many have a channel at the start.
    pub open_at_start: usize,
    /// How many senders.
    pub sources: usize,
    /// How many receivers.
    pub sinks: usize,
    /// From a sender to us over a peer.
    pub to_us: Table,
    /// From a peer on to a receiver.
    pub from_us: Table,
    /// Everything that may take our node, those of one receiver together.
    pub pairs: Vec<Pair>,
    /// Sessions per day over all pairs, before shocks and rhythm, for one
    /// expected forward per day at the reference fee with all channels liquid
    /// (one payment per session, none failing further on).
    pub sessions_per_forward: f64,
    /// The reference fee, in ppm.
    pub reference_ppm: f64,
    /// How senders weigh reliability.
    pub reliability_weight: f64,
    /// What a random walk through the graph meets, over and over.
    pub walk: Vec<GraphVisit>,
}

impl MarketMap {
    /// What our hop to a peer costs a sender beside our fee, in msat.
    pub fn our_risk(&self, class: usize, capacity_sat: u64, cltv: u32) -> f64 {
        routes::risk(
            math::float(capacity_sat),
            f64::from(cltv),
            self.classes[class].typical_sat,
            self.reliability_weight,
        )
    }

    /// Each pair's chance to take us at the reference fee, over channels open
    /// at the start, against its rival, whose cost is log-normal around the
    /// graph's.
    pub fn chances_at_reference(&self) -> Vec<f64> {
        let enter: Vec<_> = (0..self.classes.len() * self.sources)
            .map(|at| self.to_us.row(at / self.sources, at % self.sources))
            .map(|row| self.two_cheapest(row, |_| 0.0))
            .collect();
        let leave: Vec<_> = (0..self.classes.len() * self.sinks)
            .map(|at| {
                let (class, sink) = (at / self.sinks, at % self.sinks);
                let risk = |j: usize| self.our_risk(class, self.peers[j].capacity_sat, OUR_CLTV);
                self.two_cheapest(self.from_us.row(class, sink), risk)
            })
            .collect();
        let chance = |pair: &Pair| {
            let enter = enter[pair.class * self.sources + pair.source];
            let leave = leave[pair.class * self.sinks + pair.sink];
            let over = |(i, a): (usize, f64), (j, b): (usize, f64)| match i == j {
                true => f64::INFINITY,
                false => a + b,
            };
            let ways = [(0, 0), (0, 1), (1, 0)].map(|(a, b)| over(enter[a], leave[b]));
            let fee = routes::fee(
                0.0,
                self.reference_ppm,
                self.classes[pair.class].typical_sat,
            );
            let ours = ways.into_iter().fold(f64::INFINITY, f64::min) + fee;
            match (ours.is_infinite(), pair.rival_msat.is_infinite()) {
                (true, _) => 0.0,
                (false, true) => 1.0,
                _ => math::normal_cdf(math::ln(pair.rival_msat / ours) / RIVAL_LN_SD),
            }
        };
        self.pairs.iter().map(chance).collect()
    }

    /// The two cheapest of the peers with a channel at the start.
    fn two_cheapest(&self, row: &[f64], extra: impl Fn(usize) -> f64) -> [(usize, f64); 2] {
        let none = (usize::MAX, f64::INFINITY);
        let mut best = [none, none];
        for (peer, cost) in row.iter().enumerate().take(self.open_at_start) {
            if cost.is_infinite() {
                continue;
            }
            let cost = cost + extra(peer);
            if cost < best[0].1 {
                best = [(peer, cost), best[0]];
            } else if cost < best[1].1 {
                best[1] = (peer, cost);
            }
        }
        best
    }

    /// Sets [`sessions_per_forward`](Self::sessions_per_forward) from the pairs.
    pub fn calibrate(&mut self) {
        let weight: f64 = self.pairs.iter().map(|pair| pair.weight).sum();
        let chances = self.chances_at_reference();
        let pairs = self.pairs.iter().zip(chances);
        let taken: f64 = pairs.map(|(pair, chance)| pair.weight * chance).sum();
        self.sessions_per_forward = if taken > 0.0 { weight / taken } else { 0.0 };
    }
}
