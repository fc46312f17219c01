//! The node's price level, learned from its own moves.
//!
//! Too few forwards reach a single channel to learn its demand curve, and a
//! channel's own price follows its balance, so price and demand move together
//! and would teach the wrong lesson. The node as a whole sees enough, and only
//! the level's own moves are read as experiments: every channel stands at the
//! level times an offset that does not depend on it.
//!
//! The level stands still for a week or more (a stand), then moves. Each
//! candidate demand curve keeps a running belief of where demand would be at a
//! price of nothing, and is believed the less the further a stand's sales are
//! off; that belief wanders, for demand does. Moves go up and down in turn, so a
//! lasting trend is not taken for the price's doing.
//!
//! What counts is not how much was sold but what it earned, over the level: if
//! stock is short, a higher level lets channels refill and their own offsets
//! fall, so prices rise by less than the level does. Counting volume alone sends
//! the level of a busy node far too high.
//!
//! Demand at level `M` is taken as proportional to `S(M) = 1 / (1 + (M/m)²)`
//! with an unknown midpoint `m`, on a grid. The best level has an expected
//! elasticity of −1. Moves go beyond it by a share of what is not known, so
//! exploration ends as knowledge grows.

use crate::settings::tuning::Learning;
use crate::types::units::count;

/// Candidate midpoints in ppm, evenly spaced in logarithm. Beliefs about each are
/// stored, so another number of them needs stored forms of its own.
pub const POINTS: usize = 15;
const LOWEST_PPM: f64 = 15.0;
const HIGHEST_PPM: f64 = 6_000.0;
/// Halvings of the range in the search for the best level: to a thousandth.
const HALVINGS: u32 = 13;

/// A stretch of time at one level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trial {
    /// How long it has lasted, in days.
    pub days: f64,
    /// Days, each weighted by the share of the business that stood at the level.
    pub standing_days: f64,
    /// What was sold, in mean forwards at the level.
    pub volume: f64,
}

/// What a stand told.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    ln_ppm: f64,
    ln_rate: f64,
    variance: f64,
}

impl Trial {
    fn sample(&self, ln_ppm: f64, learning: &Learning) -> Option<Sample> {
        let sales = self.volume / learning.sale + 0.5;
        // A stand in which hardly any business stood at the level tells nothing.
        (self.standing_days > 0.1 * self.days).then(|| Sample {
            ln_ppm,
            ln_rate: libm::log(sales / self.standing_days),
            variance: 1.0 / sales + learning.swing * learning.swing,
        })
    }
}

/// The course of demand as each midpoint would have it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DemandEstimate {
    /// Natural logarithm of what would be sold per day at a price of nothing.
    pub ln_rate: [f64; POINTS],
    /// How uncertain each of them is.
    pub variance: f64,
    /// Days since it was brought up to date.
    pub days: f64,
}

/// What has been learned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The level in force, natural logarithm of ppm; `None` before any.
    pub ln_ppm: Option<f64>,
    /// The stretch of time under way at that level.
    pub trial: Trial,
    /// Where demand is believed to be; `None` before the first sample.
    pub estimate: Option<DemandEstimate>,
    /// Natural logarithm of how likely the samples make each midpoint.
    pub ln_likelihood: [f64; POINTS],
    /// How many trials have ended.
    pub trials: u32,
}

fn midpoint(index: usize) -> f64 {
    let step = libm::log(HIGHEST_PPM / LOWEST_PPM) / (count(POINTS) - 1.0);
    LOWEST_PPM * libm::exp(step * count(index))
}

/// The share of the demand at a price of nothing that is left at `ppm`.
fn share(ppm: f64, midpoint: f64) -> f64 {
    let ratio = ppm / midpoint;
    1.0 / (1.0 + ratio * ratio)
}

impl Level {
    /// The level in force, as the natural logarithm of ppm.
    pub fn ln_ppm(&self, learning: &Learning) -> f64 {
        self.ln_ppm.unwrap_or_else(|| libm::log(learning.prior_ppm))
    }

    /// What has been sold since the last move, in mean forwards.
    pub fn sold(&self) -> f64 {
        self.trial.volume
    }

    /// Takes in a span of `days` in which a share `standing` of the node's
    /// business stood at the level and sold `volume` (in mean forwards).
    pub fn watch(&mut self, days: f64, standing: f64, volume: f64, learning: &Learning) {
        self.trial.days += days;
        if self.trial.days > learning.wash_in_days {
            self.trial.standing_days += standing * days;
            self.trial.volume += volume;
        }
        let told_enough = self.trial.volume >= learning.enough_sales * learning.sale;
        let length = if self.trials < learning.early_trials {
            learning.early_trial_days
        } else if told_enough {
            learning.trial_days
        } else {
            learning.longest_trial_days
        };
        if self.trial.days >= length {
            self.move_on(learning);
        }
    }

    /// Ends the stand: learns from it and moves.
    fn move_on(&mut self, learning: &Learning) {
        let ln_ppm = self.ln_ppm(learning);
        let trial = std::mem::take(&mut self.trial);
        let kept = libm::exp(-trial.days / learning.memory_days);
        self.ln_likelihood = self.ln_likelihood.map(|likelihood| likelihood * kept);
        if let Some(estimate) = &mut self.estimate {
            estimate.days += trial.days;
        }
        if let Some(sample) = trial.sample(ln_ppm, learning) {
            self.update(sample, learning);
        }
        self.trials = self.trials.saturating_add(1);
        let belief = self.belief(learning);
        let side = if self.trials.is_multiple_of(2) {
            -1.0
        } else {
            1.0
        };
        let beyond = side * learning.explored * belief.ln_sd();
        let to = libm::log(belief.best_ppm()) + beyond;
        let most = learning.largest_move.abs();
        let step = (to - ln_ppm).clamp(-most, most);
        self.ln_ppm = Some(ln_ppm + step);
    }

