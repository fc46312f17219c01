use super::*;
use crate::engine::ingest;
use crate::testing::{self, channel, point};
use crate::types::channel::FeeParts;
use crate::types::observation::Observation;

const HOUR: Duration = Duration::from_secs(3_600);
const TO: FeeParts = FeeParts {
    base_fee_msat: 0,
    outbound: crate::types::units::FeePpm(120),
    inbound: crate::types::channel::InboundFee {
        base_fee_msat: 0,
        rate_ppm: 0,
    },
};

fn at(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
}

/// Ten updates an hour, three of them for protective raises.
fn node() -> NodeSettings {
    NodeSettings {
        updates_per_hour: 10,
        reserved_for_protection: 3,
        max_moving_share: 0.5,
        max_moving_free: 2,
        ..NodeSettings::default()
    }
}

/// A node of `channels` that all wait since hour 0, with this many tokens at
/// hour 0.
fn memory(channels: u8, tokens: f64) -> Memory {
    let seen = Observation {
        at: at(0),
        channels: (1..=channels).map(|n| (point(n), channel(n))).collect(),
        ..Observation::default()
    };
    let mut memory = Memory::default();
    ingest::newcomers(&mut memory, &seen, at(0));
    for channel in memory.channels.values_mut() {
        channel.fee.waiting_since = Some(at(0));
    }
    memory.node.bucket = Bucket {
        tokens,
        at: Some(at(0)),
    };
    memory
}

fn decision(n: u8, trigger: Trigger, verdict: Verdict) -> Decision {
    testing::decision(n, at(1), trigger, verdict)
}

fn change(n: u8) -> Decision {
    decision(n, Trigger::Scheduled, Verdict::Change { to: TO })
}

fn drain(n: u8) -> Decision {
    decision(n, Trigger::Drain, Verdict::Change { to: TO })
}

fn rest(n: u8) -> Decision {
    let reason = Hold::AtRest;
    decision(n, Trigger::Scheduled, Verdict::Hold { reason })
}

/// The channels that may change after this, as numbers.
fn allowed(decisions: &mut [Decision], memory: &mut Memory, now: Timestamp) -> Vec<u8> {
    allot(decisions, memory, &node(), now, None);
    let changes = decisions
        .iter()
        .filter(|d| matches!(d.verdict, Verdict::Change { .. }));
    changes.map(|d| d.point.txid[0]).collect()
}

#[test]
fn the_bucket_fills_at_its_rate_and_no_higher_than_an_hours_worth() {
    let filled = |minutes| {
        let bucket = memory(1, 2.0).node.bucket;
        let now = at(0).plus(Duration::from_secs(60) * minutes);
        bucket.refilled(now, &node())
    };
    assert!((filled(0).tokens - 2.0).abs() < 1e-9);
    assert!((filled(30).tokens - 7.0).abs() < 1e-9);
    assert_eq!(filled(30).at, Some(at(0).plus(HOUR / 2)));
    assert_eq!(filled(600).tokens, 10.0);
    assert_eq!(Bucket::default().refilled(at(0), &node()).tokens, 10.0);
}

#[test]
fn the_next_token_is_as_far_off_as_what_is_missing_takes() {
    let next = |tokens, reserve, settings: &NodeSettings| {
        let bucket = Bucket {
            tokens,
            at: Some(at(0)),
        };
        bucket.token_after(0, at(0), reserve, settings).since(at(0))
    };
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!(next(0.5, 0.0, &node()), minutes(3));
    assert_eq!(next(1.0, 3.0, &node()), minutes(18));
    assert_eq!(next(5.0, 3.0, &node()), Duration::ZERO);
    let of = |updates_per_hour| NodeSettings {
        updates_per_hour,
        ..node()
    };
    assert_eq!(next(0.0, 0.0, &of(1)), HOUR);
    assert_eq!(next(0.0, 0.0, &of(0)), HOUR * 24, "none are allowed");
}

#[test]
fn a_reserve_is_kept_for_protective_raises() {
    let mut memory = memory(12, 5.0);
    let mut decisions = [change(1), change(2), change(3), drain(4), drain(5)];
    assert_eq!(allowed(&mut decisions, &mut memory, at(0)), [4, 5]);
    assert!((memory.node.bucket.tokens - 3.0).abs() < 1e-9);
    for (decision, ahead) in decisions[..3].iter().zip(1..) {
        let until = at(0).plus(Duration::from_secs(360) * ahead);
        let reason = Hold::Budget { until };
        assert_eq!(decision.verdict, Verdict::Hold { reason });
    }
}

#[test]
fn exactly_one_token_above_the_reserve_is_enough() {
    let mut decisions = [change(1), change(2)];
    assert_eq!(allowed(&mut decisions, &mut memory(9, 4.0), at(0)), [1]);
    let mut decisions = [drain(1), drain(2)];
    assert_eq!(allowed(&mut decisions, &mut memory(9, 1.0), at(0)), [1]);
}

#[test]
fn what_the_budget_held_back_is_queued_but_for_drains() {
    let mut memory = memory(9, 0.0);
    let mut decisions = [change(1), drain(2), rest(3)];
    assert!(allowed(&mut decisions, &mut memory, at(0)).is_empty());
    let queued = |n| memory.channels[&point(n)].fee.queued;
    assert_eq!([1, 2, 3].map(queued), [true, false, false]);
    assert_eq!(decisions[2], rest(3));
}

