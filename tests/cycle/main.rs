//! Whole cycles in virtual time: what is read, written and remembered, also
//! when the daemon dies or the node misbehaves.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

mod balance;
mod clock;
mod explicit;
mod forwarded;
mod inbound;
mod max_htlc;
mod names;
mod node;
mod odd_records;
mod orders;

use std::path::Path;
use std::time::Duration;

use node::{FakeNode, Writes, fees, point, scid};
use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleError, CycleOptions, CycleSummary};
use sweetspot::daemon::history::PAGE_EVENTS;
use sweetspot_core::decision::{Hold, Verdict};
use sweetspot_core::ports::{Clock, ForwardLog, NodeError, Store};
use sweetspot_core::types::channel::{FeeParts, Scid};
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::observation::{CloseType, ClosedChannel, Forward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat};
use sweetspot_store::MemoryStore;
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

type FakeCycle = Cycle<FakeNode, FakeNode, MemoryStore, FakeNode>;

/// A daemon on a fake node: its store outlives it.
struct Daemon {
    node: FakeNode,
    store: MemoryStore,
    config: Config,
    cycle: FakeCycle,
    observe_only: bool,
    orders_given: std::cell::Cell<i64>,
}

impl Daemon {
    async fn on(node: &FakeNode, settings: &str) -> Self {
        Self::with_store(node, settings, MemoryStore::default()).await
    }

    async fn with_store(node: &FakeNode, settings: &str, store: MemoryStore) -> Self {
        let config = Config::parse(settings, Some(Path::new("home"))).expect("good settings");
        let backfill_from = node.now().minus(config.backfill);
        let cycle = Cycle::start(
            node.clone(),
            node.clone(),
            store.clone(),
            node.clone(),
            backfill_from,
        );
        Self {
            node: node.clone(),
            store: store.clone(),
            cycle: cycle.await.expect("a good store"),
            config,
            observe_only: false,
            orders_given: std::cell::Cell::new(0),
        }
    }

    /// The process dies; another starts on the same store.
    async fn restart(self, settings: &str) -> Self {
        let restarted = Self::with_store(&self.node, settings, self.store).await;
        restarted.orders_given.set(self.orders_given.get());
        restarted
    }

    async fn turn(&mut self) -> Result<CycleSummary, CycleError> {
        self.turn_until(&CancellationToken::new()).await
    }

    async fn turn_until(&mut self, stop: &CancellationToken) -> Result<CycleSummary, CycleError> {
        let orders = CycleOptions {
            layers: &self.config.book,
            observe_only: self.observe_only,
            report_due: false,
        };
        self.cycle.run(orders, stop).await
    }

    /// Turns once after each `step`, for `span`.
    async fn run(&mut self, span: Duration, step: Duration) {
        let until = self.node.now().plus(span);
        while self.node.now() < until {
            self.node.tell(|inner| inner.now = inner.now.plus(step));
            self.turn().await.expect("a good cycle");
        }
    }

    fn outcomes(&self) -> Vec<Stage> {
        let changes = self.store.changes();
        changes.iter().map(|(_, change)| change.stage).collect()
    }
}

/// Everything is pinned to 900 ppm: each first turn wants to write.
const PINNED: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 900\n";

fn later(node: &FakeNode, span: Duration) {
    node.tell(|inner| inner.now = inner.now.plus(span));
}

fn forward(at: Timestamp, scid_in: Scid, scid_out: Scid) -> Forward {
    Forward {
        settled_at: at,
        scid_in,
        scid_out,
        amount_in: Msat(100_010),
        amount_out: Msat(100_000),
        fee: Msat(10),
    }
}

#[tokio::test]
async fn a_change_is_written_read_back_and_recorded() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let before = node.policy_of(1);
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, turn.failed), (1, 0));
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
    let written = node.tell(|inner| inner.written.clone());
    assert_eq!(written.len(), 1);
    assert_eq!(written[0].time_lock_delta, before.time_lock_delta);
    assert!(!written[0].change.sets_inbound());
    let after = node.policy_of(1);
    assert_eq!(after.fees.outbound, FeePpm(900));
    assert_eq!(after.fees.base_fee_msat, 0);
    assert_eq!(after.fees.inbound, before.fees.inbound);
}

