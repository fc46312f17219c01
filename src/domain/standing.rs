//! What the sweet-spot law remembers, of each channel and of the node.

use serde::{Deserialize, Serialize};

use super::exposure::Exposure;
use super::level::Level;
use super::time::Timestamp;

/// A single amount counts for no more than so many mean ones.
const LARGEST_AMOUNT: f64 = 10.0;
/// A channel's part in the market, as remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What it sold, and when it could.
    pub exposure: Exposure,
}

/// The node's part in the market, as remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeStanding {
    /// The learned level.
    pub level: Level,
    /// The amount of a mean forward.
    pub amount: MeanAmount,
    /// The last forward counted here, that none is counted twice.
    pub counted_through: Timestamp,
    /// When the market was last watched.
    pub watched_at: Option<Timestamp>,
}

/// A running mean of amounts, over about the last thousand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanAmount {
    sat: f64,
    count: f64,
}

impl Default for MeanAmount {
    /// As if twenty forwards of 50,000 sat (a public node's median) had passed.
    fn default() -> Self {
        Self {
            sat: 50_000.0,
            count: 20.0,
        }
    }
}

impl MeanAmount {
    /// The mean, in satoshis.
    pub fn sat(&self) -> f64 {
        self.sat
    }

    /// Counts one amount.
    pub fn take_in(&mut self, sat: f64) {
        self.count = (self.count + 1.0).min(1_000.0);
        self.sat += (sat.min(LARGEST_AMOUNT * self.sat) - self.sat) / self.count;
    }
}
