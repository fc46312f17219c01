//! UpdateChannelPolicy as LND does it: what is replaced, kept and refused.

use sweetspot_lnd::proto::{
    FailedUpdate, OutPoint, PolicyUpdateRequest, UpdateFailure, channel_point::FundingTxid,
    policy_update_request::Scope,
};
use tonic::Status;

use super::world::World;

/// What LND checks before it looks at any channel.
pub fn check(order: &PolicyUpdateRequest) -> Result<(), Status> {
    if order.fee_rate != 0.0 && order.fee_rate_ppm != 0 {
        return Err(Status::invalid_argument(
            "cannot set both FeeRate and FeeRatePpm at the same time",
        ));
    }
    if order.time_lock_delta < 24 {
        return Err(Status::unknown(format!(
            "time lock delta of {} is too small, minimum supported is 24",
            order.time_lock_delta
        )));
    }
    match order.inbound_fee {
        Some(fee) if fee.base_fee_msat > 0 || fee.fee_rate_ppm > 0 => Err(Status::unknown(
            "positive values for inbound base fee msat are not supported",
        )),
        _ => Ok(()),
    }
}

/// Replaces base fee, rate and CLTV delta whatever they are, and the rest only
/// if it was sent. Says what went wrong.
pub fn apply(world: &mut World, order: &PolicyUpdateRequest) -> Option<FailedUpdate> {
    let (txid, index) = scope(order);
    let name = format!("{txid}:{index}");
    let mut channels = world.channels.iter_mut();
    let Some(channel) = channels.find(|c| c.said.channel_point == name) else {
        return Some(failure(order, UpdateFailure::NotFound, "not found"));
    };
    let edge = channel.edge.as_mut();
    let Some(policy) = edge.and_then(|edge| edge.node1_policy.as_mut()) else {
        let error = "could not update policies";
        return Some(failure(order, UpdateFailure::Unknown, error));
    };
    policy.fee_base_msat = order.base_fee_msat;
    policy.fee_rate_milli_msat = order.fee_rate_ppm.into();
    policy.time_lock_delta = order.time_lock_delta;
    if order.max_htlc_msat != 0 {
        policy.max_htlc_msat = order.max_htlc_msat;
    }
    if order.min_htlc_msat_specified {
        policy.min_htlc = i64::try_from(order.min_htlc_msat).expect("an amount");
    }
    if let Some(fee) = order.inbound_fee {
        policy.inbound_fee_base_msat = fee.base_fee_msat;
        policy.inbound_fee_rate_milli_msat = fee.fee_rate_ppm;
    }
    policy.last_update += 1;
    None
}

pub fn failure(order: &PolicyUpdateRequest, reason: UpdateFailure, error: &str) -> FailedUpdate {
    let (txid_str, output_index) = scope(order);
    FailedUpdate {
        outpoint: Some(OutPoint {
            txid_str,
            output_index,
            ..Default::default()
        }),
        reason: reason.into(),
        update_error: error.to_owned(),
    }
}

fn scope(order: &PolicyUpdateRequest) -> (String, u32) {
    match &order.scope {
        Some(Scope::ChanPoint(point)) => match &point.funding_txid {
            Some(FundingTxid::FundingTxidStr(txid)) => (txid.clone(), point.output_index),
            other => panic!("the fake reads txids as text, not {other:?}"),
        },
        other => panic!("the fake updates one channel at a time, not {other:?}"),
    }
}
