//! What the cycle needs of the world, named by its need. Reading and writing
//! are different traits, so that observe mode is a type that cannot write.

pub mod chain_fee_log;
pub mod cost_log;
pub mod peer_log;

use std::error::Error;
use std::future::Future;

use crate::decision::Decision;
use crate::engine::checkpoint::Checkpoint;
use crate::engine::cycle::{Counting, Engine};
use crate::engine::input::CycleInput;
use crate::settings::alias_pins::AliasPins;
use crate::settings::latches::Latches;
use crate::settings::orders::Orders;
use crate::state::market::NodeMarket;
use crate::types::channel::{ChannelPoint, PeerId, Policy, Scid};
use crate::types::clean_text::CleanText;
use crate::types::clock_reading::ClockReading;
use crate::types::day_total::{DayRange, DayTotals};
use crate::types::fee_change::FeeChange;
use crate::types::observation::{ClosedChannel, Forward, Observation, StoredForward};
use crate::types::raw_forward::{ForwardPage, OddForward};
use crate::types::time::Timestamp;
use crate::types::units::BlockHeight;

/// Why the node did not answer as asked. Decided once, in the adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The wallet is locked; the operator must unlock it.
    #[error("the wallet is locked; unlock it (lncli unlock)")]
    Locked,
    /// No wallet exists yet.
    #[error("the node has no wallet yet; create one (lncli create)")]
    NoWallet,
    /// The node is starting.
    #[error("the node is starting up")]
    Starting,
    /// Nobody answers, or the connection broke.
    #[error("cannot reach the node: {0}")]
    Unreachable(CleanText),
    /// TLS failed: the certificate is not the pinned one, or no valid chain.
    #[error("cannot trust the node's TLS certificate: {0}")]
    Tls(CleanText),
    /// There is no macaroon to send: its file cannot be read.
    #[error("{0}")]
    NoMacaroon(CleanText),
    /// The macaroon is wrong or too weak.
    #[error("no access to the node: {0}")]
    Denied(CleanText),
    /// The node does not know the channel (or its edge).
    #[error("the node does not know this channel: {0}")]
    NotFound(CleanText),
    /// The node answered something we cannot accept.
    #[error("node error: {0}")]
    Other(CleanText),
}

impl NodeError {
    /// The same, where what the node said may not tell which call it is about.
    #[must_use]
    pub fn of_call(self, name: &str) -> Self {
        match self {
            Self::Other(said) => Self::Other(format!("{name}: {said}").into()),
            other => other,
        }
    }
}

/// What the node is and how ready it is to be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The node's own public key.
    pub pubkey: PeerId,
    /// The node's alias.
    pub alias: CleanText,
    /// LND's version text, such as `0.21.2-beta commit=v0.21.2-beta`.
    pub version: CleanText,
    /// The chain tip.
    pub tip: BlockHeight,
    /// Whether the wallet and graph follow the chain tip.
    pub synced_to_chain: bool,
    /// Whether the graph is synced with peers.
    pub synced_to_graph: bool,
}

/// One page of forwarding history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPage {
    /// Inclusive start, in whole Unix seconds.
    pub start_secs: u64,
    /// How many events from `start_secs` on to skip.
    pub offset: u32,
    /// The most events to return.
    pub max_events: u32,
}

/// The read side of a node.
pub trait Node: Send + Sync {
    /// Who the node is and whether it is synced.
    fn info(&self) -> impl Future<Output = Result<NodeInfo, NodeError>> + Send;

    /// Every open channel with both policies: two calls, and one more for each
    /// unannounced channel. What one channel's call fails with is said of that
    /// channel.
    fn observe(&self, at: Timestamp)
    -> impl Future<Output = Result<Observation, NodeError>> + Send;

    /// One page of settled forwards in ascending order of settle time; a record
    /// that cannot be one keeps no other from being read.
    fn forwards(
        &self,
        page: HistoryPage,
    ) -> impl Future<Output = Result<ForwardPage, NodeError>> + Send;

