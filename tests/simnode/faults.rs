//! Each fault, in a daemon's life.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot::daemon::cycle::CycleError;
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::units::FeePpm;
use sweetspot_lnd::proto::{UpdateFailure, WalletState};
use sweetspot_simnode::WriteFault;

use crate::market::HOUR;
use crate::rig::{HISTORY, PINNED, PINNED_PPM, Rig, UPDATE};

#[tokio::test]
async fn nothing_is_lost_and_nothing_written_wrong_without_a_fault() {
    let mut rig = Rig::new(PINNED).await;
    let turn = rig.turn().await.expect("a good cycle");
    assert_eq!(turn.changed, rig.channels().len());
    rig.hours(12).await;
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn a_locked_node_is_left_alone_until_it_is_unlocked() {
    let mut rig = Rig::new(PINNED).await;
    for (state, expected) in [
        (WalletState::Locked, NodeError::Locked),
        (WalletState::Unlocked, NodeError::Starting),
    ] {
        rig.served.node.set_state(state);
        rig.served.node.advance(HOUR);
        match rig.turn().await {
            Err(CycleError::Node(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
    rig.wrote_only_the_pinned_rate(false);
    rig.served.node.set_state(WalletState::ServerActive);
    rig.hours(2).await;
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn nothing_is_written_before_all_of_the_node_runs() {
    let mut rig = Rig::new(PINNED).await;
    rig.served.node.set_state(WalletState::RpcActive);
    let early = rig.turn().await;
    assert!(
        matches!(&early, Err(CycleError::Node(NodeError::Starting))),
        "{early:?}"
    );
    rig.wrote_only_the_pinned_rate(false);
    assert_eq!(rig.served.node.calls(UPDATE), 0);
    rig.loses_nothing().await;
}

#[tokio::test]
async fn a_restart_is_survived() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(2).await;
    rig.served.server.restart().expect("up again");
    rig.hours(2).await;
    rig.served.server.stop();
    rig.served.node.advance(HOUR * 5);
    let down = rig.turn().await;
    assert!(
        matches!(&down, Err(CycleError::Node(NodeError::Unreachable(_)))),
        "{down:?}"
    );
    rig.served.server.restart().expect("up again");
    rig.hours(2).await;
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn an_update_whose_answer_is_late_is_settled_and_never_sent_twice() {
    let mut rig = Rig::new(PINNED).await;
    let channels = rig.channels();
    let (late, others) = channels.split_first().expect("channels");
    rig.served.node.faults(|faults| {
        faults.slow_by = Duration::from_secs(60);
        faults.slow_only = Some(UPDATE.to_owned());
        // One late answer is enough to wait for.
        faults.lost_edges = others.iter().copied().collect();
    });
    rig.turn().await.expect("a good cycle");
    assert_eq!(rig.outcomes(), [Stage::Intended]);
    assert_eq!(rig.policy(*late).fees.outbound, PINNED_PPM);
    rig.served
        .node
        .faults(|faults| *faults = Default::default());
    rig.hours(3).await;
    assert_eq!(rig.outcomes()[0], Stage::Confirmed);
    let updates = rig.served.node.calls(UPDATE);
    assert_eq!(updates, u64::try_from(rig.channels().len()).expect("few"));
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn a_read_that_is_too_slow_costs_a_turn_and_nothing_else() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(1).await;
    rig.served.node.faults(|faults| {
        faults.slow_by = Duration::from_secs(60);
        faults.slow_only = Some(HISTORY.to_owned());
    });
    rig.served.node.advance(HOUR);
    let slow = rig.turn().await;
    assert!(
        matches!(&slow, Err(CycleError::Node(NodeError::Unreachable(_)))),
        "{slow:?}"
    );
    rig.served
        .node
        .faults(|faults| *faults = Default::default());
    rig.hours(1).await;
    rig.loses_nothing().await;
}

#[tokio::test]
async fn a_history_cut_off_midway_is_read_again_whole() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(1).await;
    rig.served
        .node
        .faults(|faults| faults.cut_replies_of = Some(HISTORY.to_owned()));
    rig.served.node.advance(HOUR * 12);
    let stored = rig.stored().await;
    assert!(rig.turn().await.is_err());
    assert_eq!(rig.stored().await, stored);
    rig.served
        .node
        .faults(|faults| faults.cut_replies_of = None);
    rig.hours(1).await;
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn an_update_whose_answer_is_cut_off_is_settled_by_what_the_node_shows() {
    let mut rig = Rig::new(PINNED).await;
    rig.served
        .node
        .faults(|faults| faults.cut_replies_of = Some(UPDATE.to_owned()));
    rig.turn().await.expect("a good cycle");
    assert_eq!(rig.outcomes(), [Stage::Intended]);
    let sent = rig.served.node.calls(UPDATE);
    let announced = rig.announced();
    rig.served
        .node
        .faults(|faults| faults.cut_replies_of = None);
    rig.hours(2).await;
    let confirmed = |stage: &Stage| *stage == Stage::Confirmed;
    assert!(rig.outcomes().iter().all(confirmed), "{:?}", rig.outcomes());
    // The one that was cut off is not sent again.
    let others = u64::try_from(announced - 1).expect("few");
    assert_eq!(rig.served.node.calls(UPDATE), sent + others);
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn failed_updates_change_nothing_and_are_not_asked_for_without_end() {
    let mut rig = Rig::new(PINNED).await;
    rig.served.node.faults(|faults| {
        let error = "could not update policies".to_owned();
        faults.writes = WriteFault::Failed(UpdateFailure::Unknown, error);
    });
    let channels = u64::try_from(rig.channels().len()).expect("few");
    rig.turn().await.expect("a good cycle");
    rig.hours(5).await;
    let refused = |stage: &Stage| *stage == Stage::Refused;
    assert!(rig.outcomes().iter().all(refused), "{:?}", rig.outcomes());
    assert_eq!(rig.served.node.calls(UPDATE), channels);
    rig.wrote_only_the_pinned_rate(false);
    rig.served
        .node
        .faults(|faults| *faults = Default::default());
    rig.hours(48).await;
    rig.wrote_only_the_pinned_rate(true);
    rig.loses_nothing().await;
}

#[tokio::test]
async fn a_lost_write_is_noticed_and_not_taken_for_done() {
    let mut rig = Rig::new(PINNED).await;
    rig.served
        .node
        .faults(|faults| faults.writes = WriteFault::Lost);
    let turn = rig.turn().await.expect("a good cycle");
    assert_eq!(turn.changed, 0);
    let unseen = |stage: &Stage| *stage == Stage::NotSeen;
    assert!(rig.outcomes().iter().all(unseen), "{:?}", rig.outcomes());
    rig.wrote_only_the_pinned_rate(false);
    rig.served
        .node
        .faults(|faults| *faults = Default::default());
    rig.hours(48).await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn a_fee_set_by_another_hand_is_left_for_two_days() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(1).await;
    let point = *rig.channels().last().expect("channels");
    let theirs = FeeParts {
        outbound: FeePpm(333),
        ..rig.policy_before(point).fees
    };
    rig.served.node.set_fees(point, theirs);
    rig.hours(47).await;
    assert_eq!(rig.policy(point).fees, theirs);
    rig.hours(4).await;
    rig.wrote_only_the_pinned_rate(true);
    rig.loses_nothing().await;
}

#[tokio::test]
async fn a_stepped_clock_loses_and_repeats_nothing() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(2).await;
    // Both the daemon's clock and the node's, which share a machine.
    for step_secs in [3 * 3_600, -300, 90, -300] {
        rig.served.node.step_clock(step_secs);
        rig.hours(3).await;
    }
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn a_purged_history_lives_on_in_the_store() {
    let mut rig = Rig::new(PINNED).await;
    rig.hours(2).await;
    let mut all = BTreeMap::new();
    for _ in 0..3 {
        let known = rig.served.node.forwards();
        all.extend(known.into_iter().map(|f| (f.settled_at, f)));
        let cutoff = rig.served.node.now().minus(HOUR);
        rig.served.node.purge_history(cutoff);
        rig.hours(5).await;
    }
    let known = rig.served.node.forwards();
    all.extend(known.into_iter().map(|f| (f.settled_at, f)));
    assert!(all.len() > rig.served.node.forwards().len());
    assert_eq!(rig.stored().await, all.into_values().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_new_certificate_and_new_macaroons_are_followed() {
    let mut rig = Rig::new(PINNED).await;
    rig.turn().await.expect("a good cycle");
    let server = &mut rig.served.server;
    server.renew_certificate().expect("a certificate");
    server.restart().expect("up again");
    rig.hours(2).await;
    rig.served.server.renew_macaroons().expect("macaroons");
    rig.hours(2).await;
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(true);
}

#[tokio::test]
async fn a_node_behind_the_chain_is_read_but_not_written_to() {
    let mut rig = Rig::new(PINNED).await;
    rig.served.node.faults(|faults| faults.unsynced = true);
    rig.turn().await.expect("a good cycle");
    rig.hours(2).await;
    assert_eq!(rig.served.node.calls(UPDATE), 0);
    rig.loses_nothing().await;
    rig.wrote_only_the_pinned_rate(false);
}

#[tokio::test]
async fn a_channel_without_an_edge_is_not_written_to() {
    let mut rig = Rig::new(PINNED).await;
    let channels = rig.channels();
    let lost = channels[0];
    rig.served.node.faults(|faults| {
        faults.lost_edges.insert(lost);
        faults.silent_peers.extend(channels);
    });
    rig.hours(2).await;
    let written: Vec<_> = rig
        .store
        .changes()
        .iter()
        .map(|(point, _)| *point)
        .collect();
    assert!(!written.is_empty() && !written.contains(&lost));
    rig.served
        .node
        .faults(|faults| *faults = Default::default());
    rig.hours(2).await;
    rig.wrote_only_the_pinned_rate(true);
}
