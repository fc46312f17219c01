//! Settled forwards and how far they are complete.
//!
//! New ones come as a row each. Where many come at once, and of all that are there once a
//! day, they go to [packs](super::forward_packs), whose numbers are below those of every
//! row.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::columns::{from_json, json, number, number_column, scid, scid_column};
use super::fault::Fault;
use super::forward_packs;
use sweetspot_core::ports::HistoryCursor;
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Rows per statement: seven values each, well below SQLite's limit of 32,766.
const ROWS_PER_INSERT: usize = 1_000;

/// Forwards to a pack: a hundred kilobytes, which take a fraction of a millisecond to
/// read. Larger ones would save less than a byte each.
const PER_PACK: u32 = 5_000;

/// From so many on, new ones are packed at once: less are not worth a pack.
const MANY: usize = 1_000;

/// Up to so many rows are packed with many new ones: as many as a node has after a day,
/// and not those of an earlier version, which are all of its past.
const FEW_ROWS: u32 = 10_000;

/// Stores those that are not stored yet, in the order given, and returns them.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    forwards: &[Forward],
) -> Result<Vec<Forward>, Fault> {
    let mut last = last_seq(&mut *db).await?;
    let mut known = already_stored(&mut *db, forwards, last).await?;
    let mut new = Vec::with_capacity(forwards.len());
    for forward in forwards {
        let settled_at = forward.settled_at.nanos();
        if !known.insert(settled_at) {
            continue;
        }
        let seq = match settled_at > last {
            true => settled_at,
            false => last.saturating_add(1),
        };
        last = seq;
        new.push(StoredForward {
            seq,
            forward: *forward,
        });
    }
    if new.len() < MANY || !pack_with_rows(&mut *db, &new).await? {
        insert_rows(db, &new).await?;
    }
    Ok(new.into_iter().map(|stored| stored.forward).collect())
}

/// Packs new forwards with the rows that are there; does nothing where those are many.
async fn pack_with_rows(db: &mut SqliteConnection, new: &[StoredForward]) -> Result<bool, Fault> {
    let mut all = rows_after(&mut *db, 0, FEW_ROWS + 1).await?;
    if all.len() > FEW_ROWS as usize {
        return Ok(false);
    }
    if !all.is_empty() {
        sqlx::query("delete from forwards")
            .execute(&mut *db)
            .await?;
    }
    all.extend_from_slice(new);
    for chunk in all.chunks(PER_PACK as usize) {
        forward_packs::add(&mut *db, chunk).await?;
    }
    Ok(true)
}

/// Packs the first rows, where there are enough for a pack. Returns whether there were.
pub(super) async fn pack_rows(db: &mut SqliteConnection) -> Result<bool, Fault> {
    let first = rows_after(&mut *db, 0, PER_PACK).await?;
    let Some(last) = first.last().filter(|_| first.len() == PER_PACK as usize) else {
        return Ok(false);
    };
    forward_packs::add(&mut *db, &first).await?;
    sqlx::query("delete from forwards where seq <= ?")
        .bind(last.seq)
        .execute(&mut *db)
        .await?;
    Ok(true)
}

async fn insert_rows(db: &mut SqliteConnection, new: &[StoredForward]) -> Result<(), Fault> {
    for chunk in new.chunks(ROWS_PER_INSERT) {
        let rows = chunk
            .iter()
            .map(columns)
            .collect::<Result<Vec<_>, Fault>>()?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into forwards (seq, settled_at_ns, scid_in, scid_out, amount_in_msat, \
             amount_out_msat, fee_msat) ",
        );
        query.push_values(rows, |mut values, row| {
            for column in row {
                values.push_bind(column);
            }
        });
        query.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// How many are stored.
pub(super) async fn count(db: &mut SqliteConnection) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar(
        "select (select count(*) from forwards)
             + (select coalesce(sum(forwards), 0) from forward_packs)",
    )
    .fetch_one(db)
    .await?;
    number("a count of forwards", count)
}

/// The last number given; 0 without one.
pub(super) async fn last_seq(db: &mut SqliteConnection) -> Result<i64, Fault> {
    let of_rows: Option<i64> = sqlx::query_scalar("select max(seq) from forwards")
        .fetch_one(&mut *db)
        .await?;
    match of_rows {
        Some(last) => Ok(last),
        None => forward_packs::last_seq(db).await,
    }
}

/// The last number given below `seq`; 0 without one.
pub(super) async fn last_seq_below(db: &mut SqliteConnection, seq: i64) -> Result<i64, Fault> {
    let of_rows: Option<i64> = sqlx::query_scalar("select max(seq) from forwards where seq < ?")
        .bind(seq)
        .fetch_one(&mut *db)
        .await?;
    match of_rows {
        Some(last) => Ok(last),
        None => forward_packs::last_seq_below(db, seq).await,
    }
}

