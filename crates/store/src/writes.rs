//! Writes to the node: the intent before, the outcome after.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row};

use super::columns::{name, named, number, point};
use super::fault::Fault;
use super::state::{channel_id, save_channel};
use sweetspot_core::engine::replay::Wrote;
use sweetspot_core::ports::{PendingWrite, WriteId, WriteIntent, WriteOutcome};
use sweetspot_core::state::memory::ChannelMemory;
use sweetspot_core::types::channel::{FeeParts, InboundFee};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;

/// A stored write.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRecord {
    /// Its name.
    pub id: WriteId,
    /// What was meant.
    pub intent: WriteIntent,
    /// How it ended; `None` while that is open.
    pub outcome: Option<WriteOutcome>,
    /// When that was known.
    pub outcome_at: Option<Timestamp>,
    /// What the node or the check after it said.
    pub detail: String,
}

/// A row of `writes` with its channel's name.
pub(super) struct WriteRow {
    id: i64,
    point: String,
    at_ns: i64,
    from_base_fee_msat: i64,
    from_outbound_ppm: i64,
    from_inbound_base_fee_msat: i64,
    from_inbound_rate_ppm: i64,
    to_base_fee_msat: i64,
    to_outbound_ppm: i64,
    to_inbound_base_fee_msat: i64,
    to_inbound_rate_ppm: i64,
    outcome: Option<String>,
    outcome_at_ns: Option<i64>,
    detail: String,
    /// The turn in which it was begun.
    pub(super) turn_id: Option<i64>,
    outcome_turn_id: Option<i64>,
}

impl FromRow<'_, SqliteRow> for WriteRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            point: row.try_get("point")?,
            at_ns: row.try_get("at_ns")?,
            from_base_fee_msat: row.try_get("from_base_fee_msat")?,
            from_outbound_ppm: row.try_get("from_outbound_ppm")?,
            from_inbound_base_fee_msat: row.try_get("from_inbound_base_fee_msat")?,
            from_inbound_rate_ppm: row.try_get("from_inbound_rate_ppm")?,
            to_base_fee_msat: row.try_get("to_base_fee_msat")?,
            to_outbound_ppm: row.try_get("to_outbound_ppm")?,
            to_inbound_base_fee_msat: row.try_get("to_inbound_base_fee_msat")?,
            to_inbound_rate_ppm: row.try_get("to_inbound_rate_ppm")?,
            outcome: row.try_get("outcome")?,
            outcome_at_ns: row.try_get("outcome_at_ns")?,
            detail: row.try_get("detail")?,
            turn_id: row.try_get("turn_id")?,
            outcome_turn_id: row.try_get("outcome_turn_id")?,
        })
    }
}

impl WriteRow {
    fn intent(&self) -> Result<WriteIntent, Fault> {
        Ok(WriteIntent {
            at: Timestamp::from_nanos(self.at_ns),
            point: point(&self.point)?,
            from: FeeParts {
                base_fee_msat: number("a base fee in msat", self.from_base_fee_msat)?,
                outbound: FeePpm(number("a rate in ppm", self.from_outbound_ppm)?),
                inbound: InboundFee {
                    base_fee_msat: number("a base fee in msat", self.from_inbound_base_fee_msat)?,
                    rate_ppm: number("a rate in ppm", self.from_inbound_rate_ppm)?,
                },
            },
            to: FeeParts {
                base_fee_msat: number("a base fee in msat", self.to_base_fee_msat)?,
                outbound: FeePpm(number("a rate in ppm", self.to_outbound_ppm)?),
                inbound: InboundFee {
                    base_fee_msat: number("a base fee in msat", self.to_inbound_base_fee_msat)?,
                    rate_ppm: number("a rate in ppm", self.to_inbound_rate_ppm)?,
                },
            },
        })
    }

    /// The write as a reader wants it.
    pub(super) fn record(self) -> Result<WriteRecord, Fault> {
        Ok(WriteRecord {
            id: WriteId(self.id),
            intent: self.intent()?,
            outcome: self
                .outcome
                .map(|text| named("an outcome", text))
                .transpose()?,
            outcome_at: self.outcome_at_ns.map(Timestamp::from_nanos),
            detail: self.detail,
        })
    }

    /// The write as its turn left it: an outcome that only a later turn found
    /// was not known then.
    pub(super) fn wrote(&self) -> Result<Wrote, Fault> {
        let intent = self.intent()?;
        let known = self.outcome_turn_id == self.turn_id;
        let ended = match (&self.outcome, self.outcome_at_ns) {
            (Some(outcome), Some(at)) if known => Some((
                named("an outcome", outcome.clone())?,
                Timestamp::from_nanos(at),
            )),
            _ => None,
        };
        Ok(Wrote {
            point: intent.point,
            from: intent.from,
            to: intent.to,
            at: intent.at,
            ended,
        })
    }
}

/// Writes whose outcome is not known, oldest first.
pub(super) async fn pending(db: &mut SqliteConnection) -> Result<Vec<PendingWrite>, Fault> {
    let rows: Vec<WriteRow> = sqlx::query_as(
        "select w.*, c.point from writes w join channels c on c.id = w.channel_id
         where w.outcome is null or w.outcome = 'unknown' order by w.id",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(PendingWrite {
                id: WriteId(row.id),
                intent: row.intent()?,
            })
        })
        .collect()
}

/// Stores an intent with the memory that names it.
pub(super) async fn begin(
    db: &mut SqliteConnection,
    intent: WriteIntent,
    memory: &ChannelMemory,
) -> Result<WriteId, Fault> {
    let channel = channel_id(db, intent.point).await?;
    let id = sqlx::query_scalar(
        "insert into writes (
             channel_id, at_ns,
             from_base_fee_msat, from_outbound_ppm, from_inbound_base_fee_msat, from_inbound_rate_ppm,
             to_base_fee_msat, to_outbound_ppm, to_inbound_base_fee_msat, to_inbound_rate_ppm, turn_id)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select max(id) from turns)) returning id",
    )
    .bind(channel)
    .bind(intent.at.nanos())
    .bind(intent.from.base_fee_msat)
    .bind(intent.from.outbound.0)
    .bind(intent.from.inbound.base_fee_msat)
    .bind(intent.from.inbound.rate_ppm)
    .bind(intent.to.base_fee_msat)
    .bind(intent.to.outbound.0)
    .bind(intent.to.inbound.base_fee_msat)
    .bind(intent.to.inbound.rate_ppm)
    .fetch_one(&mut *db)
    .await?;
    save_channel(db, intent.point, memory).await?;
    Ok(WriteId(id))
}

/// Stores an outcome with the memory after it.
pub(super) async fn finish(
    db: &mut SqliteConnection,
    id: WriteId,
    at: Timestamp,
    outcome: WriteOutcome,
    detail: &str,
    memory: &ChannelMemory,
) -> Result<(), Fault> {
    let text: Option<String> = sqlx::query_scalar(
        "update writes set outcome = ?, outcome_at_ns = ?, detail = ?,
             outcome_turn_id = (select max(id) from turns)
         where id = ?
         returning (select point from channels where channels.id = writes.channel_id)",
    )
    .bind(name("an outcome", outcome)?)
    .bind(at.nanos())
    .bind(detail)
    .bind(id.0)
    .fetch_optional(&mut *db)
    .await?;
    let text = text.ok_or(Fault::NoSuchWrite(id.0))?;
    save_channel(db, point(&text)?, memory).await
}
