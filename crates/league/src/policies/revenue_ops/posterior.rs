//! What cl_revenue_ops believes of a channel: which revenue which rate earns
//! (`GaussianThompsonState`).
//!
//! A window is half an hour at one rate and what it earned per hour. A parabola
//! is fitted to the windows of the last weeks, and a rate is drawn by drawing a
//! parabola from the fit's uncertainty and taking its top. Where no parabola can
//! be had, a normal distribution around the best known rates serves instead.

use super::matrix::{self, Matrix, Vector};
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::math;
use sweetspot_market::random::Random;

/// Windows kept.
const MOST_WINDOWS: usize = 200;
/// Half-life of a window, of the positive rate and of a nudge, in hours.
const WINDOW_HOURS: f64 = 168.0;
const NUDGE_HOURS: f64 = 24.0;
/// Windows before they outweigh the prior.
pub const LEAST_WINDOWS: usize = 5;
const LEAST_STD_PPM: f64 = 10.0;
const MOST_STD_PPM: f64 = 200.0;
/// The normal belief is never surer than this share of its mean.
const LEAST_STD_SHARE: f64 = 0.04;
/// A rate below this share of the usual is no revenue.
const TRICKLE_SHARE: f64 = 0.1;
const USUAL_WEIGHT: f64 = 0.2;
const GAP_WEIGHT: f64 = 0.3;
/// Windows without revenue before lower rates are imagined, and before the past
/// is given up.
const PROBE_STREAK: u32 = 4;
const LOST_STREAK: u32 = 24;
/// An imagined rate, as a share of the real one.
const PROBE_STEP: f64 = 0.9;
/// Imagining ends below this share of where revenue last was.
const PROBE_FLOOR: f64 = 0.3;
const ZERO_STD_SHARE: f64 = 0.15;
/// Room above what has earned, and above an imposed floor.
const HEADROOM: f64 = 1.25;
const FLOOR_ROOM: f64 = 2.0;
const EARNED_QUANTILE: f64 = 0.9;
const LEAST_MASS: f64 = 1e-3;
const LEAST_NOISE: f64 = 10.0;
/// The prior parabola: rising, and little believed.
const PRIOR_CURVE: Vector = [0.0, 1.0, 0.0];
const PRIOR_PRECISION: f64 = 0.01;
/// Discounting takes no window below this weight.
const LEAST_WEIGHT: f64 = 0.05;

/// One window.
#[derive(Clone, Copy, Debug)]
struct Window {
    ppm: f64,
    sat_per_hour: f64,
    /// Its share of six hours, discounted.
    weight: f64,
    /// What its age leaves of that.
    decay: f64,
    at: Timestamp,
    imagined: bool,
}

/// A fitted parabola over rates scaled to 0..1.
#[derive(Clone, Copy, Debug)]
struct Curve {
    coefficients: Vector,
    precision: Matrix,
    low_ppm: f64,
    range_ppm: f64,
}

/// The belief.
#[derive(Clone, Debug)]
pub struct Posterior {
    prior: (f64, f64),
    windows: Vec<Window>,
    /// The rate believed best, in ppm.
    pub mean: f64,
    /// How sure that is, in ppm.
    pub std: f64,
    curve: Option<Curve>,
    noise: f64,
    /// Windows in a row without revenue worth the name.
    pub streak: u32,
    run_began: (f64, Timestamp),
    /// The usual revenue, in sat per hour, and when it was last seen.
    usual: Option<(f64, Timestamp)>,
    /// Hours between windows with revenue, smoothed.
    pub gap_hours: f64,
    nudge: Option<(f64, f64, Timestamp)>,
    updated_at: Option<Timestamp>,
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    (to.days_since(from) * 24.0).max(0.0)
}

fn halved(hours: f64, half_life: f64) -> f64 {
    math::pow(0.5, hours / half_life)
}

impl Posterior {
    /// Nothing but a prior: mean and standard deviation, in ppm.
    pub fn new(mean: f64, std: f64) -> Self {
        Self {
            prior: (mean, std),
            windows: vec![],
            mean,
            std,
            curve: None,
            noise: 1_000.0,
            streak: 0,
            run_began: (0.0, Timestamp::EPOCH),
            usual: None,
            gap_hours: 0.0,
            nudge: None,
            updated_at: None,
        }
    }

    /// How many windows were real.
    pub fn real_windows(&self) -> usize {
        self.windows.iter().filter(|w| !w.imagined).count()
    }

