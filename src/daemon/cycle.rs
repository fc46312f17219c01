//! One turn of the daemon: observe, absorb, decide, record, write, record.
//!
//! Every step leaves the store such that a kill at any moment loses nothing:
//! forwards are stored before they are counted, decisions before they are
//! acted on, and a write's intent before the write. What really holds is read
//! from the node again at the next turn.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::daemon::history::{self, HistoryError};
use crate::daemon::log;
use crate::daemon::write;
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::ingest::FeeEvent;
use sweetspot_core::engine::turn::{self, Checkpoint, CycleInput};
use sweetspot_core::ports::{
    Clock, CycleRecord, HistoryCursor, Node, NodeError, PendingWrite, PolicyWriter, Store,
    StoreError, WriteOutcome,
};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::ChannelSettings;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{ChannelIds, ChannelPoint, Scid};
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// Forwards counted at once when catching up from the store.
const ABSORB_CHUNK: u32 = 10_000;

/// How often what is remembered is stored as a place to begin a replay from.
const BEGINNINGS: Duration = Duration::from_secs(86_400);

/// Why a turn came to nothing. The next one starts afresh.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The node did not answer.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HistoryError> for TurnError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Node(error) => Self::Node(error),
            HistoryError::Store(error) => Self::Store(error),
        }
    }
}

/// What a turn did, for the log and the watchdog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Channels seen.
    pub channels: usize,
    /// Decisions made.
    pub decisions: usize,
    /// Policies changed and confirmed.
    pub changed: usize,
    /// Changes that were to be made but were not confirmed.
    pub failed: usize,
}

/// The settings of one turn.
#[derive(Clone, Copy)]
pub struct CycleOptions<'a> {
    /// What the operator wants.
    pub book: &'a SettingsLayers,
    /// Whether everything is observed only, whatever the settings say.
    pub observe_only: bool,
    /// Whether the daily report is due.
    pub report_due: bool,
}

/// The daemon's working memory between turns.
pub struct Cycle<N, W, S, C> {
    node: N,
    writer: W,
    store: S,
    clock: C,
    memory: Memory,
    ids: ChannelIds,
    cursor: HistoryCursor,
    pending: Vec<PendingWrite>,
    /// When the node was last asked who and how it is.
    asked_at: Option<Timestamp>,
    /// Whether the next turn is to look at every channel.
    look_again: bool,
    /// What this turn began with, if that is to be stored.
    checkpoint: Option<Checkpoint>,
    /// The last turn whose beginning was stored.
    checkpoint_at: Option<Timestamp>,
    /// Whether the store holds all that is remembered.
    stored: bool,
}

impl<N: Node, W: PolicyWriter, S: Store, C: Clock> Cycle<N, W, S, C> {
    /// Takes up what the store remembers. On a first start, history will be
    /// read from `backfill_from` on.
    pub async fn start(
        node: N,
        writer: W,
        store: S,
        clock: C,
        backfill_from: Timestamp,
    ) -> Result<Self, StoreError> {
        let loaded = store.load().await?;
        log::left_open(&loaded.pending);
        let mut ids = ChannelIds::default();
        for (scid, point) in loaded.ids {
            ids.insert(scid, point);
        }
        let first = HistoryCursor {
            from: backfill_from,
            through: backfill_from,
        };
        Ok(Self {
            node,
            writer,
            store,
            clock,
            memory: loaded.memory,
            ids,
            cursor: loaded.cursor.unwrap_or(first),
            pending: loaded.pending,
            asked_at: None,
            look_again: false,
            checkpoint: None,
            checkpoint_at: loaded.checkpoint_at,
            stored: true,
        })
    }

    /// Has every channel looked at in the next turn, as after a change of
    /// settings: new bounds and pins need not wait for the slow rhythm.
    pub fn look_again(&mut self) {
        self.look_again = true;
    }

    /// When the daily report was last made.
    pub fn reported_at(&self) -> Option<Timestamp> {
        self.memory.node.reported_at
    }

