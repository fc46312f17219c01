//! One cycle: the channels seen are met, the forwards counted, what was seen is
//! taken in, then every channel that is due is decided. The order is kept by the
//! types: each step is a method of what the step before returns.
//!
//! ```text
//! Engine::begin(input) -> Counting
//! Counting::count(forwards)        any number of times
//! Counting::watch() -> Watched
//! Watched::decide() -> CycleOutcome
//! Engine::note(point, change)      for each stage of each fee change
//! ```
//!
//! The daemon, `replay`, `backtest` and the league all go through here, so that
//! a stored cycle is decided again by the very steps that decided it.

use super::checkpoint::Checkpoint;
use super::decide;
use super::ingest::{self, FeeEvent};
use super::input::CycleInput;
use crate::decision::{Decision, LevelMove, Trigger, Verdict};
use crate::limits::guard;
use crate::prune::recommend::{self, News};
use crate::state::memory::{ChannelMemory, Memory, NodeMemory};
use crate::strategy;
use crate::types::channel::{Channel, ChannelIds, ChannelPoint, FeeParts, Scid};
use crate::types::day_total::{DayRange, DayTotals};
use crate::types::fee_change::FeeChange;
use crate::types::observation::{Forward, StoredForward};
use crate::types::time::Timestamp;

/// What cycles start from and leave behind.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    memory: Memory,
    ids: ChannelIds,
    /// Where days were counted in place of their forwards: the day after the last
    /// of them, and the number of the last forward that was stored by then.
    summed: Option<(i64, i64)>,
}

impl Engine {
    /// As remembered. What is stored of a memory lacks its forwards: all are to be
    /// counted again.
    pub fn new(mut memory: Memory, ids: ChannelIds) -> Self {
        memory.forget_forwards();
        Self {
            memory,
            ids,
            summed: None,
        }
    }

    /// Where a stored cycle began.
    pub fn at(checkpoint: Checkpoint) -> Self {
        let mut ids = ChannelIds::default();
        for (scid, point) in checkpoint.names {
            ids.insert(scid, point);
        }
        Self::new(checkpoint.memory, ids)
    }

    /// Where a stored cycle began, with the forwards that `other` has counted up to
    /// there: to go on without counting them again. One that lacks a cycle before it,
    /// which could not be stored, may lack that the clock was set in it: what it has
    /// counted is another past's.
    pub fn at_with_forwards(checkpoint: Checkpoint, other: &Self) -> Self {
        let stands = |node: &NodeMemory| (node.ingested_seq, node.seen_at, node.clock);
        let there = stands(&checkpoint.memory.node);
        let mut engine = Self::at(checkpoint);
        if stands(&other.memory.node) == there {
            engine.memory.take_over_forwards(&other.memory);
            engine.summed = other.summed;
        }
        engine
    }

    /// This very place; `follows` if the stored cycles lead here.
    pub fn checkpoint(&self, follows: bool) -> Checkpoint {
        Checkpoint::of(&self.memory, &self.ids, follows)
    }

    /// What is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The same, and nothing else.
    pub fn into_memory(self) -> Memory {
        self.memory
    }

    /// What is remembered of a channel.
    pub fn channel(&self, point: ChannelPoint) -> Option<&ChannelMemory> {
        self.memory.channels.get(&point)
    }

    /// The channel that a scid names, if it is known.
    pub fn resolve(&self, scid: Scid) -> Option<ChannelPoint> {
        self.ids.resolve(scid)
    }

    /// Learns what a scid names.
    pub fn learn(&mut self, scid: Scid, point: ChannelPoint) {
        let new = self.ids.insert(scid, point);
        if new && self.memory.channels.contains_key(&point) {
            self.forget_forwards();
        }
    }

    fn forget_forwards(&mut self) {
        self.memory.forget_forwards();
        self.summed = None;
    }

    /// The last stored forward counted so far: the next are those after it.
    pub fn counted_through(&self) -> i64 {
        self.memory.node.ingested_seq
    }