    /// Whether revenue is more than a trickle.
    pub fn is_meaningful(&self, sat_per_hour: f64, now: Timestamp) -> bool {
        let usual = self.usual_now(now);
        sat_per_hour > 0.0 && sat_per_hour >= TRICKLE_SHARE * usual
    }

    fn usual_now(&self, now: Timestamp) -> f64 {
        self.usual.map_or(0.0, |(rate, at)| {
            rate * halved(hours(at, now), WINDOW_HOURS)
        })
    }

    /// A window of so many hours at a rate ended now.
    pub fn update(&mut self, ppm: f64, sat_per_hour: f64, spent_hours: f64, now: Timestamp) {
        let aged = self.updated_at.map_or(0.0, |at| hours(at, now));
        let decay = halved(aged, WINDOW_HOURS);
        self.windows.iter_mut().for_each(|w| w.decay *= decay);
        self.updated_at = Some(now);
        let meaningful = self.is_meaningful(sat_per_hour, now);
        if meaningful {
            self.note_revenue(sat_per_hour, now);
        } else {
            if self.streak == 0 {
                self.run_began = (ppm, now);
            }
            self.streak += 1;
        }
        let real = Window {
            ppm,
            sat_per_hour,
            weight: (spent_hours / 6.0).min(1.0),
            decay: 1.0,
            at: now,
            imagined: false,
        };
        self.windows.push(real);
        if !meaningful && self.streak >= PROBE_STREAK {
            let anchor = self.earning_ppm().unwrap_or(self.run_began.0);
            let lower = (ppm * PROBE_STEP).trunc().max(1.0);
            if self.mean >= PROBE_FLOOR * anchor && lower < ppm {
                self.windows.push(Window {
                    ppm: lower,
                    sat_per_hour: 0.0,
                    imagined: true,
                    ..real
                });
            }
        }
        let surplus = self.windows.len().saturating_sub(MOST_WINDOWS);
        self.windows.drain(..surplus);
        self.recompute();
        self.mean = self.nudged(self.mean, now);
    }

    fn note_revenue(&mut self, sat_per_hour: f64, now: Timestamp) {
        self.streak = 0;
        let usual = self.usual_now(now);
        if let Some((_, at)) = self.usual.filter(|(_, at)| *at < now) {
            let gap = hours(at, now);
            self.gap_hours = match self.gap_hours > 0.0 {
                true => (1.0 - GAP_WEIGHT) * self.gap_hours + GAP_WEIGHT * gap,
                false => gap,
            };
        }
        let rate = match self.usual {
            Some(_) => (1.0 - USUAL_WEIGHT) * usual + USUAL_WEIGHT * sat_per_hour,
            None => sat_per_hour,
        };
        self.usual = Some((rate, now));
    }

    /// Rates that earned, and how much they count; no single window counts for
    /// more than three times the median one.
    fn earning_masses(&self) -> Vec<(f64, f64)> {
        let earned = self.windows.iter().filter(|w| w.sat_per_hour > 0.0);
        let masses = earned.map(|w| (w.ppm, w.sat_per_hour * w.weight * w.decay));
        let mut masses: Vec<_> = masses.filter(|(_, mass)| *mass > LEAST_MASS).collect();
        if masses.len() >= 4 {
            let mut sorted: Vec<f64> = masses.iter().map(|(_, mass)| *mass).collect();
            sorted.sort_by(f64::total_cmp);
            let most = 3.0 * sorted[sorted.len() / 2];
            masses
                .iter_mut()
                .for_each(|(_, mass)| *mass = mass.min(most));
        }
        masses
    }

    /// The rate at which revenue was, on average.
    pub fn earning_ppm(&self) -> Option<f64> {
        let masses = self.earning_masses();
        let total: f64 = masses.iter().map(|(_, mass)| mass).sum();
        let weighed: f64 = masses.iter().map(|(ppm, mass)| ppm * mass).sum();
        (total > 0.0).then(|| weighed / total)
    }

    /// The highest rate that past revenue speaks for.
    pub fn supported_ppm(&self, floor_ppm: f64) -> Option<f64> {
        let mut masses = self.earning_masses();
        masses.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = masses.iter().map(|(_, mass)| mass).sum();
        let mut sum = 0.0;
        let reached = masses.iter().find(|(_, mass)| {
            sum += mass;
            sum >= total * EARNED_QUANTILE
        });
        let (ppm, _) = reached.or(masses.last())?;
        let most = ppm * HEADROOM;
        Some(if *ppm <= floor_ppm {
            most.max(floor_ppm * FLOOR_ROOM)
        } else {
            most
        })
    }

