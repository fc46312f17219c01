//! Income of a period against that of the one before.

use serde::Serialize;

use crate::signals::level::{Income, income_fell};
use crate::types::units::Msat;

/// With fewer days on either side nothing is clear: a week holds every weekday.
const FEWEST_DAYS: usize = 7;

/// What is to be said of a change of income.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It clearly fell.
    Fell,
    /// It clearly rose.
    Rose,
    /// Days differ as much as that by chance.
    NotClear,
    /// Too few days.
    TooLittleToTell,
}

impl Trend {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fell => "income has clearly fallen",
            Self::Rose => "income has clearly risen",
            Self::NotClear => "no clear change: days vary as much",
            Self::TooLittleToTell => "too few days to tell",
        }
    }
}

/// Whether the income of whole days is clearly another than that of the days
/// before.
pub fn trend(before: &[Msat], now: &[Msat]) -> Trend {
    if before.len() < FEWEST_DAYS || now.len() < FEWEST_DAYS {
        return Trend::TooLittleToTell;
    }
    let (past, recent) = (Income::of(before), Income::of(now));
    if income_fell(&past, &recent) {
        Trend::Fell
    } else if income_fell(&recent, &past) {
        Trend::Rose
    } else {
        Trend::NotClear
    }
}

/// The relative change from `before` to `now`; `None` where there was nothing.
pub fn relative(before: Msat, now: Msat) -> Option<f64> {
    (before.0 > 0).then(|| now.as_f64() / before.as_f64() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days that earn `sat`, more and less in turn.
    fn days(n: usize, sat: u64) -> Vec<Msat> {
        let each = (0..n).map(|n| Msat(sat * if n % 2 == 0 { 800 } else { 1_200 }));
        each.collect()
    }

    #[test]
    fn a_fall_is_told_from_days_that_vary() {
        assert_eq!(trend(&days(14, 1_000), &days(14, 200)), Trend::Fell);
        assert_eq!(trend(&days(14, 200), &days(14, 1_000)), Trend::Rose);
        assert_eq!(trend(&days(14, 1_000), &days(14, 950)), Trend::NotClear);
        let mut burst = vec![Msat(0); 13];
        burst.push(Msat(14_000_000));
        assert_eq!(trend(&burst, &[Msat(0); 14]), Trend::NotClear);
    }

    #[test]
    fn a_few_days_tell_nothing() {
        assert_eq!(trend(&days(14, 1_000), &days(6, 0)), Trend::TooLittleToTell);
    }

    #[test]
    fn nothing_before_gives_no_relative_change() {
        assert_eq!(relative(Msat(0), Msat(5)), None);
        assert_eq!(relative(Msat(200), Msat(150)), Some(-0.25));
    }
}