    /// The store, for what the daemon does between turns.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// One turn. `stop` ends reading at once and lets a write in flight finish
    /// before it ends writing.
    pub async fn turn(
        &mut self,
        orders: CycleOptions<'_>,
        stop: &CancellationToken,
    ) -> Result<Turn, TurnError> {
        let Some(input) = stop.run_until_cancelled(self.read(orders)).await else {
            return Ok(Turn::default());
        };
        let mut input = input?;
        let events = turn::watch(&mut self.memory, &input);
        tell(&input, &events);
        let decisions = self.decide(&mut input).await;
        self.revise_recommendations(&input);
        let record = CycleRecord {
            input: &input,
            decisions: &decisions,
            memory: &self.memory,
            checkpoint: self.checkpoint.as_ref(),
        };
        self.store.record_cycle(record).await?;
        self.stored = true;
        if self.checkpoint.take().is_some() {
            self.checkpoint_at = Some(input.seen.at);
        }
        // Not before: what it stores of a channel holds forwards that only the
        // record above marks as counted.
        self.settle_pending(&input.seen).await?;
        log::decisions(&decisions, &input.seen);
        let mut turn = Turn {
            channels: input.seen.channels.len(),
            decisions: decisions.len(),
            ..Turn::default()
        };
        self.write(&decisions, &input, stop, &mut turn).await?;
        Ok(turn)
    }

    /// Everything the node has to say, stored before it is counted.
    async fn read(&mut self, orders: CycleOptions<'_>) -> Result<CycleInput, TurnError> {
        let now = self.clock.now();
        let node_settings = &orders.book.node;
        let stale = |at: Timestamp| now.since(at) >= node_settings.slow_interval || at > now;
        if self.asked_at.is_none_or(stale) {
            let info = self.node.info().await?;
            self.store.bind_node(&info.pubkey).await?;
            if self.asked_at.is_none() {
                self.learn_closed().await?;
            }
            self.asked_at = Some(now);
        }
        let seen = self.node.observe(now).await?;
        self.learn(&seen).await?;
        self.read_history(now).await?;
        let mut input = CycleInput::new(seen, orders.book, orders.observe_only, self.cursor.from);
        input.look_again = std::mem::take(&mut self.look_again);
        input.report_due = orders.report_due;
        self.begin(now);
        turn::meet(&mut self.memory, &input);
        self.count_forwards(&mut input).await?;
        Ok(input)
    }

    /// Keeps what is remembered now, if no stored turn could be decided again
    /// from what the store has, or has had for long.
    fn begin(&mut self, now: Timestamp) {
        let old = |at: Timestamp| now.since(at) >= BEGINNINGS || at > now;
        let due = !self.stored || self.checkpoint_at.is_none_or(old);
        self.checkpoint = due.then(|| Checkpoint::of(&self.memory, &self.ids, self.stored));
        self.stored = false;
    }

    async fn read_history(&mut self, now: Timestamp) -> Result<(), TurnError> {
        let from = self.cursor;
        let mut events = 0;
        self.cursor = history::read(&self.node, &self.store, from, now, |cursor, read| {
            events += read;
            if read >= history::PAGE_EVENTS as usize {
                info!(
                    events,
                    through = %cursor.through,
                    days_left = now.days_since(cursor.through).round(),
                    "reading forwarding history"
                );
            }
        })
        .await?;
        debug!(events, through = %self.cursor.through, "forwarding history read");
        Ok(())
    }

    /// Learns the scids of open channels.
    async fn learn(&mut self, seen: &Observation) -> Result<(), StoreError> {
        let new: Vec<(Scid, ChannelPoint)> = seen
            .channels
            .values()
            .flat_map(|channel| channel.scids().map(|scid| (scid, channel.point)))
            .filter(|(scid, point)| self.ids.resolve(*scid) != Some(*point))
            .collect();
        self.learn_ids(new).await
    }