    fn recompute(&mut self) {
        self.curve = None;
        let real = self.windows.iter().filter(|w| !w.imagined);
        let earned: f64 = real.map(|w| w.sat_per_hour * w.weight * w.decay).sum();
        let lost = self.streak >= LOST_STREAK;
        if earned <= 1e-9 || lost {
            self.anchor(lost);
        } else if !self.fit() {
            self.rest_on_normal();
        }
    }

    /// Nothing earns: around where it last did, or else around what was tried.
    fn anchor(&mut self, lost: bool) {
        let masses = self.earning_masses();
        let (mean, rates): (f64, Vec<f64>) = match self.earning_ppm().filter(|_| lost) {
            Some(mean) => (mean, masses.iter().map(|(ppm, _)| *ppm).collect()),
            None => {
                let began = if lost {
                    self.run_began.1
                } else {
                    Timestamp::EPOCH
                };
                let recent = self.windows.iter().filter(|w| w.at >= began);
                // The day's half-life on top of the week's.
                let pairs: Vec<_> = recent
                    .map(|w| (w.ppm, w.weight * w.decay.powi(8)))
                    .collect();
                let total: f64 = pairs.iter().map(|(_, weight)| weight).sum();
                let weighed: f64 = pairs.iter().map(|(ppm, weight)| ppm * weight).sum();
                let mean = if total > 0.0 {
                    weighed / total
                } else {
                    self.prior.0
                };
                (mean, pairs.into_iter().map(|(ppm, _)| ppm).collect())
            }
        };
        self.mean = mean;
        let std = (spread(&rates) / 4.0).max(ZERO_STD_SHARE * mean);
        self.std = std.clamp(LEAST_STD_PPM, MOST_STD_PPM);
    }

    fn rest_on_normal(&mut self) {
        let real = self.windows.iter().filter(|w| !w.imagined);
        let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
        for w in real {
            let weight = w.weight * w.decay;
            total += weight;
            first += w.ppm * weight;
            second += w.ppm * w.ppm * weight;
        }
        if total <= 0.1 {
            (self.mean, self.std) = self.prior;
            return;
        }
        let mean = first / total;
        let variance = (second / total - mean * mean).max(LEAST_STD_PPM * LEAST_STD_PPM);
        let prior = 1.0 / (self.prior.1 * self.prior.1).max(LEAST_STD_PPM * LEAST_STD_PPM);
        let data = total / variance;
        self.mean = (prior * self.prior.0 + data * mean) / (prior + data);
        let std = 1.0 / (prior + data).sqrt();
        self.std = std.max(LEAST_STD_SHARE * self.mean).max(LEAST_STD_PPM);
    }

    /// Fits a parabola; `false` if there is too little to fit one to.
    fn fit(&mut self) -> bool {
        let real = self.windows.iter().filter(|w| !w.imagined);
        let points: Vec<(f64, f64, f64)> = real
            .map(|w| (w.ppm, w.sat_per_hour, w.weight * w.decay))
            .collect();
        let rates: Vec<f64> = points.iter().map(|(ppm, _, _)| *ppm).collect();
        let (low_ppm, range_ppm) = (lowest(&rates), spread(&rates));
        if points.len() < 3 || range_ppm < 5.0 {
            return false;
        }
        let scaled = |ppm: f64| (ppm - low_ppm) / range_ppm;
        let mut precision: Matrix = [[0.0; 3]; 3];
        (0..3).for_each(|at| precision[at][at] = PRIOR_PRECISION);
        let mut pull = PRIOR_CURVE.map(|prior| prior * PRIOR_PRECISION);
        for (ppm, revenue, weight) in &points {
            let x = scaled(*ppm);
            let terms = [x * x, x, 1.0];
            let weight = weight / self.noise.max(LEAST_NOISE);
            for row in 0..3 {
                pull[row] += weight * terms[row] * revenue;
                for column in 0..3 {
                    precision[row][column] += weight * terms[row] * terms[column];
                }
            }
        }
        let Some(covariance) = matrix::inverse(&precision) else {
            return false;
        };
        let [a, b, c] = matrix::times(&covariance, pull);
        let (mut residual, mut total) = (0.0, 0.0);
        for (ppm, revenue, weight) in &points {
            let x = scaled(*ppm);
            let off = revenue - (a * x * x + b * x + c);
            residual += weight * off * off;
            total += weight;
        }
        let noise = residual / (total - 3.0).max(1.0);
        self.noise = (0.7 * noise + 0.3 * self.noise).max(LEAST_NOISE);
        self.curve = Some(Curve {
            coefficients: [a, b, c],
            precision,
            low_ppm,
            range_ppm,
        });
        if a < -1e-8 {
            let top = (-b / (2.0 * a)).clamp(-0.5, 1.5);
            self.mean = top * range_ppm + low_ppm;
            let slope = [b / (2.0 * a * a), -1.0 / (2.0 * a), 0.0];
            let along = matrix::times(&covariance, slope);
            let variance: f64 = slope.iter().zip(along).map(|(x, y)| x * y).sum();
            self.std = (variance.max(0.0).sqrt() * range_ppm).max(LEAST_STD_PPM);
        } else {
            self.mean = best_region(&points).unwrap_or(low_ppm);
            let inflation = (math::count(points.len()) / total.max(1e-6)).sqrt();
            self.std = (range_ppm / 4.0 * inflation).clamp(LEAST_STD_PPM, MOST_STD_PPM);
        }
        true
    }

