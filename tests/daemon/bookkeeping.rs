//! The daemon keeps book of what the node paid and could not forward.

use std::time::Duration;

use super::running::{Running, until};
use super::support::{FakeLnd, OWN_KEY, peer_key, point};
use super::{node, ppm};
use sweetspot::daemon::clock::SystemClock;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::htlc_attempt::HtlcStatus;
use sweetspot_lnd::proto::routerrpc::htlc_event::{Event, EventType};
use sweetspot_lnd::proto::routerrpc::{FailureDetail, HtlcEvent, HtlcInfo, LinkFailEvent};
use sweetspot_lnd::proto::{
    ChannelCloseSummary, Hop, HtlcAttempt, Initiator, OutputDetail, Payment, Route, Transaction,
};

const KEPT: &str = "[ledger]\nrebalances = true\non_chain = true\nfailed_htlcs = true\n";

/// In the middle of yesterday.
fn yesterday() -> Timestamp {
    Timestamp::of_utc_day(SystemClock.now().utc_day() - 1).plus(Duration::from_secs(43_200))
}

fn scid(node: &FakeLnd, n: u8) -> u64 {
    node.world().channel(n).said.chan_id
}

/// 100,000 sat that went out by channel 1 and came back by channel 2, for 45 sat.
fn rebalance(node: &FakeLnd, payment_index: u64) -> Payment {
    let hop = |chan_id, pub_key: String| Hop {
        chan_id,
        amt_to_forward_msat: 100_000_000,
        pub_key,
    };
    let hops = vec![
        hop(scid(node, 1), peer_key(1)),
        hop(77, peer_key(2)),
        hop(scid(node, 2), OWN_KEY.to_owned()),
    ];
    Payment {
        creation_time_ns: yesterday().nanos(),
        payment_index,
        htlcs: vec![HtlcAttempt {
            status: HtlcStatus::Succeeded.into(),
            route: Some(Route {
                hops,
                total_fees_msat: 45_000,
            }),
            resolve_time_ns: yesterday().nanos() + i64::try_from(payment_index).expect("small"),
            attempt_id: payment_index,
        }],
    }
}

fn transaction(hash: String, total_fees: i64, outputs: &[i64]) -> Transaction {
    Transaction {
        tx_hash: hash,
        time_stamp: yesterday().secs(),
        total_fees,
        output_details: outputs
            .iter()
            .map(|amount| OutputDetail { amount: *amount })
            .collect(),
    }
}

fn refused(scid: u64) -> HtlcEvent {
    HtlcEvent {
        outgoing_channel_id: scid,
        timestamp_ns: u64::try_from(yesterday().nanos()).expect("after 1970"),
        event_type: EventType::Forward.into(),
        event: Some(Event::LinkFailEvent(LinkFailEvent {
            info: Some(HtlcInfo {
                outgoing_amt_msat: 5_000_000,
                ..Default::default()
            }),
            failure_detail: FailureDetail::InsufficientBalance.into(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn json(daemon: &Running, args: &[&str]) -> serde_json::Value {
    let said = daemon.says(args);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test]
async fn what_was_paid_and_not_served_is_reported_and_holds_a_measured_floor() {
    let node = node(2);
    let payments = (1..=3).map(|n| rebalance(&node, n)).collect();
    {
        let mut world = node.world();
        world.payments = payments;
        world.channel(1).said.initiator = true;
        world.closed = vec![ChannelCloseSummary {
            channel_point: point(9),
            closing_tx_hash: "c1".to_owned(),
            capacity: 50_000,
            open_initiator: Initiator::Local.into(),
            ..Default::default()
        }];
        let funding = |n| point(n).split(':').next().expect("a hash").to_owned();
        world.transactions = vec![
            transaction(funding(1), 700, &[]),
            transaction(funding(2), 800, &[]),
            transaction("c1".to_owned(), 0, &[30_000, 19_600]),
        ];
    }
    let settings =
        format!("[defaults]\nmode = \"manage\"\ncost = \"measured\"\nmin_ppm = 100\n{KEPT}");
    let mut daemon = Running::start(&node, &settings);
    until("payments are read", async || {
        node.world().count("GetTransactions") > 0
    })
    .await;
    until("it listens", async || {
        node.world().htlcs.receiver_count() > 0
    })
    .await;
    let (first, unknown) = (scid(&node, 1), 12_345);
    for scid in [first, first, unknown] {
        node.world().htlcs.send(refused(scid)).expect("heard");
    }
    // Two whole cycles later, all of it is counted.
    let reads = node.world().count("ListChannels");
    until("two more cycles", async || {
        node.world().count("ListChannels") > reads + 1
    })
    .await;
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    let report = json(&daemon, &["report", "--days", "2", "--json"]);
    let paid = &report["paid"];
    assert_eq!(paid["moved_msat"], 300_000_000, "{paid}");
    assert_eq!(paid["rebalance_fees_msat"], 135_000);
    assert_eq!(paid["open_fees_sat"], 700);
    assert_eq!(paid["close_fees_sat"], 400);
    assert_eq!(paid["net_msat"], -135_000 - 1_100_000);
    let channels = report["channels"].as_array().expect("a list");
    let of = |n| {
        let found = channels
            .iter()
            .find(|line| line["channel_point"] == point(n));
        found.expect("a channel").clone()
    };
    assert_eq!(of(1)["open_fee_sat"], 700);
    assert_eq!(of(2)["open_fee_sat"], serde_json::Value::Null);
    assert_eq!(of(2)["rebalance_fees_msat"], 135_000);
    assert_eq!(of(1)["failed"]["insufficient_balance"]["htlcs"], 2);
    assert_eq!(
        of(1)["failed"]["insufficient_balance"]["amount_msat"],
        10_000_000
    );
    let text = daemon.says(&["report", "--days", "2"]);
    for part in [
        "135 sat to rebalance 300,000 sat",
        "1,100 sat on the chain (700 to open, 400 to close)",
        "left      -1,235 sat",
        "HTLCs failed by this node",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    // 45 sat on 100,000 are 450 ppm: nothing lower is set from now on.
    let checked = daemon.says(&["check"]);
    assert!(checked.contains("450 (cost floor)"), "{checked}");
    assert!(ppm(&node, 2) >= 1);
}

#[tokio::test]
async fn what_the_node_does_not_tell_is_told_once_and_cycles_go_on() {
    let node = node(1);
    node.world().failing.insert("ListPayments", "no such thing");
    let daemon = Running::start(&node, &format!("[defaults]\nmode = \"manage\"\n{KEPT}"));
    daemon.logs("what rebalancing costs").await;
    let reads = node.world().count("ListChannels");
    until("two more cycles", async || {
        node.world().count("ListChannels") > reads + 1
    })
    .await;
    assert_eq!(
        daemon.log().matches("no such thing").count(),
        1,
        "{}",
        daemon.log()
    );
    let text = daemon.says(&["report"]);
    assert!(text.contains("rebalances not known"), "{text}");
    let unasked = Running::start(&node, "[defaults]\nmode = \"manage\"\n");
    unasked.logs("first cycle done").await;
    let asked = node.world().count("GetTransactions");
    assert!(asked <= 1, "only the one that was told to");
}
