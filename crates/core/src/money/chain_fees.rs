//! Times of low and of high on-chain fees: a regime that does not flicker.

use std::time::Duration;

use serde::Serialize;

use crate::types::time::Timestamp;

/// Opening a channel takes about 154 vB with one input and change ...
pub const OPEN_VB: f64 = 154.0;
/// ... and closing it by agreement about 170: both are paid by who opens.
pub const CLOSE_VB: f64 = 170.0;

/// To end, a regime takes a rate this far beyond the one at which it begins.
const LEAVES_AT: f64 = 1.5;
/// ... for so long: the mempool empties on many nights and fills on many a morning.
const LASTS: Duration = Duration::from_secs(6 * 3_600);
/// Readings further apart are no lasting.
const MOST_BETWEEN: Duration = Duration::from_secs(3 * 3_600);

/// What on-chain fees are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeRegime {
    /// Whoever wants to pay may well pay on the chain.
    Cheap,
    /// Neither.
    Ordinary,
    /// A channel is worth what it would cost to open anew.
    Dear,
}

impl FeeRegime {
    /// Every regime.
    pub const ALL: [Self; 3] = [Self::Cheap, Self::Ordinary, Self::Dear];

    /// In the database and in JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cheap => "cheap",
            Self::Ordinary => "ordinary",
            Self::Dear => "dear",
        }
    }
}

/// From which rates on fees are cheap and dear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeeBounds {
    /// At most this is cheap, in sat/vB.
    pub cheap_sat_per_vb: f64,
    /// At least this is dear, in sat/vB.
    pub dear_sat_per_vb: f64,
}

impl Default for FeeBounds {
    /// An open and a close for less than 2,000 sat, and for 10,000 and more.
    fn default() -> Self {
        Self {
            cheap_sat_per_vb: 6.0,
            dear_sat_per_vb: 30.0,
        }
    }
}

impl FeeBounds {
    /// The regime of a rate, for who comes from `before`.
    fn regime(&self, sat_per_vb: f64, before: Option<FeeRegime>) -> FeeRegime {
        let cheap = match before {
            Some(FeeRegime::Cheap) => self.cheap_sat_per_vb * LEAVES_AT,
            _ => self.cheap_sat_per_vb,
        };
        let dear = match before {
            Some(FeeRegime::Dear) => self.dear_sat_per_vb / LEAVES_AT,
            _ => self.dear_sat_per_vb,
        };
        if sat_per_vb >= dear {
            FeeRegime::Dear
        } else if sat_per_vb <= cheap {
            FeeRegime::Cheap
        } else {
            FeeRegime::Ordinary
        }
    }
}

/// That a regime began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegimeChange {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub regime: FeeRegime,
    /// The rate that was read then, in sat/vB.
    pub sat_per_vb: f64,
}

/// The regime in force, and the one that may be coming.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegimeWatch {
    /// Since when what is in force; `None` before the first reading.
    pub current: Option<RegimeChange>,
    coming: Option<(FeeRegime, Timestamp)>,
    read_at: Option<Timestamp>,
}

impl RegimeWatch {
    /// What goes on from `current`.
    pub fn from(current: Option<RegimeChange>) -> Self {
        Self {
            current,
            ..Self::default()
        }
    }

    /// Takes in a reading; returns a change. A rate that is no rate is passed over.
    pub fn read(
        &mut self,
        at: Timestamp,
        sat_per_vb: f64,
        bounds: &FeeBounds,
    ) -> Option<RegimeChange> {
        if !(sat_per_vb.is_finite() && sat_per_vb > 0.0) {
            return None;
        }
        let before = self.read_at.replace(at);
        let in_a_row = before.is_some_and(|before| at.since(before) <= MOST_BETWEEN);
        let found = bounds.regime(sat_per_vb, self.current.map(|current| current.regime));
        let change = RegimeChange {
            at,
            regime: found,
            sat_per_vb,
        };
        let Some(current) = self.current else {
            self.current = Some(change);
            return self.current;
        };
        if found == current.regime {
            self.coming = None;
            return None;
        }
        let coming = self
            .coming
            .filter(|(regime, _)| in_a_row && *regime == found);
        let since = coming.map_or(at, |(_, since)| since);
        if at.since(since) < LASTS {
            self.coming = Some((found, since));
            return None;
        }
        self.coming = None;
        self.current = Some(change);
        self.current
    }
}

