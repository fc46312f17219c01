//! One decision round: from what was seen and remembered to one verdict for
//! each channel that is due.
//!
//! A channel is due once per slow interval, at a moment of its peer's (a phase
//! drawn from the peer's key), so that a node's updates spread over time while
//! parallel channels move together; a decision is one step, however long the daemon was down. Between times the
//! fast rhythm looks for drains, and may only raise.

use std::collections::{BTreeMap, BTreeSet};

use super::input::Readiness;
use super::new_channel;
use super::phase::is_due;
use crate::decision::{Decision, Hold, Limit, Terms, Trigger, Verdict};
use crate::inbound::rules;
use crate::inbound::supply::OutboundSupply;
use crate::limits::budget;
use crate::limits::guard;
use crate::max_htlc;
use crate::settings::values::{ChannelSettings, Mode, NodeSettings, Protect};
use crate::signals::fading::FadingWindows;
use crate::state::memory::{ChannelMemory, FeeMemory, Memory};
use crate::strategy::ask::Ask;
use crate::strategy::{self, Market};
use crate::types::beside::both;
use crate::types::channel::{Channel, ChannelPoint};
use crate::types::observation::Observation;
use crate::types::time::Timestamp;
use crate::types::units::{BlockHeight, FeePpm, LEAST_PPM};

/// Decides every channel that is due and moves the memory along. Total: any
/// input gives a verdict. The same input gives the same verdicts.
pub fn decide(
    memory: &mut Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    node: &NodeSettings,
    ready: Readiness,
) -> Vec<Decision> {
    let due = due(memory, seen, settings, node);
    let asks = strategy::asks(&Market {
        memory,
        seen,
        settings,
        node,
        due: &due,
        fading: &FadingWindows::of(seen.at, node.windows()),
    });
    let market = memory.node.market;
    let doubted_until = memory.node.clock.doubted_at(seen.at);
    let mut led = BTreeMap::new();
    let mut decisions = vec![];
    // Few are asked for, of all that are seen.
    for (point, ask) in &asks {
        let (Some(channel), Some(settings), Some(remembered)) = (
            seen.channels.get(point),
            settings.get(point),
            memory.channels.get_mut(point),
        ) else {
            continue;
        };
        let leader = ask.leader();
        let case = Case {
            channel,
            settings,
            ask,
            led: leader.and_then(|leader| led.get(&leader).copied()),
            initial: new_channel::initial_ppm(channel, settings, &market, &node.tuning),
            tip: seen.tip,
            node,
            now: seen.at,
            ready,
            doubted_until,
        };
        let Some(decision) = case.decide(remembered) else {
            continue;
        };
        if let (Some(leader), Some(rate)) = (leader, decision.rate()) {
            led.entry(leader).or_insert(rate);
        }
        decisions.push(decision);
    }
    let goes_by_supply = |decision: &Decision| {
        let point = decision.point;
        let known = settings.get(&point).zip(memory.channels.get(&point));
        known.is_some_and(|(settings, remembered)| {
            rules::goes_by_supply(decision, settings, &node.inbound, remembered)
        })
    };
    // Nobody looks at it where no discount is asked for.
    let supply = match decisions.iter().any(goes_by_supply) {
        true => OutboundSupply::of(memory, seen, settings, &decisions, node.inbound.share),
        false => OutboundSupply::default(),
    };
    for decision in &mut decisions {
        let point = decision.point;
        if let (Some(channel), Some(settings), Some(remembered)) = (
            seen.channels.get(&point),
            settings.get(&point),
            memory.channels.get_mut(&point),
        ) {
            let case = rules::Case {
                channel,
                settings,
                rules: &node.inbound,
                supply: &supply,
                now: seen.at,
            };
            case.join(decision, remembered);
            let case = max_htlc::Case {
                channel,
                settings,
                now: seen.at,
            };
            case.join(decision, remembered);
        }
    }
    let first_look = ready.first_look.then_some(seen);
    budget::allot(&mut decisions, memory, node, seen.at, first_look);
    for decision in &decisions {
        if let (Verdict::WouldChange { to }, Some(channel)) =
            (decision.verdict, memory.channels.get_mut(&decision.point))
        {
            channel.fee.shown_at = Some(seen.at);
            if decision
                .current
                .is_some_and(|now| now.inbound != to.inbound)
            {
                channel.fee.inbound.shown_at = Some(seen.at);
            }
            if decision.max_htlc_change().is_some() {
                channel.fee.max_htlc.waiting_since = None;
            }
        }
    }
    decisions
}

