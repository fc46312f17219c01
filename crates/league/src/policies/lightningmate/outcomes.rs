//! What became of LightningMate's changes (`outcomes.ts`): a channel's fees in
//! the week after a change against the week before, less what the rest of the
//! node did meanwhile, and from that whether charging more helped.

use std::collections::{BTreeMap, VecDeque};

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::math;

const DAY_SECS: i64 = 86_400;
const WINDOW_DAYS: i64 = 7;
/// Changes are judged up to this age, in days; days are kept as long as that
/// and the week before take.
const LOOK_BACK_DAYS: i64 = 60;
const KEPT_DAYS: i64 = 90;
/// Runs remembered.
const MOST_RUNS: usize = 50;
/// Judged changes of a channel before they count, and for full weight.
const LEAST_SAMPLES: usize = 2;
const FULL_SAMPLES: f64 = 4.0;
const SIGNAL: f64 = 0.5;
const STRENGTH: f64 = 0.5;
const BOUNDS: (f64, f64) = (0.75, 1.3);

/// A change of a rate.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The channel.
    pub point: ChannelPoint,
    /// The rate before, in ppm.
    pub from_ppm: f64,
    /// The rate after, in ppm.
    pub to_ppm: f64,
}

/// Changes, and fees by day.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    runs: VecDeque<(Timestamp, Vec<Change>)>,
    days: BTreeMap<i64, BTreeMap<ChannelPoint, f64>>,
}

fn day(at: Timestamp) -> i64 {
    at.secs().div_euclid(DAY_SECS)
}

impl Outcomes {
    /// A forward left by a channel.
    pub fn earn(&mut self, point: ChannelPoint, at: Timestamp, fee_sat: f64) {
        let today = self.days.entry(day(at)).or_default();
        *today.entry(point).or_default() += fee_sat;
        let oldest = day(at) - KEPT_DAYS;
        while self
            .days
            .first_key_value()
            .is_some_and(|(d, _)| *d < oldest)
        {
            self.days.pop_first();
        }
    }

    /// A run made these changes.
    pub fn note(&mut self, at: Timestamp, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.runs.push_back((at, changes));
        if self.runs.len() > MOST_RUNS {
            self.runs.pop_front();
        }
    }

    /// Fees of a channel and of the whole node on days that begin from `from`
    /// on and before `to`, in seconds.
    fn earned(&self, point: ChannelPoint, from: i64, to: i64) -> (f64, f64) {
        let first = from.div_euclid(DAY_SECS) + i64::from(from.rem_euclid(DAY_SECS) > 0);
        let end = to.div_euclid(DAY_SECS) + i64::from(to.rem_euclid(DAY_SECS) > 0);
        let days = self.days.range(first..end.max(first));
        days.fold((0.0, 0.0), |(own, all), (_, fees)| {
            let today: f64 = fees.values().sum();
            (own + fees.get(&point).copied().unwrap_or(0.0), all + today)
        })
    }

    /// By how much a change moved the channel's fees beyond the node's, as a
    /// share; `None` if there was nothing to move.
    fn response(&self, at: Timestamp, change: &Change) -> Option<f64> {
        let (now, week) = (at.secs(), WINDOW_DAYS * DAY_SECS);
        let (before, all_before) = self.earned(change.point, now - week, now);
        let (after, all_after) = self.earned(change.point, now, now + week);
        let (rest_before, rest_after) = (all_before - before, all_after - after);
        if before <= 0.0 {
            return None;
        }
        let market = match rest_before > 0.0 {
            true => (rest_after - rest_before) / rest_before,
            false => 0.0,
        };
        let own = (after - before) / before;
        Some(((own - market) * 100.0).round() / 100.0)
    }

    /// The factor on each channel's rate that its past speaks for; channels with
    /// too little of one are left out.
    pub fn elasticities(&self, now: Timestamp) -> BTreeMap<ChannelPoint, f64> {
        let mut scores: BTreeMap<ChannelPoint, Vec<f64>> = BTreeMap::new();
        for (at, changes) in &self.runs {
            let age_secs = now.secs() - at.secs();
            let judged = WINDOW_DAYS * DAY_SECS..=LOOK_BACK_DAYS * DAY_SECS;
            if !judged.contains(&age_secs) {
                continue;
            }
            for change in changes.iter().filter(|c| c.from_ppm != c.to_ppm) {
                let response = self.response(*at, change).filter(|share| *share != 0.0);
                let raised = change.to_ppm > change.from_ppm;
                let score = response.map(|share| if raised { share } else { -share });
                scores.entry(change.point).or_default().extend(score);
            }
        }
        let enough = scores.into_iter().filter(|(_, s)| s.len() >= LEAST_SAMPLES);
        enough
            .map(|(point, scores)| {
                let count = math::count(scores.len());
                let signal = (scores.iter().sum::<f64>() / count).clamp(-SIGNAL, SIGNAL);
                let sure = (count / FULL_SAMPLES).min(1.0);
                let factor = (1.0 + signal * STRENGTH * sure).clamp(BOUNDS.0, BOUNDS.1);
                (point, (factor * 100.0).round() / 100.0)
            })
            .collect()
    }
}
