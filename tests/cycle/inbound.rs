//! Inbound discounts through whole cycles: given, grown, taken back, and what
//! becomes of them when the daemon dies or someone else sets the fee.

use std::time::Duration;

use sweetspot_core::decision::Verdict;
use sweetspot_core::types::channel::{FeeParts, InboundFee, PeerId, Policy};
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::rfc3339;
use sweetspot_core::types::units::{FeePpm, Sat};

use super::{Daemon, HOUR, MINUTE};
use crate::node::{FakeNode, Writes, point};

const DAY: Duration = Duration::from_secs(86_400);

/// Outbound rates rest; discounts are given.
const ON: &str = "[defaults]\nmode = \"manage\"\nlaw = \"classic\"\nbalance_gain = 0\n\
                  throughput_gain = 0\nbase_fee_msat = \"keep\"\n[inbound]\ndiscount = true\nshare = 0.3\n";

fn off() -> String {
    ON.replace("discount = true", "discount = false")
}

/// A node with a depleted channel at 1,000 ppm and one that can sell at 300.
fn needy() -> FakeNode {
    let node = FakeNode::with_channels(2);
    for (n, ppm) in [(1, 1_000), (2, 300)] {
        node.set_fees(n, fees(ppm, 0));
    }
    node.tell(|inner| {
        for (n, local) in [(1, 0), (2, 900_000)] {
            let channel = inner.channels.get_mut(&point(n)).expect("a channel");
            channel.peer = PeerId([n + 1; 33]);
            channel.local_balance = Sat(local);
            channel.remote_balance = Sat(1_000_000 - local);
        }
    });
    node
}

fn fees(ppm: u32, inbound_ppm: i32) -> FeeParts {
    FeeParts {
        base_fee_msat: 700,
        outbound: FeePpm(ppm),
        inbound: InboundFee {
            base_fee_msat: 0,
            rate_ppm: inbound_ppm,
        },
    }
}

fn inbound(node: &FakeNode, n: u8) -> i32 {
    node.policy_of(n).fees.inbound.rate_ppm
}

#[tokio::test]
async fn a_discount_is_written_read_back_and_recorded_and_nothing_else_changes() {
    let node = needy();
    let before = node.policy_of(1);
    let mut daemon = Daemon::on(&node, ON).await;
    let turn = daemon.turn().await.expect("a good cycle");
    // Half of 0.3 of 300 ppm.
    assert_eq!((turn.changed, turn.failed), (1, 0));
    let expected = Policy {
        fees: fees(1_000, -45),
        ..before
    };
    assert_eq!(node.policy_of(1), expected);
    assert_eq!(inbound(&node, 2), 0);
    let written = node.tell(|inner| inner.written.clone());
    assert_eq!(written.len(), 1);
    assert!(written[0].change.sets_inbound());
    assert_eq!(written[0].time_lock_delta, before.time_lock_delta);
    let (_, change) = daemon.store.changes()[0].clone();
    assert_eq!(change.stage, Stage::Confirmed);
    assert_eq!(change.to.inbound.rate_ppm, -45);
    let decisions = daemon.store.decisions();
    let told = decisions.iter().find_map(|decision| decision.inbound);
    insta::assert_snapshot!(told.expect("recorded").words(&rfc3339), @"0 ppm now, 45 ppm wanted, 90 ppm at most; local 50.0% below target");
}

#[tokio::test]
async fn a_discount_grows_slowly_and_goes_when_the_need_has_gone() {
    let node = needy();
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(DAY * 2, HOUR).await;
    assert_eq!(inbound(&node, 1), -45);
    daemon.run(DAY * 10, HOUR).await;
    assert_eq!(inbound(&node, 1), -90);
    assert_eq!(daemon.outcomes().len(), 2);
    node.tell(|inner| {
        let channel = inner.channels.get_mut(&point(1)).expect("a channel");
        channel.local_balance = Sat(450_000);
        channel.remote_balance = Sat(550_000);
    });
    daemon.run(HOUR * 23, HOUR).await;
    assert_eq!(inbound(&node, 1), -90);
    daemon.run(HOUR * 3, HOUR).await;
    assert_eq!(inbound(&node, 1), 0);
    daemon.run(DAY * 5, HOUR).await;
    assert_eq!(daemon.outcomes().len(), 3);
}

#[tokio::test]
async fn observing_shows_a_discount_and_writes_none() {
    let node = needy();
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.observe_only = true;
    daemon.run(DAY * 5, HOUR).await;
    assert!(node.tell(|inner| inner.written.is_empty()));
    let shown = daemon.store.decisions().iter().any(|decision| {
        matches!(decision.verdict, Verdict::WouldChange { to } if to.inbound.rate_ppm == -45)
    });
    assert!(shown);
}

