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
    /// `today`. What came before the first and whatever is undecided counts for nothing.
    pub fn of(days: &BTreeMap<ChannelPoint, BTreeSet<i64>>, today: i64) -> Self {
        let longest = IDLE_DAYS + AGAIN_WITHIN_DAYS;
        let mut spells = Self::default();
        for days in days.values() {
            let next = days.iter().skip(1).map(|day| (*day, true));
            for (day, (next, forwarded)) in days.iter().zip(next.chain([(today, false)])) {
                // Of both days it is not known at what hour.
                let idle = next.saturating_sub(*day).saturating_sub(1);
                if idle < IDLE_DAYS || (!forwarded && idle <= longest) {
                    continue;
                }
                spells.known += 1;
                spells.ended += usize::from(forwarded && idle <= longest);
            }
        }
        spells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    fn of(days: &[i64], today: i64) -> [usize; 2] {
        let days = BTreeMap::from([(point(1), days.iter().copied().collect())]);
        let IdleSpells { known, ended } = IdleSpells::of(&days, today);
        [known, ended]
    }

    #[test]
    fn a_spell_counts_once_it_is_known_how_it_went_on() {
        assert_eq!(of(&[], 1_000), [0, 0]);
        assert_eq!(of(&[0, 30], 60), [0, 0], "29 days of neither");
        assert_eq!(of(&[0, 31], 61), [1, 1]);
        assert_eq!(of(&[0, 121], 150), [1, 1]);
        assert_eq!(of(&[0, 122], 150), [1, 0], "too late");
        assert_eq!(of(&[0], 121), [0, 0], "undecided");
        assert_eq!(of(&[0], 122), [1, 0]);
        assert_eq!(of(&[0, 31, 62, 100], 400), [4, 3]);
        assert_eq!(of(&[0], i64::MIN), [0, 0]);
    }
}
