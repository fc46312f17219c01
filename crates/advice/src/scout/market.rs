//! What every way around a node costs, computed once on the graph without it.

use super::parties::{self, Party};
use super::terms::Terms;
use sweetspot_graph::math;
use sweetspot_graph::network::Network;
use sweetspot_graph::routes::{self, Costs};

/// What one modelled payment moves, in sat: the typical forward.
pub const AMOUNT_SAT: f64 = 100_000.0;
/// Senders and receivers drawn: four hundred searches of the whole graph take a few
/// seconds, and ranks hardly change with more.
const PARTIES: usize = 200;
/// The most that a sender bears, in msat: 50 sat and 5,000 ppm, as in the simulated
/// market.
const BUDGET_MSAT: f64 = 50_000.0 + AMOUNT_SAT * 5_000.0 / 1_000.0;
/// How far one payment's view of a rival's cost lies off the graph's, as the standard
/// deviation of its logarithm: rivals' prices, stale gossip and failed attempts, as
/// in the simulated market.
const RIVAL_LN_SD: f64 = 0.32;
/// Blocks for which we hold a payment: LND's default.
const OUR_CLTV: f64 = 80.0;

/// What it costs to come to us, or go on from us, over one peer.
#[derive(Clone, Copy, Debug)]
struct Leg {
    peer: usize,
    /// Everything the sender bears, our fee included, in msat.
    cost_msat: f64,
    /// Our fee in it, in msat.
    fee_msat: f64,
}

/// No way at all.
const CLOSED: Leg = Leg {
    peer: usize::MAX,
    cost_msat: f64::INFINITY,
    fee_msat: 0.0,
};

/// One of our channels as the graph has it.
#[derive(Clone, Copy, Debug)]
struct Own {
    peer: usize,
    /// What the peer's direction costs who comes over it, in msat.
    in_fee_msat: f64,
    in_risk_msat: f64,
    /// What ours costs.
    out_fee_msat: f64,
    out_risk_msat: f64,
}

/// A payment's present ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Present {
    /// The cheapest way that is open now, over us or not, in msat.
    pub best_msat: f64,
    /// What we earn of it now, in msat.
    pub earned_msat: f64,
}

/// The market around one node.
pub struct Market<'a> {
    /// The graph.
    pub network: &'a Network,
    /// Our number in it.
    pub us: usize,
    /// Who pays.
    pub sources: Vec<Party>,
    /// Who is paid.
    pub sinks: Vec<Party>,
    /// What the way from each source to every node costs, in msat.
    from: Vec<Vec<f64>>,
    /// What the way from every node, which takes its fee, to each sink costs, in msat.
    to: Vec<Vec<f64>>,
    /// All nodes' capacity, in sat.
    total_sat: f64,
}

/// The market as it stands with our channels.
pub struct Standing {
    /// The cheapest way to us from each source.
    enter: Vec<Leg>,
    /// The cheapest way on to each sink.
    leave: Vec<Leg>,
    present: Vec<Present>,
    /// What we earn of all payments now, in msat of one payment of the whole network.
    pub earned_msat: f64,
}

impl<'a> Market<'a> {
    /// The market around `us`; `reversed` is the network turned round, `offset` moves
    /// the draw of parties.
    pub fn new(network: &'a Network, reversed: &Network, us: usize, offset: f64) -> Self {
        // Other nodes pay than are paid: half a distance lies between the draws.
        let sources = parties::draw(network, us, PARTIES, offset);
        let sinks = parties::draw(network, us, PARTIES, (offset + 0.5).rem_euclid(1.0));
        let there = Costs::new(network, us, AMOUNT_SAT, 1.0);
        let back = Costs::new(reversed, us, AMOUNT_SAT, 1.0);
        let from = sources
            .iter()
            .map(|source| there.cheapest_from(source.node, true));
        let to = sinks
            .iter()
            .map(|sink| back.cheapest_from(sink.node, false));
        let others = (0..network.nodes()).filter(|node| *node != us);
        Self {
            network,
            us,
            from: from.collect(),
            to: to.collect(),
            sources,
            sinks,
            total_sat: others
                .map(|node| math::float(network.capacity_sat(node)))
                .sum(),
        }
    }

    /// What the way from a source to a node costs, in msat.
    pub fn from(&self, source: usize, node: usize) -> f64 {
        self.from[source][node]
    }

