//! The whole daemon as a process, beside a fake LND over real TLS and gRPC.

#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "all of this is test code, where a panic is the report"
)]

#[cfg(feature = "alarm")]
mod alarms;
mod bookkeeping;
mod chain_fees;
mod check;
#[cfg(feature = "lab")]
mod clock;
mod database;
mod hostile_text;
mod import;
mod odd_records;
mod own_nodes;
mod peers;
mod running;
mod several;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "web")]
mod web;

use std::time::{Duration, Instant};

use running::{Running, until};
use support::{FakeLnd, OnUpdate, ScriptedChannel, World, forward};
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::{UpdateFailure, WalletState};

const PINNED: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 900\n";
const CONFIRMED: Stage = Stage::Confirmed;

fn node(channels: u8) -> FakeLnd {
    FakeLnd::start(World::new((1..=channels).map(ScriptedChannel::new)))
}

fn ppm(node: &FakeLnd, n: u8) -> i64 {
    node.world().channel(n).policy().fee_rate_milli_msat
}

/// Sets a rate without a base fee, as the daemon would.
fn set_fee(node: &FakeLnd, n: u8, ppm: i64) {
    let mut world = node.world();
    let edge = world.channel(n).edge.as_mut().expect("an edge");
    let policy = edge.node1_policy.as_mut().expect("our policy");
    (policy.fee_rate_milli_msat, policy.fee_base_msat) = (ppm, 0);
}

async fn until_ppm(node: &FakeLnd, n: u8, wanted: i64) {
    until(&format!("channel {n} at {wanted} ppm"), async || {
        ppm(node, n) == wanted
    })
    .await;
}

#[tokio::test]
async fn a_locked_wallet_is_waited_for_patiently() {
    let node = node(1);
    node.world().set_state(WalletState::Locked);
    let daemon = Running::start(&node, PINNED);
    daemon.logs("unlock it").await;
    assert!(node.world().updates.is_empty());
    node.world().set_state(WalletState::ServerActive);
    until_ppm(&node, 1, 900).await;
    daemon.logs("fee changed").await;
}

#[tokio::test]
async fn health_is_good_while_a_daemon_works_or_waits_and_else_bad() {
    let node = node(1);
    node.world().set_state(WalletState::Locked);
    let mut daemon = Running::start(&node, PINNED);
    let says = |daemon: &Running| daemon.says(&["health"]);
    until("it waits", async || {
        says(&daemon).starts_with("OK, and waits:")
    })
    .await;
    node.world().set_state(WalletState::ServerActive);
    until("a good health", async || {
        says(&daemon).starts_with("OK: last cycle")
    })
    .await;
    daemon.signal("TERM");
    daemon.ended().await;
    let says = says(&daemon);
    assert_eq!(says, "sweetspot: no daemon runs on this database\n");
}

#[tokio::test]
async fn a_first_start_sums_up_and_warns_of_nothing() {
    let node = node(20);
    let daemon = Running::start(&node, "[defaults]\nmode = \"manage\"\n");
    daemon.logs("daily report").await;
    let log = daemon.log();
    for part in [
        "first cycle done",
        "channels=20 managed=20",
        "each at a minute of its own",
        "yesterday_sat=",
        "waits=\"paced 20\"",
    ] {
        assert!(log.contains(part), "no {part} in\n{log}");
    }
    assert!(!log.contains("WARN"), "{log}");
    assert!(node.world().updates.is_empty());
    let status = daemon.says(&["status"]);
    assert!(status.contains("daemon: running"), "{status}");
    assert!(status.contains("node:   answers since"), "{status}");
}

#[tokio::test]
async fn observing_shows_the_whole_proposal_after_the_first_cycle() {
    let node = node(3);
    let daemon = Running::prepare(&node, "[defaults]\nmode = \"manage\"\n");
    let proposal = std::fs::File::create(daemon.path("plan")).expect("a file");
    let mut command = daemon.command(&["--observe"]);
    command.stdout(proposal).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("it runs");
    until("the proposal", async || {
        let shown = std::fs::read_to_string(daemon.path("plan"));
        shown.is_ok_and(|shown| shown.contains("3 of 3 fees would move"))
    })
    .await;
    let checked = daemon.says(&["check", "--plan"]);
    assert!(checked.contains("fees would move"), "{checked}");
    child.kill().expect("it dies");
    child.wait().expect("it ends");
    assert!(node.world().updates.is_empty());
}

