//! What other settings would have decided through stored turns, and what that
//! might have earned.
//!
//! Two memories are led through the same turns: one under the settings of
//! then, one under those tried. They part where their fees part. What is
//! assumed, to the first order:
//!
//! * A change that was also decided then ends as it ended then, any other is
//!   made at once; a fee that someone else set then is set in both.
//! * Balances, tpm and the learned price level are those of then: a level can
//!   only be learned from prices that were really posted.
//! * Each forward would have come with the share of demand that the other price
//!   leaves ([`Elasticity`]). What is sold more is sold out of what the channel
//!   held then, less what was sold more before.

use std::collections::BTreeMap;

use crate::backtest::demand::{Elasticity, msat, price_msat, price_ppm};
use crate::decision::{Decision, Verdict};
use crate::engine::ingest::FeeEvent;
use crate::engine::replay::{Track, Wrote};
use crate::engine::turn::{Checkpoint, CycleInput};
use crate::engine::write::{self, WriteOutcome};
use crate::settings::layers::SettingsLayers;
use crate::settings::values::ChannelSettings;
use crate::types::channel::{ChannelPoint, FeeParts};
use crate::types::observation::Forward;
use crate::types::time::Timestamp;
use crate::types::units::Msat;

/// A channel's share in the outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Forwards that left by it.
    pub forwards: u64,
    /// What they earned then.
    pub then: Msat,
    /// What they might have earned, in msat, for each elasticity.
    pub with_msat: Vec<f64>,
    /// What was sold more than then (below 0: less), in msat, for each
    /// elasticity.
    sold_more_msat: Vec<f64>,
    /// The changes decided then.
    pub moves_then: Vec<Decision>,
    /// The changes that would have been decided.
    pub moves_with: Vec<Decision>,
    /// Days with a fee, and the fee's sum over them, in ppm: then and with.
    days: f64,
    ppm_days: (f64, f64),
}

impl Account {
    /// The mean rates over time, in ppm: then, and with the settings tried.
    pub fn mean_ppm(&self) -> Option<(f64, f64)> {
        let (then, with) = self.ppm_days;
        (self.days > 0.0).then(|| (then / self.days, with / self.days))
    }
}

/// The fees that a channel would have.
#[derive(Clone, Copy, Debug)]
struct Posted {
    fees: FeeParts,
    /// Whether a change was decided in both: it ends as it did then.
    as_then: bool,
}

/// A backtest on its way through the turns.
#[derive(Debug)]
pub struct Backtest {
    /// What was remembered then.
    pub then: Track,
    /// What would be remembered.
    pub with: Track,
    book: SettingsLayers,
    elasticities: Vec<Elasticity>,
    posted: BTreeMap<ChannelPoint, Posted>,
    /// The last turn that counts.
    counted: Option<Timestamp>,
    /// The first and the last turn that count.
    span: Option<(Timestamp, Timestamp)>,
    accounts: BTreeMap<ChannelPoint, Account>,
    /// What would hold for each channel, as of the last turn.
    settings: BTreeMap<ChannelPoint, ChannelSettings>,
    /// Forwards that left by a channel that is not seen: no fee of theirs can be
    /// other than it was.
    elsewhere: Account,
}

impl Backtest {
    /// From a stored beginning on.
    pub fn new(
        checkpoint: Checkpoint,
        book: SettingsLayers,
        elasticities: Vec<Elasticity>,
    ) -> Self {
        let then = Track::at(checkpoint);
        Self {
            with: then.clone(),
            then,
            book,
            posted: BTreeMap::new(),
            counted: None,
            span: None,
            accounts: BTreeMap::new(),
            settings: BTreeMap::new(),
            elsewhere: account(&elasticities),
            elasticities,
        }
    }

    /// What was remembered then at a later turn; without a difference so far
    /// it is what would be remembered, too.
    pub fn take_up(&mut self, checkpoint: Checkpoint) {
        let fresh = Track::at(checkpoint);
        if self.with.memory == self.then.memory {
            self.with = fresh.clone();
        }
        self.then = fresh;
    }