#[tokio::test]
async fn a_base_fee_that_is_kept_is_written_as_it_is() {
    let node = FakeNode::with_channels(1);
    let settings = format!("{PINNED}base_fee_msat = \"keep\"\n");
    Daemon::on(&node, &settings)
        .await
        .turn()
        .await
        .expect("a good cycle");
    assert_eq!(node.policy_of(1).fees, fees(900));
}

#[tokio::test]
async fn observing_writes_nothing_whatever_the_settings_say() {
    let node = FakeNode::with_channels(3);
    let mut daemon = Daemon::on(&node, "[defaults]\nmode = \"manage\"\n").await;
    daemon.observe_only = true;
    node.tell(|inner| {
        for channel in inner.channels.values_mut() {
            std::mem::swap(&mut channel.local_balance, &mut channel.local_reserve);
        }
    });
    daemon.run(HOUR * 48, HOUR).await;
    assert!(node.tell(|inner| inner.written.is_empty()));
    let would =
        |d: &sweetspot_core::decision::Decision| matches!(d.verdict, Verdict::WouldChange { .. });
    assert!(daemon.store.decisions().iter().any(would));
}

#[tokio::test]
async fn observing_shows_a_pinned_rate_as_it_would_be_set() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.observe_only = true;
    daemon.turn().await.expect("a good cycle");
    let verdicts: Vec<_> = daemon.store.decisions().iter().map(|d| d.verdict).collect();
    let to = FeeParts {
        base_fee_msat: 0,
        ..fees(900)
    };
    assert_eq!(verdicts, [Verdict::WouldChange { to }]);
    assert!(node.tell(|inner| inner.written.is_empty()));
}

#[tokio::test]
async fn a_refused_update_changes_nothing_and_is_not_asked_again_at_once() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.writes = Writes::Refused);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, turn.failed), (0, 1));
    assert_eq!(daemon.outcomes(), [Stage::Refused]);
    daemon.run(HOUR * 5, MINUTE * 5).await;
    assert_eq!(daemon.outcomes().len(), 1);
}

#[tokio::test]
async fn a_node_that_takes_no_update_ends_the_turn_and_costs_no_channel_its_place() {
    let node = FakeNode::with_channels(2);
    node.tell(|inner| inner.writes = Writes::Denied);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let denied = daemon
        .turn()
        .await
        .expect_err("the operator must hear of it");
    assert!(matches!(denied, CycleError::Node(NodeError::Denied(_))));
    assert_eq!(daemon.outcomes(), [Stage::NotSent]);
    node.tell(|inner| inner.writes = Writes::Done);
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!([1, 2].map(|n| node.ppm(n)), [900, 900]);
}

#[tokio::test]
async fn a_lost_update_is_noticed_by_the_read_back() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.writes = Writes::Lost);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!(daemon.outcomes(), [Stage::NotSeen]);
}

#[tokio::test]
async fn fees_that_change_between_reading_and_writing_are_respected() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.meanwhile = Some((point(1), fees(333))));
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!(daemon.outcomes(), [Stage::NotSent]);
    assert!(node.tell(|inner| inner.written.is_empty()));
    daemon.run(HOUR * 47, HOUR).await;
    assert_eq!(node.ppm(1), 333);
    daemon.run(HOUR * 3, HOUR).await;
    assert_eq!(node.ppm(1), 900);
}

#[tokio::test]
async fn an_unanswered_update_is_settled_by_what_the_node_shows() {
    for (writes, outcome, wait) in [
        (Writes::DoneUnanswered, Stage::Confirmed, MINUTE * 5),
        (Writes::UndoneUnanswered, Stage::NotApplied, MINUTE * 15),
    ] {
        let node = FakeNode::with_channels(1);
        node.tell(|inner| inner.writes = writes);
        let mut daemon = Daemon::on(&node, PINNED).await;
        daemon.turn().await.expect("a good cycle");
        assert_eq!(daemon.outcomes(), [Stage::Intended]);
        daemon.run(wait, MINUTE * 5).await;
        assert_eq!(daemon.outcomes()[0], outcome);
    }
}

