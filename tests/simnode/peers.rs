//! The simulated node's peers, watched over some weeks.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::peers::ended::{Mark, marks};
use sweetspot_core::peers::watch::PeerWatch;
use sweetspot_core::peers::week::PeerSums;
use sweetspot_core::ports::{Node, NodeError};
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::observation::CloseType;
use sweetspot_lnd::Lnd;

use crate::market::{DAY, Served, node_after};

const LOOK: Duration = Duration::from_secs(1_800);

#[tokio::test]
async fn absences_are_seen_and_each_end_is_told_with_its_peer() {
    let served = Served::new(node_after(DAY));
    let lnd = Lnd::new(served.config("admin")).expect("a good configuration");
    let mut watch = PeerWatch::default();
    let first = served.node.now();
    let mut with = BTreeMap::new();
    for _ in 0..48 * 20 {
        served.node.advance(LOOK);
        let seen = lnd.observe(served.node.now()).await.expect("an answer");
        with.extend(seen.channels.values().map(|c| (c.point, c.peer)));
        watch.look(&seen, &lnd.channel_signs());
    }
    let mut sums: BTreeMap<PeerId, PeerSums> = BTreeMap::new();
    for (peer, _, more) in watch.take_due(true) {
        sums.entry(peer).or_default().add(&more);
    }
    let passed = served.node.now().since(first);
    let steady = sums.values().max_by_key(|sums| sums.watched);
    let steady = steady.expect("a peer");
    // To the half hour between two looks.
    assert!(steady.watched <= passed && steady.watched + 2 * LOOK >= passed);
    // The market has a channel of each peer be away about once a month.
    assert!(sums.values().any(|sums| sums.flaps > 0), "{sums:?}");
    for sums in sums.values() {
        let share = sums.uptime().expect("watched");
        assert!(share > 0.5 && (share < 1.0 || sums.flaps == 0), "{sums:?}");
    }
    let ended = lnd.ended_channels().await.expect("an answer");
    assert!(!ended.is_empty(), "the market closes channels");
    for one in &ended {
        assert!(with.get(&one.point).is_none_or(|peer| *peer == one.peer));
        let forced = one.how == CloseType::RemoteForce;
        let bears = marks(&ended)
            .get(&one.peer)
            .is_some_and(|marks| marks.contains(&Mark::ForceClosed));
        assert!(!forced || bears);
    }
}

#[tokio::test]
async fn on_chain_fees_are_told_to_who_may_ask() {
    let served = Served::new(node_after(DAY));
    let asked = async |macaroon| {
        let lnd = Lnd::new(served.config(macaroon)).expect("a good configuration");
        lnd.sat_per_vb().await
    };
    // The simulated node's rate for less than a day: 2,500 sat per kw.
    assert_eq!(asked("admin").await, Ok(10.0));
    let denied = asked("sweetspot").await;
    assert!(matches!(denied, Err(NodeError::Denied(_))), "{denied:?}");
}
