//! What was earned, by channel and for the node: sums of whole days where there
//! are some, and of single forwards at their edges.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::columns::{number, point, scid};
use super::fault::Fault;
use super::flows::{self, ChannelFlow, Leg};
use super::{StoreReader, day_totals, forward_packs, state};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// What was earned over a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// By each channel whose scids are known.
    pub channels: BTreeMap<ChannelPoint, ChannelFlow>,
    /// By the node: each forward once, also those of unknown channels.
    pub node: Leg,
}

/// Sums by scid, before it is asked which channels they mean.
#[derive(Clone, Default)]
struct Sums {
    scids: BTreeMap<Scid, ChannelFlow>,
    node: Leg,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        for (scid, flow) in &other.scids {
            self.scids.entry(*scid).or_default().add(*flow);
        }
        self.node.add(other.node);
    }

    fn ledger(self, names: &BTreeMap<Scid, ChannelPoint>) -> Ledger {
        let mut ledger = Ledger {
            node: self.node,
            ..Ledger::default()
        };
        for (scid, flow) in self.scids {
            if let Some(point) = names.get(&scid) {
                ledger.channels.entry(*point).or_default().add(flow);
            }
        }
        ledger
    }
}

/// Of less than a day: by single forwards.
async fn edge(db: &mut SqliteConnection, from: Timestamp, until: Timestamp) -> Result<Sums, Fault> {
    Ok(Sums {
        scids: flows::by_scid(db, from, until).await?,
        node: flows::total(db, from, until).await?,
    })
}

async fn days(db: &mut SqliteConnection, from: i64, until: i64) -> Result<Sums, Fault> {
    let mut sums = Sums {
        scids: flows::by_scid_on_days(db, from, until).await?,
        node: Leg::default(),
    };
    for day in day_totals::of_node(db, from, until).await? {
        sums.node.add(Leg {
            count: day.forwards,
            amount: day.sold,
            fees: day.fees,
        });
    }
    Ok(sums)
}

async fn ledgers(
    db: &mut SqliteConnection,
    froms: &[Timestamp],
    until: Timestamp,
) -> Result<Vec<Ledger>, Fault> {
    let names: BTreeMap<Scid, ChannelPoint> = state::ids(db).await?.into_iter().collect();
    let whole_until = until.utc_day();
    let today = edge(db, Timestamp::of_utc_day(whole_until), until).await?;
    let mut ledgers = vec![];
    for from in froms.iter().copied() {
        let whole_from = from.utc_day() + i64::from(Timestamp::of_utc_day(from.utc_day()) < from);
        let sums = if whole_from > whole_until {
            edge(db, from, until).await?
        } else {
            let mut sums = edge(db, from, Timestamp::of_utc_day(whole_from)).await?;
            sums.add(&days(db, whole_from, whole_until).await?);
            sums.add(&today);
            sums
        };
        ledgers.push(sums.ledger(&names));
    }
    Ok(ledgers)
}

/// A forward out: when, by which channel if that is known, and its fee.
pub type Sale = (Timestamp, Option<ChannelPoint>, Msat);

async fn sales(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Sale>, Fault> {
    let names: BTreeMap<Scid, ChannelPoint> = state::ids(db).await?.into_iter().collect();
    let mut found = vec![];
    forward_packs::settled(&mut *db, from, until, |packed| {
        let forward = packed.forward;
        let point = names.get(&forward.scid_out).copied();
        found.push((forward.settled_at, point, forward.fee));
    })
    .await?;
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "select coalesce(settled_at_ns, seq), scid_out, fee_msat from forwards
         where seq >= ?1 and coalesce(settled_at_ns, seq) >= ?1
             and coalesce(settled_at_ns, seq) < ?2",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    for (at, out, fee) in rows {
        let point = names.get(&scid(out)).copied();
        let fee = Msat(number("a fee in msat", fee)?);
        found.push((Timestamp::from_nanos(at), point, fee));
    }
    Ok(found)
}

/// The mean local balance of each channel over the balances read from `from` until
/// before `until`, in sat.
async fn mean_local_sat(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<ChannelPoint, f64>, Fault> {
    let rows: Vec<(String, f64)> = sqlx::query_as(
        "select c.point, avg(d.local_sat) from balances_by_day d
             join channels c on c.id = d.channel_id
         where d.day >= ? and d.day <= ? group by c.id",
    )
    .bind(from.utc_day())
    .bind(until.utc_day())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(text, mean)| Ok((point(&text)?, mean)))
        .collect()
}

/// A channel as it was first read on a UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayBalance {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    /// Our balance.
    pub local: Sat,
    /// The peer's.
    pub remote: Sat,
    /// Our outbound rate; `None` if there was no policy.
    pub fee: Option<FeePpm>,
}

