//! Facts about an inbound rate that the operator fixes.

use super::*;
use crate::settings::values::InboundRate;

fn fix(world: &mut World, discount: u32) {
    world.settings.inbound_rate = InboundRate::Fixed(FeePpm(discount));
}

/// Nothing is missing anywhere, and discounts are off.
fn content(discount: u32) -> World {
    let mut world = World::of(&[(500_000, 1_000), (500_000, 300)]);
    world.node.inbound.discount = false;
    world.settings.inbound_discount = false;
    fix(&mut world, discount);
    world
}

#[test]
fn a_fixed_rate_is_set_at_once_whatever_the_need_and_then_rests() {
    for mode in [Mode::Manage, Mode::Pin(FeePpm(1_000))] {
        let mut world = content(270);
        world.node.inbound.max_discount = FeePpm(5);
        world.settings.mode = mode;
        let settings = world.settings;
        let others = ChannelSettings {
            mode: Mode::Ignore,
            ..settings
        };
        let of = |at| if at == point(1) { settings } else { others };
        world.turn_with(of);
        assert_eq!((world.inbound(1), world.inbound(2)), (-270, 0));
        for _ in 0..100 {
            let decisions = world.turn_with(of);
            let said = decisions.iter().find_map(|d| d.inbound).expect("judged");
            assert_eq!(said.held, Some(DiscountHold::AtRest));
            assert_eq!(said.fixed, Some(FeePpm(270)));
        }
        assert_eq!((world.inbound(1), world.inbound(2)), (-270, 0));
    }
}

#[test]
fn a_fixed_rate_is_confined_to_what_leaves_no_arbitrage_and_that_is_said() {
    let mut world = World::of(&[(500_000, 40), (500_000, 1_000)]);
    fix(&mut world, 50);
    let said = world.said().expect("judged");
    assert_eq!((world.inbound(1), world.inbound(2)), (-39, -50));
    insta::assert_snapshot!(said.words(&crate::types::time::rfc3339), @"0 ppm now, 39 ppm wanted, fixed at 50 ppm, confined to 39 ppm: more would pay for a forward in and out again");
}

#[test]
fn a_fixed_rate_that_its_outbound_rate_no_longer_bears_shrinks_before_its_cooldown() {
    let mut world = content(800);
    world.settings.pace.foreign_hands_off = Duration::ZERO;
    world.hours(24);
    assert_eq!(world.inbound(1), -800);
    let low = FeeParts {
        outbound: FeePpm(100),
        ..world.fees(1)
    };
    world.set(point(1), low);
    world.hours(2);
    assert_eq!(world.inbound(1), -99);
}

#[test]
fn another_fixed_rate_waits_for_the_cooldown_and_is_set_to_the_ppm() {
    let mut world = content(50);
    world.hours(1);
    assert_eq!(world.inbound(1), -50);
    fix(&mut world, 51);
    world.hours(47);
    let said = world.said().and_then(|said| said.held);
    assert_eq!(said, None);
    assert_eq!(world.inbound(1), -51);
    fix(&mut world, 0);
    let held = world.said().and_then(|said| said.held);
    assert!(matches!(held, Some(DiscountHold::Cooldown { .. })));
    world.hours(48);
    assert_eq!(world.inbound(1), 0);
}

#[test]
fn observing_a_fixed_rate_is_shown_and_not_written() {
    let mut world = content(50);
    world.settings.mode = Mode::Observe;
    let shown = |d: &Decision| matches!(d.verdict, Verdict::WouldChange { to } if to.inbound.rate_ppm == -50);
    assert!(world.turn().iter().any(shown));
    assert_eq!(world.inbound(1), 0);
}

#[test]
fn an_inbound_fee_that_is_the_operators_is_left_alone_by_a_fixed_rate_too() {
    for (rate_ppm, base_fee_msat) in [(5, 0), (0, 1_000), (-200, -1)] {
        let mut world = content(50);
        world.by_hand(1, rate_ppm, base_fee_msat);
        world.hours(200);
        assert_eq!(world.inbound(1), rate_ppm);
        let held = world.said().and_then(|said| said.held);
        assert_eq!(held, Some(DiscountHold::ByHand));
    }
    let mut world = content(50);
    world.by_hand(1, -200, 0);
    world.hours(48);
    assert_eq!(world.inbound(1), -200);
    world.hours(1);
    assert_eq!(world.inbound(1), -50);
}

#[test]
fn no_longer_fixed_it_goes_by_the_need_or_is_taken_back() {
    for (discount, expected) in [(true, -90), (false, 0)] {
        let mut world = needy();
        world.node.inbound.discount = discount;
        fix(&mut world, 270);
        world.hours(1);
        assert_eq!(world.inbound(1), -270);
        world.settings.inbound_rate = InboundRate::Auto;
        world.hours(48);
        assert_eq!(world.inbound(1), expected);
    }
}
