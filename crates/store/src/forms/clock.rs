//! The clock that limits hold on.

use std::time::Duration;

use sweetspot_core::state::clock::{Clock, ClockStep};
use sweetspot_core::types::clock_reading::ClockReading;

use super::{default_of, form};

form! {
    /// What the machine's clocks said.
    struct ClockReadingForm of ClockReading {
        wall: i64,
        boot: u64,
        since_boot: Duration,
    }
}

form! {
    /// As remembered.
    struct ClockForm of Clock {
        #[serde(skip_serializing_if = "Option::is_none")]
        taken_up: Option<ClockReadingForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        doubted_until: Option<i64>,
    }
}

default_of!(ClockForm, Clock);

form! {
    /// What a cycle took up.
    struct ClockStepForm of ClockStep {
        to: ClockReadingForm,
        moved_nanos: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        doubted_for: Option<Duration>,
    }
}