#[tokio::test]
async fn an_unanswered_update_of_a_channel_that_closes_is_settled() {
    for restarts in [false, true] {
        let node = FakeNode::with_channels(2);
        node.tell(|inner| inner.writes = Writes::UndoneUnanswered);
        let mut daemon = Daemon::on(&node, PINNED).await;
        daemon.turn().await.expect("a good cycle");
        assert_eq!(daemon.outcomes(), [Stage::Intended]);
        node.tell(|inner| inner.channels.retain(|channel, _| *channel != point(1)));
        node.tell(|inner| inner.writes = Writes::Done);
        if restarts {
            daemon = daemon.restart(PINNED).await;
        }
        daemon.turn().await.expect("a good cycle");
        assert_eq!(daemon.outcomes()[0], Stage::NotApplied);
        daemon.run(HOUR, MINUTE * 5).await;
        assert_eq!(daemon.outcomes(), [Stage::NotApplied, Stage::Confirmed]);
    }
}

#[tokio::test]
async fn a_node_that_never_answers_is_sent_no_more_than_the_days_updates() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.writes = Writes::UndoneUnanswered);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.run(HOUR * 23, MINUTE * 5).await;
    // Each may be done yet, late.
    assert_eq!(daemon.outcomes(), [Stage::NotApplied; 4]);
    daemon.run(HOUR * 24, MINUTE * 5).await;
    assert_eq!(daemon.outcomes().len(), 8);
}

#[tokio::test]
async fn after_an_unanswered_update_no_other_is_sent_in_that_cycle() {
    let node = FakeNode::with_channels(3);
    node.tell(|inner| inner.writes = Writes::UndoneUnanswered);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let cycle = daemon.turn().await.expect("a good cycle");
    assert_eq!((cycle.changed, cycle.failed), (0, 1));
    assert_eq!(daemon.outcomes(), [Stage::Intended]);
    node.tell(|inner| inner.writes = Writes::Done);
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert!((1..=3).all(|n| node.ppm(n) == 900));
}

#[tokio::test]
async fn a_kill_between_intent_and_outcome_leaves_nothing_wrong() {
    for (writes, outcome) in [
        (Writes::DoneUnanswered, Stage::Confirmed),
        (Writes::UndoneUnanswered, Stage::NotApplied),
    ] {
        let node = FakeNode::with_channels(1);
        node.tell(|inner| inner.writes = writes);
        let mut daemon = Daemon::on(&node, PINNED).await;
        daemon.turn().await.expect("a good cycle");
        assert_eq!(daemon.outcomes(), [Stage::Intended]);
        node.tell(|inner| inner.writes = Writes::Done);
        let mut daemon = daemon.restart(PINNED).await;
        daemon.run(HOUR * 2, MINUTE * 5).await;
        assert_eq!(daemon.outcomes()[0], outcome);
        assert_eq!(node.ppm(1), 900);
        let foreign = |d: &sweetspot_core::decision::Decision| {
            matches!(
                d.verdict,
                Verdict::Hold {
                    reason: Hold::Foreign { .. }
                }
            )
        };
        assert!(!daemon.store.decisions().iter().any(foreign));
    }
}

#[tokio::test]
async fn a_fee_set_by_hand_after_a_kill_is_not_overwritten() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.writes = Writes::UndoneUnanswered);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    node.tell(|inner| inner.writes = Writes::Done);
    node.set_fees(1, fees(333));
    later(&node, HOUR);
    let mut daemon = daemon.restart(PINNED).await;
    daemon.run(HOUR * 40, HOUR).await;
    assert_eq!(node.ppm(1), 333);
}

#[tokio::test]
async fn a_clock_that_was_ahead_stops_nothing_when_it_is_right_again() {
    let node = FakeNode::with_channels(1);
    let start = node.now();
    let mut daemon = Daemon::on(&node, PINNED).await;
    later(&node, HOUR * 24 * 365);
    node.tell(|inner| inner.forwards = vec![forward(inner.now, scid(1), Scid(9))]);
    daemon.turn().await.expect("a good cycle");
    assert_eq!(node.ppm(1), 900);
    node.tell(|inner| {
        inner.now = start;
        inner.forwards.insert(0, forward(start, scid(1), Scid(9)));
    });
    let repinned = PINNED.replace("900", "500");
    let mut daemon = daemon.restart(&repinned).await;
    daemon.run(HOUR * 38, HOUR).await;
    assert_eq!(node.ppm(1), 500);
    assert_eq!(stored(&daemon).await.len(), 2);
    let missed = forward(node.now().minus(MINUTE), scid(1), Scid(9));
    node.tell(|inner| inner.forwards.insert(1, missed));
    daemon.turn().await.expect("a good cycle");
    assert!(stored(&daemon).await.contains(&missed.settled_at));
}

