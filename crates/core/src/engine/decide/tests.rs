use std::time::Duration;

use super::*;
use crate::decision::Evidence;
use crate::engine::ingest;
use crate::engine::phase::next_due;
use crate::settings::values::{BaseFee, Gains, LevelChoice, StrategyName};
use crate::state::memory::BalanceSample;
use crate::strategy::ask::Move;
use crate::strategy::classic;
use crate::testing::{channel, point};
use crate::types::channel::{FeeParts, Policy};
use crate::types::units::Sat;

mod drains;

const HOUR: Duration = Duration::from_secs(3_600);
const READY: Readiness = Readiness {
    node: true,
    history: true,
    first_look: false,
};
const MINUTE: Duration = Duration::from_secs(60);

fn at(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
}

fn managed() -> ChannelSettings {
    ChannelSettings {
        mode: Mode::Manage,
        base_fee: BaseFee::Keep,
        ..ChannelSettings::of(StrategyName::Classic)
    }
}

fn undamped() -> ChannelSettings {
    ChannelSettings {
        gains: Gains {
            balance: 1.0,
            throughput: 1.0,
            evidence_forwards: 0.0,
            balance_undamped_share: 1.0,
        },
        ..managed()
    }
}

/// A node of `channels`, its memory, and one settings for all.
struct World {
    memory: Memory,
    channels: Vec<Channel>,
    settings: ChannelSettings,
    node: NodeSettings,
    tip: BlockHeight,
}

impl World {
    fn of(channels: Vec<Channel>, settings: ChannelSettings) -> Self {
        Self {
            memory: Memory::default(),
            channels,
            settings,
            node: NodeSettings::default(),
            tip: BlockHeight::default(),
        }
    }

    /// One round, whose changes are carried out.
    fn round(&mut self, now: Timestamp) -> Vec<Decision> {
        let seen = Observation {
            at: now,
            channels: self.channels.iter().map(|c| (c.point, c.clone())).collect(),
            tip: self.tip,
            ..Observation::default()
        };
        let settings: BTreeMap<_, _> = self
            .channels
            .iter()
            .map(|c| (c.point, self.settings))
            .collect();
        ingest::newcomers(&mut self.memory, &seen, now);
        ingest::observation(&mut self.memory, &seen, &settings, &self.node);
        let decisions = decide(&mut self.memory, &seen, &settings, &self.node, READY);
        for decision in &decisions {
            if let Verdict::Change { to } = decision.verdict {
                self.set_fees(decision.point, to);
                let fee = &mut self
                    .memory
                    .channels
                    .get_mut(&decision.point)
                    .expect("known")
                    .fee;
                fee.confirmed = Some(to);
                guard::note_write(fee, now);
            }
        }
        decisions
    }

    fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) {
        let channel = self
            .channels
            .iter_mut()
            .find(|c| c.point == point)
            .expect("known");
        channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    }

    fn ppm(&self, index: usize) -> u32 {
        self.channels[index]
            .policy
            .expect("a policy")
            .fees
            .outbound
            .0
    }
}

#[test]
fn without_history_only_drains_and_pins_are_acted_on() {
    let decided = |settings: ChannelSettings, drain: bool| {
        let mut world = World::of(vec![drained(1)], settings);
        world.round(at(0));
        if drain {
            world.channels[0].local_balance = Sat(0);
        }
        let now = at(30);
        let seen = Observation {
            at: now,
            channels: world
                .channels
                .iter()
                .map(|c| (c.point, c.clone()))
                .collect(),
            ..Observation::default()
        };
        let settings = BTreeMap::from([(point(1), settings)]);
        let sample = BalanceSample {
            at: now,
            ratio: 0.4,
        };
        if drain {
            let channel = world.memory.channels.get_mut(&point(1)).expect("known");
            channel.recent.push_back(sample);
        }
        let blind = Readiness {
            history: false,
            ..READY
        };
        let decisions = decide(&mut world.memory, &seen, &settings, &world.node, blind);
        decisions[0].verdict
    };
    let unread = Verdict::Hold {
        reason: Hold::HistoryUnread,
    };
    assert_eq!(decided(undamped(), false), unread);
    let raised = decided(undamped(), true);
    assert!(matches!(raised, Verdict::Change { .. }), "{raised:?}");
    let pinned = ChannelSettings {
        mode: Mode::Pin(FeePpm(777)),
        ..managed()
    };
    let changed = decided(pinned, false);
    assert!(
        !matches!(
            changed,
            Verdict::Hold {
                reason: Hold::HistoryUnread
            }
        ),
        "{changed:?}"
    );
}

