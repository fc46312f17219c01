//! Max HTLCs through whole cycles: off, alone and with a fee, observed, set by someone
//! else, restored, and what becomes of them when the node fails.

use std::time::Duration;

use sweetspot_core::decision::Verdict;
use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::channel::Policy;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::rfc3339;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

use super::{Daemon, HOUR, MINUTE};
use crate::node::{FakeNode, Writes, fees, point};

const DAY: Duration = Duration::from_secs(86_400);

/// Fees rest.
const ON: &str = "[defaults]\nmode = \"manage\"\nlaw = \"classic\"\nbalance_gain = 0\n\
                  throughput_gain = 0\nbase_fee_msat = \"keep\"\nmax_htlc = \"balance\"\n";

fn off() -> String {
    ON.replace("\"balance\"", "\"off\"")
}

/// Half of 1,000,000 sat is local: 262,144 sat.
const BUCKET: Msat = Msat(262_144_000);

fn max_htlc(node: &FakeNode) -> Msat {
    node.policy_of(1).max_htlc
}

fn balance(node: &FakeNode, local: u64) {
    node.tell(|inner| {
        let channel = inner.channels.get_mut(&point(1)).expect("a channel");
        channel.local_balance = Sat(local);
        channel.remote_balance = Sat(1_000_000 - local);
    });
}

#[tokio::test]
async fn off_it_is_neither_sent_nor_decided() {
    let node = FakeNode::with_channels(1);
    let before = node.policy_of(1);
    let settings = off().replace("\"manage\"", "\"pin\"\npin_ppm = 900");
    let mut daemon = Daemon::on(&node, &settings).await;
    daemon.run(DAY * 3, HOUR).await;
    let after = Policy {
        fees: node.policy_of(1).fees,
        ..before
    };
    assert_eq!(node.policy_of(1), after);
    assert_eq!(node.ppm(1), 900);
    let written = node.tell(|inner| inner.written.clone());
    assert!(
        written
            .iter()
            .all(|written| written.change.max_htlc.is_none())
    );
    let decisions = daemon.store.decisions();
    assert!(decisions.iter().all(|decision| decision.max_htlc.is_none()));
}

#[tokio::test]
async fn without_a_fee_update_it_moves_alone_after_a_day() {
    let node = FakeNode::with_channels(1);
    let before = node.policy_of(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(HOUR * 23, HOUR).await;
    assert_eq!(node.policy_of(1), before);
    daemon.run(HOUR * 3, HOUR).await;
    let after = Policy {
        max_htlc: BUCKET,
        ..before
    };
    assert_eq!(node.policy_of(1), after);
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
    let (_, change) = daemon.store.changes()[0].clone();
    assert_eq!(change.from, change.to);
    let decisions = daemon.store.decisions();
    let told = decisions
        .iter()
        .rev()
        .find(|decision| decision.max_htlc_change().is_some());
    let told = told.expect("recorded");
    insta::assert_snapshot!(told.outcome(&rfc3339), @"change to max HTLC 262,144 sat");
    let part = told.max_htlc.expect("decided");
    insta::assert_snapshot!(part.words(&rfc3339), @"987,000 sat -> 262,144 sat (can send 490,000 sat)");
    daemon.run(DAY * 5, HOUR).await;
    assert_eq!(daemon.outcomes().len(), 1);
}

#[tokio::test]
async fn it_rides_along_with_a_fee_update() {
    let node = FakeNode::with_channels(1);
    let settings = ON.replace("\"manage\"", "\"pin\"\npin_ppm = 900");
    let mut daemon = Daemon::on(&node, &settings).await;
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!((node.ppm(1), max_htlc(&node)), (900, BUCKET));
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
}

#[tokio::test]
async fn a_balance_about_an_edge_makes_one_move() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(DAY * 2, HOUR).await;
    for day in 0..12 {
        balance(&node, if day % 2 == 0 { 220_000 } else { 310_000 });
        daemon.run(DAY, HOUR).await;
    }
    // A raise for the drain is another matter.
    let changes = daemon.store.changes();
    let moves = changes
        .iter()
        .filter(|(_, change)| change.max_htlc.is_some());
    assert_eq!(moves.count(), 1);
    balance(&node, 150_000);
    daemon.run(DAY * 2, HOUR).await;
    assert_eq!(max_htlc(&node), Msat(131_072_000));
    balance(&node, 0);
    daemon.run(DAY * 2, HOUR).await;
    assert_eq!(max_htlc(&node), Msat(65_536_000));
}

