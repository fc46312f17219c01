//! Channels between two nodes of one operator, and what both earn.

use super::running::{Running, until};
use super::support::{FakeLnd, peer_key};
use super::{node, ppm};

fn own(peer: u8, database: &str) -> String {
    let key = peer_key(peer);
    format!(
        "[defaults]\nmode = \"pin\"\npin_ppm = 900\n\
         [[own_node]]\npubkey = \"{key}\"\ndatabase = \"{database}\"\n"
    )
}

fn group(daemon: &Running) -> serde_json::Value {
    let said = daemon.says(&["report", "--days", "2", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    said["group"].clone()
}

fn priced(node: &FakeLnd) -> (i64, i64) {
    (ppm(node, 1), ppm(node, 2))
}

#[tokio::test]
async fn a_channel_to_an_own_node_is_free_and_a_sum_needs_every_database() {
    let node = node(2);
    node.world().channel(1).said.private = true;
    let daemon = Running::start(&node, &own(1, "/nowhere/b.db"));
    until("the prices", async || priced(&node) == (0, 900)).await;
    let found = group(&daemon);
    assert_eq!(found["between"]["channel_count"], 1);
    assert_eq!(found["between"]["remote_sat"], 500_000);
    assert_eq!(found["together"], serde_json::Value::Null);
    let error = found["others"][0]["error"].as_str().expect("a reason");
    assert!(error.contains("/nowhere/b.db"), "{error}");
    let text = daemon.says(&["report", "--days", "2"]);
    assert!(text.contains("together  not known"), "{text}");
    let status = daemon.says(&["status"]);
    assert!(
        status.contains("to your other nodes: 500,000 sat here"),
        "{status}"
    );
    // This node's own database is not that of the other.
    let path = daemon.path("sweetspot.db");
    daemon.set(&node, &own(1, &path.display().to_string()));
    let error = group(&daemon)["others"][0]["error"].clone();
    let error = error.as_str().expect("a reason");
    assert!(error.contains("not the database of that node"), "{error}");
}

#[tokio::test]
async fn two_nodes_are_summed_where_the_database_is_the_others() {
    let (first, second) = (node(2), node(3));
    second.world().pubkey = peer_key(1);
    let other = Running::start(&second, "");
    other.logs("first cycle done").await;
    let path = other.path("sweetspot.db");
    let daemon = Running::start(&first, &own(1, &path.display().to_string()));
    until("the prices", async || priced(&first) == (0, 900)).await;
    let found = group(&daemon);
    assert_eq!(found["others"][0]["local_sat"], 1_500_000, "{found}");
    assert_eq!(found["local_sat"], 2_500_000);
    assert_eq!(found["together"]["earned_msat"], 0);
}
