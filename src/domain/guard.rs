//! The last word on every fee: bounds, steps, waits. Each stop has its reason.
//!
//! The order is fixed: mode, node readiness, foreign change, bounds, largest
//! step, deadband, cooldown, daily limit; the node-wide budget and the stop on
//! mass moves come after all channels have been judged (`budget`).

use std::time::Duration;

use super::channel::{Channel, FeeParts};
use super::decision::{Hold, Limit, Rhythm};
use super::memory::FeeMemory;
use super::settings::{BaseFee, ChannelSettings, Mode, Pace};
use super::time::Timestamp;
use super::units::FeePpm;

/// How long the daily limit looks back.
const DAY: Duration = Duration::from_secs(86_400);

/// How long an unanswered write is waited for before it is taken as not done.
/// LND's update may sit in its gossiper's queue while it starts.
pub const UNRESOLVED_FOR: Duration = Duration::from_secs(600);

/// Why this channel's policy may not be touched at all now.
pub fn hands_off(
    channel: &Channel,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    node_ready: bool,
) -> Option<Hold> {
    if settings.mode == Mode::Ignore {
        return Some(Hold::Ignored);
    }
    if !node_ready {
        return Some(Hold::NodeNotReady);
    }
    if channel.policy.is_none() {
        return Some(Hold::NoPolicy);
    }
    if !channel.active {
        return Some(Hold::PeerOffline);
    }
    if let Some(write) = memory.last_write.filter(|write| write.unresolved) {
        let until = write.at.plus(UNRESOLVED_FOR);
        return Some(Hold::WriteUnresolved { until });
    }
    let foreign = memory.foreign?;
    let until = foreign.seen_at.plus(settings.pace.foreign_hands_off);
    Some(Hold::Foreign { until })
}

/// The most a fee of `current` ppm may rise and fall in one update. It is
/// never less than what crosses the deadband: such a fee would be locked.
fn step_ppm(current: f64, pace: &Pace) -> (f64, f64) {
    let least = f64::from(pace.step_floor_ppm).max(deadband_ppm(current, pace));
    (
        least.max(current * pace.max_raise),
        least.max(current * pace.max_cut),
    )
}

/// The smallest change of a fee of `current` ppm worth an update.
fn deadband_ppm(current: f64, pace: &Pace) -> f64 {
    f64::from(pace.deadband_ppm).max(current * pace.deadband)
}

/// The bound that keeps a rate from being lower.
fn lower_bound(settings: &ChannelSettings) -> Limit {
    let ppm = settings.lowest();
    if settings.cost_floor > settings.min {
        Limit::CostFloor { ppm }
    } else {
        Limit::Minimum { ppm }
    }
}

/// A pinned rate as far as the bounds allow.
pub fn pinned(rate: FeePpm, settings: &ChannelSettings) -> (f64, Vec<Limit>) {
    let mut limits = vec![Limit::Pinned { ppm: rate }];
    let lowest = settings.lowest();
    if rate < lowest {
        limits.push(lower_bound(settings));
    }
    (rate.max(lowest).as_f64(), limits)
}

/// Keeps a wanted rate within one step of the node's and within the bounds.
/// The bounds come last: a rate outside them is brought inside at once. The
/// result is also what is remembered, so nothing winds up against a limit.
pub fn confine(wanted_ppm: f64, current: FeePpm, settings: &ChannelSettings) -> (f64, Vec<Limit>) {
    let mut limits = vec![];
    let now = current.as_f64();
    let (raise, cut) = step_ppm(now, &settings.pace);
    let stepped = wanted_ppm.min(now + raise).max(now - cut);
    let bounded = stepped
        .min(settings.max.as_f64())
        .max(settings.lowest().as_f64());
    if bounded < stepped {
        limits.push(Limit::Maximum { ppm: settings.max });
    } else if bounded > stepped {
        limits.push(lower_bound(settings));
    } else if stepped != wanted_ppm {
        let ppm = FeePpm::rounded(stepped);
        limits.push(Limit::Step { ppm });
    }
    (bounded, limits)
}

/// The fees a write would set: the rate, and the base fee if it is ours.
pub fn fees_to_write(rate: FeePpm, current: FeeParts, settings: &ChannelSettings) -> FeeParts {
    FeeParts {
        outbound: rate,
        base_fee_msat: match settings.base_fee {
            BaseFee::Set(msat) => msat,
            BaseFee::Keep => current.base_fee_msat,
        },
        inbound: current.inbound,
    }
}

