//! Conditions on what moves by itself: a channel's balance, and what it forwarded.
//!
//! A balance that sits on a threshold crosses it with every payment; a rule that
//! followed would change the fee with each. So a condition that has come to hold
//! goes on holding until the balance is [`MARGIN`] of the capacity beyond the
//! threshold, or the amount forwarded [`FORWARDED_MARGIN`] of the threshold, and what
//! holds is remembered over restarts. Whoever pays can move either, at the price of
//! the fees; HTLCs that hang move neither.
//!
//! What a peer sets for nothing, such as its own fees, its addresses or its alias as
//! it is now, is no such quantity: a rule by it would be the peer's to switch.

use std::collections::BTreeMap;
use std::fmt;

use crate::types::channel::{Channel, ChannelPoint};
use crate::types::day_total::DayTotal;
use crate::types::observation::Observation;
use crate::types::units::Msat;

/// How far a balance must be back for a condition to hold no more, as a share of the
/// capacity: more than a few ordinary payments move on most channels.
pub const MARGIN: f64 = 0.05;

/// How far an amount forwarded must be back, as a share of the threshold: more than
/// chance moves the sum of 30 days from one week to the next on most channels.
pub const FORWARDED_MARGIN: f64 = 0.2;

/// The days over which forwards are summed up: long enough for a channel's slow weeks,
/// and no longer than history is read back for.
pub const FORWARDED_DAYS: u32 = 30;

/// What a channel forwarded over [`FORWARDED_DAYS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// What entered by it.
    pub incoming: Msat,
    /// What left by it.
    pub outgoing: Msat,
}

impl Forwarded {
    /// Adds a day.
    pub fn add(&mut self, day: &DayTotal) {
        self.incoming = self.incoming.plus(day.brought);
        self.outgoing = self.outgoing.plus(day.sold);
    }
}

/// What a threshold is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The local ratio, 0 to 1.
    LocalRatio,
    /// Our share, in sat.
    Local,
    /// The peer's share, in sat.
    Remote,
    /// What entered by it over [`FORWARDED_DAYS`], in sat.
    ForwardedIn,
    /// What left by it over [`FORWARDED_DAYS`], in sat.
    ForwardedOut,
}

/// On which side of it the condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At it or above.
    AtLeast,
    /// At it or below.
    AtMost,
}

/// A condition on what moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Of what.
    pub quantity: Quantity,
    /// Where it holds.
    pub side: Side,
    /// The value, in the quantity's unit.
    pub at: f64,
}

impl Threshold {
    /// Whether it is about what was forwarded.
    pub fn is_of_forwards(&self) -> bool {
        matches!(
            self.quantity,
            Quantity::ForwardedIn | Quantity::ForwardedOut
        )
    }

    /// How far `channel` is inside, as a share of its capacity or, for what was
    /// forwarded, of the threshold; below 0 outside. `None` where that is not known.
    fn inside(&self, channel: &Channel, forwarded: Option<Forwarded>) -> Option<f64> {
        let ratio = channel.local_ratio();
        let capacity = channel.capacity.as_f64().max(1.0);
        let amount = |amount: Msat| (amount.as_f64() / 1_000.0 - self.at) / self.at.max(1.0);
        let beyond = match self.quantity {
            Quantity::LocalRatio => ratio - self.at,
            Quantity::Local => ratio - self.at / capacity,
            Quantity::Remote => (1.0 - ratio) - self.at / capacity,
            Quantity::ForwardedIn => amount(forwarded?.incoming),
            Quantity::ForwardedOut => amount(forwarded?.outgoing),
        };
        Some(match self.side {
            Side::AtLeast => beyond,
            Side::AtMost => -beyond,
        })
    }

    /// Whether it holds for `channel`: as it is remembered, or as its balance is at
    /// first sight. What was forwarded is never known at first sight.
    pub fn holds(&self, channel: &Channel, latches: &Latches) -> bool {
        let known = latches.0.get(&(self.to_string(), channel.point)).copied();
        let now = || self.inside(channel, None).is_some_and(|by| by >= 0.0);
        known.unwrap_or_else(now)
    }
}

/// As the config has it: the name by which it is remembered.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::AtLeast => "min",
            Side::AtMost => "max",
        };
        let quantity = match self.quantity {
            Quantity::LocalRatio => "local_ratio",
            Quantity::Local => "local_sat",
            Quantity::Remote => "remote_sat",
            Quantity::ForwardedIn => "forwarded_in_sat",
            Quantity::ForwardedOut => "forwarded_out_sat",
        };
        write!(f, "{side}_{quantity} {}", self.at)
    }
}

/// Which conditions hold for which channels, by condition and channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latches(BTreeMap<(String, ChannelPoint), bool>);

impl Latches {
    /// Those that were stored.
    pub fn of(stored: impl IntoIterator<Item = (String, ChannelPoint, bool)>) -> Self {
        let keyed = |(condition, point, holds)| ((condition, point), holds);
        Self(stored.into_iter().map(keyed).collect())
    }

