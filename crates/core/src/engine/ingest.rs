//! Taking in what the node said: the step before any decision.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decision::LevelMove;
use crate::limits::guard;
use crate::max_htlc::is_managed;
use crate::prune::rules::{self, Symptoms};
use crate::settings::orders::Fresh;
use crate::settings::values::{ChannelSettings, NodeSettings};
use crate::settings::windows::Windows;
use crate::signals::fading::FadingWindows;
use crate::signals::meter::{Meter, oldest_read};
use crate::signals::volume::first_day_by_hours;
use crate::state::max_htlc::ForeignMaxHtlc;
use crate::state::memory::{BalanceSample, ChannelMemory, FeeMemory, ForeignChange, Memory};
use crate::state::prune::PruneMemory;
use crate::strategy;
use crate::types::beside::beside;
use crate::types::channel::{Channel, ChannelIds, ChannelPoint, FeeParts, Scid};
use crate::types::day_total::{DayRange, DayTotals};
use crate::types::fee_change::Stage;
use crate::types::observation::{Forward, Observation};
use crate::types::segment::Segment;
use crate::types::time::Timestamp;
use crate::types::units::BlockHeight;

/// A longer gap between two reads is downtime: what lay in it was not watched.
const LONGEST_WATCHED_GAP: Duration = Duration::from_secs(2 * 3_600);

/// A channel unseen for so long is closed; its memory is dropped.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// The least time before now.
const MOMENT: Duration = Duration::from_nanos(1);

/// The average time between blocks, to date a channel by its scid.
const BLOCK_INTERVAL: Duration = Duration::from_secs(600);

/// The node's own demand is judged over weeks: days of a whole node still vary
/// by half (a Fano factor above 10 was measured).
const NODE_WINDOWS: Windows = Windows {
    current: Duration::from_secs(7 * 86_400),
    history: Duration::from_secs(60 * 86_400),
};

/// What happened to a channel's fee between two reads, worth telling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FeeEvent {
    /// Someone else set it.
    ForeignChange(ForeignChange),
    /// Someone else's fee was taken as the starting point.
    Adopted(ForeignChange),
    /// Someone else set the max HTLC, which is managed.
    ForeignMaxHtlc(ForeignMaxHtlc),
    /// Someone else's max HTLC was taken as the starting point.
    AdoptedMaxHtlc(ForeignMaxHtlc),
    /// A write of unknown outcome turned out to be done.
    WriteFoundDone,
    /// A write of unknown outcome turned out not to be done.
    WriteFoundUndone,
}

/// What a forward was for one of its two channels.
enum Side {
    Left,
    CameIn,
}

/// Counts settled forwards, each once, through both of its channels.
pub fn forwards(
    memory: &mut Memory,
    ids: &ChannelIds,
    forwards: impl IntoIterator<Item = Forward>,
) {
    let forwards: Vec<Forward> = forwards.into_iter().collect();
    for forward in &forwards {
        let meter = &mut memory.node.meter;
        meter.count_sold(forward.settled_at, forward.amount_out, forward.fee);
    }
    // On a first start the whole history is read before any channel is met.
    if memory.channels.is_empty() {
        return;
    }
    let sides = forwards.iter().flat_map(|forward| {
        let left = (forward.scid_out, Side::Left, forward);
        [left, (forward.scid_in, Side::CameIn, forward)]
    });
    let mut sides: Vec<(Scid, Side, &Forward)> = sides.collect();
    // Channel by channel, for the meters of a hub are far more than a processor's
    // cache holds, and after a start a million forwards are counted.
    sides.sort_by_key(|(scid, ..)| *scid);
    for of_one in sides.chunk_by(|(scid, ..), (next, ..)| scid == next) {
        let point = of_one.first().and_then(|(scid, ..)| ids.resolve(*scid));
        let Some(channel) = point.and_then(|point| memory.channels.get_mut(&point)) else {
            continue;
        };
        let meter = &mut channel.meter;
        for (_, side, forward) in of_one {
            let at = forward.settled_at;
            match side {
                Side::Left => meter.count_sold(at, forward.amount_out, forward.fee),
                Side::CameIn => meter.count_brought(at, forward.amount_in),
            }
        }
    }
}

