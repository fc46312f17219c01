//! What one cycle leaves behind: its turn in the journal, and little else. Channels
//! are written as they come and go, balances once a day.

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use tracing::warn;

use super::columns::{json, name, number_column};
use super::fault::Fault;
use super::forms::{ChannelForm, DecisionForm, Form, TriggerForm};
use super::journal::{self, CycleLogReader};
use super::market;
use super::state::{self, channel_id};
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::CycleRecord;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// Rows per statement: five values each, well below SQLite's limit of 32,766.
const ROWS_PER_INSERT: usize = 1_000;

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
    for decision in record.decisions {
        store_decision(&mut *db, turn, decision).await?;
    }
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
            for channel in gone {
                store_channel(&mut *db, channel, before.seen.at, false).await?;
            }
        }
    }
    let known = before.map(|before| &before.seen.channels);
    let new = seen.channels.values();
    for channel in new.filter(|c| known.is_none_or(|known| !known.contains_key(&c.point))) {
        store_channel(&mut *db, channel, seen.at, true).await?;
    }
    Ok(())
}

async fn store_channel(
    db: &mut SqliteConnection,
    channel: &Channel,
    at: Timestamp,
    open: bool,
) -> Result<(), Fault> {
    sqlx::query(
        "insert into channels (point, first_seen_ns, last_seen_ns, is_open, seen)
         values (?1, ?2, ?2, ?3, ?4)
         on conflict (point) do update set
             first_seen_ns = coalesce(first_seen_ns, excluded.first_seen_ns),
             last_seen_ns = excluded.last_seen_ns,
             is_open = excluded.is_open,
             seen = excluded.seen",
    )
    .bind(channel.point.to_string())
    .bind(at.nanos())
    .bind(open)
    .bind(json("a channel", &ChannelForm::of(channel))?)
    .execute(db)
    .await?;
    Ok(())
}

/// Each channel's balance, as the first of its day.
async fn store_balances(db: &mut SqliteConnection, seen: &Observation) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(seen.channels.len());
    for channel in seen.channels.values() {
        rows.push((
            channel_id(&mut *db, channel.point).await?,
            number_column("a local balance in sat", channel.local_balance.0)?,
            number_column("a remote balance in sat", channel.remote_balance.0)?,
            channel.policy.map(|policy| policy.fees.outbound.0),
        ));
    }
    for chunk in rows.chunks(ROWS_PER_INSERT) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert or ignore into balances_by_day (day, channel_id, local_sat, remote_sat, fee_ppm) ",
        );
        query.push_values(chunk, |mut values, (channel, local, remote, fee)| {
            values
                .push_bind(seen.at.utc_day())
                .push_bind(*channel)
                .push_bind(*local)
                .push_bind(*remote)
                .push_bind(*fee);
        });
        query.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Keeps what changed a fee, or would have: the journal drops its decisions in
/// time.
async fn store_decision(
    db: &mut SqliteConnection,
    turn: Option<i64>,
    decision: &Decision,
) -> Result<(), Fault> {
    let verdict = match decision.verdict {
        Verdict::Hold { .. } => return Ok(()),
        Verdict::Change { .. } => "change",
        Verdict::WouldChange { .. } => "would_change",
    };
    let body = match json("a decision", &DecisionForm::of(decision)) {
        Ok(body) => body,
        Err(fault) => {
            warn!(channel = %decision.point, error = %fault, "cannot store this decision; skipping it");
            return Ok(());
        }
    };
    let id = channel_id(db, decision.point).await?;
    sqlx::query(
        "insert into decisions (channel_id, at_ns, rhythm, verdict, body, turn_id)
         values (?, ?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(decision.at.nanos())
    .bind(name("a rhythm", TriggerForm::of(&decision.trigger))?)
    .bind(verdict)
    .bind(body)
    .bind(turn)
    .execute(db)
    .await?;
    Ok(())
}
