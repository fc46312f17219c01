//! The system's wall clock: the one place that asks for the time.

use chrono::Utc;

use crate::domain::time::Timestamp;
use crate::ports::Clock;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }
}
