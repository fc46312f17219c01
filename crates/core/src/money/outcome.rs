//! What a fee change came to: the channel's income before and after, against that
//! of the node's other channels meanwhile.
//!
//! Forwards come in bursts and differ in size, so that a few of them tell little.
//! Their fees are counted in typical ones, so large that the sum varies as a count
//! of independent events would; the ratio of two such counts has a known width.
//! What every channel gained or lost over the same days is taken out of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::types::channel::ChannelPoint;
use crate::types::time::Timestamp;

/// Forwards come in bursts: a count of them varies 2.3 times as much as one of
/// independent events (measured on a routing node; docs/decisions/0006).
const BURSTS: f64 = 2.3;
/// Fewer typical forwards than this before and after tell nothing.
const ENOUGH: f64 = 4.0;
/// Standard errors on each side of the middle: 95 of 100 bands hold the truth.
const WIDTH: f64 = 1.96;
/// Counted on each side, as no forward is not no demand.
const HALF: f64 = 0.5;
/// The longest time looked at on each side, and the shortest that tells anything.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
const SHORTEST: Duration = Duration::from_secs(86_400);

/// What some forwards earned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Takings {
    /// How many forwards.
    pub forwards: u64,
    /// What they earned, in msat.
    pub fees_msat: f64,
    /// The sum of each one's fee squared.
    squares: f64,
}

impl Takings {
    fn plus(self, fee_msat: f64) -> Self {
        Self {
            forwards: self.forwards + 1,
            fees_msat: self.fees_msat + fee_msat,
            squares: self.squares + fee_msat * fee_msat,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            forwards: self.forwards.saturating_sub(other.forwards),
            fees_msat: (self.fees_msat - other.fees_msat).max(0.0),
            squares: (self.squares - other.squares).max(0.0),
        }
    }
}

/// Forwards as they came, summed up to each.
#[derive(Clone, Debug, Default)]
struct Series {
    at: Vec<Timestamp>,
    through: Vec<Takings>,
}

impl Series {
    fn push(&mut self, at: Timestamp, fee_msat: f64) {
        let before = self.through.last().copied().unwrap_or_default();
        self.at.push(at);
        self.through.push(before.plus(fee_msat));
    }

    fn until(&self, moment: Timestamp) -> Takings {
        let passed = self.at.partition_point(|at| *at < moment);
        let last = passed
            .checked_sub(1)
            .and_then(|last| self.through.get(last));
        last.copied().unwrap_or_default()
    }

    fn between(&self, span: Span) -> Takings {
        self.until(span.until).minus(self.until(span.from))
    }
}

/// What each channel and the node as a whole earned, forward by forward.
#[derive(Clone, Debug, Default)]
pub struct Sales {
    node: Series,
    channels: BTreeMap<ChannelPoint, Series>,
}

impl Sales {
    /// Of these forwards: when each settled, by which channel it left if that is
    /// known, and what it earned in msat.
    pub fn of(mut forwards: Vec<(Timestamp, Option<ChannelPoint>, f64)>) -> Self {
        forwards.sort_by_key(|(at, ..)| *at);
        let mut sales = Self::default();
        for (at, point, fee_msat) in forwards {
            sales.node.push(at, fee_msat);
            if let Some(point) = point {
                sales.channels.entry(point).or_default().push(at, fee_msat);
            }
        }
        sales
    }
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    fn days(self) -> f64 {
        self.until.days_since(self.from)
    }
}

/// A change of a channel's fee that held on the node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The channel.
    pub point: ChannelPoint,
    /// When.
    pub at: Timestamp,
    /// When its fee changed before that; or since when forwards are known.
    pub before: Timestamp,
    /// When it changed after that; or up to when forwards are known.
    pub after: Timestamp,
}

/// Income before and after a change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Days looked at before it.
    pub days_before: f64,
    /// Days looked at after it.
    pub days_after: f64,
    /// Forwards out before it.
    pub forwards_before: u64,
    /// Forwards out after it.
    pub forwards_after: u64,
    /// What the channel earned a day before it, in msat.
    pub before_msat_per_day: f64,
    /// What it earned a day after it, in msat.
    pub after_msat_per_day: f64,
    /// By how much the channel's income changed beyond that of the other channels;
    /// `None` where there are too few forwards or days.
    pub band: Option<Band>,
    /// Whether the other channels sold enough to be taken out of it.
    pub against_others: bool,
    /// What is to be said.
    pub verdict: Tell,
}

