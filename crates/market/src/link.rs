//! One of our channels: who holds which msat, and what senders know of its fee.

use std::collections::VecDeque;
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts, Policy, Scid};
use sweetspot_core::types::observation::CloseType;
use sweetspot_core::types::time::Timestamp;

use super::math;
use super::meter::{Balances, Meter};
use super::random::Random;

/// What the commitment pays for fees and anchors, in msat: 2,810 sat of fee
/// (1,124 weight at LND's anchor cap of 10 sat/vB) and two anchors of 330 sat.
pub const COMMIT_OVERHEAD_MSAT: u64 = 3_470_000;
/// LND switches a direction off so long after losing the peer, ...
const DISABLES_AFTER: Duration = Duration::from_secs(20 * 60);
/// ... and on again so long after it came back.
const ENABLES_AFTER: Duration = Duration::from_secs(19 * 60);

/// An open channel of ours. Amounts are msat.
#[derive(Clone, Debug)]
pub struct Link {
    /// Tells this channel from one that had its slot before.
    pub serial: u64,
    /// Index of the peer in the map.
    pub peer: usize,
    /// Its funding outpoint.
    pub point: ChannelPoint,
    /// Its name in forwards: the alias if it was opened zero-conf.
    pub scid: Scid,
    /// The confirmed scid behind an alias.
    pub confirmed_scid: Option<Scid>,
    /// When it was opened (for those of the start: the start).
    pub opened_at: Timestamp,
    /// Its capacity.
    pub capacity: u64,
    /// Our settled balance.
    pub local: u64,
    /// The peer's settled balance.
    pub remote: u64,
    /// What we offered in pending HTLCs.
    pub pending_out: u64,
    /// What the peer offered in pending HTLCs.
    pub pending_in: u64,
    /// What each side must keep.
    pub reserve: u64,
    /// Whether we opened it.
    pub initiator: bool,
    /// Whether it is unannounced.
    pub private: bool,
    /// Our policy.
    pub policy: Policy,
    /// Fees of the recent past and until when they held, oldest first.
    past: VecDeque<(Timestamp, FeeParts)>,
    offline_since: Option<Timestamp>,
    disabled_until: Timestamp,
    /// Set once it is to close: nothing new is accepted.
    pub closing: Option<CloseType>,
    /// What our hop costs a sender beside our fee, by amount class.
    pub risks: Vec<f64>,
    /// Its account.
    pub meter: Meter,
    /// Its own stream, for outages.
    pub random: Random,
}

/// How a new link's funds and identity are set.
#[derive(Clone, Debug)]
pub struct Founding {
    /// See [`Link::serial`].
    pub serial: u64,
    /// See [`Link::peer`].
    pub peer: usize,
    /// See [`Link::point`].
    pub point: ChannelPoint,
    /// See [`Link::scid`].
    pub scid: Scid,
    /// See [`Link::confirmed_scid`].
    pub confirmed_scid: Option<Scid>,
    /// See [`Link::capacity`].
    pub capacity: u64,
    /// Our share of what either side may own, 0 to 1.
    pub local_share: f64,
    /// See [`Link::initiator`].
    pub initiator: bool,
    /// See [`Link::private`].
    pub private: bool,
    /// See [`Link::policy`].
    pub policy: Policy,
    /// See [`Link::risks`].
    pub risks: Vec<f64>,
    /// See [`Link::random`].
    pub random: Random,
}

impl Link {
    /// A link as founded, `now`.
    pub fn new(founding: Founding, now: Timestamp) -> Self {
        let free = founding.capacity.saturating_sub(COMMIT_OVERHEAD_MSAT);
        let local = math::whole(math::float(free) * founding.local_share).min(free);
        Self {
            serial: founding.serial,
            peer: founding.peer,
            point: founding.point,
            scid: founding.scid,
            confirmed_scid: founding.confirmed_scid,
            opened_at: now,
            capacity: founding.capacity,
            local,
            remote: free - local,
            pending_out: 0,
            pending_in: 0,
            reserve: founding.capacity / 100,
            initiator: founding.initiator,
            private: founding.private,
            policy: founding.policy,
            past: VecDeque::new(),
            offline_since: None,
            disabled_until: now,
            closing: None,
            risks: founding.risks,
            meter: Meter::new(now, founding.policy.fees.outbound.as_f64()),
            random: founding.random,
        }
    }