/// When those of `forwards` settled that are stored already, `last` being the last
/// number given.
async fn already_stored(
    db: &mut SqliteConnection,
    forwards: &[Forward],
    last: i64,
) -> Result<HashSet<i64>, Fault> {
    let settled = forwards.iter().map(|forward| forward.settled_at);
    let known = || {
        let settled = settled.clone();
        settled.filter(|settled_at| settled_at.nanos() <= last)
    };
    let (Some(earliest), Some(latest)) = (known().min(), known().max()) else {
        return Ok(HashSet::new());
    };
    let times: Vec<i64> = known().map(Timestamp::nanos).collect();
    let of_rows: Vec<i64> = sqlx::query_scalar(
        "select value from json_each(?) where
             exists (select 1 from forwards where seq = value and settled_at_ns is null)
             or exists (select 1 from forwards where settled_at_ns = value)",
    )
    .bind(json("settle times", &times)?)
    .fetch_all(&mut *db)
    .await?;
    let mut stored: HashSet<i64> = of_rows.into_iter().collect();
    let until = Timestamp::from_nanos(latest.nanos().saturating_add(1));
    forward_packs::settled(db, earliest, until, |packed| {
        stored.insert(packed.forward.settled_at.nanos());
    })
    .await?;
    Ok(stored)
}

/// What is stored of a forward. What follows from the rest is left out.
fn columns(stored: &StoredForward) -> Result<[Option<i64>; 7], Fault> {
    let StoredForward { seq, forward } = *stored;
    let settled_at = forward.settled_at.nanos();
    let amount_in = number_column("an incoming amount in msat", forward.amount_in.0)?;
    let amount_out = number_column("an outgoing amount in msat", forward.amount_out.0)?;
    let fee = number_column("a fee in msat", forward.fee.0)?;
    let follows = amount_out.checked_add(fee) == Some(amount_in);
    Ok([
        Some(seq),
        (settled_at != seq).then_some(settled_at),
        Some(scid_column(forward.scid_in)),
        Some(scid_column(forward.scid_out)),
        (!follows).then_some(amount_in),
        Some(amount_out),
        Some(fee),
    ])
}

/// What is read of a forward: as stored, with what follows from the rest.
type Row = (i64, i64, i64, i64, i64, i64, i64);

/// Up to `limit` forwards with numbers above `seq`, ascending.
pub(super) async fn after(
    db: &mut SqliteConnection,
    seq: i64,
    limit: u32,
) -> Result<Vec<StoredForward>, Fault> {
    let enough = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = forward_packs::after(&mut *db, seq, enough).await?;
    found.truncate(enough);
    let left = enough - found.len();
    if left > 0 {
        let left = u32::try_from(left).unwrap_or(limit);
        found.extend(rows_after(db, seq, left).await?);
    }
    Ok(found)
}

/// Those among the rows. They come as one text: a row each would cost three times as
/// much, most of it in handing rows over.
async fn rows_after(
    db: &mut SqliteConnection,
    seq: i64,
    limit: u32,
) -> Result<Vec<StoredForward>, Fault> {
    let text: String = sqlx::query_scalar(
        "select json_group_array(json_array(seq, coalesce(settled_at_ns, seq), scid_in, scid_out,
             coalesce(amount_in_msat, amount_out_msat + fee_msat), amount_out_msat, fee_msat))
         from (select * from forwards where seq > ? order by seq limit ?)",
    )
    .bind(seq)
    .bind(limit)
    .fetch_one(db)
    .await?;
    let mut rows: Vec<Row> = from_json("forwards", &text)?;
    // An aggregate promises no order; they come in it, so this only looks.
    rows.sort_unstable_by_key(|row| row.0);
    rows.into_iter()
        .map(
            |(seq, settled_at, scid_in, scid_out, amount_in, amount_out, fee)| {
                Ok(StoredForward {
                    seq,
                    forward: Forward {
                        settled_at: Timestamp::from_nanos(settled_at),
                        scid_in: scid(scid_in),
                        scid_out: scid(scid_out),
                        amount_in: Msat(number("an incoming amount in msat", amount_in)?),
                        amount_out: Msat(number("an outgoing amount in msat", amount_out)?),
                        fee: Msat(number("a fee in msat", fee)?),
                    },
                })
            },
        )
        .collect()
}

/// How far history was read; `None` on a first start.
pub(super) async fn cursor(db: &mut SqliteConnection) -> Result<Option<HistoryCursor>, Fault> {
    let row: Option<(i64, i64)> = sqlx::query_as("select from_ns, through_ns from history")
        .fetch_optional(db)
        .await?;
    Ok(row.map(|(from, through)| HistoryCursor {
        from: Timestamp::from_nanos(from),
        through: Timestamp::from_nanos(through),
    }))
}

/// A cursor that moved by less, with nothing new, is not worth a write to the
/// disk: what it passed over is read again after a restart.
const CURSOR_STEP: Duration = Duration::from_secs(3_600);

/// Notes how far history was read.
pub(super) async fn move_cursor(
    db: &mut SqliteConnection,
    cursor: HistoryCursor,
    new_forwards: bool,
) -> Result<(), Fault> {
    let near = |kept: HistoryCursor| {
        kept.from == cursor.from
            && kept.through <= cursor.through
            && cursor.through.since(kept.through) < CURSOR_STEP
    };
    if !new_forwards && self::cursor(&mut *db).await?.is_some_and(near) {
        return Ok(());
    }
    sqlx::query("insert or replace into history (id, from_ns, through_ns) values (1, ?, ?)")
        .bind(cursor.from.nanos())
        .bind(cursor.through.nanos())
        .execute(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
