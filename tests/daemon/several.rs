//! Several nodes of one config, in one process.

use serde_json::Value;

use super::running::{Running, until};
use super::support::{FakeLnd, OWN_KEY, ScriptedChannel, World, forward, peer_key};
use super::{node, ppm};

/// Alice has channels to Bob (peer 1) and to peer 2, Bob to Alice (his third) and to the
/// peers 4 and 5.
fn two() -> (FakeLnd, FakeLnd) {
    let (alice, bob) = (
        node(2),
        FakeLnd::start(World::new([3, 4, 5].map(ScriptedChannel::new))),
    );
    {
        let mut world = bob.world();
        world.pubkey = peer_key(1);
        for channel in &mut world.channels {
            let edge = channel.edge.as_mut().expect("an edge");
            edge.node1_pub = peer_key(1);
            if edge.node2_pub == peer_key(3) {
                edge.node2_pub = OWN_KEY.to_owned();
                channel.said.remote_pubkey = OWN_KEY.to_owned();
            }
        }
    }
    (alice, bob)
}

fn table(daemon: &Running, name: &str, node: &FakeLnd) -> String {
    let pubkey = &node.world().pubkey;
    format!(
        "[[node]]\nname = \"{name}\"\npubkey = \"{pubkey}\"\naddress = \"https://{}\"\n\
         tls_cert = \"{}\"\nmacaroon = \"{}\"\ndatabase = \"{}\"\n",
        node.address(),
        node.cert_path().display(),
        node.macaroon_path().display(),
        daemon.path(&format!("{name}.db")).display(),
    )
}

/// Every channel is pinned, those of Bob at a rate of their own.
fn prepare((alice, bob): (&FakeLnd, &FakeLnd)) -> Running {
    let daemon = Running::prepare(alice, "");
    let text = format!(
        "{}{}[rhythm]\nfast_interval = \"1s\"\n[defaults]\nmode = \"pin\"\npin_ppm = 900\n\
         [[rule]]\nmatch.node = \"bob\"\n\
         match.alias = [\"peer-2\", \"peer-4\", \"peer-5\"]\nmode = \"pin\"\npin_ppm = 700\n",
        table(&daemon, "alice", alice),
        table(&daemon, "bob", bob),
    );
    std::fs::write(daemon.path("config.toml"), text).expect("settings");
    daemon
}

