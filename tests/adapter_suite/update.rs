//! A policy update as a test wants it, sent through the port.

use sweetspot_core::ports::{PolicyWriter, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::Lnd;

#[derive(Clone, Copy)]
pub struct Update {
    pub point: ChannelPoint,
    pub fees: FeeParts,
    /// Whether the inbound fee is part of the call.
    pub set_inbound: bool,
    pub time_lock_delta: u32,
}

impl Update {
    pub async fn send(self, lnd: &Lnd) -> Result<(), WriteError> {
        let mut from = self.fees;
        if self.set_inbound {
            from.inbound = InboundFee {
                rate_ppm: self.fees.inbound.rate_ppm + 1,
                ..self.fees.inbound
            };
        }
        let change = FeeChange::intended(from, self.fees, Timestamp::EPOCH);
        lnd.set_policy(self.point, &change, self.time_lock_delta)
            .await
    }
}