#[tokio::test]
async fn a_node_that_dies_in_the_middle_of_a_write_is_ridden_through() {
    let mut node = node(1);
    node.world().on_update = OnUpdate::ApplyAndHang;
    let daemon = Running::start(&node, PINNED);
    until("a write in flight", async || {
        !node.world().updates.is_empty()
    })
    .await;
    node.kill();
    daemon.logs("unconfirmed").await;
    assert_eq!(daemon.last_outcomes().await, [Stage::Intended]);
    node.world().on_update = OnUpdate::Apply;
    node.restart().await;
    daemon.logs("unconfirmed fee update was applied").await;
    until("it is recorded", async || {
        daemon.last_outcomes().await == [CONFIRMED]
    })
    .await;
    assert_eq!(node.world().updates.len(), 1);
}

#[tokio::test]
async fn a_replaced_certificate_heals_without_a_restart() {
    let mut node = node(1);
    let daemon = Running::start(&node, "");
    daemon.logs("connected to the node").await;
    node.renew_certificate();
    node.restart().await;
    daemon.logs("certificate").await;
    let reads = node.world().count("ListChannels");
    node.publish_certificate();
    until("read again", async || {
        node.world().count("ListChannels") > reads
    })
    .await;
}

#[tokio::test]
async fn a_failure_inside_an_ok_reply_is_a_refusal() {
    let node = node(1);
    node.world().on_update = OnUpdate::Fail(UpdateFailure::InvalidParameter, "min_htlc too small");
    let daemon = Running::start(&node, PINNED);
    daemon.logs("min_htlc too small").await;
    until("it is recorded", async || {
        daemon.last_outcomes().await == [Stage::Refused]
    })
    .await;
    assert_eq!(ppm(&node, 1), 1);
}

#[tokio::test]
async fn a_missing_edge_stops_no_other_channel() {
    let node = node(2);
    node.world().channel(1).edge = None;
    let _daemon = Running::start(&node, PINNED);
    until_ppm(&node, 2, 900).await;
    let only_second = |update: &sweetspot_lnd::proto::PolicyUpdateRequest| {
        format!("{update:?}").contains("202020")
    };
    assert!(
        node.world().updates.iter().all(only_second),
        "{:?}",
        node.world().updates
    );
}

#[tokio::test]
async fn forwards_by_every_alias_of_a_zero_conf_channel_count_as_its_own() {
    let alias = 16_000_000 << 40;
    let mut channel = ScriptedChannel::new(1);
    let confirmed = channel.said.chan_id;
    channel.said.chan_id = alias;
    channel.said.alias_scids = vec![alias];
    channel.said.zero_conf_confirmed_scid = confirmed;
    let node = FakeLnd::start(World::new([channel]));
    let now = sweetspot_now();
    node.world().forwards = vec![
        forward(now - 2_000, alias, 7),
        forward(now - 1_000, 7, confirmed),
    ];
    let daemon = Running::start(&node, "");
    daemon.logs("connected to the node").await;
    until("both are counted", async || {
        let ledger = daemon.reader().await.ledger(Timestamp::EPOCH, FAR).await;
        let ledger = ledger.unwrap_or_default();
        ledger
            .channels
            .values()
            .map(|f| f.incoming.count + f.outgoing.count)
            .sum::<u64>()
            == 2
    })
    .await;
}

const FAR: Timestamp = Timestamp::from_nanos(i64::MAX);

/// Now, in nanoseconds.
fn sweetspot_now() -> u64 {
    use sweetspot_core::ports::Clock;
    let now = sweetspot::daemon::clock::SystemClock.now().nanos();
    u64::try_from(now).expect("after 1970")
}