#[tokio::test]
async fn a_base_fee_is_set_though_the_rate_rests() {
    let node = FakeNode::with_channels(1);
    let at_rest = PINNED.replace("900", "100");
    let mut daemon = Daemon::on(&node, &at_rest).await;
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!(node.policy_of(1).fees.base_fee_msat, 0);
    assert_eq!(daemon.outcomes().len(), 1);
}

#[tokio::test]
async fn what_waits_for_the_budget_does_not_stop_itself() {
    let node = FakeNode::with_channels(100);
    let settings =
        format!("{PINNED}[budget]\nupdates_per_hour = 10\nreserved_for_protection = 0\n");
    let mut daemon = Daemon::on(&node, &settings).await;
    daemon.run(HOUR * 12, MINUTE * 5).await;
    assert!((1..=100).all(|n| node.ppm(n) == 900));
}

#[tokio::test]
async fn without_a_stored_intent_nothing_is_written() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.store.fail(Some("disk full"));
    assert!(matches!(daemon.turn().await, Err(CycleError::Store(_))));
    assert!(node.tell(|inner| inner.written.is_empty()));
    daemon.store.fail(None);
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!(node.ppm(1), 900);
}

#[tokio::test]
async fn an_outcome_that_could_not_be_stored_is_stored_later() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let store = daemon.store.clone();
    node.tell(|inner| inner.on_write = Some(Box::new(move || store.fail(Some("disk full")))));
    assert!(matches!(daemon.turn().await, Err(CycleError::Store(_))));
    assert_eq!(node.ppm(1), 900);
    daemon.store.fail(None);
    node.tell(|inner| inner.on_write = None);
    assert_eq!(daemon.outcomes(), [Stage::Intended]);
    daemon.run(MINUTE * 5, MINUTE * 5).await;
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
}

#[tokio::test]
async fn an_intent_that_is_stored_but_not_heard_of_was_not_sent() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.store.leave_a_change_unheard();
    assert!(matches!(daemon.turn().await, Err(CycleError::Store(_))));
    assert_eq!(daemon.outcomes(), [Stage::Intended]);
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!(daemon.outcomes(), [Stage::NotSent, Stage::Confirmed]);
    // What was set later is not taken for what was not.
    let mut daemon = daemon.restart(PINNED).await;
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!(daemon.outcomes(), [Stage::NotSent, Stage::Confirmed]);
    assert_eq!(node.tell(|inner| inner.written.len()), 1);
}

#[tokio::test]
async fn an_end_that_is_stored_but_not_heard_of_stops_nothing() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let store = daemon.store.clone();
    node.tell(|inner| inner.on_write = Some(Box::new(move || store.leave_a_change_unheard())));
    assert!(matches!(daemon.turn().await, Err(CycleError::Store(_))));
    node.tell(|inner| inner.on_write = None);
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!(daemon.outcomes(), [Stage::Confirmed]);
}

#[tokio::test]
async fn an_unsynced_node_is_read_and_not_written_to() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.unsynced = true);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    assert!(node.tell(|inner| inner.written.is_empty()));
    let held = daemon.store.decisions().last().map(|d| d.verdict);
    let reason = Hold::NodeNotReady;
    assert_eq!(held, Some(Verdict::Hold { reason }));
    node.tell(|inner| inner.unsynced = false);
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!(node.ppm(1), 900);
}

#[tokio::test]
async fn a_stop_begins_no_write() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let stop = CancellationToken::new();
    stop.cancel();
    daemon.turn_until(&stop).await.expect("a good cycle");
    assert!(node.tell(|inner| inner.written.is_empty()));
}

#[tokio::test]
async fn a_node_that_is_down_costs_a_turn_and_nothing_else() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    node.tell(|inner| inner.down = true);
    assert!(matches!(daemon.turn().await, Err(CycleError::Node(_))));
    node.tell(|inner| inner.down = false);
    daemon.turn().await.expect("a good cycle");
    assert_eq!(node.ppm(1), 900);
}

