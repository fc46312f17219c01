//! Places from which stored cycles can be decided again.
//!
//! A cycle stores what it was given as its difference from the cycle before, so
//! a replay needs a place to begin: everything that was remembered when a cycle
//! began. One is stored a day, and one after each piece of work that the store
//! did not take, for then the cycles before lead elsewhere.

use std::time::Duration;

use crate::state::memory::Memory;
use crate::types::channel::{ChannelIds, ChannelPoint, Scid};
use crate::types::time::Timestamp;

/// The time between two checkpoints: a replay of one cycle leads through at
/// most a day of others, and what is stored whole is stored once a day.
const INTERVAL: Duration = Duration::from_secs(86_400);

/// What was remembered when a cycle began.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Whether this is what the stored cycle before it left. It is not after
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

/// How the store stands to what is remembered, and when a checkpoint was last
/// stored.
#[derive(Clone, Copy, Debug)]
pub struct StoreStanding {
    /// The last cycle that stored one.
    checkpoint_at: Option<Timestamp>,
    /// Whether the store holds all that is remembered.
    in_step: bool,
}

impl StoreStanding {
    /// Just loaded from a store whose last checkpoint is of `checkpoint_at`.
    pub fn loaded(checkpoint_at: Option<Timestamp>) -> Self {
        Self {
            checkpoint_at,
            in_step: true,
        }
    }

    /// Whether the cycle that begins now must store a checkpoint, and if so
    /// whether it follows from what is stored.
    pub fn checkpoint_due(&self, now: Timestamp) -> Option<bool> {
        let old = |at: Timestamp| now.since(at) >= INTERVAL || at > now;
        let due = !self.in_step || self.checkpoint_at.is_none_or(old);
        due.then_some(self.in_step)
    }

    /// What is remembered moves on, and the store does not hold it yet.
    pub fn moved_on(&mut self) {
        self.in_step = false;
    }

    /// The store holds everything; with a checkpoint of `at`, if one was due.
    pub fn stored(&mut self, checkpoint_at: Option<Timestamp>) {
        self.in_step = true;
        self.checkpoint_at = checkpoint_at.or(self.checkpoint_at);
    }
}
