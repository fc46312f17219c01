//! The demand meter: the one count of what a channel sold, and of the time in
//! which it could.
//!
//! Strategies, prune rules, `status`, `explain`, the log and `backtest` all read
//! it here. What it promises:
//!
//! * **Volume, in typical forwards.** A forward counts by its amount, so that dust
//!   counts as dust: any number of forwards counts as one of their whole amount.
//!   The unit is the same for all channels and at all times; one learned from the
//!   same forwards would let one channel's payments move another's reading.
//! * **Monotone.** One more forward while we watch never lowers a rate.
//! * **Exposure.** A rate is per minute with stock: a channel that has nothing to
//!   send sells nothing whatever the demand. From before we watched, the balance is
//!   walked back through the forwards; as own payments and rebalances are not in
//!   them, that time and what was sold in it count half.
//! * **Evidence is discounted, not dropped.** Forwards come in bursts and in very
//!   different amounts, so `n` of them tell what `n / F` independent equal ones
//!   would (F, their dispersion, is about 10): readers trust a rate by `n / (n + F)`.
//! * **Rebuilt is kept up.** Sums are integers by UTC hours and days
//!   ([`Volume`]), so counting every stored forward again, in any order, gives the
//!   same meter to the bit.

use super::fading::{Fading, FadingWindows, READ_FOR};
use super::stock::StockLog;
use super::volume::{Passed, SECONDS_PER_HOUR, Volume};
use crate::settings::windows::Windows;
use crate::types::channel::Channel;
use crate::types::day_total::{DayTotal, NodeDayTotal};
use crate::types::time::Timestamp;
use crate::types::units::{Msat, Sat};

/// What counts as one forward. The mean of a real routing node's year is 90,000
/// sat, the mean of public nodes' reports lies between 50,000 and 200,000.
pub const TYPICAL_FORWARD: Msat = Msat(100_000_000);

/// The weight of what was not watched.
const UNWATCHED_WEIGHT: f64 = 0.5;

const SECONDS_PER_MINUTE: f64 = 60.0;

/// The balance from which the time before is walked back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstSight {
    /// When it was read.
    pub at: Timestamp,
    /// What was there to send.
    pub spendable: Sat,
    /// What makes it stocked.
    pub needed: Sat,
}

/// A channel's forwards, and the time it had stock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meter {
    /// From when on every forward is known.
    pub since: Timestamp,
    /// The first balance read; `None` for what always has stock (a whole node).
    pub first_sight: Option<FirstSight>,
    /// When it had stock since then.
    pub stock: StockLog,
    /// What passed. Not remembered over restarts: it is counted again from the
    /// stored forwards.
    pub volume: Volume,
}

/// Forwards and the minutes in which they were possible, both fading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Typical forwards.
    pub forwards: f64,
    /// Minutes with stock.
    pub stocked_minutes: f64,
    /// All minutes.
    pub minutes: f64,
}

/// What the meter says of a channel, or of parallel ones together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// Over the current window.
    pub current: Tally,
    /// Over the historical window.
    pub history: Tally,
}

impl Tally {
    /// Typical forwards per minute with stock; 0 without any.
    pub fn tpm(&self) -> f64 {
        if self.stocked_minutes <= 0.0 {
            return 0.0;
        }
        self.forwards / self.stocked_minutes
    }

    /// The share of time with stock; 1 where there was no time.
    pub fn stocked_share(&self) -> f64 {
        if self.minutes <= 0.0 {
            return 1.0;
        }
        (self.stocked_minutes / self.minutes).clamp(0.0, 1.0)
    }

    /// Parallel channels stand in the market side by side, not in turn.
    fn plus(self, other: Self) -> Self {
        Self {
            forwards: self.forwards + other.forwards,
            stocked_minutes: self.stocked_minutes.max(other.stocked_minutes),
            minutes: self.minutes.max(other.minutes),
        }
    }
}

impl Demand {
    /// What the current window would have seen at the historical rate, in typical
    /// forwards.
    pub fn expected(&self) -> f64 {
        self.history.tpm() * self.current.stocked_minutes
    }

    /// Parallel channels together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            current: self.current.plus(other.current),
            history: self.history.plus(other.history),
        }
    }
}

