//! One decision round: from what was seen and remembered to one verdict for
//! each channel that is due.
//!
//! A channel is due once per slow interval, at a moment of its peer's (a phase
//! drawn from the peer's key), so that a node's updates spread over time while
//! parallel channels move together; a decision is one step, however long the daemon was down. Between times the
//! fast rhythm looks for drains, and may only raise.

use std::collections::BTreeMap;
use std::time::Duration;

use super::absorb::{stocked, windows};
use super::budget;
use super::channel::{Channel, ChannelPoint, PeerId};
use super::classic;
use super::decision::{Decision, Evidence, Hold, Limit, Rhythm, Terms, Verdict};
use super::guard;
use super::inbound;
use super::memory::{ChannelMemory, Memory};
use super::observation::Observation;
use super::settings::{ChannelSettings, Law, Mode, NodeSettings, Protect};
use super::shelf::Shelf;
use super::sweetspot::{self, Aim};
use super::time::Timestamp;
use super::units::FeePpm;

/// Decides every channel that is due and moves the memory along. Total: any
/// input gives a verdict. The same input gives the same verdicts.
pub fn decide(
    memory: &mut Memory,
    seen: &Observation,
    settings: &BTreeMap<ChannelPoint, ChannelSettings>,
    node: &NodeSettings,
    node_ready: bool,
) -> Vec<Decision> {
    let aims = sweetspot::aims(memory, seen, settings, &node.tuning);
    let mut led = BTreeMap::new();
    let mut decisions = vec![];
    for channel in seen.channels.values() {
        let (Some(settings), Some(remembered)) = (
            settings.get(&channel.point),
            memory.channels.get_mut(&channel.point),
        ) else {
            continue;
        };
        let aim = aims.get(&channel.point);
        let case = Case {
            channel,
            settings,
            aim,
            led: aim.and_then(|aim| led.get(&aim.leader).copied()),
            node,
            now: seen.at,
            node_ready,
        };
        let Some(decision) = case.decide(remembered) else {
            continue;
        };
        if let (Some(aim), Some(rate)) = (aim, decision.rate()) {
            led.entry(aim.leader).or_insert(rate);
        }
        decisions.push(decision);
    }
    let shelf = Shelf::of(memory, seen, settings, &decisions, node.inbound.share);
    for decision in &mut decisions {
        let point = decision.point;
        if let (Some(channel), Some(settings), Some(remembered)) = (
            seen.channels.get(&point),
            settings.get(&point),
            memory.channels.get_mut(&point),
        ) {
            let case = inbound::Case {
                channel,
                settings,
                rules: &node.inbound,
                shelf: &shelf,
                now: seen.at,
            };
            case.join(decision, remembered);
        }
    }
    budget::allot(&mut decisions, memory, node, seen.at);
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
        }
    }
    decisions
}

/// Whether the slow rhythm's moment lies between the last decision and now.
pub fn is_due(
    peer: &PeerId,
    decided_at: Option<Timestamp>,
    now: Timestamp,
    interval: Duration,
) -> bool {
    let phase = Phase::of(peer, interval);
    decided_at.is_none_or(|decided| phase.turn(now) != phase.turn(decided))
}

/// The slow rhythm's next moment for a channel.
pub fn next_due(peer: &PeerId, now: Timestamp, interval: Duration) -> Timestamp {
    let phase = Phase::of(peer, interval);
    let next = phase.turn(now).saturating_add(1);
    Timestamp::from_secs(next.saturating_mul(phase.interval_secs) + phase.offset_secs)
}

/// A peer's place within the slow interval.
struct Phase {
    interval_secs: i64,
    offset_secs: i64,
}

impl Phase {
    fn of(peer: &PeerId, interval: Duration) -> Self {
        let interval_secs = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let drawn = i64::from(u16::from_be_bytes([peer.0[1], peer.0[2]]));
        Self {
            interval_secs,
            offset_secs: drawn.saturating_mul(interval_secs) / (i64::from(u16::MAX) + 1),
        }
    }

