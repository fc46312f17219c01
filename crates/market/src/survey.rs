//! From a network to the map of one of its nodes.
//!
//! 1. The focal node and its peers.
//! 2. Parties: 200 senders and 200 receivers drawn by √capacity, each with a
//!    log-normal popularity (sd 1.0: uneven demand is what makes channels
//!    drift), and our peers, a few of which send or receive heavily.
//! 3. Tables: cheapest costs on the graph without the focal node.
//! 4. Pairs: the sender-receiver pairs that could ever take us. The rest is
//!    left out, which thins the stream of payments without changing it.

mod pairs;
mod peers;
mod walk;

use std::collections::BTreeSet;

use super::market_map::{AmountClass, Kind, MarketMap, Peer, PeerPolicy, REFERENCE_PPM, Table};
use super::math;
use super::network::Network;
use super::random::{Purpose, Random};
use super::routes::{self, Costs};
use super::scenario::Scenario;

const PARTIES: usize = 200;
const POPULARITY_LN_SD: f64 = 1.0;
/// Typical amounts and where each class begins, in sat.
const CLASSES: [(f64, f64); 4] = [
    (5_000.0, 1.0),
    (50_000.0, 16_000.0),
    (200_000.0, 100_000.0),
    (1_000_000.0, 450_000.0),
];
const LARGEST_SAT: f64 = 5_000_000.0;
/// A heavy sender's or receiver's own demand, in mean channels' demands.
const HEAVY: f64 = 1.5;
/// A private peer's own demand in each direction.
const PRIVATE: f64 = 0.3;
/// Any other peer's: who opens a channel pays and is paid as well. Set so that
/// as few channels as on a real node see nothing for a month (`honesty`).
const OWN: f64 = 0.2;
/// The flat part of what a sender bears, in msat.
const BUDGET_BASE_MSAT: f64 = 50_000.0;

/// Why a scenario has no map.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The graph is too small.
    #[error("the network has {have} usable nodes; {need} are needed for {channels} channels")]
    TooSmall {
        /// Nodes with a two-way channel.
        have: usize,
        /// Nodes needed.
        need: usize,
        /// Channels wanted.
        channels: usize,
    },
}

/// A sender or receiver.
struct Party {
    node: usize,
    weight: f64,
    /// Its own demand in mean channels' demands, for parties made by kind.
    share: Option<f64>,
}

/// The map of the scenario's node in `network`.
pub fn survey(network: &Network, scenario: &Scenario) -> Result<MarketMap, SurveyError> {
    let scaled = network.with_fees_scaled(scenario.fee_scale);
    let network = &scaled;
    let mut random = Random::stream(scenario.node, Purpose::MarketMap, 0);
    let (focal, peers) = peers::settle(network, scenario, &mut random)?;
    let sources = parties(network, focal, &peers, Kind::Source, &mut random);
    let sinks = parties(network, focal, &peers, Kind::Sink, &mut random);
    let classes: Vec<AmountClass> = (0..CLASSES.len())
        .map(|class| AmountClass {
            typical_sat: CLASSES[class].0,
            from_sat: CLASSES[class].1,
            below_sat: CLASSES.get(class + 1).map_or(LARGEST_SAT, |next| next.1),
        })
        .collect();
    let mut map = MarketMap {
        to_us: Table::closed(classes.len(), sources.len(), peers.len()),
        from_us: Table::closed(classes.len(), sinks.len(), peers.len()),
        classes,
        open_at_start: scenario.channels,
        sources: sources.len(),
        sinks: sinks.len(),
        peers,
        pairs: vec![],
        sessions_per_forward: 0.0,
        reference_ppm: REFERENCE_PPM * scenario.fee_scale,
        reliability_weight: scenario.rivals.reliability_weight,
        walk: walk::through(network, scenario.node),
    };
    let rise = math::exp(scenario.largest_rise());
    for class in 0..map.classes.len() {
        let around = measure(&mut map, network, focal, class, &sources, &sinks);
        pairs::add(&mut map, scenario, class, &around, rise, &sources, &sinks);
    }
    map.pairs.sort_by_key(|pair| pair.sink);
    pairs::weigh_special(&mut map, &sources, &sinks);
    map.calibrate();
    Ok(map)
}

