//! How long what is kept. Forwards, writes and changes are kept for good: they
//! are few, and rates, prices and earnings are computed from them.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::fault::Fault;
use sweetspot_core::decision::{Decision, Trigger, Verdict};
use sweetspot_core::types::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Every balance sample is kept for this long, then one an hour ...
const ALL_SAMPLES: Duration = Duration::from_secs(2 * 86_400);
/// ... until this age, then one a day.
const HOURLY_SAMPLES: Duration = Duration::from_secs(32 * 86_400);
/// Holds tell why nothing happened; after a season nobody asks.
const HOLDS: Duration = Duration::from_secs(30 * 86_400);
/// The fast rhythm holds hundreds of times a day, each time saying the same.
const FAST_HOLDS: Duration = Duration::from_secs(2 * 86_400);

/// What each turn was given: so far back it can be decided again. A node with
/// 30 channels, read every five minutes, was measured to take 1.2 kB per channel
/// and day, indices included.
const TURNS: Duration = Duration::from_secs(92 * 86_400);

/// Whether a decision is still worth keeping.
pub fn keeps(decision: &Decision, now: Timestamp) -> bool {
    let kept_for = match (decision.verdict, decision.trigger) {
        (Verdict::Hold { .. }, Trigger::Drain) => FAST_HOLDS,
        (Verdict::Hold { .. }, Trigger::Scheduled) => HOLDS,
        _ => return true,
    };
    decision.at >= now.minus(kept_for)
}

/// Thins and drops what is older than it is useful.
pub(super) async fn thin(db: &mut SqliteConnection, now: Timestamp) -> Result<(), Fault> {
    keep_one_sample_per(HOUR, now.minus(ALL_SAMPLES), db).await?;
    keep_one_sample_per(DAY, now.minus(HOURLY_SAMPLES), db).await?;
    sqlx::query(
        "delete from decisions where verdict = 'hold'
         and (at_ns < ?1 or (at_ns < ?2 and rhythm = 'fast'))",
    )
    .bind(now.minus(HOLDS).nanos())
    .bind(now.minus(FAST_HOLDS).nanos())
    .execute(&mut *db)
    .await?;
    // What is left must begin with a beginning.
    sqlx::query(
        "delete from turns where id < (
             select max(id) from turns where beginning is not null and at_ns <= ?)",
    )
    .bind(now.minus(TURNS).nanos())
    .execute(db)
    .await?;
    Ok(())
}

/// Keeps the first sample of each channel in each whole hour or day (UTC), so
/// that thinning again changes nothing.
async fn keep_one_sample_per(
    span: Duration,
    before: Timestamp,
    db: &mut SqliteConnection,
) -> Result<(), Fault> {
    sqlx::query(
        "delete from balance_samples as this
         where at_ns < ?1 and exists (
             select 1 from balance_samples other
             where other.channel_id = this.channel_id
               and other.at_ns >= this.at_ns - this.at_ns % ?2
               and other.at_ns < this.at_ns)",
    )
    .bind(before.nanos())
    .bind(Timestamp::EPOCH.plus(span).nanos())
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::decision::Hold;
    use sweetspot_core::ports::{CycleRecord, Store};
    use sweetspot_core::state::memory::Memory;
    use sweetspot_core::testing::channel;

    const NOW_SECS: i64 = 1_000 * 86_400;

    async fn sample_ages_mins(store: &SqliteStore) -> Vec<i64> {
        let mut tx = store.begin().await.expect("begins");
        let times: Vec<i64> = sqlx::query_scalar(
            "select at_ns from balance_samples where channel_id = 1 order by at_ns desc",
        )
        .fetch_all(&mut tx.connection)
        .await
        .expect("reads");
        tx.commit().await.expect("commits");
        let age = |ns| (NOW_SECS - Timestamp::from_nanos(ns).secs()) / 60;
        times.into_iter().map(age).collect()
    }

    #[tokio::test]
    async fn samples_thin_out_with_age_to_the_first_of_each_hour_then_day() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db"))
            .await
            .expect("opens");
        let (hour, day) = (60, 24 * 60);
        let ages_mins = [
            10,
            20,
            30, // all kept
            3 * day - 30,
            3 * day - 20,
            3 * day, // within one hour, and the first of it
            40 * day - 5 * hour,
            40 * day - 1,
            40 * day - 23 * hour, // within one day
        ];
        for age in ages_mins {
            let input = input(NOW_SECS - age * 60, &[1, 2]);
            let record = CycleRecord {
                input: &input,
                decisions: &[],
                memory: &Memory::default(),
                checkpoint: None,
            };
            store.record_cycle(record).await.expect("stores");
        }
        for _ in 0..2 {
            store.thin(at(NOW_SECS)).await.expect("thins");
            let kept = [10, 20, 30, 3 * day, 40 * day - 1];
            assert_eq!(sample_ages_mins(&store).await, kept);
        }
    }

    #[tokio::test]
    async fn holds_are_dropped_in_time_and_changes_kept_for_good() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db"))
            .await
            .expect("opens");
        let days_ago = |days: i64| NOW_SECS - days * 86_400;
        let fast_hold = |days| {
            let reason = Hold::AtRest;
            decision(1, days_ago(days), Trigger::Drain, Verdict::Hold { reason })
        };
        let would = Verdict::WouldChange { to: fees(120) };
        let decisions = [
            change(1, days_ago(900)),
            decision(1, days_ago(900), Trigger::Scheduled, would),
            hold(1, days_ago(31)),
            hold(1, days_ago(29)),
            fast_hold(3),
            fast_hold(1),
        ];
        let record = CycleRecord {
            input: &input(NOW_SECS, &[1]),
            decisions: &decisions,
            memory: &Memory::default(),
            checkpoint: None,
        };
        store.record_cycle(record).await.expect("stores");
        store.thin(at(NOW_SECS)).await.expect("thins");

        let reader = crate::StoreReader::open(directory.path().join("db"))
            .await
            .expect("opens");
        let mut left = reader
            .decisions(channel(1).point, 100)
            .await
            .expect("reads");
        left.reverse();
        let mut kept = decisions.to_vec();
        kept.retain(|decision| keeps(decision, at(NOW_SECS)));
        assert_eq!(kept.len(), 4);
        assert_eq!(left, kept);
    }
}