    /// Forgets a little, so that it never stops trying.
    pub fn discount(&mut self, gamma: f64) {
        let precision = gamma / (self.std * self.std).max(1.0);
        self.std = (1.0 / precision).sqrt().min(MOST_STD_PPM);
        if let Some(curve) = &mut self.curve {
            curve.precision = curve.precision.map(|row| row.map(|cell| cell * gamma));
        }
        for w in &mut self.windows {
            w.weight = (w.weight * gamma).max(w.weight.min(LEAST_WEIGHT));
        }
    }

    /// Draws a rate to try.
    pub fn sample(&self, random: &mut Random, now: Timestamp) -> f64 {
        if self.real_windows() < LEAST_WINDOWS {
            let (mean, std) = self.prior;
            let drawn = mean + (std * 1.1).max(LEAST_STD_PPM) * random.normal();
            return self.nudged(drawn, now);
        }
        let draws = [random.normal(), random.normal(), random.normal()];
        if let Some(drawn) = self.curve.and_then(|curve| curve.sample(draws)) {
            return self.nudged(drawn, now);
        }
        self.mean + self.std.max(LEAST_STD_PPM) * random.normal()
    }

    /// Advice from outside: a rate, and how much it counts, fading over a day.
    pub fn advise(&mut self, ppm: f64, weight: f64, now: Timestamp) {
        self.nudge = Some((ppm, weight, now));
    }

    fn nudged(&self, ppm: f64, now: Timestamp) -> f64 {
        let Some((towards, weight, at)) = self.nudge else {
            return ppm;
        };
        let weight = weight * halved(hours(at, now), NUDGE_HOURS);
        ppm + (towards - ppm) * weight / (1.0 + weight)
    }
}

impl Curve {
    /// The top of a parabola drawn from the fit; `None` if it has none.
    fn sample(&self, draws: Vector) -> Option<f64> {
        let covariance = matrix::inverse(&self.precision)?;
        let shifts = match matrix::root(&covariance) {
            Some(root) => matrix::times(&root, draws),
            None => [0, 1, 2].map(|at| draws[at] * covariance[at][at].max(1e-6).sqrt()),
        };
        let [a, b] = [0, 1].map(|at| self.coefficients[at] + shifts[at]);
        if a >= -1e-8 {
            return None;
        }
        let top = (-b / (2.0 * a)).clamp(-0.2, 1.2);
        Some(top * self.range_ppm + self.low_ppm)
    }
}

/// The mean rate of the tenth-wide region whose revenue is surest to be high.
fn best_region(points: &[(f64, f64, f64)]) -> Option<f64> {
    let mut regions: std::collections::BTreeMap<u64, Vec<(f64, f64, f64)>> = Default::default();
    for point in points {
        let region = math::whole(math::ln(point.0.max(1.0)) / math::ln(1.1));
        regions.entry(region).or_default().push(*point);
    }
    let scored = regions.values().filter_map(|points| {
        let total: f64 = points.iter().map(|(_, _, w)| w).sum();
        let squares: f64 = points.iter().map(|(_, _, w)| w * w).sum();
        let mean = points.iter().map(|(_, r, w)| r * w).sum::<f64>() / total;
        let off = points.iter().map(|(_, r, w)| w * (r - mean) * (r - mean));
        let std = (off.sum::<f64>() / total).max(0.0).sqrt();
        let seen = (total * total / squares.max(1e-12)).max(1.0);
        let ppm = points.iter().map(|(ppm, _, w)| ppm * w).sum::<f64>() / total;
        (total > 0.0).then_some((mean - std / seen.sqrt(), ppm))
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, ppm)| ppm)
}

fn lowest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn spread(values: &[f64]) -> f64 {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (highest - lowest(values)).max(0.0)
}
