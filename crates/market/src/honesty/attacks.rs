//! What must hold while somebody attacks: books balance, histories repeat, and
//! the attacker's account says what it really paid.

use super::laws::{Restless, troubled};
use super::*;
use crate::attack::AttackAccount;
use crate::htlc::{HtlcEvent, HtlcOutcome};
use crate::link::COMMIT_OVERHEAD_MSAT;
use crate::scenario::attack::{AttackKind, AttackRules};
use sweetspot_core::types::observation::Forward;

const KINDS: [AttackKind; 5] = [
    AttackKind::Dust,
    AttackKind::Wash,
    AttackKind::Hang,
    AttackKind::Probe,
    AttackKind::Flap,
];

fn attack(kind: AttackKind) -> AttackRules {
    AttackRules {
        kind,
        every_secs: 1_200.0,
        amount_sat: 40_000.0,
        hold_secs: 3_000.0,
        targets: 2,
        after_days: 0.5,
        for_days: 5.0,
    }
}

/// The troubled market under this attack.
fn attacked(kind: AttackKind) -> (Arc<MarketMap>, Scenario) {
    let (map, mut scenario) = troubled();
    scenario.attack = Some(attack(kind));
    (map, scenario)
}

fn ours_msat(world: &World) -> i128 {
    let links = world.links.iter().flatten();
    let held = links.map(|link| i128::from(link.local + link.pending_out));
    held.sum::<i128>() + world.wallet_msat()
}

#[test]
fn every_msat_is_accounted_for_under_each_attack() {
    for kind in KINDS {
        let (map, scenario) = attacked(kind);
        let mut world = World::new(map, &scenario, 4);
        let at_start = ours_msat(&world);
        let (mut pricer, mut earned) = (Restless::default(), 0);
        let peers = world.peers();
        while world.now() < world.ends_at() {
            let (seen, forwards) = (world.observe(), world.drain_forwards());
            for link in world.links.iter().flatten() {
                let all = link.local + link.remote + link.pending_out + link.pending_in;
                assert_eq!(all + COMMIT_OVERHEAD_MSAT, link.capacity, "{kind:?}");
            }
            earned += forwards.iter().map(|f| i128::from(f.fee.0)).sum::<i128>();
            assert_eq!(ours_msat(&world) - at_start, earned, "{kind:?}");
            let updates = pricer.price(Tick {
                seen: &seen,
                forwards: &forwards,
                htlcs: &[],
                peers: &peers,
            });
            for update in updates {
                world.set_fees(update.point, update.fees).expect("open");
            }
            world.step_until(world.now().plus(Duration::from_secs(3_600)));
        }
        let account = world.attack_account().expect("an attack");
        assert_eq!(account.acts, 360, "five days of three an hour: {kind:?}");
        assert!(i128::from(account.fees_msat) <= earned, "{kind:?}");
    }
}

type History = (Vec<Forward>, Vec<HtlcEvent>, AttackAccount);

fn history(map: &Arc<MarketMap>, scenario: &Scenario, stride_secs: u64) -> History {
    let mut world = World::new(map.clone(), scenario, scenario.seed);
    let (mut forwards, mut htlcs) = (vec![], vec![]);
    while world.now() < world.ends_at() {
        let next = world.now().plus(Duration::from_secs(stride_secs));
        world.step_until(next.min(world.ends_at()));
        forwards.extend(world.drain_forwards());
        htlcs.extend(world.drain_htlc_events());
    }
    (forwards, htlcs, world.attack_account().unwrap_or_default())
}

#[test]
fn the_same_seed_gives_the_same_attack_in_any_stride() {
    for kind in KINDS {
        let (map, mut scenario) = attacked(kind);
        let hourly = history(&map, &scenario, 3_600);
        assert_eq!(hourly, history(&map, &scenario, 77_777), "{kind:?}");
        scenario.seed = 2;
        assert_ne!(hourly, history(&map, &scenario, 3_600), "{kind:?}");
    }
}

#[test]
fn before_it_begins_an_attack_changes_nothing() {
    let until_it_begins = |attack: Option<AttackRules>| {
        let (map, mut scenario) = troubled();
        scenario.attack = attack;
        let mut world = World::new(map, &scenario, 1);
        let begins_at = world.warm_at().plus(Duration::from_secs(43_200));
        world.step_until(begins_at.minus(Duration::from_secs(1)));
        (world.drain_forwards(), world.drain_htlc_events())
    };
    let in_peace = until_it_begins(None);
    assert!(in_peace.0.len() > 20);
    for kind in KINDS {
        assert_eq!(until_it_begins(Some(attack(kind))), in_peace, "{kind:?}");
    }
}

#[test]
fn no_attack_changes_when_channels_close() {
    let closes = |attack: Option<AttackRules>| {
        let (map, mut scenario) = troubled();
        scenario.attack = attack;
        let mut world = World::new(map, &scenario, 1);
        world.step_until(world.ends_at());
        let closed = world.closed_channels().iter();
        let mut points: Vec<_> = closed.map(|c| (c.point, c.close_type)).collect();
        points.sort_by_key(|(point, _)| *point);
        points
    };
    let in_peace = closes(None);
    assert!(in_peace.len() > 3);
    for kind in [AttackKind::Dust, AttackKind::Wash, AttackKind::Flap] {
        assert_eq!(closes(Some(attack(kind))), in_peace, "{kind:?}");
    }
}

