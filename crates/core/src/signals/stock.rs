//! Whether a channel has something to sell, and when it had.

use std::collections::VecDeque;

use crate::types::channel::Channel;
use crate::types::time::Timestamp;
use crate::types::units::Sat;

/// The most changes kept: a peer that comes and goes every five minutes fills this
/// in two days; what was before is then taken to be as at the first one kept.
const MOST_CHANGES: usize = 512;

/// What a channel must have to send to forward an ordinary payment: 2 % of its
/// capacity or 50,000 sat, whichever is more, but never more than a tenth (for
/// small channels).
pub fn needed(channel: &Channel) -> Sat {
    let capacity = channel.capacity.as_f64();
    Sat::rounded((0.02 * capacity).max(50_000.0).min(0.1 * capacity).ceil())
}

/// Whether a channel could forward an ordinary payment: its peer is there, and
/// it has what is [`needed`].
pub fn stocked(channel: &Channel) -> bool {
    channel.active && channel.spendable() >= needed(channel)
}

/// When a channel began or ceased to be stocked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StockLog {
    /// The moments, ascending, and whether it was stocked from then on.
    pub changes: VecDeque<(Timestamp, bool)>,
}

impl StockLog {
    /// Notes how it is now. A moment before one that is known says that the clock
    /// was ahead: what was noted by it is forgotten.
    pub fn note(&mut self, now: Timestamp, stocked: bool) {
        while self.changes.back().is_some_and(|(at, _)| *at > now) {
            self.changes.pop_back();
        }
        let last = self.changes.back().map(|(_, stocked)| *stocked);
        if last != Some(stocked) {
            self.changes.push_back((now, stocked));
        }
        if self.changes.len() > MOST_CHANGES {
            self.changes.pop_front();
        }
    }

    /// Forgets what ended before `oldest`.
    pub fn forget(&mut self, oldest: Timestamp) {
        while self.changes.get(1).is_some_and(|(at, _)| *at <= oldest) {
            self.changes.pop_front();
        }
    }

    /// The spans without stock up to `now`.
    pub fn empty_spans(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let ends = self.changes.iter().skip(1).map(|(at, _)| *at);
        let spans = self.changes.iter().zip(ends.chain([now]));
        spans
            .filter(|((_, stocked), _)| !stocked)
            .map(|((from, _), until)| (*from, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn empty(log: &StockLog, now: i64) -> Vec<(i64, i64)> {
        let spans = log.empty_spans(at(now));
        spans
            .map(|(from, until)| (from.secs(), until.secs()))
            .collect()
    }

    #[test]
    fn only_changes_are_kept() {
        let mut log = StockLog::default();
        for (secs, stocked) in [
            (0, true),
            (5, true),
            (10, false),
            (20, false),
            (30, true),
            (40, false),
        ] {
            log.note(at(secs), stocked);
        }
        assert_eq!(log.changes.len(), 4);
        assert_eq!(empty(&log, 50), [(10, 30), (40, 50)]);
        log.forget(at(29));
        assert_eq!(empty(&log, 50), [(10, 30), (40, 50)]);
        log.forget(at(30));
        assert_eq!(empty(&log, 50), [(40, 50)]);
    }

    #[test]
    fn what_a_clock_noted_that_was_ahead_is_forgotten() {
        let mut log = StockLog::default();
        log.note(at(10), true);
        log.note(at(1_000), false);
        log.note(at(20), true);
        assert_eq!(empty(&log, 30), []);
    }

    #[test]
    fn a_peer_that_comes_and_goes_fills_no_memory() {
        let mut log = StockLog::default();
        for n in 0..10_000 {
            log.note(at(n), n % 2 == 0);
        }
        assert_eq!(log.changes.len(), MOST_CHANGES);
    }
}
