//! Channels in LND's words.

use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::units::Sat;
use sweetspot_lnd::proto;

use super::listed::Listed;
use super::records::Record;

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

pub(super) fn sat(amount: Sat) -> i64 {
    i64::try_from(amount.0).unwrap_or(i64::MAX)
}

pub(super) fn whole_sat(msat: u64) -> i64 {
    sat(Sat(msat / 1_000))
}

pub(super) fn seconds(nanos: u64) -> i64 {
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
