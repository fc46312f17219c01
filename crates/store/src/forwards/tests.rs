//! Packed or not, forwards are the same: held against the store in memory.

use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::fixtures::{at, forward};
use crate::{MemoryStore, SqliteStore, StoreReader};
use sweetspot_core::ports::{ForwardLog, Store};
use sweetspot_core::types::day_total::DayRange;

const DAY: i64 = 86_400;

/// Forwards that settled one a minute from minute `from` on.
fn minutes(from: i64, many: i64) -> Vec<Forward> {
    (from..from + many).map(|n| forward(n * 60)).collect()
}

/// The same forwards on disk, packed or not, and in memory.
struct Both {
    path: PathBuf,
    store: SqliteStore,
    memory: MemoryStore,
    _directory: TempDir,
}

impl Both {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        Self {
            store: SqliteStore::open(&path).await.expect("opens"),
            path,
            memory: MemoryStore::default(),
            _directory: directory,
        }
    }

    async fn add(&self, forwards: &[Forward]) {
        let cursor = crate::fixtures::cursor(1, 2);
        let stored = self.store.add_forwards(forwards, cursor).await;
        stored.expect("stores");
        let stored = self.memory.add_forwards(forwards, cursor).await;
        stored.expect("stores");
    }

    async fn reader(&self) -> StoreReader {
        StoreReader::open(&self.path).await.expect("opens")
    }

    async fn packs_and_rows(&self) -> (i64, i64) {
        let reader = self.reader().await;
        let db = &mut *reader.connection().await;
        sqlx::query_as(
            "select (select count(*) from forward_packs), (select count(*) from forwards)",
        )
        .fetch_one(db)
        .await
        .expect("reads")
    }

    /// What either store says of them, the one on disk also from beside.
    async fn hold_the_same(&self) {
        let Self { store, memory, .. } = self;
        let all = memory.forwards_after(0, u32::MAX).await.expect("reads");
        let reader = self.reader().await;
        for (seq, limit) in [
            (0, u32::MAX),
            (0, 7),
            (all[all.len() / 2].seq, 5_100),
            (all[all.len() - 3].seq - 1, 9),
            (i64::MAX - 1, 9),
        ] {
            let expected = memory.forwards_after(seq, limit).await.expect("reads");
            let found = store.forwards_after(seq, limit).await.expect("reads");
            assert!(found == expected, "{limit} after {seq}");
            let found = reader.forwards_after(seq, limit).await.expect("reads");
            assert!(found == expected, "{limit} after {seq}, from beside");
        }
        let days = all
            .last()
            .map_or(0, |last| last.forward.settled_at.utc_day());
        for until in [0, days / 2, days, days + 2] {
            let days = DayRange {
                channels_from: 0,
                node_from: 0,
                until,
            };
            let expected = memory.day_totals(days).await.expect("reads");
            assert!(store.day_totals(days).await.expect("reads") == expected);
        }
        let last = all.iter().map(|stored| stored.forward.settled_at).max();
        let last = last.expect("some");
        for (from, until) in [
            (at(0), last),
            (last.minus(Duration::from_secs(3_600)), at(1_000 * DAY)),
            (at(DAY + 61), at(DAY + 1_999)),
            (at(60), at(60)),
        ] {
            let within = all.iter().map(|stored| stored.forward);
            let within = within.filter(|forward| (from..until).contains(&forward.settled_at));
            let within: Vec<Forward> = within.collect();
            let sales = reader.sales(from, until).await.expect("reads");
            let sold = within.iter().map(|one| (one.settled_at, None, one.fee));
            assert!(sales.into_iter().eq(sold), "sales from {from} to {until}");
            let total = reader.total(from, until).await.expect("reads");
            assert_eq!(total.count, within.len() as u64);
            let fees = within.iter().map(|forward| forward.fee.0).sum();
            assert_eq!(total.fees, Msat(fees));
            let health = reader.health().await.expect("reads");
            assert_eq!(health.forwards, all.len() as u64);
            let db = &mut *reader.connection().await;
            let flows = crate::flows::by_scid(db, from, until).await.expect("reads");
            let out = flows.values().map(|flow| flow.outgoing.count).sum::<u64>();
            let enter = flows
                .values()
                .map(|flow| flow.incoming.amount.0)
                .sum::<u64>();
            assert_eq!(out, within.len() as u64);
            assert_eq!(
                enter,
                within
                    .iter()
                    .map(|forward| forward.amount_in.0)
                    .sum::<u64>()
            );
        }
    }
}

