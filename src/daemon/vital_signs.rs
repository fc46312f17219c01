//! Whether the daemon works, told in the database for `status` and others.

use tracing::debug;

use sweetspot_core::ports::{Heartbeat, Store};
use sweetspot_core::types::time::Timestamp;

/// What is told with each try of a cycle.
pub struct VitalSigns {
    now: Heartbeat,
    /// Whether the store knows that cycles work: it sees their records.
    told: bool,
}

impl VitalSigns {
    /// Of a daemon that starts at `now`.
    pub fn at_start(now: Timestamp, observe_only: bool) -> Self {
        let now = Heartbeat {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: now,
            observe_only,
            at: now,
            since: now,
            error: None,
        };
        Self { now, told: false }
    }

    /// A cycle has come to its end.
    pub fn works(&mut self, now: Timestamp) {
        if self.now.error.take().is_some() {
            self.now.since = now;
            self.told = false;
        }
    }

    /// A cycle has come to nothing. One reason after the other is one outage.
    pub fn fails(&mut self, why: &str, now: Timestamp) {
        if self.now.error.replace(why.into()).is_none() {
            self.now.since = now;
        }
        self.told = false;
    }

    /// Tells it. A store that fails is told of by the cycle itself.
    pub async fn beat(&mut self, store: &impl Store, now: Timestamp) {
        if self.told {
            return;
        }
        self.now.at = now;
        match store.beat(&self.now).await {
            Ok(()) => self.told = self.now.error.is_none(),
            Err(error) => debug!(%error, "cannot store a sign of life"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_with_its_first_failure_and_ends_with_a_cycle() {
        let at = Timestamp::from_secs;
        let mut signs = VitalSigns::at_start(at(0), false);
        signs.works(at(5));
        assert_eq!((signs.now.since, &signs.now.error), (at(0), &None));
        signs.fails("away", at(10));
        signs.fails("still away", at(20));
        assert_eq!(signs.now.since, at(10));
        assert_eq!(signs.now.error, Some("still away".into()));
        signs.works(at(30));
        assert_eq!((signs.now.since, &signs.now.error), (at(30), &None));
    }
}
