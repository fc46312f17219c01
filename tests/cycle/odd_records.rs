//! One odd record stops nothing but itself.

use sweetspot_core::ports::HistoryCursor;
use sweetspot_core::types::raw_forward::RawForward;

use super::*;

/// A record of `secs` ago that would be a good one.
fn record(node: &FakeNode, secs: u64) -> RawForward {
    let at = node.now().minus(Duration::from_secs(secs));
    RawForward {
        settled_at_nanos: at.nanos().cast_unsigned(),
        scid_in: scid(1).0,
        scid_out: scid(2).0,
        amount_in_msat: 100_010,
        amount_out_msat: 100_000,
        fee_msat: 10,
    }
}

/// Every form of it.
fn odd_records(node: &FakeNode) -> Vec<RawForward> {
    let record = record(node, 100);
    let edge = 1 << 63;
    vec![
        RawForward {
            amount_in_msat: edge,
            ..record
        },
        RawForward {
            amount_in_msat: u64::MAX,
            amount_out_msat: u64::MAX,
            ..record
        },
        RawForward {
            amount_out_msat: edge,
            ..record
        },
        RawForward {
            fee_msat: 0_u64.wrapping_sub(10),
            ..record
        },
        RawForward {
            amount_out_msat: record.amount_in_msat + 1,
            ..record
        },
        RawForward {
            settled_at_nanos: 0,
            ..record
        },
        RawForward {
            settled_at_nanos: edge,
            ..record
        },
        RawForward {
            settled_at_nanos: u64::MAX,
            ..record
        },
    ]
}

async fn cursor(daemon: &Daemon) -> HistoryCursor {
    let loaded = daemon.store.load().await.expect("a good store");
    loaded.cursor.expect("history was read")
}

#[tokio::test]
async fn a_forward_that_cannot_be_one_is_kept_aside_and_the_cycle_goes_on() {
    let node = FakeNode::with_channels(2);
    for odd in odd_records(&node) {
        let mut daemon = Daemon::on(&node, PINNED).await;
        let good = forward(node.now().minus(MINUTE), scid(1), scid(2));
        node.tell(|inner| {
            inner.odd = vec![odd];
            inner.forwards = vec![good];
        });
        daemon.turn().await.expect("a good cycle");
        let kept: Vec<_> = daemon.store.odd_forwards();
        assert_eq!(kept.len(), 1, "{odd:?}");
        assert_eq!(kept[0].raw, odd);
        let counted = daemon.store.forwards_after(0, 10).await.expect("reads");
        assert_eq!(counted.len(), 1, "{odd:?}");
        daemon.turn().await.expect("another good cycle");
        assert_eq!(daemon.store.odd_forwards().len(), 1, "{odd:?}");
    }
    assert_eq!(node.ppm(1), 900);
}

#[tokio::test]
async fn history_moves_past_a_page_full_of_what_cannot_be() {
    let node = FakeNode::with_channels(2);
    let mut daemon = Daemon::on(&node, "").await;
    let odd = |n: u64| RawForward {
        fee_msat: u64::MAX - n,
        ..record(&node, 100)
    };
    let last = RawForward {
        scid_in: 77,
        ..record(&node, 50)
    };
    let mut records: Vec<_> = (0..u64::from(PAGE_EVENTS) + 10).map(odd).collect();
    records.push(last);
    node.tell(|inner| inner.odd = records);
    daemon.turn().await.expect("a good cycle");
    let kept = daemon.store.odd_forwards().len();
    assert_eq!(kept, PAGE_EVENTS as usize + 10);
    let counted = daemon.store.forwards_after(0, 10).await.expect("reads");
    assert_eq!(counted.len(), 1);
    assert_eq!(cursor(&daemon).await.through, counted[0].forward.settled_at);
}

#[tokio::test]
async fn a_time_that_cannot_be_moves_history_nowhere() {
    let node = FakeNode::with_channels(2);
    let mut daemon = Daemon::on(&node, "").await;
    let (first, second) = (record(&node, 0), node.now());
    node.tell(|inner| {
        inner.odd = vec![RawForward {
            settled_at_nanos: u64::MAX,
            ..first
        }];
        inner.forwards = vec![forward(second.minus(HOUR), scid(1), scid(2))];
    });
    daemon.turn().await.expect("a good cycle");
    assert_eq!(cursor(&daemon).await.through, second.minus(HOUR));
    // What settles later is still read.
    let late = forward(second.minus(MINUTE), scid(1), scid(2));
    node.tell(|inner| inner.forwards.push(late));
    daemon.turn().await.expect("a good cycle");
    let counted = daemon.store.forwards_after(0, 10).await.expect("reads");
    assert_eq!(counted.len(), 2);
}

