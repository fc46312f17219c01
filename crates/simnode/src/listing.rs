//! The node's answers about all of its channels and peers.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::units::BlockHeight;
use sweetspot_lnd::proto;
use sweetspot_market::view::PendingHtlc;

use super::channels::{channel, whole_sat};
use super::core::Core;

/// The average time between blocks.
const BLOCK_SECS: i64 = 600;

impl Core {
    /// ListChannels.
    pub fn list_channels(&self, asked: &proto::ListChannelsRequest) -> Vec<proto::Channel> {
        let ends = self.htlc_ends();
        let now = self.clock.world();
        let mut said = vec![];
        for listed in self.listed() {
            let channel = &listed.channel;
            let left_out = (asked.active_only && !channel.active)
                || (asked.inactive_only && channel.active)
                || (asked.public_only && channel.private)
                || (asked.private_only && !channel.private)
                || (!asked.peer.is_empty() && asked.peer != channel.peer.0);
            if left_out {
                continue;
            }
            let record = self.records.get(&channel.point);
            let mut one = self::channel(&listed, record, self.pending(channel, &ends));
            one.lifetime = record.map_or(0, |record| {
                i64::try_from(now.since(record.since).as_secs()).unwrap_or(i64::MAX)
            });
            if asked.peer_alias_lookup {
                one.peer_alias = channel.peer_alias.clone().unwrap_or_default().to_string();
            }
            said.push(one);
        }
        said
    }

    /// Both channels of each pending HTLC.
    fn htlc_ends(&self) -> BTreeMap<u64, Ends> {
        let mut ends: BTreeMap<u64, Ends> = BTreeMap::new();
        for channel in self.world.channels() {
            for htlc in self.world.pending_htlcs(channel.point) {
                let end = ends.entry(htlc.id).or_default();
                if htlc.incoming {
                    end.enter = Some(channel.scid);
                } else {
                    end.leave = Some(channel.scid);
                }
            }
        }
        ends
    }

    fn pending(&self, channel: &Channel, ends: &BTreeMap<u64, Ends>) -> Vec<proto::Htlc> {
        let tip = self.world.tip();
        let told = |htlc: &PendingHtlc| {
            let end = ends.get(&htlc.id).copied().unwrap_or_default();
            let other = if htlc.incoming { end.leave } else { end.enter };
            proto::Htlc {
                incoming: htlc.incoming,
                amount: whole_sat(htlc.amount.0),
                expiration_height: expiry(tip, htlc, self.clock.world()),
                htlc_index: htlc.id,
                forwarding_channel: other.map_or(0, |scid| scid.0),
                forwarding_htlc_index: htlc.id,
                locked_in: true,
            }
        };
        let pending = self.world.pending_htlcs(channel.point);
        pending.iter().map(told).collect()
    }

    /// The channel an alias, a scid or a channel point of the node means.
    pub fn point_of(&self, scid: Scid) -> Option<ChannelPoint> {
        let listed = self.listed();
        let found = listed
            .iter()
            .find(|listed| listed.channel.scid == scid || listed.confirmed_scid == Some(scid));
        found.map(|listed| listed.channel.point)
    }

    /// ListPeers: who has an open channel and is there.
    pub fn list_peers(&self) -> Vec<proto::Peer> {
        let mut peers: BTreeMap<String, proto::Peer> = BTreeMap::new();
        for record in self.records.values() {
            let channel = &record.listed.channel;
            if !channel.active {
                continue;
            }
            let key = channel.peer.to_string();
            let peer = peers.entry(key.clone()).or_insert(proto::Peer {
                pub_key: key,
                address: "127.0.0.1:9735".to_owned(),
                inbound: !channel.initiator,
                ping_time: 50_000,
                ..Default::default()
            });
            peer.sat_sent += whole_sat(record.sent_msat);
            peer.sat_recv += whole_sat(record.received_msat);
        }
        peers.into_values().collect()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    enter: Option<Scid>,
    leave: Option<Scid>,
}

/// An HTLC's expiry: after it resolves, by the usual margin.
fn expiry(
    tip: BlockHeight,
    htlc: &PendingHtlc,
    now: sweetspot_core::types::time::Timestamp,
) -> u32 {
    let held = i64::try_from(htlc.until.since(now).as_secs()).unwrap_or(i64::MAX) / BLOCK_SECS;
    let margin = if htlc.incoming { 160 } else { 80 };
    let held = u32::try_from(held).unwrap_or(u32::MAX);
    tip.0.saturating_add(held).saturating_add(margin)
}