/// The forwards in the store, in the order of settling.
async fn stored(daemon: &Daemon) -> Vec<Timestamp> {
    let stored = daemon
        .store
        .forwards_after(0, u32::MAX)
        .await
        .expect("a good store");
    let mut settled: Vec<_> = stored.iter().map(|s| s.forward.settled_at).collect();
    settled.sort();
    settled
}

#[tokio::test]
async fn each_forward_is_read_once_over_pages_and_restarts() {
    let node = FakeNode::with_channels(2);
    let start = node.now().minus(HOUR * 24);
    // Two and a half pages, most of them within a single second.
    let all: Vec<Forward> = (0..PAGE_EVENTS * 5 / 2)
        .map(|n| match n {
            0..100 => start.plus(Duration::from_secs(u64::from(n))),
            n => start.plus(Duration::from_secs(200) + Duration::from_nanos(u64::from(n))),
        })
        .map(|at| forward(at, scid(1), scid(2)))
        .collect();
    node.tell(|inner| inner.forwards = all.clone());
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    let mut daemon = daemon.restart("").await;
    later(&node, MINUTE * 5);
    let newest = forward(node.now(), scid(2), scid(1));
    node.tell(|inner| inner.forwards.push(newest));
    daemon.turn().await.expect("a good cycle");
    let mut expected: Vec<_> = all.iter().map(|f| f.settled_at).collect();
    expected.push(newest.settled_at);
    assert_eq!(stored(&daemon).await, expected);
}

#[tokio::test]
async fn a_forward_that_is_appended_late_is_not_missed() {
    let node = FakeNode::with_channels(2);
    let now = node.now();
    node.tell(|inner| inner.forwards = vec![forward(now, scid(1), scid(2))]);
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    let late = forward(now.minus(MINUTE * 5), scid(1), scid(2));
    node.tell(|inner| inner.forwards.insert(0, late));
    daemon.turn().await.expect("a good cycle");
    assert_eq!(stored(&daemon).await, [late.settled_at, now]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_no_forward() {
    let node = FakeNode::with_channels(2);
    let now = node.now();
    node.tell(|inner| inner.forwards = vec![forward(now, scid(1), scid(2))]);
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    let earlier = now.minus(HOUR * 24);
    node.tell(|inner| {
        inner.now = earlier.plus(MINUTE);
        inner.forwards.insert(0, forward(earlier, scid(1), scid(2)));
    });
    daemon.turn().await.expect("a good cycle");
    assert_eq!(stored(&daemon).await, [earlier, now]);
}

#[tokio::test]
async fn a_purge_on_the_node_loses_nothing_already_read() {
    let node = FakeNode::with_channels(2);
    let at = |hours| node.now().minus(HOUR * hours);
    let (old, new) = (
        forward(at(20), scid(1), scid(2)),
        forward(at(1), scid(1), scid(2)),
    );
    node.tell(|inner| inner.forwards = vec![old]);
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    node.tell(|inner| inner.forwards = vec![new]);
    daemon.turn().await.expect("a good cycle");
    assert_eq!(stored(&daemon).await, [old.settled_at, new.settled_at]);
}

#[tokio::test]
async fn in_the_steady_state_history_is_one_call() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    node.tell(|inner| inner.pages.clear());
    daemon.run(HOUR, MINUTE * 5).await;
    assert_eq!(node.tell(|inner| inner.pages.len()), 12);
}

#[tokio::test]
async fn downtime_changes_no_rate() {
    const CLASSIC: &str = "[defaults]\nlaw = \"classic\"\n";
    let node = FakeNode::with_channels(1);
    let tpm = |daemon: &Daemon| {
        let last = daemon.store.decisions().last().map(|d| d.evidence);
        last.map(|seen| (seen.tpm, seen.tpm_history))
            .expect("a decision")
    };
    let forwards: Vec<Forward> = (0..48)
        .map(|n| forward(node.now().plus(HOUR * n), Scid(9), scid(1)))
        .collect();
    let start = node.now();

    node.tell(|inner| inner.forwards = forwards.clone());
    let mut always_up = Daemon::on(&node, CLASSIC).await;
    always_up.run(HOUR * 50, MINUTE * 30).await;

    node.tell(|inner| inner.now = start);
    let mut mostly_down = Daemon::on(&node, CLASSIC).await;
    mostly_down.run(MINUTE * 30, MINUTE * 30).await;
    later(&node, HOUR * 50 - MINUTE * 30);
    let mut mostly_down = mostly_down.restart(CLASSIC).await;
    mostly_down.turn().await.expect("a good cycle");

    let (a, b) = (tpm(&always_up), tpm(&mostly_down));
    assert!(
        (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9,
        "{a:?} {b:?}"
    );
    assert!(a.0 > 0.0);
}

#[tokio::test]
async fn other_time_constants_count_all_history_afresh() {
    let node = FakeNode::with_channels(1);
    let now = node.now();
    node.tell(|inner| {
        inner.forwards = (1..=200)
            .rev()
            .map(|n| forward(now.minus(HOUR * n), Scid(9), scid(1)))
            .collect();
    });
    let tpm = |daemon: &Daemon| {
        daemon
            .store
            .decisions()
            .last()
            .map(|d| d.evidence.tpm)
            .expect("a decision")
    };
    let slower = "[defaults]\nlaw = \"classic\"\n[rhythm]\ntpm_window = \"5d\"\n";
    let mut fresh = Daemon::on(&node, slower).await;
    fresh.turn().await.expect("a good cycle");

    let mut changed = Daemon::on(&node, "[defaults]\nlaw = \"classic\"\n").await;
    changed.turn().await.expect("a good cycle");
    assert!(tpm(&changed) != tpm(&fresh));
    let mut changed = changed.restart(slower).await;
    later(&node, HOUR);
    changed.turn().await.expect("a good cycle");
    fresh.turn().await.expect("a good cycle");
    assert!((tpm(&changed) - tpm(&fresh)).abs() < 1e-12);
}

#[tokio::test]
async fn a_node_that_cannot_list_closed_channels_is_managed_all_the_same() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.closed_fails = true);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let cycle = daemon.turn().await.expect("a good cycle");
    assert_eq!((cycle.changed, node.ppm(1)), (1, 900));
}

