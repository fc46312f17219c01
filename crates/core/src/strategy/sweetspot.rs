//! The sweet-spot law: the founding rules, steadied for a market that buys
//! seldom and in bursts.
//!
//! A channel's price is the node's learned level (`level`), moved by its
//! balance and its throughput; each is recomputed from what is seen, so nothing
//! adds up in error. The rules stay: more local than wanted, lower; more
//! remote, higher; tpm below its history, lower; above, higher; opposite
//! signals cancel; few forwards dampen. What differs from the classic law:
//!
//! * tpm counts sessions over time in which there was something to sell, and
//!   is compared as a logarithm, so sparse counts have no drift downwards;
//! * balance is a position law: deviation sets where the price stands, not how
//!   fast it runs away. It counts by how pressing it is ([`crate::signals::urgency`]): few
//!   forwards dampen it. (An integral of it was tried and cost 1 to 2 %.)
//! * the wanted ratio is what the node can have: if it owns a third of its
//!   capacity, a half everywhere is not to be had, and all targets give way by
//!   the same amount;
//! * a new price is `f · (1 + b + t + l)` as before, `l` being the pull from the
//!   present fee towards the level.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::{Ask, Place};
use super::{FeeStrategy, Market};
use crate::decision::Evidence;
use crate::settings::tuning::Tuning;
use crate::settings::values::{ChannelSettings, LevelChoice, Mode, NodeSettings};
use crate::signals::exposure::Exposure;
use crate::signals::tally::Tally;
use crate::signals::urgency::{Turnover, urgency};
use crate::state::market::{ChannelMarket, Segment};
use crate::state::memory::{ChannelMemory, Memory};
use crate::strategy::peer_group::{PeerGroup, peer_groups};
use crate::types::channel::{Channel, ChannelPoint};
use crate::types::observation::{Forward, Observation};
use crate::types::time::{MINUTES_PER_DAY, SECONDS_PER_DAY};
use crate::types::units::Sat;

/// A channel is liquid while it can send so many mean forwards.
const LIQUID_FORWARDS: f64 = 2.0;
/// A fee further from its place than this (natural-log units) is still on its
/// way, clamped or foreign, and says nothing about the level.
const AT_PLACE: f64 = 0.3;
/// A longer gap was not watched.
const LONGEST_SPAN: Duration = Duration::from_secs(2 * 3_600);
/// The wanted ratio gives way to what the node owns within these bounds.
const FEASIBLE: (f64, f64) = (0.2, 0.8);

/// The strategy, by name `sweetspot`.
#[derive(Clone, Copy, Debug)]
pub struct Sweetspot;

impl FeeStrategy for Sweetspot {
    fn asks(&self, market: &Market<'_>) -> BTreeMap<ChannelPoint, Ask> {
        let Market {
            memory,
            seen,
            settings,
            node,
        } = market;
        let places = places(memory, seen, settings, &node.tuning);
        let asks = places.into_iter();
        asks.map(|(point, place)| (point, Ask::Place(place)))
            .collect()
    }

    fn ingest(
        &self,
        memory: &mut Memory,
        came_and_left_by: [Option<ChannelPoint>; 2],
        forward: &Forward,
        node: &NodeSettings,
    ) {
        sold(memory, came_and_left_by, forward, &node.tuning);
    }

    fn watch(
        &self,
        memory: &mut Memory,
        seen: &Observation,
        settings: &BTreeMap<ChannelPoint, ChannelSettings>,
        node: &NodeSettings,
    ) {
        watch(memory, seen, settings, &node.tuning);
    }

    fn adopt_learned(&self, memory: &mut Memory, from: &Memory) {
        let (held, learned) = (&mut memory.node.market, &from.node.market);
        held.level = learned.level;
        held.unannounced_level = learned.unannounced_level;
    }
}

/// Counts a settled forward that came and left by these channels.
fn sold(
    memory: &mut Memory,
    [came_by, left_by]: [Option<ChannelPoint>; 2],
    forward: &Forward,
    tuning: &Tuning,
) {
    let market = &mut memory.node.market;
    if forward.settled_at <= market.counted_through {
        return;
    }
    market.counted_through = forward.settled_at;
    let sat = forward.amount_out.as_sat();
    let volume = sat / market.amount.sat.max(1.0);
    market.amount.take_in(sat);
    let paid_ppm = forward.fee.as_sat() / sat.max(1.0) * 1e6;
    if let Some(channel) = left_by.and_then(|point| memory.channels.get_mut(&point)) {
        let ChannelMarket { exposure, segment } = &mut channel.market;
        let price = paid_ppm / libm::exp(market.ln_level(*segment, tuning));
        exposure.sold(forward.settled_at, volume, price);
    }
    if let Some(channel) = came_by.and_then(|point| memory.channels.get_mut(&point)) {
        channel.market.exposure.brought(volume);
    }
}

