//! What must hold of everything that reaches the node, whatever goes wrong. It
//! knows the settings by their text only, and asks nothing of the daemon's code.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::channel::{Channel, ChannelPoint};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::Timestamp;

use crate::settings::Rule;
use crate::world::{HOUR, MINUTE, SECOND, number};

const COOLDOWN_RAISE: Duration = HOUR.saturating_mul(2);
const COOLDOWN_CUT: Duration = HOUR.saturating_mul(4);
const COOLDOWN_DRAIN: Duration = HOUR;
const HANDS_OFF: Duration = HOUR.saturating_mul(12);
const DAY: Duration = HOUR.saturating_mul(24);
const UPDATES_A_DAY: usize = 4;
const UPDATES_AN_HOUR: usize = 6;

/// The watchdog waits fifteen minutes for a cycle; it is to be over well before.
const LONGEST_CYCLE: Duration = MINUTE.saturating_mul(10);

/// What a clock is corrected by in passing counts as time.
const CORRECTION: i64 = 31 * SECOND;

/// How an update ended, as far as the node is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    Done,
    DoneUnanswered,
    NotDone,
}

/// An update that took effect.
#[derive(Clone, Copy, Debug)]
struct Effect {
    at: i64,
    /// How often the clock had been set by then.
    jumps: i64,
}

#[derive(Default)]
pub struct Oracle {
    pub found: Vec<String>,
    pub jumps: i64,
    /// Every update asked for.
    asked: Vec<Effect>,
    pub asked_in_all: u64,
    pub cycles: u64,
    pub deaths: u64,
    /// Those that took effect, by channel.
    effects: BTreeMap<u16, Vec<Effect>>,
    /// The changes as the disk has them.
    on_disk: BTreeMap<(ChannelPoint, Timestamp), FeeChange>,
    /// Those that were sent.
    sent: BTreeSet<(ChannelPoint, Timestamp)>,
    /// The last that was sent of each channel: no clock tells, for it may be set.
    last_sent: BTreeMap<ChannelPoint, (ChannelPoint, Timestamp)>,
    /// Those that took effect.
    done: BTreeSet<(ChannelPoint, Timestamp)>,
    /// Channels whose fees the daemon knows.
    known: BTreeSet<u16>,
    /// When somebody else last set a fee.
    by_hand: BTreeMap<u16, Effect>,
    /// When somebody else last set a max HTLC.
    max_htlc_by_hand: BTreeMap<u16, Effect>,
    /// The last update of each max HTLC that took effect.
    max_htlc_effects: BTreeMap<u16, Effect>,
    orders: BTreeMap<u16, Vec<Verb>>,
    paused: bool,
    /// Whether an update of this cycle was not answered.
    unanswered: bool,
}

