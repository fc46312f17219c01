//! Laws that every max HTLC keeps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sweetspot_core::settings::values::{MaxHtlc, Mode};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::units::Msat;

use crate::config;
use crate::story::{DAY, story};
use crate::world::{World, changes};

fn max_htlcs(world: &World) -> BTreeMap<ChannelPoint, Msat> {
    let points = world.channels.keys();
    points
        .map(|point| (*point, world.policy(*point).max_htlc))
        .collect()
}

fn managed(world: &mut World, floor_sat: u64) {
    for settings in world.settings.values_mut() {
        settings.max_htlc = MaxHtlc::Balance;
        settings.max_htlc_min_sat = floor_sat;
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn off_nobodys_max_htlc_is_written(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            if let Some((n, ppm, _)) = turn.by_hand {
                world.set_max_htlc(world.name(n), Msat(u64::from(ppm) * 1_000));
            }
            let before = max_htlcs(&world);
            let outcome = world.turn(turn);
            let decisions = &outcome.decisions;
            prop_assert!(decisions.iter().all(|decision| decision.max_htlc.is_none()));
            prop_assert_eq!(max_htlcs(&world), before);
        }
    }

    #[test]
    fn a_max_htlc_is_a_bucket_and_waits(story in story(), floor_sat in 0..200_000_u64) {
        let mut world = World::of(&story);
        managed(&mut world, floor_sat);
        let mut by_hand = BTreeMap::new();
        for turn in &story.turns {
            world.pass(turn);
            if let Some((n, ppm, _)) = turn.by_hand {
                let max_htlc = Msat(u64::from(ppm) * 1_000 + 1_000_000_001);
                world.set_max_htlc(world.name(n), max_htlc);
                by_hand.insert(world.name(n), (world.now, max_htlc));
            }
            let outcome = world.cycle(turn.ready, turn.look_again);
            for made in changes(&outcome) {
                let Some(change) = made.decision.max_htlc_change() else {
                    prop_assert_ne!(made.from, made.to);
                    continue;
                };
                let point = made.decision.point;
                let channel = &world.channels[&point];
                let policy = world.policy(point);
                prop_assert_eq!(change.from, policy.max_htlc);
                prop_assert_ne!(change.from, change.to);
                prop_assert!(change.to.0.is_multiple_of(1_000));
                let sat = change.to.0 / 1_000;
                prop_assert!(sat.is_power_of_two());
                prop_assert!(sat <= channel.capacity.0 && sat >= floor_sat);
                prop_assert!(change.to >= policy.min_htlc);
                prop_assert!(Some(change.to) <= channel.max_in_flight);
                let carries = channel.local_balance.0 - channel.local_reserve.0.min(channel.local_balance.0);
                let lowest = sat / 2 < floor_sat || sat == 1;
                prop_assert!(sat <= carries || lowest, "{} of {}", sat, carries);
                prop_assert_ne!(made.settings.mode, Mode::Ignore);
                if let Some(last) = world.log.asked_max_htlc.get(&point) {
                    prop_assert!(world.now.since(*last) >= DAY, "{:?}", made);
                }
                if let Some((at, set)) = by_hand.get(&point)
                    && *set == policy.max_htlc
                {
                    let since = world.now.since(*at);
                    prop_assert!(since >= made.settings.pace.foreign_hands_off, "{:?}", made);
                }
            }
            world.carry_out(&outcome, &turn.fates);
        }
    }
}

/// A story moves some: the laws above are about something.
#[test]
fn these_stories_move_max_htlcs_with_fees_and_alone() {
    let mut runner = TestRunner::deterministic();
    let (mut riding, mut alone, mut grown, mut shrunk) = (0, 0, 0, 0);
    for _ in 0..12 {
        let story = story().new_tree(&mut runner).expect("a story").current();
        let mut world = World::of(&story);
        managed(&mut world, 65_536);
        for turn in &story.turns {
            let outcome = world.turn(turn);
            for made in changes(&outcome) {
                let Some(change) = made.decision.max_htlc_change() else {
                    continue;
                };
                riding += u32::from(made.from != made.to);
                alone += u32::from(made.from == made.to);
                grown += u32::from(change.from < change.to);
                shrunk += u32::from(change.from > change.to);
            }
        }
    }
    eprintln!("riding {riding}, alone {alone}, grown {grown}, shrunk {shrunk}");
    assert!(
        [riding, alone, grown, shrunk]
            .iter()
            .all(|count| *count > 0)
    );
}