/// A pool and its standing.
struct Case<'a> {
    group: PeerGroup<'a>,
    segment: Segment,
    short: Tally,
    long: Tally,
    turnover: Turnover,
    idle_days: f64,
    liquid: bool,
    roomy: bool,
    ratio: f64,
    target: f64,
}

impl Case<'_> {
    /// How much is missing; below 0, how much is too much.
    fn missing(&self) -> f64 {
        self.target - self.ratio
    }

    /// How pressing that is, 0 to 1.
    fn urgency(&self, mean_per_day: f64, forward_sat: f64, tuning: &Tuning) -> f64 {
        let (turned, share) = if self.missing() > 0.0 {
            (self.turnover.out, self.ratio)
        } else {
            (self.turnover.back, 1.0 - self.ratio)
        };
        let stock = share * self.group.capacity() / forward_sat.max(1.0);
        urgency(turned, mean_per_day, stock, tuning.urgency_days)
    }
}

fn cases<'a>(
    memory: &Memory,
    seen: &'a Observation,
    settings: &'a BTreeMap<ChannelPoint, ChannelSettings>,
) -> Vec<Case<'a>> {
    let peer_groups = peer_groups(seen, settings);
    let needed = Sat::rounded(LIQUID_FORWARDS * memory.node.market.amount.sat);
    let shift = shortfall(&peer_groups);
    let case = |group: PeerGroup<'a>| {
        let members: Vec<&ChannelMemory> = group
            .members
            .iter()
            .filter_map(|c| memory.channels.get(&c.point))
            .collect();
        let sum = |tally: fn(&Exposure) -> Tally| {
            let tallies = members.iter().map(|m| tally(&m.market.exposure));
            tallies.fold(Tally::default(), Tally::plus)
        };
        let wanted = group.settings.target_ratio;
        let (least, most) = (FEASIBLE.0.min(wanted), FEASIBLE.1.max(wanted));
        Case {
            segment: group.segment(),
            short: sum(|e| e.short),
            long: sum(|e| e.long),
            idle_days: members
                .iter()
                .map(|m| m.market.exposure.idle_days)
                .fold(f64::INFINITY, f64::min),
            turnover: members
                .iter()
                .map(|m| m.market.exposure.turnover)
                .fold(Turnover::default(), Turnover::plus),
            liquid: group.can_send(needed),
            roomy: (1.0 - group.ratio()) * group.capacity() >= needed.as_f64(),
            ratio: group.ratio(),
            target: (wanted - shift).clamp(least, most),
            group,
        }
    };
    peer_groups.into_iter().map(case).collect()
}

