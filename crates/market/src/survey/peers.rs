//! Which node of the network is ours, and who its peers are.
//!
//! The focal node is one with about as many partners as wanted; surplus
//! partners are left out, missing ones and those of later channels are drawn by
//! √capacity.

use super::{SurveyError, draw};
use crate::market_map::{Kind, Peer, PeerPolicy};
use crate::math;
use crate::network::{Hop, Network};
use crate::random::Random;
use crate::scenario::Scenario;

/// Chooses the focal node and its peers: those of the start, then spares.
pub fn settle(
    network: &Network,
    scenario: &Scenario,
    random: &mut Random,
) -> Result<(usize, Vec<Peer>), SurveyError> {
    let size = scenario.channels;
    let closes = scenario.churn.closes_per_channel_year * scenario.days / 365.0;
    let spares = math::whole((math::count(size) * closes * 1.3).ceil()).min(500);
    let wanted = size + 4 + usize::try_from(spares).unwrap_or(0);
    let usable: Vec<usize> = (0..network.nodes())
        .filter(|node| !network.partners(*node).is_empty())
        .collect();
    if usable.len() < wanted + 2 {
        return Err(SurveyError::TooSmall {
            have: usable.len(),
            need: wanted + 2,
            channels: size,
        });
    }
    let off = |node: &usize| network.partners(*node).len().abs_diff(size);
    let nearest = usable.iter().map(off).min().unwrap_or(0);
    let close: Vec<usize> = usable
        .iter()
        .copied()
        .filter(|node| off(node) <= nearest.max(size / 5))
        .collect();
    let focal = close[random.below(close.len())];
    let mut chosen = draw(&network.partners(focal), size, random, |_| 1.0);
    let others: Vec<usize> = usable
        .iter()
        .copied()
        .filter(|node| *node != focal && !chosen.contains(node))
        .collect();
    chosen.extend(draw(&others, wanted - chosen.len(), random, |node| {
        math::float(network.capacity_sat(node)).sqrt()
    }));
    let peers = chosen
        .into_iter()
        .enumerate()
        .map(|(index, node)| peer(network, scenario, focal, index, node, random))
        .collect();
    Ok((focal, peers))
}

fn peer(
    network: &Network,
    scenario: &Scenario,
    focal: usize,
    index: usize,
    node: usize,
    random: &mut Random,
) -> Peer {
    let mix = &scenario.peers;
    let kinds = [
        (Kind::Source, mix.source),
        (Kind::Sink, mix.sink),
        (Kind::Small, mix.small),
        (Kind::Dead, mix.dead),
        (Kind::Private, mix.private),
    ];
    let mut left = random.unit();
    let kind = kinds.into_iter().find_map(|(kind, share)| {
        left -= share;
        (left < 0.0).then_some(kind)
    });
    let kind = kind.unwrap_or(Kind::Ordinary);
    let some_hop = |node: usize, random: &mut Random| {
        let hops = network.hops(node);
        hops[random.below(hops.len())]
    };
    // Without a channel in the graph, a peer treats us like its other partners.
    let stranger: Hop = some_hop(node, random);
    let ours = some_hop(focal, random);
    let their = network.hop(node, focal).copied().unwrap_or(stranger);
    let graph_fee = network.hop(focal, node).copied().unwrap_or(ours);
    let small_sat = 100_000.0 + 300_000.0 * random.unit();
    let capacity_sat = match kind {
        Kind::Small => small_sat,
        Kind::Private => small_sat * 5.0,
        _ => math::float(their.capacity_sat).clamp(500_000.0, 50_000_000.0),
    };
    let private = kind == Kind::Private;
    Peer {
        node: if private {
            network.nodes() + index
        } else {
            node
        },
        kind,
        capacity_sat: math::whole(capacity_sat * scenario.scale).max(20_000),
        policy: PeerPolicy {
            base_msat: their.base_msat,
            ppm: their.ppm,
            cltv: their.cltv,
        },
        graph_fee: (graph_fee.ppm, graph_fee.base_msat),
        channels: if private {
            0
        } else {
            network.partners(node).len()
        },
        network_capacity_sat: if private {
            0
        } else {
            network.capacity_sat(node)
        },
        competitor_ppm: match private {
            true => None,
            false => competitor_ppm(network, node, focal),
        },
    }
}

/// The median by capacity of what others than `not` charge towards `node`.
fn competitor_ppm(network: &Network, node: usize, not: usize) -> Option<u64> {
    let mut fees: Vec<(u64, u64)> = network
        .partners(node)
        .into_iter()
        .filter(|partner| *partner != not)
        .filter_map(|partner| network.hop(partner, node))
        .map(|hop| (hop.ppm, hop.capacity_sat))
        .collect();
    fees.sort_unstable();
    let half = fees.iter().map(|(_, capacity)| capacity).sum::<u64>() / 2;
    let mut passed = 0;
    fees.into_iter().find_map(|(ppm, capacity)| {
        passed += capacity;
        (passed >= half).then_some(ppm)
    })
}
