//! A daemon's memory, led once more through the turns that were stored.

use crate::decision::Decision;
use crate::engine::ingest::FeeEvent;
use crate::engine::turn::{self, Beginning, Given};
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
    pub fn at(beginning: Beginning) -> Self {
        let mut ids = ChannelIds::default();
        for (scid, point) in beginning.names {
            ids.insert(scid, point);
        }
        Self {
            memory: beginning.memory,
            ids,
        }
    }

    /// The channel that a forward left by, if it is known.
    pub fn left_by(&self, forward: &Forward) -> Option<ChannelPoint> {
        self.ids.resolve(forward.scid_out)
    }

    /// First, meets the channels seen.
    pub fn meet(&mut self, given: &Given) {
        for channel in given.seen.channels.values() {
            self.ids.learn(channel);
        }
        turn::meet(&mut self.memory, given);
    }

    /// Second, counts the forwards after number [`Self::counted_through`], up
    /// to the turn's last.
    pub fn count(
        &mut self,
        given: &Given,
        forwards: impl IntoIterator<Item = Forward>,
        through: i64,
    ) {
        turn::count(&mut self.memory, &self.ids, given, forwards, through);
    }

    /// The last stored forward that was counted.
    pub fn counted_through(&self) -> i64 {
        self.memory.node.absorbed_seq
    }

    /// Third, takes in what was seen.
    pub fn watch(&mut self, given: &Given) -> Vec<(ChannelPoint, FeeEvent)> {
        turn::watch(&mut self.memory, given)
    }

    /// Fourth, decides.
    pub fn decide(&mut self, given: &Given) -> Vec<Decision> {
        let decisions = turn::decide(&mut self.memory, given);
        turn::recommend(&mut self.memory, given);
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
