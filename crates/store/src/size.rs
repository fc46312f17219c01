//! The operator's bound on the size of the database: what goes first, and what never.
//!
//! First goes the journal, day by day, the oldest first: without it, a look back to
//! those days cannot decide them again. Then go the terms of decisions that changed a
//! fee, then what could not be forwarded. Forwards and their sums, writes, costs,
//! orders, names and what the next cycle goes on from stay, whatever their size.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::fault::Fault;
use sweetspot_core::types::time::Timestamp;

/// What is younger is never dropped: what happened last is asked for most, and a
/// journal shorter than this saves next to nothing.
const LEAST: Duration = Duration::from_secs(2 * 86_400);

/// Room is made for some days at once, so that the bound holds until the next time and
/// not every day moves everything: a tenth of the bound.
const ROOM: u64 = 10;

/// What goes, a day of it at a time, the oldest first.
const GO: [(&str, &str); 3] = [
    // What is left must begin with a beginning.
    (
        "select min(at_ns) from turns",
        "delete from turns where id < (
             select min(id) from turns where beginning is not null and at_ns >= ?1)",
    ),
    (
        "select min(at_ns) from decisions",
        "delete from decisions where at_ns < ?1",
    ),
    (
        "select min(day) * 86400000000000 from failed_forwards",
        "delete from failed_forwards where (day + 1) * 86400000000000 <= ?1",
    ),
];

/// Drops what is least useful until what is left fits; returns how many rows.
pub(super) async fn drop_oldest(
    db: &mut SqliteConnection,
    now: Timestamp,
    most_bytes: u64,
) -> Result<u64, Fault> {
    if bytes_in_use(db).await? <= most_bytes {
        return Ok(0);
    }
    let wanted = most_bytes - most_bytes / ROOM;
    let youngest = now.minus(LEAST);
    let mut dropped = 0;
    for (oldest, delete) in GO {
        while bytes_in_use(db).await? > wanted {
            let oldest: Option<i64> = sqlx::query_scalar(oldest).fetch_one(&mut *db).await?;
            let Some(oldest) = oldest.map(Timestamp::from_nanos) else {
                break;
            };
            if oldest >= youngest {
                break;
            }
            let before = next_day(oldest).min(youngest);
            let done = sqlx::query(delete).bind(before.nanos());
            dropped += match done.execute(&mut *db).await?.rows_affected() {
                // The days up to the next beginning: nothing of them can be spared.
                0 => break,
                rows => rows,
            };
        }
    }
    Ok(dropped)
}

/// Gives space that is not used back to the disk where the file is larger than the
/// bound: that writes all that is left anew, and so only happens once, for later rows
/// use what was freed. Returns the size.
pub(super) async fn give_back(db: &mut SqliteConnection, most_bytes: u64) -> Result<u64, Fault> {
    let size = file_bytes(db).await?;
    let wanted = most_bytes - most_bytes / ROOM;
    if size > most_bytes && bytes_in_use(db).await? <= wanted {
        sqlx::query("vacuum").execute(&mut *db).await?;
    }
    file_bytes(db).await
}

fn next_day(at: Timestamp) -> Timestamp {
    Timestamp::of_utc_day(at.utc_day() + 1)
}

async fn bytes_in_use(db: &mut SqliteConnection) -> Result<u64, Fault> {
    bytes(
        db,
        "select (page_count - freelist_count) * page_size
         from pragma_page_count, pragma_freelist_count, pragma_page_size",
    )
    .await
}

async fn file_bytes(db: &mut SqliteConnection) -> Result<u64, Fault> {
    bytes(
        db,
        "select page_count * page_size from pragma_page_count, pragma_page_size",
    )
    .await
}

