//! One rate for every channel, for ever: what most nodes do.

use crate::model::{Knob, Model, change, msat};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// The fees.
#[derive(Clone, Debug)]
pub struct Constants {
    /// The rate, in ppm.
    pub ppm: f64,
    /// The base fee, in msat.
    pub base_fee_msat: u32,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            ppm: 200.0,
            base_fee_msat: 0,
        }
    }
}

/// One rate everywhere.
#[derive(Clone, Debug)]
pub struct Fixed(Constants);

impl Model for Fixed {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "ppm",
            grid: &[
                50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 850.0, 1_000.0,
                1_400.0, 2_000.0, 3_000.0,
            ],
            set: |c, value| c.ppm = value,
        },
        Knob {
            name: "base_fee_msat",
            grid: &[0.0, 1_000.0, 5_000.0, 20_000.0, 50_000.0],
            set: |c, value| c.base_fee_msat = msat(value),
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self(constants)
    }
}

impl FeePolicy for Fixed {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let channels = tick.seen.channels.values();
        let updates = channels.filter_map(|channel| {
            let fees = FeeParts {
                base_fee_msat: self.0.base_fee_msat,
                outbound: FeePpm::rounded(self.0.ppm),
                ..channel.policy?.fees
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

    #[test]
    fn every_channel_gets_the_rate_once() {
        let mut trial = Trial::of([channel(1, 1_000, 0, 5), channel(2, 1_000, 900, 200)]);
        let mut fixed = Fixed::new(Constants::default(), 0);
        assert_eq!(trial.price(&mut fixed), 1);
        assert_eq!(trial.ppm(1), 200);
        assert_eq!(trial.price(&mut fixed), 0);
    }
}
