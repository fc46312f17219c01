//! A policy update as a test wants it, sent through the port.

use sweetspot_core::ports::{PolicyWriter, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee};
use sweetspot_core::types::fee_change::{FeeChange, MaxHtlcChange};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_lnd::Lnd;

#[derive(Clone, Copy)]
pub struct Update {
    pub point: ChannelPoint,
    pub fees: FeeParts,
    /// Whether the inbound fee is part of the call.
    pub set_inbound: bool,
    /// The max HTLC, if it is part of the call.
    pub max_htlc: Option<Msat>,
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
        let max_htlc = self.max_htlc.map(|to| MaxHtlcChange { from: Msat(0), to });
        let change = FeeChange::intended(from, self.fees, Timestamp::EPOCH).with_max_htlc(max_htlc);
        lnd.set_policy(self.point, &change, self.time_lock_delta)
            .await
    }
}
