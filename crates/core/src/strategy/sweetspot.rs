//! The sweetspot strategy: the founding rules as a place to go to.
//!
//! ```text
//! fee = level · e^(G · (target − local ratio)) · e^T
//! T   = t · n/(n + F) · ln((sold + ½) / (expected + ½)),  within ±t
//! ```
//!
//! The level ([`crate::signals::level`]) is what a channel charges with its balance as
//! wanted and demand as usual; G is steeper for too little than for too much. Sold is
//! what the current window saw, expected what it would have seen at the channel's own
//! historical rate, n the forwards behind that ([`crate::signals::meter`]). So more
//! local than wanted: lower; more remote: higher; tpm below its history: lower, above:
//! higher; opposite signals cancel; few forwards dampen. With an operator's numbers:
//! local 20 %, target 45 %, level 550, usual demand: 550 · e^(2.5 · 0.25) = 1,028 ppm.
//!
//! * Each term is computed anew from what is seen, so nothing adds up in error.
//! * The wanted ratio is what the node can have: if it owns a third of the capacity
//!   of its channels, a half everywhere is not to be had, and all targets give way by
//!   the same amount.
//! * Without stock, low demand is no evidence and lowers nothing.
//!
//! What was tried beside these terms and not kept stands in
//! docs/decisions/0006-next-law.md.

use std::collections::BTreeMap;

use super::ask::{Ask, Place};
use super::{FeeStrategy, Market};
use crate::decision::{Evidence, LevelMove, LevelReason};
use crate::settings::tuning::Tuning;
use crate::settings::values::{ChannelSettings, LevelChoice, NodeSettings};
use crate::signals::level::{self, ENOUGH_SOLD, Income, Level, SOLD_OVER};
use crate::signals::meter::{Demand, TYPICAL_FORWARD};
use crate::signals::stock::stocked;
use crate::state::market::{NodeMarket, TakeOver};
use crate::state::memory::Memory;
use crate::strategy::peer_group::{PeerGroup, is_priced, peer_groups};
use crate::types::beside::both;
use crate::types::channel::ChannelPoint;
use crate::types::observation::Observation;
use crate::types::segment::Segment;
use crate::types::time::Timestamp;

/// The wanted ratio gives way to what the node owns within these bounds.
const FEASIBLE: (f64, f64) = (0.2, 0.8);
/// Counted with what was sold and with what was expected: nothing seen is not
/// nothing there, and a first forward is no boom.
const HALF_A_FORWARD: f64 = 0.5;
/// For so long after a take-over income is held against what it was before: later
/// the market will have changed more than we did.
const WATCHED_DAYS: f64 = 90.0;
/// What was given way for is waited for before more is: the longest span that is
/// held against the past.
const GIVES_WAY_EVERY_DAYS: f64 = 14.0;

/// The strategy, by name `sweetspot`.
#[derive(Clone, Copy, Debug)]
pub struct Sweetspot;

impl FeeStrategy for Sweetspot {
    fn asks(&self, market: &Market<'_>) -> BTreeMap<ChannelPoint, Ask> {
        let peers = market.due_channels().map(|(_, channel)| channel.peer);
        let peer_groups = peer_groups(market.seen, market.settings, &peers.collect());
        let shift = shortfall(market);
        let mut asks = BTreeMap::new();
        for group in &peer_groups {
            let members = group.members.iter().map(|channel| channel.point);
            let mut due = members
                .filter(|point| market.due.contains(point))
                .peekable();
            if due.peek().is_some() {
                let place = place(group, shift, market);
                asks.extend(due.map(|point| (point, Ask::Place(place))));
            }
        }
        asks
    }

    fn watch(
        &self,
        memory: &mut Memory,
        seen: &Observation,
        node: &NodeSettings,
    ) -> Vec<LevelMove> {
        let market = &mut memory.node.market;
        if let Some(visit) = seen.graph_visit {
            market.index.take_in(visit);
            market.index_read_at = Some(seen.at);
        }
        if market.take_over.is_none() {
            take_over(memory, seen.at, &node.tuning)
        } else {
            let mut moves = give_way(memory, seen.at, &node.tuning);
            moves.extend(follow(&mut memory.node.market, seen.at, &node.tuning));
            moves
        }
    }

