//! Fee changes: the intent before, what came of it after. Their table is called
//! `writes`.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqlx::sqlite::SqliteConnection;

use super::columns::{from_json, name, named, number, number_column, point};
use super::fault::Fault;
use super::forms::{Form, StageForm};
use super::state::channel_id;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, InboundFee};
use sweetspot_core::types::fee_change::{FeeChange, MaxHtlcChange, Stage};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat};

/// A row of `writes` with its channel's name, its fields in the order of
/// [`changes_as_text`].
#[derive(Deserialize)]
pub(super) struct ChangeRow {
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
    from_max_htlc_msat: Option<i64>,
    to_max_htlc_msat: Option<i64>,
    outcome: Option<String>,
    outcome_at_ns: Option<i64>,
    detail: String,
    /// The cycle in which it was intended.
    pub(super) turn_id: Option<i64>,
    outcome_turn_id: Option<i64>,
}

impl ChangeRow {
    /// The row that a text tells.
    pub(super) fn of(text: &str) -> Result<Self, Fault> {
        from_json("a fee change", text)
    }

    fn intended(&self) -> Result<(ChannelPoint, FeeChange), Fault> {
        let fees = |base, rate, inbound_base, inbound_rate| {
            Ok::<_, Fault>(FeeParts {
                base_fee_msat: number("a base fee in msat", base)?,
                outbound: FeePpm(number("a rate in ppm", rate)?),
                inbound: InboundFee {
                    base_fee_msat: number("a base fee in msat", inbound_base)?,
                    rate_ppm: number("a rate in ppm", inbound_rate)?,
                },
            })
        };
        let from = fees(
            self.from_base_fee_msat,
            self.from_outbound_ppm,
            self.from_inbound_base_fee_msat,
            self.from_inbound_rate_ppm,
        )?;
        let to = fees(
            self.to_base_fee_msat,
            self.to_outbound_ppm,
            self.to_inbound_base_fee_msat,
            self.to_inbound_rate_ppm,
        )?;
        let max_htlc = match (self.from_max_htlc_msat, self.to_max_htlc_msat) {
            (Some(from), Some(to)) => Some(MaxHtlcChange {
                from: Msat(number("a max HTLC in msat", from)?),
                to: Msat(number("a max HTLC in msat", to)?),
            }),
            _ => None,
        };
        let at = Timestamp::from_nanos(self.at_ns);
        let change = FeeChange::intended(from, to, at).with_max_htlc(max_htlc);
        Ok((point(&self.point)?, change))
    }

    /// The change as it is known now.
    pub(super) fn change(self) -> Result<(ChannelPoint, FeeChange), Fault> {
        let (point, change) = self.intended()?;
        let (Some(outcome), Some(at)) = (self.outcome, self.outcome_at_ns) else {
            return Ok((point, change));
        };
        let stage = named::<StageForm>("an outcome", outcome)?.into_core();
        Ok((
            point,
            change.ended(stage, Timestamp::from_nanos(at), self.detail),
        ))
    }

    /// The change as its cycle left it: what only a later cycle found was not
    /// known then.
    pub(super) fn change_then(self) -> Result<(ChannelPoint, FeeChange), Fault> {
        if self.outcome_turn_id == self.turn_id {
            self.change()
        } else {
            self.intended()
        }
    }
}

/// The rows of the changes `w`, each joined to its channel `c`, that are named; each as one
/// text: to hand over its 17 columns by themselves takes several times as long.
macro_rules! changes_as_text {
    ($changes:literal) => {
        concat!(
            "select json_array(
                 point, at_ns,
                 from_base_fee_msat, from_outbound_ppm,
                 from_inbound_base_fee_msat, from_inbound_rate_ppm,
                 to_base_fee_msat, to_outbound_ppm,
                 to_inbound_base_fee_msat, to_inbound_rate_ppm,
                 from_max_htlc_msat, to_max_htlc_msat,
                 outcome, outcome_at_ns, detail, turn_id, outcome_turn_id)
             from ",
            $changes
        )
    };
}
pub(super) use changes_as_text;

/// The changes that these texts tell, as they are known now.
fn changes_in<T>(texts: &[String]) -> Result<T, Fault>
where
    T: FromIterator<(ChannelPoint, FeeChange)>,
{
    let changes = texts.iter().map(|text| ChangeRow::of(text)?.change());
    changes.collect()
}