#[tokio::test]
async fn packed_or_not_forwards_are_the_same() {
    let both = Both::new().await;
    let late = |minute: i64| Forward {
        settled_at: Timestamp::from_nanos(at(minute * 60).nanos() + 7),
        amount_in: Msat(1 << 50),
        ..forward(0)
    };
    // A few; many at once, of which some are known; a few; some that come late, twice.
    let steps = [
        minutes(1, 900),
        minutes(800, 12_000),
        minutes(12_750, 300),
        vec![late(5), late(5), late(12_800), late(5_000)],
        minutes(13_000, 6_000),
        vec![late(5_001), late(5), late(18_500)],
        minutes(18_990, 700),
    ];
    let mut seen = vec![];
    for forwards in steps {
        both.add(&forwards).await;
        both.hold_the_same().await;
        seen.push(both.packs_and_rows().await);
    }
    let expected = [
        (0, 900),
        (3, 0),
        (3, 250),
        (3, 253),
        (5, 0),
        (5, 2),
        (5, 692),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn rows_are_packed_once_a_day_where_they_make_a_pack() {
    let both = Both::new().await;
    for n in 0..13 {
        let forwards = minutes(n * 900, 900);
        both.add(&forwards).await;
    }
    assert_eq!(both.packs_and_rows().await, (0, 13 * 900));
    // More than are packed with what comes.
    let forwards = minutes(13 * 900, 1_000);
    both.add(&forwards).await;
    assert_eq!(both.packs_and_rows().await, (0, 13 * 900 + 1_000));
    both.store.thin(at(DAY)).await.expect("thins");
    assert_eq!(both.packs_and_rows().await, (2, 2_700));
    both.hold_the_same().await;
    both.store.thin(at(2 * DAY)).await.expect("thins");
    assert_eq!(both.packs_and_rows().await, (2, 2_700));
}

#[tokio::test]
async fn a_pack_that_is_unreadable_is_named_and_loses_no_other() {
    let both = Both::new().await;
    both.add(&minutes(1, 10_000)).await;
    let store = &both.store;
    let first = at(5_000 * 60).nanos();
    let mut tx = store.begin().await.expect("begins");
    sqlx::query("update forward_packs set body = x'07' where last_seq = ?")
        .bind(first)
        .execute(&mut tx.connection)
        .await
        .expect("damages");
    tx.commit().await.expect("commits");
    let error = store.forwards_after(0, 10).await.expect_err("unreadable");
    let error = error.to_string();
    assert!(
        error.contains("a pack of forwards is unreadable"),
        "{error}"
    );
    let rest = store.forwards_after(first, u32::MAX).await.expect("reads");
    assert_eq!(rest.len(), 5_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn in_whatever_order_they_come_each_is_stored_once(
        settled in proptest::collection::vec(0..6_000_i64, 900..3_000),
        parts in proptest::collection::vec(1..1_500_usize, 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let both = Both::new().await;
            let mut left = &settled[..];
            for part in parts.into_iter().chain([usize::MAX]) {
                let (now, later) = left.split_at(part.min(left.len()));
                left = later;
                let forwards: Vec<Forward> = now.iter().map(|n| forward(n * 60 + 60)).collect();
                both.add(&forwards).await;
            }
            both.hold_the_same().await;
        });
    }
}
