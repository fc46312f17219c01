//! `health`: whether the daemon works, as an exit code, for what watches services.

use std::time::Duration;

use super::Failure;
use super::output::print;
use crate::config::SettingsFile;
use crate::daemon::clock::SystemClock;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::human_span;

/// How long after a cycle was due none is missed yet: what one may take, and half as
/// much again, as the watchdog of systemd has it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A node that does not answer is no fault of the daemon's: to start it anew would
/// not help.
pub async fn run(file: &SettingsFile) -> Result<(), Failure> {
    let (config, store) = super::open(file).await?;
    let fails = |says: String| Err(Failure::Other(says));
    if !store.daemon_lives() {
        return fails("no daemon runs on this database".to_owned());
    }
    let Some(beat) = store.heartbeat().await? else {
        return fails("the daemon has not come to its first cycle yet".to_owned());
    };
    let ago = SystemClock.now().since(beat.at);
    if ago > config.book.node.fast_interval.saturating_add(PATIENCE) {
        return fails(format!("no cycle for {}", human_span(ago)));
    }
    print(&match beat.error {
        None => format!("OK: last cycle {} ago", human_span(ago)),
        Some(error) => format!("OK, and waits: {error}"),
    });
    Ok(())
}
