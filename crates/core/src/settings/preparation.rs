//! Preparing for a receipt or a payment: a sum, a day, and targets that move there
//! and back in straight lines, so that no fee jumps.

use std::fmt;

use serde::Serialize;

use crate::types::channel::PeerId;
use crate::types::format::grouped;
use crate::types::time::Timestamp;
use crate::types::units::Sat;

/// Which way the sum goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The node is to receive it: the balance on the peers' side counts.
    Receive,
    /// The node is to send it: the balance on our side counts.
    Spend,
}

impl Purpose {
    /// Its name on the command line and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Spend => "spend",
        }
    }
}

/// What the node is to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Goal {
    /// Receive or spend.
    pub purpose: Purpose,
    /// How much.
    pub sum: Sat,
    /// From when on.
    pub by: Timestamp,
    /// Through whose channels; `None` for all.
    pub peer: Option<PeerId>,
    /// What the node could do of it as the goal was set.
    pub able_at_start: Sat,
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} sat", self.purpose.name(), grouped(self.sum.0))?;
        match self.peer {
            Some(peer) => write!(f, " through {}", peer.short()),
            None => Ok(()),
        }
    }
}

/// A channel's part in it: a target that moves to a ratio, holds, and moves back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ramp {
    /// The local ratio to reach, 0 to 1.
    pub ratio: f64,
    /// By when.
    pub by: Timestamp,
}

impl Ramp {
    /// The target at `now` of a ramp that began at `from` and is over at `until`,
    /// given the target without it. The way back takes as long as the way there.
    pub fn blend(
        &self,
        base: f64,
        from: Timestamp,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> f64 {
        let there = risen(from, self.by, now);
        let back = match until {
            Some(until) => 1.0 - risen(until.minus(self.by.since(from)), until, now),
            None => 1.0,
        };
        let weight = there.min(back);
        base * (1.0 - weight) + self.ratio * weight
    }
}

/// How much of the way from `from` to `to` has passed at `now`, 0 to 1.
pub fn risen(from: Timestamp, to: Timestamp, now: Timestamp) -> f64 {
    if now >= to {
        return 1.0;
    }
    let whole = to.since(from).as_secs_f64();
    match whole > 0.0 {
        true => (now.since(from).as_secs_f64() / whole).min(1.0),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_secs(hours * 3_600)
    }

    #[test]
    fn a_ramp_goes_there_holds_and_comes_back_in_straight_lines() {
        let ramp = Ramp {
            ratio: 0.1,
            by: at(10),
        };
        let target = |hours| ramp.blend(0.5, at(0), Some(at(40)), at(hours));
        let wanted = [
            (-1, 0.5),
            (0, 0.5),
            (5, 0.3),
            (10, 0.1),
            (30, 0.1),
            (35, 0.3),
            (40, 0.5),
        ];
        for (hours, ratio) in wanted {
            assert!((target(hours) - ratio).abs() < 1e-9, "{hours}");
        }
        for hours in 0..40 {
            assert!((target(hours) - target(hours + 1)).abs() < 0.041, "{hours}");
        }
    }

    #[test]
    fn a_ramp_without_time_is_there_at_once_and_never_leaves_its_bounds() {
        let ramp = Ramp {
            ratio: 0.2,
            by: at(1),
        };
        assert_eq!(ramp.blend(0.5, at(1), None, at(1)), 0.2);
        for until in [None, Some(at(-3)), Some(at(1)), Some(at(2))] {
            for from in [-5, 0, 1, 9] {
                for now in -6..12 {
                    let target = ramp.blend(0.5, at(from), until, at(now));
                    assert!((0.2 - 1e-9..=0.5 + 1e-9).contains(&target));
                }
            }
        }
    }
}
