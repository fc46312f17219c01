//! Reading stored turns back, one after the other, each with its decisions and
//! the writes that followed it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;

use sqlx::sqlite::SqliteConnection;

use super::changes::{ChangeRow, changes_as_text};
use super::fault::Fault;
use super::journal::{self, CycleLogReader, TurnRow};
use super::reader::{StoreReader, parse_decisions};
use super::{day_totals, forwards, journal::rows_after};
use sweetspot_core::decision::Decision;
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::{ForwardLog, StoreError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::day_total::{DayRange, DayTotals};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::StoredForward;
use sweetspot_core::types::time::Timestamp;

/// Turns read at once.
const TURNS_PER_READ: u32 = 256;

/// A turn as the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTurn {
    /// Its number.
    pub id: i64,
    /// What it was given.
    pub input: CycleInput,
    /// What was remembered when it began, where that is stored.
    pub checkpoint: Option<Checkpoint>,
    /// What was decided.
    pub decisions: Vec<Decision>,
    /// Whether that is all: in time, holds are dropped.
    pub has_holds: bool,
    /// The fee changes that followed, as the cycle left them.
    pub changes: Vec<(ChannelPoint, FeeChange)>,
}

/// A place in the journal.
#[derive(Debug)]
pub struct Journal {
    log_reader: CycleLogReader,
    after: i64,
    rows: VecDeque<TurnRow>,
    decisions: BTreeMap<i64, Vec<Decision>>,
    changes: BTreeMap<i64, Vec<(ChannelPoint, FeeChange)>>,
}

impl StoreReader {
    /// Has everything read from now on be as it is now, whatever a daemon
    /// stores meanwhile: a stretch must not change while it is walked.
    pub async fn freeze(&self) -> Result<(), StoreError> {
        let db = &mut *self.connection().await;
        let work = async {
            sqlx::query("begin").execute(&mut *db).await?;
            // The snapshot is taken by the first read.
            let _: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
                .fetch_one(db)
                .await?;
            self.frozen.store(true, Ordering::Relaxed);
            Ok(())
        };
        let done = work.await;
        self.named("cannot take a snapshot", done)
    }

    /// The journal from the last beginning at or before `from`, or else from
    /// its first one; `None` if there is none.
    pub async fn journal(&self, from: Timestamp) -> Result<Option<Journal>, StoreError> {
        let db = &mut *self.connection().await;
        let work = async {
            let before = journal::last_beginning(db, from).await?;
            match before {
                Some(first) => Ok(Some(first)),
                None => journal::first_beginning(db).await,
            }
        };
        let first = self.named("cannot look for stored cycles", work.await)?;
        Ok(first.map(|first| Journal {
            log_reader: CycleLogReader::default(),
            after: first.saturating_sub(1),
            rows: VecDeque::new(),
            decisions: BTreeMap::new(),
            changes: BTreeMap::new(),
        }))
    }

    /// The next turn; `None` at the end.
    pub async fn next_turn(&self, journal: &mut Journal) -> Result<Option<StoredTurn>, StoreError> {
        let db = &mut *self.connection().await;
        if journal.rows.is_empty() {
            let filled = journal.fill(db).await;
            self.named("cannot read stored cycles", filled)?;
        }
        let Some(row) = journal.rows.pop_front() else {
            return Ok(None);
        };
        let read = journal.read(&row);
        let at = Timestamp::from_nanos(row.at_ns);
        let (input, checkpoint, decided) =
            self.named(&format!("cannot read the cycle of {at}"), read)?;
        let kept = journal.decisions.remove(&row.id).unwrap_or_default();
        Ok(Some(StoredTurn {
            id: row.id,
            input,
            checkpoint,
            has_holds: decided.is_some(),
            decisions: decided.unwrap_or(kept),
            changes: journal.changes.remove(&row.id).unwrap_or_default(),
        }))
    }
}

impl ForwardLog for StoreReader {
    async fn forwards_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredForward>, StoreError> {
        self.at_one_moment("cannot read forwards", |db| {
            Box::pin(forwards::after(db, seq, limit))
        })
        .await
    }

    async fn day_totals(&self, days: DayRange) -> Result<DayTotals, StoreError> {
        self.at_one_moment("cannot read the forwards by days", |db| {
            Box::pin(day_totals::read(db, days))
        })
        .await
    }
}

type Read = (CycleInput, Option<Checkpoint>, Option<Vec<Decision>>);

impl Journal {
    fn read(&mut self, row: &TurnRow) -> Result<Read, Fault> {
        let input = self.log_reader.read(row)?.clone();
        Ok((input, row.checkpoint()?, row.decisions()?))
    }

    async fn fill(&mut self, db: &mut SqliteConnection) -> Result<(), Fault> {
        self.rows = rows_after(db, self.after, TURNS_PER_READ).await?.into();
        let (Some(first), Some(last)) = (self.rows.front(), self.rows.back()) else {
            return Ok(());
        };
        self.after = last.id;
        self.decisions = decisions(db, first.id, last.id).await?;
        self.changes = changes(db, first.id, last.id).await?;
        Ok(())
    }
}

async fn decisions(
    db: &mut SqliteConnection,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<Decision>>, Fault> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select turn_id, body from decisions where turn_id between ? and ? order by id",
    )
    .bind(first)
    .bind(last)
    .fetch_all(db)
    .await?;
    let mut found: BTreeMap<i64, Vec<Decision>> = BTreeMap::new();
    for (turn, body) in rows {
        found
            .entry(turn)
            .or_default()
            .extend(parse_decisions(vec![body]));
    }
    Ok(found)
}

/// The changes of these turns, as each turn left them.
pub(super) async fn changes(
    db: &mut SqliteConnection,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, Vec<(ChannelPoint, FeeChange)>>, Fault> {
    let texts: Vec<String> = sqlx::query_scalar(changes_as_text!(
        "writes w join channels c on c.id = w.channel_id
         where w.turn_id between ? and ? order by w.id"
    ))
    .bind(first)
    .bind(last)
    .fetch_all(db)
    .await?;
    let mut found: BTreeMap<i64, Vec<(ChannelPoint, FeeChange)>> = BTreeMap::new();
    for text in texts {
        let row = ChangeRow::of(&text)?;
        if let Some(turn) = row.turn_id {
            found.entry(turn).or_default().push(row.change_then()?);
        }
    }
    Ok(found)
}
