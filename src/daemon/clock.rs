//! The system's wall clock: the one place that asks for the time.

use chrono::Utc;

use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::Timestamp;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }
}
