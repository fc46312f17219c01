//! Laws every decision keeps, whatever the node, the settings and the memory.

#![allow(clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use sweetspot_core::decision::{Decision, Limit, Verdict};
use sweetspot_core::engine::decide::decide;
use sweetspot_core::engine::ingest;
use sweetspot_core::limits::guard;
use sweetspot_core::settings::values::{
    ChannelSettings, Gains, Mode, NodeSettings, Pace, StrategyName,
};
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{
    Channel, ChannelIds, ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid,
};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

const MINUTE: Duration = Duration::from_secs(60);

/// One channel's story: its settings and, turn by turn, what the node shows.
#[derive(Clone, Debug)]
struct Story {
    settings: ChannelSettings,
    start_ppm: u32,
    turns: Vec<Shown>,
}

/// What the node shows at one turn.
#[derive(Clone, Copy, Debug)]
struct Shown {
    minutes_later: u64,
    local_share: f64,
    forwards: u8,
    active: bool,
    by_hand_ppm: Option<u32>,
}

fn shown() -> impl Strategy<Value = Shown> {
    (
        1..3_000_u64,
        0.0..=1.0_f64,
        0..20_u8,
        prop::bool::weighted(0.9),
        prop::option::weighted(0.05, 0..10_000_u32),
    )
        .prop_map(
            |(minutes_later, local_share, forwards, active, by_hand_ppm)| Shown {
                minutes_later,
                local_share,
                forwards,
                active,
                by_hand_ppm,
            },
        )
}

fn settings() -> impl Strategy<Value = ChannelSettings> {
    let defaults = ChannelSettings::default();
    (
        0.0..=1.0_f64,
        (0..3_000_u32, 0..3_000_u32, prop::option::of(0..4_000_u32)),
        (0.0..2.0_f64, 0.0..2.0_f64, 0.0..50.0_f64, 0.0..=1.0_f64),
        (
            0.0..1.0_f64,
            0.0..1.0_f64,
            0..50_u32,
            0..50_u32,
            0.0..0.5_f64,
        ),
        (0..48_u32, 0..48_u32, 1..10_u32),
        prop::sample::select(vec![StrategyName::Sweetspot, StrategyName::Classic]),
    )
        .prop_map(
            move |(target_ratio, (a, b, cost), gains, pace, waits, strategy)| ChannelSettings {
                mode: Mode::Manage,
                strategy,
                target_ratio,
                min: FeePpm(a.min(b)),
                max: FeePpm(a.max(b)),
                cost_floor: FeePpm(cost.unwrap_or(0)),
                gains: Gains {
                    balance: gains.0,
                    throughput: gains.1,
                    evidence_forwards: gains.2,
                    balance_undamped_share: gains.3,
                },
                pace: Pace {
                    max_raise: pace.0,
                    max_cut: pace.1,
                    step_floor_ppm: pace.2,
                    deadband_ppm: pace.3,
                    deadband: pace.4,
                    cooldown_raise: MINUTE * 60 * waits.0,
                    cooldown_cut: MINUTE * 60 * waits.1,
                    max_updates_per_day: waits.2,
                    ..defaults.pace
                },
                ..defaults
            },
        )
}

fn story() -> impl Strategy<Value = Story> {
    (
        settings(),
        0..5_000_u32,
        prop::collection::vec(shown(), 1..60),
    )
        .prop_map(|(settings, start_ppm, turns)| Story {
            settings,
            start_ppm,
            turns,
        })
}

/// A world of one channel that carries out what is decided.
struct World {
    memory: Memory,
    channel: Channel,
    now: Timestamp,
    ids: ChannelIds,
    node: NodeSettings,
}

fn fees(ppm: u32) -> FeeParts {
    FeeParts {
        base_fee_msat: 0,
        outbound: FeePpm(ppm),
        inbound: InboundFee::default(),
    }
}

