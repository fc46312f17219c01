//! The daemon's own cycle and store, on the day's clock.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::ports::{Clock, HistoryCursor, Store};
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_lnd::Lnd;
use sweetspot_store::SqliteStore;
use tokio_util::sync::CancellationToken;

use crate::client::{config, obey, runtime};
use crate::meter;
use crate::node::{BEGAN_SECS, CYCLE_SECS, CountingNode, DAYS_BEFORE, MEASURED_SECS, Noise, scid};

const DAY_SECS: u64 = 86_400;

/// The clock of the day that is played.
#[derive(Clone, Default)]
struct DayClock(Arc<AtomicU64>);

impl Clock for DayClock {
    fn reading(&self) -> ClockReading {
        let secs = self.0.load(Ordering::Relaxed);
        ClockReading::never_set(timestamp(secs))
    }
}

pub fn timestamp(secs: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(secs).expect("this century"))
}

/// Does cycles as told on standard input. At the end it says what it wrote and holds,
/// and how long a start and `status` take then.
pub fn serve(address: &str, folder: &Path) {
    runtime().block_on(run(address, folder));
}

async fn run(address: &str, folder: &Path) {
    let path = folder.join("sweetspot.db");
    let settings = format!(
        "[node]\naddress = \"https://{address}\"\ntls_cert = {:?}\nmacaroon = {:?}\n\
         [defaults]\nmode = \"manage\"\n[store]\npath = {:?}\n",
        folder.join("tls.cert"),
        folder.join("node.macaroon"),
        path,
    );
    let settings_file = folder.join("config.toml");
    std::fs::write(&settings_file, &settings).expect("writes");
    let settings = Config::parse(&settings, Some(folder)).expect("good settings");
    let lnd = Lnd::new(config(address, folder)).expect("a good configuration");
    let store = SqliteStore::open(&path).await.expect("opens");
    let clock = DayClock::default();
    let from = timestamp(BEGAN_SECS - DAYS_BEFORE * DAY_SECS);
    let cycle = Cycle::start(lnd.clone(), lnd, store, clock.clone(), from);
    let mut cycle = cycle.await.expect("loads");
    let (mut written, mut thinned_secs, mut at) = (0, 0, 0);
    obey(async |at_secs| {
        if at_secs == MEASURED_SECS {
            written = meter::written_bytes();
        }
        at = at_secs;
        clock.0.store(at_secs, Ordering::Relaxed);
        let options = CycleOptions {
            layers: &settings.book,
            observe_only: false,
            report_due: false,
        };
        let turn = cycle.run(options, &CancellationToken::new()).await;
        turn.expect("a good cycle");
        if at_secs - thinned_secs >= DAY_SECS {
            thinned_secs = at_secs;
            cycle.store().thin(timestamp(at_secs)).await.expect("thins");
        }
    })
    .await;
    let written = meter::written_bytes() - written;
    let own_kb = meter::own_memory_kb();
    cycle.into_store().close().await.expect("closes");
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    let start = start(&path).await;
    let status = status(&settings_file);
    let resident_kb = own_kb + file_memory_kb(&settings_file);
    println!(
        "{written} {resident_kb} {size} {} {}",
        start.as_nanos(),
        status.as_nanos()
    );
}

/// For so many seconds nothing more is read of the program: its first cycle is over.
const SETTLED_AFTER: u32 = 5;

/// A start of the daemon, as far as the database goes.
async fn start(path: &Path) -> Duration {
    let began = Instant::now();
    let store = SqliteStore::open(path).await.expect("opens");
    store.load().await.expect("loads");
    let took = began.elapsed();
    store.close().await.expect("closes");
    took
}

/// `sweetspot status`, the whole command; the fastest of three, for the first reads the
/// program from the disk.
fn status(settings: &Path) -> Duration {
    let once = |_| {
        let began = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_sweetspot"))
            .args(["--config".as_ref(), settings.as_os_str(), "status".as_ref()])
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("runs").success());
        began.elapsed()
    };
    (0..3).map(once).min().expect("three")
}

