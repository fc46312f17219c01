//! What systemd is told (`Type=notify`, `WatchdogSec=`); silent elsewhere.

use std::future::Future;
use std::time::Duration;

use sd_notify::NotifyState;

/// How often a known outage is reported as being alive.
const ALIVE_INTERVAL: Duration = Duration::from_secs(30);

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify systemd");
    }
}

/// Start-up is done: the settings and the database are good. The node may
/// still be away; that is not for the service manager to mend.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// One line for `systemctl status`.
pub fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

/// The daemon does what it should.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// The daemon is on its way out.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Waits for something outside, and counts as alive all the while.
pub async fn alive_while<T>(wait: impl Future<Output = T>) -> T {
    let mut wait = std::pin::pin!(wait);
    loop {
        tokio::select! {
            done = &mut wait => return done,
            () = tokio::time::sleep(ALIVE_INTERVAL) => alive(),
        }
    }
}
