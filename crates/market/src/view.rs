//! The world as a node's operator sees it: domain channels, peers, HTLCs.
//! Balances are whole satoshis rounded down, as LND reports them.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, InboundFee, PeerId, Policy};
use sweetspot_core::types::graph_visit::GraphVisit;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};

use super::life;
use super::link::Link;
use super::market_map::Peer;
use super::world::World;

/// What the graph tells about a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its alias.
    pub alias: String,
    /// Its other channels.
    pub channels: usize,
    /// Their capacity.
    pub capacity: Sat,
    /// What others charge towards it: the median by capacity.
    pub competitor_fee: Option<FeePpm>,
}

/// A pending HTLC of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingHtlc {
    /// The HTLC's id, as in its events.
    pub id: u64,
    /// Whether the peer offered it.
    pub incoming: bool,
    /// Its amount.
    pub amount: Msat,
    /// When it will resolve.
    pub until: Timestamp,
}

impl World {
    /// The chain's tip.
    pub fn tip(&self) -> BlockHeight {
        life::tip(self.now)
    }

    /// The open channels.
    pub fn channels(&self) -> impl Iterator<Item = Channel> + '_ {
        self.links
            .iter()
            .flatten()
            .map(|link| self.channel_of(link))
    }

    /// One open channel.
    pub fn channel(&self, point: ChannelPoint) -> Option<Channel> {
        let mut links = self.links.iter().flatten();
        let link = links.find(|link| link.point == point)?;
        Some(self.channel_of(link))
    }

    /// All open channels, now.
    pub fn observe(&self) -> Observation {
        Observation {
            at: self.now,
            tip: self.tip(),
            channels: self.channels().map(|c| (c.point, c)).collect(),
            graph_visit: self.graph_visit(),
        }
    }

    /// A step of the walk through the public graph, another one each five minutes.
    pub fn graph_visit(&self) -> Option<GraphVisit> {
        let step = usize::try_from(self.now.secs().div_euclid(300)).ok()?;
        let places = self.map.walk.len();
        self.map.walk.get(step.checked_rem(places)?).copied()
    }

    /// What such a walk meets.
    pub fn walk(&self) -> &[GraphVisit] {
        &self.map.walk
    }

    /// What the graph tells about every peer we have or may come to have.
    pub fn peers(&self) -> BTreeMap<PeerId, PeerInfo> {
        let info = |peer: &Peer| PeerInfo {
            alias: alias(peer),
            channels: peer.channels,
            capacity: Sat(peer.network_capacity_sat),
            competitor_fee: peer.competitor_ppm.map(|ppm| FeePpm(narrow(ppm))),
        };
        let peers = self.map.peers.iter().map(info);
        self.peer_ids.iter().copied().zip(peers).collect()
    }

    /// The pending HTLCs of a channel.
    pub fn pending_htlcs(&self, point: ChannelPoint) -> Vec<PendingHtlc> {
        let has_point = |link: &Option<Link>| link.as_ref().is_some_and(|l| l.point == point);
        let Some(slot) = self.links.iter().position(has_point) else {
            return vec![];
        };
        let ends = self.htlcs.iter().flat_map(|(id, htlc)| {
            let end = |incoming, amount| PendingHtlc {
                id: *id,
                incoming,
                amount: Msat(amount),
                until: htlc.until,
            };
            [
                (htlc.enter, end(true, htlc.amount_in)),
                (htlc.leave, end(false, htlc.amount_out)),
            ]
        });
        ends.filter(|(at, _)| *at == slot)
            .map(|(_, htlc)| htlc)
            .collect()
    }

    fn channel_of(&self, link: &Link) -> Channel {
        let peer = &self.map.peers[link.peer];
        let sat = |msat: u64| Sat(msat / 1_000);
        Channel {
            point: link.point,
            scid: link.scid,
            other_scids: link.confirmed_scid.into_iter().collect(),
            peer: self.peer_ids[link.peer],
            peer_alias: Some(alias(peer).into()),
            capacity: sat(link.capacity),
            local_balance: sat(link.local),
            remote_balance: sat(link.remote),
            pending_out: sat(link.pending_out),
            pending_in: sat(link.pending_in),
            local_reserve: sat(link.reserve),
            max_in_flight: Some(Msat(link.capacity.saturating_sub(link.reserve))),
            initiator: link.initiator,
            private: link.private,
            active: link.online() && !self.down && link.closing.is_none(),
            carries_assets: false,
            switched_off: false,
            policy: Some(Policy {
                disabled: link.disabled(self.now),
                ..link.policy
            }),
            policy_error: None,
            peer_policy: Some(Policy {
                fees: FeeParts {
                    base_fee_msat: narrow(peer.policy.base_msat),
                    outbound: FeePpm(narrow(peer.policy.ppm)),
                    inbound: InboundFee::default(),
                },
                time_lock_delta: narrow(peer.policy.cltv),
                min_htlc: Msat(1_000),
                max_htlc: Msat(link.capacity / 100 * 99),
                disabled: false,
                last_update_secs: u32::try_from(link.opened_at.secs()).unwrap_or(0),
            }),
        }
    }
}

fn alias(peer: &Peer) -> String {
    format!("node-{}", peer.node)
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
