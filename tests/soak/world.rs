//! What is there beside the daemon: a node with its channels and forwards, its
//! peers, the machine's clocks, and time that passes for all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sweetspot_core::ports::Clock;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts};
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::ClosedChannel;
use sweetspot_core::types::raw_forward::RawForward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Sat};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chance::Chance;
pub use crate::channels::{FIRST_CHANNELS, TIP, number, point, scid};
use crate::channels::{LND_DEFAULT, channel};
use crate::oracle::Oracle;

pub const SECOND: i64 = 1_000_000_000;
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);

/// When every story begins, in Unix seconds.
const BEGINS: i64 = 1_750_000_000;

/// How many events are told with a failure, unless `SWEETSPOT_TOLD` says otherwise.
const TOLD: usize = 60;

/// Everything; clones are the same world.
#[derive(Clone)]
pub struct World(Arc<(Mutex<State>, Notify)>);

pub struct State {
    pub chance: Chance,
    began: Instant,
    /// By how much the wall clock was set, in nanoseconds.
    pub set_by: i64,
    boots: u64,
    booted_at: i64,
    pub channels: BTreeMap<u16, Channel>,
    pub newest: u16,
    pub closed: Vec<ClosedChannel>,
    /// The forwarding history by settle time, odd records among it.
    pub history: BTreeMap<u64, RawForward>,
    /// Up to when forwards have happened, in nanoseconds of real time.
    lived_until: i64,
    /// Nothing goes wrong any more.
    pub calm: bool,
    /// How likely a call goes wrong.
    pub trouble: f64,
    /// How likely the daemon is killed at a call.
    pub deadly: f64,
    pub unsynced: bool,
    /// Another node stands at the address.
    pub swapped: bool,
    /// The database was bound to the node by a cycle that went well.
    pub is_bound: bool,
    /// Since this cycle.
    pub swapped_midway: bool,
    /// Updates that are done some time after their call was given up.
    pub late: Vec<(i64, ChannelPoint, FeeChange)>,
    pub observe_only: bool,
    pub oracle: Oracle,
    events: VecDeque<String>,
    told: usize,
    /// Everything that was told, as one number.
    pub digest: u64,
    dead: bool,
}

impl World {
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let fees = |n: u16| FeeParts {
            base_fee_msat: if n.is_multiple_of(3) { 1_000 } else { 0 },
            outbound: FeePpm(90 + 40 * u32::from(n)),
            ..FeeParts::default()
        };
        let channels = (1..=FIRST_CHANNELS)
            .map(|n| (n, channel(n, fees(n), chance.between(100_000, 1_900_000))))
            .collect();
        let state = State {
            chance,
            began: Instant::now(),
            set_by: 0,
            boots: 1,
            booted_at: 0,
            channels,
            newest: FIRST_CHANNELS,
            closed: vec![],
            history: BTreeMap::new(),
            lived_until: -20 * 86_400 * SECOND,
            calm: false,
            trouble: 0.0,
            deadly: 0.0,
            unsynced: false,
            swapped: false,
            is_bound: false,
            swapped_midway: false,
            late: vec![],
            observe_only: false,
            oracle: Oracle::default(),
            events: VecDeque::new(),
            told: crate::from_env("SWEETSPOT_TOLD").map_or(TOLD, |told| told as usize),
            digest: 0,
            dead: false,
        };
        let world = Self(Arc::new((Mutex::new(state), Notify::new())));
        world.live();
        world
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.0.0.lock() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    pub fn tell<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state())
    }

    /// Kills the daemon; its call never comes back.
    pub async fn die<T>(&self, at: &str) -> T {
        self.tell(|state| {
            state.event(format!("KILLED {at}"));
            state.dead = true;
        });
        self.0.1.notify_one();
        std::future::pending().await
    }

    /// Until the daemon is killed.
    pub async fn killed(&self) {
        self.0.1.notified().await;
        self.tell(|state| state.dead = false);
    }

    /// What happens up to now: forwards, and updates that were given up on.
    pub fn live(&self) {
        self.tell(State::live);
    }

    pub fn set_clock(&self, by_secs: i64) {
        self.tell(|state| {
            state.event(format!("clock set by {by_secs} s"));
            state.set_by += by_secs * SECOND;
            state.oracle.jumps += 1;
        });
    }

    pub fn rebooted(&self) {
        self.tell(|state| {
            state.boots += 1;
            state.booted_at = state.real();
            // The node was off as well.
            state.lived_until = state.real();
        });
    }

    /// The last events.
    pub fn events(&self) -> String {
        self.tell(|state| {
            let told: Vec<&str> = state.events.iter().map(String::as_str).collect();
            told.join("\n  ")
        })
    }

    /// Fails with the story so far if the oracle has found anything.
    pub fn judge(&self, seed: u64) {
        let told = self.events();
        let failure = self.tell(|state| {
            let (count, found) = (state.oracle.found.len(), state.oracle.found.first()?);
            Some(format!(
                "{found} (findings: {count})\nlast events:\n  {told}\n\
                 replay with SWEETSPOT_SEED={seed}"
            ))
        });
        if let Some(failure) = failure {
            panic!("{failure}");
        }
    }
}