async fn bytes(db: &mut SqliteConnection, sql: &'static str) -> Result<u64, Fault> {
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(db).await?;
    Ok(bytes.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::decision::Decision;
    use sweetspot_core::ports::{CycleRecord, ForwardLog, Store};
    use sweetspot_core::state::market::NodeMarket;

    const DAY: i64 = 86_400;
    const NOW_SECS: i64 = 1_000 * DAY;

    /// A store with a beginning, a fee change and forwards each day, for so many days.
    async fn store(days: i64) -> (tempfile::TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db")).await;
        let store = store.expect("opens");
        store.add_ids(&names(&[1, 2])).await.expect("stores");
        for age in (0..days).rev() {
            let at_secs = NOW_SECS - age * DAY;
            let forwards: Vec<_> = (1..=200).map(|n| forward(at_secs - n)).rev().collect();
            let cursor = cursor(1, at_secs);
            store.add_forwards(&forwards, cursor).await.expect("stores");
            let decisions: Vec<Decision> = (0..40).map(|_| change(1, at_secs)).collect();
            let checkpoint = checkpoint(&[1]);
            let record = CycleRecord {
                input: &input(at_secs, &[1]),
                decisions: &decisions,
                market: &NodeMarket::default(),
                checkpoint: Some(&checkpoint),
            };
            store.record_cycle(record).await.expect("stores");
        }
        (directory, store)
    }

    async fn first_day(store: &SqliteStore, sql: &'static str) -> i64 {
        let mut tx = store.begin().await.expect("begins");
        let first: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut tx.connection)
            .await
            .expect("reads");
        tx.commit().await.expect("commits");
        (NOW_SECS - Timestamp::from_nanos(first).secs()) / DAY
    }

    const TURNS: &str = "select min(at_ns) from turns";
    const DECISIONS: &str = "select min(at_ns) from decisions";

    #[tokio::test]
    async fn what_fits_is_left_alone() {
        let (_directory, store) = store(20).await;
        let all = store.shrink(at(NOW_SECS), u64::MAX).await.expect("shrinks");
        assert_eq!(all.dropped, 0);
        let again = store
            .shrink(at(NOW_SECS), all.bytes)
            .await
            .expect("shrinks");
        assert_eq!(again, all);
        assert_eq!(first_day(&store, TURNS).await, 19);
    }

    #[tokio::test]
    async fn the_journal_goes_first_and_no_more_than_is_needed() {
        let (_directory, store) = store(200).await;
        let all = store.shrink(at(NOW_SECS), u64::MAX).await.expect("shrinks");
        let most = all.bytes * 97 / 100;
        let less = store.shrink(at(NOW_SECS), most).await.expect("shrinks");
        assert!(
            less.dropped > 0 && less.bytes <= most,
            "{less:?} of {all:?}"
        );
        let turns = first_day(&store, TURNS).await;
        assert!(turns < 199, "{turns}");
        // Where the journal is not enough, the terms of old changes go, too.
        assert!(turns >= 2, "{turns}");
        let before = format!("{:?}", store.load().await.expect("loads"));
        let none = store.shrink(at(NOW_SECS), most).await.expect("shrinks");
        assert_eq!((none.dropped, none.bytes), (0, less.bytes));
        assert_eq!(format!("{:?}", store.load().await.expect("loads")), before);
    }

    #[tokio::test]
    async fn however_small_the_bound_two_days_and_all_forwards_stay() {
        let (_directory, store) = store(40).await;
        let before = store.forwards_after(0, u32::MAX).await.expect("reads");
        let memory = format!("{:?}", store.load().await.expect("loads"));
        let least = store.shrink(at(NOW_SECS), 1).await.expect("shrinks");
        assert!(least.dropped > 0 && least.bytes > 1);
        for first in [TURNS, DECISIONS] {
            assert!((1..=2).contains(&first_day(&store, first).await));
        }
        let after = store.forwards_after(0, u32::MAX).await.expect("reads");
        assert_eq!((after.len(), after), (200 * 40, before));
        assert_eq!(format!("{:?}", store.load().await.expect("loads")), memory);
    }
}
