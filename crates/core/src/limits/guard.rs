//! The last word on every fee: bounds, steps, waits. Each stop has its reason.
//!
//! The order is fixed: mode, node readiness, foreign change, bounds, largest
//! step, deadband, cooldown, daily limit; the node-wide budget and the stop on
//! mass moves come after all channels have been judged (`budget`).

use std::time::Duration;

use crate::decision::{Hold, Limit, Trigger};
use crate::settings::values::{BaseFee, ChannelSettings, Mode, Pace};
use crate::state::memory::FeeMemory;
use crate::types::channel::{Channel, FeeParts};
use crate::types::fee_change::{FeeChange, Stage};
use crate::types::time::Timestamp;
use crate::types::units::FeePpm;

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
    if let Some(pause) = settings.paused {
        return Some(Hold::Paused { until: pause.until });
    }
    if settings.name_unknown {
        return Some(Hold::NameUnknown);
    }
    if !node_ready {
        return Some(Hold::NodeNotReady);
    }
    if channel.policy_error.is_some() {
        return Some(Hold::PolicyUnread);
    }
    if channel.policy.is_none() {
        return Some(Hold::NoPolicy);
    }
    if !channel.active {
        return Some(Hold::PeerOffline);
    }
    if channel.switched_off {
        return Some(Hold::Disabled);
    }
    if let Some(change) = memory.last_change.as_ref().filter(|c| c.is_open()) {
        let until = change.intended_at.plus(UNRESOLVED_FOR);
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
    } else if rate > settings.max {
        limits.push(Limit::Maximum { ppm: settings.max });
    }
    (rate.max(lowest).min(settings.max).as_f64(), limits)
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
    trigger: Trigger,
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
        .or_else(|| cooldown(rate > current, trigger, memory, settings, now))
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
    let held = cooldown(dearer, Trigger::Scheduled, memory, settings, now)
        .or_else(|| daily_limit(memory, &settings.pace, now));
    match held? {
        Hold::Cooldown { until, .. } | Hold::DailyLimit { until } => Some(until),
        _ => None,
    }
}

fn cooldown(
    raise: bool,
    trigger: Trigger,
    memory: &FeeMemory,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<Hold> {
    let wait = match (trigger, raise) {
        (Trigger::Drain, _) => settings.protect.cooldown,
        (Trigger::Scheduled, true) => settings.pace.cooldown_raise,
        (Trigger::Scheduled, false) => settings.pace.cooldown_cut,
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

/// Notes how far a fee change has come. A refused one counts against the day's
/// limit like a made one, so that a node that refuses is not asked without end.
pub fn note(memory: &mut FeeMemory, change: &FeeChange) {
    memory.last_change = Some(change.clone());
    let at = change.settled_at.unwrap_or(change.intended_at);
    match change.stage {
        Stage::Confirmed => note_confirmed(memory, change, at),
        Stage::Refused | Stage::NotSeen => note_attempt(memory, change, at),
        Stage::Intended | Stage::Sent | Stage::NotSent | Stage::NotApplied | Stage::Settled => {}
    }
}

/// Notes that fees we asked for hold on the node.
pub fn note_confirmed(memory: &mut FeeMemory, change: &FeeChange, at: Timestamp) {
    note_attempt(memory, change, at);
    memory.confirmed = Some(change.to);
    if change.sets_inbound() {
        memory.inbound.granted(change.to.inbound);
    }
    if let Some(max_htlc) = change.max_htlc {
        memory.max_htlc.adopt(max_htlc.to);
    }
}

/// Notes a change that the node was asked for, whatever came of it.
fn note_attempt(memory: &mut FeeMemory, change: &FeeChange, at: Timestamp) {
    note_write(memory, at);
    if change.sets_inbound() {
        memory.inbound.attempted(at);
    }
    if change.max_htlc.is_some() {
        memory.max_htlc.attempted(at);
    }
}

/// Notes a change that is taken as not done, for want of an answer. The node may do it
/// yet: the daily limit counts it, and nothing waits for it.
pub fn note_unanswered(memory: &mut FeeMemory, at: Timestamp) {
    count(memory, at);
}

/// Notes a write in the memory that [`too_small_or_too_soon`] reads.
pub fn note_write(memory: &mut FeeMemory, at: Timestamp) {
    count(memory, at);
    memory.written_at = Some(at);
    memory.waiting_since = None;
}

/// Counts one of the day's writes.
fn count(memory: &mut FeeMemory, at: Timestamp) {
    memory.writes.retain(|written| at.since(*written) < DAY);
    memory.writes.push_back(at);
}

#[cfg(test)]
mod tests;
