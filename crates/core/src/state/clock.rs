//! The clock that limits hold on: the wall clock as it was when it was last taken
//! up, and from there the time since the machine started. No one who sets the wall
//! clock frees a cooldown, the daily limit or the update budget by it.
//!
//! A wall clock that has moved against that is taken up again ([`Clock::step`]):
//! every moment that limits count from moves along, so that what has passed since
//! stays what it was. Across a restart of the machine nobody knows how long it was
//! off. Of that time nothing counts for a limit.

use std::time::Duration;

use crate::types::clock_reading::ClockReading;
use crate::types::time::Timestamp;

/// A wall clock further off than this has been set. Less is what time servers
/// correct in passing, and a leap second; no limit is that short.
pub const JUMP: Duration = Duration::from_secs(30);

/// How long a clock that was set is doubted: as long as it jumped, within these
/// bounds. An hour is the least in which whoever set it sees what it did; a clock
/// that has run for a day may be as right as any.
const DOUBTED_FOR: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(86_400));

/// A machine that seems to have been off for longer is more likely to have started
/// with a wrong clock.
const LONGEST_OFF: Duration = Duration::from_secs(30 * 86_400);

/// The clock as remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// What the clocks said when the wall clock was last taken up.
    pub taken_up: Option<ClockReading>,
    /// Until when it is doubted, if it is.
    pub doubted_until: Option<Timestamp>,
}

/// The wall clock is taken up anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// What the clocks say.
    pub to: ClockReading,
    /// By how much moments that limits count from move, in nanoseconds: what the
    /// wall clock says has passed, less what has.
    pub moved_nanos: i64,
    /// How long the clock is doubted, if it is.
    pub doubted_for: Option<Duration>,
}

impl Clock {
    /// The time now: the wall clock's as long as nobody sets it.
    pub fn now(&self, reading: ClockReading) -> Timestamp {
        let passed = self.taken_up.and_then(|then| passed(then, reading));
        match (self.taken_up, passed) {
            (Some(then), Some(passed)) => then.wall.plus(passed),
            _ => reading.wall,
        }
    }

    /// What a cycle that begins now must take up, the cycle before having been at
    /// `last`; nothing as long as the machine runs and nobody sets the clock.
    pub fn step(&self, reading: ClockReading, last: Option<Timestamp>) -> Option<ClockStep> {
        let step = |moved_nanos: i64, doubtful: bool| {
            let jump = Duration::from_nanos(moved_nanos.unsigned_abs());
            Some(ClockStep {
                to: reading,
                moved_nanos,
                doubted_for: doubtful.then(|| jump.clamp(DOUBTED_FOR.0, DOUBTED_FOR.1)),
            })
        };
        let Some(then) = self.taken_up else {
            return step(0, false);
        };
        let far = |nanos: i64, span: Duration| u128::from(nanos.unsigned_abs()) > span.as_nanos();
        if passed(then, reading).is_some() {
            let off = reading.wall.nanos_since(self.now(reading));
            return far(off, JUMP).then(|| step(off, true)).flatten();
        }
        // The machine has started since: only what it has run for since is sure to
        // have passed.
        let by_wall = reading.wall.nanos_since(last.unwrap_or(then.wall));
        let sure = i64::try_from(reading.since_boot.as_nanos()).unwrap_or(i64::MAX);
        let off = by_wall.saturating_sub(sure);
        let set_back = off < 0 && far(off, JUMP);
        step(off, set_back || far(off, LONGEST_OFF))
    }

    /// Takes it up.
    pub fn take(&mut self, step: &ClockStep) {
        self.taken_up = Some(step.to);
        let until = step.doubted_for.map(|span| step.to.wall.plus(span));
        self.doubted_until = match (self.doubted_until, until) {
            // What is left of an earlier doubt is not cut short.
            (Some(earlier), until) => {
                let left = earlier.moved(step.moved_nanos);
                Some(until.map_or(left, |until| until.max(left)))
            }
            (None, until) => until,
        };
    }

    /// Until when the clock is doubted at `now`, if it is.
    pub fn doubted_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.doubted_until.filter(|until| now < *until)
    }
}

