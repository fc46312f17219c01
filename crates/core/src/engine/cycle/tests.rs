use std::time::Duration;

use super::*;
use crate::decision::Hold;
use crate::settings::layers::SettingsLayers;
use crate::settings::values::{ChannelSettings, Mode};
use crate::state::clock::ClockStep;
use crate::testing::{self, channel, point};
use crate::types::channel::Policy;
use crate::types::clock_reading::ClockReading;
use crate::types::fee_change::Stage;
use crate::types::observation::Observation;
use crate::types::units::{FeePpm, Msat};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = HOUR.saturating_mul(24);

fn at(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
}

/// A cycle that sees the channels 1 to `count` at an hour.
fn cycle(hours: u32, count: u8) -> CycleInput {
    let channels = (1..=count).map(channel).map(|c| (c.point, c));
    let seen = Observation {
        at: at(hours),
        channels: channels.collect(),
        ..Observation::default()
    };
    CycleInput::new(seen, &SettingsLayers::default(), false, at(0).minus(DAY))
}

/// The stored forward `seq`: in by channel 1, out by channel 2, at an hour.
fn forward(seq: i64, hours: u32) -> StoredForward {
    StoredForward {
        seq,
        forward: Forward {
            settled_at: at(hours),
            scid_in: channel(1).scid,
            scid_out: channel(2).scid,
            amount_in: Msat(1_001),
            amount_out: Msat(1_000),
            fee: Msat(1),
        },
    }
}

/// What was sold by channel 2, and brought by channel 1, in forwards.
fn counted(engine: &Engine) -> (u64, u64) {
    let passed = |n| {
        let channel = engine.channel(point(n)).expect("known");
        channel.meter.volume.since_day_of(at(0).minus(DAY * 30))
    };
    (passed(2).sold.0 / 1_000, passed(1).brought.0 / 1_001)
}

/// An engine that has lived through one cycle with two channels and a forward.
fn lived() -> Engine {
    let mut engine = Engine::default();
    let mut counting = engine.begin(cycle(1, 2));
    assert_eq!(counting.counted_through(), 0);
    counting.count(&[forward(1, 0)]);
    assert_eq!(counting.counted_through(), 1);
    counting.watch().decide();
    engine
}

#[test]
fn a_forward_counts_once_through_both_of_its_channels() {
    let mut engine = lived();
    assert_eq!((engine.counted_through(), counted(&engine)), (1, (1, 1)));
    let all = [forward(1, 0), forward(2, 1), forward(3, 1)];
    for _ in 0..2 {
        engine.begin(cycle(2, 2)).count_rest(&all);
        assert_eq!((engine.counted_through(), counted(&engine)), (3, (3, 3)));
    }
    engine.count(&[]);
    assert_eq!(engine.counted_through(), 3);
    let watched = engine.begin(cycle(2, 2)).watch();
    assert_eq!(watched.input().counted_through, 3);
    assert_eq!(watched.left_by(&forward(1, 0).forward), Some(point(2)));
}

#[test]
fn a_cycle_counts_afresh_where_what_was_counted_may_be_wrong() {
    type Case<'a> = (&'a str, bool, u8, &'a dyn Fn(&mut CycleInput));
    let step = |input: &mut CycleInput, doubted_for| {
        input.clock = Some(ClockStep {
            to: ClockReading::never_set(input.seen.at),
            moved_nanos: 0,
            doubted_for,
        });
    };
    let cases: [Case<'_>; 9] = [
        ("nothing new", false, 2, &|_| ()),
        ("a channel is new", true, 3, &|_| ()),
        ("a channel is gone", false, 1, &|_| ()),
        ("a clock in doubt", true, 2, &|input| {
            step(input, Some(HOUR))
        }),
        ("a clock without doubt", false, 2, &|input| {
            step(input, None)
        }),
        ("earlier than the last", true, 2, &|input| {
            input.seen.at = at(1).minus(Duration::from_nanos(1));
        }),
        ("as early as the last", false, 2, &|input| {
            input.seen.at = at(1)
        }),
        ("other windows", true, 2, &|input| {
            input.node.tpm_window += HOUR
        }),
        ("another scid", true, 2, &|input| {
            let seen = input.seen.channels.get_mut(&point(1)).expect("seen");
            seen.other_scids.push(Scid(7));
        }),
    ];
    for (what, afresh, channels, change) in cases {
        let mut engine = lived();
        let mut input = cycle(2, channels);
        change(&mut input);
        let through = engine.begin(input).counted_through();
        assert_eq!(through == 0, afresh, "{what}");
        let left = engine.memory().node.meter.last_sold();
        assert_eq!(left.is_none(), afresh, "{what}");
    }
}

