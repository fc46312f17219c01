//! charge-lnd's `proportional` strategy (accumulator/charge-lnd v0.3.1,
//! `charge_lnd/strategy.py`, `charge_lnd/charge_lnd.py`), run hourly.
//!
//! The rate falls in proportion to our share of the channel, from `max_fee_ppm`
//! when empty to `min_fee_ppm` when full, cut to whole ppm, and is posted once
//! it differs by `min_fee_ppm_delta`. The bounds have no defaults; ours are
//! those of the project's own `examples/all-channels-proportional.config`.
//! The balances add back pending HTLCs and the commit fee; ours also add back
//! the anchors (660 sat). Unannounced channels are set like any other: that
//! example's policy, like every policy without `chan.private`, matches them.

use crate::model::{Knob, Model, change, msat, rate_ppm};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// Its settings.
#[derive(Clone, Debug)]
pub struct Constants {
    /// The base fee it posts, in msat.
    pub base_fee_msat: u32,
    /// The rate of a full channel.
    pub min_fee_ppm: f64,
    /// The rate of an empty channel.
    pub max_fee_ppm: f64,
    /// The least change worth posting, in ppm.
    pub min_fee_ppm_delta: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            base_fee_msat: 1_000,
            min_fee_ppm: 100.0,
            max_fee_ppm: 300.0,
            min_fee_ppm_delta: 10.0,
        }
    }
}

/// charge-lnd, proportional.
#[derive(Clone, Debug)]
pub struct ChargeLnd(Constants);

impl Model for ChargeLnd {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "max_fee_ppm",
            grid: &[
                200.0, 300.0, 500.0, 750.0, 1_000.0, 1_250.0, 1_500.0, 2_000.0, 3_000.0, 5_000.0,
            ],
            set: |c, value| c.max_fee_ppm = value,
        },
        Knob {
            name: "min_fee_ppm",
            grid: &[
                0.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.min_fee_ppm = value,
        },
        Knob {
            name: "min_fee_ppm_delta",
            grid: &[1.0, 5.0, 10.0, 25.0, 50.0, 100.0],
            set: |c, value| c.min_fee_ppm_delta = value,
        },
        Knob {
            name: "base_fee_msat",
            grid: &[0.0, 500.0, 1_000.0, 5_000.0, 20_000.0, 50_000.0],
            set: |c, value| c.base_fee_msat = msat(value),
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self(constants)
    }
}

impl FeePolicy for ChargeLnd {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let c = &self.0;
        let updates = tick.seen.channels.values().filter_map(|channel| {
            let fees = channel.policy?.fees;
            let span = c.max_fee_ppm - c.min_fee_ppm;
            let ppm = (c.min_fee_ppm + (1.0 - channel.local_ratio()) * span).trunc();
            let far = (ppm - rate_ppm(channel)).abs() >= c.min_fee_ppm_delta;
            if !far && fees.base_fee_msat == c.base_fee_msat {
                return None;
            }
            let fees = FeeParts {
                base_fee_msat: c.base_fee_msat,
                outbound: FeePpm::rounded(ppm),
                ..fees
            };
            change(channel, fees)
        });
        updates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;
    use sweetspot_core::types::units::Sat;

    #[test]
    fn the_rate_follows_the_ratio_between_the_bounds_and_ignores_small_moves() {
        let mut trial = Trial::of([
            channel(1, 1_000_000, 0, 200),
            channel(2, 1_000_000, 1_000_000, 200),
            channel(3, 1_000_000, 333_333, 200),
        ]);
        let mut policy = ChargeLnd::new(Constants::default(), 0);
        assert_eq!(trial.price(&mut policy), 3);
        // 100 + 0.666667 · 200 = 233.33, cut.
        assert_eq!([1, 2, 3].map(|n| trial.ppm(n)), [300, 100, 233]);
        assert_eq!(trial.fees(3).base_fee_msat, 1_000);
        // 4.5 % more local: 224.33, 9 ppm below; nothing.
        trial.with(3).local_balance = Sat(378_333);
        trial.with(3).remote_balance = Sat(621_667);
        assert_eq!(trial.price(&mut policy), 0);
        // 5.5 %: 222.33, 11 below.
        trial.with(3).local_balance = Sat(388_333);
        trial.with(3).remote_balance = Sat(611_667);
        assert_eq!(trial.price(&mut policy), 1);
        assert_eq!(trial.ppm(3), 222);
    }
}
