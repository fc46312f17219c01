//! What a run is judged by, per channel and summed.

use std::collections::BTreeMap;

use serde::Serialize;

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;

use super::math;

const DAYS_PER_YEAR: f64 = 365.0;
/// Below this share of the capacity a side counts as empty, ...
const EMPTY_SHARE: f64 = 0.02;
/// ... or below this amount, whichever is more.
const EMPTY_MSAT: u64 = 50_000_000;

/// The account of one channel, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Account {
    /// Channel-days open.
    pub days: f64,
    /// Capacity times days open, in sat-days.
    pub capacity_sat_days: f64,
    /// Fees of settled forwards that left here, net of discounts, in msat.
    pub fees_msat: u64,
    /// Settled forwards that left here.
    pub forwards_out: u64,
    /// Settled forwards that entered here.
    pub forwards_in: u64,
    /// What left here in settled forwards, in msat.
    pub volume_out_msat: u64,
    /// HTLCs that failed because we had too little here.
    pub own_failures: u64,
    /// HTLCs that failed because they offered less than our fee.
    pub fee_failures: u64,
    /// Days in which our side was empty.
    pub depleted_days: f64,
    /// Those of them in which it once had held enough: it was sold, not never
    /// filled. A channel that the peer opened and nobody pays over is depleted
    /// whatever its rate.
    pub sold_out_days: f64,
    /// Days in which the peer's side was empty.
    pub full_days: f64,
    /// Integral of |local ratio − target| over time, in days.
    pub off_target_days: f64,
    /// Policy updates.
    pub updates: u64,
    /// The most the outbound rate moved within one day: highest over lowest,
    /// less 1 (a rate of 0 counts as 1 ppm).
    pub largest_daily_move: f64,
}

impl Account {
    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.capacity_sat_days += other.capacity_sat_days;
        self.fees_msat += other.fees_msat;
        self.forwards_out += other.forwards_out;
        self.forwards_in += other.forwards_in;
        self.volume_out_msat += other.volume_out_msat;
        self.own_failures += other.own_failures;
        self.fee_failures += other.fee_failures;
        self.depleted_days += other.depleted_days;
        self.sold_out_days += other.sold_out_days;
        self.full_days += other.full_days;
        self.off_target_days += other.off_target_days;
        self.updates += other.updates;
        self.largest_daily_move = self.largest_daily_move.max(other.largest_daily_move);
    }

    /// Net fees per capacity and year, in ppm.
    pub fn fees_ppm_per_year(&self) -> f64 {
        let capacity_years = self.capacity_sat_days / DAYS_PER_YEAR;
        ratio(math::float(self.fees_msat) / 1_000.0 * 1e6, capacity_years)
    }

    /// Settled forwards among those and the HTLCs we had too little for.
    pub fn success(&self) -> f64 {
        let settled = math::float(self.forwards_out);
        ratio(settled, settled + math::float(self.own_failures))
    }

    /// The share of time in which our side was empty.
    pub fn depleted_share(&self) -> f64 {
        ratio(self.depleted_days, self.days)
    }

    /// The share of time in which our side was empty after it once was not.
    pub fn sold_out_share(&self) -> f64 {
        ratio(self.sold_out_days, self.days)
    }

    /// The share of time in which the peer's side was empty.
    pub fn full_share(&self) -> f64 {
        ratio(self.full_days, self.days)
    }

    /// The mean distance of the local ratio from the target.
    pub fn off_target(&self) -> f64 {
        ratio(self.off_target_days, self.days)
    }

    /// Policy updates per channel-day.
    pub fn updates_per_channel_day(&self) -> f64 {
        ratio(math::float(self.updates), self.days)
    }

    /// Settled forwards per channel-day.
    pub fn forwards_per_channel_day(&self) -> f64 {
        ratio(math::float(self.forwards_out), self.days)
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The accounts of a run since the warm-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Every channel that was open for a time.
    pub channels: BTreeMap<ChannelPoint, Account>,
}

impl Metrics {
    /// All channels together.
    pub fn total(&self) -> Account {
        let mut total = Account::default();
        for account in self.channels.values() {
            total.add(account);
        }
        total
    }
}

/// An open channel's running account.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    account: Account,
    read_at: Timestamp,
    day: i64,
    lowest_ppm: f64,
    highest_ppm: f64,
    /// Whether our side ever was not empty.
    stocked: bool,
}

/// A channel's balances as the meter sees them, in msat.
#[derive(Clone, Copy, Debug)]
pub struct Balances {
    /// Capacity.
    pub capacity: u64,
    /// SweetspotPolicy, pending HTLCs we offered included.
    pub local: u64,
    /// The peer's, pending HTLCs it offered included.
    pub remote: u64,
}

