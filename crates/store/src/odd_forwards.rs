//! Forwards that cannot be any, kept aside as the node told them.

use sqlx::sqlite::SqliteConnection;

use super::columns::number;
use super::fault::Fault;
use sweetspot_core::types::raw_forward::OddForward;

/// Stores those that are not stored yet; returns which.
pub(super) async fn insert(
    db: &mut SqliteConnection,
    odd: &[OddForward],
) -> Result<Vec<OddForward>, Fault> {
    let mut new = vec![];
    for one in odd {
        let raw = one.raw;
        let columns = [
            raw.settled_at_nanos,
            raw.scid_in,
            raw.scid_out,
            raw.amount_in_msat,
            raw.amount_out_msat,
            raw.fee_msat,
        ];
        let mut query = sqlx::query(
            "insert or ignore into odd_forwards (settled_at_ns, scid_in, scid_out, amount_in_msat,
                 amount_out_msat, fee_msat, fault) values (?, ?, ?, ?, ?, ?, ?)",
        );
        for column in columns {
            query = query.bind(column.cast_signed());
        }
        let done = query.bind(one.fault.to_string()).execute(&mut *db).await?;
        if done.rows_affected() > 0 {
            new.push(*one);
        }
    }
    Ok(new)
}

/// How many are kept.
pub(super) async fn count(db: &mut SqliteConnection) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar("select count(*) from odd_forwards")
        .fetch_one(db)
        .await?;
    number("a count of forwards", count)
}