fn json(daemon: &Running, args: &[&str]) -> Value {
    let said = daemon.says(&[args, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("no JSON: {said}"))
}

/// When the daemon of a node last tried a cycle, and whether that worked.
fn tried(daemon: &Running, name: &str) -> (Value, bool) {
    let status = json(daemon, &["status", "--node", name]);
    let state = &status["daemon"];
    (state["tried_at"].clone(), state["works"] == true)
}

#[tokio::test]
async fn one_node_dies_and_the_other_goes_on() {
    let (mut alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    daemon.launch(&[]);
    until("the rates of both", async || {
        (ppm(&alice, 2), ppm(&bob, 4)) == (900, 700)
    })
    .await;
    daemon.logs("node{name=\"alice\"}: first cycle done").await;
    daemon.logs("node{name=\"bob\"}: first cycle done").await;
    alice.kill();
    until("alice is missed", async || !tried(&daemon, "alice").1).await;
    let (before, _) = tried(&daemon, "bob");
    until("bob goes on", async || {
        let (at, works) = tried(&daemon, "bob");
        works && at != before
    })
    .await;
    daemon.signal("TERM");
    assert!(daemon.ended().await.success(), "{}", daemon.log());
}

#[tokio::test]
async fn a_channel_between_two_nodes_of_the_process_has_one_price_at_both_ends() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    daemon.launch(&[]);
    until("the price", async || {
        (ppm(&alice, 1), ppm(&bob, 3)) == (0, 0)
    })
    .await;
    until("the rest", async || {
        (ppm(&alice, 2), ppm(&bob, 4)) == (900, 700)
    })
    .await;
    daemon.logs("node{name=\"alice\"}: first cycle done").await;
    daemon.logs("node{name=\"bob\"}: first cycle done").await;
    let report = json(&daemon, &["report", "--node", "alice"]);
    assert_eq!(report["group"]["local_sat"], 2_500_000, "{report}");
}

#[tokio::test]
async fn commands_are_about_one_node_or_tell_of_all_with_the_sum() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    daemon.launch(&[]);
    daemon.logs("node{name=\"alice\"}: first cycle done").await;
    daemon.logs("node{name=\"bob\"}: first cycle done").await;

    let status = json(&daemon, &["status"]);
    let names: Vec<&Value> = [0, 1].map(|n| &status["nodes"][n]["name"]).to_vec();
    assert_eq!(names, ["alice", "bob"]);
    let channels = |n: usize| status["nodes"][n]["result"]["channels"].as_array();
    assert_eq!(channels(0).map(Vec::len), Some(2));
    assert_eq!(channels(1).map(Vec::len), Some(3));
    assert_eq!(status["together"]["local_sat"], 2_500_000);
    let text = daemon.says(&["status", "--sort", "channel"]);
    for part in ["== alice ==", "== bob ==", "2,500,000 sat local"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let report = json(&daemon, &["report", "--days", "2"]);
    assert_eq!(report["together"]["earned_msat"], 0);
    let text = daemon.says(&["report", "--days", "2"]);
    assert!(text.contains("2,500,000 sat local"), "{text}");
    let health = daemon.says(&["health"]);
    assert_eq!(health.matches("OK: last cycle").count(), 2, "{health}");
    let check = daemon.says(&["check"]);
    assert_eq!(check.matches("OK      config").count(), 2, "{check}");

    for (args, says) in [
        (&["prune"][..], "say which with --node NAME (alice, bob)"),
        (&["pause"], "say which with --node NAME (alice, bob)"),
        (
            &["status", "--node", "carol"],
            "no such node, but alice, bob",
        ),
    ] {
        let output = daemon.program().args(args).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(says), "{said}");
    }
    let said = daemon.says(&["pause", "--node", "bob"]);
    assert!(said.contains("Paused"), "{said}");
    let paused = |name: &str| json(&daemon, &["status", "--node", name])["paused"].clone();
    assert!(paused("alice").is_null() && !paused("bob").is_null());
}

/// Peer 2 has a channel to peer 4, at 10 ppm either way.
fn graph() -> String {
    let policy = r#"{"time_lock_delta": 40, "min_htlc": "1000", "fee_base_msat": "0",
        "fee_rate_milli_msat": "10", "disabled": false, "max_htlc_msat": "4900000000"}"#;
    let [two, four] = [2, 4].map(peer_key);
    format!(
        r#"{{"nodes": [{{"pub_key": "{two}", "alias": ""}}, {{"pub_key": "{four}", "alias": ""}}],
        "edges": [{{"channel_id": "7", "capacity": "5000000", "node1_pub": "{two}",
        "node2_pub": "{four}", "node1_policy": {policy}, "node2_policy": {policy}}}]}}"#
    )
}

