//! What was forwarded and earned over a window of time.
//!
//! SQLite fails a sum that leaves its integers. Amounts are therefore summed in
//! two halves, and a total that no number here can hold is the largest one. A
//! forward's number is never below its settle time, so it says where to begin.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::columns::{number, point};
use super::fault::Fault;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Settled forwards, summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leg {
    /// How many.
    pub count: u64,
    /// What was forwarded: what came in for an incoming leg, what went out for
    /// an outgoing one.
    pub amount: Msat,
    /// What these forwards earned.
    pub fees: Msat,
}

/// A channel's forwards over a window. A channel earns the fees of what leaves
/// by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelFlow {
    /// What entered by it.
    pub incoming: Leg,
    /// What left by it.
    pub outgoing: Leg,
}

/// Each channel's forwards over a window.
pub(super) async fn flows(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<ChannelPoint, ChannelFlow>, Fault> {
    let incoming: Vec<(String, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select c.point, count(*),
             sum(coalesce(f.amount_in_msat, f.amount_out_msat + f.fee_msat) >> 32),
             sum(coalesce(f.amount_in_msat, f.amount_out_msat + f.fee_msat) & 0xffffffff),
             sum(f.fee_msat >> 32), sum(f.fee_msat & 0xffffffff)
         from forwards f join scids s on s.scid = f.scid_in join channels c on c.id = s.channel_id
         where f.seq >= ?1 and coalesce(f.settled_at_ns, f.seq) >= ?1
             and coalesce(f.settled_at_ns, f.seq) < ?2 group by c.id",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(&mut *db)
    .await?;
    let outgoing: Vec<(String, i64, i64, i64, i64, i64)> = sqlx::query_as(
        "select c.point, count(*), sum(f.amount_out_msat >> 32), sum(f.amount_out_msat & 0xffffffff),
             sum(f.fee_msat >> 32), sum(f.fee_msat & 0xffffffff)
         from forwards f join scids s on s.scid = f.scid_out join channels c on c.id = s.channel_id
         where f.seq >= ?1 and coalesce(f.settled_at_ns, f.seq) >= ?1
             and coalesce(f.settled_at_ns, f.seq) < ?2 group by c.id",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    let mut flows: BTreeMap<ChannelPoint, ChannelFlow> = BTreeMap::new();
    for (text, count, a, b, c, d) in incoming {
        flows.entry(point(&text)?).or_default().incoming = leg(count, (a, b), (c, d))?;
    }
    for (text, count, a, b, c, d) in outgoing {
        flows.entry(point(&text)?).or_default().outgoing = leg(count, (a, b), (c, d))?;
    }
    Ok(flows)
}

/// All forwards over a window, each once.
pub(super) async fn total(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Leg, Fault> {
    let (count, a, b, c, d) = sqlx::query_as(
        "select count(*), coalesce(sum(amount_out_msat >> 32), 0),
             coalesce(sum(amount_out_msat & 0xffffffff), 0),
             coalesce(sum(fee_msat >> 32), 0), coalesce(sum(fee_msat & 0xffffffff), 0)
         from forwards where seq >= ?1 and coalesce(settled_at_ns, seq) >= ?1
             and coalesce(settled_at_ns, seq) < ?2",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_one(db)
    .await?;
    leg(count, (a, b), (c, d))
}

fn leg(count: i64, amount: (i64, i64), fees: (i64, i64)) -> Result<Leg, Fault> {
    Ok(Leg {
        count: number("a count of forwards", count)?,
        amount: joined(amount),
        fees: joined(fees),
    })
}

/// A sum from those of its upper and lower halves.
fn joined((upper, lower): (i64, i64)) -> Msat {
    let sum = (i128::from(upper) << 32) + i128::from(lower);
    Msat(u64::try_from(sum.max(0)).unwrap_or(u64::MAX))
}
