//! feeadjuster (lightningd/plugins at c0b768f3, `feeadjuster/feeadjuster.py`).
//!
//! The rate is a base times 50^(½−x), x being our share of the channel; softer
//! 10^(½−x), harder 100^(½−x)·2(1−x). A channel is looked at after a forward
//! over it and set when its balance moved by 5 % or 100,000 sat (each fuzzed by
//! 1.5 %) since it was last set. The base is the node's own default (Core
//! Lightning's 10 ppm and 1,000 msat) or the median of what others charge.
//!
//! The simulator's median is by capacity, the source's is plain and leaves out 0
//! and rates above 5,000. Balances are looked at every ten minutes instead of at
//! each forward. `enough-liquidity`, `imbalance` and `max-htlc-steps` are off, as
//! by default. Announced or not makes no difference to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Knob, Model, change, msat};
use sweetspot_core::types::channel::{Channel, ChannelIds, ChannelPoint, FeeParts};
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;
use sweetspot_market::random::{Purpose, Random};

/// How the ratio shapes the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// 50^(½−x).
    Default,
    /// 10^(½−x).
    Soft,
    /// 100^(½−x)·2(1−x).
    Hard,
}

/// Its options.
#[derive(Clone, Debug)]
pub struct Constants {
    /// `fee-per-satoshi`, in ppm.
    pub ppm: f64,
    /// `fee-base`, in msat.
    pub base_fee_msat: u32,
    /// `feeadjuster-adjustment-method`.
    pub method: Method,
    /// `feeadjuster-feestrategy`: start from the competitors' median instead.
    pub median: bool,
    /// `feeadjuster-median-multiplier`.
    pub median_multiplier: f64,
    /// `feeadjuster-threshold`, as a share of the channel.
    pub threshold: f64,
    /// `feeadjuster-threshold-abs`, in sat.
    pub threshold_sat: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            ppm: 10.0,
            base_fee_msat: 1_000,
            method: Method::Default,
            median: false,
            median_multiplier: 1.0,
            threshold: 0.05,
            threshold_sat: 100_000.0,
        }
    }
}

impl Constants {
    /// With another adjustment method.
    pub fn shaped(method: Method) -> Self {
        Self {
            method,
            ..Self::default()
        }
    }

    fn factor(&self, x: f64) -> f64 {
        match self.method {
            Method::Default => math::pow(50.0, 0.5 - x),
            Method::Soft => math::pow(10.0, 0.5 - x),
            Method::Hard => math::pow(100.0, 0.5 - x) * (1.0 - x) * 2.0,
        }
    }
}

const FUZZ: f64 = 0.015;

/// feeadjuster.
#[derive(Clone, Debug)]
pub struct FeeAdjuster {
    constants: Constants,
    random: Random,
    ids: ChannelIds,
    /// Each channel's local balance when it was last set, in sat.
    last: BTreeMap<ChannelPoint, f64>,
    started: bool,
}

impl Model for FeeAdjuster {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "ppm",
            grid: &[
                10.0, 100.0, 200.0, 350.0, 500.0, 700.0, 850.0, 1_000.0, 1_200.0, 1_400.0, 2_000.0,
                3_000.0,
            ],
            set: |c, value| c.ppm = value,
        },
        Knob {
            // 0 is the default method, 1 soft, 2 hard.
            name: "method",
            grid: &[0.0, 1.0, 2.0],
            set: |c, value| {
                c.method = match value {
                    1.0 => Method::Soft,
                    2.0 => Method::Hard,
                    _ => Method::Default,
                }
            },
        },
        Knob {
            // The multiplier; 0 is no median.
            name: "median",
            grid: &[0.0, 0.5, 1.0, 2.0, 4.0, 8.0],
            set: |c, value| {
                c.median = value > 0.0;
                c.median_multiplier = value.max(0.1);
            },
        },
        Knob {
            name: "threshold",
            grid: &[0.005, 0.02, 0.05, 0.1, 0.2],
            set: |c, value| c.threshold = value,
        },
        Knob {
            name: "threshold_sat",
            grid: &[10_000.0, 30_000.0, 100_000.0, 300_000.0, 1_000_000.0],
            set: |c, value| c.threshold_sat = value,
        },
        Knob {
            name: "base_fee_msat",
            grid: &[0.0, 500.0, 1_000.0, 5_000.0, 20_000.0, 50_000.0],
            set: |c, value| c.base_fee_msat = msat(value),
        },
    ];

    fn new(constants: Constants, seed: u64) -> Self {
        Self {
            constants,
            random: Random::stream(seed, Purpose::Policy, 0xfee),
            ids: ChannelIds::default(),
            last: BTreeMap::new(),
            started: false,
        }
    }
}

