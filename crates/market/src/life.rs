//! How a channel comes, fares and goes: its funds at the start, its names, when
//! its peer is away, when and how it closes. All of it is drawn from the
//! channel's own stream, so no policy can change it.

use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid};
use sweetspot_core::types::observation::CloseType;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat};

use super::link::{Founding, Link};
use super::market_map::{Kind, MarketMap, OUR_CLTV, Peer};
use super::payment::seconds;
use super::random::{Purpose, Random};
use super::scenario::{Scenario, StartFee};

/// A block every ten minutes from height 930,000 on 2026-01-01.
const HEIGHT_AT: (i64, i64) = (1_767_225_600, 930_000);
const BLOCK_SECS: i64 = 600;
const DAY_SECS: f64 = 86_400.0;
const HOUR_SECS: f64 = 3_600.0;
const YEAR_SECS: f64 = 365.0 * DAY_SECS;

/// The chain's height at a moment.
pub fn tip(at: Timestamp) -> BlockHeight {
    let blocks = (at.secs() - HEIGHT_AT.0).div_euclid(BLOCK_SECS) + HEIGHT_AT.1;
    BlockHeight(u32::try_from(blocks.clamp(1, 15_999_999)).unwrap_or(1))
}

/// The key of a peer's node.
pub fn peer_id(node: usize) -> PeerId {
    let index = u64::try_from(node).unwrap_or(u64::MAX);
    let bytes = Random::stream(0, Purpose::Name, index).bytes();
    let mut key = [2; 33];
    key[1..].copy_from_slice(&bytes);
    PeerId(key)
}

/// The n-th channel ever with a peer.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// Index of the peer.
    pub peer: usize,
    /// Counts the channels with this peer, from 0.
    pub ordinal: u64,
    /// Tells links apart.
    pub serial: u64,
    /// Whether it was there before the simulation began.
    pub at_start: bool,
}

/// A channel and what is already settled about its future.
#[derive(Debug)]
pub struct Born {
    /// The channel.
    pub link: Link,
    /// When it closes.
    pub closes_at: Timestamp,
    /// When its peer first goes away.
    pub away_at: Option<Timestamp>,
}

/// A channel's names.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Its funding outpoint.
    pub point: ChannelPoint,
    /// Its confirmed scid.
    pub scid: Scid,
    /// Its alias, should it be zero-conf.
    pub alias: Scid,
}

/// The names of the n-th channel with a node, opened at a height.
pub fn names(node: usize, ordinal: u64, height: BlockHeight) -> Names {
    let node = u64::try_from(node).unwrap_or(u64::MAX);
    let txid = Random::stream(1 + ordinal, Purpose::Name, node).bytes();
    let tail = (node & 0xff_ffff) << 16 | (ordinal & 0xffff);
    Names {
        point: ChannelPoint {
            txid,
            output_index: u32::try_from(ordinal % 2).unwrap_or(0),
        },
        scid: Scid(u64::from(height.0) << 40 | tail),
        alias: Scid(u64::from(Scid::FIRST_ALIAS_BLOCK) << 40 | tail),
    }
}

