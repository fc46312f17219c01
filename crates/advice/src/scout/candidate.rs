//! What one more channel would earn.

use super::market::{AMOUNT_SAT, Market, Standing, new_channel_msat, seen};
use super::terms::Terms;
use sweetspot_graph::math;

/// A node with fewer partners leads nowhere that is worth a channel.
pub const LEAST_PARTNERS: usize = 5;
/// Fees that are tried: from 1 ppm up, each a quarter above the one before.
const FEES: usize = 40;
const FEE_STEP: f64 = 1.25;

/// What a channel to a node would do. Shares are of all payments of the network;
/// amounts are msat for one payment of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gain {
    /// The fee rate that earns most, in ppm.
    pub fee_ppm: f64,
    /// The payments that would leave by the channel.
    pub out_share: f64,
    /// The payments that would come in by it.
    pub in_share: f64,
    /// What is earned if only as much leaves as comes in.
    pub low_msat: f64,
    /// What is earned if the channel is filled, or emptied, for nothing.
    pub high_msat: f64,
}

impl Gain {
    /// By what candidates are ranked.
    pub fn middle_msat(&self) -> f64 {
        (self.low_msat + self.high_msat) / 2.0
    }
}

/// A payment that the channel could draw.
struct Drawn {
    share: f64,
    /// The highest fee at which it comes, in msat.
    most_msat: f64,
    /// What we earn of it already, in msat.
    earned_msat: f64,
    source: Option<usize>,
    sink: Option<usize>,
}

/// What a node would bring: who would come, and who would be reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connects {
    /// Nodes that are reached through it, the most income first.
    pub sinks: Vec<usize>,
    /// Nodes from which payments come to it.
    pub sources: Vec<usize>,
}

/// What a channel to `node` would earn; `None` if it asks nothing that is known.
pub fn gain(market: &Market, standing: &Standing, node: usize) -> Option<Gain> {
    let terms = Terms::of(market.network, node)?;
    let mut ladder = [(0.0, 0.0); FEES];
    leaving(market, standing, node, &terms, |drawn| {
        if let Some(step) = step_below(drawn.most_msat) {
            ladder[step].0 += drawn.share;
            ladder[step].1 += drawn.share * drawn.earned_msat;
        }
    });
    let (mut in_share, mut in_msat) = (0.0, 0.0);
    entering(market, standing, node, &terms, |drawn| {
        in_share += drawn.share;
        in_msat += drawn.share * (drawn.most_msat - drawn.earned_msat);
    });
    let (mut out_share, mut lost_msat) = (0.0, 0.0);
    let mut best = Gain {
        in_share,
        high_msat: in_msat,
        ..Gain::default()
    };
    for (step, (share, earned_msat)) in ladder.iter().enumerate().rev() {
        out_share += share;
        lost_msat += earned_msat;
        let out_msat = out_share * fee_msat(step) - lost_msat;
        let both = out_share.min(in_share);
        let part = |share: f64| if share > 0.0 { both / share } else { 0.0 };
        let gain = Gain {
            fee_ppm: fee_msat(step) / AMOUNT_SAT * 1_000.0,
            out_share,
            in_share,
            low_msat: out_msat * part(out_share) + in_msat * part(in_share),
            high_msat: out_msat + in_msat,
        };
        if gain.middle_msat() > best.middle_msat() {
            best = gain;
        }
    }
    Some(best)
}

/// Whom a channel to `node` would connect us with at a fee, up to `most` each.
pub fn connects(
    market: &Market,
    standing: &Standing,
    node: usize,
    fee_ppm: f64,
    most: usize,
) -> Connects {
    let Some(terms) = Terms::of(market.network, node) else {
        return Connects::default();
    };
    let fee = fee_ppm * AMOUNT_SAT / 1_000.0;
    let mut sinks = vec![0.0; market.sinks.len()];
    let mut sources = vec![0.0; market.sources.len()];
    leaving(market, standing, node, &terms, |drawn| {
        if let Some(sink) = drawn.sink.filter(|_| drawn.most_msat > fee) {
            sinks[sink] += drawn.share;
        }
    });
    entering(market, standing, node, &terms, |drawn| {
        if let Some(source) = drawn.source {
            sources[source] += drawn.share;
        }
    });
    Connects {
        sinks: largest(&sinks, most, |sink| market.sinks[sink].node),
        sources: largest(&sources, most, |source| market.sources[source].node),
    }
}

fn largest(shares: &[f64], most: usize, node: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..shares.len()).filter(|at| shares[*at] > 0.0).collect();
    order.sort_by(|a, b| shares[*b].total_cmp(&shares[*a]));
    order.into_iter().take(most).map(node).collect()
}

/// Every payment that would leave by a channel to `node` at some fee.
fn leaving(
    market: &Market,
    standing: &Standing,
    node: usize,
    terms: &Terms,
    mut found: impl FnMut(Drawn),
) {
    let (our_risk, _, _) = new_channel_msat(terms);
    for (s, source) in market.sources.iter().enumerate() {
        let enter = standing.enter_msat(s) + our_risk;
        if source.node == node || enter.is_infinite() {
            continue;
        }
        let mut take = |share, best_msat: f64, on_msat: f64, earned_msat, sink| {
            let most_msat = best_msat - enter - on_msat;
            if most_msat > 0.0 {
                found(Drawn {
                    share: source.share * share,
                    most_msat,
                    earned_msat,
                    source: Some(s),
                    sink,
                });
            }
        };
        for (d, sink) in market.sinks.iter().enumerate() {
            if sink.node != node {
                let now = standing.present(s, d);
                let on = market.to(node, d);
                take(sink.share, now.best_msat, on, now.earned_msat, Some(d));
            }
        }
        // The node itself is paid by its share, whether it was drawn or not.
        let around = seen(market.from(s, node), s);
        take(market.share(node), around, 0.0, 0.0, None);
    }
}

