//! One odd record, or one call that fails, beside a daemon that goes on.

use sweetspot_lnd::proto::ForwardingEvent;

use super::{PINNED, node, sweetspot_now, until_ppm};
use crate::running::{Running, until};
use crate::support::{FakeLnd, ScriptedChannel, World, forward};

#[tokio::test]
async fn an_impossible_forward_is_told_once_over_restarts_and_shown() {
    let node = node(1);
    let now = sweetspot_now();
    let odd = ForwardingEvent {
        fee_msat: u64::MAX - 7,
        ..forward(now - 2_000_000_000, 7, 8)
    };
    node.world().forwards = vec![
        forward(now - 3_000_000_000, 7, 8),
        odd,
        ForwardingEvent {
            amt_in_msat: 1 << 63,
            ..forward(now - 1_000_000_000, 7, 8)
        },
        forward(now - 1_000_000, 7, 8),
    ];
    let mut daemon = Running::start(&node, PINNED);
    until_ppm(&node, 1, 900).await;
    daemon.logs("impossible forwards quarantined").await;
    daemon.signal("TERM");
    daemon.ended().await;
    daemon.launch(&[]);
    let reads = node.world().count("ForwardingHistory");
    until("read again", async || {
        node.world().count("ForwardingHistory") > reads + 2
    })
    .await;
    let told = daemon.log();
    assert_eq!(told.matches("forwards quarantined").count(), 1, "{told}");
    let status = daemon.says(&["status"]);
    assert!(status.contains("forwards"), "{status}");
    assert!(
        status.contains("2 impossible forwards quarantined"),
        "{status}"
    );
    let status = daemon.says(&["status", "--json"]);
    assert!(status.contains("\"quarantined_forwards\": 2"), "{status}");
}

#[tokio::test]
async fn a_policy_call_that_fails_is_told_of_its_channel_and_stops_no_other() {
    let mut odd = ScriptedChannel::private(1);
    odd.unreadable = Some("strange disk noises");
    let node = FakeLnd::start(World::new([odd, ScriptedChannel::new(2)]));
    let settings = "[defaults]\nmode = \"pin\"\npin_ppm = 900\n\
                    [[rule]]\nmatch.private = true\nmode = \"pin\"\npin_ppm = 900\n";
    let daemon = Running::start(&node, settings);
    until_ppm(&node, 2, 900).await;
    daemon.logs("GetChanInfo: strange disk noises").await;
    let reads = node.world().count("ListChannels");
    until("read again", async || {
        node.world().count("ListChannels") > reads + 2
    })
    .await;
    let told = daemon.log();
    assert_eq!(told.matches("strange disk").count(), 1, "{told}");
    assert!(told.contains("800001x1x0"), "{told}");
    let status = daemon.says(&["status"]);
    assert!(
        status.contains("policy could not be read (GetChanInfo: strange disk noises)"),
        "{status}"
    );
    let check = daemon.says(&["check"]);
    assert!(
        check.contains("800001x1x0 (peer-1) is left alone"),
        "{check}"
    );
    node.world().channel(1).unreadable = None;
    daemon.logs("policy can be read again").await;
}

#[tokio::test]
async fn a_call_for_all_policies_that_fails_is_made_up_for_channel_by_channel() {
    let node = node(2);
    node.world()
        .failing
        .insert("GetNodeInfo", "strange disk noises");
    let _daemon = Running::start(&node, PINNED);
    until_ppm(&node, 1, 900).await;
    until_ppm(&node, 2, 900).await;
}

#[tokio::test]
async fn an_own_policy_that_makes_no_sense_is_told_once() {
    let node = node(2);
    {
        let mut world = node.world();
        let edge = world.channel(1).edge.as_mut().expect("an edge");
        edge.node1_policy.as_mut().expect("ours").fee_base_msat = -1;
    }
    let daemon = Running::start(&node, PINNED);
    until_ppm(&node, 2, 900).await;
    let reads = node.world().count("ListChannels");
    until("read again", async || {
        node.world().count("ListChannels") > reads + 2
    })
    .await;
    let told = daemon.log();
    assert_eq!(told.matches("base fee in msat is -1").count(), 1, "{told}");
    let status = daemon.says(&["status"]);
    assert!(status.contains("its base fee in msat is -1"), "{status}");
}

#[tokio::test]
async fn check_tries_every_call_that_the_daemon_makes() {
    let node = node(1);
    let check = |node: &FakeLnd| Running::prepare(node, PINNED).says(&["check"]);
    let good = check(&node);
    assert!(!good.contains("disk noises"), "{good}");
    for call in [
        "GetInfo",
        "ListChannels",
        "GetChanInfo",
        "ForwardingHistory",
        "ClosedChannels",
    ] {
        node.world().failing.clear();
        node.world().failing.insert(call, "strange disk noises");
        let said = check(&node);
        assert!(
            said.contains(&format!("{call}: strange disk noises")),
            "{call}: {said}"
        );
    }
    node.world().failing.clear();
    let calls = node.world().calls.clone();
    for call in [
        "GetNodeInfo",
        "GetState",
        "GetChanInfo",
        "ForwardingHistory",
        "ClosedChannels",
    ] {
        assert!(calls.contains_key(call), "{call} in {calls:?}");
    }
}
