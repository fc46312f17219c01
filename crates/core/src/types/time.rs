//! Moments, as whole nanoseconds since the Unix epoch.
//!
//! LND keys each settled forward by its settle time in nanoseconds, unique and
//! ascending (`timestamp_ns`), so a nanosecond integer is the one form in which
//! a moment is both a time and an identity. The core never asks for the time:
//! it is handed a [`Timestamp`].

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// Seconds in a day.
pub const SECONDS_PER_DAY: f64 = 86_400.0;
/// Minutes in a day: the factor between forwards per day and tpm.
pub const MINUTES_PER_DAY: f64 = 1_440.0;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A moment in nanoseconds since the Unix epoch; arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The time passed since `earlier`; zero if `earlier` lies in the future
    /// (clocks are stepped; time never runs backwards for a controller).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Days passed since `earlier`; zero if `earlier` lies in the future.
    pub fn days_since(self, earlier: Self) -> f64 {
        self.since(earlier).as_secs_f64() / SECONDS_PER_DAY
    }

    /// The nanoseconds passed since `earlier`, negative if it lies in the future.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment so many nanoseconds later, or earlier if they are negative.
    #[must_use]
    pub const fn moved(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The moment `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// The moment `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// The UTC day it lies in, counted from the Unix epoch.
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(86_400 * NANOS_PER_SECOND)
    }

    /// When a UTC day begins.
    pub const fn of_utc_day(day: i64) -> Self {
        Self::from_secs(day.saturating_mul(86_400))
    }

    /// The same moment as a calendar date and time in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }
}

/// How a moment is written: people read local times, everything else RFC 3339
/// in UTC, which is the `Display` of a [`Timestamp`].
pub type TimeFormat<'a> = &'a dyn Fn(Timestamp) -> String;

/// RFC 3339 in UTC, to the second.
pub fn rfc3339(at: Timestamp) -> String {
    at.to_string()
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(
            at.timestamp_nanos_opt()
                .unwrap_or_else(|| at.timestamp().saturating_mul(NANOS_PER_SECOND)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// A span of time as an operator reads it: its two largest units ("3d 4h",
/// "12m 5s", "40s").
pub fn human_span(span: Duration) -> String {
    let secs = span.as_secs();
    let parts = [
        (secs / 86_400, "d"),
        (secs / 3_600 % 24, "h"),
        (secs / 60 % 60, "m"),
        (secs % 60, "s"),
    ];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    parts
        .iter()
        .skip(first)
        .take(2)
        .enumerate()
        .filter(|(i, (n, _))| *i == 0 || *n > 0)
        .map(|(_, (n, unit))| format!("{n}{unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_the_future_is_no_time_ago() {
        let early = Timestamp::from_secs(10);
        let late = Timestamp::from_secs(13);
        assert_eq!(late.since(early), Duration::from_secs(3));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn seconds_before_the_epoch_round_down() {
        assert_eq!(Timestamp::from_nanos(-1).secs(), -1);
        assert_eq!(Timestamp::from_nanos(1_999_999_999).secs(), 1);
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        let shown = |secs| human_span(Duration::from_secs(secs));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(725), "12m 5s");
        assert_eq!(shown(3_600), "1h");
        assert_eq!(shown(273_900), "3d 4h");
    }
}
