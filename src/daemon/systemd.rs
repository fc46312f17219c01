//! What systemd is told (`Type=notify`, `WatchdogSec=`); silent elsewhere.

use sd_notify::NotifyState;

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
