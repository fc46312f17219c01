//! The stories do lead to what the laws are about: a law about what never
//! happens holds of anything.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sweetspot_core::decision::{Decision, Hold, Limit, Trigger, Verdict};
use sweetspot_core::engine::FeeEvent;
use sweetspot_core::engine::cycle::CycleOutcome;
use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::settings::values::StrategyName;
use sweetspot_core::types::segment::Segment;

use crate::fees::wanted;
use crate::inbound::discount;
use crate::story::{skewed, story};
use crate::world::{World, changes};

const STORIES: usize = 24;

/// How often each case was met.
#[derive(Default)]
struct Reached(BTreeMap<&'static str, usize>);

impl Reached {
    fn note(&mut self, what: &'static str, happened: bool) {
        *self.0.entry(what).or_default() += usize::from(happened);
    }

    fn decision(&mut self, decision: &Decision, strategy: StrategyName) {
        let firm = decision.terms.throughput.abs() > 1e-3;
        let by = |name| strategy == name && firm;
        self.note("sweetspot throughput", by(StrategyName::Sweetspot));
        self.note("classic throughput", by(StrategyName::Classic));
        let changes = matches!(decision.verdict, Verdict::Change { .. });
        let drain = decision.trigger == Trigger::Drain;
        self.note("drain raises", changes && drain);
        self.note(
            "shown only",
            matches!(decision.verdict, Verdict::WouldChange { .. }),
        );
        for limit in &decision.limits {
            self.note(
                match limit {
                    Limit::Minimum { .. } => "minimum",
                    Limit::CostFloor { .. } => "cost floor",
                    Limit::Maximum { .. } => "maximum",
                    Limit::Step { .. } => "largest step",
                    Limit::NewChannel { .. } => "new channel",
                    Limit::Pinned { .. } => "pinned",
                    Limit::Depleted => "depleted",
                },
                true,
            );
        }
        if let Verdict::Hold { reason } = decision.verdict {
            self.note(
                match reason {
                    Hold::Ignored => "ignored",
                    Hold::NodeNotReady => "not ready",
                    Hold::PeerOffline => "offline",
                    Hold::NoPolicy => "no policy",
                    Hold::Disabled => "disabled",
                    Hold::NameUnknown => "name unknown",
                    Hold::PolicyUnread => "policy unread",
                    Hold::HistoryUnread => "history unread",
                    Hold::ClockSet { .. } => "clock set",
                    Hold::Foreign { .. } => "hands off",
                    Hold::WriteUnresolved { .. } => "unresolved",
                    Hold::AtRest => "at rest",
                    Hold::Deadband { .. } => "deadband",
                    Hold::Cooldown { .. } => "cooldown",
                    Hold::DailyLimit { .. } => "daily limit",
                    Hold::Budget { .. } => "budget",
                    Hold::Paused { .. } => "paused",
                    Hold::Paced { .. } => "paced",
                    Hold::MassMove { .. } => "mass move",
                },
                true,
            );
        }
    }

    fn outcome(&mut self, outcome: &CycleOutcome) {
        for decision in &outcome.decisions {
            let strategy = outcome.input.settings[&decision.point].strategy;
            self.decision(decision, strategy);
        }
        for made in changes(outcome) {
            let grown = discount(made.to) - discount(made.from);
            self.note("discount given", grown > 0);
            self.note("discount taken back", grown < 0);
        }
        for (_, event) in &outcome.events {
            self.note(
                match event {
                    FeeEvent::ForeignChange(_) => "foreign",
                    FeeEvent::Adopted(_) => "adopted",
                    FeeEvent::ForeignMaxHtlc(_) => "foreign max HTLC",
                    FeeEvent::AdoptedMaxHtlc(_) => "adopted max HTLC",
                    FeeEvent::WriteFoundDone => "found done",
                    FeeEvent::WriteFoundUndone => "found undone",
                },
                true,
            );
        }
        let mut peers = changes(outcome)
            .map(|m| outcome.input.seen.channels[&m.decision.point].peer)
            .collect::<Vec<_>>();
        peers.sort();
        self.note(
            "parallel changes",
            peers.windows(2).any(|pair| pair[0] == pair[1]),
        );
    }
}

fn levels(world: &World) -> [f64; 2] {
    let market = &world.engine.memory().node.market;
    Segment::ALL.map(|segment| market.ln_level(segment, &Tuning::default()))
}

fn reached() -> Reached {
    let mut runner = TestRunner::deterministic();
    let mut reached = Reached::default();
    for _ in 0..STORIES {
        let drawn = (story(), 0..8_usize, skewed(), skewed());
        let tree = drawn.new_tree(&mut runner).expect("a story");
        let (story, n, a, b) = tree.current();
        let mut world = World::of(&story);
        for turn in &story.turns {
            let before = levels(&world);
            let outcome = world.turn(turn);
            let after = levels(&world);
            reached.note("level moves", before[0] != after[0]);
            reached.note("unannounced level moves", before[1] != after[1]);
            reached.outcome(&outcome);
        }
        let point = world.name(n);
        let dearer = wanted(&world, point, a.min(b)) > wanted(&world, point, a.max(b));
        reached.note("less outbound is dearer", dearer);
    }
    reached
}

#[test]
fn these_stories_lead_to_every_case_that_the_laws_are_about() {
    let reached = reached();
    eprintln!("{:#?}", reached.0);
}