#[tokio::test]
async fn old_forwards_of_closed_channels_are_named() {
    let node = FakeNode::with_channels(1);
    let closed = ClosedChannel {
        point: point(99),
        scids: vec![scid(99)],
        close_type: CloseType::Cooperative,
    };
    node.tell(|inner| inner.closed = vec![closed]);
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    let loaded = daemon.store.load().await.expect("a good store");
    assert_eq!(loaded.engine.resolve(scid(99)), Some(point(99)));
}

#[tokio::test]
async fn a_fee_set_by_hand_is_not_ours_to_change() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!(node.ppm(1), 900);
    let by_hand = FeeParts {
        outbound: FeePpm(5),
        ..node.policy_of(1).fees
    };
    node.set_fees(1, by_hand);
    daemon.run(HOUR * 47, MINUTE * 30).await;
    assert_eq!(node.ppm(1), 5);
}

#[tokio::test]
async fn another_node_at_the_same_address_is_never_written_to() {
    for asked in 1..=2 {
        let node = FakeNode::with_channels(1);
        let mut daemon = Daemon::on(&node, "").await;
        daemon.turn().await.expect("a good cycle");
        let mut daemon = daemon.restart(PINNED).await;
        node.tell(|inner| inner.swapped_after = Some(asked - 1));
        later(&node, HOUR * 2);
        let refused = daemon.turn().await.expect_err("another node");
        assert!(matches!(refused, CycleError::Store(_)), "{refused}");
        assert!(node.tell(|inner| inner.written.is_empty()));
        assert_eq!(daemon.outcomes(), [], "nothing was even intended");
    }
}

#[tokio::test]
async fn closed_channels_that_could_not_be_listed_are_asked_for_again() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| {
        inner.closed_fails = true;
        inner.closed = vec![ClosedChannel {
            point: point(99),
            scids: vec![scid(99)],
            close_type: CloseType::Cooperative,
        }];
    });
    let mut daemon = Daemon::on(&node, "").await;
    daemon.turn().await.expect("a good cycle");
    node.tell(|inner| inner.closed_fails = false);
    let known = async |daemon: &Daemon| {
        let loaded = daemon.store.load().await.expect("a good store");
        loaded.engine.resolve(scid(99))
    };
    daemon.run(MINUTE * 50, MINUTE * 5).await;
    assert_eq!(known(&daemon).await, None, "not each cycle");
    daemon.run(MINUTE * 15, MINUTE * 5).await;
    assert_eq!(known(&daemon).await, Some(point(99)));
}
