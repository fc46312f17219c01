//! What must hold in every market, whatever the policy.

use super::*;
use crate::htlc::HtlcOutcome;
use crate::link::COMMIT_OVERHEAD_MSAT;
use crate::{survey, synthetic};
use sweetspot_core::types::channel::{FeeParts, InboundFee};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;

/// A small, busy, troubled market with every kind of peer.
pub(super) fn troubled() -> (Arc<MarketMap>, Scenario) {
    let scenario = Scenario::parse(
        "channels = 12
        rate = 8.0
        days = 18.0
        warm_up_days = 3.0
        peers = { source = 0.2, sink = 0.2, small = 0.2, dead = 0.1, private = 0.2, parallel = 0.3 }
        htlcs = { hanging = 0.05 }
        churn = { closes_per_channel_year = 15.0, zero_conf = 0.5, failed = 0.3 }
        outages = { per_channel_year = 100, node_per_year = 50 }
        rivals = { reaction = 0.1 }",
    );
    let scenario = scenario.expect("a scenario");
    let network = synthetic::network(150, 3);
    let map = survey::survey(&network, &scenario).expect("a map");
    (Arc::new(map), scenario)
}

fn inbound(rate_ppm: i32) -> InboundFee {
    InboundFee {
        base_fee_msat: 0,
        rate_ppm,
    }
}

/// Moves fees about, discounts included, by a fixed pattern.
#[derive(Default)]
pub(super) struct Restless(u32);

impl FeePolicy for Restless {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.0 += 1;
        let channels = tick.seen.channels.values().enumerate();
        let updates = channels.map(|(at, channel)| {
            let step = self.0 + u32::try_from(at).unwrap_or(0);
            let fees = FeeParts {
                base_fee_msat: step % 3 * 500,
                outbound: FeePpm(step * 37 % 900),
                inbound: inbound(-i32::try_from(step * 53 % 400).unwrap_or(0)),
            };
            FeeUpdate {
                point: channel.point,
                fees,
            }
        });
        updates.collect()
    }
}

/// Notes when it is asked, and leaves fees alone.
struct Clock(Vec<Timestamp>);

impl FeePolicy for Clock {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.0.push(tick.seen.at);
        vec![]
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(6 * 3_600)
    }
}

#[test]
fn a_warm_up_that_ends_between_ticks_shifts_none_of_them() {
    let mut scenario = bare(1.0, 2, 1.5);
    scenario.warm_up_days = 0.4;
    let map = by_hand(&[1_000_000, 1_000_000], 1_000.0, &[]);
    let mut world = World::new(map, &scenario, 1);
    let mut clock = Clock(vec![]);
    let metrics = drive(&mut world, &mut clock);
    let hours = clock.0.iter().map(|at| at.days_since(clock.0[0]) * 24.0);
    assert!(hours.eq([0.0, 6.0, 12.0, 18.0, 24.0, 30.0]));
    near(metrics.total().days, 2.0 * 1.1, 1e-9);
}

