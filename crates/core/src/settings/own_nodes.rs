//! The operator's other nodes. A channel to one of them moves money from one pocket to
//! the other: it has a price of its own, held at each end by that node's own daemon.

use std::collections::BTreeMap;

use crate::settings::values::{BaseFee, ChannelSettings, InboundRate, Mode};
use crate::types::channel::PeerId;
use crate::types::units::FeePpm;

/// Which nodes are ours as well, each with the outbound rate of our channels to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNodes(pub BTreeMap<PeerId, FeePpm>);

impl OwnNodes {
    /// Whether `peer` is one of them.
    pub fn contains(&self, peer: PeerId) -> bool {
        self.0.contains_key(&peer)
    }

    /// Lays the price over what the defaults say of a channel to `peer`, if it is ours:
    /// any rule, peer or channel may say otherwise.
    pub fn lay_over(&self, peer: PeerId, settings: &mut ChannelSettings) {
        let Some(rate) = self.0.get(&peer).copied() else {
            return;
        };
        settings.mode = Mode::Pin(rate);
        settings.min = settings.min.min(rate);
        settings.max = settings.max.max(rate);
        settings.base_fee = BaseFee::Set(0);
        settings.inbound_discount = false;
        settings.inbound_rate = InboundRate::Auto;
        settings.keep = true;
    }
}
