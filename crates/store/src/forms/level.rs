//! A learned price level: part of the node's memory.
//!
//! What is missing reads as not learned. The number of midpoints is part of the
//! form: a list of another length is refused, and the node's memory with it.

use sweetspot_core::signals::level::{DemandEstimate, Level, POINTS, Trial};

use super::{default_of, form};

form! {
    /// What has been learned; the level is the natural logarithm of ppm.
    #[serde(default)]
    struct LevelForm of Level {
        ln_ppm: Option<f64>,
        #[serde(rename = "stand")]
        trial: TrialForm,
        #[serde(rename = "course")]
        estimate: Option<DemandEstimateForm>,
        ln_likelihood: [f64; POINTS],
        #[serde(rename = "stands")]
        trials: u32,
    }
}

default_of!(LevelForm, Level);

form! {
    /// A stretch of time at one level; the volume is in mean forwards.
    struct TrialForm of Trial {
        days: f64,
        standing_days: f64,
        volume: f64,
    }
}

form! {
    /// Where demand is believed to be.
    struct DemandEstimateForm of DemandEstimate {
        ln_rate: [f64; POINTS],
        variance: f64,
        days: f64,
    }
}