fn drained(n: u8) -> Channel {
    Channel {
        local_balance: Sat(20_000),
        remote_balance: Sat(980_000),
        ..channel(n)
    }
}

#[test]
fn the_worked_example_number_for_number() {
    let channel = channel(1);
    let settings = undamped();
    let ask = Ask::Move(Move {
        evidence: Evidence::default(),
        terms: Terms::default(),
        limit: None,
        adds_up: true,
    });
    let case = Case {
        channel: &channel,
        settings: &settings,
        ask: &ask,
        led: None,
        initial: FeePpm(0),
        tip: BlockHeight::default(),
        node: &NodeSettings::default(),
        now: at(0),
        ready: READY,
        doubted_until: None,
    };
    let target_met = Evidence {
        ratio: 0.5,
        target_ratio: 0.5,
        tpm: 0.0009,
        tpm_history: 0.001,
        forwards: 20.0,
        stocked_share: 1.0,
    };
    let step = |fee_ppm: u32, seen| {
        let (terms, _) = classic::terms(&seen, true, &settings.gains);
        let (wanted, limits) = case.wanted(f64::from(fee_ppm), FeePpm(fee_ppm), &terms);
        assert_eq!(limits, vec![]);
        FeePpm::rounded(wanted).0
    };
    assert_eq!(step(100, target_met), 90);
    let busier_but_local = Evidence {
        ratio: 0.55,
        tpm: 0.0011,
        ..target_met
    };
    assert_eq!(step(90, busier_but_local), 90);
    let net_five_up = Evidence {
        ratio: 0.525,
        ..busier_but_local
    };
    assert_eq!(step(100, net_five_up), 105);
}

#[test]
fn small_moves_add_up_until_they_are_worth_an_update() {
    let mut world = World::of(vec![drained(1)], managed());
    let mut fees = vec![];
    for hours in 0..24 {
        world.round(at(hours));
        fees.push(world.ppm(0));
    }
    assert_eq!(fees[0], 100);
    assert!(fees[23] > 105, "{fees:?}");
    let changes = fees.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((1..=4).contains(&changes), "{fees:?}");
}

#[test]
fn downtime_is_one_step() {
    let mut steady = World::of(vec![drained(1)], managed());
    let mut absent = World::of(vec![drained(1)], managed());
    steady.round(at(0));
    absent.round(at(0));
    steady.round(at(1));
    absent.round(at(1_000));
    let wanted = |world: &World| world.memory.channels[&point(1)].fee.wanted_ppm;
    assert_eq!(wanted(&steady), wanted(&absent));
}

#[test]
fn nothing_winds_up_against_a_bound() {
    let settings = ChannelSettings {
        max: FeePpm(110),
        ..managed()
    };
    let mut world = World::of(vec![drained(1)], settings);
    (0..500).for_each(|hours| drop(world.round(at(hours))));
    assert_eq!(world.ppm(0), 110);
    world.channels[0].local_balance = Sat(980_000);
    world.channels[0].remote_balance = Sat(20_000);
    (500..530).for_each(|hours| drop(world.round(at(hours))));
    assert!(world.ppm(0) < 110);
}

