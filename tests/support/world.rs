//! What the fake node knows and how it behaves: plain data that a test sets
//! before and during a run, and looks at afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_lnd::proto::{
    Channel, ChannelCloseSummary, ChannelConstraints, ChannelEdge, ForwardingEvent, Payment,
    PendingChannelsResponse, PolicyUpdateRequest, RoutingPolicy, Transaction, UpdateFailure,
    WalletState, routerrpc::HtlcEvent,
};
use tokio::sync::{broadcast, watch};

/// The fake node's own key.
pub const OWN_KEY: &str = "02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The key of peer `n`.
pub fn peer_key(n: u8) -> String {
    format!("03{}", hex::encode([n; 32]))
}

/// The channel point of channel `n`.
pub fn point(n: u8) -> String {
    format!("{}:0", hex::encode([n; 32]))
}

/// A channel, and what the graph says of it.
#[derive(Clone)]
pub struct ScriptedChannel {
    pub said: Channel,
    /// `None`: the graph has lost it.
    pub edge: Option<ChannelEdge>,
    /// Whether GetNodeInfo lists the edge.
    pub announced: bool,
    /// What GetChanInfo fails with.
    pub unreadable: Option<&'static str>,
}

impl ScriptedChannel {
    /// A balanced, announced channel of 1,000,000 sat with peer `n`, where both
    /// sides have LND's default policy.
    pub fn new(n: u8) -> Self {
        let scid = (800_000 + u64::from(n)) << 40 | 1 << 16;
        let policy = RoutingPolicy {
            time_lock_delta: 80,
            min_htlc: 1_000,
            fee_base_msat: 1_000,
            fee_rate_milli_msat: 1,
            max_htlc_msat: 990_000_000,
            last_update: 1_700_000_000,
            ..Default::default()
        };
        Self {
            said: Channel {
                active: true,
                remote_pubkey: peer_key(n),
                channel_point: point(n),
                chan_id: scid,
                capacity: 1_000_000,
                local_balance: 500_000,
                remote_balance: 500_000,
                local_constraints: Some(ChannelConstraints {
                    chan_reserve_sat: 10_000,
                    ..Default::default()
                }),
                peer_alias: format!("peer-{n}"),
                ..Default::default()
            },
            edge: Some(ChannelEdge {
                channel_id: scid,
                chan_point: point(n),
                node1_pub: OWN_KEY.to_owned(),
                node2_pub: peer_key(n),
                node1_policy: Some(policy),
                node2_policy: Some(policy),
                ..Default::default()
            }),
            announced: true,
            unreadable: None,
        }
    }

    /// The same, unannounced.
    pub fn private(n: u8) -> Self {
        let mut channel = Self::new(n);
        channel.said.private = true;
        channel.announced = false;
        channel
    }

    /// Our policy in the graph.
    pub fn policy(&self) -> &RoutingPolicy {
        let edge = self.edge.as_ref().expect("an edge");
        edge.node1_policy.as_ref().expect("our policy")
    }
}

/// A forward settled at `timestamp_ns`.
pub fn forward(timestamp_ns: u64, chan_id_in: u64, chan_id_out: u64) -> ForwardingEvent {
    ForwardingEvent {
        chan_id_in,
        chan_id_out,
        fee_msat: 1_050,
        amt_in_msat: 50_001_050,
        amt_out_msat: 50_000_000,
        timestamp_ns,
        ..Default::default()
    }
}

/// EventKind UpdateChannelPolicy does once it is let through.
#[derive(Clone, PartialEq)]
pub enum OnUpdate {
    /// What LND does.
    Apply,
    /// Nothing; it replies OK with this failure inside.
    Fail(UpdateFailure, &'static str),
    /// It does its work but never replies.
    ApplyAndHang,
    /// It neither does it nor replies.
    Hang,
}

/// The fake node's memory, which outlives its restarts.
pub struct World {
    pub pubkey: String,
    pub alias: String,
    pub version: String,
    pub height: u32,
    /// Its Bitcoin network.
    pub network: String,
    /// The macaroon it accepts.
    pub macaroon: Vec<u8>,
    pub channels: Vec<ScriptedChannel>,
    /// Ascending by time.
    pub forwards: Vec<ForwardingEvent>,
    pub closed: Vec<ChannelCloseSummary>,
    pub pending: PendingChannelsResponse,
    /// Settled payments, ascending by number.
    pub payments: Vec<Payment>,
    pub transactions: Vec<Transaction>,
    /// What is told to who listens for HTLC events.
    pub htlcs: broadcast::Sender<HtlcEvent>,
    pub on_update: OnUpdate,
    /// Calls that answer UNKNOWN with this text.
    pub failing: BTreeMap<&'static str, &'static str>,
    /// How long a call for one channel's edge takes, and the most of them at once.
    pub edges_take: Duration,
    pub edges_under_way: u32,
    pub most_at_once: u32,
    /// Every update let through, as it arrived.
    pub updates: Vec<PolicyUpdateRequest>,
    /// How often each RPC was called, refused calls included.
    pub calls: BTreeMap<&'static str, u32>,
    pub(super) state: watch::Sender<WalletState>,
    /// Counts up to end the streams that are open.
    pub(super) streams: watch::Sender<u32>,
}

impl World {
    /// A node that is ready and has these channels.
    pub fn new(channels: impl IntoIterator<Item = ScriptedChannel>) -> Self {
        Self {
            pubkey: OWN_KEY.to_owned(),
            alias: "fake".to_owned(),
            version: "0.21.2-beta commit=v0.21.2-beta".to_owned(),
            height: 850_000,
            network: "mainnet".to_owned(),
            macaroon: b"first macaroon".to_vec(),
            channels: channels.into_iter().collect(),
            forwards: vec![],
            closed: vec![],
            pending: PendingChannelsResponse::default(),
            payments: vec![],
            transactions: vec![],
            htlcs: broadcast::Sender::new(16),
            on_update: OnUpdate::Apply,
            failing: BTreeMap::new(),
            edges_take: Duration::ZERO,
            edges_under_way: 0,
            most_at_once: 0,
            updates: vec![],
            calls: BTreeMap::new(),
            state: watch::Sender::new(WalletState::ServerActive),
            streams: watch::Sender::new(0),
        }
    }

    /// Moves the node to a state.
    pub fn set_state(&self, state: WalletState) {
        self.state.send_replace(state);
    }

    /// Ends every open stream without an error, as LND does at shutdown.
    pub fn end_streams(&self) {
        self.streams.send_modify(|ended| *ended += 1);
    }

    /// How often an RPC was called.
    pub fn count(&self, call: &str) -> u32 {
        self.calls.get(call).copied().unwrap_or(0)
    }

    /// The channel with peer `n`.
    pub fn channel(&mut self, n: u8) -> &mut ScriptedChannel {
        let name = point(n);
        let found = self.channels.iter_mut();
        found
            .into_iter()
            .find(|channel| channel.said.channel_point == name)
            .expect("a scripted channel")
    }
}