/// The time between two readings, if the machine ran all the while.
fn passed(then: ClockReading, now: ClockReading) -> Option<Duration> {
    let same_boot = now.boot == then.boot;
    same_boot
        .then(|| now.since_boot.checked_sub(then.since_boot))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;
    const SECOND: i64 = 1_000_000_000;

    fn reading(wall: i64, boot: u64, since_boot: u64) -> ClockReading {
        ClockReading {
            wall: Timestamp::from_secs(wall),
            boot,
            since_boot: Duration::from_secs(since_boot),
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Taken up at 1,000,000 s, a hundred seconds after the machine started.
    fn clock() -> Clock {
        let taken_up = Some(reading(1_000_000, 1, 100));
        Clock {
            taken_up,
            doubted_until: None,
        }
    }

    #[test]
    fn a_first_start_takes_the_clock_up_as_it_is() {
        let first = reading(7, 1, 5);
        let step = Clock::default().step(first, None).expect("a step");
        assert_eq!(
            (step.to, step.moved_nanos, step.doubted_for),
            (first, 0, None)
        );
        assert_eq!(Clock::default().now(first), at(7));
    }

    #[test]
    fn time_goes_by_the_machine_and_small_corrections_are_passed_over() {
        for off in [-30, -1, 0, 1, 30] {
            let later = reading(1_000_600 + off, 1, 700);
            assert_eq!(clock().now(later), at(1_000_600));
            assert_eq!(clock().step(later, Some(at(1_000_500))), None);
        }
    }

    #[test]
    fn small_corrections_that_add_up_are_one_jump() {
        let mut clock = clock();
        for n in 1..=6 {
            let step = clock.step(reading(1_000_000 + 70 * n, 1, 100 + 60 * n as u64), None);
            assert_eq!(step.is_some(), n == 4, "{n}");
            if let Some(step) = step {
                assert_eq!(step.moved_nanos, 40 * SECOND);
                clock.take(&step);
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_moves_what_limits_count_from_and_is_doubted() {
        for (jump, doubted) in [
            (60, HOUR),
            (-60, HOUR),
            (5 * 3_600, 5 * HOUR),
            (-5 * 3_600, 5 * HOUR),
            (400 * 86_400, DAY),
            (-900_000, DAY),
        ] {
            let mut clock = clock();
            let now = reading(1_000_600 + jump, 1, 700);
            let step = clock.step(now, Some(at(1_000_500))).expect("a step");
            assert_eq!(step.moved_nanos, jump * SECOND);
            assert_eq!(step.doubted_for, Some(Duration::from_secs(doubted)));
            clock.take(&step);
            assert_eq!(clock.now(now), now.wall);
            let until = now.wall.plus(Duration::from_secs(doubted));
            assert_eq!(clock.doubted_at(now.wall), Some(until));
            assert_eq!(clock.doubted_at(until), None);
        }
    }

    #[test]
    fn the_time_that_a_machine_was_off_counts_for_no_limit_and_is_no_jump() {
        let last = Some(at(1_000_500));
        let step = clock()
            .step(reading(1_004_000, 2, 60), last)
            .expect("a step");
        assert_eq!(step.moved_nanos, (3_500 - 60) * SECOND);
        assert_eq!(step.doubted_for, None);
    }

    #[test]
    fn a_machine_that_starts_before_it_stopped_or_ages_later_is_doubted() {
        let last = Some(at(1_000_500));
        for (wall, since_boot) in [(1_000_510, 60), (1_000, 60), (1_000_500 + 31 * 86_400, 60)] {
            let step = clock().step(reading(wall, 2, since_boot), last);
            let step = step.expect("a step");
            assert!(step.doubted_for.is_some(), "{wall}");
        }
    }

    #[test]
    fn a_counter_that_went_back_is_another_start() {
        let step = clock().step(reading(1_000_600, 1, 50), Some(at(1_000_500)));
        assert_eq!(step.expect("a step").moved_nanos, 50 * SECOND);
    }

    #[test]
    fn a_second_jump_does_not_cut_short_the_doubt_of_the_first() {
        let mut clock = clock();
        let day = 86_400;
        let ahead = clock.step(reading(1_000_600 + day, 1, 700), None);
        clock.take(&ahead.expect("a step"));
        let back = clock.step(reading(1_000_900, 1, 1_000), None);
        clock.take(&back.expect("a step"));
        assert_eq!(clock.doubted_at(at(1_000_900)), Some(at(1_000_900 + day)));
        let again = clock.step(reading(1_001_200 - 60, 1, 1_300), None);
        clock.take(&again.expect("a step"));
        assert_eq!(clock.doubted_at(at(1_001_140)), Some(at(1_000_840 + day)));
    }

    #[test]
    fn no_reading_panics() {
        let far = [i64::MIN / 1_000_000_000, 0, i64::MAX / 1_000_000_000];
        for (wall, since_boot) in far.iter().flat_map(|wall| [(*wall, 0), (*wall, u64::MAX)]) {
            for boot in [1, 2] {
                let mut clock = clock();
                let now = reading(wall, boot, since_boot);
                let _ = clock.now(now);
                for last in [None, Some(at(far[0])), Some(at(far[2]))] {
                    if let Some(step) = clock.step(now, last) {
                        clock.take(&step);
                    }
                }
            }
        }
    }
}
