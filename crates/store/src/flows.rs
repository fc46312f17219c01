//! What was forwarded and earned over a window of time.

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
    let incoming: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "select c.point, count(*), sum(f.amount_in_msat), sum(f.fee_msat)
         from forwards f join scids s on s.scid = f.scid_in join channels c on c.id = s.channel_id
         where f.settled_at_ns >= ? and f.settled_at_ns < ? group by c.id",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(&mut *db)
    .await?;
    let outgoing: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "select c.point, count(*), sum(f.amount_out_msat), sum(f.fee_msat)
         from forwards f join scids s on s.scid = f.scid_out join channels c on c.id = s.channel_id
         where f.settled_at_ns >= ? and f.settled_at_ns < ? group by c.id",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    let mut flows: BTreeMap<ChannelPoint, ChannelFlow> = BTreeMap::new();
    for (text, count, amount, fees) in incoming {
        flows.entry(point(&text)?).or_default().incoming = leg(count, amount, fees)?;
    }
    for (text, count, amount, fees) in outgoing {
        flows.entry(point(&text)?).or_default().outgoing = leg(count, amount, fees)?;
    }
    Ok(flows)
}

/// All forwards over a window, each once.
pub(super) async fn total(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Leg, Fault> {
    let (count, amount, fees) = sqlx::query_as(
        "select count(*), coalesce(sum(amount_out_msat), 0), coalesce(sum(fee_msat), 0)
         from forwards where settled_at_ns >= ? and settled_at_ns < ?",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_one(db)
    .await?;
    leg(count, amount, fees)
}

fn leg(count: i64, amount: i64, fees: i64) -> Result<Leg, Fault> {
    Ok(Leg {
        count: number("a count of forwards", count)?,
        amount: Msat(number("an amount in msat", amount)?),
        fees: Msat(number("fees in msat", fees)?),
    })
}
