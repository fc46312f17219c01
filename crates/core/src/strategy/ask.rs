//! What a strategy asks for a channel's fee.

use crate::decision::{Evidence, Limit, Terms};
use crate::types::channel::ChannelPoint;
use crate::types::units::{FeePpm, LEAST_PPM};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// A move from wherever the fee is. Small moves add up, in a float, until
    /// they are worth an update.
    Move(Move),
    /// A place to go to, worked out anew each time.
    Place(Place),
}

/// A relative move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// What was seen.
    pub evidence: Evidence,
    /// What it asks for.
    pub terms: Terms,
    /// What was left out of account.
    pub limit: Option<Limit>,
    /// Whether it is added to the moves before it, in the float; if not, it goes
    /// from the rate on the node.
    pub adds_up: bool,
}

/// Where a fee should stand, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// What was seen, of the whole peer group.
    pub evidence: Evidence,
    /// By the price level: natural logarithm of ppm.
    pub ln_level: f64,
    /// By the balance, natural-log units.
    pub balance: f64,
    /// By throughput, natural-log units.
    pub throughput: f64,
    /// The factor low activity put on it.
    pub dampening: f64,
    /// Whether low tpm was left out of account for want of stock.
    pub censored: bool,
    /// The peer group's first member: all of a group go to the same place.
    pub leader: ChannelPoint,
}

impl Place {
    /// The place, natural logarithm of ppm.
    pub fn ln_ppm(&self) -> f64 {
        self.ln_level + self.balance + self.throughput
    }

    /// The relative moves from `ppm` to the place: their sum is the way there.
    pub fn terms(&self, ppm: f64) -> Terms {
        let pull = self.ln_level - libm::log(ppm);
        let way = pull + self.balance + self.throughput;
        // Logarithmic parts as parts of a relative move, each keeping its sign.
        let scale = if way.abs() > 1e-9 {
            libm::expm1(way) / way
        } else {
            1.0
        };
        Terms {
            balance: self.balance * scale,
            throughput: self.throughput * scale,
            level: pull * scale,
            protection: 0.0,
            dampening: self.dampening,
        }
    }

    /// The same, for a channel that is to have a parallel one's rate.
    #[must_use]
    pub fn led_to(&self, rate: FeePpm) -> Self {
        let rest = self.balance + self.throughput;
        Self {
            ln_level: libm::log(rate.as_f64().max(LEAST_PPM)) - rest,
            ..*self
        }
    }
}

impl Ask {
    /// What was seen.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Move(step) => step.evidence,
            Self::Place(place) => place.evidence,
        }
    }

    /// Which channel's decision this one follows, if they are parallel.
    pub fn leader(&self) -> Option<ChannelPoint> {
        match self {
            Self::Move(_) => None,
            Self::Place(place) => Some(place.leader),
        }
    }

    /// The relative moves asked for from a rate of `ppm`; with a parallel
    /// channel's rate, the way to that.
    pub fn terms(&self, ppm: f64, led_to: Option<FeePpm>) -> Terms {
        match (self, led_to) {
            (Self::Move(step), _) => step.terms,
            (Self::Place(place), Some(rate)) => place.led_to(rate).terms(ppm),
            (Self::Place(place), None) => place.terms(ppm),
        }
    }

    /// The same, for a change that was held back and is looked at again: a
    /// place as it is now, a move without another step.
    pub fn again(&self) -> Self {
        match self {
            Self::Move(step) => Self::Move(Move {
                terms: Terms::default(),
                limit: None,
                ..*step
            }),
            Self::Place(_) => *self,
        }
    }

    /// What was left out of account.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Move(step) => step.limit,
            Self::Place(place) => place.censored.then_some(Limit::Depleted),
        }
    }

    /// The rate from which it asks, of the one on the node and the float in
    /// which moves add up, both in ppm.
    pub fn starts_from(&self, on_node_ppm: f64, float_ppm: Option<f64>) -> f64 {
        match self {
            Self::Move(step) if step.adds_up => float_ppm.unwrap_or(on_node_ppm),
            Self::Move(_) | Self::Place(_) => on_node_ppm,
        }
    }
}
