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

mod acts;

use serde::{Deserialize, Serialize};

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;

use super::market_map::{Kind, MarketMap};
use super::math;
use super::payment::seconds;
use super::random::{Purpose, Random};
use super::world::World;

const DAY_SECS: f64 = 86_400.0;

/// What an attacker does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttackKind {
    /// Forwards of `amount_sat` leave by a target and settle: one sat every few
    /// minutes keeps a meter awake, thousands of them lower a mean amount.
    Dust,
    /// The author's own two peers pay each other there and back over us, so
    /// that demand seems to be what it is not.
    Wash,
    /// HTLCs that leave by a target stay pending for `hold_secs`, then fail.
    Hang,
    /// HTLCs of random amounts, up to the target's capacity, that fail: at us
    /// if we have too little, further on otherwise.
    Probe,
    /// A target's peer goes away for `hold_secs`, and comes back.
    Flap,
}

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackRules {
    /// What is done.
    pub kind: AttackKind,
    /// Seconds between two acts.
    pub every_secs: f64,
    /// The amount that leaves our node in one act, at most, in sat.
    #[serde(default = "one")]
    pub amount_sat: f64,
    /// How long an HTLC is pending, or a peer away, in seconds.
    #[serde(default = "one")]
    pub hold_secs: f64,
    /// How many of our largest channels are aimed at, in turn. Of a wash, each
    /// pairs with the next largest.
    #[serde(default = "one_target")]
    pub targets: usize,
    /// When it begins, in days after the warm-up.
    #[serde(default)]
    pub after_days: f64,
    /// How long it goes on, in days.
    #[serde(default = "for_good")]
    pub for_days: f64,
}

fn one() -> f64 {
    1.0
}

fn one_target() -> usize {
    1
}

/// Longer than any scenario.
fn for_good() -> f64 {
    1e6
}

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
    rules: AttackRules,
    /// Peers by falling capacity: the first [`AttackRules::targets`] are aimed
    /// at, the others serve to enter by.
    peers: Vec<usize>,
    turn: usize,
    ends_at: Timestamp,
    random: Random,
    account: AttackAccount,
}

/// Whom an act aims at, as indices into [`Attacker::peers`].
#[derive(Clone, Copy, Debug)]
struct Aim {
    target: usize,
    /// Where to enter by, if it can carry the amount: the next largest peer for
    /// a wash, a random other one else.
    entry: usize,
    /// Whether a wash is on its way back.
    back: bool,
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
    fn aim(&mut self) -> Option<Aim> {
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
    fn bind(&mut self, amount_in: u64, amount_out: u64, days: f64) {
        self.account.forwarded += 1;
        self.account.author_locked_sat_days += math::float(amount_in) / 1_000.0 * days;
        self.account.our_locked_sat_days += math::float(amount_out) / 1_000.0 * days;
    }

    /// A fee of its was earned by us.
    pub(super) fn pay(&mut self, fee_msat: u64) {
        self.account.fees_msat += fee_msat;
    }
}

impl World {
    /// What the scenario's attack was and cost so far; `None` without one.
    pub fn attack_account(&self) -> Option<AttackAccount> {
        self.attacker.as_ref().map(|attacker| attacker.account)
    }

    /// The open channels aimed at.
    pub fn attack_targets(&self) -> Vec<ChannelPoint> {
        let Some(attacker) = &self.attacker else {
            return vec![];
        };
        let aimed = attacker.peers.iter().take(attacker.rules.targets.max(1));
        let aimed: Vec<usize> = aimed.copied().collect();
        let links = self.links.iter().flatten();
        let hit = links.filter(|link| aimed.contains(&link.peer) && !link.private);
        hit.map(|link| link.point).collect()
    }
}