/// The channels on which something may be decided now: those whose turn it is, by
/// their hour or in the budget's queue, that drain, or of which something is new.
fn due(
    memory: &Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    node: &NodeSettings,
) -> BTreeSet<ChannelPoint> {
    let next = budget::next_in_queue(memory, node, seen.at);
    let turn = node.slow_interval;
    let known = both(both(&seen.channels, settings), &memory.channels);
    let due = known.filter(|(point, ((channel, settings), memory))| {
        memory.fee.retry
            || next.contains(point)
            || is_due(&channel.peer, memory.decided_at, seen.at, turn)
            || protection(channel, memory, settings) > 0.0
    });
    due.map(|(point, _)| *point).collect()
}

/// The raise that a drain calls for; 0 if there is none, or if what drains
/// is more than is wanted.
fn protection(channel: &Channel, memory: &ChannelMemory, settings: &ChannelSettings) -> f64 {
    let wanted_there = channel.local_ratio() <= settings.target_ratio;
    let ours = matches!(settings.mode, Mode::Manage | Mode::Observe);
    if wanted_there && ours {
        drain(channel, memory, &settings.protect)
    } else {
        0.0
    }
}

/// One channel, about to be decided.
#[derive(Clone, Copy)]
struct Case<'a> {
    channel: &'a Channel,
    settings: &'a ChannelSettings,
    /// What is asked for its fee.
    ask: &'a Ask,
    /// The rate of a parallel channel, decided just now.
    led: Option<FeePpm>,
    /// What it begins at if it is new.
    initial: FeePpm,
    tip: BlockHeight,
    node: &'a NodeSettings,
    now: Timestamp,
    ready: Readiness,
    /// Until when the clock is doubted, if it is.
    doubted_until: Option<Timestamp>,
}