impl Meter {
    /// One that knows every forward from `since` on.
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// Counts a settled forward that left here.
    pub fn count_sold(&mut self, settled_at: Timestamp, amount: Msat, fee: Msat) {
        let sold = Passed {
            sold: amount,
            fees: fee,
            ..Passed::default()
        };
        self.volume.count(settled_at, sold);
    }

    /// Counts a settled forward that came in here.
    pub fn count_brought(&mut self, settled_at: Timestamp, amount: Msat) {
        let brought = Passed {
            brought: amount,
            ..Passed::default()
        };
        self.volume.count(settled_at, brought);
    }

    /// Counts the forwards of a day long past.
    pub fn count_day(&mut self, total: &DayTotal) {
        let passed = Passed {
            sold: total.sold,
            brought: total.brought,
            fees: total.fees,
        };
        self.volume.count_day(total.day, passed);
    }

    /// The same of the whole node.
    pub fn count_node_day(&mut self, total: &NodeDayTotal) {
        let passed = Passed {
            sold: total.sold,
            fees: total.fees,
            ..Passed::default()
        };
        self.volume.count_day(total.day, passed);
    }

    /// When a forward last left, to the hour or the day.
    pub fn last_sold(&self) -> Option<Timestamp> {
        self.volume.last(|passed| passed.sold.0 > 0)
    }

    /// When a forward last passed either way, to the hour or the day.
    pub fn last_forward(&self) -> Option<Timestamp> {
        self.volume.last(|_| true)
    }

    /// Takes in a balance, and forgets what no reading looks at any more.
    pub fn watch(&mut self, channel: &Channel, now: Timestamp, windows: Windows) {
        let needed = super::stock::needed(channel);
        self.first_sight.get_or_insert(FirstSight {
            at: now,
            spendable: channel.spendable(),
            needed,
        });
        self.stock.note(now, super::stock::stocked(channel));
        self.forget(now, windows);
    }

    /// Forgets what no reading looks at any more.
    pub fn forget(&mut self, now: Timestamp, windows: Windows) {
        let oldest = oldest_read(now, windows);
        self.volume.settle(now, oldest);
        self.stock.forget(oldest);
    }

    /// The same without any forward.
    #[must_use]
    pub fn without_forwards(&self) -> Self {
        Self {
            since: self.since,
            first_sight: self.first_sight,
            stock: self.stock.clone(),
            volume: Volume::default(),
        }
    }

    /// Sums up by days what is long past at `now`, and forgets nothing.
    pub fn settle(&mut self, now: Timestamp) {
        self.volume.settle(now, Timestamp::from_nanos(i64::MIN));
    }

    /// Forgets every forward, to count them afresh.
    pub fn forget_forwards(&mut self) {
        self.volume = Volume::default();
    }

    /// Has the forwards that another has counted.
    pub fn take_over_forwards(&mut self, other: &Self) {
        self.volume.clone_from(&other.volume);
    }

    /// What it says now.
    pub fn demand(&self, now: Timestamp, windows: Windows) -> Demand {
        self.demand_by(&FadingWindows::of(now, windows))
    }

    /// The same, by weights that serve many meters.
    pub fn demand_by(&self, fading: &FadingWindows) -> Demand {
        Demand {
            current: self.tally(&fading.current),
            history: self.tally(&fading.history),
        }
    }

    /// Forwards per minute by the historical window, either way and whatever the
    /// stock: how much the channel is used at all.
    pub fn used_tpm(&self, now: Timestamp, windows: Windows) -> f64 {
        self.used_tpm_up_to(f64::INFINITY, &FadingWindows::of(now, windows))
    }

    /// The same, by weights that serve many meters, and no further than to `enough`: a
    /// busy channel is known by its last hours.
    pub fn used_tpm_up_to(&self, enough: f64, fading: &FadingWindows) -> f64 {
        let fading = &fading.history;
        let minutes = self.minutes(fading);
        if minutes <= 0.0 {
            return 0.0;
        }
        let passed = |passed: &Passed| passed.sold.plus(passed.brought);
        let forwards = self.forwards_up_to(enough * minutes, fading, passed);
        forwards.map_or(enough, |forwards| (forwards / minutes).min(enough))
    }