impl World {
    fn new(ppm: u32) -> Self {
        let scid = Scid(800_000 << 40);
        let point = ChannelPoint {
            txid: [7; 32],
            output_index: 0,
        };
        let policy = Policy {
            fees: fees(ppm),
            time_lock_delta: 80,
            min_htlc: Msat(1),
            max_htlc: Msat(1_000_000_000),
            disabled: false,
            last_update_secs: 0,
        };
        let channel = Channel {
            point,
            scid,
            other_scids: vec![],
            peer: PeerId([2; 33]),
            peer_alias: None,
            capacity: Sat(1_000_000),
            local_balance: Sat(500_000),
            remote_balance: Sat(500_000),
            pending_out: Sat(0),
            pending_in: Sat(0),
            local_reserve: Sat(10_000),
            initiator: false,
            private: false,
            active: true,
            policy: Some(policy),
            peer_policy: None,
        };
        let mut ids = ChannelIds::default();
        ids.learn(&channel);
        Self {
            memory: Memory::default(),
            channel,
            now: Timestamp::from_secs(1_700_000_000),
            ids,
            node: NodeSettings::default(),
        }
    }

    fn ppm(&self) -> FeePpm {
        self.channel.policy.expect("always there").fees.outbound
    }

    fn set_fees(&mut self, fees: FeeParts) {
        self.channel.policy = self.channel.policy.map(|policy| Policy { fees, ..policy });
    }

    fn show(&mut self, shown: Shown) {
        let before = self.now;
        self.now = self
            .now
            .plus(MINUTE * u32::try_from(shown.minutes_later).expect("small"));
        let local = (shown.local_share * 1e6) as u64;
        self.channel.local_balance = Sat(local);
        self.channel.remote_balance = Sat(1_000_000 - local);
        self.channel.active = shown.active;
        if let Some(ppm) = shown.by_hand_ppm {
            self.set_fees(fees(ppm));
        }
        let forwards = (1..=shown.forwards).map(|n| Forward {
            settled_at: before.plus(Duration::from_secs(u64::from(n))),
            scid_in: Scid(1),
            scid_out: self.channel.scid,
            amount_in: Msat(1_001),
            amount_out: Msat(1_000),
            fee: Msat(1),
        });
        ingest::forwards(&mut self.memory, &self.ids, &self.node, forwards, self.now);
    }

    fn seen(&self) -> Observation {
        Observation {
            at: self.now,
            channels: BTreeMap::from([(self.channel.point, self.channel.clone())]),
            ..Observation::default()
        }
    }

    fn decide(&mut self, settings: ChannelSettings, ready: bool) -> Vec<Decision> {
        let seen = self.seen();
        let table = BTreeMap::from([(self.channel.point, settings)]);
        ingest::newcomers(&mut self.memory, &seen, self.now);
        ingest::observation(&mut self.memory, &seen, &table, &self.node);
        decide(&mut self.memory, &seen, &table, &self.node, ready)
    }

    fn carry_out(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            if let Verdict::Change { to } = decision.verdict {
                self.set_fees(to);
                let now = self.now;
                let memory = self
                    .memory
                    .channels
                    .get_mut(&self.channel.point)
                    .expect("met");
                memory.fee.confirmed = Some(to);
                guard::note_write(&mut memory.fee, now);
            }
        }
    }
}

fn change(decisions: &[Decision]) -> Option<FeePpm> {
    decisions
        .iter()
        .find_map(|decision| match decision.verdict {
            Verdict::Change { to } => Some(to.outbound),
            _ => None,
        })
}