    /// Each condition and channel, and whether it holds.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ChannelPoint, bool)> {
        let parts = self.0.iter();
        parts.map(|((condition, point), holds)| (condition.as_str(), *point, *holds))
    }

    /// Looks at each channel seen; `forwarded` has those channels of which it is known.
    /// What cannot be told stays as it was. What is of other conditions or channels is
    /// forgotten.
    pub fn learn<'a>(
        &mut self,
        of: impl Iterator<Item = &'a Threshold>,
        seen: &Observation,
        forwarded: &BTreeMap<ChannelPoint, Forwarded>,
    ) {
        let before = std::mem::take(&mut self.0);
        for threshold in of {
            let condition = threshold.to_string();
            let margin = match threshold.is_of_forwards() {
                true => FORWARDED_MARGIN,
                false => MARGIN,
            };
            for channel in seen.channels.values() {
                let key = (condition.clone(), channel.point);
                let held = before.get(&key).is_some_and(|held| *held);
                let margin = if held { margin } else { 0.0 };
                let inside = threshold.inside(channel, forwarded.get(&channel.point).copied());
                let holds = inside.map_or(held, |by| by >= -margin);
                self.0.insert(key, holds);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use crate::types::units::Sat;

    /// A channel of 1,000,000 sat with so much of it on our side.
    fn at(local: u64) -> Observation {
        let channel = Channel {
            local_balance: Sat(local),
            remote_balance: Sat(1_000_000 - local),
            ..channel(1)
        };
        Observation {
            channels: [(channel.point, channel)].into(),
            ..Observation::default()
        }
    }

    fn threshold(quantity: Quantity, side: Side, at: f64) -> Threshold {
        Threshold { quantity, side, at }
    }

    /// What holds after each of these local balances, one after the other.
    fn held(threshold: Threshold, balances: &[u64]) -> Vec<bool> {
        let mut latches = Latches::default();
        let look = |balance: &u64| {
            let seen = at(*balance);
            latches.learn([&threshold].into_iter(), &seen, &BTreeMap::new());
            let channel = seen.channels.values().next().expect("one");
            threshold.holds(channel, &latches)
        };
        balances.iter().map(look).collect()
    }

    #[test]
    fn what_has_come_to_hold_goes_on_until_the_balance_is_well_back() {
        let drained = threshold(Quantity::LocalRatio, Side::AtMost, 0.1);
        let balances = [110_000, 100_000, 101_000, 149_000, 151_000, 101_000, 90_000];
        let expected = [false, true, true, true, false, false, true];
        assert_eq!(held(drained, &balances), expected);
    }

    #[test]
    fn balances_count_like_ratios() {
        let full = threshold(Quantity::Local, Side::AtLeast, 900_000.0);
        let balances = [899_999, 900_000, 851_000, 849_000];
        assert_eq!(held(full, &balances), [false, true, true, false]);
        let inbound = threshold(Quantity::Remote, Side::AtLeast, 900_000.0);
        let balances = [101_000, 100_000, 149_000, 151_000];
        assert_eq!(held(inbound, &balances), [false, true, true, false]);
    }

    #[test]
    fn a_balance_that_swings_on_the_threshold_changes_nothing_after_the_first_time() {
        let drained = threshold(Quantity::LocalRatio, Side::AtMost, 0.3);
        let swings: Vec<u64> = (0..200).map(|n| 300_000 + (n % 2) * 40_000).collect();
        let held = held(drained, &swings);
        assert!(held.iter().all(|held| *held));
    }

    #[test]
    fn what_was_forwarded_counts_with_a_margin_of_its_own() {
        let busy = threshold(Quantity::ForwardedOut, Side::AtLeast, 1_000_000.0);
        let idle = threshold(Quantity::ForwardedOut, Side::AtMost, 1_000_000.0);
        let seen = at(500_000);
        let channel = seen.channels.values().next().expect("one");
        let mut latches = Latches::default();
        let mut look = |sat: Option<u64>| {
            let outgoing = Msat(sat.unwrap_or_default() * 1_000);
            let forwarded = Forwarded {
                outgoing,
                ..Forwarded::default()
            };
            let known = sat.map(|_| (channel.point, forwarded));
            latches.learn(
                [&busy, &idle].into_iter(),
                &seen,
                &known.into_iter().collect(),
            );
            [&busy, &idle].map(|threshold| threshold.holds(channel, &latches))
        };
        assert_eq!(look(None), [false, false], "not known: no rule");
        assert_eq!(look(Some(1_000_001)), [true, false]);
        assert_eq!(look(Some(999_999)), [true, true]);
        assert_eq!(look(None), [true, true], "not known: as it was");
        assert_eq!(look(Some(1_199_999)), [true, true]);
        assert_eq!(look(Some(1_200_001)), [true, false]);
        assert_eq!(look(Some(799_999)), [false, true]);
    }

    #[test]
    fn what_is_for_idle_channels_is_not_for_those_of_which_nothing_is_known() {
        let idle = threshold(Quantity::ForwardedIn, Side::AtMost, 0.0);
        let seen = at(500_000);
        let channel = seen.channels.values().next().expect("one");
        assert!(!idle.holds(channel, &Latches::default()));
        let mut latches = Latches::default();
        let none = [(channel.point, Forwarded::default())].into();
        latches.learn([&idle].into_iter(), &seen, &none);
        assert!(idle.holds(channel, &latches));
    }

    #[test]
    fn a_pending_htlc_moves_nothing() {
        let drained = threshold(Quantity::LocalRatio, Side::AtMost, 0.5);
        let hanging = Channel {
            local_balance: Sat(100_000),
            pending_out: Sat(500_000),
            remote_balance: Sat(400_000),
            ..channel(1)
        };
        assert!(!drained.holds(&hanging, &Latches::default()));
    }

    #[test]
    fn what_is_asked_no_more_is_forgotten() {
        let one = threshold(Quantity::LocalRatio, Side::AtMost, 0.3);
        let mut latches = Latches::default();
        latches.learn([&one].into_iter(), &at(100_000), &BTreeMap::new());
        assert_eq!(latches.iter().count(), 1);
        latches.learn(
            [&one].into_iter(),
            &Observation::default(),
            &BTreeMap::new(),
        );
        assert_eq!(latches, Latches::default());
    }
}
