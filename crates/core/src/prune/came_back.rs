//! How many of this node's idle channels came back: what a verdict is worth here.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::channel::ChannelPoint;

/// A channel without a forward for so many days is idle ...
pub const IDLE_DAYS: i64 = 30;
/// ... and has come back if one passes within so many more.
pub const AGAIN_WITHIN_DAYS: i64 = 90;

/// Idle spells of which it is known how they went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdleSpells {
    /// All of them.
    pub known: usize,
    /// Those that ended in time.
    pub ended: usize,
}

impl IdleSpells {
    /// Those of channels that forwarded something on these UTC `days`, as of the day
    /// `today`. What began less than both times ago counts for nothing yet, even where it
    /// has ended: those that go on would be missing. Nor does the last spell of a channel
    /// that `is_open` no more.
    pub fn of(
        days: &BTreeMap<ChannelPoint, BTreeSet<i64>>,
        today: i64,
        is_open: impl Fn(&ChannelPoint) -> bool,
    ) -> Self {
        let longest = IDLE_DAYS + AGAIN_WITHIN_DAYS;
        // Of both days it is not known at what hour.
        let between = |day: &i64, next: i64| next.saturating_sub(*day).saturating_sub(1);
        let mut spells = Self::default();
        for (point, days) in days {
            let known = days.iter().filter(|day| between(day, today) > longest);
            let next = days.iter().skip(1).copied().map(Some).chain([None]);
            for (day, next) in known.zip(next) {
                let idle = between(day, next.unwrap_or(today));
                if idle < IDLE_DAYS || (next.is_none() && !is_open(point)) {
                    continue;
                }
                spells.known += 1;
                spells.ended += usize::from(next.is_some() && idle <= longest);
            }
        }
        spells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    fn of(days: &[i64], today: i64, open: bool) -> [usize; 2] {
        let days = BTreeMap::from([(point(1), days.iter().copied().collect())]);
        let IdleSpells { known, ended } = IdleSpells::of(&days, today, |_| open);
        [known, ended]
    }

    #[test]
    fn a_spell_counts_once_it_is_known_how_it_went_on() {
        assert_eq!(of(&[], 1_000, true), [0, 0]);
        assert_eq!(of(&[0, 30], 140, true), [0, 0], "29 days");
        assert_eq!(of(&[0, 31], 121, true), [0, 0], "others go on");
        assert_eq!(of(&[0, 31], 122, true), [1, 1]);
        assert_eq!(of(&[0, 121], 150, true), [1, 1]);
        assert_eq!(of(&[0, 122], 150, true), [1, 0], "too late");
        assert_eq!(of(&[0], 121, true), [0, 0]);
        assert_eq!(of(&[0], 122, true), [1, 0]);
        assert_eq!(of(&[0], 122, false), [0, 0], "closed");
        assert_eq!(of(&[0, 31, 62, 100], 400, true), [4, 3]);
        assert_eq!(of(&[0, 31, 62, 100], 400, false), [3, 3]);
        assert_eq!(of(&[0], i64::MIN, true), [0, 0]);
    }
}
