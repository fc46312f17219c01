//! The pure part of a turn: what is remembered, moved along by what the turn
//! is given. The daemon, `replay` and `backtest` all go through here, so that a
//! stored turn is decided again by the very steps that decided it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::engine::decide;
use crate::engine::ingest::{self, FeeEvent};
use crate::prune::recommend::{self, News};
use crate::settings::layers::SettingsLayers;
use crate::settings::values::{ChannelSettings, NodeSettings};
use crate::state::memory::Memory;
use crate::types::channel::{Channel, ChannelIds, ChannelPoint, Scid};
use crate::types::observation::{Forward, Observation};
use crate::types::time::Timestamp;

/// Everything a turn decides from, beside what is remembered and the forwards.
/// It is stored, so what is added to it later must have a serde default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleInput {
    /// What the node said.
    pub seen: Observation,
    /// What holds for each channel seen.
    pub settings: BTreeMap<ChannelPoint, ChannelSettings>,
    /// What holds for the node.
    pub node: NodeSettings,
    /// From when on the stored forwards are complete.
    pub history_from: Timestamp,
    /// The last stored forward that the turn counts.
    pub counted_through: i64,
    /// Whether every channel is to be looked at, as after a change of settings.
    pub look_again: bool,
    /// Whether the daily report is due.
    pub report_due: bool,
    /// Whether the node could be written to, as far as that was asked.
    pub node_ready: bool,
}

impl CycleInput {
    /// What a turn is given that saw `seen` under `book`.
    pub fn new(
        seen: Observation,
        book: &SettingsLayers,
        observe_only: bool,
        history_from: Timestamp,
    ) -> Self {
        let mut input = Self {
            seen,
            settings: BTreeMap::new(),
            node: book.node,
            history_from,
            counted_through: 0,
            look_again: false,
            report_due: false,
            node_ready: true,
        };
        input.settle(book, observe_only);
        input
    }

    /// Has `book` hold for everything seen.
    pub fn settle(&mut self, book: &SettingsLayers, observe_only: bool) {
        let seen = &self.seen;
        let effective = |channel: &Channel| ChannelSettings {
            observe_only,
            ..book.resolve(channel, seen.tip, seen.at)
        };
        let channels = seen.channels.iter();
        self.settings = channels.map(|(point, c)| (*point, effective(c))).collect();
        self.node = book.node;
    }
}

/// What was remembered when a turn began: a place from which stored turns can
/// be decided again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whether this is what the stored turn before it left. It is not after
    /// work that could not be stored.
    pub follows: bool,
    /// What was remembered.
    pub memory: Memory,
    /// Every name of the channels remembered.
    pub names: Vec<(Scid, ChannelPoint)>,
}

impl Checkpoint {
    /// As of now.
    pub fn of(memory: &Memory, ids: &ChannelIds, follows: bool) -> Self {
        let remembered = |(_, point): &(Scid, ChannelPoint)| memory.channels.contains_key(point);
        Self {
            follows,
            memory: memory.clone(),
            names: ids.iter().filter(remembered).collect(),
        }
    }
}

/// Meets the channels seen. With other time constants than before, every
/// forward is to be counted afresh.
pub fn meet(memory: &mut Memory, input: &CycleInput) {
    if input.look_again {
        for channel in memory.channels.values_mut() {
            channel.fee.retry = true;
        }
    }
    ingest::newcomers(memory, &input.seen, input.history_from);
    let windows = ingest::windows(&input.node);
    if memory.node.windows != Some(windows) {
        memory.node.windows = Some(windows);
        memory.forget_forwards();
    }
}

/// Counts the next stored forwards, the last of which is number `through`.
pub fn count(
    memory: &mut Memory,
    ids: &ChannelIds,
    input: &CycleInput,
    forwards: impl IntoIterator<Item = Forward>,
    through: i64,
) {
    ingest::forwards(memory, ids, &input.node, forwards, input.seen.at);
    memory.node.ingested_seq = through;
}

/// Takes in what the node said; tells what happened to fees.
pub fn watch(memory: &mut Memory, input: &CycleInput) -> Vec<(ChannelPoint, FeeEvent)> {
    ingest::observation(memory, &input.seen, &input.settings, &input.node)
}

/// Decides every channel that is due.
pub fn decide(memory: &mut Memory, input: &CycleInput) -> Vec<Decision> {
    let CycleInput { seen, settings, .. } = input;
    decide::decide(memory, seen, settings, &input.node, input.node_ready)
}

/// Notes what is recommended now; tells what is new about it.
pub fn recommend(memory: &mut Memory, input: &CycleInput) -> Vec<(ChannelPoint, News)> {
    recommend::revise(memory, &input.seen, &input.settings, input.report_due)
}