    /// Our policy of one channel, read afresh.
    fn policy(&self, point: ChannelPoint)
    -> impl Future<Output = Result<Policy, NodeError>> + Send;

    /// Every closed channel.
    fn closed_channels(&self)
    -> impl Future<Output = Result<Vec<ClosedChannel>, NodeError>> + Send;
}

/// Why a write did not happen, or is not known to have happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The node is not ready for any update, or does not let us make one:
    /// nothing was changed.
    #[error("not sent: {0}")]
    NotSent(NodeError),
    /// The node said no to this update: nothing was changed.
    #[error("the node rejected the update: {0}")]
    Refused(CleanText),
    /// No answer, or a broken one: the node may or may not have done it.
    #[error("the update's outcome is unknown: {0}")]
    Unknown(CleanText),
}

/// The write side of a node.
pub trait PolicyWriter: Send + Sync {
    /// Replaces one channel's policy by the fees of `change`. LND replaces the
    /// CLTV delta with every update: `time_lock_delta` is what it is now. The
    /// inbound fee and the max HTLC are left out of the call unless the change is
    /// about them, and LND keeps them.
    fn set_policy(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;
}

/// The machine's clocks.
pub trait Clock: Send + Sync {
    /// What they say now.
    fn reading(&self) -> ClockReading;

    /// What the wall clock says now.
    fn now(&self) -> Timestamp {
        self.reading().wall
    }
}

/// How far history has been read from the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryCursor {
    /// From when on the stored history is complete.
    pub from: Timestamp,
    /// Up to when it is complete: the newest settle time read, or the time of
    /// a read that found nothing newer.
    pub through: Timestamp,
}

/// What one cycle leaves behind, stored in one transaction.
#[derive(Debug, Clone, Copy)]
pub struct CycleRecord<'a> {
    /// What the turn was given.
    pub input: &'a CycleInput,
    /// What was decided.
    pub decisions: &'a [Decision],
    /// The node's part in the market afterwards.
    pub market: &'a NodeMarket,
    /// What was remembered before, where that is to be stored as well.
    pub checkpoint: Option<&'a Checkpoint>,
}

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct StoreError {
    /// What was tried, on what.
    pub action: String,
    /// Why it failed, in the operator's words.
    pub reason: String,
    /// What lies under it, if anything does: the database's or a parser's error.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What came of making a store smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shrunk {
    /// Rows that were dropped.
    pub dropped: u64,
    /// What it takes now, in bytes.
    pub bytes: u64,
}

/// What the store knew at the start.
#[derive(Debug, Default)]
pub struct Loaded {
    /// What was remembered, led through every stored cycle, and every scid ever
    /// learnt.
    pub engine: Engine,
    /// Whether that is all that was stored.
    pub complete: bool,
    /// How far history was read; `None` on a first start.
    pub cursor: Option<HistoryCursor>,
    /// Fee changes that are open as far as the store knows.
    pub open_changes: Vec<(ChannelPoint, FeeChange)>,
    /// How many cycles are stored from the last checkpoint on; `None` without one.
    pub cycles_since_checkpoint: Option<u32>,
    /// The names by which rules know peers.
    pub names: AliasPins,
    /// Which conditions on what moves hold.
    pub latches: Latches,
}

/// Forwards read at once: some megabytes of memory, and a few for each channel of a hub,
/// which are counted together.
pub const FORWARDS_PER_READ: u32 = 40_000;

