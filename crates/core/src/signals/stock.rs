//! Whether a channel has something to sell.

use crate::types::channel::Channel;

/// Whether a channel could forward an ordinary payment: its peer is there, and
/// it has 2 % of its capacity or 50,000 sat to send, whichever is more, but
/// never more than a tenth (for small channels).
pub fn stocked(channel: &Channel) -> bool {
    let capacity = channel.capacity.as_f64();
    let needed = (0.02 * capacity).max(50_000.0).min(0.1 * capacity);
    channel.active && channel.spendable().as_f64() >= needed
}
