//! The LND adapter: one node over gRPC, behind the ports.
//!
//! `client` makes the calls and `node` turns them into the ports; `state` waits
//! for a node that is not ready. What LND means is settled at the edge:
//! messages in `convert`, failures in `fault`, trust in `tls`, permission in
//! `macaroon` and `permissions`, releases in `version`.

mod by_point;
mod chain_fee;
mod client;
mod connection;
mod convert;
mod costs;
mod deadlines;
mod describe;
mod failed;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod macaroon;
mod neighbourhood;
mod node;
mod node_clock;
mod pending;
mod permissions;
#[doc(hidden)]
pub mod proto;
mod signs;
mod state;
mod tls;
mod unannounced;
mod version;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tonic::transport::Channel;

use macaroon::Macaroon;
use proto::lightning_client::LightningClient;
use proto::routerrpc::router_client::RouterClient;
use proto::state_client::StateClient;
use proto::walletrpc::wallet_kit_client::WalletKitClient;
use sweetspot_core::peers::watch::ChannelSigns;
use sweetspot_core::ports::NodeInfo;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::clean_text::CleanText;

pub use costs::PaymentPage;
pub use deadlines::HtlcDeadline;
pub use macaroon::{MacaroonError, MacaroonSource};
pub use node_clock::{NODE_CLOCK, NodeClockError, ToldClock};
pub use pending::ForceClosing;
pub use permissions::{
    CHAIN_COSTS_URI, CHAIN_FEES_URI, GRAPH_URI, HTLCS_URI, PAYMENTS_URI, PENDING_URI, Permission,
    Permissions, READ_URIS, UnreadableMacaroon, WRITE_URI,
};
pub use version::{LndVersion, OLDEST_SUPPORTED, VersionError, check_version};

/// How to know the node's certificate.
#[derive(Clone, Debug)]
pub enum Tls {
    /// It is in this file (LND's `tls.cert`), which is read at each handshake.
    Pinned(PathBuf),
    /// It is this one, in DER.
    Given(Vec<u8>),
    /// An authority that this system trusts vouches for it.
    NativeRoots,
}

/// Where the node is, and how to be let in.
#[derive(Clone, Debug)]
pub struct LndConfig {
    /// Host and port of the gRPC listener, such as `localhost:10009`.
    pub address: String,
    /// How to know its certificate.
    pub tls: Tls,
    /// What permits the calls.
    pub macaroon: MacaroonSource,
    /// A SOCKS5 proxy to reach it by, as host and port: Tor's, say, which then
    /// resolves the node's name, too.
    pub socks5_proxy: Option<String>,
    /// How long a whole call may take.
    pub request_timeout: Duration,
}

/// Why a configuration leads to no node.
#[derive(Debug, thiserror::Error)]
pub enum LndConfigError {
    /// Not an address.
    #[error("invalid node address `{address}`: must be <host>:<port>")]
    Address {
        /// What was given.
        address: String,
    },
    /// Not a proxy.
    #[error("invalid SOCKS5 proxy `{proxy}`: must be <host>:<port>")]
    Proxy {
        /// What was given.
        proxy: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS for {address}: {source}")]
    Tls {
        /// The node's address.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The macaroon given in the configuration is none.
    #[error(transparent)]
    Macaroon(#[from] MacaroonError),
}

/// One LND node. Clones share the connection, which is made when first used
/// and made again when it breaks.
#[derive(Clone, Debug)]
pub struct Lnd {
    address: Arc<str>,
    lightning: LightningClient<Channel>,
    router: RouterClient<Channel>,
    state: StateClient<Channel>,
    wallet: WalletKitClient<Channel>,
    macaroon: Arc<Macaroon>,
    request_timeout: Duration,
    /// What GetInfo said last: who the node is, its release, and the tip.
    seen: Arc<Mutex<Option<NodeInfo>>>,
    /// Over which connection it said so.
    connection: Arc<connection::Connection>,
    /// Where the walk through the graph is.
    walk: Arc<Mutex<walk::Walk>>,
    /// The edges of unannounced channels.
    edges: Arc<Mutex<unannounced::Unannounced>>,
    /// When pending HTLCs time out.
    deadlines: Arc<Mutex<BTreeMap<ChannelPoint, Vec<HtlcDeadline>>>>,
    /// What was told of channels beside their state.
    signs: Arc<Mutex<BTreeMap<ChannelPoint, ChannelSigns>>>,
    /// Channels whose data make no sense, and why, as told in the log.
    told: Arc<Mutex<BTreeSet<(CleanText, CleanText)>>>,
}
