//! What is counted of a peer over a week.

use std::time::Duration;

use crate::types::time::Timestamp;

/// Days in a week: its weeks begin on Thursdays, as 1970-01-01 was one.
pub const DAYS_PER_WEEK: i64 = 7;

/// The week, since 1970-01-01, in which `at` is.
pub fn week_of(at: Timestamp) -> i64 {
    at.utc_day().div_euclid(DAYS_PER_WEEK)
}

/// Sums over a week, or over several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerSums {
    /// How long the node watched the peer.
    pub watched: Duration,
    /// How long of that it was online.
    pub online: Duration,
    /// How often it went offline.
    pub flaps: u64,
    /// How often its policy of a channel with us came to price otherwise.
    pub fee_changes: u64,
    /// HTLCs that we offered it and that hung for longer than from one look to the next.
    pub held_htlcs: u64,
    /// How long these hung in all, at least.
    pub held: Duration,
    /// How long the one of them hung that hung longest, at least.
    pub longest_held: Duration,
}

impl PeerSums {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.watched = self.watched.saturating_add(other.watched);
        self.online = self.online.saturating_add(other.online);
        self.flaps = self.flaps.saturating_add(other.flaps);
        self.fee_changes = self.fee_changes.saturating_add(other.fee_changes);
        self.held_htlcs = self.held_htlcs.saturating_add(other.held_htlcs);
        self.held = self.held.saturating_add(other.held);
        self.longest_held = self.longest_held.max(other.longest_held);
    }

    /// Whether more happened than that time passed.
    pub fn is_eventful(&self) -> bool {
        self.flaps > 0 || self.fee_changes > 0 || self.held_htlcs > 0
    }

    /// The share of the watched time in which it was online; `None` if it was not
    /// watched.
    pub fn uptime(&self) -> Option<f64> {
        let watched = self.watched.as_secs_f64();
        (watched > 0.0).then(|| (self.online.as_secs_f64() / watched).min(1.0))
    }

    /// So many a week of watched time; `None` before a day of that.
    pub fn a_week(&self, count: u64) -> Option<f64> {
        const DAY: Duration = Duration::from_secs(86_400);
        // Counts of events: far below where a float loses ones.
        #[allow(clippy::cast_precision_loss)]
        let count = count as f64;
        let weeks = self.watched.as_secs_f64() / (7.0 * DAY.as_secs_f64());
        (self.watched >= DAY).then(|| count / weeks)
    }
}
