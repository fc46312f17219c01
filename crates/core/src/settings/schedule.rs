//! Targets and bounds that change with the moment: in a window of time the target
//! ratio of some channels moves to another value, and back after it, in a straight
//! line over the ramp, so that no fee jumps because a clock struck. Bounds know no
//! ramp: they hold in the window alone. One that crept would force a first small
//! change, and the cooldown would then hold up the rest.
//!
//! Where schedules overlap, each is laid over the result of those before it in
//! the file: in full force the last one holds alone, on its ramp it blends.

use std::time::Duration;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;

use crate::settings::matcher::Matcher;
use crate::types::time::Timestamp;
use crate::types::units::FeePpm;

/// The longest ramp: the time looked back at, and so the work per call, grows
/// with it.
pub const LONGEST_RAMP: Duration = Duration::from_secs(7 * 86_400);

/// A target, or bounds, for some channels in a window of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// What the operator calls it.
    pub label: String,
    /// The channels it is about.
    pub matcher: Matcher,
    /// When.
    pub window: Window,
    /// The wanted local ratio inside the window, 0 to 1; `None` leaves it.
    pub target_ratio: Option<f64>,
    /// The lowest outbound rate inside the window; `None` leaves it.
    pub min: Option<FeePpm>,
    /// The highest.
    pub max: Option<FeePpm>,
    /// How long the whole way to the target and the way back take; at most
    /// [`LONGEST_RAMP`].
    pub ramp: Duration,
}

/// When a schedule holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// Once, from one moment to a later one.
    Once {
        /// The first moment.
        from: Timestamp,
        /// The moment it ends.
        until: Timestamp,
    },
    /// Again and again, by the clock on the wall.
    Weekly(Weekly),
}

/// Hours on days of the week in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// The days on which it starts.
    pub days: Vec<Weekday>,
    /// When it starts on such a day.
    pub from: NaiveTime,
    /// When it ends; at or before `from` means on the day after.
    pub until: NaiveTime,
    /// Whose clock.
    pub zone: Tz,
}

impl Schedule {
    /// The target at `now`, given the target without this schedule.
    pub fn blend(&self, base: f64, now: Timestamp) -> f64 {
        let Some(target) = self.target_ratio else {
            return base;
        };
        let weight = self.weight(now);
        base * (1.0 - weight) + target * weight
    }

    /// Whether `now` is inside the window.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let spans = self.window.spans_near(now, Duration::ZERO);
        spans
            .iter()
            .any(|span| span.from <= now && now < span.until)
    }

    /// Whether it has a part in what holds at `now`.
    pub fn counts(&self, now: Timestamp) -> bool {
        let bounds = self.min.is_some() || self.max.is_some();
        (bounds && self.is_open(now)) || (self.target_ratio.is_some() && self.weight(now) > 0.0)
    }

    /// How far it is in force: 0 outside window and ramps, 1 in full force.
    pub fn weight(&self, now: Timestamp) -> f64 {
        let ramp = self.ramp.min(LONGEST_RAMP);
        self.window
            .spans_near(now, ramp)
            .iter()
            .map(|span| span.weight(now, ramp))
            .fold(0.0, f64::max)
    }
}

/// A stretch of time in which a window is open.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    /// Rises from `from` on, falls from `until` on, as steep as the ramp. A
    /// span shorter than the ramp turns back half-way.
    fn weight(&self, now: Timestamp, ramp: Duration) -> f64 {
        if now < self.from {
            return 0.0;
        }
        let share = |time: Duration| {
            if time >= ramp {
                1.0
            } else {
                time.as_secs_f64() / ramp.as_secs_f64()
            }
        };
        let risen = share(now.min(self.until).since(self.from));
        if now < self.until {
            risen
        } else {
            (risen - share(now.since(self.until))).max(0.0)
        }
    }
}

