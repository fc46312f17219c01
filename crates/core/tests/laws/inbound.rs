//! Laws that every inbound discount keeps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sweetspot_core::settings::values::InboundRate;
use sweetspot_core::signals::stock::stocked;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee};
use sweetspot_core::types::units::FeePpm;

use crate::config;
use crate::story::{DAY, Fate, HOUR, story};
use crate::world::{Changed, World, changes};

pub fn discount(fees: FeeParts) -> i64 {
    -i64::from(fees.inbound.rate_ppm)
}

/// In over the channel and out again over it costs something.
fn is_without_arbitrage(fees: FeeParts) -> bool {
    let (out, inbound) = (i64::from(fees.outbound.0), i64::from(fees.inbound.rate_ppm));
    1_000_000 * (out + inbound) + out * inbound >= 0
}

/// Whether a change is about the inbound fee.
fn inbound(made: &Changed<'_>) -> bool {
    made.from.inbound != made.to.inbound
}

/// The most that other peers' channels with something to sell can bear, of
/// those that sold lately if there are any.
fn bearable(world: &World, share: f64, made: &Changed<'_>) -> f64 {
    let peer = world.channels[&made.decision.point].peer;
    let others = world.channels.values();
    let others = others.filter(|c| c.peer != peer && stocked(c));
    let bears = |point: ChannelPoint| {
        let rate = world.fees(point).outbound.as_f64();
        let cost = world.settings[&point].cost_floor.as_f64();
        (share * rate).min((rate - cost).max(0.0))
    };
    let lately = |point: &ChannelPoint| {
        let sold = world.log.sold.get(point);
        sold.is_some_and(|at| world.now.since(*at) <= DAY * 14)
    };
    let others: Vec<ChannelPoint> = others.map(|c| c.point).collect();
    let least = |points: Vec<ChannelPoint>| points.into_iter().map(bears).reduce(f64::min);
    let selling = others.iter().copied().filter(lately).collect();
    least(selling).or_else(|| least(others)).unwrap_or(0.0)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_discount_is_one_and_within_every_bound(story in story()) {
        let mut world = World::of(&story);
        let rules = story.node.inbound;
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            for made in changes(&outcome).filter(inbound) {
                let (before, after) = (discount(made.from), discount(made.to));
                prop_assert_eq!(made.from.inbound.base_fee_msat, 0);
                prop_assert_eq!(made.to.inbound.base_fee_msat, 0);
                prop_assert!(before >= 0 && after >= 0, "{} to {}", before, after);
                prop_assert!(after <= i64::from(rules.max_discount.0));
                prop_assert!(is_without_arbitrage(made.to), "{:?}", made.to);
                let most = bearable(&world, rules.share, &made);
                prop_assert!(after as f64 <= most + 1e-6, "{} of {}", after, most);
                let own = made.to.outbound.as_f64();
                prop_assert!(after <= before || after as f64 <= rules.share * own + 1e-6);
            }
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn what_we_leave_on_the_node_pays_nobody_in_and_out_again(
        story in story(),
        fixed in prop::option::of(0..3_000_u32),
    ) {
        let mut world = World::of(&story);
        if let Some(discount) = fixed {
            for settings in world.settings.values_mut() {
                settings.inbound_rate = InboundRate::Fixed(FeePpm(discount));
            }
        }
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            for made in changes(&outcome) {
                let known = world.engine.channel(made.decision.point).expect("met");
                let ours = known.fee.inbound.is_ours(made.from.inbound) || inbound(&made);
                prop_assert!(!ours || is_without_arbitrage(made.to), "{:?}", made);
            }
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn a_discount_waits_for_its_cooldown(story in story()) {
        let mut world = World::of(&story);
        let rules = story.node.inbound;
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            for made in changes(&outcome).filter(inbound) {
                // Too much of a discount goes at once: its outbound rate fell.
                let stays = FeeParts { outbound: made.to.outbound, ..made.from };
                let allowed = is_without_arbitrage(stays)
                    && discount(made.from) <= i64::from(rules.max_discount.0)
                    && made.settings.inbound_discount;
                let last = world.log.asked_inbound.get(&made.decision.point);
                if let (Some(last), true) = (last, allowed) {
                    prop_assert!(world.now.since(*last) >= rules.cooldown, "{:?}", made);
                }
            }
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn off_nobodys_inbound_fee_is_written(story in story(), per_channel in any::<bool>()) {
        let mut world = World::of(&story);
        world.node.inbound.discount = per_channel;
        for settings in world.settings.values_mut() {
            settings.inbound_discount &= !per_channel;
        }
        for turn in &story.turns {
            let outcome = world.turn(turn);
            prop_assert!(!changes(&outcome).any(|made| inbound(&made)));
        }
    }

    #[test]
    fn switched_off_what_was_given_is_back_within_days_and_nothing_else_is_touched(
        story in story(),
    ) {
        let mut world = World::of(&story);
        story.turns.iter().for_each(|turn| drop(world.turn(turn)));
        world.node.inbound.discount = false;
        world.channels.values_mut().for_each(|channel| channel.active = true);
        world.now = world.now.plus(HOUR);
        let outcome = world.cycle(true, false);
        world.carry_out(&outcome, &[Fate::Confirmed]);
        let expected: BTreeMap<ChannelPoint, InboundFee> = world.engine.memory().channels.iter()
            .map(|(point, known)| {
                let inbound = world.fees(*point).inbound;
                let ours = known.fee.inbound.is_ours(inbound);
                (*point, if ours { InboundFee::default() } else { inbound })
            })
            .collect();
        for _ in 0..24 * 8 {
            world.now = world.now.plus(HOUR);
            let outcome = world.cycle(true, false);
            world.carry_out(&outcome, &[Fate::Confirmed]);
        }
        for (point, expected) in expected {
            prop_assert_eq!(world.fees(point).inbound, expected);
        }
    }
}
