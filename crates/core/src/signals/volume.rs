//! What passed through a channel, by hours of late and by days before.
//!
//! Sums are integers over fixed spans of UTC, and which spans they are follows from
//! the time alone: counting the same forwards again, in any order or summed up by
//! days already, gives the same to the bit.

use std::ops::Range;

use crate::types::time::Timestamp;
use crate::types::units::Msat;

pub(super) const SECONDS_PER_HOUR: i64 = 3_600;
const SECONDS_PER_DAY: i64 = 86_400;
const HOURS_PER_DAY: i64 = 24;

/// How many days before today are kept by hours. A window of a day has by then
/// faded below a thousandth, and in one of weeks an hour or a day makes no
/// difference; a hub's memory and a start after a restart shrink by ten.
const DAYS_BY_HOURS: i64 = 8;

/// A half hour by its number since the Unix epoch. The middle of an hour, and the
/// beginning of an hour or a day, begin one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HalfHour(i64);

const SECONDS_PER_HALF_HOUR: i64 = SECONDS_PER_HOUR / 2;

impl HalfHour {
    /// The one in which a moment lies.
    pub fn of(secs: i64) -> Self {
        Self(secs.div_euclid(SECONDS_PER_HALF_HOUR))
    }

    /// When it begins.
    pub fn secs(self) -> i64 {
        self.0.saturating_mul(SECONDS_PER_HALF_HOUR)
    }

    /// How many there are from `other` on.
    pub fn since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

/// What passed in some span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// What left.
    pub sold: Msat,
    /// What came in.
    pub brought: Msat,
    /// What was earned on what left.
    pub fees: Msat,
}

impl Passed {
    fn add(&mut self, other: Self) {
        self.sold = self.sold.plus(other.sold);
        self.brought = self.brought.plus(other.brought);
        self.fees = self.fees.plus(other.fees);
    }
}

/// What passed, by spans of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// By hours since the Unix epoch.
    hours: Spans,
    /// By days since the Unix epoch: those before `hours_from`.
    days: Spans,
    /// The first day that is kept by hours.
    hours_from: i64,
}

/// What passed in each span of one length, by number. In a row, ascending: they are
/// added at the end nearly always, and read through many times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spans(Vec<Span>);

/// A span by its number, and what passed in it.
type Span = (i64, Passed);

impl Spans {
    fn add(&mut self, span: i64, passed: Passed) {
        // Forwards come nearly in order, and a hub's start counts a million.
        if let Some((last, sum)) = self.0.last_mut()
            && *last == span
        {
            return sum.add(passed);
        }
        match self.0.binary_search_by_key(&span, |(span, _)| *span) {
            Ok(place) => {
                if let Some((_, sum)) = self.0.get_mut(place) {
                    sum.add(passed);
                }
            }
            Err(place) => {
                // A vector doubles where it is full, and a hub's hold most of what its
                // daemon remembers.
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(4 + self.0.len() / 8);
                }
                self.0.insert(place, (span, passed));
            }
        }
    }

    fn place(&self, span: i64) -> usize {
        // Mostly all of it is asked for: what is between need not be looked at then.
        if self.0.first().is_none_or(|(first, _)| *first >= span) {
            return 0;
        }
        if self.0.last().is_some_and(|(last, _)| *last < span) {
            return self.0.len();
        }
        self.0.partition_point(|(other, _)| *other < span)
    }

    fn range(&self, spans: Range<i64>) -> &[Span] {
        let places = self.place(spans.start)..self.place(spans.end);
        self.0.get(places).unwrap_or_default()
    }

    fn from(&self, span: i64) -> &[Span] {
        self.0.get(self.place(span)..).unwrap_or_default()
    }

    /// Takes out those before a span.
    fn take_before(&mut self, span: i64) -> impl Iterator<Item = (i64, Passed)> {
        let until = self.place(span);
        self.0.drain(..until)
    }
}

/// The numbers of the spans of a length that end after `from` and begin before `until`.
fn numbers(from: i64, until: i64, length: i64) -> Range<i64> {
    let first = from.div_euclid(length);
    let end = until.saturating_add(length - 1).div_euclid(length);
    first..end.max(first)
}

/// The first day that is kept by hours at `now`.
pub fn first_day_by_hours(now: Timestamp) -> i64 {
    now.utc_day().saturating_sub(DAYS_BY_HOURS)
}

impl Volume {
    /// Counts what passed at a moment.
    pub fn count(&mut self, at: Timestamp, passed: Passed) {
        if at.utc_day() < self.hours_from {
            self.count_day(at.utc_day(), passed);
        } else {
            let hour = at.secs().div_euclid(SECONDS_PER_HOUR);
            self.hours.add(hour, passed);
        }
    }

