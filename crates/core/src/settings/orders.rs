//! What the operator orders while the daemon runs: kept in the database, laid over
//! what the config says, effective from the next cycle on.
//!
//! Orders are read in the sequence in which they were given. `manage`, `pin`,
//! `ignore` and a restored fee replace each other; `target` stands beside them;
//! so does a `ramp`, which moves the target over time as part of a preparation;
//! `release` ends them all, and `cancel` every ramp of the node. One with an end gives way to what was ordered before
//! it once that end has come. To pin or to restore a fee writes only where the
//! config, or `manage`, lets sweetspot write: no other order lifts observe mode.

use std::fmt;

use serde::Serialize;

use crate::settings::preparation::{Goal, Ramp};
use crate::settings::values::{BaseFee, ChannelSettings, InboundRate, MaxHtlc, Mode};
use crate::types::channel::ChannelPoint;
use crate::types::format::grouped;
use crate::types::time::{TimeFormat, Timestamp};
use crate::types::units::{FeePpm, Msat};

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Hold the outbound rate at this value.
    Pin(FeePpm),
    /// Leave the channel alone.
    Ignore,
    /// Decide and write the channel's fees.
    Manage,
    /// The wanted local ratio, 0 to 1.
    Target(f64),
    /// Back to the config, from whatever fee is on the node.
    Release,
    /// Hold the fees that were there before.
    Restore {
        /// The outbound rate.
        ppm: FeePpm,
        /// The base fee, in msat; left alone where the config keeps it.
        base_fee_msat: u32,
        /// The max HTLC; `None` if it is left alone.
        max_htlc: Option<Msat>,
    },
    /// Write nothing, for the whole node.
    Pause,
    /// Write again.
    Resume,
    /// Be able to receive or to spend a sum by a day: for the whole node, with the
    /// ramps that are given beside it.
    Prepare(Goal),
    /// A wanted local ratio that moves over time.
    Ramp(Ramp),
    /// Prepare for nothing any more.
    Cancel,
}

impl Verb {
    /// Whether the operator thereby takes a stand on the channel's fee as it is
    /// now: waits and hands-off that began before are over.
    pub fn takes_over(self) -> bool {
        !matches!(
            self,
            Self::Ignore
                | Self::Target(_)
                | Self::Pause
                | Self::Resume
                | Self::Prepare(_)
                | Self::Ramp(_)
                | Self::Cancel
        )
    }

    /// Its name, as on the command line and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pin(_) => "pin",
            Self::Ignore => "ignore",
            Self::Manage => "manage",
            Self::Target(_) => "target",
            Self::Release => "release",
            Self::Restore { .. } => "restore",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Prepare(goal) => goal.purpose.name(),
            Self::Ramp(_) => "ramp",
            Self::Cancel => "cancel",
        }
    }

    /// Whether it says of the channel's mode what the one before it said.
    fn sets_mode(self) -> bool {
        matches!(
            self,
            Self::Pin(_) | Self::Ignore | Self::Manage | Self::Restore { .. }
        )
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin(rate) => write!(f, "pin {rate}"),
            Self::Target(ratio) => write!(f, "target {:.0}%", ratio * 100.0),
            Self::Restore {
                ppm,
                base_fee_msat,
                max_htlc,
            } => {
                let base = grouped(u64::from(*base_fee_msat));
                write!(f, "restore {ppm} + {base} msat base")?;
                match max_htlc {
                    Some(max_htlc) => write!(f, ", max HTLC {}", max_htlc.told()),
                    None => Ok(()),
                }
            }
            Self::Prepare(goal) => write!(f, "prepare to {goal}"),
            Self::Ramp(ramp) => {
                write!(f, "prepare: target to {:.0}%", ramp.ratio * 100.0)
            }
            Self::Ignore
            | Self::Manage
            | Self::Release
            | Self::Pause
            | Self::Resume
            | Self::Cancel => f.write_str(self.name()),
        }
    }
}

/// One order, as it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Its number: orders ascend as they are given.
    pub id: i64,
    /// When it was given.
    pub at: Timestamp,
    /// The channel it is about; `None` for the whole node.
    pub point: Option<ChannelPoint>,
    /// What is ordered.
    pub verb: Verb,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Order {
    fn holds(&self, now: Timestamp) -> bool {
        self.at <= now && self.until.is_none_or(|until| now < until)
    }

    /// In words, each moment as `time` writes it: `pin 250 ppm until ...`.
    pub fn words(&self, time: TimeFormat<'_>) -> String {
        let until = self.until.map(|until| format!(" until {}", time(until)));
        format!(
            "{}{} (given {})",
            self.verb,
            until.unwrap_or_default(),
            time(self.at)
        )
    }
}

/// That the node is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Until when, if it ends by itself.
    pub until: Option<Timestamp>,
}

/// An order on a channel that no cycle has seen yet, or one that has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// The channel.
    pub point: ChannelPoint,
    /// Whether what the fee waits for is over.
    pub takes_over: bool,
}

/// All orders, in the sequence in which they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orders(pub Vec<Order>);

