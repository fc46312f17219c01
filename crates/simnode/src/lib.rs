//! The simulated node: a market's focal node that speaks as LND does, over gRPC
//! ([`Server`]) or behind the ports at once ([`Direct`]), and can be made to
//! fail.
//!
//! What it does not have of LND: payments, invoices and funds of its own,
//! channels that pend, the graph beyond its own channels.
//! The world has no CLTV delta and no HTLC limits of ours to heed: they are
//! stored and told, but no payment minds them.
//!
//! Smaller differences: `create_missing_edge` brings back the edge as it was,
//! not LND's defaults; a macaroon's caveats other than time-before are refused;
//! policies are not signed anew each day, so `last_update` moves with updates
//! and switches only; an update of global scope passes over lost edges; a locked
//! wallet unlocks by the caller's hand, not by an RPC; peers never flap, and the
//! chain's fee estimate is constant.

mod bakery;
mod channels;
mod clock;
mod core;
mod direct;
mod dispatch;
mod faults;
mod gate;
mod graph;
mod history;
mod lightning;
mod listed;
mod listing;
mod messages;
mod policy;
mod records;
mod rpcs;
mod server;
mod services;
mod signals;
mod tls;
mod writes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::WalletState;
use sweetspot_lnd::{VersionError, check_version};
use sweetspot_market::life;
use sweetspot_market::load::{self, LoadError};
use sweetspot_market::scenario::Scenario;
use sweetspot_market::survey::{SurveyError, survey};
use sweetspot_market::world::World;

use self::clock::VirtualClock;
use self::core::{Core, Name};

pub use self::direct::Direct;
pub use self::faults::{Faults, WriteFault};
pub use self::server::{ServeError, Server};

/// The release that a simulated node is of, if none is asked for.
pub const DEFAULT_VERSION: &str = "0.21.2-beta";

/// What node to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its market; the seed is the scenario's.
    pub scenario: Scenario,
    /// The LND release that it says it is, and behaves as.
    pub version: String,
    /// Virtual seconds per real second; at 0 it must be advanced.
    pub speed: f64,
    /// How much of the market's time has passed before the node is first seen.
    pub past: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scenario: Scenario::default(),
            version: DEFAULT_VERSION.to_owned(),
            speed: 0.0,
            past: Duration::ZERO,
        }
    }
}

/// Why a node cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimNodeError {
    /// The scenario's network cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The scenario asks for more than its network has.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The release cannot be simulated.
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// A simulated node; clones are the same one.
#[derive(Clone, Debug)]
pub struct SimNode(Arc<Mutex<Core>>);

impl SimNode {
    /// Makes the market and lets its past pass.
    pub fn new(options: &Options) -> Result<Self, SimNodeError> {
        let scenario = &options.scenario;
        let network = load::network(&scenario.network)?;
        let map = Arc::new(survey(&network, scenario)?);
        let world = World::new(map, scenario, scenario.seed);
        Self::on(world, options)
    }

    /// The node of a market that has been made already; the options' scenario
    /// is not looked at.
    pub fn on(world: World, options: &Options) -> Result<Self, SimNodeError> {
        let release = check_version(&options.version)?;
        let version = format!("{0} commit=v{0}", options.version);
        let name = Name {
            // No peer has this number.
            key: life::peer_id(usize::MAX),
            alias: "simnode".to_owned(),
            version,
            release,
        };
        let clock = VirtualClock::new(world.now().plus(options.past), options.speed);
        let mut core = Core::new(world, clock, name);
        core.sync();
        Ok(Self(Arc::new(Mutex::new(core))))
    }

    /// The node behind the ports, without a network.
    pub fn direct(&self) -> Direct {
        Direct(self.clone())
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        self.with(|core| core.now())
    }

    /// Lets `span` pass at once.
    pub fn advance(&self, span: Duration) {
        self.with(|core| {
            core.clock.advance(span);
            core.sync();
        });
    }

    /// Everything the node would tell of its channels, now.
    pub fn observe(&self) -> Observation {
        self.with(|core| {
            core.sync();
            let channels = core.listed().into_iter().map(|listed| listed.channel);
            Observation {
                at: core.now(),
                tip: core.world.tip(),
                channels: channels.map(|channel| (channel.point, channel)).collect(),
                graph_visit: core.world.graph_visit(),
            }
        })
    }

    /// Every forward in its log.
    pub fn forwards(&self) -> Vec<Forward> {
        self.with(|core| {
            core.sync();
            core.history.all().copied().collect()
        })
    }

    /// How often an RPC (`/lnrpc.Lightning/GetInfo`) was called, refused calls
    /// included.
    pub fn calls(&self, path: &str) -> u64 {
        self.with(|core| core.calls.get(path).copied().unwrap_or(0))
    }

    /// Looks at the market itself.
    pub fn world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.with(|core| look(&core.world))
    }

    /// Switches faults on and off.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        self.with(|core| change(&mut core.faults));
    }

    /// Moves the wallet to a state: locked, starting, active.
    pub fn set_state(&self, state: WalletState) {
        self.with(|core| core.signals.set_state(state));
    }

    /// Ends every open stream without an error.
    pub fn end_streams(&self) {
        self.with(|core| core.signals.end_streams());
    }

    /// Steps the node's clock by so many seconds, forwards or back, as a time
    /// server would.
    pub fn step_clock(&self, secs: i64) {
        self.with(|core| {
            core.sync();
            core.clock.step(secs.saturating_mul(1_000_000_000));
        });
    }

    /// Deletes history up to and at `cutoff`, as DeleteForwardingHistory does.
    pub fn purge_history(&self, cutoff: Timestamp) {
        self.with(|core| {
            core.sync();
            core.history.purge(cutoff);
        });
    }

    /// Sets a channel's fees past sweetspot, as the operator or another program
    /// would.
    pub fn set_fees(&self, point: ChannelPoint, fees: FeeParts) {
        self.with(|core| {
            core.sync();
            core.set_fees(point, fees);
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
