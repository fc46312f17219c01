//! Laws of a single channel's outbound fee.

use proptest::prelude::*;
use sweetspot_core::decision::{Hold, Limit, Trigger, Verdict};
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::ChannelPoint;

use crate::config;
use crate::story::{DAY, Fate, HOUR, skewed, story};
use crate::world::{Changed, World, changes};

/// The most a fee may rise and fall in one update, half a ppm being for
/// rounding once at the end.
fn largest_steps(from_ppm: f64, settings: &ChannelSettings) -> (f64, f64) {
    let pace = settings.pace;
    let deadband = f64::from(pace.deadband_ppm).max(from_ppm * pace.deadband);
    let least = f64::from(pace.step_floor_ppm).max(deadband);
    let step = |share: f64| least.max(from_ppm * share) + 0.5;
    (step(pace.max_raise), step(pace.max_cut))
}

fn stays_within_bounds_and_steps(made: &Changed<'_>) -> Result<(), TestCaseError> {
    let settings = made.settings;
    let lowest = settings.min.max(settings.cost_floor).min(settings.max);
    let (from, to) = (made.from.outbound, made.to.outbound);
    // A change of the inbound fee alone leaves the outbound rate where it is.
    let bounded = lowest <= to && to <= settings.max;
    prop_assert!(bounded || to == from, "{:?}", made);
    let inside = (lowest..=settings.max).contains(&from);
    // A new channel with LND's default fee goes at once to where it begins.
    let limits = &made.decision.limits;
    let begins = limits.iter().any(|l| matches!(l, Limit::NewChannel { .. }));
    if inside && !begins && !matches!(settings.mode, Mode::Pin(_)) {
        let raised = to.as_f64() - from.as_f64();
        let (raise, cut) = largest_steps(from.as_f64(), settings);
        prop_assert!(raised <= raise && -raised <= cut, "{:?}", made);
    }
    Ok(())
}

