//! A slow line to a node: what passes between intent and outcome within milliseconds then takes
//! long enough to be interrupted in its midst.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A TCP relay with an adjustable delay in each direction. TLS passes through it untouched.
pub struct SlowLine {
    address: String,
    delay_ms: Arc<AtomicU64>,
}

impl SlowLine {
    /// A line to `target` (`host:port`), without delay so far.
    pub fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("bound").to_string();
        let delay_ms = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_ms);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // Without a far end the near one is closed, as by a node that is down.
                if let Ok(far) = TcpStream::connect(&target) {
                    relay(&near, &far, &delay);
                    relay(&far, &near, &delay);
                }
            }
        });
        Self { address, delay_ms }
    }

    /// The near end, `host:port`.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Delays everything by this much from now on.
    pub fn delay(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).expect("a short delay");
        self.delay_ms.store(millis, Ordering::Relaxed);
    }
}

fn relay(from: &TcpStream, to: &TcpStream, delay_ms: &Arc<AtomicU64>) {
    let mut from = from.try_clone().expect("a second handle");
    let mut to = to.try_clone().expect("a second handle");
    let delay_ms = Arc::clone(delay_ms);
    let _ = to.set_nodelay(true);
    thread::spawn(move || {
        let mut chunk = [0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            thread::sleep(Duration::from_millis(delay_ms.load(Ordering::Relaxed)));
            if to.write_all(&chunk[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    });
}