/// A relative change and how far it is certain.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Band {
    /// The lower end.
    pub low: f64,
    /// The likeliest.
    pub middle: f64,
    /// The upper end.
    pub high: f64,
}

/// What is to be said of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// It earned more.
    More,
    /// It earned less.
    Less,
    /// The band holds both.
    TooLittleToTell,
}

/// What came of `change`.
pub fn outcome(sales: &Sales, change: &Change) -> Outcome {
    let before = Span {
        from: change.before.max(change.at.minus(LONGEST)).min(change.at),
        until: change.at,
    };
    let after = Span {
        from: change.at,
        until: change.after.min(change.at.plus(LONGEST)).max(change.at),
    };
    let empty = Series::default();
    let series = sales.channels.get(&change.point).unwrap_or(&empty);
    let own = [before, after].map(|span| series.between(span));
    let node = [before, after].map(|span| sales.node.between(span));
    let others = [node[0].minus(own[0]), node[1].minus(own[1])];
    let days = [before.days(), after.days()];
    let long_enough = [before, after]
        .iter()
        .all(|span| span.until.since(span.from) >= SHORTEST);
    let ratio = ratio(own, days).filter(|_| long_enough);
    let of_others = ratio.and_then(|_| self::ratio(others, days));
    let band = ratio.map(|own| own.over(of_others));
    let per_day = |index: usize| match days[index] > 0.0 {
        true => own[index].fees_msat / days[index],
        false => 0.0,
    };
    Outcome {
        days_before: days[0],
        days_after: days[1],
        forwards_before: own[0].forwards,
        forwards_after: own[1].forwards,
        before_msat_per_day: per_day(0),
        after_msat_per_day: per_day(1),
        band,
        against_others: of_others.is_some(),
        verdict: match band {
            Some(band) if band.low > 0.0 => Tell::More,
            Some(band) if band.high < 0.0 => Tell::Less,
            _ => Tell::TooLittleToTell,
        },
    }
}

/// The natural logarithm of a ratio, and its variance.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    ln: f64,
    variance: f64,
}

impl Ratio {
    fn over(self, other: Option<Self>) -> Band {
        let other = other.unwrap_or(Self {
            ln: 0.0,
            variance: 0.0,
        });
        let ln = self.ln - other.ln;
        let half = WIDTH * libm::sqrt(self.variance + other.variance);
        Band {
            low: libm::expm1(ln - half),
            middle: libm::expm1(ln),
            high: libm::expm1(ln + half),
        }
    }
}

/// Income after over income before, each per day; `None` where too little was sold
/// to say anything.
fn ratio(takings: [Takings; 2], days: [f64; 2]) -> Option<Ratio> {
    let fees = takings[0].fees_msat + takings[1].fees_msat;
    let squares = takings[0].squares + takings[1].squares;
    if fees <= 0.0 || squares <= 0.0 || days.iter().any(|days| *days <= 0.0) {
        return None;
    }
    let typical_fee = BURSTS * squares / fees;
    let counts = takings.map(|side| side.fees_msat / typical_fee);
    if counts[0] + counts[1] < ENOUGH {
        return None;
    }
    let [before, after] = counts.map(|count| count + HALF);
    Some(Ratio {
        ln: libm::log(after / days[1]) - libm::log(before / days[0]),
        variance: 1.0 / before + 1.0 / after,
    })
}

