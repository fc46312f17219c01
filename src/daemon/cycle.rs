//! One cycle of the daemon: read, decide, record, write, record.
//!
//! Every step leaves the store such that a kill at any moment loses nothing:
//! forwards are stored before they are counted, decisions before they are
//! acted on, and a write's intent before the write. What really holds is read
//! from the node again at the next cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::history::HistoryError;
use super::{log, write};
use sweetspot_core::engine::checkpoint::StoreStanding;
use sweetspot_core::engine::cycle::{CycleOutcome, DueChange, Engine};
use sweetspot_core::ports::{
    Clock, CycleRecord, HistoryCursor, Node, NodeError, PolicyWriter, Store, StoreError,
};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::preparation::Goal;
use sweetspot_core::types::channel::{ChannelPoint, PeerId};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

mod forwarded;
mod reading;

/// How long after a cycle's first update another is begun: what is due stays due. One
/// update may take three minutes on a node that is slow, and the watchdog waits 15
/// minutes for a whole cycle.
const WRITE_TIME: Duration = Duration::from_secs(120);

/// Why a cycle came to nothing. The next one starts afresh.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The node did not answer.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<HistoryError> for CycleError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Node(error) => Self::Node(error),
            HistoryError::Store(error) => Self::Store(error),
        }
    }
}

/// What a cycle did, for the log and the watchdog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CycleSummary {
    /// Channels seen.
    pub channels: usize,
    /// Decisions made.
    pub decisions: usize,
    /// Policies changed and confirmed.
    pub changed: usize,
    /// Changes that were to be made but were not confirmed.
    pub failed: usize,
}

/// What a cycle is to go by.
#[derive(Clone, Copy)]
pub struct CycleOptions<'a> {
    /// What the operator wants.
    pub layers: &'a SettingsLayers,
    /// Whether everything is observed only, whatever the settings say.
    pub observe_only: bool,
    /// Whether the daily report is due.
    pub report_due: bool,
}

/// The node as this process knows it.
#[derive(Default)]
struct KnownNode {
    /// Its public key, once the store was bound to it.
    pubkey: Option<PeerId>,
    /// Whether it followed the chain when last asked.
    synced: bool,
    /// When to ask for closed channels again, if the last try failed.
    closed_again_at: Option<Timestamp>,
    /// What the wall clock said when history was last read to its end.
    history_read_at: Option<Timestamp>,
    /// Why history could not be read in the last cycle.
    history_error: Option<CleanText>,
    /// What the operator prepares for, and since when.
    preparing: Option<(Timestamp, Goal)>,
    /// The channels whose policy could not be read, and why.
    unread: BTreeMap<ChannelPoint, CleanText>,
}