async fn day_balances(
    db: &mut SqliteConnection,
    of: ChannelPoint,
    from: i64,
) -> Result<Vec<DayBalance>, Fault> {
    let rows: Vec<(i64, i64, i64, Option<i64>)> = sqlx::query_as(
        "select d.day, d.local_sat, d.remote_sat, d.fee_ppm from balances_by_day d
         where d.day >= ? and d.channel_id = (select id from channels where point = ?)
         order by d.day",
    )
    .bind(from)
    .bind(of.to_string())
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(day, local, remote, fee)| {
            let fee = fee.map(|ppm| number("a rate in ppm", ppm)).transpose()?;
            Ok(DayBalance {
                day,
                local: Sat(number("a balance in sat", local)?),
                remote: Sat(number("a balance in sat", remote)?),
                fee: fee.map(FeePpm),
            })
        })
        .collect()
}

impl StoreReader {
    /// A channel as it was first read on each UTC day from `from_day` on.
    pub async fn day_balances(
        &self,
        point: ChannelPoint,
        from_day: i64,
    ) -> Result<Vec<DayBalance>, StoreError> {
        let found = day_balances(&mut *self.connection().await, point, from_day).await;
        self.named("cannot read past balances", found)
    }

    /// What was earned from `from` until before `until`.
    pub async fn ledger(&self, from: Timestamp, until: Timestamp) -> Result<Ledger, StoreError> {
        let mut found = self.ledgers(&[from], until).await?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The same from each of several times on.
    pub async fn ledgers(
        &self,
        froms: &[Timestamp],
        until: Timestamp,
    ) -> Result<Vec<Ledger>, StoreError> {
        let froms = froms.to_vec();
        self.at_one_moment("cannot sum up what was earned", |db| {
            Box::pin(async move { ledgers(db, &froms, until).await })
        })
        .await
    }

    /// Each forward that settled from `from` until before `until`.
    pub async fn sales(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Sale>, StoreError> {
        self.at_one_moment("cannot read the forwards", |db| {
            Box::pin(sales(db, from, until))
        })
        .await
    }

    /// Which channel each scid means.
    pub async fn scids(&self) -> Result<BTreeMap<Scid, ChannelPoint>, StoreError> {
        let found = state::ids(&mut *self.connection().await).await;
        let found = found.map(|ids| ids.into_iter().collect());
        self.named("cannot read the channels' names", found)
    }

    /// The mean local balance of each channel over a span, in sat.
    pub async fn mean_local_sat(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<ChannelPoint, f64>, StoreError> {
        let found = mean_local_sat(&mut *self.connection().await, from, until).await;
        self.named("cannot read past balances", found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::at;
    use sweetspot_core::ports::{HistoryCursor, Store};
    use sweetspot_core::testing::point;
    use sweetspot_core::types::observation::Forward;

    const HOUR: i64 = 3_600;

    #[tokio::test]
    async fn whole_days_and_single_forwards_make_one_sum() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let reader = StoreReader::open(&path).await.expect("opens");
        let forwards: Vec<Forward> = (0..200)
            .map(|n| Forward {
                settled_at: at(n * HOUR),
                scid_in: Scid(1),
                scid_out: Scid(2),
                amount_in: Msat(1_010),
                amount_out: Msat(1_000),
                fee: Msat(10),
            })
            .collect();
        let ids = [(Scid(1), point(1)), (Scid(2), point(2))];
        store.add_ids(&ids).await.expect("stores");
        let cursor = HistoryCursor {
            from: at(0),
            through: at(200 * HOUR),
        };
        store.add_forwards(&forwards, cursor).await.expect("stores");
        for (from, until) in [(0, 200), (5, 150), (24, 72), (30, 40), (47, 49), (10, 10)] {
            let found = reader.ledger(at(from * HOUR), at(until * HOUR)).await;
            let found = found.expect("reads");
            let count = u64::try_from(until - from).expect("ahead");
            assert_eq!(found.node.count, count, "{from} to {until}");
            let sold = found.channels.get(&point(2)).copied().unwrap_or_default();
            assert_eq!(sold.outgoing.fees, Msat(count * 10));
            let brought = found.channels.get(&point(1)).copied().unwrap_or_default();
            assert_eq!(brought.incoming.fees, Msat(count * 10));
            assert_eq!(brought.incoming.amount, Msat(count * 1_010));
        }
        // One that was told late counts on its own day, within an hour as over days.
        let late = Forward {
            settled_at: at(30 * HOUR + 1),
            ..forwards[30]
        };
        store.add_forwards(&[late], cursor).await.expect("stores");
        for (from, until, count) in [(30, 31, 2), (24, 72, 49), (31, 150, 119), (0, 200, 201)] {
            let found = reader.ledger(at(from * HOUR), at(until * HOUR)).await;
            let found = found.expect("reads");
            assert_eq!(found.node.count, count, "{from} to {until}");
            let sold = found.channels.get(&point(2)).map(|flow| flow.outgoing);
            assert_eq!(sold.expect("some").count, count, "{from} to {until}");
        }
        let sales = reader.sales(at(HOUR), at(3 * HOUR)).await.expect("reads");
        let expected = [1, 2].map(|n| (at(n * HOUR), Some(point(2)), Msat(10)));
        assert_eq!(sales, expected);
    }
}
