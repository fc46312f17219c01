//! One small market for all tests: made once, run anew by each.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sweetspot_lnd::{LndConfig, MacaroonSource, Tls};
use sweetspot_market::load;
use sweetspot_market::market_map::MarketMap;
use sweetspot_market::scenario::Scenario;
use sweetspot_market::survey::survey;
use sweetspot_market::world::World;
use sweetspot_simnode::{Options, Server, SimNode};
use tempfile::TempDir;

pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

const SCENARIO: &str = "
channels = 12
rate = 8.0
network = { synthetic = { nodes = 300, seed = 1 } }
peers = { private = 0.2 }
churn = { closes_per_channel_year = 4.0, zero_conf = 0.5 }
outages = { node_per_year = 0.0, per_channel_year = 12.0 }
";

pub fn scenario() -> Scenario {
    Scenario::parse(SCENARIO).expect("a good scenario")
}

fn map() -> Arc<MarketMap> {
    static TERRAIN: OnceLock<Arc<MarketMap>> = OnceLock::new();
    let make = || {
        let scenario = scenario();
        let network = load::network(&scenario.network).expect("a network");
        Arc::new(survey(&network, &scenario).expect("a map"))
    };
    TERRAIN.get_or_init(make).clone()
}

/// A node whose clock stands at the end of `past`.
pub fn node_after(past: Duration) -> SimNode {
    node(Options {
        past,
        ..Options::default()
    })
}

/// The same node with other options.
pub fn node(options: Options) -> SimNode {
    let world = World::new(map(), &scenario(), 5);
    SimNode::on(world, &options).expect("a node")
}

/// A node on a port.
pub struct Served {
    pub node: SimNode,
    pub server: Server,
    _dir: TempDir,
}

impl Served {
    pub fn new(node: SimNode) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let server = Server::start(node.clone(), dir.path(), listen).expect("served");
        Self {
            node,
            server,
            _dir: dir,
        }
    }

    /// How to reach it with one of its macaroons.
    pub fn config(&self, macaroon: &str) -> LndConfig {
        LndConfig {
            address: self.server.address().to_string(),
            tls: Tls::Pinned(self.server.cert_path()),
            macaroon: MacaroonSource::File(self.server.macaroon_path(macaroon)),
            socks5_proxy: None,
            request_timeout: Duration::from_secs(20),
        }
    }
}