#[test]
fn every_msat_is_accounted_for() {
    let (map, scenario) = troubled();
    let mut world = World::new(map, &scenario, 4);
    let ours = |world: &World| -> i128 {
        let links = world.links.iter().flatten();
        links
            .map(|l| i128::from(l.local + l.pending_out))
            .sum::<i128>()
            + world.wallet_msat()
    };
    let at_start = ours(&world);
    let mut pricer = Restless::default();
    let (mut earned, mut last, mut pending, mut settled) = (0, Timestamp::EPOCH, false, 0);
    let peers = world.peers();
    while world.now() < world.ends_at() {
        let (seen, forwards, htlcs) = (
            world.observe(),
            world.drain_forwards(),
            world.drain_htlc_events(),
        );
        for link in world.links.iter().flatten() {
            let all = link.local + link.remote + link.pending_out + link.pending_in;
            assert_eq!(all + COMMIT_OVERHEAD_MSAT, link.capacity);
            pending |= !link.idle();
        }
        for forward in &forwards {
            assert!(forward.settled_at > last, "settle times ascend");
            assert_eq!(forward.fee.0, forward.amount_in.0 - forward.amount_out.0);
            last = forward.settled_at;
            earned += i128::from(forward.fee.0);
        }
        settled += htlcs
            .iter()
            .filter(|htlc| htlc.outcome == HtlcOutcome::Settled)
            .count();
        settled -= forwards.len();
        assert_eq!(settled, 0, "a fee without a settled HTLC, or the reverse");
        assert_eq!(ours(&world) - at_start, earned);
        for update in pricer.price(Tick {
            seen: &seen,
            forwards: &forwards,
            htlcs: &htlcs,
            peers: &peers,
        }) {
            world
                .set_fees(update.point, update.fees)
                .expect("an open channel");
        }
        world.step_until(world.now().plus(Duration::from_secs(3_600)));
    }
    assert!(earned > 0 && pending && world.closed_channels().len() > 3);
}

#[test]
fn without_traffic_nobody_earns() {
    let (map, mut scenario) = troubled();
    scenario.rate = 0.0;
    for metrics in [
        run(&map, &scenario, Restless::default()),
        run(&map, &scenario, Flat(1_000, 0)),
    ] {
        let total = metrics.total();
        assert_eq!((total.fees_msat, total.forwards_out), (0, 0));
        assert!(total.days > 100.0);
    }
}

fn history(map: &Arc<MarketMap>, scenario: &Scenario, stride_secs: u64) -> Vec<Forward> {
    let mut world = World::new(map.clone(), scenario, scenario.seed);
    let mut forwards = vec![];
    while world.now() < world.ends_at() {
        let next = world.now().plus(Duration::from_secs(stride_secs));
        world.step_until(next.min(world.ends_at()));
        forwards.extend(world.drain_forwards());
    }
    forwards
}

#[test]
fn the_same_seed_gives_the_same_history_in_any_stride() {
    let (map, mut scenario) = troubled();
    let hourly = history(&map, &scenario, 3_600);
    assert_eq!(hourly, history(&map, &scenario, 3_600));
    assert_eq!(hourly, history(&map, &scenario, 77_777));
    scenario.seed = 2;
    assert_ne!(hourly, history(&map, &scenario, 3_600));
}