    /// Holds every demand curve against what was sold: each expects demand to
    /// be where it last was, and is believed the less the further it is off.
    fn update(&mut self, sample: Sample, learning: &Learning) {
        let ppm = libm::exp(sample.ln_ppm);
        let freed = |k| sample.ln_rate - libm::log(share(ppm, midpoint(k)));
        let Some(estimate) = &mut self.estimate else {
            self.estimate = Some(DemandEstimate {
                ln_rate: std::array::from_fn(freed),
                variance: sample.variance,
                days: 0.0,
            });
            return;
        };
        let before = estimate.variance + learning.wander_per_day * estimate.days;
        let spread = before + sample.variance;
        for k in 0..POINTS {
            let off = freed(k) - estimate.ln_rate[k];
            self.ln_likelihood[k] -= off * off / (2.0 * spread);
            estimate.ln_rate[k] += off * before / spread;
        }
        estimate.variance = before * sample.variance / spread;
        estimate.days = 0.0;
    }

    /// The level at which the expected demand has an elasticity of −1.
    pub fn best_ppm(&self, learning: &Learning) -> f64 {
        self.belief(learning).best_ppm()
    }

    fn belief(&self, learning: &Learning) -> Belief {
        let ln_weights: [f64; POINTS] = std::array::from_fn(|k| {
            let off = libm::log(midpoint(k) / learning.prior_ppm) / learning.prior_ln_sd;
            self.ln_likelihood[k] - off * off / 2.0
        });
        let top = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights = ln_weights.map(|ln_weight| libm::exp(ln_weight - top));
        let sum = weights.iter().sum::<f64>();
        Belief(weights.map(|weight| weight / sum))
    }
}

/// How likely each midpoint is.
struct Belief([f64; POINTS]);

impl Belief {
    /// The level at which the expected elasticity is −1: below it demand is
    /// expected to be less elastic, above it more.
    fn best_ppm(&self) -> f64 {
        let elasticity = |ppm: f64| -> f64 {
            let each = self.0.iter().enumerate();
            each.map(|(k, weight)| weight * 2.0 * (1.0 - share(ppm, midpoint(k))))
                .sum()
        };
        let (mut low, mut high) = (libm::log(LOWEST_PPM), libm::log(HIGHEST_PPM));
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if elasticity(libm::exp(middle)) < 1.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        libm::exp(low)
    }

    /// Standard deviation of the midpoint's natural logarithm.
    fn ln_sd(&self) -> f64 {
        let mean_of = |f: &dyn Fn(f64) -> f64| -> f64 {
            let weights = self.0.iter().enumerate();
            weights
                .map(|(k, weight)| weight * f(libm::log(midpoint(k))))
                .sum()
        };
        let mean = mean_of(&|ln_ppm| ln_ppm);
        mean_of(&|ln_ppm| (ln_ppm - mean) * (ln_ppm - mean)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tuning::Tuning;

    const HOUR_DAYS: f64 = 1.0 / 24.0;

    /// Days of sales under a demand curve (share of `sales_per_day` by level
    /// and day), taken in hour by hour.
    fn learned(days: u32, demand: impl Fn(f64, f64) -> f64) -> f64 {
        let learning = Tuning::default().learning;
        let mut level = Level::default();
        for hour in 0..days * 24 {
            let ppm = libm::exp(level.ln_ppm(&learning));
            let volume = 100.0 * demand(ppm, f64::from(hour) / 24.0) * HOUR_DAYS;
            level.watch(HOUR_DAYS, 1.0, volume, &learning);
        }
        level.best_ppm(&learning)
    }

    #[test]
    fn in_a_year_it_earns_nearly_what_a_known_demand_can_give() {
        for midpoint in [200.0, 600.0, 1_800.0] {
            let found = learned(360, |ppm, _| share(ppm, midpoint));
            let earned = |ppm: f64| ppm * share(ppm, midpoint);
            let of_best = earned(found) / earned(midpoint);
            assert!(of_best > 0.88, "{midpoint}: {found}");
        }
    }

    #[test]
    fn it_comes_near_the_optimum_of_a_demand_of_another_shape() {
        // e^(−f/θ) sells best at θ.
        for theta in [250.0, 800.0] {
            let found = learned(360, |ppm, _| libm::exp(-ppm / theta));
            assert!(libm::log(found / theta).abs() < 0.3, "{theta}: {found}");
        }
    }

    #[test]
    fn a_trend_in_demand_is_not_taken_for_the_level_s_doing() {
        for per_day in [-0.01, 0.01] {
            let found = learned(200, |ppm, day| share(ppm, 500.0) * libm::exp(per_day * day));
            assert!(libm::log(found / 500.0).abs() < 0.25, "{per_day}: {found}");
        }
    }

    #[test]
    fn without_business_it_stays_near_what_it_believed() {
        let learning = Tuning::default().learning;
        let mut level = Level::default();
        for _ in 0..200 {
            level.watch(1.0, 0.0, 0.0, &learning);
        }
        let moved = libm::exp(level.ln_ppm(&learning)) / learning.prior_ppm;
        assert!(libm::log(moved).abs() < 0.3, "{moved}");
    }
}