/// Three channels of 10, 8 and 1 million sat that nobody but the attacker uses,
/// at 250 ppm.
fn alone(attack: AttackRules) -> World {
    let map = by_hand(&[10_000_000, 8_000_000, 1_000_000], 1_000.0, &[]);
    let mut scenario = bare(0.0, 3, 4.0);
    scenario.start_fee = crate::scenario::StartFee::Ppm(250);
    scenario.attack = Some(AttackRules {
        after_days: 0.0,
        targets: 1,
        ..attack
    });
    World::new(map, &scenario, 1)
}

fn largest(world: &World) -> sweetspot_core::types::channel::Channel {
    let target = world.attack_targets()[0];
    world.channel(target).expect("open")
}

#[test]
fn the_author_is_charged_exactly_what_we_earned() {
    for kind in KINDS {
        let mut world = alone(attack(kind));
        world.step_until(world.ends_at());
        let account = world.attack_account().expect("an attack");
        let forwards = world.drain_forwards();
        let earned: u64 = forwards.iter().map(|forward| forward.fee.0).sum();
        assert_eq!(account.fees_msat, earned, "{kind:?}");
        let pays = matches!(kind, AttackKind::Dust | AttackKind::Wash);
        assert_eq!(earned > 0, pays, "{kind:?}");
    }
}

#[test]
fn the_largest_channel_is_aimed_at() {
    let world = alone(attack(AttackKind::Dust));
    assert_eq!(largest(&world).capacity.0, 10_000_000);
    assert_eq!(world.attack_targets().len(), 1);
    // Both ends of a wash are the author's.
    let world = alone(attack(AttackKind::Wash));
    assert_eq!(world.attack_targets().len(), 2);
}

#[test]
fn one_sat_pays_nothing_below_a_thousandth() {
    let mut world = alone(AttackRules {
        amount_sat: 1.0,
        ..attack(AttackKind::Dust)
    });
    world.step_until(world.ends_at());
    let forwards = world.drain_forwards();
    assert!(forwards.len() > 200 && forwards.iter().all(|f| f.amount_out.0 == 1_000));
    assert_eq!(world.attack_account().map(|a| a.fees_msat), Some(0));
}

#[test]
fn a_wash_pays_our_rate_each_way_and_moves_no_balance_for_long() {
    let mut world = alone(AttackRules {
        hold_secs: 60.0,
        ..attack(AttackKind::Wash)
    });
    let before = largest(&world).local_balance.0;
    world.step_until(world.ends_at());
    let forwards = world.drain_forwards();
    // 40,000 sat at 250 ppm are 10 sat.
    assert!(forwards.len() > 200 && forwards.iter().all(|f| f.fee.0 == 10_000));
    let after = largest(&world).local_balance.0;
    assert!(after.abs_diff(before) < 45_000, "{before} {after}");
}

#[test]
fn hanging_htlcs_lock_our_balance_and_the_authors_and_pay_nothing() {
    let mut world = alone(AttackRules {
        amount_sat: 100_000.0,
        hold_secs: 86_400.0,
        every_secs: 3_600.0,
        ..attack(AttackKind::Hang)
    });
    world.step_until(world.started().plus(Duration::from_secs(10 * 3_600 + 1)));
    assert_eq!(largest(&world).pending_out.0, 1_100_000);
    let account = world.attack_account().expect("an attack");
    assert!((account.our_locked_sat_days - 1.1e6).abs() < 1.0);
    assert!(account.author_locked_sat_days > account.our_locked_sat_days);
    world.step_until(world.started().plus(Duration::from_secs(10 * 86_400)));
    assert_eq!(largest(&world).pending_out.0, 0);
    assert!(world.drain_forwards().is_empty());
}

#[test]
fn probes_fail_at_us_or_further_on_and_pay_nothing() {
    let mut world = alone(AttackRules {
        amount_sat: 1e7,
        hold_secs: 2.0,
        ..attack(AttackKind::Probe)
    });
    world.step_until(world.ends_at());
    let htlcs = world.drain_htlc_events();
    let of = |outcome| htlcs.iter().filter(|h| h.outcome == outcome).count();
    assert!(of(HtlcOutcome::InsufficientBalance) > 10);
    assert!(of(HtlcOutcome::FailedDownstream) > 10);
    assert_eq!(of(HtlcOutcome::Settled), 0);
}

#[test]
fn a_flapping_peer_is_away_for_its_time_and_back_again() {
    let mut world = alone(AttackRules {
        every_secs: 3_600.0,
        hold_secs: 600.0,
        ..attack(AttackKind::Flap)
    });
    world.step_until(world.started().plus(Duration::from_secs(300)));
    assert!(!largest(&world).active);
    world.step_until(world.started().plus(Duration::from_secs(1_200)));
    assert!(largest(&world).active);
    world.step_until(world.ends_at());
    let account = world.attack_account().expect("an attack");
    assert!((account.offline_days - 96.0 / 144.0).abs() < 0.02);
}
