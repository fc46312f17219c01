//! lndmanage's fee optimisation (bitromortac/lndmanage v0.16.0,
//! `lndmanage/lib/fee_setting.py`), weekly.
//!
//! Per peer, the rate is multiplied by 1 + ½(r/r_t − 1), where r is the week's
//! outflow per day; at most 1.5, and at least a line that falls from 1.05 (empty)
//! over 1 (at the reserve) to 0.5 (full). The base fee is multiplied likewise by
//! the number of forwards. Its first run with `--init` (half the highest rate) is
//! left out: it starts from the fees it finds. It prices every channel that it
//! is not told to ignore, unannounced ones too. Its CLTV delta is not modelled.

use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, by_peer, change, rate_ppm};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;

/// Its `optimization_parameters`.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Days between runs, and the stretch of forwards looked at.
    pub days: f64,
    /// Lowest rate, in ppm.
    pub min_ppm: f64,
    /// Highest rate, in ppm.
    pub max_ppm: f64,
    /// Highest base fee, in msat.
    pub max_base_fee_msat: f64,
    /// The most a rate is multiplied by.
    pub delta_max: f64,
    /// What an empty channel gains at least.
    pub delta_min_up: f64,
    /// What a full channel loses at most, and the slope in the demand.
    pub delta_min_down: f64,
    /// The outflow that changes nothing, in sat per day.
    pub target_sat_per_day: f64,
    /// Below this local balance a channel is never made cheaper, in sat.
    pub reserve_sat: f64,
    /// The count that changes no base fee, per day.
    pub target_forwards_per_day: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            days: 7.0,
            min_ppm: 5.0,
            max_ppm: 5_000.0,
            max_base_fee_msat: 5_000.0,
            delta_max: 1.5,
            delta_min_up: 0.05,
            delta_min_down: 0.50,
            target_sat_per_day: 100_000.0 / 7.0,
            reserve_sat: 500_000.0,
            target_forwards_per_day: 4.0 / 7.0,
        }
    }
}

/// The base fee's slope in the count, and its bounds.
const BASE_SLOPE: f64 = 0.5;
const BASE_FACTOR: (f64, f64) = (0.75, 1.5);

/// lndmanage.
#[derive(Clone, Debug)]
pub struct Lndmanage {
    constants: Constants,
    flows: Flows,
    started: bool,
}

impl Model for Lndmanage {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "target_sat_per_day",
            grid: &[
                1_500.0, 3_500.0, 7_000.0, 14_285.7, 30_000.0, 60_000.0, 120_000.0, 250_000.0,
            ],
            set: |c, value| c.target_sat_per_day = value,
        },
        Knob {
            name: "delta_min_down",
            grid: &[0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8],
            set: |c, value| c.delta_min_down = value,
        },
        Knob {
            name: "min_ppm",
            grid: &[
                5.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "delta_min_up",
            grid: &[0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5],
            set: |c, value| c.delta_min_up = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 1_000.0, 1_500.0, 2_000.0, 5_000.0, 10_000.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "days",
            grid: &[1.0, 3.0, 7.0, 14.0],
            set: |c, value| c.days = value,
        },
        Knob {
            name: "reserve_sat",
            grid: &[100_000.0, 250_000.0, 500_000.0, 1_000_000.0, 2_000_000.0],
            set: |c, value| c.reserve_sat = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            flows: Flows::of_days(constants.days),
            constants,
            started: false,
        }
    }
}

impl Constants {
    /// The least a rate is multiplied by.
    fn least_factor(&self, local_sat: f64, capacity_sat: f64) -> f64 {
        let half = (capacity_sat / 2.0).floor();
        let reserve = match self.reserve_sat > half {
            true => (capacity_sat / 3.0).floor(),
            false => self.reserve_sat,
        };
        let slope = match local_sat < self.reserve_sat {
            true => self.delta_min_up / reserve,
            false => self.delta_min_down / (capacity_sat - reserve),
        };
        1.0 - slope * (local_sat - reserve)
    }

