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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::point;

    fn place(ln_level: f64, balance: f64, throughput: f64) -> Place {
        Place {
            evidence: Evidence::default(),
            ln_level,
            balance,
            throughput,
            dampening: 0.5,
            censored: false,
            leader: point(1),
        }
    }

    fn is_near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    #[test]
    fn the_moves_lead_to_the_place_each_with_its_share_of_the_way() {
        let place = place(libm::log(400.0), 0.3, -0.125);
        let terms = place.terms(200.0);
        let there = libm::exp(place.ln_ppm());
        assert!(is_near(200.0 * (1.0 + terms.sum()), there), "{terms:?}");
        assert!(is_near(place.ln_ppm(), libm::log(400.0) + 0.175));
        assert!(is_near(terms.balance / terms.throughput, 0.3 / -0.125));
        assert!(is_near(terms.level / terms.balance, libm::log(2.0) / 0.3));
        assert_eq!((terms.protection, terms.dampening), (0.0, 0.5));
    }

    #[test]
    fn at_the_place_the_parts_are_what_they_are_and_move_nothing() {
        let terms = place(libm::log(100.0) - 0.375, 0.25, 0.125).terms(100.0);
        assert!(is_near(terms.balance, 0.25) && is_near(terms.throughput, 0.125));
        assert!(is_near(terms.level, -0.375) && is_near(terms.sum(), 0.0));
    }

    #[test]
    fn a_parallel_channel_goes_to_the_rate_of_the_first() {
        let ask = Ask::Place(place(libm::log(400.0), 0.3, -0.1));
        let led = ask.terms(200.0, Some(FeePpm(250)));
        assert!(is_near(200.0 * (1.0 + led.sum()), 250.0), "{led:?}");
        let alone = ask.terms(200.0, None);
        assert!(!is_near(alone.sum(), led.sum()));
        assert_eq!(ask.leader(), Some(point(1)));
        // There is no logarithm of nothing.
        assert!(ask.terms(200.0, Some(FeePpm(0))).sum().is_finite());
    }

    #[test]
    fn a_move_that_was_held_back_is_no_second_step_and_a_place_stays_one() {
        let step = Move {
            evidence: Evidence::default(),
            terms: Terms {
                balance: 0.1,
                ..Terms::default()
            },
            limit: Some(Limit::Depleted),
            adds_up: true,
        };
        let moved = Ask::Move(step);
        assert_eq!(moved.terms(200.0, Some(FeePpm(1))), step.terms);
        assert_eq!((moved.limit(), moved.leader()), (step.limit, None));
        let again = moved.again();
        assert_eq!(again.terms(200.0, None), Terms::default());
        assert_eq!(again.limit(), None);
        assert_eq!(moved.starts_from(100.0, Some(120.0)), 120.0);
        assert_eq!(moved.starts_from(100.0, None), 100.0);
        let loose = Ask::Move(Move {
            adds_up: false,
            ..step
        });
        assert_eq!(loose.starts_from(100.0, Some(120.0)), 100.0);

        let mut place = place(6.0, 0.1, 0.0);
        assert_eq!(Ask::Place(place).limit(), None);
        place.censored = true;
        let ask = Ask::Place(place);
        assert_eq!((ask.again(), ask.limit()), (ask, Some(Limit::Depleted)));
        assert_eq!(ask.starts_from(100.0, Some(120.0)), 100.0);
    }
}
