//! What the machine's clocks say.

use std::time::Duration;

use super::time::Timestamp;

/// What the machine's clocks say at one moment. The wall clock can be set; the
/// time since the machine started cannot, and goes on while it sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Which start of the machine the next field counts from.
    pub boot: u64,
    /// The time since that start.
    pub since_boot: Duration,
}

impl ClockReading {
    /// Of a clock that nobody sets: the simulated ones.
    pub fn never_set(now: Timestamp) -> Self {
        Self {
            wall: now,
            boot: 0,
            since_boot: now.since(Timestamp::EPOCH),
        }
    }
}
