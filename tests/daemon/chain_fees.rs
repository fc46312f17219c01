//! What on-chain fees are like, and the small peers that are kept.

use super::node;
use super::running::{Running, until};

fn prune(daemon: &Running) -> serde_json::Value {
    let said = daemon.says(&["prune", "--json"]);
    serde_json::from_str(&said).unwrap_or(serde_json::Value::Null)
}

#[tokio::test]
async fn a_given_rate_is_followed_and_small_peers_are_kept() {
    let node = node(2);
    node.world().channel(1).said.capacity = 50_000;
    let settings = "[chain_fees]\nsat_per_vb = 2\n[prune]\nkeep_small = 1\n";
    let daemon = Running::start(&node, settings);
    until("the regime is known", async || {
        prune(&daemon)["chain_fees"]["regime"] == "cheap"
    })
    .await;
    let ranking = prune(&daemon);
    assert_eq!(ranking["chain_fees"]["sat_per_vb"], 2.0);
    assert_eq!(ranking["reopen_when_dear_sat"], 9_720);
    let lines = ranking["channels"].as_array().expect("a list");
    let of = |capacity: u64| {
        let found = lines.iter().find(|line| line["capacity_sat"] == capacity);
        found.expect("a channel")
    };
    assert_eq!(of(50_000)["rules"], "exempt", "{ranking}");
    assert_eq!(of(1_000_000)["rules"], "not_enough_history");
    let text = daemon.says(&["prune"]);
    assert!(text.contains("half its pace"), "{text}");
    assert!(text.contains("9,720 sat in dear times"), "{text}");
}

#[tokio::test]
async fn a_node_that_estimates_nothing_is_told_once_and_check_names_the_permission() {
    let node = node(1);
    let daemon = Running::start(&node, "[chain_fees]\nestimate = true\n");
    daemon.logs("cannot read what on-chain fees are like").await;
    assert_eq!(prune(&daemon)["chain_fees"], serde_json::Value::Null);
    let check = daemon.says(&["check"]);
    assert!(
        check.contains("uri:/walletrpc.WalletKit/EstimateFee"),
        "{check}"
    );
}
