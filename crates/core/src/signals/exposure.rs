//! What a channel sold, held against the time in which it could sell.
//!
//! A channel without stock sells nothing whatever the demand, and a daemon that
//! is down sees nothing: sales and the time they were possible in are therefore
//! taken in together, span by watched span, and both are dropped where a span
//! was not watched. Forwards within ten minutes of each other are one session
//! (shards of a payment, repeated orders): sessions are what is close to
//! independent.

use std::time::Duration;

use crate::signals::tally::Tally;
use crate::signals::urgency::Turnover;
use crate::types::time::{SECONDS_PER_DAY, Timestamp};

/// Forwards closer together than this are one session.
const SESSION_GAP: Duration = Duration::from_secs(600);
/// Time constants of the current and of the historical rate, in days.
const SHORT_DAYS: f64 = 1.0;
const LONG_DAYS: f64 = 14.0;
/// A session's volume counts for no more than so many mean forwards.
const LARGEST_SESSION: f64 = 2.0;
/// A sale counts as at no more than so many times the node's level.
const HIGHEST_PRICE: f64 = 5.0;
/// The rate is no rate yet below this much liquid time, in days.
const LEAST_LIQUID_DAYS: f64 = 0.2;

/// What one forward adds before its span has been watched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pending {
    /// Sessions begun.
    pub sessions: f64,
    /// Amounts in mean forwards, capped by session.
    pub volume: f64,
    /// What they earned, in mean forwards at the node's level.
    pub worth: f64,
    /// What came in, in mean forwards.
    pub brought: f64,
}

/// A channel's sales, as seen at the side where they leave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Exposure {
    /// Over about a day.
    pub short: Tally,
    /// Over about two weeks.
    pub long: Tally,
    /// Liquid days since the last session.
    pub idle_days: f64,
    /// When a forward last left.
    pub last_forward: Option<Timestamp>,
    /// What the session of the last forward has left to count, in mean forwards.
    pub session_room: f64,
    /// What was counted since a span was last watched.
    pub pending: Pending,
    /// What passes through it.
    pub turnover: Turnover,
}

impl Exposure {
    /// Counts a settled forward that left here; `volume` is its amount in mean
    /// forwards, `price` what it paid over the node's level.
    pub fn sold(&mut self, at: Timestamp, volume: f64, price: f64) {
        let follows = |last: Timestamp| at.since(last) < SESSION_GAP;
        if !self.last_forward.is_some_and(follows) {
            self.pending.sessions += 1.0;
            self.session_room = LARGEST_SESSION;
        }
        let counted = volume.min(self.session_room);
        self.session_room -= counted;
        self.pending.volume += counted;
        self.pending.worth += counted * price.min(HIGHEST_PRICE);
        self.last_forward = self.last_forward.max(Some(at));
    }

    /// Counts a settled forward that came in here, of `volume` mean forwards.
    pub fn brought(&mut self, volume: f64) {
        self.pending.brought += volume.min(LARGEST_SESSION);
    }

    /// Takes in what was sold in the span that just ended, and the span, in
    /// which the channel could send (`liquid`) and receive (`roomy`). Gives what
    /// the sales were worth. An unwatched span (`None`) tells nothing: it only
    /// ages what is known by no time at all.
    pub fn watch(&mut self, span: Option<Duration>, liquid: bool, roomy: bool) -> f64 {
        let pending = std::mem::take(&mut self.pending);
        let Some(span) = span else { return 0.0 };
        let days = span.as_secs_f64() / SECONDS_PER_DAY;
        let sold = pending.sessions > 0.0;
        self.idle_days = match (sold, liquid) {
            (true, _) => 0.0,
            (false, true) => self.idle_days + days,
            (false, false) => self.idle_days,
        };
        // What was sold proves stock, whatever is left at the end of the span.
        let liquid = liquid || sold;
        self.short.pass(days, SHORT_DAYS, pending.sessions, liquid);
        self.long.pass(days, LONG_DAYS, pending.sessions, liquid);
        self.turnover
            .pass(days, (pending.volume, liquid), (pending.brought, roomy));
        pending.worth
    }

    /// When a forward last left here.
    pub fn last_sold(&self) -> Option<Timestamp> {
        self.last_forward
    }

    /// Whether there was enough liquid time lately to speak of a current rate.
    pub fn has_current_rate(short: &Tally) -> bool {
        short.liquid_days >= LEAST_LIQUID_DAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_secs(minutes * 60)
    }

    #[test]
    fn forwards_close_together_are_one_session() {
        let mut exposure = Exposure::default();
        for minutes in [0, 1, 9, 18, 30] {
            exposure.sold(at(minutes), 1.0, 1.0);
        }
        let volume = exposure.watch(Some(HOUR), true, true);
        assert_eq!((exposure.long.sessions, volume), (2.0, 3.0));
    }

    #[test]
    fn time_without_stock_is_no_time_without_demand() {
        let mut always = Exposure::default();
        let mut half = Exposure::default();
        for day in 0..40 {
            always.sold(at(day * 1_440), 1.0, 1.0);
            half.sold(at(day * 1_440), 1.0, 1.0);
            always.watch(Some(HOUR * 24), true, true);
            half.watch(Some(HOUR * 24), true, true);
            half.watch(Some(HOUR * 24), false, true);
        }
        let rate = |exposure: &Exposure| exposure.long.per_day(1.0);
        assert!((rate(&always) - 1.0).abs() < 0.1, "{}", rate(&always));
        assert!((rate(&half) / rate(&always) - 1.0).abs() < 0.05);
    }

    #[test]
    fn what_was_not_watched_counts_neither_as_sales_nor_as_time() {
        let mut exposure = Exposure::default();
        exposure.sold(at(0), 1.0, 1.0);
        exposure.watch(None, true, true);
        assert_eq!(exposure.long, Tally::default());
    }

    #[test]
    fn idle_time_counts_only_with_stock_and_ends_with_a_sale() {
        let mut exposure = Exposure::default();
        exposure.watch(Some(HOUR * 48), true, true);
        exposure.watch(Some(HOUR * 48), false, true);
        assert_eq!(exposure.idle_days, 2.0);
        exposure.sold(at(0), 1.0, 1.0);
        exposure.watch(Some(HOUR), true, true);
        assert_eq!(exposure.idle_days, 0.0);
    }
}
