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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn peer(drawn: u16) -> PeerId {
        let mut key = [7; 33];
        key[1..3].copy_from_slice(&drawn.to_be_bytes());
        PeerId(key)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn moments_spread_over_the_interval_and_stay_within_it() {
        let moments = [(0, 3_600), (1, 0), (0x4000, 900), (0x8000, 1_800)];
        for (drawn, secs) in moments {
            let due = next_due(&peer(drawn), at(secs - 1), HOUR);
            assert_eq!(due, at(secs), "{drawn}");
        }
        let last = next_due(&peer(u16::MAX), at(0), HOUR);
        assert_eq!(last, at(3_599));
    }

    #[test]
    fn a_channel_is_due_once_in_an_interval_and_at_once_if_never_decided() {
        let peer = peer(0x4000);
        assert!(is_due(&peer, None, at(0), HOUR));
        for (decided, now, due) in [
            (100, 899, false),
            (100, 900, true),
            (900, 4_499, false),
            (900, 4_500, true),
            // Set back.
            (900, 899, true),
        ] {
            let said = is_due(&peer, Some(at(decided)), at(now), HOUR);
            assert_eq!(said, due, "{decided} {now}");
        }
    }

    #[test]
    fn an_interval_of_nothing_is_taken_for_a_second() {
        assert_eq!(next_due(&peer(9), at(5), Duration::ZERO), at(6));
    }
}