#[tokio::test]
async fn switched_off_a_discount_of_ours_is_taken_back_and_then_left() {
    let node = needy();
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(HOUR * 12, HOUR).await;
    assert_eq!(inbound(&node, 1), -45);
    let mut daemon = daemon.restart(&off()).await;
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!(inbound(&node, 1), 0);
    node.set_fees(1, fees(1_000, -45));
    daemon.run(DAY * 7, HOUR).await;
    assert_eq!(inbound(&node, 1), -45, "now it is the operator's");
}

#[tokio::test]
async fn with_discounts_off_an_inbound_fee_is_never_written() {
    let node = needy();
    node.set_fees(1, fees(1_000, -333));
    let moving = off().replace("balance_gain = 0", "balance_gain = 0.5");
    let mut daemon = Daemon::on(&node, &moving).await;
    daemon.run(DAY * 5, HOUR).await;
    assert_eq!(inbound(&node, 1), -333);
    let written = node.tell(|inner| inner.written.clone());
    assert!(!written.is_empty() && written.iter().all(|write| !write.change.sets_inbound()));
}

#[tokio::test]
async fn a_discount_set_by_hand_is_left_alone_then_taken_as_the_start() {
    let node = needy();
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(HOUR, HOUR).await;
    node.set_fees(1, fees(1_000, -7));
    daemon.run(HOUR * 47, HOUR).await;
    assert_eq!(inbound(&node, 1), -7);
    daemon.run(HOUR * 5, HOUR).await;
    assert_eq!(inbound(&node, 1), -52);
}

#[tokio::test]
async fn an_inbound_fee_above_zero_stays() {
    let node = needy();
    node.set_fees(1, fees(1_000, 20));
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.run(DAY * 7, HOUR).await;
    assert_eq!(inbound(&node, 1), 20);
}

#[tokio::test]
async fn after_a_kill_in_the_middle_of_a_write_ours_is_known_from_anothers() {
    for (writes, outcome) in [
        (Writes::DoneUnanswered, Stage::Confirmed),
        (Writes::UndoneUnanswered, Stage::NotApplied),
    ] {
        let node = needy();
        node.tell(|inner| inner.writes = writes);
        let mut daemon = Daemon::on(&node, ON).await;
        daemon.turn().await.expect("a good cycle");
        assert_eq!(daemon.outcomes(), [Stage::Intended]);
        node.tell(|inner| inner.writes = Writes::Done);
        let mut daemon = daemon.restart(ON).await;
        daemon.run(HOUR * 8, MINUTE * 5).await;
        assert_eq!(daemon.outcomes()[0], outcome);
        assert_eq!(inbound(&node, 1), -45);
        let mut daemon = daemon.restart(&off()).await;
        daemon.run(HOUR * 8, HOUR).await;
        assert_eq!(inbound(&node, 1), 0, "taken back, so it was known as ours");
    }
}

#[tokio::test]
async fn a_node_that_refuses_discounts_still_gets_its_outbound_rates() {
    let node = needy();
    node.tell(|inner| inner.writes = Writes::Refused);
    let mut daemon = Daemon::on(&node, ON).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!(daemon.outcomes(), [Stage::Refused]);
    node.tell(|inner| inner.writes = Writes::Done);
    let pinned = format!("{ON}[[rule]]\nmatch.alias = \"peer-1\"\nmin_ppm = 1500\n");
    let mut daemon = daemon.restart(&pinned).await;
    daemon.run(HOUR * 24, HOUR).await;
    assert_eq!(node.policy_of(1).fees, fees(1_500, 0));
    daemon.run(HOUR * 25, HOUR).await;
    assert_eq!(node.policy_of(1).fees, fees(1_500, -45));
}

/// Discounts off, and one channel's inbound rate fixed by a rule.
fn fixed(rule: &str) -> String {
    let off = off();
    format!("{off}[[rule]]\nmatch.alias = \"peer-1\"\n{rule}")
}

#[tokio::test]
async fn a_fixed_inbound_rate_goes_alone_or_along_and_is_taken_back_without_its_key() {
    let node = needy();
    let mut daemon = Daemon::on(&node, &fixed("inbound_ppm = -50\n")).await;
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, turn.failed), (1, 0));
    assert_eq!(node.policy_of(1).fees, fees(1_000, -50));
    assert_eq!(inbound(&node, 2), 0);
    let decisions = daemon.store.decisions();
    let told = decisions.iter().find_map(|decision| decision.inbound);
    insta::assert_snapshot!(told.expect("recorded").words(&rfc3339), @"0 ppm now, 50 ppm wanted, fixed at 50 ppm");
    let mut daemon = daemon.restart(&off()).await;
    daemon.run(HOUR * 12, MINUTE * 5).await;
    assert_eq!(inbound(&node, 1), 0);

    let node = needy();
    let pinned = fixed("mode = \"pin\"\npin_ppm = 1200\ninbound_ppm = -50\n");
    let mut daemon = Daemon::on(&node, &pinned).await;
    daemon.run(DAY * 3, HOUR).await;
    assert_eq!(node.policy_of(1).fees, fees(1_200, -50));
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
}