    /// What the way from a node on to a sink costs, in msat.
    pub fn to(&self, node: usize, sink: usize) -> f64 {
        self.to[sink][node]
    }

    /// What the way from `node`, which pays itself, to each sink costs, in msat.
    pub fn paying(&self, node: usize) -> Vec<f64> {
        let reach = |sink: usize| {
            let ways = self.network.hops(node).iter().map(|hop| {
                let usable = hop.to != self.us && routes::carries(hop, AMOUNT_SAT);
                match usable {
                    true => risk(hop.capacity_sat, hop.cltv) + self.to(hop.to, sink),
                    false => f64::INFINITY,
                }
            });
            ways.fold(f64::INFINITY, f64::min)
        };
        (0..self.sinks.len()).map(reach).collect()
    }

    /// A node's share of all payments.
    pub fn share(&self, node: usize) -> f64 {
        math::float(self.network.capacity_sat(node)) / self.total_sat
    }

    /// The nodes that we have channels with.
    pub fn peers(&self) -> Vec<usize> {
        self.network.partners(self.us)
    }

    /// How it stands without our channels with `left_out`.
    pub fn standing(&self, left_out: Option<usize>) -> Standing {
        let peers = self.peers().into_iter();
        let own: Vec<Own> = peers
            .filter(|peer| Some(*peer) != left_out)
            .filter_map(|peer| self.own(peer))
            .collect();
        let enter = |s: usize| {
            two_cheapest(own.iter().map(|own| {
                // Who pays by its own channel to us takes no fee for it.
                let first = own.peer == self.sources[s].node;
                let fee = if first { 0.0 } else { own.in_fee_msat };
                Leg {
                    peer: own.peer,
                    cost_msat: self.from(s, own.peer) + fee + own.in_risk_msat,
                    fee_msat: 0.0,
                }
            }))
        };
        let leave = |d: usize| {
            two_cheapest(own.iter().map(|own| Leg {
                peer: own.peer,
                cost_msat: own.out_fee_msat + own.out_risk_msat + self.to(own.peer, d),
                fee_msat: own.out_fee_msat,
            }))
        };
        let enter: Vec<[Leg; 2]> = (0..self.sources.len()).map(enter).collect();
        let leave: Vec<[Leg; 2]> = (0..self.sinks.len()).map(leave).collect();
        let mut present = Vec::with_capacity(enter.len() * leave.len());
        let mut earned_msat = 0.0;
        for (s, source) in self.sources.iter().enumerate() {
            for (d, sink) in self.sinks.iter().enumerate() {
                let now = present_of(self.rival(s, d), &enter[s], &leave[d]);
                earned_msat += source.share * sink.share * now.earned_msat;
                present.push(now);
            }
        }
        Standing {
            enter: enter.iter().map(|legs| legs[0]).collect(),
            leave: leave.iter().map(|legs| legs[0]).collect(),
            present,
            earned_msat,
        }
    }

    /// What the cheapest way around us costs in a payment's eyes, in msat.
    fn rival(&self, source: usize, sink: usize) -> f64 {
        let to = self.sinks[sink].node;
        match self.sources[source].node == to {
            true => 0.0,
            false => seen(self.from(source, to), source * self.sinks.len() + sink),
        }
    }

    fn own(&self, peer: usize) -> Option<Own> {
        let out = self.network.hop(self.us, peer)?;
        let back = self.network.hop(peer, self.us)?;
        let fee =
            |base: u64, ppm: u64| routes::fee(math::float(base), math::float(ppm), AMOUNT_SAT);
        let open = |open: bool, risk: f64| if open { risk } else { f64::INFINITY };
        Some(Own {
            peer,
            in_fee_msat: fee(back.base_msat, back.ppm),
            in_risk_msat: open(
                routes::carries(back, AMOUNT_SAT),
                risk(back.capacity_sat, back.cltv),
            ),
            out_fee_msat: fee(out.base_msat, out.ppm),
            out_risk_msat: open(
                routes::carries(out, AMOUNT_SAT),
                risk(out.capacity_sat, out.cltv),
            ),
        })
    }
}

impl Standing {
    /// The present ways of a payment.
    pub fn present(&self, source: usize, sink: usize) -> Present {
        self.present[source * self.leave.len() + sink]
    }