/// What runs one cycle after the other, and what it keeps between them.
pub struct Cycle<N, W, S, C> {
    node: N,
    writer: W,
    store: S,
    clock: C,
    engine: Engine,
    cursor: HistoryCursor,
    /// Fee changes whose end the store does not know.
    open_changes: BTreeMap<ChannelPoint, FeeChange>,
    known: KnownNode,
    names: AliasPins,
    latches: Latches,
    standing: StoreStanding,
    /// Whether the next cycle is to look at every channel.
    look_again: bool,
    /// What the last cycle came to, until somebody takes it.
    outcome: Option<CycleOutcome>,
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
        log::left_open(&loaded.open_changes);
        let first = HistoryCursor {
            from: backfill_from,
            through: backfill_from,
        };
        Ok(Self {
            node,
            writer,
            store,
            clock,
            engine: loaded.engine,
            cursor: loaded.cursor.unwrap_or(first),
            open_changes: loaded.open_changes.into_iter().collect(),
            known: KnownNode::default(),
            names: loaded.names,
            latches: loaded.latches,
            standing: StoreStanding::loaded(loaded.cycles_since_checkpoint, loaded.complete),
            look_again: false,
            outcome: None,
        })
    }

    /// Has every channel looked at in the next cycle, as after a change of
    /// settings: new bounds and pins need not wait for the channel's turn.
    pub fn look_again(&mut self) {
        self.look_again = true;
    }

    /// What the last cycle came to, once.
    pub fn take_outcome(&mut self) -> Option<CycleOutcome> {
        self.outcome.take()
    }

    /// What the operator prepares for, and since when, as the last cycle knew it.
    pub fn preparing(&self) -> Option<(Timestamp, Goal)> {
        self.known.preparing
    }

    /// When the daily report was last made.
    pub fn reported_at(&self) -> Option<Timestamp> {
        self.engine.memory().node.reported_at
    }

    /// The time by which old rows may be deleted; `None` while the clock is in doubt.
    pub fn undoubted_now(&self) -> Option<Timestamp> {
        let reading = self.clock.reading();
        let known = &self.engine.memory().node;
        let step = known.clock.step(reading, known.seen_at);
        let now = known.clock.now(reading);
        let doubted = step.is_some_and(|step| step.doubted_for.is_some())
            || known.clock.doubted_at(now).is_some();
        (!doubted).then_some(now)
    }

    /// The time on the clock that limits hold on.
    fn now(&self) -> Timestamp {
        self.engine.memory().node.clock.now(self.clock.reading())
    }

    /// The store, to be closed.
    pub fn into_store(self) -> S {
        self.store
    }

    /// The store, for what the daemon does between cycles.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// One cycle. `stop` ends reading at once and lets a write in flight finish
    /// before it ends writing.
    pub async fn run(
        &mut self,
        options: CycleOptions<'_>,
        stop: &CancellationToken,
    ) -> Result<CycleSummary, CycleError> {
        let Some(input) = stop.run_until_cancelled(self.read(options)).await else {
            return Ok(CycleSummary::default());
        };
        let input = input?;
        let due = self.standing.checkpoint_due();
        let checkpoint = due.map(|follows| self.engine.checkpoint(follows));
        self.standing.moved_on();
        let mut counting = self.engine.begin(input);
        log::clock_set(counting.input());
        let counted = self.store.count_through(&mut counting, i64::MAX);
        match stop.run_until_cancelled(counted).await {
            Some(counted) => counted?,
            None => return Ok(CycleSummary::default()),
        }
        let outcome = counting.watch().decide();
        log::events(&outcome, self.engine.memory());
        log::level_moves(&outcome);
        log::advice(&outcome, self.engine.memory());
        let record = CycleRecord {
            input: &outcome.input,
            decisions: &outcome.decisions,
            market: &self.engine.memory().node.market,
            checkpoint: checkpoint.as_ref(),
        };
        self.store.record_cycle(record).await?;
        self.standing.cycle_stored(checkpoint.is_some());
        // Not before: the end that it stores is one that this cycle found, and the
        // cycle in which the change began must be decided again without it.
        self.settle(&outcome.input.seen).await?;
        log::decisions(&outcome.decisions, &outcome.input.seen);
        let mut summary = CycleSummary {
            channels: outcome.input.seen.channels.len(),
            decisions: outcome.decisions.len(),
            ..CycleSummary::default()
        };
        self.write(&outcome, stop, &mut summary).await?;
        self.outcome = Some(outcome);
        Ok(summary)
    }

    /// Stores the end of changes that the store holds open: as it is remembered,
    /// or, where it is not, by what the node shows.
    async fn settle(&mut self, seen: &Observation) -> Result<(), StoreError> {
        let points: Vec<ChannelPoint> = self.open_changes.keys().copied().collect();
        for point in points {
            if !seen.channels.contains_key(&point) {
                self.settle_gone(point, seen.at).await?;
                continue;
            }
            let (Some(change), Some(memory)) =
                (self.open_changes.get(&point), self.engine.channel(point))
            else {
                continue;
            };
            let last = memory.fee.last_change.as_ref();
            if last.is_some_and(|last| {
                last.is_open() && last.to == change.to && last.max_htlc == change.max_htlc
            }) {
                continue;
            }
            let on_node = seen.channels.get(&point).and_then(|channel| channel.policy);
            let done = on_node.is_some_and(|policy| change.is_done_in(&policy));
            let stage = if done {
                Stage::Confirmed
            } else {
                Stage::NotApplied
            };
            let mut ended = change.clone();
            if change.is_open() {
                ended = ended.ended(stage, seen.at, "settled by a later read");
            }
            // Where the store fails, the same is stored the next time.
            self.open_changes.insert(point, ended.clone());
            self.store.record_change(point, &ended).await?;
            self.open_changes.remove(&point);
        }
        Ok(())
    }

    /// The same for a channel that is gone: the node will not do it any more, and can
    /// no longer be asked.
    async fn settle_gone(&mut self, point: ChannelPoint, now: Timestamp) -> Result<(), StoreError> {
        let Some(mut ended) = self.open_changes.get(&point).cloned() else {
            return Ok(());
        };
        if ended.is_open() {
            ended = ended.ended(Stage::NotApplied, now, "the channel is gone");
            self.standing.moved_on();
            self.engine.note(point, &ended);
            self.open_changes.insert(point, ended.clone());
        }
        self.store.record_change(point, &ended).await?;
        self.standing.change_stored();
        self.open_changes.remove(&point);
        Ok(())
    }

    async fn write(
        &mut self,
        outcome: &CycleOutcome,
        stop: &CancellationToken,
        summary: &mut CycleSummary,
    ) -> Result<(), CycleError> {
        let changes = outcome.changes(self.engine.memory());
        if !changes.is_empty() {
            // Another node may stand at the same address since the cycle began: it is
            // refused here as well.
            self.ask_node().await?;
        }
        let until = Instant::now() + WRITE_TIME;
        for due in changes {
            if !self.known.synced || Instant::now() >= until {
                return Ok(());
            }
            if stop.is_cancelled() {
                log::not_begun(&due);
                return Ok(());
            }
            self.standing.moved_on();
            let stage = self.change(&due).await?;
            match stage {
                Stage::Confirmed => summary.changed += 1,
                _ => summary.failed += 1,
            }
            // A node that does not answer one update is sent no other: each could
            // take as long, and would be as uncertain. What is due stays due.
            if stage.is_open() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One fee change, from its intent to its end, each stored.
    async fn change(&mut self, due: &DueChange<'_>) -> Result<Stage, CycleError> {
        let point = due.channel.point;
        let from = due.channel.policy.map(|p| p.fees).unwrap_or_default();
        let change = FeeChange::intended(from, due.to, self.now())
            .with_max_htlc(due.decision.max_htlc_change());
        if let Err(error) = self.note(point, &change).await {
            // It may be stored all the same: a start would take it for one that the
            // node may have done.
            let detail = "its intent could not be stored";
            let ended = change.ended(Stage::NotSent, self.now(), detail);
            self.open_changes.insert(point, ended);
            return Err(error.into());
        }
        let attempt = write::attempt(&self.node, &self.writer, point, &change).await;
        let ended = change.ended(attempt.stage, self.now(), attempt.detail);
        log::fee_change(due, &ended);
        if ended.is_open() {
            self.engine.note(point, &ended);
            self.open_changes.insert(point, ended);
        } else if let Err(error) = self.note(point, &ended).await {
            // A later cycle stores it.
            self.open_changes.insert(point, ended);
            return Err(error.into());
        }
        self.standing.change_stored();
        match attempt.closed {
            Some(error) => Err(error.into()),
            None => Ok(attempt.stage),
        }
    }

    async fn note(&mut self, point: ChannelPoint, change: &FeeChange) -> Result<(), StoreError> {
        self.engine.note(point, change);
        match self.engine.channel(point) {
            Some(_) => self.store.record_change(point, change).await,
            None => Ok(()),
        }
    }
}
