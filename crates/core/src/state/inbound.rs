//! What is remembered about a channel's inbound fee.

use crate::types::channel::InboundFee;
use crate::types::time::Timestamp;

/// What is remembered about a channel's inbound fee.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InboundMemory {
    /// The inbound rate we set and the node confirmed, in ppm. While the node
    /// shows it, it is ours to take back; any other is someone else's.
    pub granted_ppm: Option<i32>,
    /// When we last had the inbound fee changed, or were refused.
    pub written_at: Option<Timestamp>,
    /// In observe mode, when a change was last shown.
    pub shown_at: Option<Timestamp>,
    /// Since when the channel has not needed a discount.
    pub unneeded_since: Option<Timestamp>,
    /// Since when a change of its own has been waiting.
    pub waiting_since: Option<Timestamp>,
}

impl InboundMemory {
    /// Whether the fee on the node is a discount of ours.
    pub fn is_ours(&self, on_node: InboundFee) -> bool {
        on_node.base_fee_msat == 0
            && on_node.rate_ppm < 0
            && self.granted_ppm == Some(on_node.rate_ppm)
    }

    /// Notes an attempt of ours to change the fee.
    pub fn attempted(&mut self, at: Timestamp) {
        self.written_at = Some(at);
        self.waiting_since = None;
    }

    /// Notes what we have set.
    pub fn granted(&mut self, fee: InboundFee) {
        self.granted_ppm = (fee.rate_ppm != 0).then_some(fee.rate_ppm);
    }

    /// Notes a fee that someone else left on the node.
    pub fn met(&mut self, fee: InboundFee) {
        if !self.is_ours(fee) {
            self.granted_ppm = None;
        }
    }

    /// Every moment that a wait counts from.
    pub fn waits_from(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let moments = [
            &mut self.written_at,
            &mut self.shown_at,
            &mut self.unneeded_since,
            &mut self.waiting_since,
        ];
        moments.into_iter().flatten()
    }
}