#[test]
fn as_many_of_the_queue_are_looked_at_as_may_change_and_each_knows_its_turn() {
    let mut memory = memory(9, 3.0);
    for channel in memory.channels.values_mut() {
        channel.fee.waiting_since = Some(at(0).minus(HOUR));
    }
    let mut decisions: Vec<Decision> = (1..=9).map(change).collect();
    assert!(allowed(&mut decisions, &mut memory, at(0)).is_empty());
    let next = |minutes| {
        let now = at(0).plus(Duration::from_secs(60) * minutes);
        let next = next_in_queue(&memory, &node(), now);
        next.iter().map(|point| point.txid[0]).collect::<Vec<u8>>()
    };
    let none: [u8; 0] = [];
    assert_eq!(next(5), none);
    assert_eq!(next(7), [1]);
    assert_eq!(next(17), [1, 2]);
    assert_eq!(next(600), [1, 2, 3, 4, 5, 6, 7]);
    // One that comes later waits for those ahead of it.
    let late = memory.channels.get_mut(&point(3)).expect("met");
    (late.fee.waiting_since, late.fee.queued) = (Some(at(0).minus(HOUR / 2)), false);
    let mut late = [change(3)];
    assert!(allowed(&mut late, &mut memory, at(0)).is_empty());
    let until = at(0).plus(Duration::from_secs(360 * 9));
    let reason = Hold::Budget { until };
    assert_eq!(late[0].verdict, Verdict::Hold { reason });
}

#[test]
fn who_is_in_the_queue_does_not_wait_for_itself() {
    let until = |queued| {
        let mut memory = memory(2, 1.0 + f64::from(node().reserved_for_protection));
        let fee = &mut memory.channels.get_mut(&point(2)).expect("known").fee;
        fee.queued = queued;
        // The drain takes what there is.
        let mut decisions = [drain(1), change(2)];
        allot(&mut decisions, &mut memory, &node(), at(0), None);
        match decisions[1].verdict {
            Verdict::Hold {
                reason: Hold::Budget { until },
            } => until,
            verdict => panic!("not held by the budget: {verdict:?}"),
        }
    };
    assert_eq!(until(true), until(false));
}

#[test]
fn the_longest_waiting_go_first_and_drains_before_all() {
    let mut memory = memory(9, 6.0);
    let mut waits = |n, since| {
        let channel = memory.channels.get_mut(&point(n)).expect("met");
        channel.fee.waiting_since = since;
    };
    waits(1, None);
    waits(2, Some(at(5)));
    waits(3, Some(at(4)));
    waits(4, Some(at(6)));
    let mut decisions = [change(1), change(2), change(3), drain(4)];
    let order = longest_waiting_first(&decisions, &memory);
    assert_eq!(order, [3, 2, 1, 0]);
    assert_eq!(allowed(&mut decisions, &mut memory, at(0)), [2, 3, 4]);
}

#[test]
fn of_those_that_wait_alike_the_one_not_written_for_longest_goes_first() {
    let mut memory = memory(9, 4.0);
    let written = memory.channels.get_mut(&point(1)).expect("met");
    written.fee.written_at = Some(at(0));
    let decisions = [change(1), change(2), rest(3)];
    assert_eq!(longest_waiting_first(&decisions, &memory), [1, 0]);
}

/// Decisions whose moves all begin to wait now.
fn fresh(memory: &mut Memory, now: Timestamp) {
    for channel in memory.channels.values_mut() {
        channel.fee.waiting_since = Some(now);
    }
}

#[test]
fn more_than_the_share_at_once_stops_every_move_and_nothing_else() {
    let mut memory = memory(6, 10.0);
    fresh(&mut memory, at(1));
    let shown = decision(4, Trigger::Scheduled, Verdict::WouldChange { to: TO });
    let mut decisions = [change(1), change(2), drain(3), shown, rest(5)];
    assert!(allowed(&mut decisions, &mut memory, at(1)).is_empty());
    let (moving, channels) = (4, 6);
    let reason = Hold::MassMove { moving, channels };
    for decision in &decisions[..4] {
        assert_eq!(decision.verdict, Verdict::Hold { reason });
    }
    assert_eq!(decisions[4], rest(5));
    assert_eq!(memory.node.bucket.at, Some(at(0)), "no token is spent");
}

#[test]
fn a_first_look_puts_changes_off_to_their_own_moments_and_shows_at_once() {
    let mut memory = memory(6, 10.0);
    fresh(&mut memory, at(1));
    let mut shown = change(5);
    shown.verdict = Verdict::WouldChange { to: TO };
    let mut decisions = [change(1), change(2), change(3), change(4), shown.clone()];
    let channels = (1..=6).map(|n| (point(n), channel(n)));
    let seen = Observation {
        at: at(1),
        channels: channels.collect(),
        ..Observation::default()
    };
    allot(&mut decisions, &mut memory, &node(), at(1), Some(&seen));
    for decision in &decisions[..4] {
        let peer = seen.channels[&decision.point].peer;
        let until = next_due(&peer, at(1), node().slow_interval);
        let reason = Hold::Paced { until };
        assert_eq!(decision.verdict, Verdict::Hold { reason });
    }
    assert_eq!(decisions[4], shown);
}

#[test]
fn exactly_the_share_is_plausible() {
    let mut memory = memory(6, 10.0);
    fresh(&mut memory, at(0));
    let mut decisions = [change(1), change(2), change(3), rest(4)];
    assert_eq!(allowed(&mut decisions, &mut memory, at(0)), [1, 2, 3]);
}

#[test]
fn a_few_moves_are_plausible_on_however_small_a_node() {
    let mut two = memory(2, 10.0);
    fresh(&mut two, at(0));
    assert_eq!(
        allowed(&mut [change(1), change(2)], &mut two, at(0)),
        [1, 2]
    );
}

#[test]
fn moves_that_have_waited_were_plausible_when_they_began() {
    let mut memory = memory(4, 10.0);
    let mut decisions = [change(1), change(2), change(3), change(4)];
    assert_eq!(allowed(&mut decisions, &mut memory, at(1)), [1, 2, 3, 4]);
}