/// Why a change from `current` to `to` must wait or is not worth it. A base fee
/// that is not as it should be is worth an update of its own.
pub fn too_small_or_too_soon(
    to: FeeParts,
    current: FeeParts,
    rhythm: Rhythm,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<Hold> {
    if to == current {
        return Some(Hold::AtRest);
    }
    let same_base = to.base_fee_msat == current.base_fee_msat;
    let (rate, current) = (to.outbound, current.outbound);
    same_base
        .then(|| deadband(rate, current, settings))
        .flatten()
        .or_else(|| cooldown(rate > current, rhythm, memory, settings, now))
        .or_else(|| daily_limit(memory, &settings.pace, now))
}

/// Too small a change. A rate outside the bounds is always worth bringing in;
/// a move onto a bound need only be large enough relative to the fee, since no
/// later move can add to it. Pinned rates know no deadband.
fn deadband(rate: FeePpm, current: FeePpm, settings: &ChannelSettings) -> Option<Hold> {
    let lowest = settings.lowest();
    let outside = current < lowest || current > settings.max;
    if outside || matches!(settings.mode, Mode::Pin(_)) {
        return None;
    }
    let pace = &settings.pace;
    let needed = if rate == lowest || rate == settings.max {
        current.as_f64() * pace.deadband
    } else {
        deadband_ppm(current.as_f64(), pace)
    };
    let change = f64::from(rate.0.abs_diff(current.0));
    (change < needed).then(|| Hold::Deadband {
        wanted: rate,
        needed_ppm: FeePpm::rounded(needed.ceil()).0,
    })
}

/// Until when an update that changes no outbound rate is too soon.
pub fn too_soon(
    dearer: bool,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<Timestamp> {
    let held = cooldown(dearer, Rhythm::Slow, memory, settings, now)
        .or_else(|| daily_limit(memory, &settings.pace, now));
    match held? {
        Hold::Cooldown { until, .. } | Hold::DailyLimit { until } => Some(until),
        _ => None,
    }
}

fn cooldown(
    raise: bool,
    rhythm: Rhythm,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<Hold> {
    let wait = match (rhythm, raise) {
        (Rhythm::Fast, _) => settings.protect.cooldown,
        (Rhythm::Slow, true) => settings.pace.cooldown_raise,
        (Rhythm::Slow, false) => settings.pace.cooldown_cut,
    };
    let shown = memory.shown_at.filter(|_| !settings.writes());
    let until = memory.written_at.max(shown)?.plus(wait);
    (now < until).then_some(Hold::Cooldown { until, raise })
}

fn daily_limit(memory: &FeeMemory, pace: &Pace, now: Timestamp) -> Option<Hold> {
    let allowed = pace.max_updates_per_day as usize;
    let recent = memory.writes.iter().filter(|at| now.since(**at) < DAY);
    if recent.clone().count() < allowed {
        return None;
    }
    let oldest = recent.min().copied().unwrap_or(now);
    Some(Hold::DailyLimit {
        until: oldest.plus(DAY),
    })
}

/// Notes that fees we asked for hold on the node.
pub fn note_confirmed(memory: &mut FeeMemory, from: FeeParts, to: FeeParts, at: Timestamp) {
    note_attempt(memory, from, to, at);
    memory.confirmed = Some(to);
    if to.inbound != from.inbound {
        memory.inbound.granted(to.inbound);
    }
}

/// Notes a write that was made, whatever came of it.
pub fn note_attempt(memory: &mut FeeMemory, from: FeeParts, to: FeeParts, at: Timestamp) {
    note_write(memory, at);
    if to.inbound != from.inbound {
        memory.inbound.attempted(at);
    }
}

/// Notes a write in the memory that [`too_small_or_too_soon`] reads.
pub fn note_write(memory: &mut FeeMemory, at: Timestamp) {
    memory.written_at = Some(at);
    memory.waiting_since = None;
    memory.writes.retain(|written| at.since(*written) < DAY);
    memory.writes.push_back(at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::tests::channel;
    use crate::domain::memory::{ForeignChange, LastWrite};
    use crate::domain::settings::Law;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn managed() -> ChannelSettings {
        ChannelSettings {
            mode: Mode::Manage,
            max: FeePpm(2_500),
            ..ChannelSettings::of(Law::Classic)
        }
    }

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
    }

    fn rate(ppm: u32) -> FeeParts {
        FeeParts {
            outbound: FeePpm(ppm),
            ..FeeParts::default()
        }
    }

    fn judged(to: u32, from: u32, memory: &FeeMemory, hours: u32) -> Option<Hold> {
        too_small_or_too_soon(
            rate(to),
            rate(from),
            Rhythm::Slow,
            memory,
            &managed(),
            at(hours),
        )
    }

    #[test]
    fn what_stops_a_channel_is_named_in_order() {
        let fee = FeeMemory::default();
        let off =
            |c: &Channel, f: &FeeMemory, s: &ChannelSettings, ready| hands_off(c, f, s, ready);
        let ignored = ChannelSettings {
            mode: Mode::Ignore,
            ..managed()
        };
        let offline = Channel {
            active: false,
            ..channel(1)
        };
        let edgeless = Channel {
            policy: None,
            ..channel(1)
        };
        assert_eq!(off(&offline, &fee, &ignored, false), Some(Hold::Ignored));
        assert_eq!(
            off(&offline, &fee, &managed(), false),
            Some(Hold::NodeNotReady)
        );
        assert_eq!(off(&edgeless, &fee, &managed(), true), Some(Hold::NoPolicy));
        assert_eq!(
            off(&offline, &fee, &managed(), true),
            Some(Hold::PeerOffline)
        );
        assert_eq!(off(&channel(1), &fee, &managed(), true), None);

        let fees = FeeParts::default();
        let foreign = FeeMemory {
            foreign: Some(ForeignChange {
                fees,
                seen_at: at(0),
            }),
            ..fee.clone()
        };
        let until = at(48);
        assert_eq!(
            off(&channel(1), &foreign, &managed(), true),
            Some(Hold::Foreign { until })
        );

        let pending = FeeMemory {
            last_write: Some(LastWrite {
                from: fees,
                to: fees,
                at: at(0),
                unresolved: true,
            }),
            ..foreign
        };
        assert!(matches!(
            off(&channel(1), &pending, &managed(), true),
            Some(Hold::WriteUnresolved { .. })
        ));
    }

    #[test]
    fn a_step_is_confined_and_so_is_what_is_remembered() {
        let (wanted, limits) = confine(1_000.0, FeePpm(100), &managed());
        assert_eq!(
            (wanted, limits),
            (125.0, vec![Limit::Step { ppm: FeePpm(125) }])
        );
        let (wanted, _) = confine(0.0, FeePpm(1_000), &managed());
        assert_eq!(wanted, 850.0);
    }

    #[test]
    fn bounds_win_over_the_step() {
        let (wanted, limits) = confine(4_900.0, FeePpm(5_000), &managed());
        assert_eq!(
            (wanted, limits),
            (2_500.0, vec![Limit::Maximum { ppm: FeePpm(2_500) }])
        );
        let (wanted, limits) = confine(-5.0, FeePpm(0), &managed());
        assert_eq!(
            (wanted, limits),
            (1.0, vec![Limit::Minimum { ppm: FeePpm(1) }])
        );
    }

    #[test]
    fn what_liquidity_cost_holds_a_fee_up_and_is_named() {
        let costly = |floor| ChannelSettings {
            cost_floor: FeePpm(floor),
            ..managed()
        };
        let floor = |ppm| vec![Limit::CostFloor { ppm: FeePpm(ppm) }];
        assert_eq!(
            confine(80.0, FeePpm(90), &costly(85)),
            (85.0, floor(85)),
            "no lower than it"
        );
        assert_eq!(
            confine(80.0, FeePpm(90), &costly(400)),
            (400.0, floor(400)),
            "and up to it at once"
        );
        assert_eq!(deadband(FeePpm(400), FeePpm(399), &costly(400)), None);
        assert_eq!(
            confine(80.0, FeePpm(90), &costly(9_000)),
            (2_500.0, floor(2_500)),
            "as far as the maximum allows"
        );
        let (rate, limits) = pinned(FeePpm(30), &costly(85));
        let lifted = Limit::CostFloor { ppm: FeePpm(85) };
        assert_eq!(rate, 85.0);
        assert_eq!(limits, [Limit::Pinned { ppm: FeePpm(30) }, lifted]);
    }

    #[test]
    fn a_fee_of_a_few_ppm_is_not_locked_by_the_deadband() {
        let strict = ChannelSettings {
            pace: Pace {
                step_floor_ppm: 0,
                deadband_ppm: 50,
                ..managed().pace
            },
            ..managed()
        };
        let (wanted, _) = confine(1_000.0, FeePpm(4), &strict);
        assert_eq!(wanted, 54.0);
        assert_eq!(deadband(FeePpm(54), FeePpm(4), &strict), None);
    }

    #[test]
    fn a_deadband_widened_for_a_quiet_channel_is_still_within_a_step() {
        for law in [Law::Sweetspot, Law::Classic] {
            let settings = ChannelSettings {
                mode: Mode::Manage,
                max: FeePpm(100_000),
                ..ChannelSettings::of(law)
            };
            assert_eq!(settings.pace.patient(1.0), settings.pace);
            let patient = ChannelSettings {
                pace: settings.pace.patient(1e9),
                ..settings
            };
            assert!(patient.pace.deadband > settings.pace.deadband);
            for current in [FeePpm(3), FeePpm(100), FeePpm(4_000)] {
                for wanted in [1.0, 90_000.0] {
                    let (to, _) = confine(wanted, current, &settings);
                    let held = deadband(FeePpm::rounded(to), current, &patient);
                    assert_eq!(held, None, "from {current} to {to}");
                }
            }
        }
    }

    #[test]
    fn small_changes_wait_except_onto_a_bound() {
        let fee = FeeMemory::default();
        assert_eq!(
            judged(104, 100, &fee, 0),
            Some(Hold::Deadband {
                wanted: FeePpm(104),
                needed_ppm: 5
            })
        );
        assert_eq!(
            judged(1_030, 1_000, &fee, 0),
            Some(Hold::Deadband {
                wanted: FeePpm(1_030),
                needed_ppm: 40
            })
        );
        assert_eq!(judged(105, 100, &fee, 0), None);
        assert_eq!(judged(1, 3, &fee, 0), None);
        assert!(judged(2_500, 2_499, &fee, 0).is_some());
        assert_eq!(judged(2_500, 2_501, &fee, 0), None);
    }

    #[test]
    fn raises_and_cuts_cool_down_apart_and_from_our_own_writes() {
        let mut fee = FeeMemory::default();
        note_write(&mut fee, at(0));
        let waits = |until, raise| Some(Hold::Cooldown { until, raise });
        assert_eq!(judged(120, 100, &fee, 5), waits(at(6), true));
        assert_eq!(judged(120, 100, &fee, 6), None);
        assert_eq!(judged(90, 100, &fee, 6), waits(at(12), false));
        assert_eq!(judged(90, 100, &fee, 12), None);
    }

    #[test]
    fn a_base_fee_that_is_not_as_it_should_be_is_worth_an_update() {
        let fee = FeeMemory::default();
        let judged = |base_fee_msat| {
            let from = FeeParts {
                base_fee_msat,
                ..rate(100)
            };
            too_small_or_too_soon(rate(100), from, Rhythm::Slow, &fee, &managed(), at(0))
        };
        assert_eq!(judged(0), Some(Hold::AtRest));
        assert_eq!(judged(1_000), None);
    }

    #[test]
    fn a_day_takes_only_so_many_updates() {
        let mut fee = FeeMemory::default();
        for hours in [0, 6, 12, 18] {
            note_write(&mut fee, at(hours));
        }
        let quick = ChannelSettings {
            pace: Pace {
                cooldown_raise: HOUR,
                ..managed().pace
            },
            ..managed()
        };
        let judged = |hours| {
            too_small_or_too_soon(rate(120), rate(100), Rhythm::Slow, &fee, &quick, at(hours))
        };
        assert_eq!(judged(23), Some(Hold::DailyLimit { until: at(24) }));
        assert_eq!(judged(24), None);
    }

    #[test]
    fn only_what_we_manage_is_written() {
        let current = FeeParts {
            base_fee_msat: 700,
            outbound: FeePpm(100),
            inbound: crate::domain::channel::InboundFee {
                base_fee_msat: -1,
                rate_ppm: -30,
            },
        };
        let kept = ChannelSettings {
            base_fee: BaseFee::Keep,
            ..managed()
        };
        let expected = FeeParts {
            outbound: FeePpm(90),
            ..current
        };
        assert_eq!(fees_to_write(FeePpm(90), current, &kept), expected);
        let zero_base = FeeParts {
            base_fee_msat: 0,
            ..expected
        };
        assert_eq!(fees_to_write(FeePpm(90), current, &managed()), zero_base);
    }
}
