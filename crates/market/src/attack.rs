//! An attacker: somebody who pays, or only locks liquidity, to move our fees
//! or to spoil our income.
//!
//! It aims at the node's largest announced channels, which anybody can read off
//! the public graph, acts at equal intervals, and knows our fees and its own
//! odds exactly, so that what it spends is the least such an attack can cost.
//! Its choices come from a stream of its own: the honest payments, outages and
//! closes of a world are the same with and without it.
//!
//! What it pays to other nodes on its way to us is left out, as if it were our
//! peer itself; see [`AttackAccount`] for what is counted.

use serde::Serialize;

use sweetspot_core::types::time::Timestamp;

use super::market_map::{Kind, MarketMap};
use super::math;
use super::payment::seconds;
use super::random::{Purpose, Random};
use super::scenario::attack::{AttackKind, AttackRules};

pub(super) const DAY_SECS: f64 = 86_400.0;

/// What an attack was and what it cost its author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AttackAccount {
    /// Acts tried.
    pub acts: u64,
    /// HTLCs we forwarded.
    pub forwarded: u64,
    /// HTLCs we refused, for lack of balance or an absent peer.
    pub refused: u64,
    /// Fees paid to us, in msat.
    pub fees_msat: u64,
    /// What the author's HTLCs bound of its own, in sat-days.
    pub author_locked_sat_days: f64,
    /// What they bound of ours, in sat-days.
    pub our_locked_sat_days: f64,
    /// Days for which it kept its own channels with us offline.
    pub offline_days: f64,
}

impl AttackAccount {
    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.acts += other.acts;
        self.forwarded += other.forwarded;
        self.refused += other.refused;
        self.fees_msat += other.fees_msat;
        self.author_locked_sat_days += other.author_locked_sat_days;
        self.our_locked_sat_days += other.our_locked_sat_days;
        self.offline_days += other.offline_days;
    }
}

/// An attacker in a world.
#[derive(Clone, Debug)]
pub(super) struct Attacker {
    pub(super) rules: AttackRules,
    /// Peers by falling capacity: the first [`AttackRules::targets`] are aimed
    /// at, the others serve to enter by.
    pub(super) peers: Vec<usize>,
    pub(super) turn: usize,
    pub(super) ends_at: Timestamp,
    pub(super) random: Random,
    pub(super) account: AttackAccount,
}

/// Whom an act aims at, as indices into [`Attacker::peers`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) target: usize,
    /// Where to enter by, if it can carry the amount: the next largest peer for
    /// a wash, a random other one else.
    pub(super) entry: usize,
    /// Whether a wash is on its way back.
    pub(super) back: bool,
}

impl Attacker {
    /// One that obeys these rules, in a world whose warm-up ends at `warm_at`.
    pub(super) fn new(rules: AttackRules, map: &MarketMap, seed: u64, warm_at: Timestamp) -> Self {
        let announced =
            (0..map.open_at_start).filter(|peer| map.peers[*peer].kind != Kind::Private);
        let mut peers: Vec<usize> = announced.collect();
        // Equal capacities go by the node's number, not by the order of peers.
        peers.sort_by_key(|peer| {
            let peer = &map.peers[*peer];
            (std::cmp::Reverse(peer.capacity_sat), peer.node)
        });
        let days = rules.after_days + rules.for_days;
        Self {
            rules,
            peers,
            turn: 0,
            ends_at: warm_at.plus(seconds(days * DAY_SECS)),
            random: Random::stream(seed, Purpose::Attack, 0),
            account: AttackAccount::default(),
        }
    }

    /// When it first acts.
    pub(super) fn begins_at(&self, warm_at: Timestamp) -> Timestamp {
        warm_at.plus(seconds(self.rules.after_days * DAY_SECS))
    }

    /// Whom the next act aims at; `None` without a second announced peer.
    pub(super) fn aim(&mut self) -> Option<Aim> {
        let peers = self.peers.len();
        let targets = self.rules.targets.clamp(1, peers.max(1));
        let (round, target) = (self.turn / targets, self.turn % targets);
        self.turn += 1;
        let others = peers.checked_sub(1).filter(|n| *n > 0)?;
        let step = match self.rules.kind {
            AttackKind::Wash => 1,
            _ => 1 + self.random.below(others),
        };
        Some(Aim {
            target,
            entry: (target + step) % peers,
            back: !round.is_multiple_of(2),
        })
    }

    /// The HTLC's author: what it bound, and for how long.
    pub(super) fn bind(&mut self, amount_in: u64, amount_out: u64, days: f64) {
        self.account.forwarded += 1;
        self.account.author_locked_sat_days += math::float(amount_in) / 1_000.0 * days;
        self.account.our_locked_sat_days += math::float(amount_out) / 1_000.0 * days;
    }

    /// A fee of its was earned by us.
    pub(super) fn pay(&mut self, fee_msat: u64) {
        self.account.fees_msat += fee_msat;
    }
}
