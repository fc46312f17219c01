//! What a cycle decides from, beside what is remembered and the forwards.

use std::collections::BTreeMap;

use crate::settings::layers::SettingsLayers;
use crate::settings::orders::Fresh;
use crate::settings::values::{ChannelSettings, NodeSettings};
use crate::state::clock::ClockStep;
use crate::types::channel::ChannelPoint;
use crate::types::observation::Observation;
use crate::types::time::Timestamp;

/// What may be gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether the node may be written to.
    pub node: bool,
    /// Whether demand is known up to now.
    pub history: bool,
    /// Whether no cycle has looked at the node for a slow interval, or ever: then
    /// many channels are due at once, and are changed one by one instead.
    pub first_look: bool,
}

/// What a cycle is given. It is stored, so that the cycle can be decided again.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleInput {
    /// What the node said.
    pub seen: Observation,
    /// What holds for each channel seen.
    pub settings: BTreeMap<ChannelPoint, ChannelSettings>,
    /// What holds for the node.
    pub node: NodeSettings,
    /// From when on the stored forwards are complete.
    pub history_from: Timestamp,
    /// The last stored forward that the cycle counts.
    pub counted_through: i64,
    /// Whether every channel is to be looked at, as after a change of settings.
    pub look_again: bool,
    /// Whether the daily report is due.
    pub report_due: bool,
    /// Whether the node may be written to: it follows the chain.
    pub node_ready: bool,
    /// The version of the strategies that decides: [`LAW`], or an earlier one.
    pub law: u32,
    /// Whether the forwarding history was read: what goes by demand waits for it.
    pub history_read: bool,
    /// The channels on which something was ordered since the cycle before.
    pub ordered: Vec<Fresh>,
    /// The number of the last order that the cycle knows.
    pub orders_through: i64,
    /// Where the wall clock is taken up anew, as after it was set.
    pub clock: Option<ClockStep>,
}

/// The version of the strategies. A change by which the same input is decided
/// otherwise takes the next number, so that a replay does not hold one law against
/// another.
pub const LAW: u32 = 5;

impl CycleInput {
    /// What a cycle is given that saw `seen` under `layers`, on a node that is
    /// ready, with nothing else to do.
    pub fn new(
        seen: Observation,
        layers: &SettingsLayers,
        observe_only: bool,
        history_from: Timestamp,
    ) -> Self {
        let mut input = Self {
            seen,
            settings: BTreeMap::new(),
            node: layers.node,
            history_from,
            counted_through: 0,
            look_again: false,
            report_due: false,
            node_ready: true,
            law: LAW,
            history_read: true,
            ordered: vec![],
            orders_through: layers.orders.newest(),
            clock: None,
        };
        input.settle(layers, observe_only);
        input
    }

    /// What may be gone by.
    pub fn readiness(&self, first_look: bool) -> Readiness {
        Readiness {
            node: self.node_ready,
            history: self.history_read,
            first_look,
        }
    }

    /// Has `layers` hold for everything seen.
    pub fn settle(&mut self, layers: &SettingsLayers, observe_only: bool) {
        let seen = &self.seen;
        let channels = seen.channels.values();
        self.settings = layers.resolve_all(channels, seen.tip, seen.at);
        for settings in self.settings.values_mut() {
            settings.observe_only |= observe_only;
        }
        self.node = layers.node;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;

    #[test]
    fn nothing_is_written_of_a_cycle_that_only_observes() {
        let observes = |observe_only| {
            let channels = [1, 2].map(channel).map(|channel| (channel.point, channel));
            let seen = Observation {
                channels: channels.into(),
                ..Observation::default()
            };
            let layers = SettingsLayers::default();
            let input = CycleInput::new(seen, &layers, observe_only, Timestamp::EPOCH);
            assert_eq!(input.settings.len(), 2);
            let mut each = input.settings.values();
            each.all(|settings| settings.observe_only)
        };
        assert!(observes(true) && !observes(false));
    }
}
