//! The forwards of a recent stretch, by channel and peer: what the managers'
//! databases give them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelIds, ChannelPoint, PeerId};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_market::drive::Tick;
use sweetspot_market::math;

/// One end of a forward.
pub type End = Option<(ChannelPoint, PeerId)>;

/// A settled forward.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// When it settled.
    pub at: Timestamp,
    /// Where it entered.
    pub enter: End,
    /// Where it left.
    pub leave: End,
    /// What came in, in sat.
    pub in_sat: f64,
    /// What went out, in sat.
    pub out_sat: f64,
    /// What we earned, in sat.
    pub fee_sat: f64,
}

/// A sum per key.
pub type Sums<K> = BTreeMap<K, f64>;

/// Forwards of the last `span`.
#[derive(Clone, Debug)]
pub struct Flows {
    span: Duration,
    ids: ChannelIds,
    peers: BTreeMap<ChannelPoint, PeerId>,
    kept: VecDeque<Flow>,
}

impl Flows {
    /// None yet.
    pub fn of_last(span: Duration) -> Self {
        Self {
            span,
            ids: ChannelIds::default(),
            peers: BTreeMap::new(),
            kept: VecDeque::new(),
        }
    }

    /// Forwards of the last `days`.
    pub fn of_days(days: f64) -> Self {
        Self::of_last(Duration::from_secs_f64(days * 86_400.0))
    }

    /// Takes in what a tick tells, and forgets what is too old.
    pub fn learn(&mut self, tick: &Tick<'_>) {
        for channel in tick.seen.channels.values() {
            self.ids.learn(channel);
            self.peers.insert(channel.point, channel.peer);
        }
        for forward in tick.forwards {
            let end = |scid| {
                let point = self.ids.resolve(scid)?;
                Some((point, *self.peers.get(&point)?))
            };
            let sat = |amount: Msat| math::float(amount.0) / 1_000.0;
            self.kept.push_back(Flow {
                at: forward.settled_at,
                enter: end(forward.scid_in),
                leave: end(forward.scid_out),
                in_sat: sat(forward.amount_in),
                out_sat: sat(forward.amount_out),
                fee_sat: sat(forward.fee),
            });
        }
        let oldest = tick.seen.at.minus(self.span);
        while self.kept.front().is_some_and(|flow| flow.at < oldest) {
            self.kept.pop_front();
        }
    }

    /// Those since a moment.
    pub fn since(&self, at: Timestamp) -> impl Iterator<Item = &Flow> {
        self.kept.iter().filter(move |flow| flow.at >= at)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.kept.iter()
    }
}

/// Sums `value` over flows, by `key`; flows without one are left out.
pub fn sum<'a, K: Ord>(
    flows: impl Iterator<Item = &'a Flow>,
    key: impl Fn(&Flow) -> Option<K>,
    value: impl Fn(&Flow) -> f64,
) -> Sums<K> {
    let mut sums = Sums::new();
    for flow in flows {
        if let Some(key) = key(flow) {
            *sums.entry(key).or_insert(0.0) += value(flow);
        }
    }
    sums
}

/// The peer at the entering end.
pub fn peer_in(flow: &Flow) -> Option<PeerId> {
    flow.enter.map(|(_, peer)| peer)
}

/// The peer at the leaving end.
pub fn peer_out(flow: &Flow) -> Option<PeerId> {
    flow.leave.map(|(_, peer)| peer)
}

/// A key's sum, 0 if it has none.
pub fn of<K: Ord>(sums: &Sums<K>, key: K) -> f64 {
    sums.get(&key).copied().unwrap_or(0.0)
}
