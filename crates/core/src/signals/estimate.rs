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

use crate::settings::windows::Windows;
use crate::types::time::{MINUTES_PER_DAY, SECONDS_PER_DAY, Timestamp};

/// A count whose parts fade with age: the sum of `e^(−age/τ)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DecayedCount {
    /// The count as of [`Self::at`].
    pub weight: f64,
    /// The latest moment counted.
    pub at: Timestamp,
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

    /// Brings a count that lies in the future, by a clock that was wrong, back
    /// to `now`.
    pub fn not_after(&mut self, now: Timestamp) {
        self.at = self.at.min(now);
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
    libm::exp(-age.as_secs_f64() / tau.as_secs_f64())
}

/// A channel's forwards and stock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// From when on forwards have been counted.
    pub since: Timestamp,
    /// Forwards, decayed with the current window.
    pub current: DecayedCount,
    /// Forwards, decayed with the historical window.
    pub history: DecayedCount,
    /// Days with something to send, decayed with the current window.
    pub stocked_days: DecayedCount,
    /// Days watched, decayed with the current window.
    pub watched_days: DecayedCount,
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

    /// Brings what lies in the future, by a clock that was wrong, back to `now`.
    pub fn not_after(&mut self, now: Timestamp) {
        for count in [
            &mut self.current,
            &mut self.history,
            &mut self.stocked_days,
            &mut self.watched_days,
        ] {
            count.not_after(now);
        }
        self.since = self.since.min(now);
        self.last_forward = self.last_forward.map(|at| at.min(now));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const WINDOWS: Windows = Windows {
        current: DAY,
        history: Duration::from_secs(14 * 86_400),
    };

    fn day(days: f64) -> Timestamp {
        Timestamp::EPOCH.plus(DAY.mul_f64(days))
    }

    #[test]
    fn a_steady_flow_is_read_at_its_rate_from_the_start() {
        let mut flow = Flow::new(day(0.0));
        for n in 0..40 {
            flow.count(day(0.025 + 0.05 * f64::from(n)), WINDOWS);
        }
        let expected_tpm = 20.0 / MINUTES_PER_DAY;
        assert!((flow.tpm(day(2.0), WINDOWS) / expected_tpm - 1.0).abs() < 0.02);
        assert!((flow.tpm_history(day(2.0), WINDOWS) / expected_tpm - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_rate_fades_with_its_time_constant() {
        let mut flow = Flow::new(Timestamp::from_secs(-100_000_000));
        flow.count(day(0.0), WINDOWS);
        let after = |days| flow.tpm(day(days), WINDOWS) * MINUTES_PER_DAY;
        assert!((after(0.0) - 1.0).abs() < 1e-9);
        assert!((after(1.0) - (-1.0_f64).exp()).abs() < 1e-9);
    }

    #[test]
    fn the_variance_is_that_of_the_theory() {
        // A deterministic stand-in for Poisson arrivals: uniform hashes.
        let (tau_days, rate) = (1.0, 5.0);
        let mut state = 1_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut flow = Flow::new(day(0.0));
        let (mut now, mut rates) = (0.0, vec![]);
        let mut next_read = 20.0;
        while now < 6_000.0 {
            now += -(1.0 - uniform()).ln() / rate;
            while next_read < now {
                rates.push(flow.tpm(day(next_read), WINDOWS) * MINUTES_PER_DAY);
                next_read += 3.0;
            }
            flow.count(day(now), WINDOWS);
        }
        let n = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / n;
        let variance = rates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
        assert!((mean / rate - 1.0).abs() < 0.05, "mean {mean}");
        let theory = rate / (2.0 * tau_days);
        assert!((variance / theory - 1.0).abs() < 0.2, "variance {variance}");
    }

    #[test]
    fn an_unwatched_channel_counts_as_stocked() {
        let mut flow = Flow::new(day(0.0));
        assert_eq!(flow.stocked_share(day(1.0), WINDOWS), 1.0);
        flow.watch(day(1.0), DAY / 24, true, WINDOWS);
        flow.watch(day(1.0), DAY / 24, false, WINDOWS);
        assert!((flow.stocked_share(day(1.5), WINDOWS) - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_order_of_reading_does_not_matter(
            mut days in proptest::collection::vec(0.0..90.0_f64, 1..60),
        ) {
            let count_all = |days: &[f64]| {
                let mut flow = Flow::new(day(0.0));
                days.iter().for_each(|d| flow.count(day(*d), WINDOWS));
                (flow.tpm(day(91.0), WINDOWS), flow.tpm_history(day(91.0), WINDOWS))
            };
            let shuffled = count_all(&days);
            days.sort_by(f64::total_cmp);
            let sorted = count_all(&days);
            prop_assert!((shuffled.0 - sorted.0).abs() < 1e-12);
            prop_assert!((shuffled.1 - sorted.1).abs() < 1e-12);
        }
    }
}
