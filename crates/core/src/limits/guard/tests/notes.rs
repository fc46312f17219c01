//! What is remembered of a fee change as it comes along.

use super::*;
use crate::types::channel::InboundFee;

/// Fees with this inbound rate.
fn inbound(rate_ppm: i32) -> FeeParts {
    FeeParts {
        inbound: InboundFee {
            rate_ppm,
            ..InboundFee::default()
        },
        ..rate(100)
    }
}

/// A memory that waits for an update, having been told that a change to `to`
/// has come to `stage` at hour 1.
fn told(to: FeeParts, stage: Stage) -> FeeMemory {
    let mut fee = FeeMemory {
        waiting_since: Some(at(0)),
        ..FeeMemory::default()
    };
    let change = FeeChange::intended(inbound(0), to, at(0));
    note(&mut fee, &change.ended(stage, at(1), ""));
    fee
}

#[test]
fn a_confirmed_change_is_what_holds_and_counts_for_the_day() {
    let fee = told(inbound(-50), Stage::Confirmed);
    assert_eq!(fee.confirmed, Some(inbound(-50)));
    assert_eq!(fee.written_at, Some(at(1)));
    assert_eq!(fee.writes, [at(1)]);
    assert_eq!(fee.waiting_since, None);
    assert_eq!(fee.inbound.granted_ppm, Some(-50));
    assert_eq!(fee.inbound.written_at, Some(at(1)));
}

#[test]
fn a_change_of_the_outbound_rate_alone_is_none_of_the_discount() {
    let mut fee = told(inbound(-50), Stage::Confirmed);
    let dearer = FeeParts {
        outbound: FeePpm(120),
        ..inbound(-50)
    };
    let change = FeeChange::intended(inbound(-50), dearer, at(5));
    note(&mut fee, &change.ended(Stage::Confirmed, at(5), ""));
    assert_eq!(fee.written_at, Some(at(5)));
    assert_eq!(fee.inbound.written_at, Some(at(1)));
    assert_eq!(fee.inbound.granted_ppm, Some(-50));
}

#[test]
fn a_refused_change_counts_for_the_day_and_is_not_what_holds() {
    for stage in [Stage::Refused, Stage::NotSeen] {
        let fee = told(inbound(-50), stage);
        assert_eq!(fee.confirmed, None);
        assert_eq!(fee.writes, [at(1)]);
        assert_eq!(fee.written_at, Some(at(1)));
        assert_eq!(fee.waiting_since, None);
        assert_eq!(fee.inbound.granted_ppm, None);
        assert_eq!(fee.inbound.written_at, Some(at(1)));
    }
}

#[test]
fn a_node_that_refuses_is_asked_no_more_than_the_days_limit() {
    let mut fee = FeeMemory::default();
    for hours in [0, 1, 2, 3] {
        let change = FeeChange::intended(rate(100), rate(120), at(hours));
        note(&mut fee, &change.ended(Stage::Refused, at(hours), ""));
    }
    let until = at(24);
    assert_eq!(judged(120, 100, &fee, 16), Some(Hold::DailyLimit { until }));
}

#[test]
fn a_change_that_the_node_did_not_hear_of_counts_for_nothing() {
    for stage in [
        Stage::Intended,
        Stage::Sent,
        Stage::NotSent,
        Stage::NotApplied,
        Stage::Settled,
    ] {
        let fee = told(inbound(-50), stage);
        let change = fee.last_change.clone().expect("noted");
        assert_eq!((change.stage, change.to), (stage, inbound(-50)));
        assert_eq!(fee.waiting_since, Some(at(0)));
        let untouched = FeeMemory {
            last_change: Some(change),
            waiting_since: Some(at(0)),
            ..FeeMemory::default()
        };
        assert_eq!(fee, untouched);
    }
}

#[test]
fn writes_are_remembered_for_a_day() {
    let mut fee = FeeMemory::default();
    for hours in [0, 1, 24] {
        note_write(&mut fee, at(hours));
    }
    assert_eq!(fee.writes, [at(1), at(24)]);
}
