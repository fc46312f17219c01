//! Price levels: part of the node's memory.

use sweetspot_core::signals::level::{Income, Level};
use sweetspot_core::signals::price_index::PriceIndex;

use super::form;

form! {
    /// A level in force, natural logarithm of ppm.
    struct LevelForm of Level {
        ln_ppm: f64,
        looked_at: i64,
    }
}

form! {
    /// Income per day, in msat.
    struct IncomeForm of Income {
        mean_msat: f64,
        error_msat: f64,
        days: usize,
    }
}

form! {
    /// The fading mean of what the network charges.
    struct PriceIndexForm of PriceIndex {
        weight: f64,
        ln_sum: f64,
        visits: u64,
    }
}