    /// Counts the next stored forwards, in the order of storing.
    pub fn count(&mut self, chunk: &[StoredForward]) {
        let Some(last) = chunk.last() else {
            return;
        };
        let summed = self.summed;
        let in_days = |stored: &StoredForward| {
            let day = stored.forward.settled_at.utc_day();
            summed.is_some_and(|(until, through)| day < until && stored.seq <= through)
        };
        let new = chunk.iter().filter(|stored| !in_days(stored));
        let forwards = new.map(|stored| stored.forward);
        ingest::forwards(&mut self.memory, &self.ids, forwards);
        self.memory.node.ingested_seq = last.seq;
    }

    /// The days to count in place of their forwards at `now`; none once something
    /// is counted.
    pub fn days_to_count(&self, now: Timestamp) -> Option<DayRange> {
        (self.counted_through() == 0).then(|| ingest::days_to_count(&self.memory, now))
    }

    /// Counts days in place of their forwards.
    pub fn count_days(&mut self, totals: &DayTotals, days: DayRange) {
        ingest::days(&mut self.memory, &self.ids, totals);
        self.summed = Some((days.until, totals.through));
        self.memory.node.ingested_seq = totals.before;
    }

    /// Begins a cycle: meets the channels seen.
    pub fn begin(&mut self, input: CycleInput) -> Counting<'_> {
        let mut to_recount = false;
        for channel in input.seen.channels.values() {
            to_recount |= self.ids.learn(channel);
        }
        let memory = &mut self.memory;
        if let Some(step) = &input.clock {
            memory.take_clock(step);
            to_recount |= step.doubted_for.is_some();
        }
        let windows = input.node.windows();
        if input.look_again {
            for channel in memory.channels.values_mut() {
                channel.fee.retry = true;
            }
        }
        to_recount |= ingest::newcomers(memory, &input.seen, input.history_from);
        // A forward may have been counted before its channel was known. With other
        // windows than before, or by a clock that was ahead, forwards may have been
        // forgotten that count now: all are counted afresh.
        to_recount |= memory.node.seen_at.is_some_and(|at| at > input.seen.at);
        to_recount |= memory.node.windows.replace(windows) != Some(windows);
        if to_recount {
            self.forget_forwards();
        }
        Counting {
            engine: self,
            input,
        }
    }

    /// Notes how far a fee change of this channel has come.
    pub fn note(&mut self, point: ChannelPoint, change: &FeeChange) {
        if let Some(channel) = self.memory.channels.get_mut(&point) {
            guard::note(&mut channel.fee, change);
        }
    }
}

/// A cycle whose forwards are being counted.
#[derive(Debug)]
pub struct Counting<'e> {
    engine: &'e mut Engine,
    input: CycleInput,
}

impl<'e> Counting<'e> {
    /// The last stored forward counted so far: the next are those after it.
    pub fn counted_through(&self) -> i64 {
        self.engine.counted_through()
    }

    /// What the cycle is given.
    pub fn input(&self) -> &CycleInput {
        &self.input
    }

    /// Counts the next stored forwards, in the order of storing.
    pub fn count(&mut self, chunk: &[StoredForward]) {
        self.engine.count(chunk);
    }

    /// The days to count in place of their forwards; none once something is counted.
    pub fn days_to_count(&self) -> Option<DayRange> {
        self.engine.days_to_count(self.input.seen.at)
    }

    /// Counts days in place of their forwards.
    pub fn count_days(&mut self, totals: &DayTotals, days: DayRange) {
        self.engine.count_days(totals, days);
    }

    /// Counts what is not counted yet of all stored forwards, in the order of
    /// storing.
    pub fn count_rest(&mut self, all: &[StoredForward]) {
        let first = all.partition_point(|stored| stored.seq <= self.counted_through());
        self.count(&all[first..]);
    }

