//! A move of a price level, and why: what the log tells of it.

use serde::Serialize;

use crate::types::format::decimal;
use crate::types::segment::Segment;
use crate::types::units::FeePpm;

/// A move of a price level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LevelMove {
    /// Whose it is.
    pub segment: Segment,
    /// Where it was, in ppm; `None` if it begins.
    pub from_ppm: Option<f64>,
    /// Where it is, in ppm.
    pub to_ppm: f64,
    /// Where it goes, in ppm.
    pub wanted_ppm: f64,
    /// What the network charges over what it charged on the day of reference.
    pub index: f64,
    /// Why.
    pub reason: LevelReason,
}

/// Why a price level is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum LevelReason {
    /// It begins, at what the node sells at or at the level wanted.
    Begun {
        /// The mean rate at which the node sold of late, in ppm; `None` if it hardly
        /// sold.
        sold_ppm: Option<f64>,
    },
    /// It goes to the level wanted, by no more than a twentieth a day.
    Follows,
    /// Income has clearly fallen since the take-over: it gives way towards the
    /// rates under which more was earned.
    IncomeFell {
        /// Before the take-over.
        before_msat_per_day: f64,
        /// Of late.
        now_msat_per_day: f64,
        /// Over how many days.
        days: usize,
    },
}

impl LevelMove {
    /// Why, in words: `the node sold at 412 ppm`.
    pub fn why(&self) -> String {
        let sat = |msat: f64| decimal(msat / 1_000.0);
        match self.reason {
            LevelReason::Begun { sold_ppm: None } => {
                "begins here: too little was sold in the last 30 days to begin from".to_owned()
            }
            LevelReason::Begun {
                sold_ppm: Some(ppm),
            } => format!(
                "begins here: the node sold at {} in the last 30 days",
                FeePpm::rounded(ppm)
            ),
            LevelReason::Follows => format!(
                "goes to {}, by at most a twentieth a day (price index {:.2})",
                FeePpm::rounded(self.wanted_ppm),
                self.index
            ),
            LevelReason::IncomeFell {
                before_msat_per_day,
                now_msat_per_day,
                days,
            } => format!(
                "{} sat a day in the last {days} days, {} before sweetspot set fees: more than \
                 chance",
                sat(now_msat_per_day),
                sat(before_msat_per_day)
            ),
        }
    }
}
