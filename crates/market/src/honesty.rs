//! Is the market honest? It must give the answers that can be known without
//! it ([`closed_forms`]), keep its books ([`laws`]), under attack too
//! ([`attacks`]), and look like a real node's where that was measured
//! ([`calibration`]).

mod attacks;
mod calibration;
mod closed_forms;
mod laws;

use std::sync::Arc;
use std::time::Duration;

use super::drive::{FeePolicy, FeeUpdate, Tick, drive};
use super::market_map::{AmountClass, Kind, MarketMap, Pair, Peer, PeerPolicy, Table};
use super::meter::Metrics;
use super::scenario::Scenario;
use super::world::World;
use sweetspot_core::types::units::FeePpm;

/// Poisson payments and our fees, nothing else.
const BARE: &str = "
    start_fee = { ppm = 0 }
    warm_up_days = 0
    gossip_mean_secs = 0
    peers = { source = 0, sink = 0, small = 0, dead = 0, private = 0, parallel = 0 }
    churn = { closes_per_channel_year = 0 }
    outages = { per_channel_year = 0, node_per_year = 0 }
    [demand]
    cluster = 1
    shock_shape = 0
    receiver_shock_shape = 0
    drift_sd = 0
    rhythm = 0
    [rivals]
    sd = 0
    peers_sd = 0
    noise = 0
    reliability_weight = 0
    [htlcs]
    hold_mean_secs = 0
    hanging = 0
    downstream_failure = 0
";

fn bare(payments_per_day: f64, peers: usize, days: f64) -> Scenario {
    let mut scenario = Scenario::parse(BARE).expect("a scenario");
    scenario.rate = payments_per_day / super::math::count(peers);
    scenario.days = days;
    scenario
}

/// A stream of equal payments in over one peer and out over another, as long as
/// our fee stays below `room_ppm`.
#[derive(Clone, Copy)]
struct Stream {
    enter: usize,
    leave: usize,
    weight: f64,
    room_ppm: f64,
}

/// A market of peers with these capacities (in sat), where everyone else knows
/// one way only.
fn by_hand(capacities_sat: &[u64], amount_sat: f64, streams: &[Stream]) -> Arc<MarketMap> {
    let peers: Vec<Peer> = capacities_sat
        .iter()
        .enumerate()
        .map(|(node, capacity_sat)| Peer {
            node,
            kind: Kind::Ordinary,
            capacity_sat: *capacity_sat,
            policy: PeerPolicy {
                base_msat: 0,
                ppm: 0,
                cltv: 0,
            },
            graph_fee: (0, 0),
            channels: 0,
            network_capacity_sat: 0,
            competitor_ppm: None,
        })
        .collect();
    let mut map = MarketMap {
        classes: vec![AmountClass {
            typical_sat: amount_sat,
            from_sat: amount_sat,
            below_sat: amount_sat,
        }],
        open_at_start: peers.len(),
        sources: streams.len(),
        sinks: streams.len(),
        to_us: Table::closed(1, streams.len(), peers.len()),
        from_us: Table::closed(1, streams.len(), peers.len()),
        pairs: vec![],
        sessions_per_forward: 1.0,
        reference_ppm: 200.0,
        reliability_weight: 0.0,
        walk: vec![],
        peers,
    };
    for (at, stream) in streams.iter().enumerate() {
        map.to_us.set(0, at, stream.enter, 0.0);
        map.from_us.set(0, at, stream.leave, 0.0);
        let risk = map.our_risk(0, capacities_sat[stream.leave], 80);
        map.pairs.push(Pair {
            class: 0,
            source: at,
            sink: at,
            weight: stream.weight,
            rival_msat: stream.room_ppm * amount_sat / 1_000.0 + risk,
        });
    }
    Arc::new(map)
}

/// The same rate everywhere, and an inbound rate.
struct Flat(u32, i32);

impl FeePolicy for Flat {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let channels = tick.seen.channels.values();
        let updates = channels.filter_map(|channel| {
            let mut fees = channel.policy?.fees;
            let before = fees;
            fees.outbound = FeePpm(self.0);
            fees.inbound.rate_ppm = self.1;
            (fees != before).then_some(FeeUpdate {
                point: channel.point,
                fees,
            })
        });
        updates.collect()
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(6 * 3_600)
    }
}

fn run(map: &Arc<MarketMap>, scenario: &Scenario, mut pricer: impl FeePolicy) -> Metrics {
    let mut world = World::new(map.clone(), scenario, scenario.seed);
    drive(&mut world, &mut pricer)
}

fn near(have: f64, want: f64, by: f64) {
    assert!((have - want).abs() <= by, "{have} is not {want} ± {by}");
}
