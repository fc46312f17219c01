//! Hydrus's routing policies (aftermath2/hydrus v0.2.0-13, `agent/agent.go`,
//! `calculateNewFeeRate`), every 6 hours as by default.
//!
//! Under 5 % local the rate is 5,000 ppm; above 95 %, once a week old, 0.
//! Between, it looks at the forwards of the last interval alone: none out, down
//! by a tenth; mostly in, down, mostly out, up, by half the imbalance; 10 ppm at
//! least, on announced and unannounced channels alike. Its `max_htlc` (80 % of
//! local) is not modelled.

use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, post, rate_ppm};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::units::BlockHeight;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// Its settings.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Hours between runs, and the stretch of forwards looked at.
    pub interval_hours: f64,
    /// The rate of a channel that is empty.
    pub empty_ppm: f64,
    /// Below this local share a channel counts as empty.
    pub empty_share: f64,
    /// Above this local share a channel is free.
    pub full_share: f64,
    /// The cut when nothing left, as a share of the rate.
    pub idle_cut: f64,
    /// The least change, in ppm.
    pub least_ppm: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            interval_hours: 6.0,
            empty_ppm: 5_000.0,
            empty_share: 0.05,
            full_share: 0.95,
            idle_cut: 0.10,
            least_ppm: 10.0,
        }
    }
}

const WEEK_BLOCKS: u32 = 1_008;

/// Hydrus.
#[derive(Clone, Debug)]
pub struct Hydrus {
    constants: Constants,
    flows: Flows,
}

impl Model for Hydrus {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "interval_hours",
            grid: &[3.0, 6.0, 12.0, 24.0, 72.0, 168.0, 336.0],
            set: |c, value| c.interval_hours = value,
        },
        Knob {
            name: "idle_cut",
            grid: &[0.0, 0.01, 0.02, 0.05, 0.10, 0.2],
            set: |c, value| c.idle_cut = value,
        },
        Knob {
            name: "least_ppm",
            grid: &[0.0, 1.0, 10.0, 30.0],
            set: |c, value| c.least_ppm = value,
        },
        Knob {
            name: "empty_ppm",
            grid: &[300.0, 500.0, 700.0, 1_000.0, 1_500.0, 2_000.0, 5_000.0],
            set: |c, value| c.empty_ppm = value,
        },
        Knob {
            name: "empty_share",
            grid: &[0.02, 0.05, 0.1, 0.2, 0.4],
            set: |c, value| c.empty_share = value,
        },
        Knob {
            name: "full_share",
            grid: &[0.8, 0.95, 1.0],
            set: |c, value| c.full_share = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            flows: Flows::of_days(constants.interval_hours / 24.0),
            constants,
        }
    }
}

impl Hydrus {
    fn target_ppm(&self, channel: &Channel, tip: BlockHeight, in_sat: f64, out_sat: f64) -> f64 {
        let c = &self.constants;
        let (local, capacity) = (channel.local_balance.as_f64(), channel.capacity.as_f64());
        let ppm = rate_ppm(channel);
        if local < (capacity * c.empty_share).floor() {
            return c.empty_ppm;
        }
        let old = channel
            .age_blocks(tip)
            .is_some_and(|blocks| blocks > WEEK_BLOCKS);
        if local > (capacity * c.full_share).floor() && old {
            return 0.0;
        }
        let step = |size: f64| size.max(c.least_ppm).trunc();
        if out_sat == 0.0 {
            return match ppm < c.least_ppm {
                true => 0.0,
                false => ppm - step((ppm * c.idle_cut).trunc()),
            };
        }
        match out_sat / (in_sat + out_sat) {
            ratio if ratio < 0.4 && ppm < c.least_ppm => ppm,
            ratio if ratio < 0.4 => ppm - step(ppm * (0.5 - ratio)),
            ratio if ratio > 0.6 => ppm + step(ppm * (ratio - 0.5)),
            _ => ppm,
        }
    }
}

impl FeePolicy for Hydrus {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.constants.interval_hours * 3_600.0)
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        let enter = flows::sum(self.flows.iter(), |f| Some(f.enter?.0), |f| f.in_sat);
        let leave = flows::sum(self.flows.iter(), |f| Some(f.leave?.0), |f| f.out_sat);
        let updates = tick.seen.channels.values().filter_map(|channel| {
            let in_sat = flows::of(&enter, channel.point);
            let out_sat = flows::of(&leave, channel.point);
            let ppm = self.target_ppm(channel, tick.seen.tip, in_sat, out_sat);
            post(channel, ppm)
        });
        updates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::channel;
    use super::*;

    #[test]
    fn rates_are_those_of_the_sources_own_cases() {
        let hydrus = Hydrus::new(Constants::default(), 0);
        let target = |local: u64, ppm: u32, in_sat: f64, out_sat: f64| {
            let channel = channel(1, 1_000, local, ppm);
            hydrus.target_ppm(&channel, BlockHeight(930_000), in_sat, out_sat)
        };
        assert_eq!(target(9, 50, 0.0, 0.0), 5_000.0);
        assert_eq!(target(995, 50, 0.0, 0.0), 0.0);
        assert_eq!(target(500, 50, 0.0, 0.0), 40.0);
        assert_eq!(target(500, 50, 1_000.0, 1.0), 26.0);
        assert_eq!(target(500, 50, 1_000.0, 200.0), 34.0);
        assert_eq!(target(500, 50, 1_000.0, 1_000.0), 50.0);
        assert_eq!(target(500, 50, 1_000.0, 1_700.0), 60.0);
        assert_eq!(target(500, 50, 1_000.0, 7_000.0), 68.0);
        let young = channel(1, 1_000, 995, 100);
        let tip = BlockHeight(800_031);
        assert_eq!(hydrus.target_ppm(&young, tip, 0.0, 0.0), 90.0);
    }
}
