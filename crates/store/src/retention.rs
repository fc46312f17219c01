//! How long what is kept. Forwards, their sums and writes are kept for good: they
//! are few, and rates, prices and earnings are computed from them.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::deflated::inflate;
use super::fault::Fault;
#[cfg(any(test, feature = "testing"))]
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::types::time::Timestamp;

/// Holds tell why nothing happened; after a week nobody asks, and the journal can
/// decide them again.
const HOLDS: Duration = Duration::from_secs(7 * 86_400);

/// What changed a fee, with every term: a year, to compare seasons. That it was
/// changed, from what to what, is kept with the writes.
const CHANGES: Duration = Duration::from_secs(366 * 86_400);

/// What each turn was given: so far back it can be decided again.
const TURNS: Duration = Duration::from_secs(92 * 86_400);

/// What could not be forwarded: a quarter tells where balance is missing.
const FAILED_FORWARDS: Duration = Duration::from_secs(92 * 86_400);

/// So far back every place to begin is kept, then the first of each day: a replay
/// leads through a day, what is stored whole is most of the journal.
const ALL_BEGINNINGS: Duration = Duration::from_secs(2 * 86_400);

/// Whether a decision is still worth keeping.
#[cfg(any(test, feature = "testing"))]
pub(super) fn keeps(decision: &Decision, now: Timestamp) -> bool {
    let kept_for = match decision.verdict {
        Verdict::Hold { .. } => HOLDS,
        _ => CHANGES,
    };
    decision.at >= now.minus(kept_for)
}

/// Thins and drops what is older than it is useful.
pub(super) async fn thin(db: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    sqlx::query("delete from decisions where at_ns < ?")
        .bind(now.minus(CHANGES).nanos())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "delete from turn_decisions
         where not exists (select 1 from turns where id = turn_id and at_ns >= ?)",
    )
    .bind(now.minus(HOLDS).nanos())
    .execute(&mut *db)
    .await?;
    sqlx::query("delete from failed_forwards where day < ?")
        .bind(now.minus(FAILED_FORWARDS).utc_day())
        .execute(&mut *db)
        .await?;
    // What is left must begin with a beginning.
    sqlx::query(
        "delete from turns where id < (
             select max(id) from turns where beginning is not null and at_ns <= ?)",
    )
    .bind(now.minus(TURNS).nanos())
    .execute(&mut *db)
    .await?;
    thin_beginnings(db, now.minus(ALL_BEGINNINGS)).await
}