    fn turn(&self, at: Timestamp) -> i64 {
        (at.secs() - self.offset_secs).div_euclid(self.interval_secs)
    }
}

/// A rate of zero would stay zero under multiplication: the least that does
/// not round to it, nearly.
const LEAST_PPM: f64 = 0.4;

/// One channel, about to be decided.
struct Case<'a> {
    channel: &'a Channel,
    settings: &'a ChannelSettings,
    /// Where the sweet-spot law wants the fee, if it is the channel's law.
    aim: Option<&'a Aim>,
    /// The rate of a parallel channel, decided just now.
    led: Option<FeePpm>,
    node: &'a NodeSettings,
    now: Timestamp,
    node_ready: bool,
}

impl Case<'_> {
    fn decide(&self, memory: &mut ChannelMemory) -> Option<Decision> {
        let protection = self.protection(memory);
        let turn = self.node.slow_interval;
        if is_due(&self.channel.peer, memory.decided_at, self.now, turn) {
            memory.decided_at = Some(self.now);
            let raised = if protection > 0.0 {
                self.fast(memory, protection)
            } else {
                None
            };
            return raised.or_else(|| Some(self.slow(memory)));
        }
        if protection > 0.0 {
            return self.fast(memory, protection);
        }
        memory.fee.retry.then(|| self.publish_again(memory))
    }

    /// The slow rhythm: the law's step.
    fn slow(&self, memory: &mut ChannelMemory) -> Decision {
        let (terms, depleted) = self.terms(memory);
        self.conclude(memory, Rhythm::Slow, terms, depleted)
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
        let decision = self.conclude(memory, Rhythm::Fast, terms, None);
        if matches!(decision.verdict, Verdict::Hold { .. }) {
            memory.fee = before;
            return None;
        }
        Some(decision)
    }

    /// What the law asks for, and what it left out of account.
    fn terms(&self, memory: &ChannelMemory) -> (Terms, Option<Limit>) {
        if let Some(aim) = self.aim {
            let on_node = self.on_node().as_f64().max(LEAST_PPM);
            let aim = match self.led {
                Some(rate) => aim.led_to(rate),
                None => *aim,
            };
            return (aim.terms(on_node), aim.limit());
        }
        let (seen, gains) = (self.evidence(memory), &self.settings.gains);
        classic::terms(&seen, stocked(self.channel), gains)
    }

    /// What the node's budget held back, once more: an aim as it is now, a
    /// step without another one.
    fn publish_again(&self, memory: &mut ChannelMemory) -> Decision {
        let (terms, limit) = match self.aim {
            Some(_) => self.terms(memory),
            None => (Terms::default(), None),
        };
        self.conclude(memory, Rhythm::Slow, terms, limit)
    }

    fn on_node(&self) -> FeePpm {
        let policy = self.channel.policy;
        policy
            .map(|policy| policy.fees.outbound)
            .unwrap_or_default()
    }

    /// The raise that a drain calls for; 0 if there is none, or if what drains
    /// is more than is wanted.
    fn protection(&self, memory: &ChannelMemory) -> f64 {
        let wanted_there = self.channel.local_ratio() <= self.settings.target_ratio;
        let ours = matches!(self.settings.mode, Mode::Manage | Mode::Observe);
        if wanted_there && ours {
            drain(self.channel, memory, &self.settings.protect)
        } else {
            0.0
        }
    }

    fn evidence(&self, memory: &ChannelMemory) -> Evidence {
        if let Some(aim) = self.aim {
            return aim.evidence;
        }
        let windows = windows(self.node);
        Evidence {
            ratio: self.channel.local_ratio(),
            target_ratio: self.settings.target_ratio,
            tpm: memory.flow.tpm(self.now, windows),
            tpm_history: memory.flow.tpm_history(self.now, windows),
            forwards: memory.flow.evidence(self.now, windows),
            stocked_share: memory.flow.stocked_share(self.now, windows),
        }
    }

    fn conclude(
        &self,
        memory: &mut ChannelMemory,
        rhythm: Rhythm,
        terms: Terms,
        depleted: Option<Limit>,
    ) -> Decision {
        let evidence = self.evidence(memory);
        let fee = &mut memory.fee;
        let current = self.channel.policy.map(|policy| policy.fees);
        let on_node = self.on_node();
        // The classic law adds small moves up in a float; an aim is where it is.
        let before = match (self.settings.law, fee.wanted_ppm) {
            (Law::Classic, Some(wanted)) => wanted,
            _ => on_node.as_f64(),
        };
        let mut decision = Decision {
            at: self.now,
            point: self.channel.point,
            rhythm,
            evidence,
            terms,
            current,
            wanted_before_ppm: before,
            wanted_ppm: before,
            limits: depleted.into_iter().collect(),
            inbound: None,
            verdict: Verdict::Hold {
                reason: Hold::AtRest,
            },
        };
        if let Some(reason) = guard::hands_off(self.channel, fee, self.settings, self.node_ready) {
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
            rhythm,
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
mod tests {
    use super::*;
    use crate::domain::absorb;
    use crate::domain::channel::tests::{channel, point};
    use crate::domain::channel::{FeeParts, Policy};
    use crate::domain::settings::BaseFee;
    use crate::domain::settings::Gains;
    use crate::domain::units::Sat;

    const HOUR: Duration = Duration::from_secs(3_600);
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
    }

    fn managed() -> ChannelSettings {
        ChannelSettings {
            mode: Mode::Manage,
            base_fee: BaseFee::Keep,
            ..ChannelSettings::of(Law::Classic)
        }
    }

    fn undamped() -> ChannelSettings {
        ChannelSettings {
            gains: Gains {
                balance: 1.0,
                throughput: 1.0,
                evidence_forwards: 0.0,
                balance_undamped_share: 1.0,
            },
            ..managed()
        }
    }

    /// A node of `channels`, its memory, and one settings for all.
    struct World {
        memory: Memory,
        channels: Vec<Channel>,
        settings: ChannelSettings,
        node: NodeSettings,
    }

    impl World {
        fn of(channels: Vec<Channel>, settings: ChannelSettings) -> Self {
            Self {
                memory: Memory::default(),
                channels,
                settings,
                node: NodeSettings::default(),
            }
        }

        /// One round, whose changes are carried out.
        fn round(&mut self, now: Timestamp) -> Vec<Decision> {
            let seen = Observation {
                at: now,
                channels: self.channels.iter().map(|c| (c.point, c.clone())).collect(),
                ..Observation::default()
            };
            let settings: BTreeMap<_, _> = self
                .channels
                .iter()
                .map(|c| (c.point, self.settings))
                .collect();
            absorb::newcomers(&mut self.memory, &seen, now);
            absorb::observation(&mut self.memory, &seen, &settings, &self.node);
            let decisions = decide(&mut self.memory, &seen, &settings, &self.node, true);
            for decision in &decisions {
                if let Verdict::Change { to } = decision.verdict {
                    self.set_fees(decision.point, to);
                    let fee = &mut self
                        .memory
                        .channels
                        .get_mut(&decision.point)
                        .expect("known")
                        .fee;
                    fee.confirmed = Some(to);
                    guard::note_write(fee, now);
                }
            }
            decisions
        }

        fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) {
            let channel = self
                .channels
                .iter_mut()
                .find(|c| c.point == point)
                .expect("known");
            channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
        }

        fn ppm(&self, index: usize) -> u32 {
            self.channels[index]
                .policy
                .expect("a policy")
                .fees
                .outbound
                .0
        }
    }

    fn drained(n: u8) -> Channel {
        Channel {
            local_balance: Sat(20_000),
            remote_balance: Sat(980_000),
            ..channel(n)
        }
    }

    #[test]
    fn the_worked_example_number_for_number() {
        let channel = channel(1);
        let settings = undamped();
        let case = Case {
            channel: &channel,
            settings: &settings,
            aim: None,
            led: None,
            node: &NodeSettings::default(),
            now: at(0),
            node_ready: true,
        };
        let target_met = Evidence {
            ratio: 0.5,
            target_ratio: 0.5,
            tpm: 0.0009,
            tpm_history: 0.001,
            forwards: 20.0,
            stocked_share: 1.0,
        };
        let step = |fee_ppm: u32, seen| {
            let (terms, _) = classic::terms(&seen, true, &settings.gains);
            let (wanted, limits) = case.wanted(f64::from(fee_ppm), FeePpm(fee_ppm), &terms);
            assert_eq!(limits, vec![]);
            FeePpm::rounded(wanted).0
        };
        assert_eq!(step(100, target_met), 90);
        let busier_but_local = Evidence {
            ratio: 0.55,
            tpm: 0.0011,
            ..target_met
        };
        assert_eq!(step(90, busier_but_local), 90);
        let net_five_up = Evidence {
            ratio: 0.525,
            ..busier_but_local
        };
        assert_eq!(step(100, net_five_up), 105);
    }

    #[test]
    fn small_moves_add_up_until_they_are_worth_an_update() {
        let mut world = World::of(vec![drained(1)], managed());
        let mut fees = vec![];
        for hours in 0..24 {
            world.round(at(hours));
            fees.push(world.ppm(0));
        }
        assert_eq!(fees[0], 100);
        assert!(fees[23] > 105, "{fees:?}");
        let changes = fees.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((1..=4).contains(&changes), "{fees:?}");
    }

    #[test]
    fn downtime_is_one_step() {
        let mut steady = World::of(vec![drained(1)], managed());
        let mut absent = World::of(vec![drained(1)], managed());
        steady.round(at(0));
        absent.round(at(0));
        steady.round(at(1));
        absent.round(at(1_000));
        let wanted = |world: &World| world.memory.channels[&point(1)].fee.wanted_ppm;
        assert_eq!(wanted(&steady), wanted(&absent));
    }

    #[test]
    fn nothing_winds_up_against_a_bound() {
        let settings = ChannelSettings {
            max: FeePpm(110),
            ..managed()
        };
        let mut world = World::of(vec![drained(1)], settings);
        (0..500).for_each(|hours| drop(world.round(at(hours))));
        assert_eq!(world.ppm(0), 110);
        world.channels[0].local_balance = Sat(980_000);
        world.channels[0].remote_balance = Sat(20_000);
        (500..530).for_each(|hours| drop(world.round(at(hours))));
        assert!(world.ppm(0) < 110);
    }

    #[test]
    fn a_fee_set_by_hand_is_left_alone_then_taken_as_the_start() {
        let mut world = World::of(vec![drained(1)], managed());
        world.round(at(0));
        let by_hand = FeeParts {
            outbound: FeePpm(777),
            ..FeeParts::default()
        };
        world.set_fees(point(1), by_hand);
        for hours in 1..48 {
            world.round(at(hours));
            assert_eq!(world.ppm(0), 777);
        }
        for hours in 48..72 {
            world.round(at(hours));
        }
        assert!((778..1_000).contains(&world.ppm(0)), "{}", world.ppm(0));
    }

    #[test]
    fn a_quick_drain_is_answered_within_minutes_and_only_by_a_raise() {
        let mut world = World::of(vec![channel(1)], managed());
        world.round(at(0));
        world.channels[0].local_balance = Sat(250_000);
        world.channels[0].remote_balance = Sat(750_000);
        let decisions = world.round(at(0).plus(MINUTE * 5));
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].rhythm, Rhythm::Fast);
        assert_eq!(world.ppm(0), 125);
        assert!(world.round(at(0).plus(MINUTE * 10)).is_empty());
    }

    #[test]
    fn a_drain_of_what_there_was_too_much_of_is_welcome() {
        let full = Channel {
            local_balance: Sat(990_000),
            remote_balance: Sat(10_000),
            ..channel(1)
        };
        let mut world = World::of(vec![full], managed());
        world.round(at(0));
        world.channels[0].local_balance = Sat(600_000);
        world.channels[0].remote_balance = Sat(400_000);
        assert!(world.round(at(0).plus(MINUTE * 5)).is_empty());
    }

    #[test]
    fn observe_mode_shows_a_change_once_per_cooldown_and_makes_none() {
        let settings = ChannelSettings {
            mode: Mode::Observe,
            ..managed()
        };
        let mut world = World::of(vec![drained(1)], settings);
        let shown = (0..48)
            .flat_map(|hours| world.round(at(hours)))
            .filter(|decision| matches!(decision.verdict, Verdict::WouldChange { .. }))
            .count();
        assert!((2..=8).contains(&shown), "{shown}");
        assert_eq!(world.ppm(0), 100);
    }

    #[test]
    fn a_pinned_rate_is_set_and_then_rests() {
        let settings = ChannelSettings {
            mode: Mode::Pin(FeePpm(900)),
            ..managed()
        };
        let mut world = World::of(vec![drained(1)], settings);
        world.round(at(0));
        assert_eq!(world.ppm(0), 900);
        let later: Vec<_> = (1..24).flat_map(|hours| world.round(at(hours))).collect();
        assert!(later.iter().all(|d| matches!(
            d.verdict,
            Verdict::Hold {
                reason: Hold::AtRest
            }
        )));
    }

    #[test]
    fn an_implausible_share_of_moves_stops_them_all() {
        let pinned = ChannelSettings {
            mode: Mode::Pin(FeePpm(900)),
            ..managed()
        };
        let mut world = World::of((1..=20).map(channel).collect(), pinned);
        let decisions = world.round(at(0));
        assert!(decisions.iter().all(|d| matches!(
            d.verdict,
            Verdict::Hold {
                reason: Hold::MassMove {
                    moving: 20,
                    channels: 20
                }
            }
        )));
    }

    #[test]
    fn the_budget_goes_to_those_who_wait_longest_and_keeps_a_reserve() {
        let pinned = ChannelSettings {
            mode: Mode::Pin(FeePpm(900)),
            ..managed()
        };
        let mut world = World::of((1..=40).map(channel).collect(), pinned);
        world.node.max_moving_share = 1.0;
        let changed = |decisions: &[Decision]| {
            decisions
                .iter()
                .filter(|d| matches!(d.verdict, Verdict::Change { .. }))
                .count()
        };
        assert_eq!(changed(&world.round(at(0))), 18);
        let quarter_later = world.round(at(0).plus(MINUTE * 15));
        assert_eq!(changed(&quarter_later), 6);
        assert_eq!(changed(&world.round(at(1))), 16);
        assert!((0..40).all(|index| world.ppm(index) == 900));
    }

    #[test]
    fn channels_take_their_turns_at_moments_of_their_own() {
        let due = |n: u8, minutes: u32| {
            let now = at(2).plus(MINUTE * minutes);
            is_due(&channel(n).peer, Some(now.minus(MINUTE * 5)), now, HOUR)
        };
        for n in 0..=255 {
            let peer = channel(n).peer;
            let next = next_due(&peer, at(2), HOUR);
            assert!(next > at(2) && next <= at(3));
            assert!(is_due(&peer, Some(at(2)), next, HOUR));
            assert!(!is_due(&peer, Some(at(2)), next.minus(MINUTE / 60), HOUR));
            assert_eq!(
                (0..12).filter(|five| due(n, five * 5)).count(),
                1,
                "channel {n}"
            );
        }
        let first_five = (0..=255).filter(|n| due(*n, 0)).count();
        assert!((10..40).contains(&first_five), "{first_five}");
    }
}