/// The days that are read by days at `now`.
pub fn days_to_count(memory: &Memory, now: Timestamp) -> DayRange {
    let until = first_day_by_hours(now);
    let channels = memory.node.windows.map(|windows| oldest_read(now, windows));
    DayRange {
        channels_from: channels.unwrap_or(now).utc_day().min(until),
        node_from: oldest_read(now, NODE_WINDOWS).utc_day().min(until),
        until,
    }
}

/// Counts whole days in place of their forwards.
pub fn days(memory: &mut Memory, ids: &ChannelIds, totals: &DayTotals) {
    for total in &totals.node {
        memory.node.meter.count_node_day(total);
    }
    for total in &totals.channels {
        let point = ids.resolve(total.scid);
        if let Some(channel) = point.and_then(|point| memory.channels.get_mut(&point)) {
            channel.meter.count_day(total);
        }
    }
}

/// Meets channels not seen before, so that their forwards find a place.
/// `history_from` is since when the stored history is complete. Tells whether there
/// were any.
pub fn newcomers(memory: &mut Memory, seen: &Observation, history_from: Timestamp) -> bool {
    let known = memory.channels.len();
    if memory.node.meter.since == Timestamp::EPOCH {
        memory.node.meter.since = history_from;
    }
    let unknown = beside(&seen.channels, &memory.channels)
        .filter(|(_, (_, remembered))| remembered.is_none())
        .map(|(point, (channel, _))| (*point, newcomer(channel, seen, history_from)));
    let unknown: Vec<(ChannelPoint, ChannelMemory)> = unknown.collect();
    memory.channels.extend(unknown);
    memory.channels.len() > known
}

fn newcomer(channel: &Channel, seen: &Observation, history_from: Timestamp) -> ChannelMemory {
    let opened = opened_at(channel, seen.tip, seen.at);
    ChannelMemory {
        first_seen: seen.at,
        last_seen: seen.at,
        meter: Meter::new(history_from.max(opened).min(seen.at)),
        recent: Default::default(),
        fee: FeeMemory::default(),
        decided_at: None,
        prune: PruneMemory::default(),
        segment: Segment::of(channel),
    }
}

fn opened_at(channel: &Channel, tip: BlockHeight, now: Timestamp) -> Timestamp {
    match channel.age_blocks(tip) {
        Some(blocks) => now.minus(BLOCK_INTERVAL.saturating_mul(blocks)),
        None => now,
    }
}

/// Takes in the balances and policies of one read. While the clock is doubted,
/// nothing is forgotten or grows older by it: only policies are looked at.
pub fn observation(
    memory: &mut Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    node: &NodeSettings,
) -> (Vec<(ChannelPoint, FeeEvent)>, Vec<LevelMove>) {
    let mut events = vec![];
    memory.node.not_after(seen.at);
    memory.node.seen_at = Some(seen.at);
    let doubted = memory.node.clock.doubted_at(seen.at).is_some();
    // On a doubted clock as well, so that what is by hours and what by days follows
    // from the time alone; when the clock is right again, all is counted afresh.
    match doubted {
        true => memory.node.meter.settle(seen.at),
        false => memory.node.meter.forget(seen.at, NODE_WINDOWS),
    }
    let node_demand = memory.node.meter.demand(seen.at, NODE_WINDOWS);
    let fading = FadingWindows::of(seen.at, node.windows());
    let rates = (node_demand.current.tpm(), node_demand.history.tpm());
    let mut forgotten = vec![];
    let known = beside(&seen.channels, settings);
    for (point, (remembered, known)) in beside(&mut memory.channels, known) {
        remembered.not_after(seen.at);
        let Some((channel, settings)) = known else {
            // Who is gone holds up nobody in the budget's queue.
            remembered.fee.queued = false;
            if !doubted && seen.at.since(remembered.last_seen) >= FORGOTTEN_AFTER {
                forgotten.push(*point);
            }
            continue;
        };
        let settings = settings.copied().unwrap_or_default();
        let node_quiet = rates.0 < settings.prune.quiet_node_share * rates.1;
        if doubted {
            remembered.last_seen = seen.at;
            remembered.meter.settle(seen.at);
        } else {
            watch(
                remembered,
                channel,
                seen.at,
                &settings,
                (node.windows(), &fading),
                node_quiet,
            );
        }
        let event = fees(&mut remembered.fee, channel, &settings, seen.at);
        events.extend(event.map(|event| (*point, event)));
        let event = max_htlc(&mut remembered.fee, channel, &settings, seen.at);
        events.extend(event.map(|event| (*point, event)));
    }
    for point in forgotten {
        memory.channels.remove(&point);
    }
    let mut moves = vec![];
    let strategies = strategy::all().filter(|_| !doubted);
    for strategy in strategies {
        moves.extend(strategy.watch(memory, seen, node));
    }
    (events, moves)
}