/// Draws `count` of `from` without replacement, in proportion to a weight.
fn draw(
    from: &[usize],
    count: usize,
    random: &mut Random,
    weight: impl Fn(usize) -> f64,
) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = from
        .iter()
        .map(|node| (random.exponential(1.0) / weight(*node).max(1e-9), *node))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed
        .into_iter()
        .take(count)
        .map(|(_, node)| node)
        .collect()
}

fn parties(
    network: &Network,
    focal: usize,
    peers: &[Peer],
    kind: Kind,
    random: &mut Random,
) -> Vec<Party> {
    let own = |peer: &Peer| match peer.kind {
        Kind::Private => Some(PRIVATE),
        Kind::Ordinary | Kind::Small => Some(OWN),
        heavy if heavy == kind => Some(HEAVY),
        Kind::Source | Kind::Sink | Kind::Dead => None,
    };
    let apart: BTreeSet<usize> = peers
        .iter()
        .filter(|peer| own(peer).is_some())
        .map(|peer| peer.node)
        .collect();
    let all: Vec<usize> = (0..network.nodes())
        .filter(|node| *node != focal && !network.hops(*node).is_empty())
        .filter(|node| !apart.contains(node))
        .collect();
    let drawn = draw(&all, PARTIES, random, |node| {
        math::float(network.capacity_sat(node)).sqrt()
    });
    let mut parties: Vec<Party> = drawn
        .into_iter()
        .map(|node| Party {
            node,
            weight: math::exp(POPULARITY_LN_SD * random.normal()),
            share: None,
        })
        .collect();
    parties.extend(peers.iter().filter_map(|peer| {
        Some(Party {
            node: peer.node,
            weight: 1.0,
            share: Some(own(peer)?),
        })
    }));
    parties
}

/// Fills both tables for a class; gives the costs of the ways around us.
fn measure(
    map: &mut MarketMap,
    network: &Network,
    focal: usize,
    class: usize,
    sources: &[Party],
    sinks: &[Party],
) -> Vec<Vec<f64>> {
    let amount = map.classes[class].typical_sat;
    let costs = Costs::new(network, focal, amount, map.reliability_weight);
    let mut around = Vec::with_capacity(sources.len());
    for (s, source) in sources.iter().enumerate() {
        let public = source.node < network.nodes();
        let reach = if public {
            costs.cheapest_from(source.node, true)
        } else {
            vec![f64::INFINITY; network.nodes()]
        };
        let to = |node: usize| reach.get(node).copied().unwrap_or(f64::INFINITY);
        for p in 0..map.peers.len() {
            let peer = &map.peers[p];
            let policy = peer.policy;
            let risk = map.our_risk(class, peer.capacity_sat, cltv(policy));
            let own = peer.node == source.node;
            let cost = if own {
                risk
            } else {
                to(peer.node)
                    + risk
                    + routes::fee(
                        math::float(policy.base_msat),
                        math::float(policy.ppm),
                        amount,
                    )
            };
            if peer.kind != Kind::Dead {
                map.to_us.set(class, s, p, cost);
            }
        }
        around.push(sinks.iter().map(|sink| to(sink.node)).collect());
    }
    for p in 0..map.peers.len() {
        let (node, kind) = (map.peers[p].node, map.peers[p].kind);
        if kind == Kind::Dead {
            continue;
        }
        let reach = if node < network.nodes() {
            costs.cheapest_from(node, false)
        } else {
            vec![]
        };
        for (d, sink) in sinks.iter().enumerate() {
            let cost = match reach.get(sink.node) {
                _ if sink.node == node => 0.0,
                Some(cost) => *cost,
                None => f64::INFINITY,
            };
            map.from_us.set(class, d, p, cost);
        }
    }
    around
}

fn cltv(policy: PeerPolicy) -> u32 {
    u32::try_from(policy.cltv).unwrap_or(u32::MAX)
}
