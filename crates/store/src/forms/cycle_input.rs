//! What a cycle was given: `turns.given`.
//!
//! The time is a column of its own. What is stored is free of nulls, and mostly
//! a difference from the cycle before: see the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

use super::Form;
use super::channel::ChannelForm;
use super::ids::PointForm;
use super::node_settings::NodeSettingsForm;
use super::settings::ChannelSettingsForm;

/// What a cycle was given. Its own fields have all been there since the first
/// version; settings added later read as the built-in ones.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CycleInputForm {
    seen: SeenForm,
    settings: BTreeMap<PointForm, ChannelSettingsForm>,
    node: NodeSettingsForm,
    history_from: i64,
    counted_through: i64,
    look_again: bool,
    report_due: bool,
    node_ready: bool,
    /// Left out where it was, as always before.
    #[serde(default = "read", skip_serializing_if = "is_read")]
    history_read: bool,
}

fn read() -> bool {
    true
}

fn is_read(read: &bool) -> bool {
    *read
}

/// What the node said.
#[derive(Debug, Serialize, Deserialize)]
struct SeenForm {
    /// The height of the chain tip.
    tip: u32,
    channels: BTreeMap<PointForm, ChannelForm>,
}

impl CycleInputForm {
    /// What to store, without the time.
    pub(crate) fn of(input: &CycleInput) -> Self {
        let CycleInput {
            seen,
            settings,
            node,
            history_from,
            counted_through,
            look_again,
            report_due,
            node_ready,
            history_read,
        } = input;
        let Observation {
            at: _,
            tip,
            channels,
        } = seen;
        Self {
            seen: SeenForm {
                tip: Form::of(tip),
                channels: Form::of(channels),
            },
            settings: Form::of(settings),
            node: Form::of(node),
            history_from: Form::of(history_from),
            counted_through: *counted_through,
            look_again: *look_again,
            report_due: *report_due,
            node_ready: *node_ready,
            history_read: *history_read,
        }
    }

    /// What the cycle of `at` was given.
    pub(crate) fn into_core(self, at: Timestamp) -> CycleInput {
        CycleInput {
            seen: Observation {
                at,
                tip: self.seen.tip.into_core(),
                channels: self.seen.channels.into_core(),
            },
            settings: self.settings.into_core(),
            node: self.node.into_core(),
            history_from: self.history_from.into_core(),
            counted_through: self.counted_through,
            look_again: self.look_again,
            report_due: self.report_due,
            node_ready: self.node_ready,
            history_read: self.history_read,
        }
    }
}