impl Oracle {
    pub fn finds(&mut self, what: String) {
        self.found.push(what);
    }

    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.found.push(what());
        }
    }

    /// What an order makes of a channel's rule.
    fn rule(&self, n: u16) -> Rule {
        let config = Rule::of(n);
        let (mut rule, mut managed) = (config, false);
        for verb in self.orders.get(&n).into_iter().flatten() {
            match verb {
                // It permits no writing by itself.
                Verb::Pin(rate) => {
                    rule.pin = Some(rate.0);
                    rule.writes = config.writes || managed;
                }
                Verb::Ignore => rule.writes = false,
                Verb::Manage => {
                    (rule.writes, rule.pin) = (true, None);
                    managed = true;
                }
                Verb::Release => (rule, managed) = (config, false),
                _ => {}
            }
        }
        rule
    }

    /// Whether the operator has paused the node, and not gone on.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    pub fn ordered(&mut self, n: Option<u16>, verb: Verb) {
        let Some(n) = n else {
            self.paused = verb == Verb::Pause;
            return;
        };
        self.orders.entry(n).or_default().push(verb);
        if verb.takes_over() {
            // The operator takes a stand: what was waited for is over.
            self.by_hand.remove(&n);
            self.max_htlc_by_hand.remove(&n);
            self.effects.remove(&n);
        }
    }

    pub fn by_hand(&mut self, n: u16, now: i64) {
        if self.known.contains(&n) {
            let jumps = self.jumps;
            self.by_hand.insert(n, Effect { at: now, jumps });
        }
    }

    pub fn max_htlc_by_hand(&mut self, n: u16, now: i64) {
        if self.known.contains(&n) {
            let jumps = self.jumps;
            self.max_htlc_by_hand.insert(n, Effect { at: now, jumps });
        }
    }

    pub fn recorded(&mut self, seen: impl Iterator<Item = u16>) {
        self.known.extend(seen);
    }

    pub fn stored(&mut self, point: ChannelPoint, change: FeeChange) {
        self.on_disk.insert((point, change.intended_at), change);
    }

    /// An update reaches the node.
    pub fn asked(
        &mut self,
        channel: Option<&Channel>,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
        now: i64,
    ) {
        let n = number(point);
        let rule = self.rule(n);
        let (from, to) = (change.from, change.to);
        let rate = to.outbound.0;
        self.must(rule.writes, || format!("{n} may not be written to"));
        let paused = self.paused;
        self.must(!paused, || format!("{n} is written to while paused"));
        self.must((rule.min..=rule.max).contains(&rate), || {
            format!("{n} is set to {rate} ppm, out of bounds: {rule:?}")
        });
        let pin = rule.pin.map(|pin| pin.clamp(rule.min, rule.max));
        self.must(pin.is_none_or(|pin| pin == rate), || {
            format!("{n} is set to {rate} ppm, not to its pin: {rule:?}")
        });
        let base = if rule.keeps_base {
            from.base_fee_msat
        } else {
            0
        };
        self.must(to.base_fee_msat == base, || {
            format!("the base fee of {n} is set to {}", to.base_fee_msat)
        });
        let inbound = to.inbound;
        let granted = inbound.base_fee_msat == 0 && (-500..=0).contains(&inbound.rate_ppm);
        self.must(!change.sets_inbound() || granted, || {
            format!("{n} gets an inbound fee of {inbound:?}")
        });
        let unanswered = self.unanswered;
        self.must(!unanswered, || {
            format!("{n} is written to after an update without an answer")
        });
        let policy = channel.and_then(|channel| channel.policy);
        self.must(policy.is_some_and(|policy| policy.fees == from), || {
            format!("{n} has other fees than were read")
        });
        let delta = policy.map(|policy| policy.time_lock_delta);
        self.must(delta == Some(time_lock_delta), || {
            format!("the CLTV delta of {n} would change from {delta:?} to {time_lock_delta}")
        });
        let key = (point, change.intended_at);
        let stored = self
            .on_disk
            .get(&key)
            .is_some_and(|stored| stored == change);
        self.must(stored, || {
            format!("the update of {n} was not stored as intended first")
        });
        let again = !self.sent.insert(key);
        self.last_sent.insert(point, key);
        self.must(!again, || format!("one intent for two updates of {n}"));
        self.max_htlc(n, &rule, channel, change, now);
        self.waits(n, &rule, change, now);
        self.budget(now);
    }

    /// A max HTLC is a power of two that the channel can carry, and moves slowly.
    fn max_htlc(
        &mut self,
        n: u16,
        rule: &Rule,
        channel: Option<&Channel>,
        change: &FeeChange,
        now: i64,
    ) {
        let moves = change.from != change.to || change.max_htlc.is_some();
        self.must(moves, || format!("an update of {n} that changes nothing"));
        let Some(set) = change.max_htlc else {
            return;
        };
        self.must(rule.sets_max_htlc, || {
            format!("the max HTLC of {n} is not to be set")
        });
        let policy = channel.and_then(|channel| channel.policy);
        self.must(
            policy.is_some_and(|policy| policy.max_htlc == set.from),
            || format!("{n} has another max HTLC than was read"),
        );
        let capacity = channel.map_or(0, |channel| channel.capacity.0);
        let sat = set.to.0 / 1_000;
        let is_bucket = set.to.0.is_multiple_of(1_000)
            && sat.is_power_of_two()
            && (65_536..=capacity).contains(&sat);
        self.must(is_bucket, || {
            format!("the max HTLC of {n} is set to {sat} sat")
        });
        let local = channel.map_or(0, |channel| channel.local_balance.0);
        self.must(sat <= local.max(65_536), || {
            format!("the max HTLC of {n} is set to {sat} of {local} sat")
        });
        for (last, wait, what) in [
            (self.max_htlc_effects.get(&n), DAY, "its last change"),
            (self.max_htlc_by_hand.get(&n), HANDS_OFF, "a hand"),
        ] {
            let since = last.copied().map(|last| self.since(last, now));
            if since.is_some_and(|since| since < wait) {
                self.found
                    .push(format!("the max HTLC of {n} is set {since:?} after {what}"));
                return;
            }
        }
    }

    /// The time since an effect; what clocks are corrected by in passing is allowed
    /// for.
    fn since(&self, effect: Effect, now: i64) -> Duration {
        let allowed = (self.jumps - effect.jumps) * CORRECTION;
        Duration::from_nanos((now - effect.at + allowed).unsigned_abs())
    }

    fn waits(&mut self, n: u16, rule: &Rule, change: &FeeChange, now: i64) {
        let effects = self.effects.get(&n).cloned().unwrap_or_default();
        let wait = if change.to.outbound < change.from.outbound {
            COOLDOWN_CUT
        } else if change.to.outbound > change.from.outbound {
            COOLDOWN_RAISE.min(COOLDOWN_DRAIN)
        } else {
            COOLDOWN_DRAIN
        };
        if let Some(last) = effects.last() {
            let since = self.since(*last, now);
            self.must(since >= wait, || {
                format!("{n} is written to {since:?} after its last update, not {wait:?}")
            });
        }
        let today = effects
            .iter()
            .filter(|e| self.since(**e, now) < DAY)
            .count();
        self.must(today < UPDATES_A_DAY, || {
            format!("the update of {n} is one more than {today} in a day")
        });
        let by_hand = self.by_hand.get(&n).copied();
        if let Some(set) = by_hand.filter(|_| !rule.explicit) {
            let since = self.since(set, now);
            self.must(since >= HANDS_OFF, || {
                format!("{n} was set by hand {since:?} ago")
            });
        }
    }

    /// A full hour's updates at once, and from there as many an hour.
    fn budget(&mut self, now: i64) {
        self.asked_in_all += 1;
        self.asked.push(Effect {
            at: now,
            jumps: self.jumps,
        });
        if self.asked.len() > 40 {
            self.asked.remove(0);
        }
        let too_many = self.asked.iter().rev().enumerate().any(|(before, effect)| {
            let hours = self.since(*effect, now).as_secs_f64() / 3_600.0;
            (before + 1) as f64 > UPDATES_AN_HOUR as f64 * (1.0 + hours) + 0.01
        });
        self.must(!too_many, || "the update budget is spent".to_owned());
    }

    /// No other update may follow in this cycle.
    pub fn gave_no_answer(&mut self) {
        self.unanswered = true;
    }

    /// What came of it on the node.
    pub fn ended(&mut self, point: ChannelPoint, change: &FeeChange, ended: Ended, now: i64) {
        if ended != Ended::NotDone {
            self.done.insert((point, change.intended_at));
            self.took_effect(number(point), change, now);
        }
    }

    fn took_effect(&mut self, n: u16, change: &FeeChange, now: i64) {
        let jumps = self.jumps;
        self.by_hand.remove(&n);
        if change.max_htlc.is_some() {
            self.max_htlc_by_hand.remove(&n);
            self.max_htlc_effects.insert(n, Effect { at: now, jumps });
        }
        let effects = self.effects.entry(n).or_default();
        effects.push(Effect { at: now, jumps });
        if effects.len() > 2 * UPDATES_A_DAY {
            effects.remove(0);
        }
    }

    /// An update that was given up on took effect. One sent after it cannot tell
    /// its own effect from that.
    pub fn done_late(&mut self, point: ChannelPoint, change: &FeeChange, now: i64) {
        self.done.insert((point, change.intended_at));
        self.done.extend(self.last_sent.get(&point));
        self.took_effect(number(point), change, now);
    }

    pub fn cycle_took(&mut self, span: Duration) {
        self.cycles += 1;
        self.unanswered = false;
        self.must(span <= LONGEST_CYCLE, || format!("one cycle took {span:?}"));
    }

    /// That the disk, read after all is quiet again, tells the same story.
    pub fn settled(&mut self, changes: &[(ChannelPoint, FeeChange)]) {
        let mut rows = BTreeMap::new();
        for (point, change) in changes {
            let n = number(*point);
            let (key, stage) = ((*point, change.intended_at), change.stage);
            rows.insert(key, stage);
            self.must(!stage.is_open(), || {
                format!(
                    "the update of {n} at {} is never settled",
                    change.intended_at
                )
            });
            let done = self.done.contains(&key);
            let told_done = stage == Stage::Confirmed;
            self.must(!told_done || done, || {
                format!(
                    "the update of {n} at {} is told as done, and is not",
                    change.intended_at
                )
            });
        }
        let lost = self
            .sent
            .iter()
            .find(|key| !rows.contains_key(key))
            .copied();
        self.must(lost.is_none(), || {
            format!("an update is not on the disk: {lost:?}")
        });
    }

    /// How much of it was about something.
    pub fn weight(&self) -> (usize, usize) {
        (self.done.len(), self.sent.len())
    }
}
