//! Settled forwards and how far they are complete.

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::columns::{number, number_column, scid, scid_column};
use super::fault::Fault;
use sweetspot_core::ports::HistoryCursor;
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Rows per statement: six values each, well below SQLite's limit of 32,766.
const ROWS_PER_INSERT: usize = 1_000;

/// Stores those that are not stored yet, in the order given.
pub(super) async fn insert(db: &mut SqliteConnection, forwards: &[Forward]) -> Result<(), Fault> {
    for chunk in forwards.chunks(ROWS_PER_INSERT) {
        let rows = chunk
            .iter()
            .map(|forward| {
                Ok([
                    forward.settled_at.nanos(),
                    scid_column(forward.scid_in),
                    scid_column(forward.scid_out),
                    number_column("an incoming amount in msat", forward.amount_in.0)?,
                    number_column("an outgoing amount in msat", forward.amount_out.0)?,
                    number_column("a fee in msat", forward.fee.0)?,
                ])
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into forwards (settled_at_ns, scid_in, scid_out, amount_in_msat, \
             amount_out_msat, fee_msat) ",
        );
        query.push_values(rows, |mut values, row| {
            for column in row {
                values.push_bind(column);
            }
        });
        query.push(" on conflict (settled_at_ns) do nothing");
        query.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Up to `limit` forwards with numbers above `seq`, ascending.
pub(super) async fn after(
    db: &mut SqliteConnection,
    seq: i64,
    limit: u32,
) -> Result<Vec<StoredForward>, Fault> {
    let rows: Vec<(i64, i64, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select seq, settled_at_ns, scid_in, scid_out, amount_in_msat, amount_out_msat, fee_msat
         from forwards where seq > ? order by seq limit ?",
    )
    .bind(seq)
    .bind(limit)
    .fetch_all(db)
    .await?;
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

/// Notes how far history was read.
pub(super) async fn set_cursor(
    db: &mut SqliteConnection,
    cursor: HistoryCursor,
) -> Result<(), Fault> {
    sqlx::query("insert or replace into history (id, from_ns, through_ns) values (1, ?, ?)")
        .bind(cursor.from.nanos())
        .bind(cursor.through.nanos())
        .execute(db)
        .await?;
    Ok(())
}
