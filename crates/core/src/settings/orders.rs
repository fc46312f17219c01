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
use crate::settings::values::{BaseFee, ChannelSettings, Mode};
use crate::types::channel::ChannelPoint;
use crate::types::format::grouped;
use crate::types::time::{TimeFormat, Timestamp};
use crate::types::units::FeePpm;

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
            Self::Restore { ppm, base_fee_msat } => write!(
                f,
                "restore {ppm} + {} msat base",
                grouped(u64::from(*base_fee_msat))
            ),
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
                Verb::Restore { ppm, base_fee_msat } => {
                    settings.observe_only |= !may_write;
                    settings.mode = Mode::Pin(ppm);
                    if settings.base_fee != BaseFee::Keep {
                        settings.base_fee = BaseFee::Set(base_fee_msat);
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
mod tests {
    use super::*;
    use crate::settings::preparation::Purpose;
    use crate::testing::point;
    use crate::types::units::Sat;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_secs(hours * 3_600)
    }

    /// Orders on one channel, given an hour after the other.
    fn orders(verbs: &[(Verb, Option<i64>)]) -> Orders {
        let numbered = (1..).zip(verbs);
        Orders(
            numbered
                .map(|(id, (verb, until))| Order {
                    id,
                    at: at(id),
                    point: Some(point(1)),
                    verb: *verb,
                    until: until.map(at),
                })
                .collect(),
        )
    }

    fn laid_over(mode: Mode, orders: &Orders, hours: i64) -> ChannelSettings {
        let mut settings = ChannelSettings {
            mode,
            ..ChannelSettings::default()
        };
        orders.lay_over(&mut settings, point(1), at(hours));
        settings
    }

    const PIN: Verb = Verb::Pin(FeePpm(250));

    #[test]
    fn an_order_holds_from_when_it_is_given_until_its_end() {
        let pinned = orders(&[(PIN, Some(5))]);
        let mode = |hours| laid_over(Mode::Manage, &pinned, hours).mode;
        assert_eq!(mode(0), Mode::Manage);
        assert_eq!(mode(1), Mode::Pin(FeePpm(250)));
        assert_eq!(mode(4), Mode::Pin(FeePpm(250)));
        assert_eq!(mode(5), Mode::Manage);
    }

    #[test]
    fn the_last_mode_holds_and_one_that_ended_gives_way_to_that_before() {
        let both = orders(&[(Verb::Ignore, None), (PIN, Some(5))]);
        let mode = |hours| laid_over(Mode::Manage, &both, hours).mode;
        assert_eq!(mode(2), Mode::Pin(FeePpm(250)));
        assert_eq!(mode(5), Mode::Ignore);
    }

    #[test]
    fn only_manage_lifts_observe_mode() {
        let writes = |verbs: &[Verb], mode| {
            let verbs: Vec<_> = verbs.iter().map(|verb| (*verb, None)).collect();
            laid_over(mode, &orders(&verbs), 9).writes()
        };
        let restore = Verb::Restore {
            ppm: FeePpm(9),
            base_fee_msat: 0,
        };
        for held in [PIN, restore] {
            assert!(!writes(&[held], Mode::Observe));
            assert!(!writes(&[held], Mode::Ignore));
            assert!(writes(&[held], Mode::Manage));
            assert!(writes(&[Verb::Manage, held], Mode::Observe));
            assert!(!writes(&[Verb::Manage, Verb::Release, held], Mode::Observe));
        }
        assert!(!writes(&[Verb::Target(0.7)], Mode::Observe));
    }

    #[test]
    fn manage_does_not_lift_a_daemon_that_only_observes() {
        let mut settings = ChannelSettings {
            observe_only: true,
            ..ChannelSettings::default()
        };
        orders(&[(Verb::Manage, None), (PIN, None)]).lay_over(&mut settings, point(1), at(9));
        assert!(!settings.writes());
    }

    #[test]
    fn a_release_ends_everything_ordered_before_it() {
        let released = orders(&[
            (PIN, None),
            (Verb::Target(0.7), None),
            (Verb::Release, None),
        ]);
        assert_eq!(laid_over(Mode::Manage, &released, 2).target_ratio, 0.7);
        let after = laid_over(Mode::Manage, &released, 3);
        assert_eq!(after, laid_over(Mode::Manage, &Orders::default(), 3));
    }

    #[test]
    fn a_restored_base_fee_is_set_only_where_the_config_sets_one() {
        let restored = orders(&[(
            Verb::Restore {
                ppm: FeePpm(9),
                base_fee_msat: 700,
            },
            None,
        )]);
        let set = laid_over(Mode::Manage, &restored, 1);
        assert_eq!(set.base_fee, BaseFee::Set(700));
        let mut kept = ChannelSettings {
            mode: Mode::Manage,
            base_fee: BaseFee::Keep,
            ..ChannelSettings::default()
        };
        restored.lay_over(&mut kept, point(1), at(1));
        assert_eq!(kept.base_fee, BaseFee::Keep);
    }

    #[test]
    fn a_pause_ends_by_a_resume_or_by_itself() {
        let of_node = |verb, id, until: Option<i64>| Order {
            id,
            at: at(id),
            point: None,
            verb,
            until: until.map(at),
        };
        let paused = Orders(vec![of_node(Verb::Pause, 1, Some(4))]);
        assert!(paused.paused(at(3)).is_some());
        assert!(paused.paused(at(4)).is_none());
        let resumed = Orders(vec![
            of_node(Verb::Pause, 1, None),
            of_node(Verb::Resume, 2, None),
        ]);
        assert!(resumed.paused(at(1)).is_some());
        assert!(resumed.paused(at(2)).is_none());
    }

    #[test]
    fn a_pause_stops_every_write_but_of_what_is_restored() {
        let node = |verb, id| Order {
            id,
            at: at(id),
            point: None,
            verb,
            until: None,
        };
        let channel = |verb, id| Order {
            point: Some(point(1)),
            ..node(verb, id)
        };
        let restore = Verb::Restore {
            ppm: FeePpm(9),
            base_fee_msat: 0,
        };
        let mut orders = Orders(vec![node(Verb::Pause, 1), channel(PIN, 2)]);
        assert!(!laid_over(Mode::Manage, &orders, 5).writes());
        orders.0.push(channel(restore, 3));
        assert!(laid_over(Mode::Manage, &orders, 5).writes());
        orders.0.push(channel(PIN, 4));
        assert!(!laid_over(Mode::Manage, &orders, 5).writes());
    }

    #[test]
    fn a_ramp_moves_the_target_until_it_is_cancelled() {
        let ramp = Verb::Ramp(Ramp {
            ratio: 0.1,
            by: at(11),
        });
        let goal = Goal {
            purpose: Purpose::Receive,
            sum: Sat(5),
            by: at(11),
            peer: None,
            able_at_start: Sat(1),
        };
        let mut orders = orders(&[(ramp, Some(41))]);
        let of_node = |verb, id| Order {
            id,
            at: at(id),
            point: None,
            verb,
            until: None,
        };
        orders.0.push(of_node(Verb::Prepare(goal), 2));
        let target = |orders: &Orders, hours| laid_over(Mode::Manage, orders, hours).target_ratio;
        assert!((target(&orders, 6) - 0.3).abs() < 1e-9);
        assert_eq!(target(&orders, 41), 0.5);
        assert_eq!(orders.preparing(at(9)).map(|(_, goal)| goal), Some(goal));
        orders.0.push(of_node(Verb::Cancel, 5));
        assert!((target(&orders, 4) - 0.38).abs() < 1e-9);
        assert_eq!(target(&orders, 6), 0.5);
        assert_eq!(orders.preparing(at(9)), None);
        // What is planned after it holds.
        orders.0.push(Order {
            point: Some(point(1)),
            ..of_node(ramp, 7)
        });
        assert!(target(&orders, 9) < 0.5);
    }

    #[test]
    fn what_is_new_or_has_ended_is_fresh_once() {
        let orders = orders(&[(PIN, Some(5)), (Verb::Target(0.7), None)]);
        let fresh = |through, seen: i64, now| orders.fresh(through, Some(at(seen)), at(now));
        let news = |takes_over| {
            vec![Fresh {
                point: point(1),
                takes_over,
            }]
        };
        assert_eq!(fresh(0, 0, 2), news(true));
        assert_eq!(fresh(1, 0, 2), news(false));
        assert_eq!(fresh(2, 2, 4), []);
        assert_eq!(fresh(2, 4, 5), news(false));
        assert_eq!(fresh(2, 5, 6), []);
    }
}
