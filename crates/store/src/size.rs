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

/// Room is made from this share of the bound on, in per cent, and to this one: the file
/// grows for some days before more has to go, and does not reach the bound meanwhile.
const FULL_PERCENT: u64 = 90;
const ROOM_PERCENT: u64 = 80;

/// Drops the oldest of what is least useful, a day of it at most, while what is kept is
/// near the bound; `making_room` once something was dropped for it. Returns how many
/// rows went: none where enough is free, or nothing can be spared.
pub(super) async fn drop_oldest(
    db: &mut SqliteConnection,
    now: Timestamp,
    most_bytes: u64,
    making_room: bool,
) -> Result<u64, Fault> {
    let percent = if making_room {
        ROOM_PERCENT
    } else {
        FULL_PERCENT
    };
    if bytes_in_use(db).await? <= most_bytes / 100 * percent {
        return Ok(0);
    }
    let youngest = now.minus(LEAST);
    let turns = drop_turns(db, youngest).await?;
    if turns > 0 {
        return Ok(turns);
    }
    for (oldest, delete) in [
        (
            "select min(at_ns) from decisions",
            "delete from decisions where at_ns < ?",
        ),
        (
            "select min(day) * 86400000000000 from failed_forwards",
            "delete from failed_forwards where (day + 1) * 86400000000000 <= ?",
        ),
    ] {
        let oldest: Option<i64> = sqlx::query_scalar(oldest).fetch_one(&mut *db).await?;
        let Some(oldest) = oldest.map(Timestamp::from_nanos) else {
            continue;
        };
        let before = next_day(oldest).min(youngest);
        let done = sqlx::query(delete).bind(before.nanos()).execute(&mut *db);
        let dropped = done.await?.rows_affected();
        if dropped > 0 {
            return Ok(dropped);
        }
    }
    Ok(0)
}

/// Drops the first turns up to the next beginning: what is left must begin with one.
/// Turns go in the order in which they were stored, whatever the clock said then.
async fn drop_turns(db: &mut SqliteConnection, youngest: Timestamp) -> Result<u64, Fault> {
    let next: Option<(i64, i64)> = sqlx::query_as(
        "select id, at_ns from turns
         where beginning is not null and id > (select min(id) from turns)
         order by id limit 1",
    )
    .fetch_optional(&mut *db)
    .await?;
    match next {
        Some((id, at_ns)) if Timestamp::from_nanos(at_ns) <= youngest => {
            let decided = sqlx::query("delete from turn_decisions where turn_id < ?").bind(id);
            decided.execute(&mut *db).await?;
            let done = sqlx::query("delete from turns where id < ?").bind(id);
            Ok(done.execute(&mut *db).await?.rows_affected())
        }
        _ => Ok(0),
    }
}

/// Gives space that is not used back to the disk where the file is larger than the
/// bound: that writes all that is left anew. It happens once, for what is used stays
/// below the bound from then on. Returns the size.
pub(super) async fn give_back(db: &mut SqliteConnection, most_bytes: u64) -> Result<u64, Fault> {
    let size = file_bytes(db).await?;
    if size > most_bytes && bytes_in_use(db).await? <= most_bytes {
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
    use sweetspot_core::ports::{CycleRecord, ForwardLog, Shrunk, Store};
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

    async fn shrunk(store: &SqliteStore, most_bytes: u64) -> Shrunk {
        let shrunk = store.shrink(at(NOW_SECS), most_bytes).await;
        shrunk.expect("shrinks")
    }

    const TURNS: &str = "select min(at_ns) from turns";
    const DECISIONS: &str = "select min(at_ns) from decisions";

    #[tokio::test]
    async fn what_fits_is_left_alone() {
        let (_directory, store) = store(20).await;
        let all = shrunk(&store, u64::MAX).await;
        assert_eq!(all.dropped, 0);
        assert_eq!(shrunk(&store, all.bytes * 10 / 8).await, all);
        assert_eq!(first_day(&store, TURNS).await, 19);
    }

    #[tokio::test]
    async fn the_journal_goes_first_and_no_more_than_is_needed() {
        let (_directory, store) = store(100).await;
        let all = shrunk(&store, u64::MAX).await;
        // Some 4 % of all are to go.
        let most = all.bytes * 120 / 100;
        let less = shrunk(&store, all.bytes * 110 / 100).await;
        assert!(less.dropped > 0, "{less:?} of {all:?}");
        let [turns, decisions] = [TURNS, DECISIONS].map(|sql| first_day(&store, sql));
        let (turns, decisions) = (turns.await, decisions.await);
        assert!((2..99).contains(&turns), "{turns}");
        assert!(decisions == 99 || turns == 2, "{decisions} {turns}");
        let before = format!("{:?}", store.load().await.expect("loads"));
        assert_eq!(shrunk(&store, most).await.dropped, 0, "there is room");
        assert_eq!(format!("{:?}", store.load().await.expect("loads")), before);
    }

    #[tokio::test]
    async fn a_file_that_is_large_for_what_was_freed_is_written_anew() {
        let (_directory, store) = store(60).await;
        let all = shrunk(&store, u64::MAX).await;
        let mut tx = store.begin().await.expect("begins");
        sqlx::query("delete from decisions")
            .execute(&mut tx.connection)
            .await
            .expect("deletes");
        tx.commit().await.expect("commits");
        let less = shrunk(&store, all.bytes - 1).await;
        assert_eq!(less.dropped, 0);
        assert!(less.bytes < all.bytes * 9 / 10, "{less:?} of {all:?}");
    }

    #[tokio::test]
    async fn a_turn_of_a_wrong_clock_keeps_no_journal() {
        let (_directory, store) = store(40).await;
        let mut tx = store.begin().await.expect("begins");
        sqlx::query("update turns set at_ns = 5 where id = 20")
            .execute(&mut tx.connection)
            .await
            .expect("updates");
        tx.commit().await.expect("commits");
        shrunk(&store, 1).await;
        assert!((1..=2).contains(&first_day(&store, TURNS).await));
    }

    #[tokio::test]
    async fn however_small_the_bound_two_days_and_all_forwards_stay() {
        let (_directory, store) = store(40).await;
        let before = store.forwards_after(0, u32::MAX).await.expect("reads");
        let memory = format!("{:?}", store.load().await.expect("loads"));
        let least = shrunk(&store, 1).await;
        assert!(least.dropped > 0 && least.bytes > 1);
        for first in [TURNS, DECISIONS] {
            assert!((1..=2).contains(&first_day(&store, first).await));
        }
        let after = store.forwards_after(0, u32::MAX).await.expect("reads");
        assert_eq!((after.len(), after), (200 * 40, before));
        assert_eq!(format!("{:?}", store.load().await.expect("loads")), memory);
    }
}