impl Case<'_> {
    fn decide(&self, memory: &mut ChannelMemory) -> Option<Decision> {
        let protection = protection(self.channel, memory, self.settings);
        let turn = self.node.slow_interval;
        let turn_has_come = is_due(&self.channel.peer, memory.decided_at, self.now, turn);
        if turn_has_come {
            memory.decided_at = Some(self.now);
        }
        if protection > 0.0
            && let Some(raised) = self.fast(memory, protection)
        {
            return Some(raised);
        }
        // A drain that cannot be answered holds up nothing that waits.
        let waits = memory.fee.retry || memory.fee.queued;
        if turn_has_come {
            Some(self.slow(memory))
        } else {
            waits.then(|| self.publish_again(memory))
        }
    }

    /// The channel's turn: the strategy's step.
    fn slow(&self, memory: &mut ChannelMemory) -> Decision {
        self.follow(memory, self.ask)
    }

    /// What the node's budget held back, once more.
    fn publish_again(&self, memory: &mut ChannelMemory) -> Decision {
        self.follow(memory, &self.ask.again())
    }

    fn follow(&self, memory: &mut ChannelMemory, ask: &Ask) -> Decision {
        if new_channel::is_new(self.channel, &memory.fee, self.settings, self.tip) {
            return self.begin(memory);
        }
        let terms = ask.terms(self.on_node().as_f64().max(LEAST_PPM), self.led);
        self.conclude(memory, Trigger::Scheduled, terms, ask.limit())
    }

    /// A new channel's first fee, at once.
    fn begin(&self, memory: &mut ChannelMemory) -> Decision {
        let mut settings = *self.settings;
        (settings.pace.max_raise, settings.pace.step_floor_ppm) = (f64::INFINITY, u32::MAX);
        let case = Case {
            settings: &settings,
            led: None,
            ..*self
        };
        let before = self.on_node().as_f64().max(LEAST_PPM);
        let terms = Terms {
            level: self.initial.as_f64() / before - 1.0,
            ..Terms::default()
        };
        let limit = Limit::NewChannel { ppm: self.initial };
        case.conclude(memory, Trigger::Scheduled, terms, Some(limit))
    }

    /// The fast rhythm: a protective raise. `None` unless it can be made: a
    /// drain that cannot be answered is no news every few minutes.
    fn fast(&self, memory: &mut ChannelMemory, protection: f64) -> Option<Decision> {
        let before = memory.fee.clone();
        let terms = Terms {
            protection,
            dampening: 1.0,
            ..Terms::default()
        };
        let decision = self.conclude(memory, Trigger::Drain, terms, None);
        if matches!(decision.verdict, Verdict::Hold { .. }) {
            memory.fee = before;
            return None;
        }
        Some(decision)
    }

    fn on_node(&self) -> FeePpm {
        let policy = self.channel.policy;
        policy
            .map(|policy| policy.fees.outbound)
            .unwrap_or_default()
    }

    fn conclude(
        &self,
        memory: &mut ChannelMemory,
        trigger: Trigger,
        terms: Terms,
        given: Option<Limit>,
    ) -> Decision {
        let fee = &mut memory.fee;
        let current = self.channel.policy.map(|policy| policy.fees);
        let on_node = self.on_node();
        let before = self.ask.starts_from(on_node.as_f64(), fee.wanted_ppm);
        let mut decision = Decision {
            at: self.now,
            point: self.channel.point,
            trigger,
            evidence: self.ask.evidence(),
            terms,
            current,
            wanted_before_ppm: before,
            wanted_ppm: before,
            limits: given.into_iter().collect(),
            inbound: None,
            max_htlc: None,
            verdict: Verdict::Hold {
                reason: Hold::AtRest,
            },
        };
        // Who may not be written to holds up nobody behind it.
        fee.queued = false;
        if let Some(reason) = self.hands_off(fee, trigger) {
            decision.verdict = Verdict::Hold { reason };
            return decision;
        }
        fee.retry = false;
        let (wanted, limits) = self.wanted(before, on_node, &terms);
        fee.wanted_ppm = Some(wanted);
        decision.wanted_ppm = wanted;
        decision.limits.extend(limits);
        let rate = FeePpm::rounded(wanted);
        let settings = self.following();
        let to = guard::fees_to_write(rate, current.unwrap_or_default(), self.settings);
        let held = guard::too_small_or_too_soon(
            to,
            current.unwrap_or_default(),
            trigger,
            fee,
            &settings,
            self.now,
        );
        match held {
            Some(Hold::AtRest | Hold::Deadband { .. }) => fee.waiting_since = None,
            _ => fee.waiting_since = fee.waiting_since.or(Some(self.now)),
        }
        decision.verdict = match held {
            Some(reason) => Verdict::Hold { reason },
            None if self.settings.writes() => Verdict::Change { to },
            None => Verdict::WouldChange { to },
        };
        decision
    }

    /// Why nothing may be touched. A drain shows in the balances, and a pin needs
    /// no evidence: neither waits for the history of forwards.
    fn hands_off(&self, fee: &FeeMemory, trigger: Trigger) -> Option<Hold> {
        let by_demand =
            trigger == Trigger::Scheduled && !matches!(self.settings.mode, Mode::Pin(_));
        let doubted = self.doubted_until.map(|until| Hold::ClockSet { until });
        guard::hands_off(self.channel, fee, self.settings, self.ready.node)
            .or(doubted)
            .or_else(|| (by_demand && !self.ready.history).then_some(Hold::HistoryUnread))
    }

    /// The settings to judge a change by: a parallel channel that follows
    /// another goes all the way.
    fn following(&self) -> ChannelSettings {
        let mut settings = *self.settings;
        if self.led.is_some() {
            (settings.pace.deadband, settings.pace.deadband_ppm) = (0.0, 0);
        }
        settings
    }

    /// The rate asked for, confined. A protective raise goes from the rate on
    /// the node, whatever has added up in the float; a rate of zero would stay
    /// zero under multiplication and starts from the least that rounds to it.
    fn wanted(&self, before: f64, on_node: FeePpm, terms: &Terms) -> (f64, Vec<Limit>) {
        if let Mode::Pin(rate) = self.settings.mode {
            return guard::pinned(rate, self.settings);
        }
        let asked = if terms.protection > 0.0 {
            let floor_ppm = f64::from(self.settings.pace.step_floor_ppm);
            let now = on_node.as_f64();
            (now * (1.0 + terms.protection)).max(now + floor_ppm)
        } else {
            before.max(LEAST_PPM) * (1.0 + terms.sum())
        };
        guard::confine(asked, on_node, self.settings)
    }
}

/// The protective raise for a large share of the capacity gone within the
/// window, or for a small one from a channel that has little left.
fn drain(channel: &Channel, memory: &ChannelMemory, protect: &Protect) -> f64 {
    let ratio = channel.local_ratio();
    let samples = memory.recent.iter().map(|sample| sample.ratio);
    let drained = samples.fold(ratio, f64::max) - ratio;
    let enough = if ratio < protect.low_ratio {
        protect.drain_share / 4.0
    } else {
        protect.drain_share
    };
    if drained >= enough && drained > 0.0 {
        protect.raise
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
