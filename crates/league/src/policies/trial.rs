//! A hand-made node for the policies' tests.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::testing;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};
use sweetspot_market::drive::{FeePolicy, Tick};
use sweetspot_market::htlc::{HtlcEvent, HtlcOutcome};
use sweetspot_market::view::PeerInfo;

/// A channel of `capacity` sat, `local` of them ours, at `ppm` and no base fee.
pub fn channel(n: u8, capacity: u64, local: u64, ppm: u32) -> Channel {
    let mut channel = testing::channel(n);
    channel.capacity = Sat(capacity);
    channel.local_balance = Sat(local);
    channel.remote_balance = Sat(capacity - local);
    channel.local_reserve = Sat(capacity / 100);
    if let Some(policy) = &mut channel.policy {
        policy.fees = FeeParts {
            base_fee_msat: 0,
            outbound: FeePpm(ppm),
            ..FeeParts::default()
        };
        policy.last_update_secs = u32::try_from(START_SECS).expect("fits");
    }
    channel
}

/// Midnight, 2026-01-01.
const START_SECS: i64 = 1_767_225_600;

/// The node, and what happened since it was last priced.
pub struct Trial {
    pub now: Timestamp,
    pub channels: BTreeMap<ChannelPoint, Channel>,
    pub peers: BTreeMap<PeerId, PeerInfo>,
    forwards: Vec<Forward>,
    htlcs: Vec<HtlcEvent>,
}

impl Trial {
    pub fn of(channels: impl IntoIterator<Item = Channel>) -> Self {
        let channels = channels.into_iter().map(|c| (c.point, c));
        Self {
            now: Timestamp::from_secs(START_SECS),
            channels: channels.collect(),
            peers: BTreeMap::new(),
            forwards: vec![],
            htlcs: vec![],
        }
    }

    pub fn wait(&mut self, hours: u64) {
        self.now = self.now.plus(Duration::from_secs(hours * 3_600));
    }

    pub fn with(&mut self, n: u8) -> &mut Channel {
        self.channels
            .get_mut(&testing::point(n))
            .expect("a channel")
    }

    pub fn ppm(&self, n: u8) -> u32 {
        self.fees(n).outbound.0
    }

    pub fn fees(&self, n: u8) -> FeeParts {
        let policy = self.channels[&testing::point(n)].policy;
        policy.expect("a policy").fees
    }

    /// A forward now; balances stay as they are.
    pub fn forward(&mut self, from: u8, to: u8, sat: u64) {
        let scid = |n: u8| self.channels[&testing::point(n)].scid;
        self.forwards.push(Forward {
            settled_at: self.now,
            scid_in: scid(from),
            scid_out: scid(to),
            amount_in: Msat(sat * 1_001),
            amount_out: Msat(sat * 1_000),
            fee: Msat(sat),
        });
    }

    /// An HTLC we had too little for.
    pub fn fail(&mut self, from: u8, to: u8, sat: u64) {
        let scid = |n: u8| self.channels[&testing::point(n)].scid;
        self.htlcs.push(HtlcEvent {
            at: self.now,
            id: 0,
            scid_in: scid(from),
            scid_out: scid(to),
            amount_in: Msat(sat * 1_001),
            amount_out: Msat(sat * 1_000),
            outcome: HtlcOutcome::InsufficientBalance,
        });
    }

    /// Lets the policy price, and posts what it says; how many it changed.
    pub fn price(&mut self, pricer: &mut impl FeePolicy) -> usize {
        let seen = Observation {
            at: self.now,
            tip: BlockHeight(930_000),
            channels: self.channels.clone(),
            graph_visit: None,
        };
        let updates = pricer.price(Tick {
            seen: &seen,
            forwards: &std::mem::take(&mut self.forwards),
            htlcs: &std::mem::take(&mut self.htlcs),
            peers: &self.peers,
        });
        for update in &updates {
            let channel = self.channels.get_mut(&update.point).expect("a channel");
            let policy = channel.policy.as_mut().expect("a policy");
            policy.fees = update.fees;
            policy.last_update_secs = u32::try_from(self.now.secs()).expect("fits");
        }
        updates.len()
    }
}
