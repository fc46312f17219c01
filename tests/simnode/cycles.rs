//! Walks through the simulated node's channels, from its own graph.

use sweetspot::config::Config;
use sweetspot::cycles::{Cycles, OwnNode};
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::ports::Clock;
use sweetspot_lnd::Lnd;
use sweetspot_store::{SqliteStore, StoreReader};
use tokio_util::sync::CancellationToken;

use sweetspot_market::load;
use sweetspot_market::scenario::Scenario;
use sweetspot_market::survey::survey;
use sweetspot_market::world::World;
use sweetspot_simnode::{Options, SimNode};

use crate::market::{DAY, Served};

/// Channels enough that their peers have channels among themselves.
const SCENARIO: &str = "
channels = 30
rate = 8.0
network = { synthetic = { nodes = 300, seed = 1 } }
";

pub fn node() -> SimNode {
    let scenario = Scenario::parse(SCENARIO).expect("a good scenario");
    let network = load::network(&scenario.network).expect("a network");
    let map = survey(&network, &scenario).expect("a map");
    let options = Options {
        past: DAY * 30,
        ..Options::default()
    };
    SimNode::on(World::new(map.into(), &scenario, 5), &options).expect("a node")
}

#[tokio::test]
async fn walks_are_found_that_gain_and_nothing_is_written() {
    let served = Served::new(node());
    let lnd = Lnd::new(served.config("sweetspot")).expect("a good configuration");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let config = format!("[store]\npath = {path:?}\n[defaults]\nmode = \"observe\"\n");
    let config = Config::parse(&config, Some(folder.path())).expect("good settings");
    let store = SqliteStore::open(&path).await.expect("a database");
    let clock = served.node.direct();
    let now = clock.now();
    let cycle = Cycle::start(lnd.clone(), lnd.clone(), store, clock, now.minus(DAY * 30));
    let mut cycle = cycle.await.expect("a good store");
    let options = CycleOptions {
        layers: &config.book,
        observe_only: true,
        report_due: false,
    };
    let stop = CancellationToken::new();
    cycle.run(options, &stop).await.expect("a good cycle");
    let before = served.node.observe();
    let reader = StoreReader::open(&path).await.expect("opens");
    let own = OwnNode::read(None, &config, &reader, now)
        .await
        .expect("read");
    let hops = own.hops(&lnd, &mut Default::default()).await.expect("told");
    let found = Cycles::find(&[own], &hops, &config.book.node.tuning, 1_000_000);
    let found = serde_json::to_value(found).expect("JSON");
    let walks = found["rebalances"].as_array().expect("a list");
    assert!(!walks.is_empty(), "{found}");
    let need = |point: &serde_json::Value| {
        let channels = found["channels"].as_array().expect("a list");
        let of = channels.iter().find(|line| line["channel_point"] == *point);
        of.and_then(|line| line["need_sat"].as_i64())
            .expect("a need")
    };
    for walk in walks {
        let number = |name: &str| walk[name].as_f64().expect("a number");
        assert!(number("gain_msat") > 0.0 && number("amount_sat") <= 1e6);
        let sum = number("worth_msat") - number("cost_msat");
        assert!((number("gain_msat") - sum).abs() < 1e-6);
        assert!(need(&walk["out"]["channel_point"]) < 0);
        assert!(need(&walk["into"]["channel_point"]) > 0);
        assert!(number("fee_limit_sat") * 1_000.0 < number("worth_msat"));
    }
    assert_eq!(served.node.observe().channels, before.channels);
}