impl Window {
    /// Every stretch that can still weigh at `now`, in order. Stretches that
    /// touch are one: no ramp lies between them.
    fn spans_near(&self, now: Timestamp, ramp: Duration) -> Vec<Span> {
        match self {
            Self::Once { from, until } => vec![Span {
                from: *from,
                until: *until,
            }],
            Self::Weekly(weekly) => {
                // A stretch that ended a ramp ago weighs nothing, and one that
                // has lasted a ramp weighs all it can: two ramps and the
                // longest single stretch are far enough to look back.
                let days_back = ramp.as_secs().div_ceil(86_400) * 2 + 2;
                let today = now.utc().with_timezone(&weekly.zone).date_naive();
                let mut spans: Vec<Span> = vec![];
                for ago in (0..=days_back).rev() {
                    let Some(span) = today
                        .checked_sub_days(Days::new(ago))
                        .and_then(|day| weekly.span_on(day))
                    else {
                        continue;
                    };
                    match spans.last_mut() {
                        Some(last) if span.from <= last.until => {
                            last.until = last.until.max(span.until);
                        }
                        _ => spans.push(span),
                    }
                }
                spans
            }
        }
    }
}

impl Weekly {
    /// The stretch that starts on `day`, if any does. A change of the clocks
    /// can leave nothing of it.
    fn span_on(&self, day: NaiveDate) -> Option<Span> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let last_day = if self.until <= self.from {
            day.checked_add_days(Days::new(1))?
        } else {
            day
        };
        let from = moment(day.and_time(self.from), self.zone)?;
        let until = moment(last_day.and_time(self.until), self.zone)?;
        (from < until).then_some(Span { from, until })
    }
}

/// The first moment at which the clock on the wall in `zone` shows `local` or
/// more. Clocks set back show a time twice: the first counts. Clocks set
/// forward skip times: the moment of the change counts (a whole day was skipped
/// once, hence the reach). `None` beyond the calendar.
pub fn moment(local: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    (0..=24 * 60 + 60).find_map(|minutes| {
        let shown = local.checked_add_signed(chrono::Duration::minutes(minutes))?;
        let at: DateTime<Tz> = shown.and_local_timezone(zone).earliest()?;
        Some(Timestamp::from(at.with_timezone(&Utc)))
    })
}