/// What the whole program holds of its files, once it has run its first cycle. This
/// process is a part of it and has no web page, for one.
fn file_memory_kb(settings: &Path) -> u64 {
    let program = std::env::var_os("PROGRAM");
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_sweetspot").into());
    let mut daemon = Command::new(program)
        .args(["--config".as_ref(), settings.as_os_str()])
        .args(["run", "--observe"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let (mut held_kb, mut same) = (0, 0);
    while same < SETTLED_AFTER {
        std::thread::sleep(Duration::from_secs(1));
        let now_kb = meter::file_memory_kb(daemon.id());
        same = if now_kb == held_kb { same + 1 } else { 0 };
        held_kb = now_kb;
    }
    assert!(matches!(daemon.try_wait(), Ok(None)), "still runs");
    daemon.kill().expect("ends");
    daemon.wait().expect("ended");
    held_kb
}

/// Stores so many forwards and times two starts, each up to the end of its first cycle:
/// one that has to count them all, for no cycle is stored with them, and one after it, as
/// of a daemon that has run.
pub fn print_start(channels: u64, forwards: u64) {
    let node = CountingNode::start(channels, 0);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sweetspot.db");
        let began = Instant::now();
        store_forwards(&path, channels, forwards).await;
        let stored = began.elapsed().as_secs_f64();
        let size = std::fs::metadata(&path).map_or(0, |file| file.len());
        println!(
            "{forwards} forwards stored in {stored:.0} s, {:.1} B each",
            size as f64 / forwards as f64,
        );
        for (cycles, what) in [(0, "counts them all"), (1, "goes on from a cycle")] {
            let at_secs = BEGAN_SECS + cycles * CYCLE_SECS;
            let (start, took) = first_cycle(&path, &node, at_secs).await;
            println!(
                "a start that {what}: {} ms, {} ms with its first cycle",
                start.as_millis(),
                took.as_millis()
            );
        }
    });
}

/// When the forwards of a year began.
fn a_year_before() -> Timestamp {
    timestamp(BEGAN_SECS - 365 * DAY_SECS)
}

async fn store_forwards(path: &Path, channels: u64, forwards: u64) {
    let store = SqliteStore::open(path).await.expect("opens");
    let mut noise = Noise(channels);
    let from = a_year_before();
    let step_nanos = i64::try_from(365 * DAY_SECS * 1_000_000_000 / forwards).expect("a year");
    let mut n = 0;
    while n < i64::try_from(forwards).expect("few") {
        let page: Vec<Forward> = (n..n + 5_000)
            .map(|n| {
                let sat = 1 + noise.below(100_000);
                Forward {
                    settled_at: Timestamp::from_nanos(from.nanos() + n * step_nanos),
                    scid_in: Scid(scid(noise.below(channels))),
                    scid_out: Scid(scid(noise.below(channels))),
                    amount_in: Msat(sat * 1_001),
                    amount_out: Msat(sat * 1_000),
                    fee: Msat(sat),
                }
            })
            .collect();
        let through = page[page.len() - 1].settled_at;
        let cursor = HistoryCursor { from, through };
        store.add_forwards(&page, cursor).await.expect("stores");
        n += 5_000;
    }
    store.close().await.expect("closes");
}

/// How long the daemon takes until it is ready, and until its first cycle is over.
async fn first_cycle(path: &Path, node: &CountingNode, at_secs: u64) -> (Duration, Duration) {
    let certificate = node.lnd.cert_path();
    let folder = certificate.parent().expect("a folder");
    let layers = Config::parse("[defaults]\nmode = \"manage\"\n", Some(folder));
    let layers = layers.expect("good settings").book;
    let clock = DayClock::default();
    clock.0.store(at_secs, Ordering::Relaxed);
    let began = Instant::now();
    let lnd = Lnd::new(config(&node.lnd.address(), folder)).expect("a good configuration");
    let store = SqliteStore::open(path).await.expect("opens");
    let cycle = Cycle::start(lnd.clone(), lnd, store, clock, a_year_before());
    let mut cycle = cycle.await.expect("loads");
    let start = began.elapsed();
    let options = CycleOptions {
        layers: &layers,
        observe_only: false,
        report_due: false,
    };
    let turn = cycle.run(options, &CancellationToken::new()).await;
    turn.expect("a good cycle");
    let took = began.elapsed();
    cycle.into_store().close().await.expect("closes");
    (start, took)
}