#[tokio::test]
async fn a_hundred_thousand_forwards_are_read_once_though_many_share_a_second() {
    let node = node(2);
    let (one, two) = {
        let mut world = node.world();
        (world.channel(1).said.chan_id, world.channel(2).said.chan_id)
    };
    let start = sweetspot_now() - 40 * 86_400 * 1_000_000_000;
    // Seconds with one forward, and seconds with more than a page of them.
    let at = |n: u64| start + n / 12_000 * 3_600 * 1_000_000_000 + n;
    node.world().forwards = (0..100_000).map(|n| forward(at(n), one, two)).collect();
    let mut daemon = Running::start(&node, "");
    daemon.logs("reading forwarding history").await;
    let count = async || {
        let total = daemon.reader().await.total(Timestamp::EPOCH, FAR).await;
        total.map(|total| total.count).unwrap_or(0)
    };
    until("all are stored", async || count().await == 100_000).await;
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    daemon.launch(&[]);
    let pages = node.world().count("ForwardingHistory");
    until("read again", async || {
        node.world().count("ForwardingHistory") > pages + 1
    })
    .await;
    let total = daemon.reader().await.total(Timestamp::EPOCH, FAR).await;
    assert_eq!(total.map(|total| total.count).ok(), Some(100_000));
}

#[tokio::test]
async fn a_kill_between_intent_and_write_leaves_nothing_wrong() {
    let node = node(1);
    node.world().on_update = OnUpdate::Hang;
    let mut daemon = Running::start(&node, PINNED);
    until("a write in flight", async || {
        !node.world().updates.is_empty()
    })
    .await;
    assert_eq!(daemon.last_outcomes().await, [Stage::Intended]);
    daemon.signal("KILL");
    daemon.ended().await;
    // The node does it after all, when nobody waits any more.
    node.world().on_update = OnUpdate::Apply;
    set_fee(&node, 1, 900);
    daemon.launch(&[]);
    daemon.logs("unconfirmed fee update was applied").await;
    until("it is recorded", async || {
        daemon.last_outcomes().await == [CONFIRMED]
    })
    .await;
    assert_eq!(node.world().updates.len(), 1);
}

#[tokio::test]
async fn a_stop_lets_a_write_finish_but_not_for_ever() {
    let node = node(1);
    node.world().on_update = OnUpdate::Hang;
    let mut daemon = Running::start(&node, PINNED);
    until("a write in flight", async || {
        !node.world().updates.is_empty()
    })
    .await;
    let asked = Instant::now();
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    assert!(asked.elapsed() < Duration::from_secs(15));
    daemon.logs("the next start checks").await;
}

#[tokio::test]
async fn observing_writes_nothing() {
    let node = node(1);
    let mut daemon = Running::prepare(&node, PINNED);
    daemon.launch(&["--observe"]);
    daemon
        .logs("from_base_fee_msat=1000 to_base_fee_msat=0")
        .await;
    until("three reads", async || {
        node.world().count("ListChannels") > 3
    })
    .await;
    assert!(node.world().updates.is_empty());
    daemon.signal("INT");
    assert!(daemon.ended().await.success());
}

#[tokio::test]
async fn settings_are_reloaded_if_they_are_good() {
    let node = node(1);
    let daemon = Running::start(&node, "");
    daemon.logs("connected to the node").await;
    daemon.set(&node, "[defaults]\nmode = \"pi\"\n");
    daemon.signal("HUP");
    daemon.logs("keeping the old config").await;
    daemon.logs("defaults.mode").await;
    daemon.set(&node, "[defaults]\nmode = \"pin\"\npin_ppm = 321\n");
    daemon.signal("HUP");
    daemon.logs("defaults.pin_ppm: unset").await;
    until_ppm(&node, 1, 321).await;
}

#[tokio::test]
async fn two_daemons_do_not_share_a_database() {
    let node = node(1);
    let daemon = Running::start(&node, "");
    daemon.logs("connected to the node").await;
    let second = daemon.command(&[]).output().expect("it runs");
    assert_eq!(second.status.code(), Some(74));
    let said = String::from_utf8(second.stderr).expect("text");
    assert!(said.contains("another sweetspot"), "{said}");
}
