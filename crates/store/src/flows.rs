//! What was forwarded and earned over a window of time.
//!
//! SQLite fails a sum that leaves its integers. Amounts are therefore summed in
//! two halves, and a total that no number here can hold is the largest one.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::columns::{from_json, number, scid};
use super::fault::Fault;
use super::forward_packs;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::observation::Forward;
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

impl ChannelFlow {
    /// What a forward is to the channel it entered by, and to the one it left by.
    fn sides(forward: &Forward) -> [(Scid, Self); 2] {
        let leg = |amount| Leg {
            count: 1,
            amount,
            fees: forward.fee,
        };
        let incoming = Self {
            incoming: leg(forward.amount_in),
            ..Self::default()
        };
        let outgoing = Self {
            outgoing: leg(forward.amount_out),
            ..Self::default()
        };
        [(forward.scid_in, incoming), (forward.scid_out, outgoing)]
    }

    /// Both together.
    pub(super) fn add(&mut self, other: Self) {
        self.incoming.add(other.incoming);
        self.outgoing.add(other.outgoing);
    }
}

impl Leg {
    /// Both together.
    pub(super) fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.amount = self.amount.plus(other.amount);
        self.fees = self.fees.plus(other.fees);
    }
}

/// The rows of forwards that settled from `?1` until before `?2`, in nanoseconds: a number
/// is the settle time, but for those that came late.
macro_rules! settled {
    () => {
        "select * from forwards where seq >= ?1 and seq < ?2 and settled_at_ns is null
         union all select * from forwards where settled_at_ns >= ?1 and settled_at_ns < ?2"
    };
}

/// Sums of `sides` by scid, as one text: a row each would cost several times as much,
/// most of it in handing rows over.
macro_rules! summed {
    ($sides:expr) => {
        concat!(
            "select json_group_array(json_array(scid,
                 n_in, brought_high, brought_low, assist_high, assist_low,
                 n_out, sold_high, sold_low, fees_high, fees_low))
             from (select scid,
                 sum(forwards_in) as n_in,
                 sum(brought_msat >> 32) as brought_high,
                 sum(brought_msat & 0xffffffff) as brought_low,
                 sum(assist_msat >> 32) as assist_high,
                 sum(assist_msat & 0xffffffff) as assist_low,
                 sum(forwards_out) as n_out,
                 sum(sold_msat >> 32) as sold_high,
                 sum(sold_msat & 0xffffffff) as sold_low,
                 sum(fees_msat >> 32) as fees_high,
                 sum(fees_msat & 0xffffffff) as fees_low
             from (",
            $sides,
            ") group by scid)"
        )
    };
}

/// What passed by each scid over a window.
pub(super) async fn by_scid(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<Scid, ChannelFlow>, Fault> {
    let of_rows = sqlx::query_scalar(concat!(
        "with settled as (",
        settled!(),
        ") ",
        summed!(
            "select scid_out as scid, 1 as forwards_out, amount_out_msat as sold_msat, fee_msat as fees_msat,
                 0 as forwards_in, 0 as brought_msat, 0 as assist_msat from settled
             union all
             select scid_in, 0, 0, 0, 1, coalesce(amount_in_msat, amount_out_msat + fee_msat), fee_msat
             from settled"
        )
    ))
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_one(&mut *db)
    .await?;
    let mut flows = read(of_rows)?;
    forward_packs::settled(db, from, until, |packed| {
        for (scid, flow) in ChannelFlow::sides(&packed.forward) {
            flows.entry(scid).or_default().add(flow);
        }
    })
    .await?;
    Ok(flows)
}

/// What passed by each scid on the UTC days from `from` until before `until`.
pub(super) async fn by_scid_on_days(
    db: &mut SqliteConnection,
    from: i64,
    until: i64,
) -> Result<BTreeMap<Scid, ChannelFlow>, Fault> {
    let text = sqlx::query_scalar(summed!(
        "select * from forwards_by_day where day >= ?1 and day < ?2"
    ))
    .bind(from)
    .bind(until)
    .fetch_one(db)
    .await?;
    read(text)
}

fn read(text: String) -> Result<BTreeMap<Scid, ChannelFlow>, Fault> {
    let rows: Vec<[i64; 11]> = from_json("sums of forwards", &text)?;
    rows.into_iter()
        .map(|[of, n_in, a, b, c, d, n_out, e, f, g, h]| {
            let flow = ChannelFlow {
                incoming: leg(n_in, (a, b), (c, d))?,
                outgoing: leg(n_out, (e, f), (g, h))?,
            };
            Ok((scid(of), flow))
        })
        .collect()
}

/// All forwards over a window, each once.
pub(super) async fn total(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Leg, Fault> {
    let (count, a, b, c, d) = sqlx::query_as(concat!(
        "select count(*), coalesce(sum(amount_out_msat >> 32), 0),
             coalesce(sum(amount_out_msat & 0xffffffff), 0),
             coalesce(sum(fee_msat >> 32), 0), coalesce(sum(fee_msat & 0xffffffff), 0)
         from (",
        settled!(),
        ")"
    ))
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_one(&mut *db)
    .await?;
    let mut total = leg(count, (a, b), (c, d))?;
    forward_packs::settled(db, from, until, |packed| {
        let [_, (_, flow)] = ChannelFlow::sides(&packed.forward);
        total.add(flow.outgoing);
    })
    .await?;
    Ok(total)
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
