//! The node itself: the world, and what an LND around it remembers of it.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, PeerId};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Sat;
use sweetspot_lnd::LndVersion;
use sweetspot_market::htlc::HtlcEvent;
use sweetspot_market::view::PeerInfo;
use sweetspot_market::world::World;

use super::bakery::Bakery;
use super::clock::VirtualClock;
use super::faults::Faults;
use super::history::History;
use super::listed::{Listed, Terms};
use super::messages;
use super::records::{Closed, Record};
use super::signals::Signals;

/// How long the world goes on unwatched: what the node remembers of channels
/// (when they closed, for how long they were there) is as fine as this.
const LONGEST_STEP: Duration = Duration::from_secs(3_600);

/// Who the node says it is.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub key: PeerId,
    pub alias: String,
    /// As GetInfo tells it.
    pub version: String,
    pub release: LndVersion,
}

#[derive(Debug)]
pub(super) struct Core {
    pub world: World,
    pub clock: VirtualClock,
    pub name: Name,
    pub peers: BTreeMap<PeerId, PeerInfo>,
    pub history: History,
    pub records: BTreeMap<ChannelPoint, Record>,
    pub closed: Vec<Closed>,
    pub terms: BTreeMap<ChannelPoint, Terms>,
    pub faults: Faults,
    pub bakery: Bakery,
    pub signals: Signals,
    /// How often each RPC was called, refused calls included.
    pub calls: BTreeMap<String, u64>,
    pub synced_at: Timestamp,
    was_down: bool,
}

impl Core {
    pub fn new(world: World, clock: VirtualClock, name: Name) -> Self {
        let mut core = Self {
            peers: world.peers(),
            synced_at: world.now(),
            was_down: world.is_down(),
            world,
            clock,
            name,
            history: History::default(),
            records: BTreeMap::new(),
            closed: vec![],
            terms: BTreeMap::new(),
            faults: Faults::default(),
            bakery: Bakery::default(),
            signals: Signals::default(),
            calls: BTreeMap::new(),
        };
        core.look();
        core
    }

    /// What the node's clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.local()
    }

    /// Brings the world up to the clock, and hears what happened on the way.
    pub fn sync(&mut self) {
        let now = self.clock.world();
        loop {
            self.step(now.min(self.synced_at.plus(LONGEST_STEP)));
            if self.synced_at >= now {
                return;
            }
        }
    }

    fn step(&mut self, to: Timestamp) {
        self.world.step_until(to);
        let forwards = self.world.drain_forwards();
        let htlcs = self.world.drain_htlc_events();
        self.look();
        self.count(&forwards, &htlcs);
        for forward in forwards {
            self.history.add(Forward {
                settled_at: self.clock.to_local(forward.settled_at),
                ..forward
            });
        }
        self.history.trim(self.now());
        for event in &htlcs {
            let at = self.clock.to_local(event.at);
            self.signals
                .htlc(messages::htlc_event(event, at, self.world.tip()));
        }
        self.forget_closed();
        if self.world.is_down() && !self.was_down {
            self.signals.end_streams();
        }
        self.was_down = self.world.is_down();
        self.synced_at = to;
    }

    /// The open channels as the node lists them, in order.
    pub fn listed(&self) -> Vec<Listed> {
        let tip = self.world.tip();
        let mut listed: Vec<_> = self
            .world
            .channels()
            .map(|channel| self.list(Listed::new(channel, tip)))
            .collect();
        listed.sort_by_key(|listed| listed.channel.point);
        listed
    }

    fn list(&self, mut listed: Listed) -> Listed {
        let channel = &mut listed.channel;
        // LND rounds each HTLC, not their sum.
        (channel.pending_in, channel.pending_out) = (Sat(0), Sat(0));
        for htlc in self.world.pending_htlcs(channel.point) {
            let side = match htlc.incoming {
                true => &mut channel.pending_in,
                false => &mut channel.pending_out,
            };
            side.0 += htlc.amount.0 / 1_000;
        }
        if let (Some(policy), Some(terms)) = (&mut channel.policy, self.terms.get(&channel.point)) {
            *policy = terms.imposed_on(*policy);
        }
        if self.faults.silent_peers.contains(&channel.point) {
            channel.peer_policy = None;
        }
        if self.faults.lost_edges.contains(&channel.point) {
            channel.policy = None;
            channel.peer_policy = None;
            listed.has_edge = false;
            listed.announced = false;
        }
        listed
    }

    /// Compares the world's channels with those remembered, and tells of what
    /// changed.
    fn look(&mut self) {
        let now = self.world.now();
        let passed = now.since(self.synced_at).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        for listed in self.listed() {
            let point = listed.channel.point;
            let Some(record) = self.records.get_mut(&point) else {
                self.signals.opened(&listed);
                let record = Record {
                    listed,
                    since: now,
                    active_nanos: 0,
                    sent_msat: 0,
                    received_msat: 0,
                    updates: 0,
                };
                self.records.insert(point, record);
                continue;
            };
            let before = std::mem::replace(&mut record.listed, listed);
            let active = record.listed.channel.active;
            if active {
                record.active_nanos = record.active_nanos.saturating_add(passed);
            }
            if before.channel.active != active {
                self.signals.switched(point, active);
            }
            let switch = |listed: &Listed| listed.channel.policy.map(|policy| policy.disabled);
            if switch(&before) != switch(&record.listed) {
                self.touch(point);
            }
        }
    }

    fn count(&mut self, forwards: &[Forward], htlcs: &[HtlcEvent]) {
        let scids: BTreeMap<_, _> = self
            .records
            .values()
            .map(|record| (record.listed.channel.scid, record.listed.channel.point))
            .collect();
        let records = &mut self.records;
        let mut on = |scid, tally: &dyn Fn(&mut Record)| {
            if let Some(record) = scids.get(&scid).and_then(|point| records.get_mut(point)) {
                tally(record);
            }
        };
        for forward in forwards {
            on(forward.scid_in, &|record| {
                record.received_msat += forward.amount_in.0;
            });
            on(forward.scid_out, &|record| {
                record.sent_msat += forward.amount_out.0;
            });
        }
        for event in htlcs {
            on(event.scid_in, &|record| record.updates += 1);
            on(event.scid_out, &|record| record.updates += 1);
        }
    }

    fn forget_closed(&mut self) {
        let known = self.closed.len();
        let fresh = self.world.closed_channels().iter().skip(known).cloned();
        for closed in fresh.collect::<Vec<_>>() {
            let last = self.records.remove(&closed.point);
            self.terms.remove(&closed.point);
            let closed = Closed {
                closed,
                height: self.world.tip(),
                last: last.map(|record| record.listed),
            };
            self.signals.closed(&closed);
            self.closed.push(closed);
        }
    }

    /// An open channel.
    pub fn find(&self, point: ChannelPoint) -> Option<Listed> {
        let channel = self.world.channel(point)?;
        Some(self.list(Listed::new(channel, self.world.tip())))
    }
}