fn watch(
    memory: &mut ChannelMemory,
    channel: &Channel,
    now: Timestamp,
    settings: &ChannelSettings,
    (windows, fading): (Windows, &FadingWindows),
    node_quiet: bool,
) {
    let gap = now.since(memory.last_seen);
    let span = if gap <= LONGEST_WATCHED_GAP {
        gap
    } else {
        Duration::ZERO
    };
    memory.last_seen = now;
    memory.segment = Segment::of(channel);
    memory.meter.watch(channel, now, windows);
    let window = settings.protect.window;
    memory
        .recent
        .retain(|sample| now.since(sample.at) <= window);
    memory.recent.push_back(BalanceSample {
        at: now,
        ratio: channel.local_ratio(),
    });
    let enough_tpm = settings.prune.stuck_tpm.max(settings.prune.idle_tpm);
    let symptoms = Symptoms {
        ratio: channel.local_ratio(),
        used_tpm: memory.meter.used_tpm_up_to(enough_tpm, fading),
        fee: channel.policy.map(|policy| policy.fees.outbound),
    };
    let holds = |rule| rules::holds(rule, &symptoms, settings);
    let cheap = settings.chain_is_cheap;
    memory.prune.watch(now, span, node_quiet, cheap, holds);
}

/// Compares the node's fees with what we last confirmed. The node is the
/// truth: fees that are not ours were set by someone else, and are left alone
/// for a while, then taken as the new starting point. Where the operator's config
/// says what is to be of this very channel, that outranks the wait.
fn fees(
    memory: &mut FeeMemory,
    channel: &Channel,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<FeeEvent> {
    let policy = channel.policy?;
    let on_node = policy.fees;
    if let Some(change) = &mut memory.last_change
        && change.is_open()
    {
        let overdue = now.since(change.intended_at) >= guard::UNRESOLVED_FOR;
        let done = change.is_done_in(&policy);
        if !done && !overdue {
            return None;
        }
        let stage = if done {
            Stage::Confirmed
        } else {
            Stage::NotApplied
        };
        *change = change.clone().ended(stage, now, "settled by a later read");
        if done {
            let change = change.clone();
            memory.foreign = None;
            guard::note_confirmed(memory, &change, now);
            return Some(FeeEvent::WriteFoundDone);
        }
        guard::note_unanswered(memory, now);
        if memory.confirmed == Some(on_node) {
            return Some(FeeEvent::WriteFoundUndone);
        }
    }
    let Some(confirmed) = memory.confirmed else {
        adopt(memory, on_node);
        return None;
    };
    if on_node == confirmed {
        memory.foreign = None;
        return None;
    }
    let ours = memory.last_change.clone();
    if let Some(change) = ours.filter(|change| change.to == on_node) {
        memory.foreign = None;
        guard::note_confirmed(memory, &change, now);
        return Some(FeeEvent::WriteFoundDone);
    }
    let known = memory.foreign.filter(|foreign| foreign.fees == on_node);
    let foreign = known.unwrap_or(ForeignChange {
        fees: on_node,
        seen_at: now,
    });
    let over = known.is_some() && now.since(foreign.seen_at) >= settings.pace.foreign_hands_off;
    if over || settings.explicit {
        adopt(memory, on_node);
        memory.retry |= settings.explicit;
        return Some(FeeEvent::Adopted(foreign));
    }
    if known.is_some() {
        return None;
    }
    memory.foreign = Some(foreign);
    memory.inbound.met(on_node.inbound);
    Some(FeeEvent::ForeignChange(foreign))
}

/// The same for the max HTLC, where it is managed.
fn max_htlc(
    memory: &mut FeeMemory,
    channel: &Channel,
    settings: &ChannelSettings,
    now: Timestamp,
) -> Option<FeeEvent> {
    if !is_managed(channel, settings) {
        (memory.max_htlc.confirmed, memory.max_htlc.foreign) = (None, None);
        return None;
    }
    let on_node = channel.policy?.max_htlc;
    let last = memory.last_change.as_ref();
    let ours = last.and_then(|change| Some((change.is_open(), change.max_htlc?)));
    let remembered = &mut memory.max_htlc;
    let is_ours = match ours {
        // What is open is settled with its fees.
        Some((true, _)) => return None,
        // An update that was given up on may be done late.
        Some((false, change)) => change.to == on_node,
        None => false,
    };
    if is_ours || remembered.confirmed.is_none_or(|known| known == on_node) {
        remembered.adopt(on_node);
        return None;
    }
    let known = remembered
        .foreign
        .filter(|foreign| foreign.max_htlc == on_node);
    let Some(foreign) = known else {
        let foreign = ForeignMaxHtlc {
            max_htlc: on_node,
            seen_at: now,
        };
        remembered.foreign = Some(foreign);
        return Some(FeeEvent::ForeignMaxHtlc(foreign));
    };
    if now.since(foreign.seen_at) < settings.pace.foreign_hands_off {
        return None;
    }
    remembered.adopt(on_node);
    Some(FeeEvent::AdoptedMaxHtlc(foreign))
}

/// Takes in what the operator ordered: its channel is looked at now. Where the
/// order is about the fee, the waits that began before it are over, and a fee that
/// someone set is the starting point. An update whose outcome is not known is
/// still waited for.
pub fn ordered(
    memory: &mut Memory,
    seen: &Observation,
    ordered: &[Fresh],
) -> Vec<(ChannelPoint, FeeEvent)> {
    let mut events = vec![];
    for Fresh { point, takes_over } in ordered {
        let (Some(channel), Some(remembered)) =
            (seen.channels.get(point), memory.channels.get_mut(point))
        else {
            continue;
        };
        let fee = &mut remembered.fee;
        fee.retry = true;
        if !takes_over {
            continue;
        }
        (fee.written_at, fee.shown_at) = (None, None);
        fee.writes.clear();
        // Since before this cycle: one that was asked for is no surprise.
        fee.waiting_since = Some(seen.at.minus(MOMENT));
        if let (Some(foreign), Some(policy)) = (fee.foreign, channel.policy) {
            adopt(fee, policy.fees);
            events.push((*point, FeeEvent::Adopted(foreign)));
        }
        if let Some(foreign) = fee.max_htlc.foreign {
            fee.max_htlc.adopt(foreign.max_htlc);
            events.push((*point, FeeEvent::AdoptedMaxHtlc(foreign)));
        }
    }
    events
}

fn adopt(memory: &mut FeeMemory, fees: FeeParts) {
    memory.confirmed = Some(fees);
    memory.wanted_ppm = Some(fees.outbound.as_f64());
    memory.foreign = None;
    memory.last_change = None;
    memory.inbound.met(fees.inbound);
}

#[cfg(test)]
mod tests;
