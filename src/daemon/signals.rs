//! Which signals end the daemon, and which has it read its config again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals of an operator or a supervisor.
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a stop.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for a stop; notes each reload on the way.
    pub async fn stop_or_reload(&mut self, reload: &watch::Sender<u64>) {
        loop {
            tokio::select! {
                () = async { tokio::select! {
                    _ = self.interrupt.recv() => {}
                    _ = self.terminate.recv() => {}
                } } => return,
                _ = self.hangup.recv() => reload.send_modify(|asked| *asked += 1),
            }
        }
    }
}
