//! The max HTLC: the largest amount that senders try by a channel.
//!
//! A channel that cannot carry an amount should not be tried with it: the attempt
//! fails, and counts against the node. To tell senders the local balance itself
//! would publish what nobody else is to know. So the max HTLC
//!
//! * is the largest power of two, in sat, that is not above what the channel can
//!   send, and never below a floor or what the channel takes at least, nor above
//!   its capacity or what the peer lets be in flight;
//! * stays until the balance has left its bucket by a quarter of the edge, so that
//!   a balance that wanders about an edge makes one move;
//! * goes with a fee update, and has one of its own only when none came for a day;
//!   it moves once a day at most;
//! * is never touched where the operator does not ask for it, and is left alone for
//!   a time where someone else has set it.
//!
//! A balance counts as in [`Channel::local_ratio`], with what is in flight out of
//! it: whoever holds HTLCs back moves nothing.

use std::time::Duration;

use crate::decision::max_htlc::{MaxHtlcHold, MaxHtlcPart};
use crate::decision::{Decision, Verdict};
use crate::limits::guard;
use crate::settings::values::{ChannelSettings, MaxHtlc, Mode};
use crate::state::memory::ChannelMemory;
use crate::types::channel::{Channel, Policy};
use crate::types::time::Timestamp;
use crate::types::units::{Msat, Sat};

/// A quarter of the edge: more than payments of an ordinary day move a balance to
/// and fro, and at most half of the bucket beyond.
const HYSTERESIS: u64 = 4;

/// A fee update comes within a day to most channels that are in use, so this costs
/// few updates; and what changes once a day at most tells little of single payments.
pub const PATIENCE: Duration = Duration::from_secs(86_400);

/// What a max HTLC may be, in sat.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Room {
    least: Sat,
    most: Sat,
}

impl Room {
    /// A peer's bound that is not known is no room.
    fn of(channel: &Channel, policy: &Policy, floor: Sat) -> Self {
        let in_flight = channel.max_in_flight.unwrap_or_default();
        Self {
            least: Sat(policy.min_htlc.0.div_ceil(1_000).max(floor.0)),
            most: channel.capacity.min(Sat(in_flight.0 / 1_000)),
        }
    }

    /// The powers of two in it; `None` if there is none.
    fn buckets(self) -> Option<(Sat, Sat)> {
        let least = self.least.0.max(1).checked_next_power_of_two()?;
        let most = power_below(self.most)?;
        (least <= most.0).then_some((Sat(least), most))
    }
}

/// The largest power of two that is not above an amount; `None` for nothing.
fn power_below(amount: Sat) -> Option<Sat> {
    amount.0.checked_ilog2().map(|exponent| Sat(1 << exponent))
}

/// The bucket for a balance, the one on the node being `now`.
fn bucket(local: Sat, now: Msat, (least, most): (Sat, Sat)) -> Sat {
    let on_node = Sat(now.0 / 1_000);
    let is_bucket = now.0.is_multiple_of(1_000)
        && on_node.0.is_power_of_two()
        && (least..=most).contains(&on_node);
    let edge = on_node.0;
    let above = local.0 >= edge - edge / HYSTERESIS || on_node == least;
    let upper = edge.saturating_mul(2);
    let below = local.0 < upper.saturating_add(upper / HYSTERESIS) || on_node == most;
    if is_bucket && above && below {
        return on_node;
    }
    power_below(local).unwrap_or_default().clamp(least, most)
}

/// What the channel could send if nothing were in flight.
fn sendable(channel: &Channel) -> Sat {
    let local = channel.local_balance.0;
    let whole = local.saturating_add(channel.pending_out.0);
    Sat(whole.saturating_sub(channel.local_reserve.0))
}

/// A channel whose decision is about to be final.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// Its settings.
    pub settings: &'a ChannelSettings,
    /// Now.
    pub now: Timestamp,
}

impl Case<'_> {
    /// Joins the max HTLC to a decision on fees. Where nothing may be touched,
    /// nothing is.
    pub fn join(&self, decision: &mut Decision, memory: &mut ChannelMemory) {
        let (Some(policy), Some(current)) = (self.channel.policy, decision.current) else {
            return;
        };
        if !is_managed(self.channel, self.settings) {
            memory.fee.max_htlc.waiting_since = None;
            return;
        }
        let Some(riding) = decision.open_to_more() else {
            return;
        };
        let mut part = self.judge(&policy);
        if part.held.is_none() {
            let since = *memory.fee.max_htlc.waiting_since.get_or_insert(self.now);
            part.held = self.held(since, riding.is_some(), memory);
            if part.held.is_none() && riding.is_none() {
                let to = current;
                decision.verdict = match self.settings.writes() {
                    true => Verdict::Change { to },
                    false => Verdict::WouldChange { to },
                };
                memory.fee.waiting_since = memory.fee.waiting_since.or(Some(since));
            }
        } else {
            memory.fee.max_htlc.waiting_since = None;
        }
        decision.max_htlc = Some(part);
    }

    /// What it should be.
    fn judge(&self, policy: &Policy) -> MaxHtlcPart {
        let room = Room::of(self.channel, policy, Sat(self.settings.max_htlc_min_sat));
        let (local, now) = (sendable(self.channel), policy.max_htlc);
        let wanted = match self.settings.max_htlc {
            MaxHtlc::Off => Some(now),
            MaxHtlc::Balance => room
                .buckets()
                .map(|buckets| Msat(bucket(local, now, buckets).0.saturating_mul(1_000))),
            // As far as LND takes it.
            MaxHtlc::Restored(was) => {
                let most = self.channel.max_in_flight.unwrap_or_default();
                Some(was.min(most)).filter(|to| *to >= policy.min_htlc)
            }
        };
        let held = match wanted {
            None => Some(MaxHtlcHold::NoRoom {
                least: room.least,
                most: room.most,
            }),
            Some(wanted) if wanted == now => Some(MaxHtlcHold::Fits),
            Some(_) => None,
        };
        MaxHtlcPart {
            local,
            now,
            wanted: wanted.unwrap_or(now),
            held,
        }
    }

    /// What speaks against changing it now, since it first should be another. What
    /// the operator has ordered waits for no company.
    fn held(&self, since: Timestamp, rides: bool, memory: &ChannelMemory) -> Option<MaxHtlcHold> {
        let remembered = &memory.fee.max_htlc;
        if let Some(foreign) = remembered.foreign {
            let until = foreign.seen_at.plus(self.settings.pace.foreign_hands_off);
            return Some(MaxHtlcHold::Foreign { until });
        }
        let later = |until: Timestamp| (self.now < until).then_some(until);
        if self.settings.max_htlc == MaxHtlc::Balance {
            let cooldown = remembered.written_at.map(|at| at.plus(PATIENCE));
            if let Some(until) = cooldown.and_then(later) {
                return Some(MaxHtlcHold::Cooldown { until });
            }
            if let Some(until) = later(since.plus(PATIENCE)).filter(|_| !rides) {
                return Some(MaxHtlcHold::Riding { until });
            }
        }
        if rides {
            return None;
        }
        // As long as a cut waits, the longer of the two.
        let until = guard::too_soon(false, &memory.fee, self.settings, self.now)?;
        Some(MaxHtlcHold::Busy { until })
    }
}

/// Whether a channel's max HTLC is ours to set. Of a channel that carries assets the
/// balance in sat says nothing of what it can send.
pub fn is_managed(channel: &Channel, settings: &ChannelSettings) -> bool {
    settings.max_htlc != MaxHtlc::Off && settings.mode != Mode::Ignore && !channel.carries_assets
}

#[cfg(test)]
mod tests;
