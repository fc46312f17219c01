//! HTLCs that the node failed itself, as they happen. The permission for it is
//! optional, and nothing is told of a time in which nobody listened.

use super::Lnd;
use super::client::with_macaroon;
use super::fault::Fault;
use super::proto::failure::FailureCode;
use super::proto::routerrpc::htlc_event::{Event, EventType};
use super::proto::routerrpc::{FailureDetail, HtlcEvent, SubscribeHtlcEventsRequest};
use sweetspot_core::money::failed::{FailReason, FailedForward};
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

impl Lnd {
    /// Tells of each forward that the node fails itself, until it ends the stream.
    pub async fn failed_forwards(
        &self,
        mut told: impl FnMut(FailedForward),
    ) -> Result<(), NodeError> {
        let call = |fault: Fault| fault.into_read_error().of_call("SubscribeHtlcEvents");
        let header = self.header()?;
        let request = with_macaroon(SubscribeHtlcEventsRequest {}, &header);
        let mut router = self.router.clone();
        let events = self.answer(router.subscribe_htlc_events(request)).await;
        let mut events = match events {
            Ok(events) => events,
            Err(fault) => {
                if fault.is_denial() {
                    // What its file then holds goes with the next.
                    self.macaroon.changed_since(&header);
                }
                return Err(call(fault));
            }
        };
        loop {
            match events.message().await {
                Ok(Some(event)) => failed(&event).into_iter().for_each(&mut told),
                Ok(None) => return Ok(()),
                Err(status) => return Err(call(Fault::Status(status))),
            }
        }
    }
}

/// The forward that failed, if it is one that we failed.
fn failed(event: &HtlcEvent) -> Option<FailedForward> {
    let Some(Event::LinkFailEvent(failed)) = &event.event else {
        return None;
    };
    let is_forward = event.event_type == i32::from(EventType::Forward);
    let nanos = i64::try_from(event.timestamp_ns).ok()?;
    let reason = match (
        FailureDetail::try_from(failed.failure_detail),
        FailureCode::try_from(failed.wire_failure),
    ) {
        (Ok(FailureDetail::InsufficientBalance), _) => FailReason::InsufficientBalance,
        (Ok(FailureDetail::HtlcExceedsMax), _) => FailReason::TooLarge,
        (Ok(FailureDetail::LinkNotEligible), _) => FailReason::NotReady,
        (_, Ok(FailureCode::FeeInsufficient)) => FailReason::FeeInsufficient,
        // A link that is down is taken out of the switch: its peer is then unknown.
        (_, Ok(FailureCode::UnknownNextPeer)) => FailReason::NotReady,
        _ => FailReason::Other,
    };
    let amount = failed.info.map_or(0, |info| info.outgoing_amt_msat);
    (is_forward && nanos > 0).then_some(FailedForward {
        at: Timestamp::from_nanos(nanos),
        scid_out: Scid(event.outgoing_channel_id),
        reason,
        amount: Msat(amount),
    })
}

#[cfg(test)]
mod tests {
    use super::super::proto::routerrpc::{ForwardFailEvent, HtlcInfo, LinkFailEvent};
    use super::*;

    fn event(detail: FailureDetail, wire: FailureCode) -> HtlcEvent {
        HtlcEvent {
            outgoing_channel_id: 7,
            timestamp_ns: 5,
            event_type: EventType::Forward.into(),
            event: Some(Event::LinkFailEvent(LinkFailEvent {
                info: Some(HtlcInfo {
                    outgoing_amt_msat: 900,
                    ..Default::default()
                }),
                wire_failure: wire.into(),
                failure_detail: detail.into(),
                failure_string: String::new(),
            })),
            ..Default::default()
        }
    }

    #[test]
    fn the_reason_is_what_lnd_says_of_the_channel() {
        let temporary = FailureCode::TemporaryChannelFailure;
        for (detail, wire, reason) in [
            (
                FailureDetail::InsufficientBalance,
                temporary,
                FailReason::InsufficientBalance,
            ),
            (
                FailureDetail::HtlcExceedsMax,
                temporary,
                FailReason::TooLarge,
            ),
            (
                FailureDetail::LinkNotEligible,
                temporary,
                FailReason::NotReady,
            ),
            (
                FailureDetail::NoDetail,
                FailureCode::FeeInsufficient,
                FailReason::FeeInsufficient,
            ),
            (
                FailureDetail::NoDetail,
                FailureCode::UnknownNextPeer,
                FailReason::NotReady,
            ),
            (FailureDetail::NoDetail, temporary, FailReason::Other),
        ] {
            let found = failed(&event(detail, wire)).expect("a failed forward");
            assert_eq!(found.reason, reason);
            assert_eq!((found.scid_out, found.amount), (Scid(7), Msat(900)));
        }
    }

    #[test]
    fn what_failed_further_on_and_payments_of_our_own_are_not_ours_to_serve() {
        let detail = FailureDetail::InsufficientBalance;
        let ours = event(detail, FailureCode::TemporaryChannelFailure);
        let mut further_on = ours.clone();
        further_on.event = Some(Event::ForwardFailEvent(ForwardFailEvent {}));
        let mut sent = ours.clone();
        sent.event_type = EventType::Send.into();
        let mut never = ours;
        never.timestamp_ns = u64::MAX;
        for event in [further_on, sent, never] {
            assert_eq!(failed(&event), None);
        }
    }
}
