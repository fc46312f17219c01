//! Forwards and stock as decayed counts: part of memories. Nothing in it has
//! been added since the first version.

use sweetspot_core::signals::estimate::{DecayedCount, Flow};

use super::form;

form! {
    /// A channel's or the node's flow.
    struct FlowForm of Flow {
        since: i64,
        current: DecayedCountForm,
        history: DecayedCountForm,
        stocked_days: DecayedCountForm,
        watched_days: DecayedCountForm,
        last_forward: Option<i64>,
    }
}

form! {
    /// A count whose parts fade.
    struct DecayedCountForm of DecayedCount {
        weight: f64,
        at: i64,
    }
}