    /// Learns the scids of closed channels, which old forwards name.
    async fn learn_closed(&mut self) -> Result<(), TurnError> {
        let closed = match self.node.closed_channels().await {
            Ok(closed) => closed,
            Err(NodeError::Denied(reason)) => {
                debug!(
                    reason,
                    "closed channels may not be read: their old forwards stay unnamed"
                );
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let new = closed
            .iter()
            .flat_map(|channel| channel.scids.iter().map(|scid| (*scid, channel.point)))
            .filter(|(scid, _)| self.ids.resolve(*scid).is_none())
            .collect();
        Ok(self.learn_ids(new).await?)
    }

    async fn learn_ids(&mut self, new: Vec<(Scid, ChannelPoint)>) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        self.store.add_ids(&new).await?;
        for (scid, point) in new {
            self.ids.insert(scid, point);
        }
        Ok(())
    }

    /// Counts what is stored but not counted yet. Rates depend on settle times
    /// alone, so nothing is lost or counted twice over a restart.
    async fn count_forwards(&mut self, input: &mut CycleInput) -> Result<(), StoreError> {
        loop {
            let after = self.memory.node.ingested_seq;
            let chunk = self.store.forwards_after(after, ABSORB_CHUNK).await?;
            let Some(last) = chunk.last() else {
                input.counted_through = after;
                return Ok(());
            };
            let forwards = chunk.iter().map(|stored| stored.forward);
            turn::count(&mut self.memory, &self.ids, input, forwards, last.seq);
        }
    }

    fn revise_recommendations(&mut self, input: &CycleInput) {
        let windows = self.memory.node.windows.unwrap_or_default();
        for (point, news) in turn::recommend(&mut self.memory, input) {
            if let (Some(channel), Some(memory)) = (
                input.seen.channels.get(&point),
                self.memory.channels.get(&point),
            ) {
                let tpm = memory.flow.tpm_history(input.seen.at, windows);
                log::prune(channel, tpm, &news);
            }
        }
    }

    /// Closes writes of unknown outcome by what the node shows.
    async fn settle_pending(&mut self, seen: &Observation) -> Result<(), StoreError> {
        let mut open = vec![];
        for pending in std::mem::take(&mut self.pending) {
            let point = pending.intent.point;
            let memory = self.memory.channels.get(&point);
            let unresolved = memory
                .and_then(|memory| memory.fee.last_write)
                .is_some_and(|write| write.unresolved && write.to == pending.intent.to);
            let (true, Some(memory)) = (!unresolved, memory) else {
                open.push(pending);
                continue;
            };
            let on_node = seen.channels.get(&point).and_then(|channel| channel.policy);
            let done = on_node.is_some_and(|policy| policy.fees == pending.intent.to);
            let outcome = if done {
                WriteOutcome::Confirmed
            } else {
                WriteOutcome::NotDone
            };
            let detail = "settled by a later read";
            self.store
                .finish_write(pending.id, seen.at, outcome, detail, memory)
                .await?;
        }
        self.pending = open;
        Ok(())
    }

    /// Decides; asks the node whether it is synced only if something is to be
    /// written, and if it is not, decides again knowing that.
    async fn decide(&mut self, input: &mut CycleInput) -> Vec<Decision> {
        let before = self.memory.clone();
        let decisions = turn::decide(&mut self.memory, input);
        let writes = decisions
            .iter()
            .any(|decision| matches!(decision.verdict, Verdict::Change { .. }));
        if !writes {
            return decisions;
        }
        match self.node.info().await {
            Ok(info) if info.synced_to_chain => return decisions,
            Ok(_) => info!("the node is not synced to the chain: nothing is written now"),
            Err(error) => warn!(%error, "the node's state is unknown: nothing is written now"),
        }
        self.memory = before;
        input.node_ready = false;
        turn::decide(&mut self.memory, input)
    }

    async fn write(
        &mut self,
        decisions: &[Decision],
        input: &CycleInput,
        stop: &CancellationToken,
        turn: &mut Turn,
    ) -> Result<(), TurnError> {
        for (decision, to) in write::in_order(decisions, &self.memory) {
            let point = decision.point;
            let (Some(channel), Some(memory)) = (
                input.seen.channels.get(&point),
                self.memory.channels.get_mut(&point),
            ) else {
                continue;
            };
            let settings = input.settings.get(&point);
            if !settings.is_some_and(ChannelSettings::writes) {
                continue;
            }
            if stop.is_cancelled() {
                info!(%point, "stopping: a decided change is not begun");
                return Ok(());
            }
            let job = write::Job {
                channel,
                decision,
                to,
            };
            self.stored = false;
            let done = write::write(
                &self.node,
                &self.writer,
                &self.store,
                &self.clock,
                job,
                memory,
            )
            .await?;
            self.stored = done.unstored.is_none();
            match done.outcome {
                WriteOutcome::Confirmed => turn.changed += 1,
                _ => turn.failed += 1,
            }
            self.pending.extend(done.pending);
            if let Some(error) = done.unstored {
                return Err(error.into());
            }
            if let Some(error) = done.closed {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

fn tell(input: &CycleInput, events: &[(ChannelPoint, FeeEvent)]) {
    for (point, event) in events {
        let channel = input.seen.channels.get(point);
        if let (Some(channel), Some(settings)) = (channel, input.settings.get(point)) {
            log::fee_event(channel, event, settings.pace.foreign_hands_off);
        }
    }
}
