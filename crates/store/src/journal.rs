//! The journal of turns: what each was given, as little as tells it again.
//!
//! A decision follows from what is remembered, the forwards counted and what
//! the turn is given ([`CycleInput`]). Forwards are stored anyway. What is given is
//! stored whole once a day, together with what was remembered then; each turn
//! in between stores its difference from the turn before, which for a quiet
//! node is next to nothing. From such a beginning every later turn can be
//! decided again, one after the other. Balance samples would not do: they are
//! thinned, and lack pending HTLCs, policies, settings and what was remembered.

use std::error::Error;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Deserialize;
use serde_json::{Map, Value};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row};
use tracing::warn;

use super::columns::{from_json, json};
use super::fault::Fault;
use super::forms::{CheckpointForm, CycleInputForm, Form};
use super::patch;
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::types::time::Timestamp;

/// The most one row may unfold to: a node with 10,000 channels needs a tenth.
const MOST_BYTES: u64 = 1 << 28;

/// What a turn was given, as the journal writes it: without the time, which is
/// a column, and without nulls.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct CycleDoc(Map<String, Value>);

impl CycleDoc {
    fn of(input: &CycleInput) -> Result<Self, Fault> {
        let value = serde_json::to_value(CycleInputForm::of(input)).map_err(unreadable)?;
        match patch::without_nulls(value) {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(unreadable("it is no object")),
        }
    }

    fn input(&self, at: Timestamp) -> Result<CycleInput, Fault> {
        CycleInputForm::deserialize(&self.0)
            .map(|form| form.into_core(at))
            .map_err(unreadable)
    }
}

fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
    Fault::Unreadable {
        what: "a cycle's input",
        why: why.into(),
    }
}

/// A row of the journal.
#[derive(Debug)]
pub(super) struct TurnRow {
    /// The turn's number.
    pub id: i64,
    /// When it was.
    pub at_ns: i64,
    input: Vec<u8>,
    checkpoint: Option<Vec<u8>>,
}

impl FromRow<'_, SqliteRow> for TurnRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            at_ns: row.try_get("at_ns")?,
            input: row.try_get("given")?,
            checkpoint: row.try_get("beginning")?,
        })
    }
}

/// Turns the pages of the journal, row by row.
#[derive(Debug, Default)]
pub(super) struct CycleLogReader {
    /// The turn read last, and what it was given.
    last: Option<(i64, CycleDoc)>,
}

impl CycleLogReader {
    /// What the row tells. Rows must come one after the other, from one with a
    /// beginning on.
    pub fn read(&mut self, row: &TurnRow) -> Result<(CycleInput, Option<Checkpoint>), Fault> {
        let input = self.turn_to(row)?.input(Timestamp::from_nanos(row.at_ns))?;
        let checkpoint = row.checkpoint.as_deref();
        let checkpoint = checkpoint
            .map(|bytes| from_json::<CheckpointForm>("what was remembered", &inflate(bytes)?))
            .transpose()?;
        Ok((input, checkpoint.map(Form::into_core)))
    }

    /// The row's page. An earlier version may have written it: it need not mean
    /// anything to this one yet.
    fn turn_to(&mut self, row: &TurnRow) -> Result<&CycleDoc, Fault> {
        let changes = match from_json("a turn", &inflate(&row.input)?)? {
            Value::Object(changes) => changes,
            _ => return Err(unreadable("it is no object")),
        };
        let page = match (&row.checkpoint, self.last.take()) {
            (Some(_), _) => CycleDoc(changes),
            (None, Some((id, mut page))) if id.checked_add(1) == Some(row.id) => {
                patch::apply(&mut page.0, changes);
                page
            }
            _ => return Err(unreadable("the cycle before it is missing")),
        };
        Ok(&self.last.insert((row.id, page)).1)
    }

    /// At the end of what is stored; nowhere if that cannot be read.
    async fn at_the_end(db: &mut SqliteConnection) -> Result<Self, Fault> {
        let mut log_reader = Self::default();
        let Some(first) = last_beginning(db, Timestamp::from_nanos(i64::MAX)).await? else {
            return Ok(log_reader);
        };
        let mut after = first.saturating_sub(1);
        loop {
            let rows = rows_after(db, after, 1_000).await?;
            let Some(last) = rows.last() else {
                return Ok(log_reader);
            };
            after = last.id;
            for row in &rows {
                if let Err(fault) = log_reader.turn_to(row) {
                    warn!(turn = row.id, error = %fault, "a stored cycle is unreadable: replay cannot follow past it");
                    return Ok(Self::default());
                }
            }
        }
    }
}

/// Adds a turn; returns its number and where the journal then stands. Without
/// the turn before it or a beginning a turn tells nothing and is left out.
pub(super) async fn add(
    db: &mut SqliteConnection,
    log_reader: Option<CycleLogReader>,
    input: &CycleInput,
    checkpoint: Option<&Checkpoint>,
) -> Result<(Option<i64>, CycleLogReader), Fault> {
    let log_reader = match log_reader {
        Some(log_reader) => log_reader,
        None if checkpoint.is_some() => CycleLogReader::default(),
        None => CycleLogReader::at_the_end(db).await?,
    };
    let written = match rows_of(&log_reader, input, checkpoint) {
        Ok(Some(written)) => written,
        Ok(None) => return Ok((None, log_reader)),
        Err(fault) => {
            warn!(error = %fault, "cannot store this cycle for replay; skipping it");
            return Ok((None, CycleLogReader::default()));
        }
    };
    let (page, patch, checkpoint) = written;
    let id = sqlx::query_scalar(
        "insert into turns (at_ns, given, beginning) values (?, ?, ?) returning id",
    )
    .bind(input.seen.at.nanos())
    .bind(patch)
    .bind(checkpoint)
    .fetch_one(db)
    .await?;
    let last = Some((id, page));
    Ok((Some(id), CycleLogReader { last }))
}