    /// What the turn would have been given. After [`Track::meet`] and
    /// [`Track::count`] of [`Self::then`].
    pub fn counterpart(&mut self, input: &CycleInput) -> CycleInput {
        let events = self.then.watch(input);
        for (point, channel) in &input.seen.channels {
            let Some(policy) = channel.policy else {
                continue;
            };
            let now = Posted {
                fees: policy.fees,
                as_then: false,
            };
            let posted = self.posted.entry(*point).or_insert(now);
            let mut events = events.iter().filter(|(of, _)| of == point);
            let set = events.any(|(_, event)| match event {
                FeeEvent::ForeignChange(_) => true,
                // Found done: only what would have been asked for, too.
                FeeEvent::WriteFoundDone => {
                    let memory = self.with.memory.channels.get(point);
                    let write = memory.and_then(|memory| memory.fee.last_write);
                    write.is_some_and(|write| write.unresolved && write.to == policy.fees)
                }
                FeeEvent::Adopted(_) | FeeEvent::WriteFoundUndone => false,
            });
            if set || posted.as_then {
                *posted = now;
            }
        }
        let mut with = input.clone();
        with.settle(&self.book, false);
        self.settings.clone_from(&with.settings);
        for (point, channel) in &mut with.seen.channels {
            if let (Some(policy), Some(posted)) = (&mut channel.policy, self.posted.get(point)) {
                policy.fees = posted.fees;
            }
        }
        with
    }

    /// Counts the time since the turn before, and the forwards that settled in
    /// it: `then` and `with` are what the turn was and would have been given.
    pub fn sell(&mut self, then: &CycleInput, with: &CycleInput, forwards: &[Forward]) {
        let at = then.seen.at;
        let Some(before) = self.counted.replace(at) else {
            self.span = Some((at, at));
            return;
        };
        if let Some((_, last)) = &mut self.span {
            *last = at;
        }
        let days = at.days_since(before);
        for (point, channel) in &then.seen.channels {
            let with = with.seen.channels.get(point);
            let policies = (channel.policy, with.and_then(|channel| channel.policy));
            if let (Some(then), Some(with)) = policies {
                let account = self.account(*point);
                account.days += days;
                account.ppm_days.0 += days * then.fees.outbound.as_f64();
                account.ppm_days.1 += days * with.fees.outbound.as_f64();
            }
        }
        let (first, _) = self.span.unwrap_or((at, at));
        for forward in forwards.iter().filter(|f| f.settled_at > first) {
            self.sell_one(then, with, forward);
        }
    }

    fn sell_one(&mut self, then: &CycleInput, with: &CycleInput, forward: &Forward) {
        let point = self.then.left_by(forward);
        let seen = |input: &CycleInput| {
            let channel = input.seen.channels.get(&point?)?;
            Some((channel.policy?.fees, channel.spendable()))
        };
        let elasticities = self.elasticities.clone();
        let (account, fees) = match (point, seen(then), seen(with)) {
            (Some(point), Some((then, spendable)), Some((with, _))) => {
                (self.account(point), Some((then, with, spendable)))
            }
            _ => (&mut self.elsewhere, None),
        };
        account.forwards += 1;
        account.then = Msat(account.then.0.saturating_add(forward.fee.0));
        let amount = forward.amount_out;
        let each = elasticities.iter().zip(&mut account.with_msat);
        for ((elasticity, earned), sold_more) in each.zip(&mut account.sold_more_msat) {
            let Some((then, with, spendable)) = &fees else {
                *earned += msat(forward.fee);
                continue;
            };
            let dearer = price_msat(with, amount) - price_msat(then, amount);
            let fee = (msat(forward.fee) + dearer).max(0.0);
            let share = elasticity.share(price_ppm(then, amount), price_ppm(with, amount));
            let there = (spendable.as_f64() * 1e3 - *sold_more).max(0.0);
            let more = ((share - 1.0) * msat(amount)).min(there);
            *sold_more += more;
            *earned += fee * (1.0 + more / msat(amount).max(1.0));
        }
    }