    fn rate_factor(&self, out_sat: f64, local_sat: f64, capacity_sat: f64) -> f64 {
        let demand = out_sat / self.days / self.target_sat_per_day;
        let factor = 1.0 + self.delta_min_down * (demand - 1.0);
        let least = self.least_factor(local_sat, capacity_sat);
        match factor < least {
            true => least,
            false => factor.min(self.delta_max),
        }
    }

    fn base_factor(&self, forwards_out: f64) -> f64 {
        let demand = forwards_out / self.days / self.target_forwards_per_day;
        (1.0 + BASE_SLOPE * (demand - 1.0)).clamp(BASE_FACTOR.0, BASE_FACTOR.1)
    }
}

impl FeePolicy for Lndmanage {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.constants.days * 86_400.0)
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        if !std::mem::replace(&mut self.started, true) {
            return vec![];
        }
        let c = &self.constants;
        let out = flows::sum(self.flows.iter(), flows::peer_out, |f| f.out_sat);
        let count = flows::sum(self.flows.iter(), flows::peer_out, |_| 1.0);
        let mut updates = vec![];
        for (peer, channels) in by_peer(tick.seen) {
            let total = |of: &dyn Fn(&sweetspot_core::types::channel::Channel) -> f64| {
                channels.iter().map(|c| of(c)).sum::<f64>()
            };
            let n = math::count(channels.len());
            let local = total(&|c| c.local_balance.as_f64());
            let capacity = total(&|c| c.capacity.as_f64());
            let base = |c: &sweetspot_core::types::channel::Channel| {
                c.policy.map_or(0.0, |p| f64::from(p.fees.base_fee_msat))
            };
            let factor = c.rate_factor(flows::of(&out, peer), local, capacity);
            let ppm = (total(&rate_ppm) / n * factor)
                .max(c.min_ppm)
                .min(c.max_ppm);
            let base = (total(&base) / n).trunc() * c.base_factor(flows::of(&count, peer));
            let base = math::whole(base.min(c.max_base_fee_msat));
            let updated = channels.iter().filter_map(|channel| {
                let fees = FeeParts {
                    base_fee_msat: u32::try_from(base).unwrap_or(u32::MAX),
                    outbound: FeePpm::rounded(ppm),
                    ..channel.policy?.fees
                };
                change(channel, fees)
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

    const CAPACITY: f64 = 2_000_000.0;

    #[test]
    fn factors_are_those_of_the_sources_own_cases() {
        let c = Constants::default();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(c.least_factor(0.0, CAPACITY), 1.05);
        near(c.least_factor(500_000.0, CAPACITY), 1.0);
        near(c.least_factor(CAPACITY, CAPACITY), 0.5);
        near(c.rate_factor(0.0, CAPACITY, CAPACITY), 0.5);
        near(c.rate_factor(0.0, 0.0, CAPACITY), 1.05);
        near(c.rate_factor(100_000.0, CAPACITY, CAPACITY), 1.0);
        near(c.rate_factor(1_000_000.0, CAPACITY, CAPACITY), 1.5);
        near(c.base_factor(0.0), 0.75);
        near(c.base_factor(6.0), 1.25);
        near(c.base_factor(100.0), 1.5);
    }

    #[test]
    fn a_week_later_a_peers_channels_share_one_rate() {
        let mut sibling = channel(2, 1_000_000, 1_000_000, 300);
        let first = channel(1, 1_000_000, 1_000_000, 100);
        sibling.peer = first.peer;
        let mut trial = Trial::of([first, sibling, channel(3, 1_000_000, 0, 2)]);
        let mut policy = Lndmanage::new(Constants::default(), 0);
        assert_eq!(trial.price(&mut policy), 0);
        trial.wait(24 * 6);
        trial.forward(3, 1, 75_000);
        trial.wait(24);
        trial.price(&mut policy);
        // r/r_t = 0.75: 200 · 0.875; the empty one at its least rate.
        assert_eq!([1, 2, 3].map(|n| trial.ppm(n)), [175, 175, 5]);
    }
}
