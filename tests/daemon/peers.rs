//! The daemon keeps each peer's record, and rules go by what peers did.

use super::running::{Running, until};
use super::support::{FakeLnd, peer_key, point};
use super::{node, ppm};
use sweetspot_lnd::proto::channel_close_summary::ClosureType;
use sweetspot_lnd::proto::{ChannelCloseSummary, Initiator};

const RULE: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 900\n\
    [[rule]]\nmatch.record = [\"force_closed\"]\nmode = \"pin\"\npin_ppm = 2500\n";

fn forced(node: &FakeLnd, n: u8, peer: u8) {
    let end = ChannelCloseSummary {
        channel_point: point(n),
        remote_pubkey: peer_key(peer),
        capacity: 500_000,
        close_type: ClosureType::RemoteForceClose.into(),
        open_initiator: Initiator::Local.into(),
        close_initiator: Initiator::Remote.into(),
        ..Default::default()
    };
    node.world().closed.push(end);
}

fn peers(daemon: &Running) -> Vec<serde_json::Value> {
    let said = daemon.says(&["peers", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    said["peers"].as_array().expect("a list").clone()
}

fn record(daemon: &Running, n: u8) -> serde_json::Value {
    let lines = peers(daemon);
    let line = lines.iter().find(|line| line["peer_pubkey"] == peer_key(n));
    line.expect("a peer")["record"].clone()
}

#[tokio::test]
async fn a_force_close_stays_in_the_record_and_a_rule_goes_by_it() {
    let node = node(2);
    forced(&node, 9, 1);
    let mut daemon = Running::start(&node, RULE);
    until("both are pinned", async || {
        (ppm(&node, 1), ppm(&node, 2)) == (2_500, 900)
    })
    .await;
    // The first peer changes its fees; the second is away for a while.
    let reads = node.world().count("ListChannels");
    {
        let mut world = node.world();
        let edge = world.channel(1).edge.as_mut().expect("an edge");
        edge.node2_policy
            .as_mut()
            .expect("a policy")
            .fee_rate_milli_msat = 77;
        world.channel(2).said.active = false;
    }
    until("two more cycles", async || {
        node.world().count("ListChannels") > reads + 1
    })
    .await;
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    let first = record(&daemon, 1);
    assert_eq!(
        first["marks"],
        serde_json::json!(["force_closed"]),
        "{first}"
    );
    assert_eq!(first["ended"]["force_closed_by_peer"], 1);
    assert_eq!(first["ended"]["opened_by_us"], 1);
    assert_eq!(first["policy_changes"], 1);
    assert_eq!(first["open_by_peer"], 1);
    let second = record(&daemon, 2);
    assert_eq!(second["marks"], serde_json::json!([]));
    assert_eq!(second["flaps"], 1, "{second}");
    let text = daemon.says(&["peers"]);
    assert!(
        text.contains("peer-1") && text.contains("docs/peers.md"),
        "{text}"
    );
    let prune = daemon.says(&["prune"]);
    assert!(prune.contains("the peer force closed once"), "{prune}");
}

#[tokio::test]
async fn without_the_list_of_ended_channels_no_fee_is_set_where_a_rule_goes_by_it() {
    let node = node(1);
    node.world().failing.insert("ClosedChannels", "not now");
    let daemon = Running::start(&node, RULE);
    daemon.logs("not now").await;
    assert_eq!(node.world().updates.len(), 0);
    let careless = Running::start(&node, super::PINNED);
    careless.logs("cannot list ended channels").await;
    until("pinned all the same", async || ppm(&node, 1) == 900).await;
}