impl FeeAdjuster {
    fn moved(&mut self, channel: &Channel) -> bool {
        let Some(last) = self.last.get(&channel.point) else {
            return true;
        };
        let fuzz = FUZZ * (2.0 * self.random.unit() - 1.0);
        let fuzz_sat = FUZZ * (2.0 * self.random.unit() - 1.0);
        let c = &self.constants;
        let moved = (channel.local_balance.as_f64() - last).abs();
        moved / channel.capacity.as_f64() > c.threshold + fuzz
            || moved > c.threshold_sat * (1.0 + fuzz_sat)
    }

    fn fees(&self, channel: &Channel, median_ppm: Option<f64>) -> Option<FeeParts> {
        let c = &self.constants;
        let x = channel.local_balance.as_f64() / channel.capacity.as_f64();
        let median = median_ppm.filter(|_| c.median);
        let ppm = median.map_or(c.ppm, |ppm| (ppm * c.median_multiplier).trunc());
        Some(FeeParts {
            base_fee_msat: c.base_fee_msat,
            outbound: FeePpm::rounded((ppm * c.factor(x)).trunc()),
            ..channel.policy?.fees
        })
    }
}

impl FeePolicy for FeeAdjuster {
    fn interval(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let mut touched = BTreeSet::new();
        for channel in tick.seen.channels.values() {
            self.ids.learn(channel);
            if !self.started {
                touched.insert(channel.point);
            }
        }
        self.started = true;
        for forward in tick.forwards {
            touched.extend(self.ids.resolve(forward.scid_in));
            touched.extend(self.ids.resolve(forward.scid_out));
        }
        let mut updates = vec![];
        for channel in touched.iter().filter_map(|at| tick.seen.channels.get(at)) {
            let peer = tick.peers.get(&channel.peer);
            let median_ppm = peer.and_then(|peer| peer.competitor_fee);
            let fees = self.fees(channel, median_ppm.map(FeePpm::as_f64));
            let update = fees
                .filter(|_| self.moved(channel))
                .and_then(|fees| change(channel, fees));
            if update.is_some() {
                self.last
                    .insert(channel.point, channel.local_balance.as_f64());
            }
            updates.extend(update);
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;
    use sweetspot_core::types::units::Sat;

    #[test]
    fn the_curves_have_the_sources_corner_values() {
        let factor = |method, x: f64| Constants::shaped(method).factor(x);
        for method in [Method::Default, Method::Soft, Method::Hard] {
            assert_eq!(factor(method, 0.5), 1.0);
        }
        assert!((factor(Method::Default, 0.0) - 7.0711).abs() < 1e-4);
        assert!((factor(Method::Soft, 1.0) - 0.31623).abs() < 1e-4);
        assert!((factor(Method::Hard, 0.0) - 20.0).abs() < 1e-9);
        assert_eq!(factor(Method::Hard, 1.0), 0.0);
    }

    #[test]
    fn a_channel_is_set_at_the_start_and_after_a_forward_that_moved_it() {
        let mut trial = Trial::of([
            channel(1, 1_000_000, 0, 5),
            channel(2, 1_000_000, 1_000_000, 5),
        ]);
        let constants = Constants {
            ppm: 100.0,
            ..Constants::default()
        };
        let mut policy = FeeAdjuster::new(constants, 1);
        assert_eq!(trial.price(&mut policy), 2);
        assert_eq!([1, 2].map(|n| trial.ppm(n)), [707, 14]);
        assert_eq!(trial.fees(1).base_fee_msat, 1_000);
        trial.with(1).local_balance = Sat(30_000);
        trial.forward(1, 2, 30_000);
        assert_eq!(trial.price(&mut policy), 0, "3 % is no move");
        trial.with(1).local_balance = Sat(70_000);
        assert_eq!(trial.price(&mut policy), 0, "no forward");
        trial.forward(1, 2, 40_000);
        assert_eq!(trial.price(&mut policy), 1);
        // 100 · 50^0.43
        assert_eq!(trial.ppm(1), 537);
    }
}
