//! One cycle of the daemon: read, decide, record, write, record.
//!
//! Every step leaves the store such that a kill at any moment loses nothing:
//! forwards are stored before they are counted, decisions before they are
//! acted on, and a write's intent before the write. What really holds is read
//! from the node again at the next cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::history::{self, HistoryError};
use super::{log, write};
use sweetspot_core::engine::checkpoint::StoreStanding;
use sweetspot_core::engine::cycle::{CycleOutcome, DueChange, Engine};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::{
    Clock, CycleRecord, HistoryCursor, Node, NodeError, PolicyWriter, Store, StoreError,
};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::orders::Orders;
use sweetspot_core::types::channel::{ChannelPoint, PeerId, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// The longest that one cycle reads history: the watchdog waits 15 minutes for a whole
/// cycle. What is read is kept, and the next cycle goes on from there.
const HISTORY_TIME: Duration = Duration::from_secs(180);

/// When closed channels that could not be listed are asked for again.
const CLOSED_AGAIN_AFTER: Duration = Duration::from_secs(3_600);

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
    /// Why history could not be read in the last cycle.
    history_error: Option<CleanText>,
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
    standing: StoreStanding,
    /// Whether the next cycle is to look at every channel.
    look_again: bool,
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
            standing: StoreStanding::loaded(loaded.cycles_since_checkpoint, loaded.complete),
            look_again: false,
        })
    }

    /// Has every channel looked at in the next cycle, as after a change of
    /// settings: new bounds and pins need not wait for the channel's turn.
    pub fn look_again(&mut self) {
        self.look_again = true;
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
            checkpoint: checkpoint.as_ref(),
        };
        self.store.record_cycle(record).await?;
        self.standing.cycle_stored(checkpoint.is_some());
        // Not before: what it stores of a channel holds forwards that only the
        // record above marks as counted.
        self.settle(&outcome.input.seen).await?;
        log::decisions(&outcome.decisions, &outcome.input.seen);
        let mut summary = CycleSummary {
            channels: outcome.input.seen.channels.len(),
            decisions: outcome.decisions.len(),
            ..CycleSummary::default()
        };
        self.write(&outcome, stop, &mut summary).await?;
        Ok(summary)
    }

    /// Everything the node has to say, stored before it is counted.
    async fn read(&mut self, options: CycleOptions<'_>) -> Result<CycleInput, CycleError> {
        let reading = self.clock.reading();
        let known = &self.engine.memory().node;
        let step = known.clock.step(reading, known.seen_at);
        let now = match &step {
            Some(step) => step.to.wall,
            None => known.clock.now(reading),
        };
        self.ask_node().await?;
        let seen = self.node.observe(now).await?;
        self.tell_unread(&seen);
        self.learn(&seen).await?;
        let history_read = self.try_history(now).await?;
        let mut layers = self.by_known_names(options.layers, &seen).await?;
        layers.orders = self.orders(now).await?;
        let from = self.cursor.from;
        let mut input = CycleInput::new(seen, &layers, options.observe_only, from);
        let known = &self.engine.memory().node;
        let fresh = layers
            .orders
            .fresh(known.orders_through, known.seen_at, now);
        log::orders(&layers.orders, known.orders_through, &input.seen);
        input.ordered = fresh;
        input.node_ready = self.known.synced;
        input.history_read = history_read;
        input.clock = step;
        input.look_again = std::mem::take(&mut self.look_again);
        input.report_due = options.report_due;
        Ok(input)
    }

    /// The settings with the names by which their rules know the peers seen. A
    /// name counts only once it is stored: it is to hold over restarts.
    async fn by_known_names(
        &mut self,
        layers: &SettingsLayers,
        seen: &Observation,
    ) -> Result<SettingsLayers, StoreError> {
        let mut names = self.names.clone();
        let renamed = names.learn(&layers.alias_patterns(), seen);
        if names != self.names {
            self.store.save_names(&names).await?;
            self.names = names;
        }
        renamed.iter().for_each(log::renamed);
        Ok(SettingsLayers {
            names: self.names.clone(),
            ..layers.clone()
        })
    }

    /// What the operator has ordered. One that was given by a clock ahead of ours
    /// holds from now on.
    async fn orders(&self, now: Timestamp) -> Result<Orders, StoreError> {
        let mut orders = self.store.orders().await?;
        for order in &mut orders.0 {
            order.at = order.at.min(now);
        }
        Ok(orders)
    }

    /// Who the node is, and whether it follows the chain: only then is it
    /// written to.
    async fn ask_node(&mut self) -> Result<(), CycleError> {
        let info = self.node.info().await?;
        if self.known.pubkey.as_ref() != Some(&info.pubkey) {
            self.store.bind_node(&info.pubkey.to_string()).await?;
            if self.known.pubkey.replace(info.pubkey).is_none() {
                self.known.synced = true;
                self.learn_closed().await?;
            }
        }
        if self
            .known
            .closed_again_at
            .is_some_and(|at| self.now() >= at)
        {
            self.learn_closed().await?;
        }
        if std::mem::replace(&mut self.known.synced, info.synced_to_chain) != info.synced_to_chain {
            log::synced(info.synced_to_chain);
        }
        Ok(())
    }

    /// Reads history; `false` if the node answers everything else, but not that.
    async fn try_history(&mut self, now: Timestamp) -> Result<bool, CycleError> {
        match self.read_history(now).await {
            Ok(()) => {
                if self.known.history_error.take().is_some() {
                    log::history_read_again();
                }
                Ok(true)
            }
            Err(CycleError::Node(NodeError::Other(said))) => {
                if self.known.history_error.as_ref() != Some(&said) {
                    log::history_unread(&said);
                }
                self.known.history_error = Some(said);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Tells, when that changes, of which channels the policy cannot be read.
    fn tell_unread(&mut self, seen: &Observation) {
        let now: BTreeMap<ChannelPoint, CleanText> = seen
            .channels
            .iter()
            .filter_map(|(point, channel)| Some((*point, channel.policy_error.clone()?)))
            .collect();
        let before = std::mem::take(&mut self.known.unread);
        for (point, channel) in &seen.channels {
            match (before.get(point), now.get(point)) {
                (None, Some(error)) => log::policy_unread(channel, error),
                (Some(_), None) => log::policy_read_again(channel),
                _ => {}
            }
        }
        self.known.unread = now;
    }

    async fn read_history(&mut self, now: Timestamp) -> Result<(), CycleError> {
        let from = self.cursor;
        let (mut events, mut through) = (0, from);
        let reading = history::read(&self.node, &self.store, from, now, |page| {
            let (cursor, read) = (page.cursor, page.records);
            events += read;
            through = cursor;
            log::quarantined(page.quarantined);
            if read >= history::PAGE_EVENTS as usize {
                info!(
                    events,
                    through = %cursor.through,
                    days_left = now.days_since(cursor.through).round(),
                    "reading forwarding history"
                );
            }
        });
        let read = timeout(HISTORY_TIME, reading).await;
        self.cursor = match read {
            Ok(read) => read?,
            Err(_) => {
                self.cursor = through;
                let said = "it takes long, and goes on in the next cycle";
                return Err(NodeError::Other(said.into()).into());
            }
        };
        debug!(events, through = %self.cursor.through, "forwarding history read");
        Ok(())
    }

    /// Learns the scids of open channels.
    async fn learn(&mut self, seen: &Observation) -> Result<(), StoreError> {
        let new: Vec<(Scid, ChannelPoint)> = seen
            .channels
            .values()
            .flat_map(|channel| channel.scids().map(|scid| (scid, channel.point)))
            .filter(|(scid, point)| self.engine.resolve(*scid) != Some(*point))
            .collect();
        self.learn_ids(new).await
    }

    /// Learns the scids of closed channels, which old forwards name. Nothing else
    /// needs them: without them, those forwards stay unnamed until the next
    /// start.
    async fn learn_closed(&mut self) -> Result<(), CycleError> {
        self.known.closed_again_at = None;
        let closed = match self.node.closed_channels().await {
            Ok(closed) => closed,
            Err(error) => {
                log::closed_unread(&error);
                self.known.closed_again_at = Some(self.now().plus(CLOSED_AGAIN_AFTER));
                return Ok(());
            }
        };
        let new = closed
            .iter()
            .flat_map(|channel| channel.scids.iter().map(|scid| (*scid, channel.point)))
            .filter(|(scid, _)| self.engine.resolve(*scid).is_none())
            .collect();
        Ok(self.learn_ids(new).await?)
    }

    async fn learn_ids(&mut self, new: Vec<(Scid, ChannelPoint)>) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        self.store.add_ids(&new).await?;
        for (scid, point) in new {
            self.engine.learn(scid, point);
        }
        Ok(())
    }

    /// Stores the end of changes that the store holds open: as it is remembered,
    /// or, where it is not, by what the node shows.
    async fn settle(&mut self, seen: &Observation) -> Result<(), StoreError> {
        for (point, change) in std::mem::take(&mut self.open_changes) {
            let Some(memory) = self.engine.channel(point) else {
                self.open_changes.insert(point, change);
                continue;
            };
            let last = memory.fee.last_change.as_ref();
            if last.is_some_and(|last| last.is_open() && last.to == change.to) {
                self.open_changes.insert(point, change);
                continue;
            }
            let on_node = seen.channels.get(&point).and_then(|channel| channel.policy);
            let done = on_node.is_some_and(|policy| policy.fees == change.to);
            let stage = if done {
                Stage::Confirmed
            } else {
                Stage::NotApplied
            };
            let ended = if change.is_open() {
                change.ended(stage, seen.at, "settled by a later read")
            } else {
                change
            };
            self.store.record_change(point, &ended).await?;
        }
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
        for due in changes {
            if !self.known.synced {
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
        let change = FeeChange::intended(from, due.to, self.now());
        self.note(point, &change).await?;
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