/// Changes that were begun from `from` until before `until`, oldest first.
pub(super) async fn between(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(ChannelPoint, FeeChange)>, Fault> {
    let texts: Vec<String> = sqlx::query_scalar(changes_as_text!(
        "writes w join channels c on c.id = w.channel_id
         where w.at_ns >= ? and w.at_ns < ? order by w.id"
    ))
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    changes_in(&texts)
}

/// How many changes that were begun from `from` until before `until` were confirmed, and
/// how many came to another end.
pub(super) async fn count_ended(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<(u64, u64), Fault> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select outcome, count(*) from writes
         where at_ns >= ? and at_ns < ? and outcome is not null group by outcome",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    let (mut confirmed, mut others) = (0, 0);
    for (outcome, count) in rows {
        let stage = named::<StageForm>("an outcome", outcome)?.into_core();
        let count: u64 = number("a count", count)?;
        match stage {
            Stage::Confirmed => confirmed += count,
            stage if stage.is_open() => {}
            _ => others += count,
        }
    }
    Ok((confirmed, others))
}

/// A channel's last `limit` changes begun up to `until`, newest first.
pub(super) async fn of_channel(
    db: &mut SqliteConnection,
    of: ChannelPoint,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<FeeChange>, Fault> {
    let texts: Vec<String> = sqlx::query_scalar(changes_as_text!(
        "writes w join channels c on c.id = w.channel_id
         where c.point = ? and w.at_ns <= ? order by w.at_ns desc, w.id desc limit ?"
    ))
    .bind(of.to_string())
    .bind(until.nanos())
    .bind(limit)
    .fetch_all(db)
    .await?;
    let changes = texts
        .iter()
        .map(|text| Ok(ChangeRow::of(text)?.change()?.1));
    changes.collect()
}

/// Each channel's newest change. By a cross join, for it goes from channel to channel: SQLite
/// would else go through every change there is.
pub(super) async fn last(
    db: &mut SqliteConnection,
) -> Result<BTreeMap<ChannelPoint, FeeChange>, Fault> {
    let texts: Vec<String> = sqlx::query_scalar(changes_as_text!(
        "channels c cross join writes w
             on w.id = (select max(id) from writes where channel_id = c.id)"
    ))
    .fetch_all(db)
    .await?;
    changes_in(&texts)
}

/// Changes that are open, oldest first.
pub(super) async fn open(
    db: &mut SqliteConnection,
) -> Result<Vec<(ChannelPoint, FeeChange)>, Fault> {
    let texts: Vec<String> = sqlx::query_scalar(changes_as_text!(
        "writes w join channels c on c.id = w.channel_id
         where w.outcome is null or w.outcome = 'unknown' order by w.id"
    ))
    .fetch_all(db)
    .await?;
    changes_in(&texts)
}

/// Stores how far a change has come, by one statement: nothing of it, or all.
pub(super) async fn record(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    change: &FeeChange,
) -> Result<(), Fault> {
    if change.stage != Stage::Intended {
        return end(db, point, change).await;
    }
    if insert(&mut *db, point, change).await? == 0 {
        // A channel that no cycle has stored.
        channel_id(&mut *db, point).await?;
        insert(db, point, change).await?;
    }
    Ok(())
}

async fn insert(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    change: &FeeChange,
) -> Result<u64, Fault> {
    let stored = |amount: Msat| number_column("a max HTLC in msat", amount.0);
    let max_htlc = change.max_htlc;
    let inserted = sqlx::query(
        "insert into writes (
             channel_id, at_ns,
             from_base_fee_msat, from_outbound_ppm, from_inbound_base_fee_msat, from_inbound_rate_ppm,
             to_base_fee_msat, to_outbound_ppm, to_inbound_base_fee_msat, to_inbound_rate_ppm,
             from_max_htlc_msat, to_max_htlc_msat, turn_id)
         select id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select max(id) from turns)
         from channels where point = ?",
    )
    .bind(change.intended_at.nanos())
    .bind(change.from.base_fee_msat)
    .bind(change.from.outbound.0)
    .bind(change.from.inbound.base_fee_msat)
    .bind(change.from.inbound.rate_ppm)
    .bind(change.to.base_fee_msat)
    .bind(change.to.outbound.0)
    .bind(change.to.inbound.base_fee_msat)
    .bind(change.to.inbound.rate_ppm)
    .bind(max_htlc.map(|change| stored(change.from)).transpose()?)
    .bind(max_htlc.map(|change| stored(change.to)).transpose()?)
    .bind(point.to_string())
    .execute(db)
    .await?;
    Ok(inserted.rows_affected())
}

/// Ends the open change of this channel and time; two of one time cannot be
/// told apart, and then the last one is meant.
async fn end(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    change: &FeeChange,
) -> Result<(), Fault> {
    let at = change.settled_at.unwrap_or(change.intended_at);
    let done = sqlx::query(
        "update writes set outcome = ?, outcome_at_ns = ?, detail = ?,
             outcome_turn_id = (select max(id) from turns)
         where id = (
             select max(id) from writes
             where channel_id = (select id from channels where point = ?)
                 and at_ns = ? and (outcome is null or outcome = 'unknown'))",
    )
    .bind(name("an outcome", StageForm::of(&change.stage))?)
    .bind(at.nanos())
    .bind(change.detail.as_str())
    .bind(point.to_string())
    .bind(change.intended_at.nanos())
    .execute(&mut *db)
    .await?;
    if done.rows_affected() > 0 || has_ended(db, point, change).await? {
        return Ok(());
    }
    // Whoever could not store the intent sent nothing.
    if change.stage == Stage::NotSent {
        return Ok(());
    }
    Err(Fault::NoSuchChange {
        point,
        at: change.intended_at,
    })
}

/// Whether the end is stored already, though it was not heard of.
async fn has_ended(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    change: &FeeChange,
) -> Result<bool, Fault> {
    let ended = sqlx::query_scalar(
        "select exists (
             select 1 from writes
             where channel_id = (select id from channels where point = ?)
                 and at_ns = ? and outcome is not null)",
    )
    .bind(point.to_string())
    .bind(change.intended_at.nanos())
    .fetch_one(db)
    .await?;
    Ok(ended)
}