#[cfg(test)]
mod tests {
    use chrono::Weekday::*;
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<DateTime<Utc>>().expect("a moment"))
    }

    fn hour(text: &str) -> NaiveTime {
        text.parse().expect("a time")
    }

    fn weekly(days: &[Weekday], from: &str, until: &str, zone: &str) -> Schedule {
        Schedule {
            label: "test".to_owned(),
            matcher: Matcher::default(),
            window: Window::Weekly(Weekly {
                days: days.to_vec(),
                from: hour(from),
                until: hour(until),
                zone: zone.parse().expect("a zone"),
            }),
            target_ratio: Some(0.8),
            min: None,
            max: None,
            ramp: HOUR * 2,
        }
    }

    fn weights(schedule: &Schedule, moments: &[&str]) -> Vec<f64> {
        moments
            .iter()
            .map(|text| schedule.weight(at(text)))
            .collect()
    }

    #[test]
    fn the_target_moves_there_and_back_in_a_straight_line() {
        // 2026-03-02 is a Monday.
        let evening = weekly(&[Mon], "18:00:00", "22:00:00", "UTC");
        assert_eq!(
            weights(
                &evening,
                &[
                    "2026-03-02T17:59:59Z",
                    "2026-03-02T18:00:00Z",
                    "2026-03-02T19:00:00Z",
                    "2026-03-02T20:00:00Z",
                    "2026-03-02T22:00:00Z",
                    "2026-03-02T23:30:00Z",
                    "2026-03-03T00:00:00Z",
                    "2026-03-03T19:00:00Z",
                ]
            ),
            [0.0, 0.0, 0.5, 1.0, 1.0, 0.25, 0.0, 0.0]
        );
        assert_eq!(evening.blend(0.0, at("2026-03-02T19:00:00Z")), 0.4);
        assert_eq!(evening.blend(0.3, at("2026-03-02T21:00:00Z")), 0.8);
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_starts_on() {
        let night = weekly(&[Mon], "22:00:00", "06:00:00", "UTC");
        assert_eq!(
            weights(
                &night,
                &[
                    "2026-03-02T05:00:00Z",
                    "2026-03-03T00:30:00Z",
                    "2026-03-03T05:59:00Z",
                    "2026-03-03T08:00:00Z",
                    "2026-03-04T00:30:00Z",
                ]
            ),
            [0.0, 1.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn whole_days_in_a_row_are_one_window() {
        let weekend = weekly(&[Sat, Sun], "00:00:00", "00:00:00", "UTC");
        assert_eq!(
            weights(
                &weekend,
                &[
                    "2026-03-07T01:00:00Z",
                    "2026-03-08T00:00:00Z",
                    "2026-03-08T23:59:59Z",
                    "2026-03-09T01:00:00Z",
                ]
            ),
            [0.5, 1.0, 1.0, 0.5]
        );
    }

    #[test]
    fn a_window_shorter_than_its_ramp_turns_back_half_way() {
        let short = weekly(&[Mon], "18:00:00", "19:00:00", "UTC");
        assert_eq!(
            weights(
                &short,
                &[
                    "2026-03-02T19:00:00Z",
                    "2026-03-02T19:30:00Z",
                    "2026-03-02T20:00:00Z"
                ]
            ),
            [0.5, 0.25, 0.0]
        );
    }

    #[test]
    fn hours_follow_the_clock_on_the_wall_through_summer_time() {
        let morning = weekly(&[Sat, Sun], "08:00:00", "12:00:00", "Europe/Berlin");
        // Clocks went forward in the night to Sunday, 2026-03-29.
        assert_eq!(morning.weight(at("2026-03-28T07:00:00Z")), 0.0);
        assert_eq!(morning.weight(at("2026-03-28T09:00:00Z")), 1.0);
        assert_eq!(morning.weight(at("2026-03-29T06:00:00Z")), 0.0);
        assert_eq!(morning.weight(at("2026-03-29T08:00:00Z")), 1.0);
    }

    #[test]
    fn a_time_the_clocks_skip_is_the_moment_of_the_change() {
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let local = |text: &str| text.parse::<NaiveDateTime>().expect("a local time");
        let skipped = moment(local("2026-03-29T02:30:00"), zone);
        assert_eq!(skipped, Some(at("2026-03-29T01:00:00Z")));
        // 02:30 comes twice on 2026-10-25.
        let twice = moment(local("2026-10-25T02:30:00"), zone);
        assert_eq!(twice, Some(at("2026-10-25T00:30:00Z")));
        // Samoa crossed the date line: 2011-12-30 did not happen there.
        let no_day = moment(
            local("2011-12-30T12:00:00"),
            "Pacific/Apia".parse().expect("a zone"),
        );
        assert_eq!(no_day, Some(at("2011-12-30T10:00:00Z")));
        let nothing_left = weekly(&[Sun], "02:10:00", "02:50:00", "Europe/Berlin");
        assert_eq!(nothing_left.weight(at("2026-03-29T01:30:00Z")), 0.0);
    }

    #[test]
    fn a_single_window_ends_for_good() {
        let holidays = Schedule {
            window: Window::Once {
                from: at("2026-12-24T00:00:00Z"),
                until: at("2026-12-27T00:00:00Z"),
            },
            ..weekly(&[], "00:00:00", "00:00:00", "UTC")
        };
        assert_eq!(
            weights(
                &holidays,
                &[
                    "2026-12-23T23:00:00Z",
                    "2026-12-24T01:00:00Z",
                    "2026-12-26T23:00:00Z",
                    "2026-12-27T01:00:00Z",
                    "2027-12-25T00:00:00Z",
                ]
            ),
            [0.0, 0.5, 1.0, 0.5, 0.0]
        );
    }

    #[test]
    fn without_a_ramp_the_window_is_all_or_nothing() {
        let sharp = Schedule {
            ramp: Duration::ZERO,
            ..weekly(&[Mon], "18:00:00", "22:00:00", "UTC")
        };
        assert_eq!(sharp.weight(at("2026-03-02T18:00:00Z")), 1.0);
        assert_eq!(sharp.weight(at("2026-03-02T21:59:59Z")), 1.0);
        assert_eq!(sharp.weight(at("2026-03-02T22:00:00Z")), 0.0);
    }

    #[test]
    fn a_window_is_open_from_its_start_to_its_end_whatever_the_ramp() {
        let evening = weekly(&[Mon], "18:00:00", "02:00:00", "UTC");
        for (moment, open) in [
            ("2026-03-02T17:59:59Z", false),
            ("2026-03-02T18:00:00Z", true),
            ("2026-03-03T01:59:59Z", true),
            ("2026-03-03T02:00:00Z", false),
        ] {
            assert_eq!(evening.is_open(at(moment)), open, "{moment}");
        }
    }

    const WEEK: [Weekday; 7] = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];

    prop_compose! {
        fn any_schedule()(
            days in prop::sample::subsequence(&WEEK[..], 1..=7),
            from_min in 0u32..1_440,
            until_min in 0u32..1_440,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                "Asia/Kathmandu", "Pacific/Apia",
            ]),
            target_ratio in 0.0f64..=1.0,
            ramp_mins in 1u64..=7 * 1_440,
        ) -> Schedule {
            let time = |mins| NaiveTime::from_num_seconds_from_midnight_opt(mins * 60, 0)
                .expect("a time of day");
            Schedule {
                label: String::new(),
                matcher: Matcher::default(),
                window: Window::Weekly(Weekly {
                    days,
                    from: time(from_min),
                    until: time(until_min),
                    zone: zone.parse().expect("a zone"),
                }),
                target_ratio: Some(target_ratio),
                min: None,
                max: None,
                ramp: Duration::from_secs(ramp_mins * 60),
            }
        }
    }

    /// From 2026 on: two years, with every kind of clock change.
    fn any_moment() -> impl Strategy<Value = Timestamp> {
        (1_767_225_600i64..1_830_297_600).prop_map(Timestamp::from_secs)
    }

    proptest! {
        #[test]
        fn the_target_never_leaves_zero_to_one(
            schedules in prop::collection::vec(any_schedule(), 1..4),
            base in 0.0f64..=1.0,
            now in any_moment(),
        ) {
            let target = schedules.iter().fold(base, |target, one| one.blend(target, now));
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&target), "{}", target);
        }

        #[test]
        fn the_target_never_moves_faster_than_the_ramp(
            schedule in any_schedule(),
            base in 0.0f64..=1.0,
            now in any_moment(),
            later_secs in 1u64..200_000,
        ) {
            let later = Duration::from_secs(later_secs);
            let moved = (schedule.blend(base, now.plus(later)) - schedule.blend(base, now)).abs();
            let allowed = (schedule.target_ratio.unwrap_or(base) - base).abs() * later.as_secs_f64()
                / schedule.ramp.as_secs_f64();
            prop_assert!(moved <= allowed + 1e-9, "{} > {}", moved, allowed);
        }

        #[test]
        fn outside_windows_and_ramps_the_base_holds(
            schedule in any_schedule(),
            base in 0.0f64..=1.0,
            now in any_moment(),
        ) {
            let Window::Weekly(weekly) = &schedule.window else { unreachable!() };
            // The wall clock, minute by minute, back over the ramp and the hour
            // that clocks set back show twice.
            let open_lately = (0..=schedule.ramp.as_secs() / 60 + 60).any(|minutes| {
                let then = now.minus(Duration::from_secs(minutes * 60)).utc()
                    .with_timezone(&weekly.zone);
                let (day, time) = (then.weekday(), then.time());
                if weekly.from < weekly.until {
                    weekly.days.contains(&day) && weekly.from <= time && time < weekly.until
                } else {
                    weekly.days.contains(&day) && weekly.from <= time
                        || weekly.days.contains(&day.pred()) && time < weekly.until
                }
            });
            if !open_lately {
                prop_assert_eq!(schedule.blend(base, now), base);
                prop_assert!(!schedule.is_open(now));
            }
        }
    }
}
