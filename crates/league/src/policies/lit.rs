//! Lightning Terminal's Autofees, as its documentation describes them
//! (docs.lightning.engineering, "Autofees", litd 0.8.6 and later). The algorithm
//! runs on a closed server; every number the documentation does not give is an
//! assumption and marked so. It says nothing of unannounced channels; they are
//! taken to be priced like the others.
//!
//! Each peer's traffic is compared with a target throughput taken from the five
//! peers that earned most in the last 60 days: below it the rate is lowered,
//! above it raised, in small steps every three days. Once seven eighths of the
//! liquidity are gone, the rate is raised mildly.

use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, by_peer, owned_sat, post, rate_ppm};
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;

/// Its constants.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Days between steps (documented).
    pub every_days: f64,
    /// Days of history behind the target (documented).
    pub history_days: f64,
    /// How many peers set the target (documented).
    pub top_peers: usize,
    /// At or below this local share liquidity is scarce (documented).
    pub scarce_share: f64,
    /// A step, as a share of the rate (assumed; operators report 5 %).
    pub step: f64,
    /// The mild raise (assumed to be one step).
    pub scarce_step: f64,
    /// The stretch compared with the target, in days (assumed).
    pub recent_days: f64,
    /// The target as a share of the top peers' mean outflow (assumed).
    pub target_share: f64,
    /// Lowest and highest rate, in ppm (assumed).
    pub bounds_ppm: (f64, f64),
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            every_days: 3.0,
            history_days: 60.0,
            top_peers: 5,
            scarce_share: 0.125,
            step: 0.05,
            scarce_step: 0.05,
            recent_days: 3.0,
            target_share: 1.0,
            bounds_ppm: (1.0, 10_000.0),
        }
    }
}

/// Lightning Terminal's Autofees.
#[derive(Clone, Debug)]
pub struct Lit {
    constants: Constants,
    flows: Flows,
    started: Option<sweetspot_core::types::time::Timestamp>,
}

impl Model for Lit {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "target_share",
            grid: &[0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0],
            set: |c, value| c.target_share = value,
        },
        Knob {
            name: "step",
            grid: &[0.01, 0.02, 0.05, 0.1, 0.2, 0.4],
            set: |c, value| c.step = value,
        },
        Knob {
            name: "scarce_step",
            grid: &[0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5],
            set: |c, value| c.scarce_step = value,
        },
        Knob {
            name: "recent_days",
            grid: &[1.0, 3.0, 7.0, 14.0, 30.0, 60.0],
            set: |c, value| c.recent_days = value,
        },
        Knob {
            name: "lowest_ppm",
            grid: &[
                1.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.bounds_ppm.0 = value,
        },
        Knob {
            name: "highest_ppm",
            grid: &[700.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0, 10_000.0],
            set: |c, value| c.bounds_ppm.1 = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            flows: Flows::of_days(constants.history_days),
            constants,
            started: None,
        }
    }
}

impl Lit {
    /// The outflow a peer should have, in sat per day.
    fn target_sat_per_day(&self, days: f64) -> f64 {
        let c = &self.constants;
        let earned = flows::sum(self.flows.iter(), flows::peer_out, |f| f.fee_sat);
        let out = flows::sum(self.flows.iter(), flows::peer_out, |f| f.out_sat);
        let mut best: Vec<_> = earned.into_iter().collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        best.truncate(c.top_peers);
        let sum: f64 = best.iter().map(|(peer, _)| flows::of(&out, *peer)).sum();
        sum / math::count(best.len()).max(1.0) / days * c.target_share
    }
}

impl FeePolicy for Lit {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.constants.every_days * 86_400.0)
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        let now = tick.seen.at;
        let known_days = now.days_since(*self.started.get_or_insert(now));
        if known_days <= 0.0 {
            return vec![];
        }
        let c = &self.constants;
        let target = self.target_sat_per_day(known_days.min(c.history_days));
        let recent_days = known_days.min(c.recent_days);
        let since = now.minus(Duration::from_secs_f64(recent_days * 86_400.0));
        let recent = flows::sum(self.flows.since(since), flows::peer_out, |f| f.out_sat);
        let mut updates = vec![];
        for (peer, channels) in by_peer(tick.seen) {
            let ours: f64 = channels.iter().map(|c| owned_sat(c).0).sum();
            let capacity: f64 = channels.iter().map(|c| c.capacity.as_f64()).sum();
            let rate = flows::of(&recent, peer) / recent_days;
            let factor = if ours <= capacity * c.scarce_share {
                1.0 + c.scarce_step
            } else if rate < target {
                1.0 - c.step
            } else if rate > target {
                1.0 + c.step
            } else {
                1.0
            };
            let (lowest, highest) = c.bounds_ppm;
            let updated = channels.iter().filter_map(|channel| {
                let ppm = (rate_ppm(channel) * factor).max(lowest).min(highest);
                post(channel, ppm)
            });
            updates.extend(updated);
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;

    #[test]
    fn peers_below_the_target_are_cut_those_above_and_the_scarce_raised() {
        let mut trial = Trial::of([
            channel(1, 1_000_000, 900_000, 1_000),
            channel(2, 1_000_000, 900_000, 1_000),
            channel(3, 1_000_000, 125_000, 1_000),
        ]);
        let mut policy = Lit::new(Constants::default(), 0);
        assert_eq!(trial.price(&mut policy), 0);
        trial.wait(48);
        // Two earners of 90,000 and 30,000 sat: the target is 60,000 in 3 days.
        trial.forward(3, 1, 90_000);
        trial.forward(3, 2, 30_000);
        trial.wait(24);
        assert_eq!(trial.price(&mut policy), 3);
        assert_eq!([1, 2, 3].map(|n| trial.ppm(n)), [1_050, 950, 1_050]);
    }
}
