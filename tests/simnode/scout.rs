//! New peers for the simulated node, from its own copy of the graph.

use sweetspot::scout::{Asked, scout};
use sweetspot_core::ports::Node;
use sweetspot_lnd::Lnd;

use super::cycles::node;
use crate::market::Served;

fn number(line: &serde_json::Value, name: &str) -> f64 {
    line[name].as_f64().expect("a number")
}

#[tokio::test]
async fn a_channel_is_advised_to_nodes_that_are_no_peers_and_within_what_is_allowed() {
    let served = Served::new(node());
    let lnd = Lnd::new(served.config("admin")).expect("a good configuration");
    let graph = lnd.describe_graph().await.expect("a graph");
    let own = lnd.info().await.expect("a node").pubkey.to_string();
    let us = graph.find(&own).expect("our node is in the graph");
    let found = |most_sat, income| {
        let asked = Asked {
            top: 5,
            income_sat_per_year: income,
            sat_per_vb: 10.0,
            most_sat,
            records: Default::default(),
        };
        serde_json::to_value(scout(&graph, us, &asked)).expect("JSON")
    };
    let large = found(100_000_000, Some(1e6));
    let peers = large["peers"].as_array().expect("a list");
    assert_eq!(peers.len(), 5, "{large}");
    let open: Vec<String> = served
        .node
        .observe()
        .channels
        .values()
        .map(|channel| channel.peer.to_string())
        .collect();
    for peer in peers {
        let key = peer["peer_pubkey"].as_str().expect("a key");
        assert!(!open.iter().any(|known| known == key) && key != own);
        let low = number(peer, "added_low_sat_per_year");
        assert!(
            low <= number(peer, "added_high_sat_per_year") && low >= 0.0,
            "{peer}"
        );
    }
    assert_eq!(large["on_chain_sat"], 3_240);
    // A small channel adds no more than a large one.
    let small = found(100_000, Some(1e6));
    let small = small["peers"].as_array().expect("a list");
    assert_eq!(small.len(), peers.len());
    for (small, large) in small.iter().zip(peers) {
        assert_eq!(small["peer_pubkey"], large["peer_pubkey"]);
        let size = number(small, "size_sat");
        assert!(size > 0.0 && size <= 100_000.0, "{small}");
        let added = |line| number(line, "added_high_sat_per_year");
        assert!(0.0 < added(small) && added(small) <= added(large));
    }
    // What it would come to in money is not made up.
    let unknown = found(100_000, None);
    assert!(unknown["peers"][0]["added_low_sat_per_year"].is_null());
}
