//! The last days of which the forwards are known: what advice looks at.

use std::time::Duration;

use sweetspot_core::ports::StoreError;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// From when on, and how long that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// Days from then to now; 0 where nothing is known.
    pub days: f64,
}

impl Window {
    /// The last `span` before `now`, or less where less is known.
    pub async fn known(
        store: &StoreReader,
        span: Duration,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let known_from = store.cursor().await?.map_or(now, |cursor| cursor.from);
        let from = now.minus(span).max(known_from);
        let days = now.days_since(from);
        Ok(Self { from, days })
    }
}