#[tokio::test]
async fn what_one_node_has_too_much_of_comes_in_where_another_lacks_it() {
    let (alice, bob) = two();
    {
        let full = &mut alice.world().channels[1].said;
        (full.local_balance, full.remote_balance) = (900_000, 100_000);
        let mut world = bob.world();
        let empty = &mut world.channels[1].said;
        (empty.local_balance, empty.remote_balance) = (100_000, 900_000);
        let [out, by] = [1, 2].map(|n| world.channels[n].said.chan_id);
        let now = super::sweetspot_now();
        world.forwards = (1..=8).map(|n| forward(now - n, by, out)).collect();
    }
    let mut daemon = prepare((&alice, &bob));
    let cheap = "[[rule]]\nmatch.node = \"alice\"\nmode = \"pin\"\npin_ppm = 50\n";
    let config = std::fs::read_to_string(daemon.path("config.toml")).expect("settings");
    std::fs::write(daemon.path("config.toml"), config + cheap).expect("settings");
    std::fs::write(daemon.path("graph.json"), graph()).expect("a graph");
    daemon.launch(&[]);
    until("the rates", async || {
        (ppm(&alice, 2), ppm(&bob, 4)) == (50, 700)
    })
    .await;
    daemon.logs("node{name=\"alice\"}: first cycle done").await;
    daemon.logs("node{name=\"bob\"}: first cycle done").await;
    let graph = daemon.path("graph.json").display().to_string();
    let found = json(&daemon, &["cycles", "--graph", &graph]);
    let walks = found["rebalances"].as_array().expect("a list");
    assert!(!walks.is_empty(), "{found}");
    for walk in walks {
        assert_eq!(
            (&walk["out_node"], &walk["into_node"]),
            (&"alice".into(), &"bob".into())
        );
        assert!(
            walk["bos"].is_null() && walk["regolancer"].is_null(),
            "{walk}"
        );
    }
    // What lies between the two is lacking nowhere.
    let channels = found["channels"].as_array().expect("a list");
    let mut nodes: Vec<&str> = channels.iter().filter_map(|c| c["node"].as_str()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["alice", "bob", "bob"]);
    let text = daemon.says(&["cycles", "--graph", &graph]);
    for part in [
        "on bob: lncli addinvoice --amt ",
        "on alice: lncli payinvoice --outgoing_chan_id ",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let alone = daemon.says(&["cycles", "--graph", &graph, "--node", "alice"]);
    assert!(
        alone.contains("No circular rebalance pays for itself."),
        "{alone}"
    );
}

#[tokio::test]
async fn a_node_that_cannot_start_keeps_no_other_from_it() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    std::fs::write(daemon.path("alice.db"), "no database").expect("a file");
    daemon.launch(&[]);
    daemon
        .logs("node{name=\"alice\"}: this node does not run")
        .await;
    until("bob's rates", async || ppm(&bob, 4) == 700).await;
    assert_ne!(ppm(&alice, 2), 900);
    let output = daemon.program().arg("status").output().expect("it runs");
    assert_eq!(output.status.code(), Some(74));
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(
        said.contains("== bob ==") && said.contains("not known"),
        "{said}"
    );
    daemon.signal("TERM");
    assert!(daemon.ended().await.success(), "{}", daemon.log());
}

#[tokio::test]
async fn a_reload_reaches_every_node() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    daemon.launch(&[]);
    daemon.logs("node{name=\"alice\"}: first cycle done").await;
    daemon.logs("node{name=\"bob\"}: first cycle done").await;
    let config = std::fs::read_to_string(daemon.path("config.toml")).expect("settings");
    let config = config.replace("pin_ppm = 900", "pin_ppm = 901");
    std::fs::write(daemon.path("config.toml"), config).expect("settings");
    daemon.signal("HUP");
    daemon
        .logs("node{name=\"alice\"}: config reloaded change=")
        .await;
    daemon
        .logs("node{name=\"bob\"}: config reloaded change=")
        .await;
}

#[tokio::test]
async fn another_node_than_the_one_that_is_named_is_left_alone() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    alice.world().pubkey = peer_key(9);
    daemon.launch(&[]);
    daemon.logs("another node answers at this address").await;
    until("bob's rates", async || ppm(&bob, 4) == 700).await;
    assert_ne!(ppm(&alice, 2), 900);
}

#[tokio::test]
async fn a_named_node_runs_alone() {
    let (alice, bob) = two();
    let mut daemon = prepare((&alice, &bob));
    daemon.launch(&["--node", "bob"]);
    until("bob's rates", async || ppm(&bob, 4) == 700).await;
    daemon.logs("first cycle done").await;
    assert!(!daemon.path("alice.db").exists());
    daemon.signal("TERM");
    assert!(daemon.ended().await.success(), "{}", daemon.log());
}
