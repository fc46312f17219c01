//! The market in motion: one virtual clock, one order of events.

mod accounts;
mod attacks;
mod events;
mod forwarding;

use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::observation::{ClosedChannel, Forward};
use sweetspot_core::types::time::Timestamp;

use super::attack::Attacker;
use super::demand::Demand;
use super::htlc::{Htlc, HtlcEvent};
use super::life;
use super::link::Link;
use super::market_map::MarketMap;
use super::meter::Account;
use super::payment::{OLDEST_LAG, Payment, seconds};
use super::random::{Purpose, Random};
use super::scenario::Scenario;
use super::sender::Memory;

use events::Event;
pub(crate) use events::EventKind;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY_SECS: f64 = 86_400.0;

/// No open channel has this channel point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the simulated node has no open channel {0}")]
pub struct NoSuchChannel(pub ChannelPoint);

/// A focal node in its market.
#[derive(Debug)]
pub struct World {
    pub(super) map: Arc<MarketMap>,
    pub(super) scenario: Scenario,
    /// Keys of the map's peers.
    pub(super) peer_ids: Vec<PeerId>,
    pub(super) seed: u64,
    started: Timestamp,
    pub(super) now: Timestamp,
    pub(super) links: Vec<Option<Link>>,
    pub(super) memory: Memory,
    pub(super) demand: Demand,
    pub(super) htlcs: BTreeMap<u64, Htlc>,
    pub(super) next_htlc: u64,
    pub(super) last_settled: Timestamp,
    pub(super) target_ratio: f64,
    pub(super) down: bool,
    pub(super) forwards: Vec<Forward>,
    pub(super) htlc_events: Vec<HtlcEvent>,
    arrivals: VecDeque<Payment>,
    events: BinaryHeap<Event>,
    planned: u64,
    pub(super) births: BTreeMap<usize, u64>,
    pub(super) waiting_peers: VecDeque<usize>,
    pub(super) next_serial: u64,
    pub(super) churn: Random,
    node_random: Random,
    pub(super) attacker: Option<Attacker>,
    pub(super) closed: Vec<ClosedChannel>,
    pub(super) finished: BTreeMap<ChannelPoint, Account>,
    /// What closed channels paid out to us less what new ones took, in msat.
    pub(super) wallet_msat: i128,
}

impl World {
    /// The scenario's node on its map, at the start. The map must be
    /// the survey of the same scenario (`seed` may differ).
    pub fn new(map: Arc<MarketMap>, scenario: &Scenario, seed: u64) -> Self {
        let started = Timestamp::from_secs(scenario.start_secs);
        let peers = map.peers.iter();
        let mut world = Self {
            peer_ids: peers.map(|peer| life::peer_id(peer.node)).collect(),
            scenario: scenario.clone(),
            seed,
            started,
            now: started,
            links: vec![],
            memory: Memory::new(&map),
            demand: Demand::new(&map, seed, started),
            htlcs: BTreeMap::new(),
            next_htlc: 0,
            last_settled: started,
            target_ratio: 0.5,
            down: false,
            forwards: vec![],
            htlc_events: vec![],
            arrivals: VecDeque::new(),
            events: BinaryHeap::new(),
            planned: 0,
            births: BTreeMap::new(),
            waiting_peers: (map.open_at_start..map.peers.len()).collect(),
            next_serial: 0,
            churn: Random::stream(seed, Purpose::Node, 1),
            node_random: Random::stream(seed, Purpose::Node, 0),
            attacker: None,
            closed: vec![],
            finished: BTreeMap::new(),
            wallet_msat: 0,
            map,
        };
        for peer in 0..world.map.open_at_start {
            let node = u64::try_from(world.map.peers[peer].node).unwrap_or(0);
            world.open(peer, true);
            let mut luck = Random::stream(seed, Purpose::Channel, node << 16 | 0xffff);
            if luck.chance(scenario.peers.parallel) {
                world.open(peer, true);
            }
        }
        world.wallet_msat = 0;
        world.plan(started, EventKind::Hour);
        if let Some(after) = life::down_after(scenario, &mut world.node_random) {
            world.plan(started.plus(after), EventKind::Down);
        }
        if let Some(rules) = scenario.attack {
            let warm_at = world.warm_at();
            let attacker = Attacker::new(rules, &world.map, seed, warm_at);
            world.plan(attacker.begins_at(warm_at), EventKind::Attack);
            world.attacker = Some(attacker);
        }
        world
    }