/// What opening a channel and closing it again costs at a rate, in sat.
pub fn open_and_close_sat(sat_per_vb: f64) -> f64 {
    (OPEN_VB + CLOSE_VB) * sat_per_vb
}

/// What it would cost in dear times: at the highest rate at which such began, or, if none
/// is known, at the rate from which fees count as dear.
pub fn dear_open_and_close_sat<'a>(
    history: impl IntoIterator<Item = &'a RegimeChange>,
    bounds: &FeeBounds,
) -> f64 {
    let dear = history
        .into_iter()
        .filter(|one| one.regime == FeeRegime::Dear);
    let highest = dear
        .map(|one| one.sat_per_vb)
        .fold(bounds.dear_sat_per_vb, f64::max);
    open_and_close_sat(highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use FeeRegime::{Cheap, Dear, Ordinary};

    /// The changes that hourly readings make, by hour.
    fn changes(rates: &[f64]) -> Vec<(usize, FeeRegime)> {
        let mut watch = RegimeWatch::default();
        let read = |(hour, rate): (usize, &f64)| {
            let secs = i64::try_from(hour * 3_600).expect("small");
            let at = Timestamp::from_secs(secs);
            let change = watch.read(at, *rate, &FeeBounds::default())?;
            Some((hour, change.regime))
        };
        rates.iter().enumerate().filter_map(read).collect()
    }

    #[test]
    fn a_regime_ends_only_after_hours_well_beyond_its_bound() {
        let mut rates = vec![3.0; 3];
        // Within the margin of 1.5: still cheap.
        rates.extend([8.9; 20]);
        // Beyond it, but not for long.
        rates.extend([20.0; 5]);
        rates.extend([4.0; 5]);
        assert_eq!(changes(&rates), [(0, Cheap)]);
        rates.extend([20.0; 8]);
        assert_eq!(changes(&rates), [(0, Cheap), (39, Ordinary)]);
        rates.extend([90.0; 7]);
        rates.extend([21.0; 9]);
        rates.extend([19.0; 7]);
        assert_eq!(
            changes(&rates),
            [(0, Cheap), (39, Ordinary), (47, Dear), (63, Ordinary)]
        );
    }

    #[test]
    fn what_is_no_rate_changes_nothing_and_gaps_are_no_lasting() {
        let mut watch = RegimeWatch::default();
        let bounds = FeeBounds::default();
        let at = |hours: i64| Timestamp::from_secs(hours * 3_600);
        for odd in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert_eq!(watch.read(at(0), odd, &bounds), None);
        }
        assert_eq!(watch.current, None);
        assert!(watch.read(at(1), 50.0, &bounds).is_some());
        assert_eq!(watch.read(at(2), 1.0, &bounds), None);
        // Nobody read for a day: its beginning is not known to have lasted.
        assert_eq!(watch.read(at(26), 1.0, &bounds), None);
        assert_eq!(watch.read(at(27), 1.0, &bounds), None);
    }

    #[test]
    fn dear_times_cost_what_they_did_or_what_counts_as_dear() {
        let bounds = FeeBounds::default();
        assert_eq!(dear_open_and_close_sat([], &bounds), 324.0 * 30.0);
        let once = |regime, sat_per_vb| RegimeChange {
            at: Timestamp::EPOCH,
            regime,
            sat_per_vb,
        };
        let history = [once(Dear, 120.0), once(Cheap, 2.0), once(Dear, 70.0)];
        assert_eq!(dear_open_and_close_sat(&history, &bounds), 324.0 * 120.0);
    }
}
