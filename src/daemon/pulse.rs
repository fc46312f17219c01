//! Whether the daemon's loop turns: told to systemd, and to whoever asks over HTTP.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::daemon::systemd;

/// How often a known outage is reported as being alive.
const ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// A loop that has not turned for so long is stuck; the same as `WatchdogSec` in
/// deploy/sweetspot.service.
const STUCK_AFTER: Duration = Duration::from_secs(15 * 60);

/// When the loop last turned.
#[derive(Clone, Debug)]
pub struct Pulse {
    started: Instant,
    name: Option<String>,
    /// Milliseconds since the start, for the loop of each node of the process.
    last: Arc<[AtomicU64]>,
    /// Which of them is this one's.
    place: usize,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            name: None,
            last: Arc::new([AtomicU64::new(0)]),
            place: 0,
        }
    }
}

impl Pulse {
    /// One for each node of a process, by their names.
    pub fn of(names: impl ExactSizeIterator<Item = Option<String>>) -> Vec<Self> {
        let started = Instant::now();
        let last: Arc<[AtomicU64]> = (0..names.len()).map(|_| AtomicU64::new(0)).collect();
        let pulses = names.enumerate().map(|(place, name)| Self {
            started,
            name,
            last: Arc::clone(&last),
            place,
        });
        pulses.collect()
    }

    /// The loop turns. The service manager, which can only start all anew, hears of it
    /// unless another node's loop is stuck.
    pub fn alive(&self) {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(last) = self.last.get(self.place) {
            last.store(passed, Ordering::Relaxed);
        }
        if self
            .last
            .iter()
            .all(|last| self.age_of(last) <= STUCK_AFTER)
        {
            systemd::alive();
        }
    }

    /// One line for the service manager.
    pub fn status(&self, line: &str) {
        match &self.name {
            Some(name) => systemd::status(&format!("{name}: {line}")),
            None => systemd::status(line),
        }
    }

    /// Waits for something outside, and counts as alive all the while.
    pub async fn alive_while<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return done,
                () = tokio::time::sleep(ALIVE_INTERVAL) => self.alive(),
            }
        }
    }

    /// How long ago the loop turned.
    pub fn age(&self) -> Duration {
        let last = self.last.get(self.place);
        last.map_or(Duration::ZERO, |last| self.age_of(last))
    }

    fn age_of(&self, last: &AtomicU64) -> Duration {
        let last = Duration::from_millis(last.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    /// Whether it no longer does.
    pub fn is_stuck(&self) -> bool {
        self.age() > STUCK_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_the_node_is_alive_and_a_loop_that_hangs_is_not() {
        let pulse = Pulse::default();
        pulse.alive_while(tokio::time::sleep(STUCK_AFTER * 2)).await;
        assert!(!pulse.is_stuck());
        tokio::time::sleep(STUCK_AFTER * 2).await;
        assert!(pulse.is_stuck());
        pulse.alive();
        assert!(!pulse.is_stuck());
    }
}
