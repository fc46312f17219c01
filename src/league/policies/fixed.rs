//! One rate for every channel, for ever: what most nodes do.

use crate::league::model::{Knob, Model, post};
use crate::sim::drive::{FeeUpdate, Pricer, Tick};

/// The rate.
#[derive(Clone, Debug)]
pub struct Constants {
    /// In ppm.
    pub ppm: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self { ppm: 200.0 }
    }
}

/// One rate everywhere.
#[derive(Clone, Debug)]
pub struct Fixed(Constants);

impl Model for Fixed {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[Knob {
        name: "ppm",
        grid: &[
            50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 700.0, 1_000.0, 1_400.0, 2_000.0,
        ],
        set: |c, value| c.ppm = value,
    }];

    fn new(constants: Constants, _: u64) -> Self {
        Self(constants)
    }
}

impl Pricer for Fixed {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let channels = tick.seen.channels.values();
        channels.filter_map(|c| post(c, self.0.ppm)).collect()
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
