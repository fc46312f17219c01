//! What one cycle leaves behind.

use sqlx::sqlite::SqliteConnection;
use tracing::warn;

use super::columns::{json, name, number_column};
use super::fault::Fault;
use super::forms::{ChannelForm, DecisionForm, Form, TriggerForm};
use super::journal::{self, CycleLogReader};
use super::state::{channel_id, save};
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::ports::CycleRecord;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// Stores channels, balances, the turn itself, decisions and memory; returns
/// where the journal then stands.
pub(super) async fn record(
    db: &mut SqliteConnection,
    log_reader: Option<CycleLogReader>,
    record: CycleRecord<'_>,
) -> Result<CycleLogReader, Fault> {
    store_channels(db, &record.input.seen).await?;
    let (turn, log_reader) = journal::add(db, log_reader, record.input, record.checkpoint).await?;
    for decision in record.decisions {
        store_decision(db, turn, decision).await?;
    }
    save(db, &record.input.seen, record.memory).await?;
    Ok(log_reader)
}

async fn store_channels(db: &mut SqliteConnection, seen: &Observation) -> Result<(), Fault> {
    // An observation holds every open channel: the others are closed.
    sqlx::query("update channels set is_open = 0 where is_open = 1")
        .execute(&mut *db)
        .await?;
    for channel in seen.channels.values() {
        let id: i64 = sqlx::query_scalar(
            "insert into channels (point, first_seen_ns, last_seen_ns, is_open, seen)
             values (?1, ?2, ?2, 1, ?3)
             on conflict (point) do update set
                 first_seen_ns = coalesce(first_seen_ns, excluded.first_seen_ns),
                 last_seen_ns = excluded.last_seen_ns,
                 is_open = 1,
                 seen = excluded.seen
             returning id",
        )
        .bind(channel.point.to_string())
        .bind(seen.at.nanos())
        .bind(json("a channel", &ChannelForm::of(channel))?)
        .fetch_one(&mut *db)
        .await?;
        store_sample(db, id, seen.at, channel).await?;
    }
    Ok(())
}

async fn store_sample(
    db: &mut SqliteConnection,
    id: i64,
    at: Timestamp,
    channel: &Channel,
) -> Result<(), Fault> {
    sqlx::query(
        "insert or replace into balance_samples
             (channel_id, at_ns, local_ratio, local_sat, remote_sat, fee_ppm, active)
         values (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id)
    .bind(at.nanos())
    .bind(channel.local_ratio())
    .bind(number_column(
        "a local balance in sat",
        channel.local_balance.0,
    )?)
    .bind(number_column(
        "a remote balance in sat",
        channel.remote_balance.0,
    )?)
    .bind(channel.policy.map(|policy| policy.fees.outbound.0))
    .bind(channel.active)
    .execute(db)
    .await?;
    Ok(())
}

async fn store_decision(
    db: &mut SqliteConnection,
    turn: Option<i64>,
    decision: &Decision,
) -> Result<(), Fault> {
    let body = match json("a decision", &DecisionForm::of(decision)) {
        Ok(body) => body,
        Err(fault) => {
            warn!(channel = %decision.point, error = %fault, "cannot store this decision; skipping it");
            return Ok(());
        }
    };
    let verdict = match decision.verdict {
        Verdict::Hold { .. } => "hold",
        Verdict::Change { .. } => "change",
        Verdict::WouldChange { .. } => "would_change",
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