impl Outcome {
    /// In words: `35% more than the other channels meanwhile (+5% to +74%)`.
    pub fn words(&self) -> String {
        let Some(band) = self.band else {
            let forwards = self.forwards_before + self.forwards_after;
            return match self.days_after < 1.0 || self.days_before < 1.0 {
                true => "too early to tell".to_owned(),
                false => format!("too little to tell ({forwards} forwards)"),
            };
        };
        // Above ten times as much, a percentage says nothing at first sight.
        let percent = |share: f64| match share < 9.0 {
            true => format!("{:+.0}%", share * 100.0),
            false => format!("x{:.0}", 1.0 + share),
        };
        let against = match self.against_others {
            true => " against the other channels",
            false => "",
        };
        let width = format!("{} to {}", percent(band.low), percent(band.high));
        match self.verdict {
            Tell::TooLittleToTell => format!("too little to tell ({width}{against})"),
            Tell::More | Tell::Less => {
                format!("{} ({width}){against}", percent(band.middle))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    fn at(hours: f64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs_f64(hours * 3_600.0))
    }

    /// Forwards of one channel, so many a day over the 7 days before and after
    /// hour 168.
    fn steady(n: u8, a_day: [f64; 2], fee: f64) -> Vec<(Timestamp, Option<ChannelPoint>, f64)> {
        let mut found = vec![];
        for (half, rate) in a_day.into_iter().enumerate() {
            let count = (rate * 7.0) as usize;
            for k in 0..count {
                let hour = 168.0 * half as f64 + (k as f64 + 0.5) * 168.0 / count as f64;
                found.push((at(hour), Some(point(n)), fee));
            }
        }
        found
    }

    fn of(own: [f64; 2], others: [f64; 2]) -> Outcome {
        let mut forwards = steady(1, own, 1_000.0);
        forwards.extend(steady(2, others, 2_000.0));
        let change = Change {
            point: point(1),
            at: at(168.0),
            before: at(0.0),
            after: at(336.0),
        };
        outcome(&Sales::of(forwards), &change)
    }

    #[test]
    fn a_channel_that_sells_far_more_is_said_to() {
        let found = of([20.0, 60.0], [50.0, 50.0]);
        assert_eq!(found.verdict, Tell::More);
        let band = found.band.expect("a band");
        assert!(band.low < 2.0 && 2.0 < band.high, "{band:?}");
        assert_eq!(found.before_msat_per_day, 20_000.0);
        assert_eq!(found.after_msat_per_day, 60_000.0);
    }

    #[test]
    fn what_all_channels_gained_is_not_the_changes_doing() {
        let found = of([20.0, 60.0], [50.0, 150.0]);
        assert_eq!(found.verdict, Tell::TooLittleToTell);
        assert!(found.band.expect("a band").middle.abs() < 0.05);
        assert_eq!(of([20.0, 20.0], [50.0, 150.0]).verdict, Tell::Less);
    }

    #[test]
    fn a_few_forwards_tell_nothing_and_a_few_more_have_a_wide_band() {
        assert_eq!(of([0.3, 0.6], [50.0, 50.0]).band, None);
        let few = of([2.0, 3.0], [50.0, 50.0]);
        let many = of([40.0, 60.0], [50.0, 50.0]);
        let width = |found: &Outcome| found.band.map(|band| band.high - band.low);
        assert!(width(&few) > width(&many).map(|width| width * 2.0));
        assert_eq!(few.verdict, Tell::TooLittleToTell);
    }

    #[test]
    fn one_large_forward_is_no_evidence() {
        let mut forwards = steady(1, [2.0, 2.0], 1_000.0);
        forwards.push((at(200.0), Some(point(1)), 1e6));
        forwards.extend(steady(2, [50.0, 50.0], 2_000.0));
        let change = Change {
            point: point(1),
            at: at(168.0),
            before: at(0.0),
            after: at(336.0),
        };
        let found = outcome(&Sales::of(forwards), &change);
        assert_eq!(found.verdict, Tell::TooLittleToTell, "{found:?}");
    }

    #[test]
    fn a_channel_that_sells_nothing_any_more_earned_less() {
        assert_eq!(of([30.0, 0.0], [50.0, 50.0]).verdict, Tell::Less);
    }

    #[test]
    fn the_change_before_and_the_one_after_bound_what_is_looked_at() {
        let change = Change {
            point: point(1),
            at: at(168.0),
            before: at(144.0),
            after: at(180.0),
        };
        let forwards = steady(1, [24.0, 24.0], 1_000.0);
        let found = outcome(&Sales::of(forwards), &change);
        assert_eq!((found.forwards_before, found.forwards_after), (24, 12));
        assert_eq!(found.words(), "too early to tell");
    }

    #[test]
    fn bands_hold_the_truth_about_as_often_as_they_say() {
        // Bursts of 1 to 3 forwards by a small generator; nothing ever changed.
        let mut state = 7_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let (mut wrong, stories) = (0, 400);
        for _ in 0..stories {
            let mut forwards = vec![];
            for n in [1, 2, 2] {
                for _ in 0..40 {
                    let start = draw() * 335.0;
                    for _ in 0..=(draw() * 3.0) as usize {
                        let fee = 500.0 + draw() * 2_000.0;
                        forwards.push((at(start + draw()), Some(point(n)), fee));
                    }
                }
            }
            let change = Change {
                point: point(1),
                at: at(168.0),
                before: at(0.0),
                after: at(336.0),
            };
            let found = outcome(&Sales::of(forwards), &change);
            wrong += usize::from(found.verdict != Tell::TooLittleToTell);
        }
        assert!(wrong * 100 <= stories * 8, "{wrong} of {stories} wrong");
    }
}