#[tokio::test]
async fn a_channel_whose_policy_cannot_be_read_is_left_alone_by_itself() {
    let node = FakeNode::with_channels(2);
    node.tell(|inner| {
        let channel = inner.channels.get_mut(&point(1)).expect("a channel");
        channel.policy_error = Some("GetChanInfo: odd".into());
    });
    let mut daemon = Daemon::on(&node, PINNED).await;
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, node.ppm(1), node.ppm(2)), (1, 100, 900));
    let held = daemon.store.decisions();
    let reasons: Vec<_> = held.iter().map(|decision| decision.verdict).collect();
    let unread = Verdict::Hold {
        reason: Hold::PolicyUnread,
    };
    assert!(reasons.contains(&unread), "{reasons:?}");
}

#[tokio::test]
async fn a_fresh_read_that_fails_for_one_channel_costs_no_other_its_update() {
    let node = FakeNode::with_channels(3);
    node.tell(|inner| inner.unreadable = [point(1)].into());
    let mut daemon = Daemon::on(&node, PINNED).await;
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, turn.failed), (2, 1));
    assert_eq!(daemon.outcomes()[0], Stage::NotSent);
    assert_eq!((node.ppm(2), node.ppm(3)), (900, 900));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_stops_neither_pins_nor_the_daemon() {
    let node = FakeNode::with_channels(1);
    let error = NodeError::Other("ForwardingHistory: odd".into());
    node.tell(|inner| inner.history_fails = Some(error));
    let mut daemon = Daemon::on(&node, PINNED).await;
    let turn = daemon.turn().await.expect("a good cycle");
    assert_eq!((turn.changed, node.ppm(1)), (1, 900));
    let managed = "[defaults]\nmode = \"manage\"\nmin_ppm = 2000\n";
    let mut daemon = daemon.restart(managed).await;
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 900);
    let last = daemon.store.decisions().pop().expect("a decision");
    let reason = Hold::HistoryUnread;
    assert_eq!(last.verdict, Verdict::Hold { reason });
    node.tell(|inner| inner.history_fails = None);
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 2_000);
}

#[tokio::test]
async fn a_node_that_goes_away_while_history_is_read_costs_the_cycle() {
    let node = FakeNode::with_channels(1);
    let error = NodeError::Unreachable("gone".into());
    node.tell(|inner| inner.history_fails = Some(error.clone()));
    let mut daemon = Daemon::on(&node, PINNED).await;
    let failed = daemon.turn().await.expect_err("the node is away");
    assert!(matches!(failed, CycleError::Node(said) if said == error));
}

#[tokio::test]
async fn a_node_that_repeats_one_full_page_is_not_asked_for_ever() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.repeats = true);
    let mut daemon = Daemon::on(&node, PINNED).await;
    let cycle = daemon.turn().await.expect("a good cycle");
    assert_eq!(cycle.changed, 1, "a pin needs no history");
    assert!(node.tell(|inner| inner.pages.len()) <= 4);
    assert_eq!(stored(&daemon).await.len(), PAGE_EVENTS as usize);
    node.tell(|inner| inner.repeats = false);
    daemon.run(HOUR, MINUTE * 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_history_without_end_does_not_hold_a_cycle_longer_than_the_watchdog_waits() {
    let node = FakeNode::with_channels(1);
    node.tell(|inner| inner.endless = Some(Duration::from_secs(20)));
    let mut daemon = Daemon::on(&node, PINNED).await;
    let began = tokio::time::Instant::now();
    let cycle = daemon.turn().await.expect("a good cycle");
    assert!(began.elapsed() < MINUTE * 5, "{:?}", began.elapsed());
    assert_eq!(cycle.changed, 1, "a pin needs no history");
    assert!(
        stored(&daemon).await.len() > PAGE_EVENTS as usize,
        "what was read is kept"
    );
}
