//! What the sweetspot strategy remembers of the node.

use crate::settings::tuning::Tuning;
use crate::signals::level::{Income, Level};
use crate::signals::price_index::PriceIndex;
use crate::types::segment::Segment;
use crate::types::time::Timestamp;

/// How it was when sweetspot took the node over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TakeOver {
    /// When that was.
    pub at: Timestamp,
    /// What the node earned before; `None` if too little is known of that.
    pub past: Option<Income>,
    /// How far the levels have given way to the rates under which that was
    /// earned: 0 not at all, 1 wholly.
    pub given_way: f64,
    /// When they last did.
    pub gave_way_at: Option<Timestamp>,
}

/// The price level of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SegmentLevel {
    /// The level in force; `None` before the first cycle.
    pub level: Option<Level>,
    /// The mean rate at which the segment sold before the take-over, natural
    /// logarithm of ppm; `None` if it hardly sold.
    pub sold_ln_ppm: Option<f64>,
}

/// The node's part in the market, as remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeMarket {
    /// Of announced channels.
    pub announced: SegmentLevel,
    /// Of unannounced channels.
    pub unannounced: SegmentLevel,
    /// What the network charges.
    pub index: PriceIndex,
    /// When the graph was last read.
    pub index_read_at: Option<Timestamp>,
    /// `None` before the first cycle.
    pub take_over: Option<TakeOver>,
}

impl NodeMarket {
    /// What is remembered of a segment's level.
    pub fn of(&self, segment: Segment) -> &SegmentLevel {
        match segment {
            Segment::Announced => &self.announced,
            Segment::Unannounced => &self.unannounced,
        }
    }

    /// See [`Self::of`].
    pub fn of_mut(&mut self, segment: Segment) -> &mut SegmentLevel {
        match segment {
            Segment::Announced => &mut self.announced,
            Segment::Unannounced => &mut self.unannounced,
        }
    }

    /// Every moment that a move of a level counts from.
    pub fn waits_from(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let levels = [&mut self.announced.level, &mut self.unannounced.level];
        let levels = levels.into_iter().flatten();
        levels.map(|level| &mut level.looked_at)
    }

    /// The level that a segment goes to, natural logarithm of ppm.
    pub fn ln_wanted(&self, segment: Segment, tuning: &Tuning) -> f64 {
        let wanted = libm::log(tuning.prior_ppm(segment))
            + tuning.index_exponent * libm::log(self.index.value());
        let given_way = self.take_over.map_or(0.0, |then| then.given_way);
        match self.of(segment).sold_ln_ppm {
            Some(sold) => wanted + given_way * (sold - wanted),
            None => wanted,
        }
    }

    /// The level in force in a segment, natural logarithm of ppm.
    pub fn ln_level(&self, segment: Segment, tuning: &Tuning) -> f64 {
        let level = self.of(segment).level.map(|level| level.ln_ppm);
        level.unwrap_or_else(|| self.ln_wanted(segment, tuning))
    }
}