#[test]
fn the_same_seed_gives_the_same_history_on_every_machine() {
    let (map, scenario) = troubled();
    let forwards = history(&map, &scenario, 86_400);
    let fees: u64 = forwards.iter().map(|forward| forward.fee.0).sum();
    let last = forwards.last().map(|forward| forward.settled_at.nanos());
    // Changes with the model, never with the machine.
    insta::assert_debug_snapshot!((forwards.len(), fees, last), @r"
    (
        384,
        5271386,
        Some(
            1768753182892852261,
        ),
    )
    ");
}

#[test]
fn the_order_of_channels_changes_nothing() {
    let (map, mut scenario) = troubled();
    // New channels go to waiting peers in order; here there are none.
    scenario.churn.closes_per_channel_year = 0.0;
    let start = map.open_at_start;
    let mut turned = (*map).clone();
    turned.peers[..start].reverse();
    for class in 0..turned.classes.len() {
        for peer in 0..start {
            for source in 0..turned.sources {
                let cost = map.to_us.row(class, source)[start - 1 - peer];
                turned.to_us.set(class, source, peer, cost);
            }
            for sink in 0..turned.sinks {
                let cost = map.from_us.row(class, sink)[start - 1 - peer];
                turned.from_us.set(class, sink, peer, cost);
            }
        }
    }
    let straight = run(&map, &scenario, Flat(150, -30));
    assert!(straight.total().forwards_out > 200);
    let turned = run(&Arc::new(turned), &scenario, Flat(150, -30));
    for (point, account) in straight.channels {
        let other = turned.channels[&point];
        assert_eq!(account.fees_msat, other.fees_msat);
        assert_eq!(account.own_failures, other.own_failures);
        near(account.off_target_days, other.off_target_days, 1e-9);
    }
}

#[test]
fn no_policy_changes_what_happens_to_channels() {
    let (map, scenario) = troubled();
    let outcome = |mut pricer: Box<dyn FnMut(&mut World)>| {
        let mut world = World::new(map.clone(), &scenario, 1);
        let mut online = vec![];
        while world.now() < world.ends_at() {
            pricer(&mut world);
            world.step_until(world.now().plus(Duration::from_secs(86_400)));
            world.drain_forwards();
            let active = |c: sweetspot_core::types::channel::Channel| (c.point, c.active);
            let closing = world.links.iter().flatten().any(|l| l.closing.is_some());
            let mut now: Vec<_> = world.channels().map(active).collect();
            now.sort();
            online.push((!closing).then_some(now));
        }
        online
    };
    let left_alone = outcome(Box::new(|_| ()));
    let priced_out = outcome(Box::new(|world| {
        let fees = FeeParts {
            outbound: FeePpm(50_000),
            ..FeeParts::default()
        };
        for channel in world.observe().channels.into_keys() {
            world.set_fees(channel, fees).expect("an open channel");
        }
    }));
    let same = left_alone.iter().zip(&priced_out);
    // A day on which a channel still waits for its last HTLC is no comparison.
    let days: Vec<bool> = same
        .filter(|(a, b)| a.is_some() && b.is_some())
        .map(|(a, b)| a == b)
        .collect();
    assert!(days.len() > 10 && days.iter().all(|same| *same));
}

/// One stream over two large channels, fees at `ppm`.
fn plain_world(gossip_mean_secs: f64, inbound_aware: f64) -> World {
    let stream = Stream {
        enter: 0,
        leave: 1,
        weight: 1.0,
        room_ppm: 1_000.0,
    };
    let large = 1_000_000_000_000;
    let map = by_hand(&[large, large], 100_000.0, &[stream]);
    let mut scenario = bare(10_000.0, 2, 2.0);
    scenario.gossip_mean_secs = gossip_mean_secs;
    scenario.demand.inbound_aware = inbound_aware;
    World::new(map, &scenario, 1)
}

fn set(world: &mut World, ppm: u32, inbound_ppm: i32) {
    let fees = FeeParts {
        base_fee_msat: 0,
        outbound: FeePpm(ppm),
        inbound: inbound(inbound_ppm),
    };
    for point in world.observe().channels.into_keys() {
        world.set_fees(point, fees).expect("an open channel");
    }
}

fn pass(world: &mut World, hours: u64) -> (Vec<u64>, usize) {
    world.step_until(world.now().plus(Duration::from_secs(hours * 3_600)));
    let ppm = |f: Forward| f.fee.0 * 1_000_000 / f.amount_out.0;
    let fees = world.drain_forwards().into_iter().map(ppm).collect();
    let refused = |outcome| outcome == HtlcOutcome::FeeInsufficient;
    let htlcs = world.drain_htlc_events();
    (
        fees,
        htlcs.iter().filter(|htlc| refused(htlc.outcome)).count(),
    )
}

#[test]
fn a_raise_fails_htlcs_until_it_is_known_and_a_cut_is_overpaid() {
    let mut world = plain_world(1_800.0, 0.0);
    set(&mut world, 100, 0);
    pass(&mut world, 12);
    set(&mut world, 200, 0);
    let (_, refused) = pass(&mut world, 6);
    assert!(refused > 0, "senders that know the old fee are refused");
    let (fees, refused) = pass(&mut world, 12);
    assert!(refused == 0 && fees.iter().all(|ppm| *ppm == 200));
    set(&mut world, 50, 0);
    let (fees, refused) = pass(&mut world, 12);
    assert!(refused == 0 && fees[0] == 200 && fees.contains(&50));
    assert!(fees.iter().all(|ppm| [50, 200].contains(ppm)));
}

#[test]
fn without_delay_a_raise_fails_nothing() {
    let mut world = plain_world(0.0, 0.0);
    set(&mut world, 100, 0);
    pass(&mut world, 1);
    set(&mut world, 900, 0);
    let (fees, refused) = pass(&mut world, 6);
    assert!(refused == 0 && !fees.is_empty());
}

#[test]
fn only_informed_senders_take_a_discount_and_it_never_costs_us() {
    let paid = |aware, ppm, inbound| {
        let mut world = plain_world(0.0, aware);
        set(&mut world, ppm, inbound);
        pass(&mut world, 6).0
    };
    assert!(paid(0.0, 500, -200).iter().all(|ppm| *ppm == 500));
    // −200 ppm of the amount and its 500 ppm fee.
    assert!(paid(1.0, 500, -200).iter().all(|ppm| *ppm == 299));
    assert!(paid(1.0, 100, -2_000).iter().all(|ppm| *ppm == 0));
    // Too dear without the discount: only the informed half comes.
    let (some, all) = (paid(0.5, 1_100, -200).len(), paid(1.0, 1_100, -200).len());
    assert!(some > 0 && some * 3 < all * 2);
}

#[test]
fn a_hanging_htlc_holds_liquidity_until_it_resolves() {
    let stream = Stream {
        enter: 0,
        leave: 1,
        weight: 1.0,
        room_ppm: f64::INFINITY,
    };
    let map = by_hand(&[1_000_000_000, 10_000_000], 100_000.0, &[stream]);
    let mut scenario = bare(1_000.0, 2, 1.0);
    scenario.htlcs.hanging = 1.0;
    scenario.htlcs.hanging_mean_hours = 10_000.0;
    scenario.htlcs.downstream_failure = 1.0;
    let mut world = World::new(map, &scenario, 1);
    let small = |world: &World| {
        let mut channels = world.channels();
        channels.find(|c| c.capacity.0 == 10_000_000).expect("it")
    };
    let before = small(&world);
    world.step_until(world.ends_at());
    let during = small(&world);
    assert!(during.pending_out.0 > 0 && during.spendable().0 < 100_000);
    near(during.local_ratio(), before.local_ratio(), 1e-6);
    let listed: u64 = world
        .pending_htlcs(during.point)
        .iter()
        .map(|h| h.amount.0)
        .sum();
    assert_eq!(listed, during.pending_out.0 * 1_000);
    assert!(world.drain_forwards().is_empty());
}

#[test]
fn the_world_has_every_kind_of_peer_and_every_kind_of_end() {
    use sweetspot_core::types::observation::CloseType;
    let (map, mut scenario) = troubled();
    for kind in [
        Kind::Ordinary,
        Kind::Source,
        Kind::Sink,
        Kind::Small,
        Kind::Dead,
        Kind::Private,
    ] {
        assert!(map.peers.iter().any(|peer| peer.kind == kind), "{kind:?}");
    }
    scenario.rate = 0.1;
    scenario.churn.closes_per_channel_year = 200.0;
    let mut world = World::new(map, &scenario, 1);
    world.step_until(world.started().plus(Duration::from_secs(400 * 86_400)));
    let closed = world.closed_channels();
    for kind in [
        CloseType::Cooperative,
        CloseType::LocalForce,
        CloseType::RemoteForce,
        CloseType::Breach,
        CloseType::FundingCanceled,
        CloseType::Abandoned,
    ] {
        assert!(closed.iter().any(|c| c.close_type == kind), "{kind:?}");
    }
    let zero_conf = world.channels().find(|c| !c.other_scids.is_empty());
    assert_eq!(zero_conf.expect("a zero-conf channel").scid.block(), None);
    assert!(world.channels().any(|c| c.private));
}
