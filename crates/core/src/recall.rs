//! Getting back to what was remembered: from the last place where that is stored
//! whole, through every cycle stored since.
//!
//! A cycle follows from what was remembered, what it was given and the forwards
//! counted, so it need not be stored what it came to.

use crate::engine::cycle::Engine;
use crate::engine::input::CycleInput;
use crate::ports::{ForwardLog, StoreError};
use crate::types::channel::ChannelPoint;
use crate::types::fee_change::FeeChange;

/// A stored cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCycle {
    /// What it was given.
    pub input: CycleInput,
    /// The fee changes that followed, as the cycle left them.
    pub changes: Vec<(ChannelPoint, FeeChange)>,
}

/// Leads what is remembered through a stored cycle.
pub async fn follow<L: ForwardLog>(
    engine: &mut Engine,
    log: &L,
    cycle: StoredCycle,
) -> Result<(), StoreError> {
    let through = cycle.input.counted_through;
    let mut counting = engine.begin(cycle.input);
    log.count_through(&mut counting, through).await?;
    counting.watch().decide();
    for (point, change) in &cycle.changes {
        engine.note(*point, change);
    }
    Ok(())
}