#[tokio::test]
async fn observing_shows_it_and_writes_nothing() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.observe_only = true;
    daemon.run(DAY * 3, HOUR).await;
    assert!(node.tell(|inner| inner.written.is_empty()));
    let decisions = daemon.store.decisions();
    let shown = decisions.iter().filter(|decision| {
        matches!(decision.verdict, Verdict::WouldChange { .. })
            && decision
                .max_htlc_change()
                .is_some_and(|change| change.to == BUCKET)
    });
    assert_eq!(shown.count(), 2, "once a day");
}

#[tokio::test]
async fn what_someone_else_sets_is_left_alone_for_a_time() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(DAY * 2, HOUR).await;
    let theirs = Msat(12_345_678);
    node.set_max_htlc(1, theirs);
    daemon.run(HOUR * 47, HOUR).await;
    assert_eq!(max_htlc(&node), theirs);
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(max_htlc(&node), BUCKET);
}

#[tokio::test]
async fn one_that_changed_since_it_was_read_is_not_overwritten() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(HOUR * 24, HOUR).await;
    node.tell(|inner| inner.writes = Writes::Refused);
    daemon.run(HOUR * 23, HOUR).await;
    // Refused once, and not asked again for a day.
    assert_eq!(daemon.outcomes(), [Stage::Refused]);
    node.tell(|inner| inner.writes = Writes::Lost);
    daemon.run(HOUR * 4, HOUR).await;
    assert_eq!(daemon.outcomes(), [Stage::Refused, Stage::NotSeen]);
    let (_, change) = daemon.store.changes()[1].clone();
    insta::assert_snapshot!(change.detail, @"read back max HTLC 987,000 sat instead of 262,144 sat");
}

#[tokio::test]
async fn an_update_without_an_answer_is_settled_by_the_next_reads() {
    for (writes, stage) in [
        (Writes::DoneUnanswered, Stage::Confirmed),
        (Writes::UndoneUnanswered, Stage::NotApplied),
    ] {
        let node = FakeNode::with_channels(1);
        let mut daemon = Daemon::on(&node, ON).await;
        daemon.run(HOUR * 24, HOUR).await;
        node.tell(|inner| inner.writes = writes);
        while daemon.outcomes().is_empty() {
            daemon.run(MINUTE * 5, MINUTE * 5).await;
        }
        assert!(daemon.outcomes()[0].is_open());
        node.tell(|inner| inner.writes = Writes::Done);
        let mut daemon = daemon.restart(ON).await;
        daemon.run(MINUTE * 20, MINUTE * 5).await;
        assert_eq!(daemon.outcomes()[0], stage);
        daemon.run(DAY * 2, HOUR).await;
        assert_eq!(max_htlc(&node), BUCKET);
    }
}

#[tokio::test]
async fn switched_off_it_stays_and_an_order_restores_it() {
    let node = FakeNode::with_channels(1);
    let before = node.policy_of(1);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(DAY * 2, HOUR).await;
    let mut daemon = daemon.restart(&off()).await;
    daemon.run(DAY * 3, HOUR).await;
    assert_eq!(max_htlc(&node), BUCKET);
    let restore = Verb::Restore {
        ppm: FeePpm(100),
        base_fee_msat: fees(100).base_fee_msat,
        max_htlc: Some(before.max_htlc),
    };
    daemon.order(Some(point(1)), restore, None);
    daemon.run(MINUTE * 20, MINUTE * 5).await;
    assert_eq!(max_htlc(&node), before.max_htlc);
    daemon.run(DAY * 3, HOUR).await;
    assert_eq!(max_htlc(&node), before.max_htlc);
}