/// Drops what was remembered when a turn began, but for the first of each day, the
/// last one, which the daemon goes on from, and those that the turns before do not
/// lead to: work was lost there that no replay can make up for.
async fn thin_beginnings(db: &mut SqliteConnection, before: Timestamp) -> Result<(), Fault> {
    let spare: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "select id, beginning from turns as this
         where beginning is not null and given is not null and at_ns < ?1
             and id < (select max(id) from turns where beginning is not null)
             and exists (
                 select 1 from turns earlier where earlier.beginning is not null
                     and earlier.id < this.id
                     and earlier.at_ns >= this.at_ns - this.at_ns % 86400000000000)",
    )
    .bind(before.nanos())
    .fetch_all(&mut *db)
    .await?;
    for (id, _) in spare.iter().filter(|(_, beginning)| follows(beginning)) {
        sqlx::query("update turns set given_whole = null, beginning = null where id = ?")
            .bind(id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Whether the turns before lead to this beginning; one that cannot be read is kept.
fn follows(beginning: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Beginning {
        follows: bool,
    }
    let text = inflate(beginning).ok();
    let read = text.and_then(|text| serde_json::from_str::<Beginning>(&text).ok());
    read.is_some_and(|beginning| beginning.follows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::decision::Trigger;
    use sweetspot_core::engine::checkpoint::Checkpoint;
    use sweetspot_core::ports::{CycleRecord, Store};
    use sweetspot_core::state::market::NodeMarket;

    const NOW_SECS: i64 = 1_000 * 86_400;
    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db"))
            .await
            .expect("opens");
        (directory, store)
    }

    async fn cycle(store: &SqliteStore, age: i64, begins: bool, decisions: &[Decision]) {
        let checkpoint = checkpoint(&[1]);
        let record = CycleRecord {
            input: &input(NOW_SECS - age, &[1]),
            decisions,
            market: &NodeMarket::default(),
            checkpoint: begins.then_some(&checkpoint),
        };
        store.record_cycle(record).await.expect("stores");
    }

    async fn ages(store: &SqliteStore, sql: &'static str) -> Vec<i64> {
        let mut tx = store.begin().await.expect("begins");
        let times: Vec<i64> = sqlx::query_scalar(sql)
            .fetch_all(&mut tx.connection)
            .await
            .expect("reads");
        tx.commit().await.expect("commits");
        let age = |ns| NOW_SECS - Timestamp::from_nanos(ns).secs();
        times.into_iter().map(age).collect()
    }

    #[tokio::test]
    async fn beginnings_thin_out_to_the_first_of_each_day_and_what_is_left_begins_with_one() {
        let (_directory, store) = store().await;
        let told = [
            (100 * DAY, true),
            (95 * DAY, true),
            (95 * DAY - HOUR, false),
            (92 * DAY - HOUR, true),
            (40 * DAY, true),
            (40 * DAY - HOUR, true),
            (40 * DAY - 2 * HOUR, false),
            (39 * DAY, true),
            (DAY, true),
            (DAY - HOUR, true),
        ];
        for (age, begins) in told {
            cycle(&store, age, begins, &[]).await;
        }
        for _ in 0..2 {
            store.thin(at(NOW_SECS)).await.expect("thins");
            let turns = ages(&store, "select at_ns from turns order by id").await;
            let kept: Vec<i64> = told.iter().map(|(age, _)| *age).skip(1).collect();
            assert_eq!(turns, kept);
            let sql = "select at_ns from turns where beginning is not null order by id";
            let left = [
                95 * DAY,
                92 * DAY - HOUR,
                40 * DAY,
                39 * DAY,
                DAY,
                DAY - HOUR,
            ];
            assert_eq!(ages(&store, sql).await, left);
        }
        let reader = crate::StoreReader::open(&store.path).await.expect("opens");
        let mut journal = reader.journal(at(0)).await.expect("reads").expect("one");
        let mut read = 0;
        while reader
            .next_turn(&mut journal)
            .await
            .expect("reads")
            .is_some()
        {
            read += 1;
        }
        assert_eq!(read, told.len() - 1);
    }

    #[tokio::test]
    async fn a_beginning_that_the_turns_before_do_not_lead_to_is_kept() {
        let (_directory, store) = store().await;
        for (age, follows) in [(0, true), (1, true), (2, false), (3, true), (4, true)] {
            let checkpoint = Checkpoint {
                follows,
                ..checkpoint(&[1])
            };
            let record = CycleRecord {
                input: &input(NOW_SECS - 40 * DAY + age * HOUR, &[1]),
                decisions: &[],
                market: &NodeMarket::default(),
                checkpoint: Some(&checkpoint),
            };
            store.record_cycle(record).await.expect("stores");
        }
        cycle(&store, DAY, true, &[]).await;
        store.thin(at(NOW_SECS)).await.expect("thins");
        let sql = "select at_ns from turns where beginning is not null order by id";
        let left = [40 * DAY, 40 * DAY - 2 * HOUR, DAY];
        assert_eq!(ages(&store, sql).await, left);
    }

    #[tokio::test]
    async fn the_beginning_to_go_on_from_is_kept_however_old() {
        let (_directory, store) = store().await;
        cycle(&store, 80 * DAY, true, &[]).await;
        cycle(&store, 80 * DAY - HOUR, true, &[]).await;
        cycle(&store, 80 * DAY - 2 * HOUR, false, &[]).await;
        let before = format!("{:?}", store.load().await.expect("loads"));
        store.thin(at(NOW_SECS)).await.expect("thins");
        let after = format!("{:?}", store.load().await.expect("loads"));
        assert_eq!(after, before);
    }

    #[tokio::test]
    async fn holds_are_dropped_in_time_and_changes_after_a_year() {
        let (_directory, store) = store().await;
        let would = Verdict::WouldChange { to: fees(120) };
        let decisions = [
            change(1, NOW_SECS - 900 * DAY),
            change(1, NOW_SECS - 300 * DAY),
            decision(1, NOW_SECS - 200 * DAY, Trigger::Scheduled, would),
            hold(1, NOW_SECS - 8 * DAY),
            hold(1, NOW_SECS - 6 * DAY),
        ];
        for decision in &decisions {
            let age = NOW_SECS - decision.at.secs();
            cycle(&store, age, true, std::slice::from_ref(decision)).await;
        }
        store.thin(at(NOW_SECS)).await.expect("thins");
        let reader = crate::StoreReader::open(&store.path).await.expect("opens");
        let point = sweetspot_core::testing::point(1);
        let mut left = reader.decisions(point, 100).await.expect("reads");
        left.reverse();
        let mut kept = decisions.to_vec();
        kept.retain(|decision| keeps(decision, at(NOW_SECS)));
        assert_eq!(kept.len(), 3);
        assert_eq!(left, kept);
    }
}