#[test]
fn a_name_that_is_new_for_a_known_channel_counts_afresh() {
    let mut engine = lived();
    engine.learn(channel(1).scid, point(1));
    engine.learn(Scid(7), point(9));
    assert_eq!(engine.counted_through(), 1);
    assert_eq!(engine.resolve(Scid(7)), Some(point(9)));
    engine.learn(Scid(8), point(1));
    assert_eq!(engine.counted_through(), 0);
    assert_eq!(counted(&engine), (0, 0));
}

#[test]
fn days_stand_for_their_forwards_and_for_no_other() {
    let old = [forward(1, 0), forward(2, 1)];
    let mut engine = Engine::default();
    let now = 24 * 20;
    let mut counting = engine.begin(cycle(now, 2));
    let days = counting.days_to_count().expect("nothing is counted yet");
    let first_left = Timestamp::of_utc_day(days.until);
    let hour_of = |time: Timestamp| {
        let secs = time.since(at(0)).as_secs();
        u32::try_from(secs.div_ceil(3_600)).expect("hours")
    };
    let after = forward(3, hour_of(first_left));
    let totals = DayTotals::of(&[old[0], old[1], after], days);
    assert_eq!(totals.through, 3);
    counting.count_days(&totals, days);
    assert_eq!(counting.counted_through(), totals.before);
    // Numbers are not times here: each is told again, and only the last is new.
    counting.count(&[old[0], old[1], after]);
    assert!(counting.days_to_count().is_none());
    assert_eq!(counted(&engine), (3, 3));
    // One that was appended late, to a day that is summed up.
    engine.count(&[forward(4, 1)]);
    assert_eq!(counted(&engine), (4, 4));
    // All afresh, by forwards.
    engine.learn(Scid(8), point(1));
    engine.count(&[old[0], old[1], after, forward(4, 1)]);
    assert_eq!(counted(&engine), (4, 4));
}

#[test]
fn a_checkpoint_is_a_place_to_go_on_from() {
    let engine = lived();
    let checkpoint = engine.checkpoint(true);
    assert!(checkpoint.follows && !engine.checkpoint(false).follows);
    let again = Engine::at(checkpoint.clone());
    let mut without = engine.memory().without_forwards();
    without.forget_forwards();
    assert_eq!(again.memory(), &without);
    assert_eq!(again.resolve(channel(1).scid), Some(point(1)));
    assert_eq!(again.counted_through(), 0);
    let with = Engine::at_with_forwards(checkpoint.clone(), &engine);
    assert_eq!(with.memory(), engine.memory());
    // One that stands elsewhere has counted other forwards.
    let mut ahead = engine.clone();
    ahead.count(&[forward(2, 1)]);
    let with = Engine::at_with_forwards(checkpoint.clone(), &ahead);
    assert_eq!(with.memory(), &without);
    // One that has not heard that the clock was set has counted for another time.
    let mut deaf = checkpoint.clone();
    deaf.memory.node.seen_at = Some(at(9));
    let with = Engine::at_with_forwards(deaf, &engine);
    assert_eq!(with.counted_through(), 0);
    let mut deaf = checkpoint;
    deaf.memory.node.clock.doubted_until = Some(at(9));
    let with = Engine::at_with_forwards(deaf, &engine);
    assert_eq!(with.counted_through(), 0);
    assert_eq!(&engine.clone().into_memory(), engine.memory());
}

