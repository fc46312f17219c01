//! What the operator allows of inbound discounts: `[inbound]`.

use std::time::Duration;

use crate::types::units::FeePpm;

const DAY: Duration = Duration::from_secs(86_400);

/// Whether and how far flow that refills a channel is made cheaper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InboundRules {
    /// Whether discounts are given at all.
    pub discount: bool,
    /// The largest part of a fee that a discount may take, 0 to 1: of the
    /// channel's own outbound rate, and of what the channels it feeds charge.
    pub share: f64,
    /// The part of the stock for sale, the cheapest first, whose rate the
    /// bound above does not heed, 0 to 1.
    pub cheapest_ignored: f64,
    /// The largest discount.
    pub max_discount: FeePpm,
    /// So much of the local ratio may be missing before there is a discount.
    pub dead_zone: f64,
    /// Shortest time between two changes of a discount.
    pub cooldown: Duration,
    /// A discount goes when it was not needed for so long.
    pub expires_after: Duration,
}

impl Default for InboundRules {
    fn default() -> Self {
        Self {
            // A discount spends income for balance, and senders older than LND
            // 0.18 do not see it: the operator has to ask for it.
            discount: false,
            // Below 1 a payment in and out again over the channel costs
            // something, and half of what refilled stock sells for stays earned.
            share: 0.5,
            // No forward is free unless the operator allows it.
            cheapest_ignored: 0.0,
            // Bounds what a mistake costs where outbound rates are high; at the
            // usual rates `share` is the tighter bound.
            max_discount: FeePpm(500),
            // So that a balance near its target does not make a discount come
            // and go: each change is gossip.
            dead_zone: 0.1,
            // A shrinking discount fails the payments of senders that have not
            // heard of it, and LND's failure message does not carry it: they
            // hear by gossip alone. Slower than the outbound rate's 12 h.
            cooldown: DAY * 2,
            // One round of the day's rhythm: a need that comes back every
            // evening keeps its discount.
            expires_after: DAY,
        }
    }
}
