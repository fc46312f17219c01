//! The constants of the sweet-spot law.

use serde::{Deserialize, Serialize};

use crate::signals::level::Learning;
use crate::state::market::Segment;

/// Where the level of unannounced channels is believed to be at first, in ppm:
/// between what public nodes earn (a routing node's year: 420 ppm by volume) and
/// what wallets' service nodes charge their users (4,000 to 5,000 ppm), who have
/// few other ways.
const UNANNOUNCED_PPM: f64 = 2_500.0;

/// The law's constants, with the reason for each where it is used. They are
/// the same for every node: what differs between nodes is learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Natural-log units of price per unit of ratio missing, and in excess, where
    /// it presses fully.
    pub balance_up: f64,
    /// See [`Self::balance_up`].
    pub balance_down: f64,
    /// Days of demand against which stock and room are held ([`crate::signals::urgency`]).
    #[serde(rename = "press_days")]
    pub urgency_days: f64,
    /// Natural-log units of price per natural-log unit of tpm over history.
    pub throughput: f64,
    /// Sessions at which the throughput signal is half trusted.
    pub evidence_sessions: f64,
    /// Liquid days without a session before a channel may be called dead ...
    pub dead_after_days: f64,
    /// ... if so many sessions were to be expected in them.
    pub dead_expected_sessions: f64,
    /// Natural-log units per further idle day.
    pub dead_per_day: f64,
    /// How the level is learned.
    pub learning: Learning,
    /// How that of unannounced channels is.
    pub unannounced: Learning,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            balance_up: 4.0,
            balance_down: 2.0,
            urgency_days: 15.0,
            throughput: 0.2,
            evidence_sessions: 10.0,
            dead_after_days: 60.0,
            dead_expected_sessions: 3.0,
            dead_per_day: 0.2,
            learning: Learning::default(),
            unannounced: Learning {
                prior_ppm: UNANNOUNCED_PPM,
                ..Learning::default()
            },
        }
    }
}

impl Tuning {
    /// How a segment's level is learned.
    pub fn learning_of(&self, segment: Segment) -> &Learning {
        match segment {
            Segment::Announced => &self.learning,
            Segment::Unannounced => &self.unannounced,
        }
    }
}

impl Default for Learning {
    fn default() -> Self {
        Self {
            prior_ppm: 600.0,
            prior_ln_sd: 0.7,
            memory_days: 200.0,
            early_trial_days: 7.0,
            trial_days: 14.0,
            longest_trial_days: 21.0,
            enough_sales: 50.0,
            wash_in_days: 3.0,
            early_trials: 4,
            explored: 0.5,
            largest_move: 0.35,
            sale: 3.0,
            swing: 0.25,
            wander_per_day: 0.003,
        }
    }
}