impl Orders {
    /// The orders on a channel that hold at `now`, in sequence.
    pub fn on(&self, point: ChannelPoint, now: Timestamp) -> Vec<&Order> {
        let mut in_force: Vec<&Order> = vec![];
        for order in &self.0 {
            let ends_ramps = order.verb == Verb::Cancel;
            if (order.point != Some(point) && !ends_ramps) || !order.holds(now) {
                continue;
            }
            match order.verb {
                Verb::Release => in_force.clear(),
                Verb::Cancel => in_force.retain(|order| !matches!(order.verb, Verb::Ramp(_))),
                _ => in_force.push(order),
            }
        }
        let is_last = |order: &Order, same: &dyn Fn(Verb) -> bool| {
            let last = in_force.iter().rev().find(|other| same(other.verb));
            last.is_some_and(|last| last.id == order.id)
        };
        let standing = |order: &&Order| match order.verb {
            Verb::Target(_) => is_last(order, &|verb| matches!(verb, Verb::Target(_))),
            Verb::Ramp(_) => is_last(order, &|verb| matches!(verb, Verb::Ramp(_))),
            // What it permits stays, whatever fee is held after it.
            Verb::Manage => is_last(order, &|verb| matches!(verb, Verb::Manage)),
            _ => is_last(order, &Verb::sets_mode),
        };
        in_force.iter().copied().filter(standing).collect()
    }

    /// Lays what is ordered over what the config says of a channel.
    pub fn lay_over(&self, settings: &mut ChannelSettings, point: ChannelPoint, now: Timestamp) {
        for order in self.on(point, now) {
            let may_write = matches!(settings.mode, Mode::Manage | Mode::Pin(_));
            match order.verb {
                Verb::Manage => settings.mode = Mode::Manage,
                Verb::Ignore => settings.mode = Mode::Ignore,
                Verb::Target(ratio) => settings.target_ratio = ratio,
                Verb::Pin(rate) => {
                    settings.observe_only |= !may_write;
                    settings.mode = Mode::Pin(rate);
                }
                Verb::Restore {
                    ppm,
                    base_fee_msat,
                    max_htlc,
                } => {
                    settings.observe_only |= !may_write;
                    settings.mode = Mode::Pin(ppm);
                    settings.inbound_rate = InboundRate::Auto;
                    if settings.base_fee != BaseFee::Keep {
                        settings.base_fee = BaseFee::Set(base_fee_msat);
                    }
                    if let Some(was) = max_htlc {
                        settings.max_htlc = MaxHtlc::Restored(was);
                    }
                }
                Verb::Ramp(ramp) => {
                    let base = settings.target_ratio;
                    settings.target_ratio = ramp.blend(base, order.at, order.until, now);
                }
                Verb::Release | Verb::Pause | Verb::Resume | Verb::Prepare(_) | Verb::Cancel => {}
            }
        }
        // What was written is taken back while nothing else is written.
        settings.paused = self.paused(now).filter(|_| !self.restores(point, now));
    }

    /// Whether the fees of this channel are held at what they were before.
    fn restores(&self, point: ChannelPoint, now: Timestamp) -> bool {
        let orders = self.on(point, now);
        let mut modes = orders.iter().rev().filter(|order| order.verb.sets_mode());
        matches!(
            modes.next().map(|order| order.verb),
            Some(Verb::Restore { .. })
        )
    }

    /// Whether the node is paused.
    pub fn paused(&self, now: Timestamp) -> Option<Pause> {
        let of_node = |order: &&Order| {
            let is_about_node = matches!(order.verb, Verb::Pause | Verb::Resume);
            is_about_node && order.holds(now)
        };
        let last = self.0.iter().rev().find(of_node)?;
        (last.verb == Verb::Pause).then_some(Pause {
            at: last.at,
            until: last.until,
        })
    }

    /// What is prepared for, with the order that says so.
    pub fn preparing(&self, now: Timestamp) -> Option<(&Order, Goal)> {
        let held = self.0.iter().rev().filter(|order| order.holds(now));
        let mut last = held.filter(|o| matches!(o.verb, Verb::Prepare(_) | Verb::Cancel));
        let order = last.next()?;
        match order.verb {
            Verb::Prepare(goal) => Some((order, goal)),
            _ => None,
        }
    }

    /// What has been ordered since the cycle of `seen_at`, which knew the orders
    /// up to number `through`, and what has ended by itself since.
    pub fn fresh(&self, through: i64, seen_at: Option<Timestamp>, now: Timestamp) -> Vec<Fresh> {
        let mut fresh: Vec<Fresh> = vec![];
        for order in &self.0 {
            let Some(point) = order.point else { continue };
            let given = order.id > through && order.holds(now);
            let ended = order.until.is_some_and(|until| {
                until <= now && seen_at.is_some_and(|seen_at| seen_at < until)
            });
            if !given && !ended {
                continue;
            }
            let takes_over = given && order.verb.takes_over();
            match fresh.iter_mut().find(|known| known.point == point) {
                Some(known) => known.takes_over |= takes_over,
                None => fresh.push(Fresh { point, takes_over }),
            }
        }
        fresh
    }

    /// The number of the newest.
    pub fn newest(&self) -> i64 {
        self.0.iter().map(|order| order.id).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
