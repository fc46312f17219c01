//! What is there beside the daemon: a node with its channels and forwards, its
//! peers, the machine's clocks, and time that passes for all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sweetspot_core::ports::Clock;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, PeerId, Policy, Scid};
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::observation::ClosedChannel;
use sweetspot_core::types::raw_forward::RawForward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::oracle::Oracle;

pub const SECOND: i64 = 1_000_000_000;
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);

/// When every story begins, in Unix seconds.
const BEGINS: i64 = 1_750_000_000;

/// How many events are told with a failure, unless `SWEETSPOT_TOLD` says otherwise.
const TOLD: usize = 60;

/// The channels at the beginning.
pub const FIRST_CHANNELS: u16 = 12;

/// The chain tip at the beginning.
pub const TIP: u32 = 800_000;

/// The fees that LND gives a new channel.
pub const LND_DEFAULT: FeeParts = FeeParts {
    base_fee_msat: 1_000,
    outbound: FeePpm(1),
    inbound: sweetspot_core::types::channel::InboundFee {
        base_fee_msat: 0,
        rate_ppm: 0,
    },
};

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
    /// How likely a call goes wrong.
    pub trouble: f64,
    /// How likely the daemon is killed at a call.
    pub deadly: f64,
    pub unsynced: bool,
    /// Another node stands at the address.
    pub swapped: bool,
    /// Updates that are done some time after their call was given up.
    pub late: Vec<(i64, ChannelPoint, FeeParts, bool)>,
    pub observe_only: bool,
    pub oracle: Oracle,
    events: VecDeque<String>,
    told: usize,
    /// Everything that was told, as one number.
    pub digest: u64,
    dead: bool,
}

pub fn point(n: u16) -> ChannelPoint {
    let mut txid = [0; 32];
    txid[..2].copy_from_slice(&n.to_be_bytes());
    ChannelPoint {
        txid,
        output_index: 0,
    }
}

pub fn number(point: ChannelPoint) -> u16 {
    u16::from_be_bytes([point.txid[0], point.txid[1]])
}

/// Those that are there from the beginning are old.
pub fn scid(n: u16) -> Scid {
    let block = if n <= FIRST_CHANNELS { 600_000 } else { TIP };
    Scid(u64::from(block + u32::from(n)) << 40)
}

pub fn peer(n: u16) -> PeerId {
    let mut key = [2; 33];
    key[1..3].copy_from_slice(&n.to_be_bytes());
    PeerId(key)
}

/// Channel `n` of a peer that calls itself `alias`.
fn channel(n: u16, fees: FeeParts, local_sat: u64) -> Channel {
    let capacity = 2_000_000;
    Channel {
        point: point(n),
        scid: scid(n),
        other_scids: match n % 5 {
            0 => vec![Scid((16_000_000 + u64::from(n)) << 40)],
            _ => vec![],
        },
        // Eight and nine are parallel.
        peer: peer(if n == 9 { 8 } else { n }),
        peer_alias: Some(alias(n).as_str().into()),
        capacity: Sat(capacity),
        local_balance: Sat(local_sat),
        remote_balance: Sat(capacity - local_sat),
        pending_out: Sat(0),
        pending_in: Sat(0),
        local_reserve: Sat(20_000),
        initiator: n.is_multiple_of(2),
        private: n == 6,
        active: true,
        carries_assets: false,
        switched_off: false,
        policy: Some(Policy {
            fees,
            time_lock_delta: 60 + u32::from(n),
            min_htlc: Msat(1_000),
            max_htlc: Msat(capacity * 990),
            disabled: false,
            last_update_secs: 0,
        }),
        policy_error: None,
        peer_policy: None,
    }
}

fn alias(n: u16) -> String {
    match n {
        1 => "ACINQ".to_owned(),
        5 => "excluded by name".to_owned(),
        n => format!("peer {n}"),
    }
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
            trouble: 0.0,
            deadly: 0.0,
            unsynced: false,
            swapped: false,
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

    /// Fails with the story so far if the oracle has found anything.
    pub fn judge(&self, seed: u64) {
        let failure = self.tell(|state| {
            let (count, found) = (state.oracle.found.len(), state.oracle.found.first()?);
            let told: Vec<&str> = state.events.iter().map(String::as_str).collect();
            let told = told.join("\n  ");
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
        for (_, point, to, with_inbound) in due {
            self.event(format!("a late update of {} is done", number(point)));
            self.take_fees(point, to, with_inbound);
            self.oracle.done_late(point, now);
        }
    }

    /// The node takes fees over, as it does with an update.
    pub fn take_fees(&mut self, point: ChannelPoint, to: FeeParts, with_inbound: bool) {
        let channel = self.channels.get_mut(&number(point));
        if let Some(policy) = channel.and_then(|channel| channel.policy.as_mut()) {
            let inbound = match with_inbound {
                true => to.inbound,
                false => policy.fees.inbound,
            };
            policy.fees = FeeParts { inbound, ..to };
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
