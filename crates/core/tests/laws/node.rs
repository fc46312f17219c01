//! Laws of the node as a whole, and of the engine.

use proptest::prelude::*;
use sweetspot_core::decision::{Trigger, Verdict};
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::types::time::Timestamp;

use crate::config;
use crate::story::{HOUR, story};
use crate::world::{World, changes};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_node_that_is_not_ready_is_not_written_to(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            if !turn.ready {
                let mut verdicts = outcome.decisions.iter().map(|decision| decision.verdict);
                let held = verdicts.all(|verdict| matches!(verdict, Verdict::Hold { .. }));
                prop_assert!(held && outcome.changes(world.engine.memory()).is_empty());
            }
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn the_gossip_budget_holds_over_any_span_and_keeps_its_reserve(story in story()) {
        let mut world = World::of(&story);
        let full = f64::from(story.node.updates_per_hour);
        let reserved = f64::from(story.node.reserved_for_protection);
        let mut made: Vec<Timestamp> = vec![];
        for turn in &story.turns {
            let outcome = world.turn(turn);
            let scheduled = |d: &Trigger| *d == Trigger::Scheduled;
            let by_turn = changes(&outcome).map(|c| c.decision.trigger).filter(scheduled);
            prop_assert!(by_turn.count() as f64 <= full - reserved);
            made.extend(changes(&outcome).map(|_| world.now));
            let mut later = 0.0;
            for at in made.iter().rev() {
                later += 1.0;
                let hours = world.now.since(*at).as_secs_f64() / HOUR.as_secs_f64();
                prop_assert!(later <= full * (1.0 + hours) + 1e-6);
                if hours > 24.0 {
                    break;
                }
            }
        }
    }

    #[test]
    fn no_implausible_share_of_channels_begins_to_move_at_once(story in story()) {
        let mut world = World::of(&story);
        for turn in &story.turns {
            world.pass(turn);
            let outcome = world.cycle(turn.ready, turn.look_again);
            let fresh = outcome.decisions.iter().filter(|decision| {
                let known = world.engine.channel(decision.point);
                let since = known.and_then(|known| known.fee.waiting_since);
                let moves = matches!(decision.verdict, Verdict::Change { .. });
                moves && since == Some(world.now)
            });
            let share = story.node.max_moving_share * world.channels.len() as f64;
            let most = f64::from(story.node.max_moving_free).max(share);
            prop_assert!(fresh.count() as f64 <= most);
            world.carry_out(&outcome, &turn.fates);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_output_from_a_checkpoint_too(
        story in story(), stored_at in 0.0..1.0_f64,
    ) {
        let mut world = World::of(&story);
        let mut again = World::of(&story);
        let stored_at = (stored_at * story.turns.len() as f64) as usize;
        for (n, turn) in story.turns.iter().enumerate() {
            if n == stored_at {
                // Once it counts days in place of each forward, once each again.
                again.counts_days = n % 2 == 0;
                again.engine = Engine::at(again.engine.checkpoint(true));
            }
            let (one, other) = (world.turn(turn), again.turn(turn));
            prop_assert_eq!(one.decisions, other.decisions);
            prop_assert_eq!(one.events, other.events);
        }
        prop_assert_eq!(world.engine.memory(), again.engine.memory());
    }
}