/// The stored forwards.
pub trait ForwardLog: Send + Sync {
    /// Up to `limit` stored forwards with numbers above `seq`, ascending.
    fn forwards_after(
        &self,
        seq: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<StoredForward>, StoreError>> + Send;

    /// The forwards of whole days, summed up.
    fn day_totals(
        &self,
        days: DayRange,
    ) -> impl Future<Output = Result<DayTotals, StoreError>> + Send;

    /// Has a cycle count everything that it has not counted yet, up to number
    /// `through`: what is long past, if it has counted nothing yet, by days.
    fn count_through(
        &self,
        cycle: &mut Counting<'_>,
        through: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            if let Some(days) = cycle.days_to_count() {
                cycle.count_days(&self.day_totals(days).await?, days);
            }
            self.count(cycle, through, |_| ()).await
        }
    }

    /// Has a cycle count everything that it has not counted yet, up to number
    /// `through`; `told` hears of each forward. Rates depend on settle times
    /// alone, so nothing is lost or counted twice over a restart.
    fn count(
        &self,
        cycle: &mut Counting<'_>,
        through: i64,
        mut told: impl FnMut(&StoredForward) + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        async move {
            while cycle.counted_through() < through {
                let after = cycle.counted_through();
                let mut chunk = self.forwards_after(after, FORWARDS_PER_READ).await?;
                // Less than was asked for is all that is there.
                let is_last = chunk.len() < FORWARDS_PER_READ as usize;
                chunk.retain(|stored| stored.seq <= through);
                chunk.iter().for_each(&mut told);
                cycle.count(&chunk);
                if is_last || chunk.is_empty() {
                    break;
                }
            }
            Ok(())
        }
    }
}

/// A sign of life of the daemon, for whoever looks at the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The program's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// Whether it was told to write nothing.
    pub observe_only: bool,
    /// When it last tried a cycle.
    pub at: Timestamp,
    /// Since when cycles come out as that one did.
    pub since: Timestamp,
    /// Why that one failed, if it did.
    pub error: Option<CleanText>,
}

/// The memory on disk.
pub trait Store: ForwardLog {
    /// Everything needed to go on.
    fn load(&self) -> impl Future<Output = Result<Loaded, StoreError>> + Send;

    /// Binds the store to the node with this public key at first, and later
    /// refuses every other node.
    fn bind_node(&self, pubkey: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores forwards (those already stored are passed over) and moves the
    /// cursor, in one transaction.
    fn add_forwards(
        &self,
        forwards: &[Forward],
        cursor: HistoryCursor,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores the names by which rules know peers, these and no others.
    fn save_names(&self, names: &AliasPins) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores which conditions on what moves hold, these and no others.
    fn save_latches(
        &self,
        latches: &Latches,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the operator has ordered so far, also while this store is open.
    fn orders(&self) -> impl Future<Output = Result<Orders, StoreError>> + Send;

    /// Stores a sign of life. A cycle that is recorded is one, too: of cycles that
    /// come to their end, the first is enough.
    fn beat(&self, beat: &Heartbeat) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps forwards aside that cannot be any; returns those that were not kept
    /// yet. Nothing is counted of them.
    fn quarantine(
        &self,
        odd: &[OddForward],
    ) -> impl Future<Output = Result<Vec<OddForward>, StoreError>> + Send;

    /// Stores scids and the channels they mean.
    fn add_ids(
        &self,
        ids: &[(Scid, ChannelPoint)],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores a finished decision round.
    fn record_cycle(
        &self,
        record: CycleRecord<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores how far a fee change of a channel has come: a new one if it is only
    /// intended, else the end of the one that was intended then. An end that is stored
    /// already, and that of one neither stored nor sent, change nothing.
    fn record_change(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Thins and drops what is older than it is useful.
    fn thin(&self, now: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Drops what is least useful, the oldest first, until what is kept fits into
    /// `most_bytes`, as far as that can be had: forwards, writes, costs and what the
    /// next cycle needs are never dropped. By default nothing has a size.
    fn shrink(
        &self,
        _now: Timestamp,
        _most_bytes: u64,
    ) -> impl Future<Output = Result<Shrunk, StoreError>> + Send {
        async { Ok(Shrunk::default()) }
    }
}
