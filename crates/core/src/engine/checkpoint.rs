//! Places from which stored cycles can be decided again.
//!
//! A cycle stores what it was given as its difference from the cycle before, so
//! a replay needs a place to begin: everything that was remembered when a cycle
//! began. One is stored every two hours, and one after each piece of work that the store
//! did not take, for then the cycles before lead elsewhere.

use crate::state::memory::Memory;
use crate::types::channel::{ChannelIds, ChannelPoint, Scid};

/// The cycles from one checkpoint to the next: a start leads through the cycles since
/// the last one, each some milliseconds on a large node. To store everything takes as
/// long as a whole cycle does, and a hundred times its place.
const EVERY_CYCLES: u32 = 24;

/// What was remembered when a cycle began.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Whether this is what the stored cycle before it left. It is not after
    /// work that could not be stored.
    pub follows: bool,
    /// What was remembered, but for forwards: those are counted again.
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
            memory: memory.without_forwards(),
            names: ids.iter().filter(remembered).collect(),
        }
    }
}

/// How the store stands to what is remembered, and when a checkpoint was last
/// stored.
#[derive(Clone, Copy, Debug)]
pub struct StoreStanding {
    /// The cycles stored from the last checkpoint on; `None` without one.
    cycles: Option<u32>,
    /// Whether the store holds all that is remembered.
    in_step: bool,
}

impl StoreStanding {
    /// Just loaded from a store that holds so many cycles from its last checkpoint
    /// on; `complete` if all could be read.
    pub fn loaded(cycles: Option<u32>, complete: bool) -> Self {
        Self {
            cycles,
            in_step: complete,
        }
    }

    /// Whether the cycle that begins now must store a checkpoint, and if so
    /// whether it follows from what is stored.
    pub fn checkpoint_due(&self) -> Option<bool> {
        let due = !self.in_step || self.cycles.is_none_or(|cycles| cycles >= EVERY_CYCLES);
        due.then_some(self.in_step)
    }

    /// What is remembered moves on, and the store does not hold it yet.
    pub fn moved_on(&mut self) {
        self.in_step = false;
    }

    /// The store holds the cycle, too.
    pub fn cycle_stored(&mut self, with_checkpoint: bool) {
        self.in_step = true;
        self.cycles = match with_checkpoint {
            true => Some(1),
            false => self.cycles.map(|cycles| cycles.saturating_add(1)),
        };
    }

    /// The store holds the fee change, too.
    pub fn change_stored(&mut self) {
        self.in_step = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(cycles: u32) -> StoreStanding {
        let mut standing = StoreStanding::loaded(Some(0), true);
        for _ in 0..cycles {
            standing.cycle_stored(false);
        }
        standing
    }

    #[test]
    fn a_checkpoint_is_due_at_first_and_every_24th_cycle() {
        assert_eq!(
            StoreStanding::loaded(None, true).checkpoint_due(),
            Some(true)
        );
        assert_eq!(after(0).checkpoint_due(), None);
        assert_eq!(after(23).checkpoint_due(), None);
        assert_eq!(after(24).checkpoint_due(), Some(true));
        let mut standing = after(24);
        standing.cycle_stored(true);
        assert_eq!(standing.checkpoint_due(), None);
        // The cycle that stores it is the first from it on.
        (0..23).for_each(|_| standing.cycle_stored(false));
        assert_eq!(standing.checkpoint_due(), Some(true));
    }

    #[test]
    fn one_that_does_not_follow_is_due_until_the_store_holds_what_is_remembered() {
        assert_eq!(
            StoreStanding::loaded(Some(3), false).checkpoint_due(),
            Some(false)
        );
        for stored in [StoreStanding::change_stored, |standing: &mut _| {
            StoreStanding::cycle_stored(standing, true);
        }] {
            let mut standing = after(2);
            standing.moved_on();
            assert_eq!(standing.checkpoint_due(), Some(false));
            stored(&mut standing);
            assert_eq!(standing.checkpoint_due(), None);
        }
    }

    #[test]
    fn without_a_checkpoint_no_cycle_counts_towards_the_next() {
        let mut standing = StoreStanding::loaded(None, true);
        standing.cycle_stored(false);
        assert_eq!(standing.checkpoint_due(), Some(true));
    }
}
