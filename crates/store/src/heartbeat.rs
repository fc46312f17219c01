//! Whether the daemon works, as it told last: for `status` and others.

use sqlx::sqlite::SqliteConnection;

use super::columns::number;
use super::fault::Fault;
use super::{SqliteStore, StoreReader, open};
use sweetspot_core::ports::{Heartbeat, StoreError};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::time::Timestamp;

/// Stores that the daemon works, or why not.
pub(super) async fn beat(db: &mut SqliteConnection, beat: &Heartbeat) -> Result<(), Fault> {
    sqlx::query(
        "insert or replace into heartbeat
             (id, version, pid, started_at_ns, observe_only, at_ns, since_ns, error)
         values (1, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&beat.version)
    .bind(beat.pid)
    .bind(beat.started_at.nanos())
    .bind(beat.observe_only)
    .bind(beat.at.nanos())
    .bind(beat.since.nanos())
    .bind(beat.error.as_ref().map(CleanText::as_str))
    .execute(db)
    .await?;
    Ok(())
}

type BeatRow = (String, i64, i64, bool, i64, i64, Option<String>);

async fn heartbeat(db: &mut SqliteConnection) -> Result<Option<Heartbeat>, Fault> {
    let row: Option<BeatRow> = sqlx::query_as(
        // Of cycles that come to their end only the first is told here: the last one
        // is the last turn, also where the clock was set back since.
        "select version, pid, started_at_ns, observe_only,
             iif(error is null,
                 coalesce((select at_ns from turns order by id desc limit 1), at_ns), at_ns),
             since_ns, error
         from heartbeat",
    )
    .fetch_optional(db)
    .await?;
    row.map(|(version, pid, started, observe_only, at, since, error)| {
        Ok(Heartbeat {
            version,
            pid: number("a process id", pid)?,
            started_at: Timestamp::from_nanos(started),
            observe_only,
            at: Timestamp::from_nanos(at),
            since: Timestamp::from_nanos(since),
            error: error.map(Into::into),
        })
    })
    .transpose()
}

impl SqliteStore {
    pub(super) async fn store_beat(&self, heartbeat: &Heartbeat) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            beat(&mut tx.connection, heartbeat).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store that the daemon works", fault))
    }
}

impl StoreReader {
    /// The daemon's last sign of life; `None` if there was none yet.
    pub async fn heartbeat(&self) -> Result<Option<Heartbeat>, StoreError> {
        let found = heartbeat(&mut *self.connection().await).await;
        self.named("cannot read whether the daemon works", found)
    }

    /// Whether a daemon holds the database now.
    pub fn daemon_lives(&self) -> bool {
        open::is_locked(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::fixtures::{at, checkpoint, input};
    use sweetspot_core::ports::{CycleRecord, Store};
    use sweetspot_core::state::market::NodeMarket;

    async fn place() -> (TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db")).await;
        (directory, store.expect("opens"))
    }

    #[tokio::test]
    async fn the_last_sign_of_life_replaces_the_one_before() {
        let (directory, store) = place().await;
        let reader = StoreReader::open(directory.path().join("db")).await;
        let reader = reader.expect("opens");
        assert_eq!(reader.heartbeat().await.expect("reads"), None);
        let mut beat = Heartbeat {
            version: "1.2.3".to_owned(),
            pid: 7,
            started_at: at(1),
            observe_only: true,
            at: at(2),
            since: at(1),
            error: None,
        };
        store.beat(&beat).await.expect("stores");
        (beat.at, beat.error) = (at(3), Some("away".into()));
        store.beat(&beat).await.expect("stores");
        assert_eq!(reader.heartbeat().await.expect("reads"), Some(beat));
    }

    #[tokio::test]
    async fn a_recorded_cycle_is_a_sign_of_life_unless_a_later_one_failed() {
        let (directory, store) = place().await;
        let beat = |secs, error: Option<&str>| Heartbeat {
            version: "1.2.3".to_owned(),
            pid: 7,
            started_at: at(1),
            observe_only: true,
            at: at(secs),
            since: at(1),
            error: error.map(Into::into),
        };
        let tried_at = async || {
            let reader = StoreReader::open(directory.path().join("db")).await;
            let found = reader.expect("opens").heartbeat().await.expect("reads");
            found.map(|beat| beat.at)
        };
        store.beat(&beat(1_000, None)).await.expect("stores");
        // The second after the clock was set back.
        for secs in [1_300, 200] {
            let record = CycleRecord {
                input: &input(secs, &[1]),
                decisions: &[],
                market: &NodeMarket::default(),
                checkpoint: Some(&checkpoint(&[1])),
            };
            store.record_cycle(record).await.expect("stores");
            assert_eq!(tried_at().await, Some(at(secs)));
        }
        store.beat(&beat(500, Some("away"))).await.expect("stores");
        assert_eq!(tried_at().await, Some(at(500)));
    }
}
