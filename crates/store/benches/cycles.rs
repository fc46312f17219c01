//! What a day of five-minute cycles costs: bytes to the disk, time, and what a start
//! and a look at the store take afterwards. A tenth of the balances change between
//! two cycles.
//!
//!     cargo bench -p sweetspot-store

#![allow(clippy::expect_used, reason = "a benchmark reports by panicking")]
#![allow(clippy::print_stdout, reason = "a benchmark reports by printing")]

use std::time::{Duration, Instant};

use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::{CycleRecord, ForwardLog, HistoryCursor, Store};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::testing::channel;
use sweetspot_core::types::channel::{Channel, ChannelPoint, PeerId, Scid};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, Msat, Sat};
use sweetspot_store::{SqliteStore, StoreReader};

const CYCLES: i64 = 288;
const CYCLE_SECS: i64 = 300;
/// A Monday in 2026.
const BEGAN_SECS: i64 = 1_767_571_200;

/// Numbers without a pattern (SplitMix64), so that nothing is easier to pack than
/// on a real node.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }
}

fn channels(count: u64, noise: &mut Noise) -> Vec<Channel> {
    (0..count)
        .map(|n| {
            let mut key = noise.bytes::<33>();
            key[0] = 2;
            Channel {
                point: ChannelPoint {
                    txid: noise.bytes(),
                    output_index: 0,
                },
                scid: Scid((700_000 + n) << 40 | 1 << 16),
                peer: PeerId(key),
                peer_alias: Some(format!("node {:x}", noise.next()).into()),
                capacity: Sat(5_000_000),
                local_balance: Sat(noise.next() % 4_900_000),
                ..channel(1)
            }
        })
        .map(|channel| Channel {
            remote_balance: Sat(channel.capacity.0 - channel.local_balance.0),
            ..channel
        })
        .collect()
}

/// Bytes that this process had written to the disk.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

/// The processor's time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |n: usize| -> u64 {
        let field = after.split_whitespace().nth(n);
        field.and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Peak resident memory, in kB.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

/// Days of forwards that are stored before, and how many a channel has in one.
const DAYS_BEFORE: i64 = 30;
const FORWARDS_A_DAY: u64 = 10;

/// Stores what was forwarded before, in pages as the node tells it; returns how many
/// forwards that is.
async fn backfill(store: &SqliteStore, open: &[Channel], noise: &mut Noise) -> u64 {
    let count = u64::try_from(open.len()).expect("small");
    let total = count * FORWARDS_A_DAY * u64::try_from(DAYS_BEFORE).expect("small");
    let began = Timestamp::from_secs(BEGAN_SECS - DAYS_BEFORE * 86_400);
    let step_nanos =
        i64::try_from(u64::try_from(DAYS_BEFORE).expect("small") * 86_400 * 1_000_000_000 / total);
    let step_nanos = step_nanos.expect("small");
    let mut page = vec![];
    for n in 0..i64::try_from(total).expect("small") {
        let mut one = || &open[usize::try_from(noise.next() % count).expect("small")];
        let (from, to) = (one().scid, one().scid);
        let sat = 1 + noise.next() % 100_000;
        page.push(Forward {
            settled_at: Timestamp::from_nanos(began.nanos() + n * step_nanos),
            scid_in: from,
            scid_out: to,
            amount_in: Msat(sat * 1_001),
            amount_out: Msat(sat * 1_000),
            fee: Msat(sat),
        });
        if page.len() == 10_000 {
            let through = page[page.len() - 1].settled_at;
            let cursor = HistoryCursor {
                from: began,
                through,
            };
            store.add_forwards(&page, cursor).await.expect("stores");
            page.clear();
        }
    }
    let cursor = HistoryCursor {
        from: began,
        through: Timestamp::from_secs(BEGAN_SECS),
    };
    store.add_forwards(&page, cursor).await.expect("stores");
    total
}

