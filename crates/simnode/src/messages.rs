//! LND's messages on what happened: to channels, HTLCs, updates.

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::observation::CloseType;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::BlockHeight;
use sweetspot_lnd::proto;
use sweetspot_lnd::proto::channel_close_summary::ClosureType;
use sweetspot_lnd::proto::channel_event_update::{self, UpdateType};
use sweetspot_lnd::proto::failure::FailureCode;
use sweetspot_lnd::proto::routerrpc;
use sweetspot_lnd::proto::routerrpc::htlc_event::{Event, EventType};
use sweetspot_market::htlc::{HtlcEvent, HtlcOutcome};

use super::channels;
use super::listed::Listed;
use super::records::Closed;

/// How far off an incoming HTLC's expiry is, in blocks; ours leaves our CLTV
/// delta of it.
const HTLC_BLOCKS: u32 = 160;
const OUTGOING_HTLC_BLOCKS: u32 = 80;

/// A channel point in the form that names a funding by bytes.
pub(super) fn point(point: ChannelPoint) -> proto::ChannelPoint {
    proto::ChannelPoint {
        funding_txid: Some(proto::channel_point::FundingTxid::FundingTxidBytes(
            internal(point),
        )),
        output_index: point.output_index,
    }
}

/// A txid in internal byte order.
fn internal(point: ChannelPoint) -> Vec<u8> {
    point.txid.iter().rev().copied().collect()
}

pub(super) fn failed_update(
    point: ChannelPoint,
    reason: proto::UpdateFailure,
    error: &str,
) -> proto::FailedUpdate {
    proto::FailedUpdate {
        outpoint: Some(proto::OutPoint {
            txid_bytes: internal(point),
            txid_str: hex::encode(point.txid),
            output_index: point.output_index,
        }),
        reason: reason.into(),
        update_error: error.to_owned(),
    }
}

fn channel_event(
    kind: UpdateType,
    channel: channel_event_update::Channel,
) -> proto::ChannelEventUpdate {
    proto::ChannelEventUpdate {
        r#type: kind.into(),
        channel: Some(channel),
    }
}

pub(super) fn opened(listed: &Listed) -> proto::ChannelEventUpdate {
    let said = channels::channel(listed, None, vec![]);
    let said = channel_event_update::Channel::OpenChannel(said);
    channel_event(UpdateType::OpenChannel, said)
}

pub(super) fn closed(closed: &Closed) -> proto::ChannelEventUpdate {
    let said = channel_event_update::Channel::ClosedChannel(close_summary(closed));
    channel_event(UpdateType::ClosedChannel, said)
}

pub(super) fn switched(channel: ChannelPoint, active: bool) -> proto::ChannelEventUpdate {
    let named = point(channel);
    if active {
        let said = channel_event_update::Channel::ActiveChannel(named);
        channel_event(UpdateType::ActiveChannel, said)
    } else {
        let said = channel_event_update::Channel::InactiveChannel(named);
        channel_event(UpdateType::InactiveChannel, said)
    }
}

/// A closed channel. What it paid us is told only where we know the channel.
pub(super) fn close_summary(closed: &Closed) -> proto::ChannelCloseSummary {
    let scid = closed.closed.scids.first().copied();
    let alias = scid.filter(|scid| scid.block().is_none());
    let confirmed = closed.closed.scids.get(1).filter(|_| alias.is_some());
    let mut said = proto::ChannelCloseSummary {
        channel_point: closed.closed.point.to_string(),
        chan_id: scid.map_or(0, |scid| scid.0),
        close_height: closed.height.0,
        close_type: close_type(closed.closed.close_type).into(),
        alias_scids: alias.map(|alias| alias.0).into_iter().collect(),
        zero_conf_confirmed_scid: confirmed.map_or(0, |scid| scid.0),
        ..Default::default()
    };
    if let Some(Listed { channel, .. }) = &closed.last {
        said.remote_pubkey = channel.peer.to_string();
        said.capacity = channels::sat(channel.capacity);
        said.settled_balance = channels::sat(channel.local_balance);
        said.open_initiator = match channel.initiator {
            true => proto::Initiator::Local.into(),
            false => proto::Initiator::Remote.into(),
        };
    }
    // Who wished a close by agreement, the simulated world does not say.
    said.close_initiator = match closed.closed.close_type {
        CloseType::LocalForce => proto::Initiator::Local.into(),
        CloseType::RemoteForce | CloseType::Breach => proto::Initiator::Remote.into(),
        _ => proto::Initiator::Unknown.into(),
    };
    said
}

pub(super) fn close_type(close_type: CloseType) -> ClosureType {
    match close_type {
        CloseType::Cooperative | CloseType::Unknown => ClosureType::CooperativeClose,
        CloseType::LocalForce => ClosureType::LocalForceClose,
        CloseType::RemoteForce => ClosureType::RemoteForceClose,
        CloseType::Breach => ClosureType::BreachClose,
        CloseType::FundingCanceled => ClosureType::FundingCanceled,
        CloseType::Abandoned => ClosureType::Abandoned,
    }
}

/// The first message of each stream of HTLC events.
pub(super) fn subscribed() -> routerrpc::HtlcEvent {
    routerrpc::HtlcEvent {
        event: Some(Event::SubscribedEvent(routerrpc::SubscribedEvent {})),
        ..Default::default()
    }
}

pub(super) fn htlc_event(
    event: &HtlcEvent,
    at: Timestamp,
    tip: BlockHeight,
) -> routerrpc::HtlcEvent {
    let info = Some(routerrpc::HtlcInfo {
        incoming_timelock: tip.0.saturating_add(HTLC_BLOCKS),
        outgoing_timelock: tip.0.saturating_add(OUTGOING_HTLC_BLOCKS),
        incoming_amt_msat: event.amount_in.0,
        outgoing_amt_msat: event.amount_out.0,
    });
    let refused = |wire: FailureCode, detail: routerrpc::FailureDetail, text: &str| {
        Event::LinkFailEvent(routerrpc::LinkFailEvent {
            info,
            wire_failure: wire.into(),
            failure_detail: detail.into(),
            failure_string: text.to_owned(),
        })
    };
    let said = match event.outcome {
        HtlcOutcome::Forwarded => Event::ForwardEvent(routerrpc::ForwardEvent { info }),
        HtlcOutcome::Settled => Event::SettleEvent(routerrpc::SettleEvent { preimage: vec![] }),
        HtlcOutcome::FailedDownstream => Event::ForwardFailEvent(routerrpc::ForwardFailEvent {}),
        HtlcOutcome::FeeInsufficient => refused(
            FailureCode::FeeInsufficient,
            routerrpc::FailureDetail::NoDetail,
            "FeeInsufficient",
        ),
        HtlcOutcome::InsufficientBalance => refused(
            FailureCode::TemporaryChannelFailure,
            routerrpc::FailureDetail::InsufficientBalance,
            "TemporaryChannelFailure",
        ),
        HtlcOutcome::PeerOffline => refused(
            FailureCode::UnknownNextPeer,
            routerrpc::FailureDetail::LinkNotEligible,
            "UnknownNextPeer",
        ),
    };
    routerrpc::HtlcEvent {
        incoming_channel_id: event.scid_in.0,
        outgoing_channel_id: event.scid_out.0,
        incoming_htlc_id: event.id,
        outgoing_htlc_id: event.id,
        timestamp_ns: u64::try_from(at.nanos()).unwrap_or(0),
        event_type: EventType::Forward.into(),
        event: Some(said),
    }
}