    fn tally(&self, fading: &Fading) -> Tally {
        let watched_from = self.watched_from();
        let watched = fading.seconds(watched_from, fading.now_secs);
        let empty: f64 = self
            .stock
            .empty_spans(Timestamp::from_secs(fading.now_secs))
            .map(|(from, until)| fading.seconds(from.secs().max(watched_from), until.secs()))
            .sum();
        let stocked = watched - empty + UNWATCHED_WEIGHT * self.walked_back(fading);
        let minutes = self.minutes(fading);
        let stocked_minutes = stocked / SECONDS_PER_MINUTE;
        Tally {
            forwards: self.forwards(fading, |passed| passed.sold),
            stocked_minutes: stocked_minutes.clamp(0.0, minutes),
            minutes,
        }
    }

    /// When its balance was first seen, or else from when on forwards are known.
    fn first_seen(&self) -> Timestamp {
        self.first_sight.map_or(self.since, |first| first.at)
    }

    /// Since when both are known.
    fn watched_from(&self) -> i64 {
        self.first_seen().max(self.since).secs()
    }

    /// Faded minutes of which forwards are known.
    fn minutes(&self, fading: &Fading) -> f64 {
        let watched = fading.seconds(self.watched_from(), fading.now_secs);
        let since = self.since.secs().max(fading.horizon_secs);
        let before = fading.seconds(since, self.first_seen().secs());
        (watched + UNWATCHED_WEIGHT * before) / SECONDS_PER_MINUTE
    }

    /// Faded typical forwards.
    fn forwards(&self, fading: &Fading, volume: impl Fn(&Passed) -> Msat) -> f64 {
        self.forwards_up_to(f64::INFINITY, fading, volume)
            .unwrap_or(f64::INFINITY)
    }

    /// The same; `None` where there are `enough`.
    fn forwards_up_to(
        &self,
        enough: f64,
        fading: &Fading,
        volume: impl Fn(&Passed) -> Msat,
    ) -> Option<f64> {
        let enough_msat = enough * TYPICAL_FORWARD.as_f64();
        let seen = self.first_seen().secs();
        let until = fading.now_secs.saturating_add(1);
        let mut faded_msat = 0.0;
        for (middle, passed) in self.volume.middles(fading.horizon_secs, until) {
            let weight = if middle.secs() >= seen {
                1.0
            } else {
                UNWATCHED_WEIGHT
            };
            faded_msat += volume(passed).as_f64() * weight * fading.of_half_hour(middle);
            if faded_msat >= enough_msat {
                return None;
            }
        }
        Some(faded_msat / TYPICAL_FORWARD.as_f64())
    }

    /// Faded seconds with stock from before the first sight, span by span: what
    /// there was before one is what there was after it, and what left less what
    /// came.
    fn walked_back(&self, fading: &Fading) -> f64 {
        let Some(first) = self.first_sight else {
            return 0.0;
        };
        let oldest = self.since.secs().max(fading.horizon_secs);
        let mut until = first.at.secs();
        if until <= oldest {
            return 0.0;
        }
        let mut spendable_msat = i128::from(first.spendable.0) * 1_000;
        let needed_msat = i128::from(first.needed.0) * 1_000;
        let mut seconds = 0.0;
        for (span, passed) in self.volume.latest_first(oldest, until) {
            // Of the span of the first sight it is not known what was before.
            if span.end > until {
                continue;
            }
            let from = span.start.max(oldest);
            let begins = spendable_msat + i128::from(passed.sold.0) - i128::from(passed.brought.0);
            if spendable_msat >= needed_msat {
                seconds += fading.seconds(span.end, until);
            }
            if spendable_msat.max(begins) >= needed_msat {
                seconds += fading.seconds(from, span.end);
            } else if passed.sold.0 > 0 {
                // What left proves stock for an hour, whatever is left.
                seconds += fading.seconds(from, span.end.min(from + SECONDS_PER_HOUR));
            }
            (until, spendable_msat) = (from, begins);
        }
        if spendable_msat >= needed_msat {
            seconds += fading.seconds(oldest, until);
        }
        seconds
    }
}

/// What no reading looks at lies before it.
pub fn oldest_read(now: Timestamp, windows: Windows) -> Timestamp {
    let longest = windows.current.max(windows.history);
    now.minus(longest.saturating_mul(READ_FOR))
}

#[cfg(test)]
mod tests;
