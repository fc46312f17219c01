//! A daemon's memory, led once more through the turns that were stored.

use crate::decision::Decision;
use crate::engine::ingest::FeeEvent;
use crate::engine::turn::{self, Checkpoint, CycleInput};
use crate::engine::write::{self, WriteOutcome};
use crate::state::memory::Memory;
use crate::types::channel::{ChannelIds, ChannelPoint, FeeParts};
use crate::types::observation::Forward;
use crate::types::time::Timestamp;

/// A write that followed a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wrote {
    /// The channel.
    pub point: ChannelPoint,
    /// The fees as last seen.
    pub from: FeeParts,
    /// The fees to be.
    pub to: FeeParts,
    /// When it was begun.
    pub at: Timestamp,
    /// How it ended and when, if that was known before the next turn.
    pub ended: Option<(WriteOutcome, Timestamp)>,
}

/// What is remembered, between two turns.
#[derive(Clone, Debug)]
pub struct Track {
    /// What is remembered.
    pub memory: Memory,
    ids: ChannelIds,
}

impl Track {
    /// Where a stored turn began.
    pub fn at(checkpoint: Checkpoint) -> Self {
        let mut ids = ChannelIds::default();
        for (scid, point) in checkpoint.names {
            ids.insert(scid, point);
        }
        Self {
            memory: checkpoint.memory,
            ids,
        }
    }

    /// The channel that a forward left by, if it is known.
    pub fn left_by(&self, forward: &Forward) -> Option<ChannelPoint> {
        self.ids.resolve(forward.scid_out)
    }

    /// First, meets the channels seen.
    pub fn meet(&mut self, input: &CycleInput) {
        for channel in input.seen.channels.values() {
            self.ids.learn(channel);
        }
        turn::meet(&mut self.memory, input);
    }

    /// Second, counts the forwards after number [`Self::counted_through`], up
    /// to the turn's last.
    pub fn count(
        &mut self,
        input: &CycleInput,
        forwards: impl IntoIterator<Item = Forward>,
        through: i64,
    ) {
        turn::count(&mut self.memory, &self.ids, input, forwards, through);
    }

    /// The last stored forward that was counted.
    pub fn counted_through(&self) -> i64 {
        self.memory.node.ingested_seq
    }

    /// Third, takes in what was seen.
    pub fn watch(&mut self, input: &CycleInput) -> Vec<(ChannelPoint, FeeEvent)> {
        turn::watch(&mut self.memory, input)
    }

    /// Fourth, decides.
    pub fn decide(&mut self, input: &CycleInput) -> Vec<Decision> {
        let decisions = turn::decide(&mut self.memory, input);
        turn::recommend(&mut self.memory, input);
        decisions
    }

    /// Last, notes each write that followed.
    pub fn wrote(&mut self, wrote: &Wrote) {
        let Some(channel) = self.memory.channels.get_mut(&wrote.point) else {
            return;
        };
        write::begun(&mut channel.fee, wrote.from, wrote.to, wrote.at);
        if let Some((outcome, at)) = wrote.ended {
            write::ended(&mut channel.fee, wrote.to, outcome, at);
        }
    }
}
