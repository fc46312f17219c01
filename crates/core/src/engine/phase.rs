//! When a channel's turn in the slow interval is.
//!
//! Each peer has a moment of its own within the interval, drawn from its key, so
//! that a node's updates spread over time while parallel channels move together.

use std::time::Duration;

use crate::types::channel::PeerId;
use crate::types::time::Timestamp;

/// Whether the slow rhythm's moment lies between the last decision and now.
pub fn is_due(
    peer: &PeerId,
    decided_at: Option<Timestamp>,
    now: Timestamp,
    interval: Duration,
) -> bool {
    let phase = Phase::of(peer, interval);
    decided_at.is_none_or(|decided| phase.turn(now) != phase.turn(decided))
}

/// The slow rhythm's next moment for a channel.
pub fn next_due(peer: &PeerId, now: Timestamp, interval: Duration) -> Timestamp {
    let phase = Phase::of(peer, interval);
    let next = phase.turn(now).saturating_add(1);
    Timestamp::from_secs(next.saturating_mul(phase.interval_secs) + phase.offset_secs)
}

/// A peer's place within the slow interval.
struct Phase {
    interval_secs: i64,
    offset_secs: i64,
}

impl Phase {
    fn of(peer: &PeerId, interval: Duration) -> Self {
        let interval_secs = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let drawn = i64::from(u16::from_be_bytes([peer.0[1], peer.0[2]]));
        Self {
            interval_secs,
            offset_secs: drawn.saturating_mul(interval_secs) / (i64::from(u16::MAX) + 1),
        }
    }

    fn turn(&self, at: Timestamp) -> i64 {
        (at.secs() - self.offset_secs).div_euclid(self.interval_secs)
    }
}
