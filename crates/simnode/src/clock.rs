//! The simulated node's time: it stands still until it is advanced, or runs a
//! set number of times as fast as real time.
//!
//! The market lives in world time, which only runs forwards. What the node
//! tells is in local time: world time plus what its clock was stepped by.

use std::time::{Duration, Instant};

use sweetspot_core::types::time::Timestamp;

#[derive(Debug)]
pub(super) struct VirtualClock {
    /// World time at `since`.
    base: Timestamp,
    since: Instant,
    /// Virtual seconds per real second.
    speed: f64,
    skew_nanos: i64,
}

impl VirtualClock {
    pub fn new(start: Timestamp, speed: f64) -> Self {
        Self {
            base: start,
            since: Instant::now(),
            speed: if speed.is_finite() {
                speed.max(0.0)
            } else {
                0.0
            },
            skew_nanos: 0,
        }
    }

    /// World time, now.
    pub fn world(&self) -> Timestamp {
        let run = self.since.elapsed().as_secs_f64() * self.speed;
        let run = Duration::try_from_secs_f64(run).unwrap_or(Duration::ZERO);
        self.base.plus(run)
    }

    /// What the node's clock shows, now.
    pub fn local(&self) -> Timestamp {
        self.to_local(self.world())
    }

    /// What the node's clock shows at a moment of world time.
    pub fn to_local(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.nanos().saturating_add(self.skew_nanos))
    }

    /// What it shows and how fast it runs, as [`sweetspot_lnd::NODE_CLOCK`] has it.
    pub fn told(&self) -> String {
        format!("{} {}", self.local().nanos(), self.speed)
    }

    /// Lets `span` pass at once.
    pub fn advance(&mut self, span: Duration) {
        self.base = self.world().plus(span);
        self.since = Instant::now();
    }

    /// Steps the node's clock, forwards or back; no time passes.
    pub fn step(&mut self, nanos: i64) {
        self.skew_nanos = self.skew_nanos.saturating_add(nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_advanced() {
        let mut clock = VirtualClock::new(Timestamp::from_secs(100), 0.0);
        assert_eq!(clock.world(), Timestamp::from_secs(100));
        clock.advance(Duration::from_secs(5));
        clock.step(-2_000_000_000);
        assert_eq!(clock.world(), Timestamp::from_secs(105));
        assert_eq!(clock.local(), Timestamp::from_secs(103));
    }

    #[test]
    fn a_speed_that_is_no_number_stands_still() {
        let clock = VirtualClock::new(Timestamp::from_secs(100), f64::NAN);
        assert_eq!(clock.world(), Timestamp::from_secs(100));
    }
}