async fn day(count: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = SqliteStore::open(&path).await.expect("opens");
    let mut noise = Noise(count);
    let mut open = channels(count, &mut noise);
    let names: Vec<_> = open.iter().map(|c| (c.scid, c.point)).collect();
    store.add_ids(&names).await.expect("stores");
    let before = Instant::now();
    let forwards_before = backfill(&store, &open, &mut noise).await;
    let stored_a_second = forwards_before as f64 / before.elapsed().as_secs_f64();
    let layers = SettingsLayers::default();
    let mut engine = Engine::default();
    let (mut began, mut bytes, mut busy) = (Instant::now(), written_bytes(), cpu());
    // The first cycle meets every channel: the day begins after it.
    for cycle in 0..=CYCLES {
        if cycle == 1 {
            (began, bytes, busy) = (Instant::now(), written_bytes(), cpu());
        }
        let at = Timestamp::from_secs(BEGAN_SECS + cycle * CYCLE_SECS);
        let mut forwards = vec![];
        for n in 0..count / 10 {
            let (from, to) = (noise.next() % count, noise.next() % count);
            let (from, to) = (usize::try_from(from), usize::try_from(to));
            let (from, to) = (from.expect("small"), to.expect("small"));
            let sat = 1 + noise.next() % 100_000;
            open[to].local_balance = Sat(open[to].local_balance.0.saturating_sub(sat));
            open[to].remote_balance = Sat(5_000_000 - open[to].local_balance.0);
            // Few of the moves are forwards: a busy node has some ten a channel-day.
            if n % 3 == 0 {
                let settled_at = at.minus(Duration::from_nanos(1_000_000 * (1_000 - n)));
                forwards.push(Forward {
                    settled_at,
                    scid_in: open[from].scid,
                    scid_out: open[to].scid,
                    amount_in: Msat(sat * 1_001),
                    amount_out: Msat(sat * 1_000),
                    fee: Msat(sat),
                });
            }
        }
        let cursor = HistoryCursor {
            from: Timestamp::from_secs(BEGAN_SECS - DAYS_BEFORE * 86_400),
            through: at,
        };
        if !forwards.is_empty() {
            store.add_forwards(&forwards, cursor).await.expect("stores");
        }
        let seen = Observation {
            at,
            tip: BlockHeight(930_000 + u32::try_from(cycle / 2).expect("small")),
            channels: open.iter().map(|c| (c.point, c.clone())).collect(),
            graph_visit: None,
        };
        let input = CycleInput::new(seen, &layers, false, cursor.from);
        let checkpoint = (cycle % 12 == 0).then(|| engine.checkpoint(true));
        let mut counting = engine.begin(input);
        let counted = store.count_through(&mut counting, i64::MAX).await;
        counted.expect("counts");
        let outcome = counting.watch().decide();
        let record = CycleRecord {
            input: &outcome.input,
            decisions: &outcome.decisions,
            market: &engine.memory().node.market,
            checkpoint: checkpoint.as_ref(),
        };
        store.record_cycle(record).await.expect("stores");
    }
    let per_cycle = |span: Duration| span.as_secs_f64() * 1e3 / 288.0;
    let (wall, busy) = (per_cycle(began.elapsed()), per_cycle(cpu() - busy));
    let megabytes = (written_bytes() - bytes) as f64 / 1e6;
    store.close().await.expect("closes");
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    let began = Instant::now();
    let store = SqliteStore::open(&path).await.expect("opens");
    let loaded = store.load().await.expect("loads");
    let start = began.elapsed().as_secs_f64() * 1e3;
    assert_eq!(loaded.engine.memory(), engine.memory());
    let began = Instant::now();
    let reader = StoreReader::open(&path).await.expect("opens");
    reader.market().await.expect("reads");
    reader.channels().await.expect("reads");
    reader.last_decisions().await.expect("reads");
    reader.last_changes().await.expect("reads");
    let until = Timestamp::from_secs(BEGAN_SECS + CYCLES * CYCLE_SECS);
    let spans = [1, 7, 30].map(|days| until.minus(Duration::from_secs(days * 86_400)));
    reader.ledgers(&spans, until).await.expect("reads");
    let look = began.elapsed().as_secs_f64() * 1e3;
    println!(
        "{count:>8} | {forwards_before:>9} | {:>9.0} | {megabytes:>13.1} | {busy:>12.1} | {wall:>13.1} | {:>11.1} | {start:>8.0} | {look:>7.0} | {:>7.0}",
        stored_a_second / 1e3,
        size as f64 / 1e6,
        peak_kb() as f64 / 1e3,
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!(
        "channels | forwards | 1,000 stored/s | MB to disk/day | CPU ms/cycle | wall ms/cycle | MB database | start ms | look ms | peak MB"
    );
    for count in [100, 500, 2_500, 10_000] {
        day(count).await;
    }
}