    fn adopt_learned(&self, memory: &mut Memory, from: &Memory) {
        memory.node.market = from.node.market;
    }
}

/// By how much the wanted ratios, weighted by capacity, ask for more than there
/// is. Announced channels count whoever decides their fees, for forwards pass between
/// all of them: pinning one must not move the others' targets.
fn shortfall(market: &Market<'_>) -> f64 {
    let (mut missing, mut capacity) = (0.0, 0.0);
    for (_, (channel, settings)) in both(&market.seen.channels, market.settings) {
        if !channel.private || is_priced(settings) {
            let size = channel.capacity.as_f64();
            missing += (settings.target_ratio - channel.local_ratio()) * size;
            capacity += size;
        }
    }
    if capacity > 0.0 {
        missing / capacity
    } else {
        0.0
    }
}

fn place(group: &PeerGroup<'_>, shift: f64, market: &Market<'_>) -> Place {
    let Market { memory, node, .. } = market;
    let tuning = &node.tuning;
    let members = group.members.iter();
    let meters = members.filter_map(|c| Some(&memory.channels.get(&c.point)?.meter));
    let demand = meters.fold(Demand::default(), |sum, meter| {
        sum.plus(meter.demand_by(market.fading))
    });
    let wanted = group.settings.target_ratio;
    let (least, most) = (FEASIBLE.0.min(wanted), FEASIBLE.1.max(wanted));
    let (ratio, target) = (group.ratio(), (wanted - shift).clamp(least, most));
    let missing = target - ratio;
    let gain = if missing > 0.0 {
        tuning.balance_up
    } else {
        tuning.balance_down
    };
    let (dampening, literal) = throughput(&demand, group.settings, tuning);
    let has_stock = group.members.iter().any(|c| stocked(c));
    let throughput = if has_stock { literal } else { literal.max(0.0) };
    Place {
        evidence: Evidence {
            ratio,
            target_ratio: target,
            tpm: demand.current.tpm(),
            tpm_history: demand.history.tpm(),
            forwards: demand.history.forwards,
            stocked_share: demand.current.stocked_share(),
        },
        ln_level: match group.settings.level {
            LevelChoice::Market => memory.node.market.ln_level(group.segment(), tuning),
            LevelChoice::Fixed(ppm) => libm::log(ppm.as_f64().max(1.0)),
        },
        balance: gain * missing,
        throughput,
        dampening,
        censored: throughput > literal,
        leader: group.members[0].point,
    }
}

/// How far demand moves the fee (natural-log units), and the weight of its evidence.
fn throughput(demand: &Demand, settings: &ChannelSettings, tuning: &Tuning) -> (f64, f64) {
    let forwards = demand.history.forwards;
    let half_trusted_at = settings.gains.evidence_forwards;
    let dampening = if half_trusted_at > 0.0 {
        forwards / (forwards + half_trusted_at)
    } else {
        1.0
    };
    let (sold, expected) = (demand.current.forwards, demand.expected());
    let ratio = (sold + HALF_A_FORWARD) / (expected + HALF_A_FORWARD);
    let moved = tuning.throughput * dampening * libm::log(ratio);
    (
        dampening,
        moved.clamp(-tuning.throughput, tuning.throughput),
    )
}

/// The first cycle: begins from what the node sells at, and remembers what it
/// earned.
fn take_over(memory: &mut Memory, now: Timestamp, tuning: &Tuning) -> Vec<LevelMove> {
    let days = memory
        .node
        .meter
        .volume
        .daily_fees(now, level::PAST_DAYS_READ);
    memory.node.market.take_over = Some(TakeOver {
        at: now,
        past: level::past_income(&days),
        ..TakeOver::default()
    });
    let mut moves = vec![];
    for segment in Segment::ALL {
        let sold = sold_ln_ppm(memory, segment, now);
        let market = &mut memory.node.market;
        let wanted = market.ln_wanted(segment, tuning);
        let remembered = market.of_mut(segment);
        // An earlier version of the strategy may have left a level: it goes on.
        let begun = remembered.level;
        let begun = begun.unwrap_or_else(|| Level::beginning(wanted, sold, now));
        (remembered.level, remembered.sold_ln_ppm) = (Some(begun), sold);
        let reason = LevelReason::Begun {
            sold_ppm: sold.map(libm::exp),
        };
        let way = (None, libm::exp(begun.ln_ppm));
        moves.push(level_move(market, segment, way, reason, tuning));
    }
    moves
}

