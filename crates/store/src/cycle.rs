//! What one cycle leaves behind: its turn in the journal, and little else. Channels
//! are written as they come and go, balances once a day.
//!
//! Rows go to SQLite as one JSON text, many to a statement: each statement costs two
//! changes of threads, several times what its rows do.

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use tracing::warn;

use super::columns::{json, name, number_column};
use super::fault::Fault;
use super::forms::{ChannelForm, DecisionForm, Form, TriggerForm};
use super::journal::{self, CycleLogReader};
use super::market;
use super::state;
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::CycleRecord;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// Stores the turn, and what it says of channels and days; returns where the
/// journal then stands.
pub(super) async fn record(
    db: &mut SqliteConnection,
    log_reader: Option<CycleLogReader>,
    record: CycleRecord<'_>,
) -> Result<CycleLogReader, Fault> {
    let log_reader = match log_reader {
        Some(log_reader) => log_reader,
        None => CycleLogReader::at_the_end(&mut *db).await?,
    };
    let seen = &record.input.seen;
    store_channels(&mut *db, log_reader.last(), seen).await?;
    if log_reader.last().map(|last| last.seen.at.utc_day()) != Some(seen.at.utc_day()) {
        store_balances(&mut *db, seen).await?;
    }
    let (turn, log_reader) = journal::add(&mut *db, log_reader, record).await?;
    market::store(&mut *db, record.market).await?;
    if turn.is_some() && record.checkpoint.is_some() {
        state::drop_earlier(&mut *db).await?;
    }
    store_decisions(db, turn, record.decisions).await?;
    Ok(log_reader)
}

/// Notes which channels came and which are gone since the turn before.
async fn store_channels(
    db: &mut SqliteConnection,
    before: Option<&CycleInput>,
    seen: &Observation,
) -> Result<(), Fault> {
    match before {
        // Whatever is not seen now is gone.
        None => {
            sqlx::query("update channels set is_open = 0 where is_open = 1")
                .execute(&mut *db)
                .await?;
        }
        Some(before) => {
            let gone = before.seen.channels.values();
            let gone = gone.filter(|c| !seen.channels.contains_key(&c.point));
            store_each(&mut *db, gone, before.seen.at, false).await?;
        }
    }
    let known = before.map(|before| &before.seen.channels);
    let new = seen.channels.values();
    let new = new.filter(|c| known.is_none_or(|known| !known.contains_key(&c.point)));
    store_each(db, new, seen.at, true).await
}

async fn store_each(
    db: &mut SqliteConnection,
    channels: impl Iterator<Item = &Channel>,
    at: Timestamp,
    open: bool,
) -> Result<(), Fault> {
    let row = |channel: &Channel| {
        let body = json("a channel", &ChannelForm::of(channel))?;
        Ok((channel.point.to_string(), body))
    };
    let rows = channels.map(row).collect::<Result<Vec<_>, Fault>>()?;
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into channels (point, first_seen_ns, last_seen_ns, is_open, seen)
         select value ->> 0, ?1, ?1, ?2, value ->> 1 from json_each(?3) where true
         on conflict (point) do update set
             first_seen_ns = coalesce(first_seen_ns, excluded.first_seen_ns),
             last_seen_ns = excluded.last_seen_ns,
             is_open = excluded.is_open,
             seen = excluded.seen",
    )
    .bind(at.nanos())
    .bind(open)
    .bind(json("channels", &rows)?)
    .execute(db)
    .await?;
    Ok(())
}

/// Each channel's balance, as the first of its day.
async fn store_balances(db: &mut SqliteConnection, seen: &Observation) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(seen.channels.len());
    for channel in seen.channels.values() {
        rows.push((
            channel.point.to_string(),
            number_column("a local balance in sat", channel.local_balance.0)?,
            number_column("a remote balance in sat", channel.remote_balance.0)?,
            channel.policy.map(|policy| policy.fees.outbound.0),
        ));
    }
    sqlx::query(
        "insert or ignore into balances_by_day (day, channel_id, local_sat, remote_sat, fee_ppm)
         select ?, c.id, value ->> 1, value ->> 2, value ->> 3
         from json_each(?) cross join channels c on c.point = value ->> 0",
    )
    .bind(seen.at.utc_day())
    .bind(json("balances", &rows)?)
    .execute(db)
    .await?;
    Ok(())
}

/// A decision that is kept by itself.
#[derive(Serialize)]
struct DecisionRow {
    point: String,
    at_ns: i64,
    rhythm: String,
    verdict: &'static str,
    body: String,
}

impl DecisionRow {
    /// The row of what changes a fee, or would.
    fn of(decision: &Decision) -> Option<Result<Self, Fault>> {
        let verdict = match decision.verdict {
            Verdict::Hold { .. } => return None,
            Verdict::Change { .. } => "change",
            Verdict::WouldChange { .. } => "would_change",
        };
        let row = || {
            Ok(Self {
                point: decision.point.to_string(),
                at_ns: decision.at.nanos(),
                rhythm: name("a rhythm", TriggerForm::of(&decision.trigger))?,
                verdict,
                body: json("a decision", &DecisionForm::of(decision))?,
            })
        };
        Some(row())
    }
}

/// Keeps what changed a fee, or would have: the journal drops its decisions in
/// time.
async fn store_decisions(
    db: &mut SqliteConnection,
    turn: Option<i64>,
    decisions: &[Decision],
) -> Result<(), Fault> {
    let row = |decision: &Decision| {
        let row = DecisionRow::of(decision)?;
        row.inspect_err(|fault| {
            warn!(channel = %decision.point, error = %fault, "cannot store this decision; skipping it");
        })
        .ok()
    };
    let rows: Vec<DecisionRow> = decisions.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let points = rows.iter().map(|row| row.point.clone());
    state::number_channels(&mut *db, points).await?;
    let text = serde_json::to_string(&rows);
    let text = text.map_err(|error| Fault::unreadable("decisions", error))?;
    sqlx::query(
        "insert into decisions (channel_id, at_ns, rhythm, verdict, body, turn_id)
         select c.id, value ->> 'at_ns', value ->> 'rhythm', value ->> 'verdict',
             value ->> 'body', ?
         from json_each(?) cross join channels c on c.point = value ->> 'point'",
    )
    .bind(turn)
    .bind(text)
    .execute(db)
    .await?;
    Ok(())
}
