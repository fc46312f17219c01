//! When the pending HTLCs of the last read time out.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::by_point::Listed;
use super::{Lnd, proto};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::units::BlockHeight;

/// When a pending HTLC of a channel times out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtlcDeadline {
    /// Its number among those of its channel and direction.
    pub index: u64,
    /// The height of its time-out.
    pub height: BlockHeight,
    /// Its amount, in sat.
    pub amount_sat: u64,
    /// Whether the peer offers it to us.
    pub incoming: bool,
}

impl Lnd {
    /// Of each channel with pending HTLCs in the last `ListChannels`.
    pub fn htlc_deadlines(&self) -> BTreeMap<ChannelPoint, Vec<HtlcDeadline>> {
        let deadlines = self.deadlines.lock();
        deadlines.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_deadlines(&self, channels: &Listed) {
        let noted = channels.named().filter_map(|(point, said)| {
            let pending = said.pending_htlcs.iter();
            // A height of 0 is none: an HTLC that is not told of in full.
            let told = pending.filter(|htlc| htlc.expiration_height > 0);
            let deadlines: Vec<_> = told.map(deadline).collect();
            (!deadlines.is_empty()).then_some((point, deadlines))
        });
        let noted = noted.collect();
        *self
            .deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = noted;
    }
}

fn deadline(htlc: &proto::Htlc) -> HtlcDeadline {
    HtlcDeadline {
        index: htlc.htlc_index,
        height: BlockHeight(htlc.expiration_height),
        amount_sat: u64::try_from(htlc.amount).unwrap_or(0),
        incoming: htlc.incoming,
    }
}
