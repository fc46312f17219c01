//! What is long ago counts less: `e^(−age/τ)`.
//!
//! Sums are by whole hours and days, so that the channels of a node ask for the same few
//! weights over and over: each is worked out once.

use std::cell::Cell;
use std::time::Duration;

use super::volume::{HalfHour, SECONDS_PER_HOUR};
use crate::settings::windows::Windows;
use crate::types::time::Timestamp;

/// Time constants after which nothing is left to read: e⁻⁵ is less than 1 %.
pub(super) const READ_FOR: u32 = 5;

/// The weights of both windows at one moment.
#[derive(Debug)]
pub struct FadingWindows {
    pub(super) current: Fading,
    pub(super) history: Fading,
}

impl FadingWindows {
    /// As of `now`.
    pub fn of(now: Timestamp, windows: Windows) -> Self {
        Self {
            current: Fading::of(now, windows.current),
            history: Fading::of(now, windows.history),
        }
    }
}

/// The weights of one window at one moment.
#[derive(Debug)]
pub(super) struct Fading {
    pub now_secs: i64,
    tau_secs: f64,
    /// What lies before it is not looked at.
    pub horizon_secs: i64,
    /// The last half hour that has begun.
    last: HalfHour,
    /// The weights of its beginning and of those before it, the latest first; not a
    /// number where not asked for yet.
    known: Vec<Cell<f64>>,
}

impl Fading {
    /// With a time constant of at least an hour: sums are by hours.
    fn of(now: Timestamp, tau: Duration) -> Self {
        let tau = tau.max(Duration::from_secs(SECONDS_PER_HOUR.unsigned_abs()));
        let now_secs = now.secs();
        let horizon_secs = now.minus(tau.saturating_mul(READ_FOR)).secs();
        let (last, oldest) = (HalfHour::of(now_secs), HalfHour::of(horizon_secs));
        let count = usize::try_from(last.since(oldest)).unwrap_or(0);
        Self {
            now_secs,
            tau_secs: tau.as_secs_f64(),
            horizon_secs,
            last,
            known: vec![Cell::new(f64::NAN); count.min(MOST_KNOWN)],
        }
    }

    /// The weight of a moment.
    pub fn at(&self, secs: i64) -> f64 {
        let half_hour = HalfHour::of(secs);
        if half_hour.secs() == secs {
            self.of_half_hour(half_hour)
        } else {
            self.weight(secs)
        }
    }

    /// The weight of its beginning.
    pub fn of_half_hour(&self, half_hour: HalfHour) -> f64 {
        let back = usize::try_from(self.last.since(half_hour));
        let Some(known) = back.ok().and_then(|back| self.known.get(back)) else {
            return self.weight(half_hour.secs());
        };
        if known.get().is_nan() {
            known.set(self.weight(half_hour.secs()));
        }
        known.get()
    }

    fn weight(&self, secs: i64) -> f64 {
        let age = self.now_secs.saturating_sub(secs).max(0);
        libm::exp(-(age as f64) / self.tau_secs)
    }

    /// The seconds of a span, each faded; none of what lies ahead.
    pub fn seconds(&self, from: i64, until: i64) -> f64 {
        let until = until.min(self.now_secs);
        if from >= until {
            return 0.0;
        }
        self.tau_secs * (self.at(until) - self.at(from))
    }
}

/// Nearly two years: hardly a window looks further back.
const MOST_KNOWN: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_weight_is_the_same_whether_it_was_asked_for_before(
            now in 0..4_000_000_000_i64,
            ages in proptest::collection::vec(-7_200..20_000_000_i64, 1..40),
            tau in 1..3_000_000_u64,
            begins in any::<bool>(),
        ) {
            let fading = Fading::of(Timestamp::from_secs(now), Duration::from_secs(tau));
            for age in ages {
                let secs = now - age;
                let secs = if begins { HalfHour::of(secs).secs() } else { secs };
                let weight = fading.weight(secs);
                prop_assert_eq!(fading.at(secs).to_bits(), weight.to_bits());
                prop_assert_eq!(fading.at(secs).to_bits(), weight.to_bits());
            }
        }
    }
}
