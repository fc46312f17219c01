//! The adapter's suite, at the simulated node.

use sweetspot_core::ports::{HistoryPage, Node, NodeError};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::observation::Observation;
use sweetspot_lnd::Lnd;
use sweetspot_lnd::proto::WalletState;

use crate::adapter_suite::{self, Subject};
use crate::market::{DAY, Served, node_after};

fn subject(served: &Served) -> Subject {
    let seen = served.node.observe();
    let point = |wanted: &dyn Fn(&Channel) -> bool| {
        let found = seen.channels.values().find(|channel| wanted(channel));
        found.expect("such a channel").point
    };
    Subject {
        config: served.config("admin"),
        readonly: served.server.macaroon_path("readonly"),
        channel: point(&|channel| !channel.private),
        private: point(&|channel| channel.private),
    }
}

#[tokio::test]
async fn the_adapter_finds_the_simulated_node_to_be_an_lnd() {
    let served = Served::new(node_after(DAY * 10));
    adapter_suite::holds_at(&subject(&served)).await;
}

#[tokio::test]
async fn a_locked_simulated_node_is_waited_for() {
    let served = Served::new(node_after(DAY));
    let subject = subject(&served);
    served.node.set_state(WalletState::Locked);
    adapter_suite::a_locked_node_is_waited_for(&subject, async || {
        for state in [
            WalletState::Unlocked,
            WalletState::RpcActive,
            WalletState::ServerActive,
        ] {
            served.node.set_state(state);
        }
    })
    .await;
}

#[tokio::test]
async fn over_grpc_and_without_it_the_node_says_the_same() {
    let served = Served::new(node_after(DAY * 90));
    let lnd = Lnd::new(served.config("readonly")).expect("a good configuration");
    let direct = served.node.direct();
    let at = served.node.now();
    assert_eq!(lnd.info().await, direct.info().await);
    // Over gRPC the graph is walked, a step at a time; without it, drawn from.
    let seen = |said: Result<Observation, NodeError>| {
        let graph_visit = None;
        said.map(|seen| Observation {
            graph_visit,
            ..seen
        })
    };
    assert_eq!(seen(lnd.observe(at).await), seen(direct.observe(at).await));
    assert_eq!(lnd.closed_channels().await, direct.closed_channels().await);
    let page = HistoryPage {
        start_secs: 1_768_000_000,
        offset: 3,
        max_events: 200,
    };
    let forwards = lnd.forwards(page).await;
    assert_eq!(forwards.as_ref().map(|page| page.records()), Ok(200));
    assert_eq!(forwards, direct.forwards(page).await);
}