    /// Whether the peer is there.
    pub fn online(&self) -> bool {
        self.offline_since.is_none()
    }

    /// Marks the peer gone.
    pub fn disconnect(&mut self, now: Timestamp) {
        self.offline_since.get_or_insert(now);
    }

    /// Marks the peer back.
    pub fn reconnect(&mut self, now: Timestamp) {
        let since = self.offline_since.take();
        if since.is_some_and(|since| now.since(since) >= DISABLES_AFTER) {
            self.disabled_until = now.plus(ENABLES_AFTER);
        }
    }

    /// Whether our direction is switched off, so that senders pass it over.
    pub fn disabled(&self, now: Timestamp) -> bool {
        let long_gone = |since| now.since(since) >= DISABLES_AFTER;
        self.closing.is_some()
            || now < self.disabled_until
            || self.offline_since.is_some_and(long_gone)
    }

    /// The fees a sender goes by whose knowledge dates from `then`.
    pub fn fees_known(&self, then: Timestamp) -> FeeParts {
        let held = self.past.iter().find(|(until, _)| *until > then);
        held.map_or(self.policy.fees, |(_, fees)| *fees)
    }

    /// Replaces the fees; what nobody can remember any more (`forget` after it
    /// ended) is dropped.
    pub fn set_fees(&mut self, fees: FeeParts, now: Timestamp, forget: Duration) {
        let (from, to) = (self.policy.fees.outbound, fees.outbound);
        self.meter.update(now, from.as_f64(), to.as_f64());
        self.past.push_back((now, self.policy.fees));
        self.policy.fees = fees;
        while self
            .past
            .front()
            .is_some_and(|(until, _)| now.since(*until) > forget)
        {
            self.past.pop_front();
        }
    }

    /// Whether we can offer an HTLC of this size.
    pub fn can_send(&self, amount: u64) -> bool {
        self.local >= amount.saturating_add(self.reserve)
    }

    /// Whether the peer can.
    pub fn can_receive(&self, amount: u64) -> bool {
        self.remote >= amount.saturating_add(self.reserve)
    }

    /// We offer an HTLC. Callers check [`can_send`](Self::can_send) first.
    pub fn offer(&mut self, amount: u64) {
        self.local -= amount;
        self.pending_out += amount;
    }

    /// The peer offers an HTLC, after [`can_receive`](Self::can_receive).
    pub fn accept(&mut self, amount: u64) {
        self.remote -= amount;
        self.pending_in += amount;
    }

    /// An HTLC we offered ends: with the peer if it settles.
    pub fn end_offered(&mut self, amount: u64, settled: bool) {
        self.pending_out -= amount;
        if settled {
            self.remote += amount;
        } else {
            self.local += amount;
        }
    }

    /// An HTLC the peer offered ends: with us if it settles.
    pub fn end_accepted(&mut self, amount: u64, settled: bool) {
        self.pending_in -= amount;
        if settled {
            self.local += amount;
        } else {
            self.remote += amount;
        }
    }

    /// Whether no HTLC is pending.
    pub fn idle(&self) -> bool {
        self.pending_in == 0 && self.pending_out == 0
    }

    /// Accounts for the time up to `now`; due before any balance changes.
    pub fn read_meter(&mut self, now: Timestamp, target_ratio: f64) {
        let balances = self.balances();
        self.meter.read(now, balances, target_ratio);
    }

    /// Pending HTLCs counted for who offered them, the overhead for who pays.
    pub fn balances(&self) -> Balances {
        let (ours, theirs) = if self.initiator {
            (COMMIT_OVERHEAD_MSAT, 0)
        } else {
            (0, COMMIT_OVERHEAD_MSAT)
        };
        Balances {
            capacity: self.capacity,
            local: self.local + self.pending_out + ours,
            remote: self.remote + self.pending_in + theirs,
        }
    }
}