impl Meter {
    /// A new account from `now` on, at a rate of `ppm`.
    pub fn new(now: Timestamp, ppm: f64) -> Self {
        Self {
            account: Account::default(),
            read_at: now,
            day: day(now),
            lowest_ppm: ppm.max(1.0),
            highest_ppm: ppm.max(1.0),
            stocked: false,
        }
    }

    /// A new account of the same channel, whose past is not forgotten.
    pub fn restarted(&self, now: Timestamp, ppm: f64) -> Self {
        Self {
            stocked: self.stocked,
            ..Self::new(now, ppm)
        }
    }

    /// Accounts for the time since the last reading, in which the balances
    /// were these.
    pub fn read(&mut self, now: Timestamp, balances: Balances, target_ratio: f64) {
        let days = now.days_since(self.read_at);
        self.read_at = now;
        let share = |msat: u64| math::float(msat) / math::float(balances.capacity).max(1.0);
        let empty = |msat: u64| share(msat) < EMPTY_SHARE || msat < EMPTY_MSAT;
        let account = &mut self.account;
        account.days += days;
        account.capacity_sat_days += math::float(balances.capacity) / 1_000.0 * days;
        if !empty(balances.local) {
            self.stocked = true;
        } else {
            account.depleted_days += days;
            account.sold_out_days += if self.stocked { days } else { 0.0 };
        }
        account.full_days += if empty(balances.remote) { days } else { 0.0 };
        account.off_target_days += (share(balances.local) - target_ratio).abs() * days;
    }

    /// Counts a policy update from one rate to another.
    pub fn update(&mut self, now: Timestamp, from_ppm: f64, to_ppm: f64) {
        self.account.updates += 1;
        if day(now) != self.day {
            self.day = day(now);
            self.lowest_ppm = from_ppm.max(1.0);
            self.highest_ppm = from_ppm.max(1.0);
        }
        self.lowest_ppm = self.lowest_ppm.min(to_ppm.max(1.0));
        self.highest_ppm = self.highest_ppm.max(to_ppm.max(1.0));
        let moved = self.highest_ppm / self.lowest_ppm - 1.0;
        self.account.largest_daily_move = self.account.largest_daily_move.max(moved);
    }

    /// The account to count events in.
    pub fn account_mut(&mut self) -> &mut Account {
        &mut self.account
    }

    /// The account as of the last reading.
    pub fn account(&self) -> Account {
        self.account
    }
}

fn day(at: Timestamp) -> i64 {
    at.secs().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_side_is_sold_out_once_it_has_held_enough_even_before_the_account() {
        let at = |local| Balances {
            capacity: 10_000_000_000,
            local,
            remote: 10_000_000_000 - local,
        };
        let hours = |h: i64| Timestamp::from_secs(h * 3_600);
        let mut meter = Meter::new(Timestamp::EPOCH, 100.0);
        meter.read(hours(2), at(0), 0.5);
        meter.read(hours(3), at(150_000_000), 0.5);
        assert_eq!(meter.account().sold_out_days, 0.0);
        meter.read(hours(4), at(200_000_000), 0.5);
        let mut meter = meter.restarted(hours(4), 100.0);
        meter.read(hours(8), at(0), 0.5);
        meter.read(hours(12), at(5_000_000_000), 0.5);
        assert_eq!(meter.account().depleted_share(), 0.5);
        assert_eq!(meter.account().sold_out_share(), 0.5);
    }

    #[test]
    fn time_and_moves_are_counted_as_stated() {
        let mut meter = Meter::new(Timestamp::EPOCH, 100.0);
        let empty = Balances {
            capacity: 10_000_000_000,
            local: 150_000_000,
            remote: 9_850_000_000,
        };
        let hours = |h: i64| Timestamp::from_secs(h * 3_600);
        meter.read(hours(12), empty, 0.5);
        let half = Balances {
            local: 5_000_000_000,
            remote: 5_000_000_000,
            ..empty
        };
        meter.read(hours(48), half, 0.4);
        meter.update(hours(30), 100.0, 120.0);
        meter.update(hours(31), 120.0, 90.0);
        meter.update(hours(60), 90.0, 99.0);
        let account = meter.account();
        assert_eq!(account.depleted_share(), 0.25);
        assert_eq!(account.sold_out_share(), 0.0);
        assert_eq!(account.full_share(), 0.0);
        assert!((account.off_target() - (0.485 * 0.25 + 0.1 * 0.75)).abs() < 1e-12);
        assert_eq!(account.updates_per_channel_day(), 1.5);
        assert!((account.largest_daily_move - 1.0 / 3.0).abs() < 1e-12);
    }
}
