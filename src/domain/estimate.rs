//! Forward rates and stock from irregular events.
//!
//! A forward at time `tᵢ` weighs `e^(−(t−tᵢ)/τ)` at time `t`; their sum over
//! `τ (1 − e^(−T/τ))` estimates the rate, where `T` is how long there has been
//! history (the divisor corrects the start-up bias of an empty past). Weights
//! depend on event times alone, so reading late, in pages, out of order or
//! after downtime gives the same number. With a Fano factor `F` the count
//! behind a rate has a relative variance of `F / (2 τ λ)`: most channels forward
//! so rarely that τ must be days.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::{MINUTES_PER_DAY, SECONDS_PER_DAY, Timestamp};

/// A count whose parts fade with age: the sum of `e^(−age/τ)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DecayedCount {
    weight: f64,
    at: Timestamp,
}

impl DecayedCount {
    /// Adds `amount` that happened at `when`, before or after the latest one.
    pub fn add(&mut self, when: Timestamp, amount: f64, tau: Duration) {
        if when >= self.at {
            self.weight = self.at(when, tau) + amount;
            self.at = when;
        } else {
            self.weight += amount * decay(self.at.since(when), tau);
        }
    }

    /// The count as of `now`.
    pub fn at(&self, now: Timestamp, tau: Duration) -> f64 {
        self.weight * decay(now.since(self.at), tau)
    }
}

/// `e^(−age/τ)`, and 0 for a τ of zero.
fn decay(age: Duration, tau: Duration) -> f64 {
    if tau.is_zero() {
        return if age.is_zero() { 1.0 } else { 0.0 };
    }
    (-age.as_secs_f64() / tau.as_secs_f64()).exp()
}

/// The time constants of a channel's flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// Of the current tpm.
    pub current: Duration,
    /// Of the historical tpm.
    pub history: Duration,
}

/// A channel's forwards and stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// From when on forwards have been counted.
    pub since: Timestamp,
    current: DecayedCount,
    history: DecayedCount,
    /// Days with something to send, decayed with the current window.
    stocked_days: DecayedCount,
    /// Days watched, decayed with the current window.
    watched_days: DecayedCount,
    /// When the last forward settled.
    pub last_forward: Option<Timestamp>,
}

impl Flow {
    /// A flow counted from `since` on.
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Counts a settled forward through the channel, in either direction.
    pub fn count(&mut self, settled_at: Timestamp, windows: Windows) {
        self.since = self.since.min(settled_at);
        self.current.add(settled_at, 1.0, windows.current);
        self.history.add(settled_at, 1.0, windows.history);
        self.last_forward = self.last_forward.max(Some(settled_at));
    }

    /// Notes that during the span that ends `now` the channel had stock or not.
    pub fn watch(&mut self, now: Timestamp, span: Duration, stocked: bool, windows: Windows) {
        let days = span.as_secs_f64() / SECONDS_PER_DAY;
        self.watched_days.add(now, days, windows.current);
        let stocked_days = if stocked { days } else { 0.0 };
        self.stocked_days.add(now, stocked_days, windows.current);
    }

    /// Forwards per minute now.
    pub fn tpm(&self, now: Timestamp, windows: Windows) -> f64 {
        self.rate_per_day(self.current, now, windows.current) / MINUTES_PER_DAY
    }

    /// Forwards per minute by the channel's own recency-weighted history.
    pub fn tpm_history(&self, now: Timestamp, windows: Windows) -> f64 {
        self.rate_per_day(self.history, now, windows.history) / MINUTES_PER_DAY
    }

    /// How many forwards stand behind the history.
    pub fn evidence(&self, now: Timestamp, windows: Windows) -> f64 {
        self.history.at(now, windows.history)
    }

    /// The share of recently watched time in which the channel had something
    /// to send; 1 if nothing was watched.
    pub fn stocked_share(&self, now: Timestamp, windows: Windows) -> f64 {
        let watched = self.watched_days.at(now, windows.current);
        if watched <= 0.0 {
            return 1.0;
        }
        (self.stocked_days.at(now, windows.current) / watched).clamp(0.0, 1.0)
    }

    fn rate_per_day(&self, count: DecayedCount, now: Timestamp, tau: Duration) -> f64 {
        let tau_days = tau.as_secs_f64() / SECONDS_PER_DAY;
        let filled = 1.0 - decay(now.since(self.since), tau);
        if tau_days <= 0.0 || filled <= 0.0 {
            return 0.0;
        }
        count.at(now, tau) / (tau_days * filled)
    }
}
