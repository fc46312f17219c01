//! Channels in LND's words.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::units::{BlockHeight, Sat};
use sweetspot_lnd::proto;
use sweetspot_market::view::PendingHtlc;

use super::core::{Core, Record};
use super::listed::Listed;

/// LND's defaults.
const CSV_DELAY: u32 = 144;
const DUST_LIMIT_SAT: u64 = 354;
const MAX_HTLCS: u32 = 483;
/// An anchor channel's commitment without HTLCs, and what it pays for its
/// weight at LND's cap of 10 sat/vB.
const COMMIT_WEIGHT: i64 = 1_124;
const FEE_PER_KW: i64 = 2_500;
/// Two outputs of 330 sat, which the commit fee does not include.
const ANCHORS_SAT: u64 = 660;
/// LND's number for anchor channels.
const ANCHORS: i32 = 3;
const BLOCK_SECS: i64 = 600;

pub(super) fn sat(amount: Sat) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX)
}

fn whole_sat(msat: u64) -> i64 {
    sat(Sat(msat / 1_000))
}

fn seconds(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX)
}

/// A channel; without a record, as when it has just opened.
pub(super) fn channel(
    listed: &Listed,
    record: Option<&Record>,
    pending_htlcs: Vec<proto::Htlc>,
) -> proto::Channel {
    let Listed { channel, .. } = listed;
    let reserve_sat = channel.local_reserve.0;
    let constraints = proto::ChannelConstraints {
        csv_delay: CSV_DELAY,
        chan_reserve_sat: reserve_sat,
        dust_limit_sat: DUST_LIMIT_SAT,
        max_pending_amt_msat: listed.limits().max_pending.0,
        min_htlc_msat: listed.limits().min_htlc.0,
        max_accepted_htlcs: MAX_HTLCS,
    };
    let alias_scids = listed.is_zero_conf().then_some(channel.scid.0);
    proto::Channel {
        active: channel.active,
        remote_pubkey: channel.peer.to_string(),
        channel_point: channel.point.to_string(),
        chan_id: channel.scid.0,
        capacity: sat(channel.capacity),
        local_balance: sat(channel.local_balance),
        remote_balance: sat(channel.remote_balance),
        commit_fee: commit_fee(channel),
        commit_weight: COMMIT_WEIGHT,
        fee_per_kw: FEE_PER_KW,
        unsettled_balance: pending_htlcs.iter().map(|htlc| htlc.amount).sum(),
        total_satoshis_sent: record.map_or(0, |record| whole_sat(record.sent_msat)),
        total_satoshis_received: record.map_or(0, |record| whole_sat(record.received_msat)),
        num_updates: record.map_or(0, |record| record.updates),
        pending_htlcs,
        csv_delay: CSV_DELAY,
        private: channel.private,
        initiator: channel.initiator,
        chan_status_flags: "ChanStatusDefault".to_owned(),
        local_chan_reserve_sat: sat(channel.local_reserve),
        remote_chan_reserve_sat: sat(channel.local_reserve),
        static_remote_key: true,
        uptime: record.map_or(0, |record| seconds(record.active_nanos)),
        commitment_type: ANCHORS,
        local_constraints: Some(constraints),
        remote_constraints: Some(constraints),
        alias_scids: alias_scids.into_iter().collect(),
        zero_conf: listed.is_zero_conf(),
        zero_conf_confirmed_scid: match listed.is_zero_conf() {
            true => listed.confirmed_scid.map_or(0, |scid| scid.0),
            false => 0,
        },
        ..Default::default()
    }
}

/// The capacity less every output, as LND computes it: so what rounding takes
/// off each is in it.
fn commit_fee(channel: &Channel) -> i64 {
    let outputs = [
        channel.local_balance.0,
        channel.remote_balance.0,
        channel.pending_out.0,
        channel.pending_in.0,
        ANCHORS_SAT,
    ];
    let rest = channel.capacity.0.saturating_sub(outputs.iter().sum());
    sat(Sat(rest))
}

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
                one.peer_alias = channel.peer_alias.clone().unwrap_or_default();
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