    /// Decides in both, and makes what would have been written. After
    /// [`Track::meet`] and [`Track::count`] of [`Self::with`].
    pub fn decide(&mut self, then: &CycleInput, with: &CycleInput, wrote: &[Wrote]) {
        self.with.watch(with);
        let learned = &self.then.memory.node.market;
        let held = &mut self.with.memory.node.market;
        held.level = learned.level;
        held.unannounced_level = learned.unannounced_level;
        let decided_then = self.then.decide(then);
        let decided_with = self.with.decide(with);
        let counts = self.counted.is_some();
        for decision in &decided_with {
            let Verdict::Change { to } = decision.verdict else {
                continue;
            };
            let point = decision.point;
            let mut others = decided_then.iter().filter(|other| other.point == point);
            let also_then = others.any(|other| {
                other.verdict == decision.verdict && other.current == decision.current
            });
            if also_then {
                for wrote in wrote.iter().filter(|wrote| wrote.point == point) {
                    self.with.wrote(wrote);
                }
            } else if let Some(memory) = self.with.memory.channels.get_mut(&point) {
                let from = decision.current.unwrap_or_default();
                write::begun(&mut memory.fee, from, to, decision.at);
                write::ended(&mut memory.fee, to, WriteOutcome::Confirmed, decision.at);
            }
            self.posted.insert(
                point,
                Posted {
                    fees: to,
                    as_then: also_then,
                },
            );
            if counts {
                self.account(point).moves_with.push(decision.clone());
            }
        }
        for decision in decided_then {
            if counts && matches!(decision.verdict, Verdict::Change { .. }) {
                self.account(decision.point).moves_then.push(decision);
            }
        }
        for wrote in wrote {
            self.then.wrote(wrote);
        }
    }

    fn account(&mut self, point: ChannelPoint) -> &mut Account {
        let fresh = || account(&self.elasticities);
        self.accounts.entry(point).or_insert_with(fresh)
    }

    /// The first and the last turn that counted.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// What would hold for each channel, as of the last turn.
    pub fn settings(&self) -> &BTreeMap<ChannelPoint, ChannelSettings> {
        &self.settings
    }

    /// Each channel's share.
    pub fn accounts(&self) -> &BTreeMap<ChannelPoint, Account> {
        &self.accounts
    }

    /// The share of forwards whose channel is not known.
    pub fn elsewhere(&self) -> &Account {
        &self.elsewhere
    }
}