    /// Counts what passed on a day that is not kept by hours.
    pub fn count_day(&mut self, day: i64, passed: Passed) {
        self.days.add(day, passed);
    }

    /// Sums up by days what is long past at `now`, and forgets what was before
    /// `oldest`.
    pub fn settle(&mut self, now: Timestamp, oldest: Timestamp) {
        let from = first_day_by_hours(now);
        if from > self.hours_from {
            self.hours_from = from;
            let past = self.hours.take_before(from.saturating_mul(HOURS_PER_DAY));
            for (hour, passed) in past {
                self.days.add(hour.div_euclid(HOURS_PER_DAY), passed);
            }
        }
        drop(self.days.take_before(oldest.utc_day()));
    }

    /// How many spans are kept.
    pub fn spans(&self) -> usize {
        self.hours.0.len() + self.days.0.len()
    }

    /// What passed in each span that ends after `from` and begins before `until`,
    /// latest first, with its seconds since the Unix epoch.
    pub fn latest_first(
        &self,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = (Range<i64>, &Passed)> {
        let (hours, days) = (self.hours_in(from, until), self.days_in(from, until));
        let spanned = |of: i64, span: i64| {
            let from = of.saturating_mul(span);
            from..from.saturating_add(span)
        };
        let (hours, days) = (hours.iter().rev(), days.iter().rev());
        hours
            .map(move |(hour, passed)| (spanned(*hour, SECONDS_PER_HOUR), passed))
            .chain(days.map(move |(day, passed)| (spanned(*day, SECONDS_PER_DAY), passed)))
    }

    /// The same by the middle of each span.
    pub(super) fn middles(
        &self,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = (HalfHour, &Passed)> {
        let hours = self.hours_in(from, until).iter().rev();
        // Many a reader has enough by the hours.
        let days = std::iter::once_with(move || self.days_in(from, until).iter().rev());
        let days = days.flatten();
        hours
            .map(|(hour, passed)| (HalfHour(hour.saturating_mul(2).saturating_add(1)), passed))
            .chain(days.map(|(day, passed)| {
                let half_hours = 2 * HOURS_PER_DAY;
                let begins = day.saturating_mul(half_hours);
                (HalfHour(begins.saturating_add(half_hours / 2)), passed)
            }))
    }

    /// The hours that end after `from` and begin before `until`.
    fn hours_in(&self, from: i64, until: i64) -> &[Span] {
        self.hours.range(numbers(from, until, SECONDS_PER_HOUR))
    }

    /// The same days.
    fn days_in(&self, from: i64, until: i64) -> &[Span] {
        self.days.range(numbers(from, until, SECONDS_PER_DAY))
    }

    /// What passed from the UTC day of `from` on.
    pub fn since_day_of(&self, from: Timestamp) -> Passed {
        let first = from.utc_day();
        let mut sum = Passed::default();
        let hours = self.hours.from(first.saturating_mul(HOURS_PER_DAY)).iter();
        let days = self.days.from(first);
        for (_, passed) in hours.chain(days) {
            sum.add(*passed);
        }
        sum
    }

    /// What was earned on each of the last `days` UTC days before today, oldest
    /// first.
    pub fn daily_fees(&self, now: Timestamp, days: usize) -> Vec<Msat> {
        let today = now.utc_day();
        let first = today.saturating_sub(i64::try_from(days).unwrap_or(i64::MAX));
        let mut found = vec![Msat(0); days];
        let mut add = |day: i64, passed: &Passed| {
            let nth = day
                .checked_sub(first)
                .and_then(|nth| usize::try_from(nth).ok());
            if let Some(sum) = nth.and_then(|nth| found.get_mut(nth)) {
                *sum = sum.plus(passed.fees);
            }
        };
        for (day, passed) in self.days.range(first..today.max(first)) {
            add(*day, passed);
        }
        let hours =
            first.saturating_mul(HOURS_PER_DAY)..today.max(first).saturating_mul(HOURS_PER_DAY);
        for (hour, passed) in self.hours.range(hours) {
            add(hour.div_euclid(HOURS_PER_DAY), passed);
        }
        found
    }

    /// When something last passed for which `counts`: the end of its hour or day.
    pub fn last(&self, counts: impl Fn(&Passed) -> bool) -> Option<Timestamp> {
        let mut spans = self.latest_first(i64::MIN, i64::MAX);
        let (span, _) = spans.find(|(_, passed)| counts(passed))?;
        Some(Timestamp::from_secs(span.end))
    }
}