    /// Takes in what the node said.
    pub fn watch(mut self) -> Watched<'e> {
        self.input.counted_through = self.counted_through();
        let CycleInput {
            seen,
            settings,
            node,
            ordered,
            orders_through,
            ..
        } = &self.input;
        let memory = &mut self.engine.memory;
        let seen_at = memory.node.seen_at;
        let first_look = seen_at.is_none_or(|at| seen.at.since(at) >= node.slow_interval);
        let (mut events, level_moves) = ingest::observation(memory, seen, settings, node);
        events.extend(ingest::ordered(memory, seen, ordered));
        memory.node.orders_through = *orders_through;
        Watched {
            engine: self.engine,
            input: self.input,
            first_look,
            events,
            level_moves,
        }
    }
}

/// A cycle that has taken in everything and decides next.
#[derive(Debug)]
pub struct Watched<'e> {
    engine: &'e mut Engine,
    input: CycleInput,
    first_look: bool,
    events: Vec<(ChannelPoint, FeeEvent)>,
    level_moves: Vec<LevelMove>,
}

impl Watched<'_> {
    /// What the cycle is given.
    pub fn input(&self) -> &CycleInput {
        &self.input
    }

    /// What happened to fees since the last cycle.
    pub fn events(&self) -> &[(ChannelPoint, FeeEvent)] {
        &self.events
    }

    /// The channel that a forward left by, if it is known.
    pub fn left_by(&self, forward: &Forward) -> Option<ChannelPoint> {
        self.engine.resolve(forward.scid_out)
    }

    /// Has what strategies learned about the market be as `other` has it: prices
    /// that were never posted teach nothing.
    pub fn adopt_learned(&mut self, other: &Self) {
        for strategy in strategy::all() {
            strategy.adopt_learned(&mut self.engine.memory, &other.engine.memory);
        }
    }

    /// Decides every channel that is due, and notes what is recommended.
    pub fn decide(self) -> CycleOutcome {
        let (memory, input) = (&mut self.engine.memory, self.input);
        let CycleInput {
            seen,
            settings,
            node,
            ..
        } = &input;
        let decisions = decide::decide(
            memory,
            seen,
            settings,
            node,
            input.readiness(self.first_look),
        );
        let advice = recommend::revise(memory, seen, settings, input.report_due);
        CycleOutcome {
            input,
            events: self.events,
            level_moves: self.level_moves,
            decisions,
            advice,
        }
    }
}

/// What a cycle came to; what is remembered has moved along with it.
#[derive(Clone, Debug)]
pub struct CycleOutcome {
    /// What the cycle was given.
    pub input: CycleInput,
    /// What happened to fees since the last cycle.
    pub events: Vec<(ChannelPoint, FeeEvent)>,
    /// How the price levels moved.
    pub level_moves: Vec<LevelMove>,
    /// A verdict on each channel that was due.
    pub decisions: Vec<Decision>,
    /// What is new about prune recommendations.
    pub advice: Vec<(ChannelPoint, News)>,
}

/// A decided change that may be written.
#[derive(Clone, Copy, Debug)]
pub struct DueChange<'a> {
    /// The channel as the decision saw it.
    pub channel: &'a Channel,
    /// The decision.
    pub decision: &'a Decision,
    /// The fees to be.
    pub to: FeeParts,
}

impl CycleOutcome {
    /// The decided changes in the order of writing: protective raises first,
    /// then the longest waiting. Nothing in observe mode.
    pub fn changes(&self, memory: &Memory) -> Vec<DueChange<'_>> {
        let due = |decision: &'_ Decision| match decision.verdict {
            Verdict::Change { to } => Some(to),
            _ => None,
        };
        let mut changes: Vec<DueChange<'_>> = self
            .decisions
            .iter()
            .filter_map(|decision| {
                let settings = self.input.settings.get(&decision.point)?;
                let channel = self.input.seen.channels.get(&decision.point)?;
                settings.writes().then_some(())?;
                due(decision).map(|to| DueChange {
                    channel,
                    decision,
                    to,
                })
            })
            .collect();
        changes.sort_by_key(|change| {
            let point = change.decision.point;
            let fee = memory.channels.get(&point).map(|m| &m.fee);
            (
                change.decision.trigger == Trigger::Scheduled,
                fee.and_then(|fee| fee.waiting_since),
                fee.and_then(|fee| fee.written_at),
                point,
            )
        });
        changes
    }
}

#[cfg(test)]
mod tests;
