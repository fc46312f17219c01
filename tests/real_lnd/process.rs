//! Child processes that never outlive the test, and the patience to wait for them.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);
const EXIT_LIMIT: Duration = Duration::from_secs(30);

/// A running program whose output goes to a file; dropping it kills it, a panic included.
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `command`, appending both its outputs to `log`.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap_or_else(|e| panic!("open {}: {e}", log.display()));
        let err = out.try_clone().expect("a second handle on the log");
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("start {name}: {e}"));
        Self {
            name: name.to_owned(),
            child,
        }
    }

    /// The status it ended with, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(self) -> ExitStatus {
        self.terminate_within(EXIT_LIMIT)
    }

    /// As [`Self::terminate`]; taking longer than `limit` fails the test.
    pub fn terminate_within(mut self, limit: Duration) -> ExitStatus {
        self.signal("TERM");
        let name = self.name.clone();
        until(&format!("{name} ends on SIGTERM"), limit, || {
            self.exited().ok_or_else(|| "still running".to_owned())
        })
    }

    /// Sends a signal by its name without `SIG`.
    pub fn signal(&self, signal: &str) {
        // The standard library has no safe way to send any signal but SIGKILL.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.child.id())])
            .status()
            .expect("sh runs");
        assert!(sent.success(), "SIG{signal} to {}", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries `attempt` until it gives a value; panics with its last complaint after `limit`.
pub fn until<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(why) if begun.elapsed() > limit => {
                panic!("gave up waiting until {what}, after {limit:?}: {why}")
            }
            Err(_) => sleep(POLL),
        }
    }
}

/// A loopback TCP port nobody listens on, different at each call.
///
/// Taken from below the range the kernel hands to outgoing connections, so that no connection
/// made meanwhile can occupy it.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(31) % u32::from(COUNT);
    loop {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        assert!(call < COUNT, "no free loopback port");
        let offset = (start + u32::from(call)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).expect("below COUNT");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