fn account(elasticities: &[Elasticity]) -> Account {
    Account {
        with_msat: vec![0.0; elasticities.len()],
        sold_more_msat: vec![0.0; elasticities.len()],
        ..Account::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::keys::{CHANNEL_KEYS, Value, find};
    use crate::settings::values::Mode;
    use crate::signals::level::Learning;
    use crate::state::memory::Memory;
    use crate::testing::{channel, point};
    use crate::types::channel::ChannelIds;
    use crate::types::observation::Observation;
    use crate::types::units::FeePpm;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn book(mode: Mode) -> SettingsLayers {
        let mut book = SettingsLayers::default();
        let key = find(CHANNEL_KEYS, "mode").expect("a key");
        book.defaults.set(key, Value::Mode(mode));
        book
    }

    fn start() -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }

    /// Two channels whose fee is and stays `ppm`, seen `hours` after the start.
    fn input(ppm: u32, hours: u32) -> CycleInput {
        let channels = [1, 2].map(|n| {
            let mut channel = channel(n);
            let policy = channel.policy.as_mut().expect("a policy");
            (policy.fees.base_fee_msat, policy.fees.outbound) = (0, FeePpm(ppm));
            (channel.point, channel)
        });
        let seen = Observation {
            at: start().plus(HOUR * hours),
            channels: channels.into(),
            ..Observation::default()
        };
        CycleInput::new(seen, &book(Mode::Observe), false, start())
    }

    /// A forward out of channel 2 in the first hour, which paid `ppm`.
    fn forward(sat: u64, ppm: u64) -> Forward {
        let (amount, fee) = (sat * 1_000, sat * ppm / 1_000);
        Forward {
            settled_at: start().plus(HOUR / 2),
            scid_in: channel(1).scid,
            scid_out: channel(2).scid,
            amount_in: Msat(amount + fee),
            amount_out: Msat(amount),
            fee: Msat(fee),
        }
    }

    /// What channel 2 came to, posted at `then` ppm, with `tried` instead.
    fn account_of(
        then: u32,
        tried: Mode,
        elasticities: &[f64],
        forwards: &[Forward],
    ) -> (Account, Backtest) {
        let elasticities = elasticities.iter().map(|e| Elasticity::new(*e));
        let elasticities: Vec<Elasticity> = elasticities.map(|e| e.expect("good")).collect();
        let checkpoint = Checkpoint::of(&Memory::default(), &ChannelIds::default(), true);
        let mut backtest = Backtest::new(checkpoint, book(tried), elasticities);
        for (hour, sold) in [(0, &[][..]), (1, forwards)] {
            let input = input(then, hour);
            backtest.then.meet(&input);
            let with = backtest.counterpart(&input);
            backtest.with.meet(&with);
            backtest.sell(&input, &with, sold);
            backtest.decide(&input, &with, &[]);
        }
        (backtest.accounts()[&point(2)].clone(), backtest)
    }

    #[test]
    fn a_dearer_price_earns_what_the_hand_computes() {
        let sold = [forward(100_000, 100)];
        let pinned = Mode::Pin(FeePpm(300));
        let (account, _) = account_of(100, pinned, &[0.0, 1.0, 1.5], &sold);
        assert_eq!(account.then, Msat(10_000));
        // 30,000 msat each: all of it, a fifth, 4 / 28.
        let expected = [30_000.0, 6_000.0, 30_000.0 / 7.0];
        for (earned, expected) in account.with_msat.iter().zip(expected) {
            assert!((earned - expected).abs() < 1e-6, "{earned} {expected}");
        }
        assert_eq!(account.moves_then, vec![]);
        let to = account.moves_with[0].rate();
        assert_eq!((account.moves_with.len(), to), (1, Some(FeePpm(300))));
        let (then, with) = account.mean_ppm().expect("an hour");
        assert!((then - 100.0).abs() < 1e-9 && (with - 300.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_sold_more_comes_out_of_what_the_channel_held() {
        // At a third of the price and elasticity 1, 1.8 times as much: 0.8 of
        // 400,000 sat more, of which 490,000 are there to be sold in all.
        let sold = [forward(400_000, 300), forward(400_000, 300)];
        let pinned = Mode::Pin(FeePpm(100));
        let (account, _) = account_of(300, pinned, &[0.0, 1.0], &sold);
        assert_eq!(account.then, Msat(240_000));
        let (unmoved, moved) = (account.with_msat[0], account.with_msat[1]);
        assert!((unmoved - 80_000.0).abs() < 1e-6);
        let in_all = 40_000.0 * 1.8 + 40_000.0 * (1.0 + 170_000.0 / 400_000.0);
        assert!((moved - in_all).abs() < 1e-6, "{moved} {in_all}");
    }

    #[test]
    fn where_nothing_is_set_each_elasticity_gives_what_was_earned() {
        let sold = [forward(12_345, 77), forward(400_000, 300)];
        let (account, backtest) = account_of(250, Mode::Observe, &[0.3, 1.5], &sold);
        let earned = msat(account.then);
        assert_eq!(account.with_msat, [earned, earned]);
        assert_eq!(backtest.with.memory, backtest.then.memory);
    }

    #[test]
    fn the_level_is_the_one_learned_then() {
        let checkpoint = Checkpoint::of(&Memory::default(), &ChannelIds::default(), true);
        let mut backtest = Backtest::new(checkpoint, book(Mode::Manage), vec![]);
        let level = |track: &Track| track.memory.node.market.level;
        let at_first = level(&backtest.then);
        for hour in 0..24 * 30 {
            let input = input(600, hour);
            backtest.then.meet(&input);
            let with = backtest.counterpart(&input);
            backtest.with.meet(&with);
            backtest.decide(&input, &with, &[]);
        }
        assert_ne!(level(&backtest.then), at_first);
        assert_eq!(level(&backtest.with), level(&backtest.then));
        let unannounced = |track: &Track| track.memory.node.market.unannounced_level;
        let market = &mut backtest.then.memory.node.market;
        let learning = Learning::default();
        market.unannounced_level.watch(30.0, 1.0, 5.0, &learning);
        assert_ne!(unannounced(&backtest.with), unannounced(&backtest.then));
        let later = input(600, 24 * 30);
        let with = backtest.counterpart(&later);
        backtest.decide(&later, &with, &[]);
        assert_eq!(unannounced(&backtest.with), unannounced(&backtest.then));
    }

    #[test]
    fn a_forward_from_before_the_stretch_or_of_no_known_channel_is_no_gain() {
        let before = Forward {
            settled_at: start(),
            ..forward(100_000, 100)
        };
        let stray = Forward {
            scid_out: crate::types::channel::Scid(9),
            ..forward(50_000, 100)
        };
        let pinned = Mode::Pin(FeePpm(300));
        let (account, backtest) = account_of(100, pinned, &[0.3, 1.0], &[before, stray]);
        assert_eq!(account.forwards, 0);
        assert_eq!(backtest.elsewhere().then, Msat(5_000));
        assert_eq!(backtest.elsewhere().with_msat, [5_000.0, 5_000.0]);
    }
}