type Written = (CycleDoc, Vec<u8>, Option<Vec<u8>>);

fn rows_of(
    log_reader: &CycleLogReader,
    input: &CycleInput,
    checkpoint: Option<&Checkpoint>,
) -> Result<Option<Written>, Fault> {
    let page = CycleDoc::of(input)?;
    let changes = match (checkpoint, &log_reader.last) {
        (Some(_), _) => page.0.clone(),
        (None, Some((_, before))) => patch::between(&before.0, &page.0),
        (None, None) => return Ok(None),
    };
    let checkpoint = checkpoint
        .map(|checkpoint| deflate(&json("a state", &CheckpointForm::of(checkpoint))?))
        .transpose()?;
    let changes = deflate(&Value::Object(changes).to_string())?;
    Ok(Some((page, changes, checkpoint)))
}

/// The turn with a beginning that is the last at or before `at`.
pub(super) async fn last_beginning(
    db: &mut SqliteConnection,
    at: Timestamp,
) -> Result<Option<i64>, Fault> {
    let id =
        sqlx::query_scalar("select max(id) from turns where beginning is not null and at_ns <= ?")
            .bind(at.nanos())
            .fetch_one(db)
            .await?;
    Ok(id)
}

/// The first turn with a beginning.
pub(super) async fn first_beginning(db: &mut SqliteConnection) -> Result<Option<i64>, Fault> {
    let id = sqlx::query_scalar("select min(id) from turns where beginning is not null")
        .fetch_one(db)
        .await?;
    Ok(id)
}

/// When the last turn was that has its beginning stored.
pub(super) async fn checkpoint_at(db: &mut SqliteConnection) -> Result<Option<Timestamp>, Fault> {
    let at: Option<i64> = sqlx::query_scalar(
        "select at_ns from turns where beginning is not null order by id desc limit 1",
    )
    .fetch_optional(db)
    .await?;
    Ok(at.map(Timestamp::from_nanos))
}

/// Up to `limit` rows with numbers above `id`, ascending.
pub(super) async fn rows_after(
    db: &mut SqliteConnection,
    id: i64,
    limit: u32,
) -> Result<Vec<TurnRow>, Fault> {
    let rows = sqlx::query_as(
        "select id, at_ns, given, beginning from turns where id > ? order by id limit ?",
    )
    .bind(id)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows)
}

fn deflate(text: &str) -> Result<Vec<u8>, Fault> {
    let mut encoder = DeflateEncoder::new(vec![], Compression::default());
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(unreadable)
}

fn inflate(bytes: &[u8]) -> Result<String, Fault> {
    let mut text = String::new();
    DeflateDecoder::new(bytes)
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::input;
    use sweetspot_core::state::memory::Memory;

    fn row(id: i64, input: &Value, begins: bool) -> TurnRow {
        let checkpoint = Checkpoint {
            follows: true,
            memory: Memory::default(),
            names: vec![],
        };
        let checkpoint = json("a state", &CheckpointForm::of(&checkpoint)).expect("readable");
        TurnRow {
            id,
            at_ns: 10_000_000_000,
            input: deflate(&input.to_string()).expect("deflates"),
            checkpoint: begins.then(|| deflate(&checkpoint).expect("deflates")),
        }
    }

    fn page(secs: i64, channels: &[u8]) -> CycleDoc {
        CycleDoc::of(&input(secs, channels)).expect("readable")
    }

    #[test]
    fn turns_read_back_from_their_differences() {
        let (first, second) = (page(10, &[1, 2]), page(10, &[2, 3]));
        let changes = patch::between(&first.0, &second.0);
        let mut log_reader = CycleLogReader::default();
        let whole = row(7, &Value::Object(first.0), true);
        assert_eq!(
            log_reader.read(&whole).expect("reads").0,
            input(10, &[1, 2])
        );
        let changed = row(8, &Value::Object(changes), false);
        assert_eq!(
            log_reader.read(&changed).expect("reads").0,
            input(10, &[2, 3])
        );
        assert!(log_reader.read(&changed).is_err(), "not the next one");
    }

    #[test]
    fn a_setting_that_was_not_known_then_is_the_built_in_one() {
        let mut older = Value::Object(page(10, &[1]).0);
        for settings in older["settings"]
            .as_object_mut()
            .expect("some")
            .values_mut()
        {
            let settings = settings.as_object_mut().expect("an object");
            settings.remove("target_ratio").expect("known now");
        }
        let node = older["node"].as_object_mut().expect("an object");
        node.remove("max_moving_free").expect("known now");
        let mut log_reader = CycleLogReader::default();
        let read = log_reader.read(&row(1, &older, true)).expect("reads");
        assert_eq!(read.0, input(10, &[1]));
    }

    #[test]
    fn the_journal_goes_on_after_pages_that_mean_nothing_here() {
        let mut log_reader = CycleLogReader::default();
        let strange = row(1, &json!({"seen": {"moon": "full"}}), true);
        log_reader.turn_to(&strange).expect("a page");
        let (page, _, _) = rows_of(&log_reader, &input(10, &[1]), None)
            .expect("readable")
            .expect("not left out");
        assert_eq!(
            page.input(Timestamp::from_secs(10)).expect("reads"),
            input(10, &[1])
        );
        assert!(CycleLogReader::default().read(&strange).is_err());
    }
}
