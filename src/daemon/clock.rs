//! The system's clocks: the one place that asks for the time. In the laboratory the
//! whole program may go by a simulated node's clock instead.

use std::fs;
use std::sync::LazyLock;
#[cfg(feature = "lab")]
use std::sync::OnceLock;
use std::time::Duration;
#[cfg(feature = "lab")]
use std::time::Instant;

use chrono::Utc;
use rustix::time::{ClockId, clock_gettime};

use sweetspot_core::ports::Clock;
use sweetspot_core::types::clock_reading::ClockReading;
#[cfg(feature = "lab")]
use sweetspot_core::types::time::Timestamp;
#[cfg(feature = "lab")]
use sweetspot_lnd::ToldClock;

/// Counts from the machine's start, also while it sleeps; where there is no such
/// clock, one that stops then: limits last longer.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// Which start of the machine this is, as Linux names it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A start that has no name is told from others by when this program started:
/// none goes on where another ended.
static BOOT: LazyLock<u64> = LazyLock::new(|| {
    let named = fs::read_to_string(BOOT_ID).ok();
    named
        .and_then(|name| boot_number(&name))
        .unwrap_or_else(|| {
            let wall = wall().timestamp_nanos_opt().unwrap_or_default();
            wall.unsigned_abs() ^ (u64::from(std::process::id()) << 32)
        })
});

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn reading(&self) -> ClockReading {
        #[cfg(feature = "lab")]
        if let Some(followed) = FOLLOWED.get() {
            return ClockReading::never_set(followed.now());
        }
        let passed = clock_gettime(SINCE_BOOT);
        let secs = u64::try_from(passed.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(passed.tv_nsec).unwrap_or_default();
        ClockReading {
            wall: wall().into(),
            boot: *BOOT,
            since_boot: Duration::new(secs, nanos),
        }
    }
}

/// A node's clock, followed from the program's start to its end.
#[cfg(feature = "lab")]
static FOLLOWED: OnceLock<Followed> = OnceLock::new();

#[cfg(feature = "lab")]
struct Followed {
    told: ToldClock,
    since: Instant,
}

#[cfg(feature = "lab")]
impl Followed {
    fn now(&self) -> Timestamp {
        let passed = self.since.elapsed().as_secs_f64() * self.told.speed;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or_default();
        self.told.at.plus(passed)
    }
}

/// From now on the program goes by this clock: what it takes for the time, and how
/// often it looks at the node.
#[cfg(feature = "lab")]
pub fn follow(told: ToldClock) {
    let since = Instant::now();
    let _ = FOLLOWED.set(Followed { told, since });
}

/// How long `span` takes on the system's clock.
pub fn in_real_time(span: Duration) -> Duration {
    #[cfg(feature = "lab")]
    if let Some(followed) = FOLLOWED.get() {
        let real = span.as_secs_f64() / followed.told.speed;
        return Duration::try_from_secs_f64(real)
            .unwrap_or(span)
            .max(SHORTEST);
    }
    span
}

/// The node has to be given time to answer.
#[cfg(feature = "lab")]
const SHORTEST: Duration = Duration::from_millis(50);

#[allow(clippy::disallowed_methods)]
fn wall() -> chrono::DateTime<Utc> {
    Utc::now()
}

/// The first 64 of the 122 random bits that a start's name has.
fn boot_number(name: &str) -> Option<u64> {
    let digits: String = name.chars().filter(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(digits.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_told_from_others_by_its_name() {
        let number = boot_number("0e1a6f4c-9d3b-4b5e-8f1a-2c3d4e5f6a7b\n");
        assert_eq!(number, Some(0x0e1a_6f4c_9d3b_4b5e));
        assert_eq!(boot_number(""), None);
        assert_eq!(boot_number("none"), None);
    }

    #[test]
    fn time_since_the_start_goes_on() {
        let (first, second) = (SystemClock.reading(), SystemClock.reading());
        assert_eq!(first.boot, second.boot);
        assert!(first.since_boot > Duration::ZERO);
        assert!(second.since_boot >= first.since_boot);
    }
}