#[test]
fn a_fee_set_by_hand_is_left_alone_then_taken_as_the_start() {
    let mut world = World::of(vec![drained(1)], managed());
    world.round(at(0));
    let by_hand = FeeParts {
        outbound: FeePpm(777),
        ..FeeParts::default()
    };
    world.set_fees(point(1), by_hand);
    for hours in 1..48 {
        world.round(at(hours));
        assert_eq!(world.ppm(0), 777);
    }
    for hours in 48..72 {
        world.round(at(hours));
    }
    assert!((778..1_000).contains(&world.ppm(0)), "{}", world.ppm(0));
}

#[test]
fn who_rests_waits_for_nothing() {
    let mut world = World::of(vec![channel(1)], managed());
    world.round(at(0));
    let memory = world.memory.channels.get_mut(&point(1)).expect("known");
    memory.fee.waiting_since = Some(at(0));
    let decision = world.round(at(2)).remove(0);
    assert!(matches!(
        decision.verdict,
        Verdict::Hold {
            reason: Hold::AtRest | Hold::Deadband { .. }
        }
    ));
    let memory = &world.memory.channels[&point(1)];
    assert_eq!(memory.fee.waiting_since, None);
}

#[test]
fn a_channel_that_is_gone_keeps_no_place_in_the_queue() {
    let mut world = World::of(vec![channel(1), channel(2)], managed());
    world.round(at(0));
    for channel in world.memory.channels.values_mut() {
        channel.fee.queued = true;
    }
    world.channels.remove(0);
    world.node.updates_per_hour = world.node.reserved_for_protection;
    world.round(at(0).plus(MINUTE * 5));
    let queued = |n| world.memory.channels[&point(n)].fee.queued;
    assert_eq!([1, 2].map(queued), [false, true]);
}

#[test]
fn observe_mode_shows_a_change_once_per_cooldown_and_makes_none() {
    let settings = ChannelSettings {
        mode: Mode::Observe,
        ..managed()
    };
    let mut world = World::of(vec![drained(1)], settings);
    let shown = (0..48)
        .flat_map(|hours| world.round(at(hours)))
        .filter(|decision| matches!(decision.verdict, Verdict::WouldChange { .. }))
        .count();
    assert!((2..=8).contains(&shown), "{shown}");
    assert_eq!(world.ppm(0), 100);
}

#[test]
fn a_pinned_rate_is_set_and_then_rests() {
    let settings = ChannelSettings {
        mode: Mode::Pin(FeePpm(900)),
        ..managed()
    };
    let mut world = World::of(vec![drained(1)], settings);
    world.round(at(0));
    assert_eq!(world.ppm(0), 900);
    let later: Vec<_> = (1..24).flat_map(|hours| world.round(at(hours))).collect();
    assert!(later.iter().all(|d| matches!(
        d.verdict,
        Verdict::Hold {
            reason: Hold::AtRest
        }
    )));
}

#[test]
fn an_implausible_share_of_moves_stops_them_all() {
    let pinned = ChannelSettings {
        mode: Mode::Pin(FeePpm(900)),
        ..managed()
    };
    let mut world = World::of((1..=20).map(channel).collect(), pinned);
    let decisions = world.round(at(0));
    assert!(decisions.iter().all(|d| matches!(
        d.verdict,
        Verdict::Hold {
            reason: Hold::MassMove {
                moving: 20,
                channels: 20
            }
        }
    )));
}

#[test]
fn the_budget_goes_to_those_who_wait_longest_and_keeps_a_reserve() {
    let pinned = ChannelSettings {
        mode: Mode::Pin(FeePpm(900)),
        ..managed()
    };
    let mut world = World::of((1..=40).map(channel).collect(), pinned);
    world.node.max_moving_share = 1.0;
    let changed = |decisions: &[Decision]| {
        decisions
            .iter()
            .filter(|d| matches!(d.verdict, Verdict::Change { .. }))
            .count()
    };
    assert_eq!(changed(&world.round(at(0))), 18);
    let quarter_later = world.round(at(0).plus(MINUTE * 15));
    assert_eq!(changed(&quarter_later), 6);
    assert_eq!(changed(&world.round(at(1))), 16);
    assert!((0..40).all(|index| world.ppm(index) == 900));
}