#[test]
fn a_cycle_after_a_slow_interval_is_a_first_look() {
    let interval = cycle(0, 1).node.slow_interval;
    let mut engine = Engine::default();
    assert!(engine.begin(cycle(1, 1)).watch().first_look);
    let look = |passed: Duration| {
        let mut input = cycle(1, 1);
        input.seen.at = at(1).plus(passed);
        let mut engine = engine.clone();
        engine.begin(input).watch().first_look
    };
    assert!(!look(interval - Duration::from_secs(1)));
    assert!(look(interval));
}

#[test]
fn a_fee_that_someone_else_sets_is_told() {
    let mut engine = lived();
    assert_eq!(engine.begin(cycle(2, 2)).watch().events(), []);
    let mut input = cycle(3, 2);
    let seen = input.seen.channels.get_mut(&point(2)).expect("seen");
    let policy = seen.policy.expect("a policy");
    let fees = FeeParts {
        outbound: FeePpm(77),
        ..policy.fees
    };
    seen.policy = Some(Policy { fees, ..policy });
    let watched = engine.begin(input).watch();
    assert!(matches!(
        watched.events(),
        [(of, FeeEvent::ForeignChange(foreign))] if *of == point(2) && foreign.fees == fees
    ));
}

#[test]
fn a_noted_change_is_remembered_of_its_channel() {
    let mut engine = lived();
    let from = channel(1).policy.expect("a policy").fees;
    let to = FeeParts {
        outbound: FeePpm(123),
        ..from
    };
    let change = FeeChange::intended(from, to, at(2));
    engine.note(point(9), &change);
    engine.note(point(1), &change);
    let fee = |n| engine.channel(point(n)).map(|c| c.fee.last_change.clone());
    assert_eq!(fee(1), Some(Some(change.clone())));
    assert_eq!((fee(2), fee(9)), (Some(None), None));
    engine.note(point(1), &change.ended(Stage::Confirmed, at(2), ""));
    let confirmed = engine.channel(point(1)).and_then(|c| c.fee.confirmed);
    assert_eq!(confirmed, Some(to));
}

/// A decision on channel `n`, to 200 ppm unless it holds.
fn decision(n: u8, trigger: Trigger, holds: bool) -> Decision {
    let to = FeeParts {
        outbound: FeePpm(200),
        ..FeeParts::default()
    };
    let reason = Hold::AtRest;
    let verdict = match holds {
        true => Verdict::Hold { reason },
        false => Verdict::Change { to },
    };
    testing::decision(n, at(1), trigger, verdict)
}

#[test]
fn changes_are_written_protective_ones_first_then_the_longest_waiting() {
    let mut input = cycle(1, 6);
    for settings in input.settings.values_mut() {
        settings.mode = Mode::Manage;
    }
    let observed = ChannelSettings {
        observe_only: true,
        ..input.settings[&point(5)]
    };
    input.settings.insert(point(5), observed);
    let mut engine = Engine::default();
    engine.begin(input.clone()).watch();
    let mut memory = engine.into_memory();
    let mut waits = |n, hours| {
        let channel = memory.channels.get_mut(&point(n)).expect("known");
        channel.fee.waiting_since = Some(at(hours));
        channel.fee.written_at = Some(at(0));
    };
    waits(1, 9);
    waits(2, 8);
    waits(3, 8);
    waits(4, 12);
    let written = memory.channels.get_mut(&point(2)).expect("known");
    written.fee.written_at = Some(at(1));
    let outcome = CycleOutcome {
        input,
        events: vec![],
        level_moves: vec![],
        decisions: vec![
            decision(1, Trigger::Scheduled, false),
            decision(2, Trigger::Scheduled, false),
            decision(3, Trigger::Scheduled, false),
            decision(4, Trigger::Drain, false),
            decision(5, Trigger::Drain, false),
            decision(6, Trigger::Drain, true),
        ],
        advice: vec![],
    };
    let order = |outcome: &CycleOutcome| -> Vec<ChannelPoint> {
        let changes = outcome.changes(&memory);
        assert!(changes.iter().all(|due| due.to.outbound == FeePpm(200)));
        changes.iter().map(|due| due.channel.point).collect()
    };
    assert_eq!(order(&outcome), [4, 3, 2, 1].map(point));
}