    /// What the cheapest way to us costs, in msat.
    pub fn enter_msat(&self, source: usize) -> f64 {
        self.enter[source].cost_msat
    }

    /// What the cheapest way on from us costs, with our fee, in msat.
    pub fn leave_msat(&self, sink: usize) -> f64 {
        self.leave[sink].cost_msat
    }

    /// Our fee in it, in msat.
    pub fn leave_fee_msat(&self, sink: usize) -> f64 {
        self.leave[sink].fee_msat
    }
}

/// What a way costs in one payment's eyes, at most what senders bear. The spread is
/// logistic (a logit choice), spread evenly over the payments by their number.
pub fn seen(cost_msat: f64, payment: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let unit = (math::count(payment + 1) * GOLDEN).fract();
    let unit = unit.clamp(1e-6, 1.0 - 1e-6);
    let logistic = math::ln(unit / (1.0 - unit)) * 3.0_f64.sqrt() / std::f64::consts::PI;
    cost_msat.min(BUDGET_MSAT) * math::exp(RIVAL_LN_SD * logistic)
}

/// What a hop costs beside its fee, in msat.
pub fn risk(capacity_sat: u64, cltv: u64) -> f64 {
    let capacity = math::float(capacity_sat);
    routes::risk(capacity, math::float(cltv), AMOUNT_SAT, 1.0)
}

/// What our hop and the peer's hop of a channel to be opened cost beside fees, and the
/// peer's fee, in msat.
pub fn new_channel_msat(terms: &Terms) -> (f64, f64, f64) {
    let capacity = math::float(terms.capacity_sat);
    let risk = |cltv| routes::risk(capacity, cltv, AMOUNT_SAT, 1.0);
    let fee = routes::fee(terms.base_msat, terms.ppm, AMOUNT_SAT);
    (risk(OUR_CLTV), risk(terms.cltv), fee)
}

fn two_cheapest(legs: impl Iterator<Item = Leg>) -> [Leg; 2] {
    let mut best = [CLOSED, CLOSED];
    for leg in legs {
        if leg.cost_msat < best[0].cost_msat {
            best = [leg, best[0]];
        } else if leg.cost_msat < best[1].cost_msat {
            best[1] = leg;
        }
    }
    best
}

/// Over us, a payment does not leave by the peer that it came from.
fn present_of(rival_msat: f64, enter: &[Leg; 2], leave: &[Leg; 2]) -> Present {
    let mut present = Present {
        best_msat: rival_msat,
        earned_msat: 0.0,
    };
    for (a, b) in [(0, 0), (0, 1), (1, 0)] {
        let (a, b) = (enter[a], leave[b]);
        if a.peer != b.peer && a.cost_msat + b.cost_msat < present.best_msat {
            present = Present {
                best_msat: a.cost_msat + b.cost_msat,
                earned_msat: b.fee_msat,
            };
        }
    }
    present
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(peer: usize, cost_msat: f64, fee_msat: f64) -> Leg {
        Leg {
            peer,
            cost_msat,
            fee_msat,
        }
    }

    #[test]
    fn a_payment_does_not_leave_by_the_peer_it_came_from() {
        let enter = [leg(1, 10.0, 0.0), leg(2, 30.0, 0.0)];
        let leave = [leg(1, 10.0, 5.0), leg(3, 25.0, 8.0)];
        let over_us = present_of(100.0, &enter, &leave);
        assert_eq!((over_us.best_msat, over_us.earned_msat), (35.0, 8.0));
        let around = present_of(34.0, &enter, &leave);
        assert_eq!((around.best_msat, around.earned_msat), (34.0, 0.0));
    }

    #[test]
    fn payments_see_a_cost_around_what_it_is_and_none_above_what_they_bear() {
        let logs: f64 = (0..10_000)
            .map(|n| math::ln(seen(1_000.0, n) / 1_000.0))
            .sum();
        assert!((logs / 10_000.0).abs() < 0.01);
        let squares = (0..10_000).map(|n| math::ln(seen(1_000.0, n) / 1_000.0).powi(2));
        let sd = (squares.sum::<f64>() / 10_000.0).sqrt();
        assert!((sd - RIVAL_LN_SD).abs() < 0.01, "{sd}");
        assert_eq!(seen(f64::INFINITY, 7), seen(BUDGET_MSAT, 7));
    }
}
