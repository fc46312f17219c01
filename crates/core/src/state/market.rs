//! What the sweet-spot law remembers, of each channel and of the node.

use serde::Serialize;

use crate::settings::tuning::{Learning, Tuning};
use crate::signals::exposure::Exposure;
use crate::signals::level::Level;
use crate::types::channel::Channel;
use crate::types::time::Timestamp;

/// A single amount counts for no more than so many mean ones.
const LARGEST_AMOUNT: f64 = 10.0;

/// Where a channel's buyers come from. Whoever pays over an announced channel
/// found it in the graph and can compare. Over an unannounced one only its peer
/// pays and is paid, and few ways lead to it: that is another market, with
/// another price level. In training this earns 3 to 5 % more than one level for
/// all; no further division of the announced ones (by how many channels the peer
/// has, what it or its other neighbours charge, which way it mostly pays) earned
/// anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Buyers from the public graph.
    #[default]
    Announced,
    /// The peer alone.
    Unannounced,
}

impl Segment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Announced, Self::Unannounced];

    /// A channel's.
    pub fn of(channel: &Channel) -> Self {
        if channel.private {
            Self::Unannounced
        } else {
            Self::Announced
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

/// A channel's part in the market, as remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChannelMarket {
    /// What it sold, and when it could.
    pub exposure: Exposure,
    /// Which market that is.
    pub segment: Segment,
}

/// The node's part in the market, as remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeMarket {
    /// The learned level.
    pub level: Level,
    /// That of unannounced channels.
    pub unannounced_level: Level,
    /// The amount of a mean forward.
    pub amount: MeanAmount,
    /// The last forward counted here, that none is counted twice.
    pub counted_through: Timestamp,
    /// When the market was last watched.
    pub watched_at: Option<Timestamp>,
}

impl NodeMarket {
    /// The learned level of a segment.
    pub fn level_of(&self, segment: Segment) -> &Level {
        match segment {
            Segment::Announced => &self.level,
            Segment::Unannounced => &self.unannounced_level,
        }
    }

    /// The level in force in a segment, as the natural logarithm of ppm.
    pub fn ln_level(&self, segment: Segment, tuning: &Tuning) -> f64 {
        self.level_of(segment).ln_ppm(tuning.learning_of(segment))
    }

    /// See [`Self::level_of`].
    pub fn level_mut(&mut self, segment: Segment) -> &mut Level {
        match segment {
            Segment::Announced => &mut self.level,
            Segment::Unannounced => &mut self.unannounced_level,
        }
    }
}

/// A running mean of amounts, over about the last thousand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanAmount {
    /// The mean, in satoshis.
    pub sat: f64,
    /// How many amounts it stands for.
    pub count: f64,
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
    /// Counts one amount.
    pub fn take_in(&mut self, sat: f64) {
        self.count = (self.count + 1.0).min(1_000.0);
        self.sat += (sat.min(LARGEST_AMOUNT * self.sat) - self.sat) / self.count;
    }
}