fn has_waited(made: &Changed<'_>, world: &World) -> Result<(), TestCaseError> {
    let Changed {
        decision,
        settings,
        from,
        to,
    } = *made;
    let asked = world.log.asked.get(&decision.point);
    let asked = asked.map(Vec::as_slice).unwrap_or_default();
    let pace = settings.pace;
    // A change of the inbound fee alone has a law of its own.
    if let Some(last) = asked.last()
        && (from.outbound, from.base_fee_msat) != (to.outbound, to.base_fee_msat)
    {
        let wait = match decision.trigger {
            Trigger::Drain => settings.protect.cooldown,
            Trigger::Scheduled if to.outbound > from.outbound => pace.cooldown_raise,
            Trigger::Scheduled => pace.cooldown_cut,
        };
        prop_assert!(world.now.since(*last) >= wait, "{:?}", made);
    }
    let today = asked
        .iter()
        .filter(|at| world.now.since(**at) < DAY)
        .count();
    prop_assert!(today < pace.max_updates_per_day as usize, "{:?}", made);
    if let Some((fees, seen_at)) = world.log.foreign.get(&decision.point)
        && *fees == from
    {
        prop_assert!(
            world.now.since(*seen_at) >= pace.foreign_hands_off,
            "{:?}",
            made
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn bounds_steps_and_waits_hold_through_any_story(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            for made in changes(&outcome) {
                stays_within_bounds_and_steps(&made)?;
                has_waited(&made, &world)?;
                prop_assert!(world.channels[&made.decision.point].active);
            }
            let channels = world.engine.memory().channels.values();
            let mut floats = channels.filter_map(|known| known.fee.wanted_ppm);
            prop_assert!(floats.all(|ppm| ppm.is_finite() && ppm >= 0.0));
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn only_what_is_ours_to_change_is_changed(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            let outcome = world.turn(turn);
            for decision in &outcome.decisions {
                let settings = &outcome.input.settings[&decision.point];
                let raised_early = decision.trigger == Trigger::Drain;
                match (settings.mode, decision.verdict) {
                    (Mode::Ignore, verdict) => {
                        let ignored = Verdict::Hold { reason: Hold::Ignored };
                        prop_assert_eq!((verdict, raised_early), (ignored, false));
                    }
                    (Mode::Pin(_), verdict) => {
                        let shown = matches!(verdict, Verdict::WouldChange { .. });
                        prop_assert!(!shown && !raised_early);
                    }
                    (Mode::Observe, verdict) => {
                        let change = matches!(verdict, Verdict::Change { .. });
                        prop_assert!(!change);
                    }
                    (Mode::Manage, verdict) => {
                        let shown = matches!(verdict, Verdict::WouldChange { .. });
                        prop_assert!(!shown);
                    }
                }
            }
        }
    }

    #[test]
    fn a_drain_never_lowers_a_fee_that_is_within_its_bounds(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            let outcome = world.turn(turn);
            for decision in outcome.decisions.iter().filter(|d| d.trigger == Trigger::Drain) {
                let settings = &outcome.input.settings[&decision.point];
                let before = decision.current.expect("a policy").outbound;
                let (least, most) = (settings.lowest(), settings.max);
                if let Some(after) = decision.rate() && (least..=most).contains(&before) {
                    prop_assert!(after >= before, "{:?}", decision);
                }
            }
        }
    }

    #[test]
    fn a_pinned_rate_stays_and_gives_way_only_to_the_cost_floor(
        story in story(), pin in 0..3_000_u32,
    ) {
        let mut world = World::of(&story);
        for settings in world.settings.values_mut() {
            let bounds = (settings.min.0, settings.max.0);
            let within = pin.clamp(bounds.0, bounds.1);
            settings.mode = Mode::Pin(sweetspot_core::types::units::FeePpm(within));
        }
        for turn in &story.turns {
            let outcome = world.turn(turn);
            for made in changes(&outcome) {
                let Mode::Pin(pinned) = made.settings.mode else { unreachable!() };
                let floor = made.settings.cost_floor.min(made.settings.max);
                prop_assert_eq!(made.to.outbound, pinned.max(floor));
                let limits = &made.decision.limits;
                let told = limits.iter().any(|l| matches!(l, Limit::CostFloor { .. }));
                prop_assert_eq!(made.to.outbound > pinned, told);
            }
        }
    }

    #[test]
    fn what_was_just_changed_is_left_at_rest(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(true, turn.look_again);
            world.carry_out(&outcome, &[Fate::Confirmed]);
            let again = world.cycle(true, true);
            for made in changes(&again) {
                // What a limit of the whole node held back may come next, and so
                // may the rest of a change that the largest step cut short, or the
                // strategy's own after a protective raise or a change of the
                // inbound side alone.
                let arrived = changes(&outcome).any(|first| {
                    let limits = &first.decision.limits;
                    let cut_short = limits.iter().any(|l| matches!(l, Limit::Step { .. }));
                    let scheduled = first.decision.trigger == Trigger::Scheduled;
                    let moved = first.from.outbound != first.to.outbound;
                    let same = first.decision.point == made.decision.point;
                    same && moved && scheduled && !cut_short
                });
                prop_assert!(!arrived, "{:?}", made);
            }
            world.carry_out(&again, &[Fate::Confirmed]);
        }
    }

    #[test]
    fn less_outbound_never_asks_for_a_lower_fee(
        story in story(), n in 0..8_usize, a in skewed(), b in skewed(),
    ) {
        let mut world = World::of(&story);
        story.turns.iter().for_each(|turn| drop(world.turn(turn)));
        let point = world.name(n);
        let (less, more) = (wanted(&world, point, a.min(b)), wanted(&world, point, a.max(b)));
        // Sums of floats in another order may differ in their last digits.
        prop_assert!(less >= more - 1e-6, "{} for less, {} for more", less, more);
    }
}

/// The float rate of a channel that comes out of the story with this share. The
/// node is read after so long that nothing in between is held against it, and
/// the two outcomes differ by the balance alone.
pub fn wanted(world: &World, point: ChannelPoint, local_share: f64) -> f64 {
    let mut world = world.clone();
    world.now = world.now.plus(HOUR * 5);
    world.set_share(point, local_share);
    let outcome = world.cycle(true, false);
    let mut decisions = outcome.decisions.iter();
    let decision = decisions.find(|decision| decision.point == point);
    decision.expect("long due").wanted_ppm
}