/// Every payment that would come in by a channel to `node`, with our fee where it
/// leaves.
fn entering(
    market: &Market,
    standing: &Standing,
    node: usize,
    terms: &Terms,
    mut found: impl FnMut(Drawn),
) {
    let (_, their_risk, their_fee) = new_channel_msat(terms);
    let paying = market.paying(node);
    for (d, sink) in market.sinks.iter().enumerate() {
        let leave = standing.leave_msat(d);
        if sink.node == node || leave.is_infinite() {
            continue;
        }
        let fee = standing.leave_fee_msat(d);
        let mut take = |share, best_msat: f64, to_msat: f64, earned_msat, source| {
            if to_msat + their_risk + leave < best_msat {
                found(Drawn {
                    share: sink.share * share,
                    most_msat: fee,
                    earned_msat,
                    source,
                    sink: Some(d),
                });
            }
        };
        for (s, source) in market.sources.iter().enumerate() {
            if source.node != node {
                let now = standing.present(s, d);
                let to = market.from(s, node) + their_fee;
                take(source.share, now.best_msat, to, now.earned_msat, Some(s));
            }
        }
        take(market.share(node), seen(paying[d], d), 0.0, 0.0, None);
    }
}

fn fee_msat(step: usize) -> f64 {
    let step = i32::try_from(step).unwrap_or(i32::MAX);
    AMOUNT_SAT / 1_000.0 * FEE_STEP.powi(step)
}

/// The highest fee tried that is below `most_msat`.
fn step_below(most_msat: f64) -> Option<usize> {
    let steps = math::ln(most_msat / fee_msat(0)) / math::ln(FEE_STEP);
    let step = usize::try_from(math::whole(steps.floor())).ok()?;
    (steps >= 0.0).then_some(step.min(FEES - 1))
}

/// The nodes that a channel could be opened to: those with partners enough, us and
/// our peers apart.
pub fn candidates(market: &Market, peers: &[usize]) -> Vec<usize> {
    let network = market.network;
    (0..network.nodes())
        .filter(|node| *node != market.us && !peers.contains(node))
        .filter(|node| network.partners(*node).len() >= LEAST_PARTNERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_graph::network::{Hop, Network};

    fn hop(to: usize, capacity_sat: u64, ppm: u64) -> Hop {
        Hop {
            to,
            capacity_sat,
            min_htlc_sat: 1,
            max_htlc_sat: capacity_sat,
            base_msat: 0,
            ppm,
            cltv: 40,
        }
    }

    fn both(edges: &mut Vec<(usize, Hop)>, a: usize, b: usize, capacity_sat: u64, ppm: u64) {
        edges.push((a, hop(b, capacity_sat, ppm)));
        edges.push((b, hop(a, capacity_sat, ppm)));
    }

    /// We are 0 with one peer 1, a cheap hub. Node 2 is a second hub to which the
    /// only way asks 2,000 ppm; node 3 is as large, but 1 already leads there for
    /// nothing. Leaves hang on all hubs.
    fn two_hubs() -> Network {
        let mut edges = vec![];
        both(&mut edges, 0, 1, 20_000_000, 1);
        both(&mut edges, 1, 2, 50_000_000, 2_000);
        both(&mut edges, 1, 3, 50_000_000, 0);
        for hub in [1, 2, 3] {
            for leaf in 0..6 {
                both(&mut edges, hub, 4 + (hub - 1) * 6 + leaf, 10_000_000, 1);
            }
        }
        Network::new(22, edges)
    }

    #[test]
    fn a_hub_that_is_dear_to_reach_is_worth_more_than_one_that_is_free() {
        let network = two_hubs();
        let market = Market::new(&network, &network.reversed(), 0, 0.5);
        let standing = market.standing(None);
        assert_eq!(candidates(&market, &market.peers()), [2, 3]);
        let dear = gain(&market, &standing, 2).expect("a gain");
        let free = gain(&market, &standing, 3).expect("a gain");
        assert!(
            dear.middle_msat() > 10.0 * free.middle_msat(),
            "{dear:?} {free:?}"
        );
        // Below the 2,000 ppm of the way there is, and not far below.
        assert!((900.0..2_000.0).contains(&dear.fee_ppm), "{dear:?}");
        assert!(dear.low_msat <= dear.high_msat);
        let to = connects(&market, &standing, 2, dear.fee_ppm, 3);
        assert!(
            to.sinks.iter().all(|node| (10..16).contains(node)),
            "{to:?}"
        );
        assert_eq!(to.sinks.len(), 3);
    }

    #[test]
    fn fees_tried_lie_below_what_is_borne() {
        assert_eq!(step_below(99.0), None);
        assert_eq!(step_below(100.0), Some(0));
        assert_eq!(step_below(126.0), Some(1));
        assert_eq!(step_below(f64::INFINITY), Some(FEES - 1));
        assert_eq!(step_below(f64::NAN), None);
        assert_eq!(step_below(-5.0), None);
    }
}