/// The mean rate at which a segment's channels sold of late, natural logarithm of
/// ppm.
fn sold_ln_ppm(memory: &Memory, segment: Segment, now: Timestamp) -> Option<f64> {
    let channels = memory.channels.values().filter(|c| c.segment == segment);
    let (mut sold, mut fees) = (0.0, 0.0);
    for channel in channels {
        let passed = channel.meter.volume.since_day_of(now.minus(SOLD_OVER));
        sold += passed.sold.as_f64();
        fees += passed.fees.as_f64();
    }
    let enough = sold >= ENOUGH_SOLD * TYPICAL_FORWARD.as_f64() && fees > 0.0;
    enough.then(|| libm::log(fees / sold * 1e6))
}

/// Has the levels give way if the node's income has clearly fallen since the
/// take-over.
fn give_way(memory: &mut Memory, now: Timestamp, tuning: &Tuning) -> Vec<LevelMove> {
    let Some((then, reason)) = fallen(memory, now) else {
        return vec![];
    };
    let market = &mut memory.node.market;
    market.take_over = Some(TakeOver {
        given_way: (1.0 + then.given_way) / 2.0,
        gave_way_at: Some(now),
        ..then
    });
    let segments = Segment::ALL.into_iter();
    let sold = segments.filter(|segment| market.of(*segment).sold_ln_ppm.is_some());
    let told = sold.map(|segment| {
        let ppm = libm::exp(market.ln_level(segment, tuning));
        level_move(market, segment, (Some(ppm), ppm), reason, tuning)
    });
    told.collect()
}

/// The take-over, and by how much income has clearly fallen since.
fn fallen(memory: &Memory, now: Timestamp) -> Option<(TakeOver, LevelReason)> {
    let then = memory.node.market.take_over?;
    let past = then.past?;
    // A clock that was ahead is no reason for haste.
    let begun = then.gave_way_at.unwrap_or(then.at).min(now);
    let (since, watched) = (now.days_since(begun), now.days_since(then.at));
    let waits = then.gave_way_at.is_some() && since < GIVES_WAY_EVERY_DAYS;
    if watched > WATCHED_DAYS || waits {
        return None;
    }
    let days = memory
        .node
        .meter
        .volume
        .daily_fees(now, level::recent_days(since)?);
    let recent = Income::of(&days);
    level::income_fell(&past, &recent).then_some((
        then,
        LevelReason::IncomeFell {
            before_msat_per_day: past.mean_msat,
            now_msat_per_day: recent.mean_msat,
            days: recent.days,
        },
    ))
}

/// Moves the levels in force towards those wanted.
fn follow(market: &mut NodeMarket, now: Timestamp, tuning: &Tuning) -> Vec<LevelMove> {
    let mut moves = vec![];
    for segment in Segment::ALL {
        let wanted = market.ln_wanted(segment, tuning);
        let Some(level) = &mut market.of_mut(segment).level else {
            continue;
        };
        if let Some(from) = level.follow(wanted, now) {
            let way = (Some(libm::exp(from)), libm::exp(level.ln_ppm));
            moves.push(level_move(
                market,
                segment,
                way,
                LevelReason::Follows,
                tuning,
            ));
        }
    }
    moves
}

fn level_move(
    market: &NodeMarket,
    segment: Segment,
    (from_ppm, to_ppm): (Option<f64>, f64),
    reason: LevelReason,
    tuning: &Tuning,
) -> LevelMove {
    LevelMove {
        segment,
        from_ppm,
        to_ppm,
        wanted_ppm: libm::exp(market.ln_wanted(segment, tuning)),
        index: market.index.value(),
        reason,
    }
}

#[cfg(test)]
mod tests;