    /// Moves the clock to `to`, and everything up to and at that moment happens.
    pub fn step_until(&mut self, to: Timestamp) {
        loop {
            let event = self.events.peek().map(|event| event.at);
            let arrival = self.arrivals.front().map(|payment| payment.at);
            let window = Some(self.demand.next_window());
            let Some(next) = [event, window, arrival].into_iter().flatten().min() else {
                break;
            };
            if next > to {
                break;
            }
            self.now = self.now.max(next);
            if event == Some(next) {
                if let Some(event) = self.events.pop() {
                    self.happen(event.what);
                }
            } else if window == Some(next) {
                let payments = self.demand.window(&self.map, &self.scenario);
                self.arrivals.extend(payments);
                // A session may outlast its window.
                self.arrivals.make_contiguous().sort_by_key(|p| p.at);
            } else if let Some(payment) = self.arrivals.pop_front() {
                self.try_payment(&payment);
            }
        }
        self.now = self.now.max(to);
    }

    fn happen(&mut self, what: EventKind) {
        match what {
            EventKind::Resolve(id) => self.resolve(id),
            EventKind::Away(slot, serial) => {
                let (now, scenario) = (self.now, &self.scenario);
                if let Some(link) = linked(&mut self.links, slot, serial) {
                    link.disconnect(now);
                    let back = now.plus(life::away_for(scenario, &mut link.random));
                    self.plan(back, EventKind::Back(slot, serial));
                }
            }
            EventKind::Back(slot, serial) => {
                let (now, scenario) = (self.now, &self.scenario);
                if let Some(link) = linked(&mut self.links, slot, serial) {
                    link.reconnect(now);
                    if let Some(after) = life::away_after(scenario, &mut link.random) {
                        self.plan(now.plus(after), EventKind::Away(slot, serial));
                    }
                }
            }
            EventKind::Close(slot, serial) => self.start_closing(slot, serial),
            EventKind::Open => self.open_next(),
            EventKind::Down => {
                self.down = true;
                let span = life::down_for(&self.scenario, &mut self.node_random);
                self.plan(self.now.plus(span), EventKind::Up);
            }
            EventKind::Up => {
                self.down = false;
                if let Some(after) = life::down_after(&self.scenario, &mut self.node_random) {
                    self.plan(self.now.plus(after), EventKind::Down);
                }
            }
            EventKind::Hour => {
                self.read_meters();
                self.plan(self.now.plus(HOUR), EventKind::Hour);
            }
            EventKind::Attack => self.attack(),
            EventKind::FlapBack(slot, serial) => self.flap_back(slot, serial),
        }
    }

    pub(super) fn plan(&mut self, at: Timestamp, what: EventKind) {
        self.planned += 1;
        self.events.push(Event {
            at,
            order: self.planned,
            what,
        });
    }

    /// Replaces a channel's fees, as LND does: at once here, later in senders'
    /// minds.
    pub fn set_fees(&mut self, point: ChannelPoint, fees: FeeParts) -> Result<(), NoSuchChannel> {
        let (now, oldest) = (self.now, self.scenario.gossip_mean_secs * OLDEST_LAG);
        let found = self.links.iter_mut().flatten().find(|l| l.point == point);
        let link = found.ok_or(NoSuchChannel(point))?;
        link.set_fees(fees, now, seconds(oldest));
        // LND's update times strictly ascend.
        let secs = u32::try_from(now.secs()).unwrap_or(u32::MAX);
        let last = &mut link.policy.last_update_secs;
        *last = secs.max(last.saturating_add(1));
        Ok(())
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// When the run began.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// When the scenario's days are over (the world itself goes on).
    pub fn ends_at(&self) -> Timestamp {
        self.started.plus(seconds(self.scenario.days * DAY_SECS))
    }

    /// When the scenario's warm-up is over.
    pub fn warm_at(&self) -> Timestamp {
        let days = self.scenario.warm_up_days.min(self.scenario.days);
        self.started.plus(seconds(days * DAY_SECS))
    }

    /// Whether a policy begins only when the warm-up is over.
    pub fn is_take_over(&self) -> bool {
        self.scenario.take_over
    }

    /// Whether our own node is down.
    pub fn is_down(&self) -> bool {
        self.down
    }

    /// Takes the forwards settled since the last call, in order; their settle
    /// times are unique and ascend over all calls.
    pub fn drain_forwards(&mut self) -> Vec<Forward> {
        std::mem::take(&mut self.forwards)
    }

    /// Takes what befell HTLCs since the last call, in order.
    pub fn drain_htlc_events(&mut self) -> Vec<HtlcEvent> {
        std::mem::take(&mut self.htlc_events)
    }

    /// Every channel ever closed, in order.
    pub fn closed_channels(&self) -> &[ClosedChannel] {
        &self.closed
    }
}

/// The channel with this serial in this slot, unless it is closing.
pub(super) fn linked(links: &mut [Option<Link>], slot: usize, serial: u64) -> Option<&mut Link> {
    let link = links.get_mut(slot)?.as_mut();
    link.filter(|link| link.serial == serial && link.closing.is_none())
}