proptest! {
    #[test]
    fn bounds_steps_and_waits_hold_through_any_story(story in story()) {
        let mut world = World::new(story.start_ppm);
        let settings = story.settings;
        let mut writes: Vec<Timestamp> = vec![];
        for shown in story.turns {
            world.show(shown);
            let before = world.ppm();
            let decisions = world.decide(settings, true);
            if let Some(to) = change(&decisions) {
                let lowest = settings.min.max(settings.cost_floor).min(settings.max);
                prop_assert!(lowest <= to && to <= settings.max);
                let inside = (lowest..=settings.max).contains(&before);
                let pace = settings.pace;
                let deadband = f64::from(pace.deadband_ppm).max(before.as_f64() * pace.deadband);
                let least = f64::from(pace.step_floor_ppm).max(deadband);
                let raised = to.as_f64() - before.as_f64();
                // Half a ppm for rounding once at the end.
                prop_assert!(!inside || raised <= least.max(before.as_f64() * pace.max_raise) + 0.5);
                prop_assert!(!inside || -raised <= least.max(before.as_f64() * pace.max_cut) + 0.5);
                if let Some(last) = writes.last() {
                    let slow = if to > before { pace.cooldown_raise } else { pace.cooldown_cut };
                    let wait = if decisions[0].terms.protection > 0.0 {
                        settings.protect.cooldown
                    } else {
                        slow
                    };
                    prop_assert!(world.now.since(*last) >= wait);
                }
                writes.push(world.now);
                let day = Duration::from_secs(86_400);
                let today = writes.iter().filter(|at| world.now.since(**at) < day).count();
                prop_assert!(today <= pace.max_updates_per_day as usize);
                prop_assert!(shown.active);
            }
            let wanted: Vec<f64> = world.memory.channels.values()
                .filter_map(|memory| memory.fee.wanted_ppm)
                .collect();
            prop_assert!(wanted.iter().all(|ppm| ppm.is_finite() && *ppm >= 0.0));
            world.carry_out(&decisions);
        }
    }

    #[test]
    fn a_pinned_rate_stays_and_gives_way_only_to_the_cost_floor(
        story in story(), pin in 0..3_000_u32,
    ) {
        let settings = ChannelSettings {
            mode: Mode::Pin(FeePpm(pin).clamp(story.settings.min, story.settings.max)),
            ..story.settings
        };
        let Mode::Pin(pinned) = settings.mode else { unreachable!() };
        let mut world = World::new(story.start_ppm);
        for shown in story.turns {
            world.show(shown);
            let decisions = world.decide(settings, true);
            if let Some(to) = change(&decisions) {
                prop_assert_eq!(to, pinned.max(settings.cost_floor.min(settings.max)));
                let lifted = to > pinned;
                let told = decisions[0].limits.iter().any(|l| matches!(l, Limit::CostFloor { .. }));
                prop_assert_eq!(lifted, told);
            }
            world.carry_out(&decisions);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_output(story in story()) {
        let run = || {
            let mut world = World::new(story.start_ppm);
            let mut all = vec![];
            for shown in &story.turns {
                world.show(*shown);
                let decisions = world.decide(story.settings, true);
                world.carry_out(&decisions);
                all.extend(decisions);
            }
            (all, world.memory)
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn what_was_just_decided_is_left_at_rest(story in story()) {
        let mut world = World::new(story.start_ppm);
        for shown in story.turns {
            world.show(shown);
            let decisions = world.decide(story.settings, true);
            world.carry_out(&decisions);
            let again = world.decide(story.settings, true);
            prop_assert_eq!(change(&again), None);
        }
    }

    #[test]
    fn a_node_that_is_not_ready_is_not_written_to(story in story()) {
        let mut world = World::new(story.start_ppm);
        for shown in story.turns {
            world.show(shown);
            let decisions = world.decide(story.settings, false);
            let held = decisions.iter().all(|d| matches!(d.verdict, Verdict::Hold { .. }));
            prop_assert!(held);
        }
    }

    #[test]
    fn less_outbound_never_asks_for_a_lower_fee(
        settings in settings(), start_ppm in 0..3_000_u32, a in 0.0..=1.0_f64, b in 0.0..=1.0_f64,
    ) {
        let wanted = |local_share| {
            let mut world = World::new(start_ppm);
            world.show(Shown {
                minutes_later: 60, local_share, forwards: 0, active: true, by_hand_ppm: None,
            });
            world.decide(settings, true)[0].wanted_ppm
        };
        // Sums of floats in another order may differ in their last digits.
        prop_assert!(wanted(a.min(b)) >= wanted(a.max(b)) - 1e-6);
    }
}