/// By how much the wanted ratios, weighted by capacity, ask for more than there
/// is.
fn shortfall(peer_groups: &[PeerGroup<'_>]) -> f64 {
    let (mut missing, mut capacity) = (0.0, 0.0);
    for group in peer_groups {
        missing += (group.settings.target_ratio - group.ratio()) * group.capacity();
        capacity += group.capacity();
    }
    if capacity > 0.0 {
        missing / capacity
    } else {
        0.0
    }
}

/// The sessions per day of a mean pool.
fn mean_rate(cases: &[Case<'_>]) -> f64 {
    let (mut sessions, mut days) = (0.5, 1.0);
    for case in cases {
        sessions += case.long.sessions;
        days += case.long.liquid_days;
    }
    sessions / days
}

fn place(case: &Case<'_>, mean_per_day: f64, memory: &Memory, tuning: &Tuning) -> Place {
    let history = case.long.per_day(mean_per_day);
    let current = case.short.per_day(history);
    let dampening = case.long.sessions / (case.long.sessions + tuning.evidence_sessions);
    let literal = if Exposure::has_current_rate(&case.short) {
        tuning.throughput * dampening * libm::log(current / history).clamp(-1.0, 1.0)
    } else {
        0.0
    };
    let throughput = if case.liquid {
        literal
    } else {
        literal.max(0.0)
    };
    let missing = case.missing();
    let gain = if missing > 0.0 {
        tuning.balance_up
    } else {
        tuning.balance_down
    };
    let ln_level = match case.group.settings.level {
        LevelChoice::Learned => memory.node.market.ln_level(case.segment, tuning),
        LevelChoice::Fixed(ppm) => libm::log(ppm.as_f64().max(1.0)),
    };
    let watched = case.short.liquid_days;
    Place {
        evidence: Evidence {
            ratio: case.ratio,
            target_ratio: case.target,
            tpm: current / MINUTES_PER_DAY,
            tpm_history: history / MINUTES_PER_DAY,
            forwards: case.long.sessions,
            stocked_share: watched.min(1.0),
        },
        ln_level,
        balance: gain * missing * case.urgency(mean_per_day, memory.node.market.amount.sat, tuning),
        throughput: throughput + descent(case, mean_per_day, tuning),
        dampening,
        censored: throughput > literal,
        leader: case.group.members[0].point,
    }
}

/// How far a channel is let down that sold nothing for long, though it could
/// and the node's mean channel would have.
fn descent(case: &Case<'_>, mean_per_day: f64, tuning: &Tuning) -> f64 {
    let over = case.idle_days - tuning.dead_after_days;
    let expected = mean_per_day * case.long.liquid_days;
    if over <= 0.0 || !over.is_finite() || expected < tuning.dead_expected_sessions {
        return 0.0;
    }
    -tuning.dead_per_day * over
}

/// The place of every channel that the strategy prices.
fn places(
    memory: &Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    tuning: &Tuning,
) -> BTreeMap<ChannelPoint, Place> {
    let cases = cases(memory, seen, settings);
    let mean_per_day = mean_rate(&cases);
    let mut places = BTreeMap::new();
    for case in &cases {
        let place = place(case, mean_per_day, memory, tuning);
        let members = case.group.members.iter();
        places.extend(members.map(|c| (c.point, place)));
    }
    places
}

/// Takes in the span since the last look: what was sold in it, the balances,
/// the level's experiment.
fn watch(
    memory: &mut Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    tuning: &Tuning,
) {
    let since = memory.node.market.watched_at.replace(seen.at);
    let gap = since.map(|at| seen.at.since(at));
    let span = gap.filter(|gap| *gap <= LONGEST_SPAN);
    let days = span.map_or(0.0, |span| span.as_secs_f64() / SECONDS_PER_DAY);
    let cases = cases(memory, seen, settings);
    let mean_per_day = mean_rate(&cases);
    let mut lessons: BTreeMap<Segment, Lesson> = BTreeMap::new();
    for case in &cases {
        let place = place(case, mean_per_day, memory, tuning);
        let weight = case.long.per_day(mean_per_day);
        let lesson = lessons.entry(case.segment).or_default();
        lesson.business += weight;
        let teaches = case.group.settings.level == LevelChoice::Learned
            && case.group.settings.mode == Mode::Manage
            && case
                .group
                .members
                .iter()
                .all(|c| stands_at(c, memory, &place));
        let mut sold = 0.0;
        for channel in &case.group.members {
            let Some(remembered) = memory.channels.get_mut(&channel.point) else {
                continue;
            };
            let span = span.filter(|_| remembered.first_seen < seen.at);
            remembered.market.segment = case.segment;
            let exposure = &mut remembered.market.exposure;
            sold += exposure.watch(span, case.liquid, case.roomy);
        }
        if teaches {
            // Time without stock counts here: a level at which channels sell
            // out sells less, and that is part of what it earns.
            lesson.volume += sold;
            lesson.taught += weight;
        }
    }
    for (segment, lesson) in lessons {
        if days > 0.0 && lesson.business > 0.0 {
            let standing = lesson.taught / lesson.business;
            let level = memory.node.market.level_mut(segment);
            level.watch(days, standing, lesson.volume, tuning.learning_of(segment));
        }
    }
}

/// What a span tells a level.
#[derive(Clone, Copy, Debug, Default)]
struct Lesson {
    /// Sessions per day of the channels that may teach it, ...
    business: f64,
    /// ... and of those that do.
    taught: f64,
    /// What these sold.
    volume: f64,
}

/// Whether the channel's fee stands where the law wants it.
fn stands_at(channel: &Channel, memory: &Memory, place: &Place) -> bool {
    let foreign = memory
        .channels
        .get(&channel.point)
        .is_some_and(|remembered| remembered.fee.foreign.is_some());
    let fee = channel.policy.map(|policy| policy.fees.outbound.as_f64());
    !foreign && fee.is_some_and(|ppm| (libm::log(ppm.max(0.4)) - place.ln_ppm()).abs() <= AT_PLACE)
}

#[cfg(test)]
mod tests;