#[test]
fn channels_take_their_turns_at_moments_of_their_own() {
    let due = |n: u8, minutes: u32| {
        let now = at(2).plus(MINUTE * minutes);
        is_due(&channel(n).peer, Some(now.minus(MINUTE * 5)), now, HOUR)
    };
    for n in 0..=255 {
        let peer = channel(n).peer;
        let next = next_due(&peer, at(2), HOUR);
        assert!(next > at(2) && next <= at(3));
        assert!(is_due(&peer, Some(at(2)), next, HOUR));
        assert!(!is_due(&peer, Some(at(2)), next.minus(MINUTE / 60), HOUR));
        assert_eq!(
            (0..12).filter(|five| due(n, five * 5)).count(),
            1,
            "channel {n}"
        );
    }
    let first_five = (0..=255).filter(|n| due(*n, 0)).count();
    assert!((10..40).contains(&first_five), "{first_five}");
}

/// A channel of so many blocks with these fees, under the default strategy.
fn opened(blocks_ago: u32, ppm: u32, base_fee_msat: u32) -> World {
    let mut channel = channel(1);
    let fees = FeeParts {
        base_fee_msat,
        outbound: FeePpm(ppm),
        ..FeeParts::default()
    };
    channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    channel.scid = crate::types::channel::Scid(u64::from(1_000_000 - blocks_ago) << 40);
    let settings = ChannelSettings {
        mode: Mode::Manage,
        ..ChannelSettings::default()
    };
    World {
        tip: BlockHeight(1_000_000),
        ..World::of(vec![channel], settings)
    }
}

#[test]
fn a_new_channel_with_the_default_fee_begins_at_the_level_at_once() {
    let mut world = opened(10, 1, 1_000);
    let decision = world.round(at(1)).remove(0);
    assert_eq!(world.ppm(0), 550);
    let ppm = FeePpm(550);
    assert_eq!(decision.limits, [Limit::NewChannel { ppm }]);

    let mut world = opened(10, 1, 1_000);
    world.settings.initial = LevelChoice::Fixed(FeePpm(320));
    world.round(at(1));
    assert_eq!(world.ppm(0), 320);

    let mut world = opened(10, 1, 1_000);
    world.settings.max = FeePpm(300);
    world.round(at(1));
    assert_eq!(world.ppm(0), 300);
}

#[test]
fn a_new_channel_beside_a_parallel_one_begins_for_itself_and_keeps_its_deadband() {
    let first = |initial| {
        let mut world = opened(10, 1, 1_000);
        let mut new = world.channels[0].clone();
        new.point = point(2);
        let mut old = channel(1);
        old.scid = crate::types::channel::Scid(900_000 << 40);
        world.channels = vec![old, new];
        world.settings.base_fee = BaseFee::Keep;
        world.settings.initial = LevelChoice::Fixed(FeePpm(initial));
        world.round(at(1));
        world.ppm(1)
    };
    assert_eq!(first(320), 320);
    assert_eq!(first(3), 1);
}

#[test]
fn a_fee_that_somebody_set_or_left_goes_by_steps() {
    for mut world in [
        opened(10, 1, 0),
        opened(10, 2, 1_000),
        opened(500, 1, 1_000),
    ] {
        world.round(at(1));
        assert!(world.ppm(0) <= 12, "{}", world.ppm(0));
    }
}

#[test]
fn a_new_channel_that_is_not_ours_to_price_is_left() {
    for mode in [Mode::Ignore, Mode::Pin(FeePpm(77))] {
        let mut world = opened(10, 1, 1_000);
        world.settings.mode = mode;
        world.round(at(1));
        assert_ne!(world.ppm(0), 550, "{mode:?}");
    }
}
