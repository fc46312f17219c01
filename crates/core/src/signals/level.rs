//! The price level: where a channel's fee lies when its balance is as wanted and
//! demand as usual.
//!
//! The level wanted is `prior · √index`: what earned most on simulated nodes, moved
//! with what the network charges ([`super::price_index`]). The root, because the
//! best level follows other nodes' fees only half way (their fees are not all that
//! a payment costs its sender): on the public graph with every fee × 0.3, 0.45, 1,
//! 2.2 and 3 the best were about 265, 320, 450, 650 and 780 ppm.
//!
//! A node that sells already is not moved there at once. Its level begins at what it
//! sells at ([`Level::beginning`]) and goes there by at most a twentieth a day. When its
//! income has clearly fallen since ([`income_fell`]), the level wanted gives way half
//! the way to the rate under which it earned.

use std::time::Duration;

use crate::types::time::Timestamp;
use crate::types::units::{Msat, count};

/// The most a level moves in a day: natural-log units, a twentieth. Measured on small
/// nodes taken over in training, a tenth earns no more in the first month, and the
/// tenth of the nodes that fare worst keeps less of its income.
const LARGEST_MOVE: f64 = 0.0488;
/// A smaller move is not worth its noise: the index alone wanders by 2 to 3 %.
const SMALLEST_MOVE: f64 = 0.02;
/// How often a level moves.
const MOVES_EVERY: Duration = Duration::from_secs(86_400);
/// A take-over begins at no less than this share of the level wanted: what was set
/// by nobody (LND's 1 ppm) is no price to begin from, and in training the slower
/// start earned less in every world.
const LOWEST_BEGINNING: f64 = 0.6;
/// How far back the rate is read at which a node sells.
pub const SOLD_OVER: Duration = Duration::from_secs(30 * 86_400);
/// Fewer typical forwards than this in that time say nothing about a rate.
pub const ENOUGH_SOLD: f64 = 5.0;

/// Days of income held against the past, fewest and most. One week is the least
/// that holds every weekday.
const RECENT_DAYS: (usize, usize) = (7, 14);
/// Days of the past held against them, fewest and most.
const PAST_DAYS: (usize, usize) = (14, 30);
/// Standard errors by which income must have fallen to be said to have: about one
/// false alarm in forty looks, and no more than one look a fortnight counts.
const CLEARLY: f64 = 2.0;
/// ... and by no less than this share.
const FALLEN_TO: f64 = 0.8;

/// A level in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Natural logarithm of ppm.
    pub ln_ppm: f64,
    /// When it was last looked at.
    pub looked_at: Timestamp,
}

impl Level {
    /// Where it begins, `wanted` being the level wanted and `sold` the mean rate
    /// at which the node's channels sold of late, if they did (natural logarithms
    /// of ppm).
    pub fn beginning(wanted: f64, sold: Option<f64>, now: Timestamp) -> Self {
        let least = wanted + libm::log(LOWEST_BEGINNING);
        Self {
            ln_ppm: sold.map_or(wanted, |sold| sold.max(least)),
            looked_at: now,
        }
    }

    /// Goes towards the level wanted, once a day; tells from where, if it moved.
    pub fn follow(&mut self, wanted: f64, now: Timestamp) -> Option<f64> {
        // A clock that was ahead must not hold the level still.
        self.looked_at = self.looked_at.min(now);
        if now.since(self.looked_at) < MOVES_EVERY {
            return None;
        }
        self.looked_at = now;
        let from = self.ln_ppm;
        let way = wanted - from;
        if !way.is_finite() || way.abs() < SMALLEST_MOVE {
            return None;
        }
        self.ln_ppm += way.clamp(-LARGEST_MOVE, LARGEST_MOVE);
        Some(from)
    }
}

/// Income per day over some days, and how certain that mean is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Income {
    /// The mean, in msat a day.
    pub mean_msat: f64,
    /// The mean's standard error.
    pub error_msat: f64,
    /// Of how many days.
    pub days: usize,
}

impl Income {
    /// The mean of these days. The error is that of the sample: incomes are as
    /// bursty as they are.
    pub fn of(days: &[Msat]) -> Self {
        let n = count(days.len());
        if days.len() < 2 {
            return Self::default();
        }
        let mean = days.iter().map(|day| day.as_f64()).sum::<f64>() / n;
        let squares = days.iter().map(|day| {
            let off = day.as_f64() - mean;
            off * off
        });
        let variance = squares.sum::<f64>() / (n - 1.0);
        Self {
            mean_msat: mean,
            error_msat: libm::sqrt(variance / n),
            days: days.len(),
        }
    }
}

