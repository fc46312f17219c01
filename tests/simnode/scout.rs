//! New peers for the simulated node, from its own copy of the graph.

use std::collections::BTreeMap;

use sweetspot::peers::PeerRecord;
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
    let open: Vec<String> = served
        .node
        .observe()
        .channels
        .values()
        .map(|channel| channel.peer.to_string())
        .collect();
    // Some of these channels are in no graph.
    let record = PeerRecord {
        open_by_us: 1,
        ..PeerRecord::default()
    };
    let records = open.iter().map(|peer| (peer.clone(), record.clone()));
    let records: BTreeMap<String, PeerRecord> = records.collect();
    let found = |most_sat, income| {
        let asked = Asked {
            top: 5,
            income_sat_per_year: income,
            sat_per_vb: 10.0,
            most_sat,
            records: records.clone(),
        };
        serde_json::to_value(scout(&graph, us, &asked)).expect("JSON")
    };
    let large = found(100_000_000, Some(1e6));
    let peers = large["peers"].as_array().expect("a list");
    assert_eq!(peers.len(), 5, "{large}");
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
    let added = |peers: &[serde_json::Value]| -> f64 {
        let each = peers
            .iter()
            .map(|peer| number(peer, "added_high_sat_per_year"));
        each.sum()
    };
    assert!(0.0 < added(small) && added(small) <= added(peers));
    for peers in [small, peers] {
        // The first is the one that adds most at its size.
        let paybacks: Vec<f64> = peers
            .iter()
            .map(|peer| number(peer, "payback_days"))
            .collect();
        assert!(paybacks.is_sorted(), "{paybacks:?}");
    }
    for peer in small {
        let size = number(peer, "size_sat");
        assert!(size > 0.0 && size <= 100_000.0, "{peer}");
    }
    // What it would come to in money is not made up.
    let unknown = found(100_000, None);
    assert!(unknown["peers"][0]["added_low_sat_per_year"].is_null());
}
