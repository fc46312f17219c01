//! The table of packed forwards: reading and adding [packs](super::forward_pack).

use sqlx::sqlite::SqliteConnection;

use super::fault::Fault;
use super::forward_pack::{pack, unpack};
use sweetspot_core::types::observation::StoredForward;
use sweetspot_core::types::time::Timestamp;

/// Adds forwards, ascending by number, as one pack.
pub(super) async fn add(
    db: &mut SqliteConnection,
    forwards: &[StoredForward],
) -> Result<(), Fault> {
    let settled = || forwards.iter().map(|stored| stored.forward.settled_at);
    let (Some(last), Some(earliest), Some(latest)) =
        (forwards.last(), settled().min(), settled().max())
    else {
        return Ok(());
    };
    sqlx::query(
        "insert into forward_packs
             (last_seq, forwards, first_settled_at_ns, last_settled_at_ns, body)
         values (?, ?, ?, ?, ?)",
    )
    .bind(last.seq)
    .bind(i64::try_from(forwards.len()).unwrap_or(i64::MAX))
    .bind(earliest.nanos())
    .bind(latest.nanos())
    .bind(pack(forwards)?)
    .execute(db)
    .await?;
    Ok(())
}

/// The last number in any pack; 0 without one.
pub(super) async fn last_seq(db: &mut SqliteConnection) -> Result<i64, Fault> {
    let last = sqlx::query_scalar("select coalesce(max(last_seq), 0) from forward_packs")
        .fetch_one(db)
        .await?;
    Ok(last)
}

/// The last number below `seq` in any pack; 0 without one.
pub(super) async fn last_seq_below(db: &mut SqliteConnection, seq: i64) -> Result<i64, Fault> {
    let around: Option<Vec<u8>> = sqlx::query_scalar(
        "select body from forward_packs where last_seq >= ? order by last_seq limit 1",
    )
    .bind(seq)
    .fetch_optional(&mut *db)
    .await?;
    let within = around.map(|body| unpack(&body)).transpose()?;
    let numbers = within.iter().flatten().map(|stored| stored.seq);
    if let Some(last) = numbers.filter(|number| *number < seq).max() {
        return Ok(last);
    }
    let last = sqlx::query_scalar(
        "select coalesce(max(last_seq), 0) from forward_packs where last_seq < ?",
    )
    .bind(seq)
    .fetch_one(db)
    .await?;
    Ok(last)
}

/// The forwards with numbers above `seq`, ascending, up to the end of a pack and at least
/// `enough` of them, where there are so many.
pub(super) async fn after(
    db: &mut SqliteConnection,
    seq: i64,
    enough: usize,
) -> Result<Vec<StoredForward>, Fault> {
    let mut found: Vec<StoredForward> = vec![];
    let mut last = seq;
    while found.len() < enough {
        let next: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "select last_seq, body from forward_packs where last_seq > ? order by last_seq limit 1",
        )
        .bind(last)
        .fetch_optional(&mut *db)
        .await?;
        let Some((last_seq, body)) = next else {
            break;
        };
        last = last_seq;
        let forwards = unpack(&body)?.into_iter();
        found.extend(forwards.filter(|stored| stored.seq > seq));
    }
    Ok(found)
}

/// Tells of each forward that settled from `from` until before `until`, pack by pack.
pub(super) async fn settled(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
    mut tell: impl FnMut(&StoredForward),
) -> Result<(), Fault> {
    let packs: Vec<i64> = sqlx::query_scalar(
        "select last_seq from forward_packs
         where last_settled_at_ns >= ? and first_settled_at_ns < ? order by last_seq",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(&mut *db)
    .await?;
    for last_seq in packs {
        let body: Vec<u8> = sqlx::query_scalar("select body from forward_packs where last_seq = ?")
            .bind(last_seq)
            .fetch_one(&mut *db)
            .await?;
        let forwards = unpack(&body)?;
        let within = |stored: &&StoredForward| (from..until).contains(&stored.forward.settled_at);
        forwards.iter().filter(within).for_each(&mut tell);
    }
    Ok(())
}
