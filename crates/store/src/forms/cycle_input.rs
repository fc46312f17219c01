//! What a cycle was given but for its channels and what is set for each: part of
//! `turns.given`.
//!
//! The time is a column of its own. What is stored is free of nulls, and mostly
//! a difference from the cycle before: see the journal's pages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::settings::orders::Fresh;
use sweetspot_core::types::graph_visit::GraphVisit;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

use super::clock::ClockStepForm;
use super::ids::PointForm;
use super::node_settings::NodeSettingsForm;
use super::{Form, form};

/// What a cycle was given. Its own fields have all been there since the first
/// version; settings added later read as the built-in ones.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CycleInputForm {
    seen: SeenForm,
    node: NodeSettingsForm,
    history_from: i64,
    counted_through: i64,
    look_again: bool,
    report_due: bool,
    node_ready: bool,
    /// The version of the strategies; the first one did not write it.
    #[serde(default = "first_law")]
    law: u32,
    /// Left out where it was, as always before.
    #[serde(default = "read", skip_serializing_if = "is_read")]
    history_read: bool,
    /// Left out where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ordered: Vec<FreshForm>,
    /// Left out where nothing ever was.
    #[serde(default, skip_serializing_if = "is_zero")]
    orders_through: i64,
    /// Left out where it was not taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clock: Option<ClockStepForm>,
}

form! {
    /// A channel on which something was ordered.
    struct FreshForm of Fresh {
        point: PointForm,
        takes_over: bool,
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn first_law() -> u32 {
    1
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
    #[serde(default)]
    graph_visit: Option<GraphVisitForm>,
}

form! {
    /// What a node of the graph charges, natural logarithm of ppm.
    struct GraphVisitForm of GraphVisit {
        ln_ppm: f64,
        weight: f64,
    }
}

impl CycleInputForm {
    /// What to store, without the time.
    pub(crate) fn of(input: &CycleInput) -> Self {
        let CycleInput {
            seen,
            settings: _,
            node,
            history_from,
            counted_through,
            look_again,
            report_due,
            node_ready,
            law,
            history_read,
            ordered,
            orders_through,
            clock,
        } = input;
        let Observation {
            at: _,
            tip,
            channels: _,
            graph_visit,
        } = seen;
        Self {
            seen: SeenForm {
                tip: Form::of(tip),
                graph_visit: Form::of(graph_visit),
            },
            node: Form::of(node),
            history_from: Form::of(history_from),
            counted_through: *counted_through,
            look_again: *look_again,
            report_due: *report_due,
            node_ready: *node_ready,
            law: *law,
            history_read: *history_read,
            ordered: Form::of(ordered),
            orders_through: *orders_through,
            clock: Form::of(clock),
        }
    }

    /// What the cycle of `at` was given, without any channel.
    pub(crate) fn into_core(self, at: Timestamp) -> CycleInput {
        CycleInput {
            seen: Observation {
                at,
                tip: self.seen.tip.into_core(),
                channels: BTreeMap::new(),
                graph_visit: self.seen.graph_visit.into_core(),
            },
            settings: BTreeMap::new(),
            node: self.node.into_core(),
            history_from: self.history_from.into_core(),
            counted_through: self.counted_through,
            look_again: self.look_again,
            report_due: self.report_due,
            node_ready: self.node_ready,
            law: self.law,
            history_read: self.history_read,
            ordered: self.ordered.into_core(),
            orders_through: self.orders_through,
            clock: self.clock.into_core(),
        }
    }
}