/// The days that tell a node's past income: all from the first one with any, if they
/// are enough.
pub fn past_income(days: &[Msat]) -> Option<Income> {
    let first = days.iter().position(|day| day.0 > 0)?;
    let known = days.get(first..)?;
    (known.len() >= PAST_DAYS.0).then(|| Income::of(known))
}

/// How many days of the past are read.
pub const PAST_DAYS_READ: usize = PAST_DAYS.1;

/// How many days of new fees to hold against the past, `since` days after they began;
/// `None` while they are too few.
pub fn recent_days(since: f64) -> Option<usize> {
    let whole = RECENT_DAYS.0..=RECENT_DAYS.1;
    whole.rev().find(|days| count(*days) <= since)
}

/// Whether income is clearly less than it was.
pub fn income_fell(past: &Income, recent: &Income) -> bool {
    let error =
        libm::sqrt(past.error_msat * past.error_msat + recent.error_msat * recent.error_msat);
    let fallen = past.mean_msat - recent.mean_msat;
    fallen > CLEARLY * error && recent.mean_msat < FALLEN_TO * past.mean_msat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> Timestamp {
        Timestamp::EPOCH.plus(MOVES_EVERY * n)
    }

    fn begun(wanted: f64, sold: Option<f64>) -> f64 {
        let level = Level::beginning(libm::log(wanted), sold.map(libm::log), day(0));
        libm::exp(level.ln_ppm)
    }

    #[test]
    fn it_begins_at_what_the_node_sells_at_but_not_far_below() {
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} is not {b}");
        near(begun(550.0, None), 550.0);
        near(begun(550.0, Some(400.0)), 400.0);
        near(begun(550.0, Some(900.0)), 900.0);
        near(begun(550.0, Some(1.0)), 330.0);
    }

    #[test]
    fn it_goes_by_a_twentieth_a_day_and_rests_when_it_is_there() {
        let mut level = Level::beginning(libm::log(550.0), Some(libm::log(400.0)), day(0));
        let wanted = libm::log(550.0);
        assert_eq!(level.follow(wanted, day(0)), None);
        assert!(level.follow(wanted, day(1)).is_some());
        assert!((libm::exp(level.ln_ppm) - 420.0).abs() < 0.1);
        assert_eq!(
            level.follow(wanted, day(1).plus(Duration::from_secs(3_600))),
            None
        );
        let moves = (2..30).filter(|n| level.follow(wanted, day(*n)).is_some());
        assert_eq!(moves.count(), 6);
        assert!((level.ln_ppm - wanted).abs() < SMALLEST_MOVE);
        assert_eq!(level.follow(f64::NAN, day(40)), None);
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_hold_it_still() {
        let mut level = Level::beginning(libm::log(550.0), Some(libm::log(400.0)), day(900));
        assert_eq!(level.follow(libm::log(550.0), day(1)), None);
        assert!(level.follow(libm::log(550.0), day(2)).is_some());
    }

    fn msat(days: &[u64]) -> Vec<Msat> {
        days.iter().map(|day| Msat(*day)).collect()
    }

    #[test]
    fn income_has_fallen_when_chance_would_hardly_make_it_so() {
        let past = past_income(&msat(&[100; 20])).expect("enough days");
        let recent = |days: &[u64]| Income::of(&msat(days));
        assert!(income_fell(&past, &recent(&[50, 40, 60, 50, 45, 55, 50])));
        assert!(
            !income_fell(&past, &recent(&[90, 85, 95, 88, 92, 90, 90])),
            "less than a fifth"
        );
        assert!(
            !income_fell(&past, &recent(&[0, 300, 0, 0, 0, 200, 0])),
            "as likely chance"
        );
        assert!(!income_fell(&past, &recent(&[150; 7])));
    }

    #[test]
    fn a_past_too_short_says_nothing() {
        assert_eq!(past_income(&msat(&[0; 30])), None);
        let mut late = vec![Msat(0); 30];
        late[20] = Msat(5);
        assert_eq!(past_income(&late), None);
        late[16] = Msat(5);
        assert_eq!(past_income(&late).expect("enough").days, 14);
    }

    #[test]
    fn a_week_is_waited_for_and_a_fortnight_is_enough() {
        assert_eq!(recent_days(6.9), None);
        assert_eq!(recent_days(7.0), Some(7));
        assert_eq!(recent_days(10.5), Some(10));
        assert_eq!(recent_days(99.0), Some(14));
    }
}