impl State {
    /// Nanoseconds since the story began, on a clock that nobody sets.
    pub fn real(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }

    pub fn wall(&self) -> Timestamp {
        Timestamp::from_nanos(BEGINS * SECOND + self.real() + self.set_by)
    }

    pub fn event(&mut self, what: impl Into<String>) {
        let real = self.real() / SECOND;
        let (day, hour, minute) = (real / 86_400, real / 3_600 % 24, real / 60 % 60);
        let line = format!(
            "day {day} {hour:02}:{minute:02}:{:02} {}",
            real % 60,
            what.into()
        );
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.events.push_back(line);
        if self.events.len() > self.told {
            self.events.pop_front();
        }
    }

    fn live(&mut self) {
        let now = self.real();
        while self.lived_until < now {
            // A forward in about twelve minutes.
            self.lived_until += i64::try_from(self.chance.between(1, 1_500)).unwrap_or(1) * SECOND;
            let at = self.lived_until.min(now);
            self.one_forward(at);
        }
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = later;
        let due: Vec<_> = due;
        for (_, point, change) in due {
            self.event(format!("a late update of {} is done", number(point)));
            self.take_fees(point, &change);
            self.oracle.done_late(point, &change, now);
        }
    }

    /// The node takes fees over, as it does with an update.
    pub fn take_fees(&mut self, point: ChannelPoint, change: &FeeChange) {
        let channel = self.channels.get_mut(&number(point));
        if let Some(policy) = channel.and_then(|channel| channel.policy.as_mut()) {
            let inbound = match change.sets_inbound() {
                true => change.to.inbound,
                false => policy.fees.inbound,
            };
            policy.fees = FeeParts {
                inbound,
                ..change.to
            };
            policy.max_htlc = change.max_htlc.map_or(policy.max_htlc, |set| set.to);
        }
    }

    fn one_forward(&mut self, at: i64) {
        let open: Vec<u16> = self.channels.keys().copied().collect();
        let (came, left) = (self.chance.one_of(&open), self.chance.one_of(&open));
        let amount_sat = match self.chance.below(10) {
            0 => 1,
            1 => 400_000,
            _ => self.chance.between(1_000, 120_000),
        };
        self.forward(came, left, amount_sat, at);
    }

    /// A forward, if there is the balance for it.
    pub fn forward(&mut self, came: u16, left: u16, amount_sat: u64, at: i64) {
        let room = |channel: &Channel, sat: Sat| sat.0 > amount_sat && channel.active;
        let fits = came != left
            && self
                .channels
                .get(&came)
                .is_some_and(|c| room(c, c.remote_balance))
            && self
                .channels
                .get(&left)
                .is_some_and(|c| room(c, c.local_balance));
        if !fits {
            return;
        }
        let mut rate = 0;
        for (n, towards_us) in [(came, true), (left, false)] {
            if let Some(channel) = self.channels.get_mut(&n) {
                let (local, remote) = (&mut channel.local_balance.0, &mut channel.remote_balance.0);
                let (gains, loses) = if towards_us {
                    (local, remote)
                } else {
                    (remote, local)
                };
                *gains += amount_sat;
                *loses -= amount_sat;
                rate = channel.policy.map_or(0, |policy| policy.fees.outbound.0);
            }
        }
        let fee_msat = amount_sat * u64::from(rate) / 1_000;
        let raw = RawForward {
            settled_at_nanos: 0,
            scid_in: scid(came).0,
            scid_out: scid(left).0,
            amount_in_msat: amount_sat * 1_000 + fee_msat,
            amount_out_msat: amount_sat * 1_000,
            fee_msat,
        };
        self.record(raw, at);
    }

    /// LND gives each forward a settle time of its own.
    pub fn record(&mut self, raw: RawForward, at: i64) {
        let wall = BEGINS * SECOND + at + self.set_by;
        let mut key = u64::try_from(wall).unwrap_or(1);
        while self.history.contains_key(&key) {
            key += 1;
        }
        let raw = RawForward {
            settled_at_nanos: key,
            ..raw
        };
        self.history.insert(key, raw);
    }

    pub fn open_channel(&mut self) {
        self.newest += 1;
        let n = self.newest;
        let local = self.chance.between(0, 2_000_000);
        self.event(format!("opens channel {n}"));
        self.channels.insert(n, channel(n, LND_DEFAULT, local));
    }

    pub fn close_channel(&mut self, n: u16) {
        if let Some(channel) = self.channels.remove(&n) {
            self.event(format!("closes channel {n}"));
            self.closed.push(ClosedChannel {
                point: channel.point,
                scids: channel.scids().collect(),
                close_type: sweetspot_core::types::observation::CloseType::Cooperative,
            });
        }
    }
}

impl Clock for World {
    fn reading(&self) -> ClockReading {
        let state = self.state();
        ClockReading {
            wall: state.wall(),
            boot: state.boots,
            since_boot: Duration::from_nanos((state.real() - state.booted_at).unsigned_abs()),
        }
    }
}