/// Brings a channel to life.
pub fn bear(map: &MarketMap, scenario: &Scenario, seed: u64, birth: Birth, now: Timestamp) -> Born {
    let peer = &map.peers[birth.peer];
    let node = u64::try_from(peer.node).unwrap_or(u64::MAX);
    let mut random = Random::stream(seed, Purpose::Channel, node << 16 | birth.ordinal);
    let age_blocks = 1_000 + u32::try_from(random.below(100_000)).unwrap_or(0);
    let initiator = random.chance(0.5);
    let beta = random.beta(0.5, 0.5);
    let zero_conf = random.chance(scenario.churn.zero_conf) && !birth.at_start;
    let lifetime = years(1.0 / scenario.churn.closes_per_channel_year, &mut random);
    let height = tip(now).0;
    let names = names(
        peer.node,
        birth.ordinal,
        BlockHeight(if birth.at_start {
            height.saturating_sub(age_blocks)
        } else {
            height
        }),
    );
    let (local_share, capacity) = match birth.at_start {
        true => (beta, peer.capacity_sat * 1_000),
        false => (if initiator { 1.0 } else { 0.0 }, peer.capacity_sat * 1_000),
    };
    let (ppm, base_fee_msat) = start_fee(scenario, peer);
    let policy = Policy {
        fees: FeeParts {
            base_fee_msat,
            outbound: FeePpm(ppm),
            inbound: InboundFee::default(),
        },
        time_lock_delta: OUR_CLTV,
        min_htlc: Msat(1_000),
        max_htlc: Msat(capacity / 100 * 99),
        disabled: false,
        last_update_secs: u32::try_from(now.secs()).unwrap_or(0),
    };
    let risks = (0..map.classes.len())
        .map(|class| map.our_risk(class, peer.capacity_sat, OUR_CLTV))
        .collect();
    let away = away_after(scenario, &mut random);
    let link = Link::new(
        Founding {
            serial: birth.serial,
            peer: birth.peer,
            point: names.point,
            scid: if zero_conf { names.alias } else { names.scid },
            confirmed_scid: zero_conf.then_some(names.scid),
            capacity,
            local_share,
            initiator,
            private: peer.kind == Kind::Private,
            policy,
            risks,
            random,
        },
        now,
    );
    Born {
        link,
        closes_at: now.plus(lifetime),
        away_at: away.map(|after| now.plus(after)),
    }
}

/// The rate and base fee (msat) our channel with a peer starts with.
fn start_fee(scenario: &Scenario, peer: &Peer) -> (u32, u32) {
    match scenario.start_fee {
        StartFee::Ppm(ppm) => (ppm, scenario.start_base_fee_msat),
        StartFee::Graph => {
            let (ppm, base_msat) = peer.graph_fee;
            let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
            (narrow(ppm), narrow(base_msat))
        }
    }
}

/// How a channel that closes is closed.
pub fn close_type(link: &mut Link) -> CloseType {
    match link.random.unit() {
        u if u < 0.72 => CloseType::Cooperative,
        u if u < 0.82 => CloseType::LocalForce,
        u if u < 0.99 => CloseType::RemoteForce,
        _ => CloseType::Breach,
    }
}

/// How long until a peer that is there goes away.
pub fn away_after(scenario: &Scenario, random: &mut Random) -> Option<Duration> {
    let per_year = scenario.outages.per_channel_year;
    (per_year > 0.0).then(|| years(1.0 / per_year, random))
}

/// How long a peer stays away.
pub fn away_for(scenario: &Scenario, random: &mut Random) -> Duration {
    seconds(random.exponential(scenario.outages.mean_hours * HOUR_SECS))
}

/// How long until our own node goes down.
pub fn down_after(scenario: &Scenario, random: &mut Random) -> Option<Duration> {
    let per_year = scenario.outages.node_per_year;
    (per_year > 0.0).then(|| years(1.0 / per_year, random))
}

/// How long our own node stays down.
pub fn down_for(scenario: &Scenario, random: &mut Random) -> Duration {
    seconds(random.exponential(scenario.outages.node_mean_hours * HOUR_SECS))
}

/// How long until the channel after a closed one opens.
pub fn reopen_after(scenario: &Scenario, random: &mut Random) -> Duration {
    seconds(random.exponential(scenario.churn.reopen_mean_days * DAY_SECS))
}

/// An exponential span with a mean in years; a century at most.
fn years(mean: f64, random: &mut Random) -> Duration {
    seconds((random.exponential(mean) * YEAR_SECS).min(100.0 * YEAR_SECS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_grows_a_block_every_ten_minutes() {
        let start = Timestamp::from_secs(HEIGHT_AT.0);
        assert_eq!(tip(start), BlockHeight(930_000));
        assert_eq!(tip(start.plus(Duration::from_secs(86_399))).0, 930_143);
        assert_eq!(tip(Timestamp::EPOCH).0, 1);
    }

    #[test]
    fn names_tell_channels_apart_and_stay() {
        let height = BlockHeight(900_000);
        let first = names(17, 0, height);
        assert_eq!(first.point, names(17, 0, height).point);
        assert_ne!(first.point, names(17, 1, height).point);
        assert_ne!(first.scid, names(18, 0, height).scid);
        assert_eq!(first.scid.to_string(), "900000x17x0");
        assert_eq!(first.alias.block(), None);
    }
}
