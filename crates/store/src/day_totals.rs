//! Forwards summed up by days: kept up as forwards are stored, in the same
//! transaction. Reports read them, and the meter for days long past.
//!
//! Sums stop at the largest number that a column holds instead of failing.

use std::collections::{BTreeMap, HashMap};

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::columns::{from_json, number, scid, scid_column};
use super::fault::Fault;
use super::forwards;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::day_total::{DayRange, DayTotal, DayTotals, NodeDayTotal};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Rows per statement: eight values each, well below SQLite's limit of 32,766.
const ROWS_PER_UPSERT: usize = 1_000;

/// Adds forwards that were not stored before.
pub(super) async fn add(db: &mut SqliteConnection, new: &[Forward]) -> Result<(), Fault> {
    let mut by_scid = HashMap::<_, DayTotal>::new();
    let mut of_node = BTreeMap::<_, NodeDayTotal>::new();
    for forward in new {
        let day = forward.settled_at.utc_day();
        for (scid, add) in DayTotal::sides(forward) {
            let total = by_scid.entry((day, scid));
            add(total.or_insert_with(|| DayTotal::new(day, scid)), forward);
        }
        let node = of_node.entry(day);
        node.or_insert_with(|| NodeDayTotal::new(day)).add(forward);
    }
    let mut rows: Vec<DayTotal> = by_scid.into_values().collect();
    // As they are stored.
    rows.sort_unstable_by_key(|total| (total.day, total.scid));
    for chunk in rows.chunks(ROWS_PER_UPSERT) {
        upsert_channels(db, chunk).await?;
    }
    for total in of_node.into_values() {
        upsert_node(db, total).await?;
    }
    Ok(())
}

async fn upsert_channels(db: &mut SqliteConnection, rows: &[DayTotal]) -> Result<(), Fault> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "insert into forwards_by_day (day, scid, forwards_out, sold_msat, fees_msat, \
         forwards_in, brought_msat, assist_msat) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(row.day)
            .push_bind(scid_column(row.scid))
            .push_bind(saturated(row.forwards_out))
            .push_bind(saturated(row.sold.0))
            .push_bind(saturated(row.fees.0))
            .push_bind(saturated(row.forwards_in))
            .push_bind(saturated(row.brought.0))
            .push_bind(saturated(row.assist.0));
    });
    query.push(
        " on conflict (day, scid) do update set
         forwards_out = forwards_out + excluded.forwards_out,
         sold_msat = min(sold_msat + excluded.sold_msat, 9223372036854775807),
         fees_msat = min(fees_msat + excluded.fees_msat, 9223372036854775807),
         forwards_in = forwards_in + excluded.forwards_in,
         brought_msat = min(brought_msat + excluded.brought_msat, 9223372036854775807),
         assist_msat = min(assist_msat + excluded.assist_msat, 9223372036854775807)",
    );
    query.build().execute(db).await?;
    Ok(())
}

async fn upsert_node(db: &mut SqliteConnection, total: NodeDayTotal) -> Result<(), Fault> {
    sqlx::query(
        "insert into node_forwards_by_day (day, forwards, sold_msat, fees_msat)
         values (?, ?, ?, ?)
         on conflict (day) do update set
             forwards = forwards + excluded.forwards,
             sold_msat = min(sold_msat + excluded.sold_msat, 9223372036854775807),
             fees_msat = min(fees_msat + excluded.fees_msat, 9223372036854775807)",
    )
    .bind(total.day)
    .bind(saturated(total.forwards))
    .bind(saturated(total.sold.0))
    .bind(saturated(total.fees.0))
    .execute(db)
    .await?;
    Ok(())
}

fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The forwards of these days.
pub(super) async fn read(db: &mut SqliteConnection, days: DayRange) -> Result<DayTotals, Fault> {
    let through = forwards::last_seq(&mut *db).await?;
    // A forward's number is not below its settle time in nanoseconds.
    let until = Timestamp::of_utc_day(days.until);
    let before = forwards::last_seq_below(&mut *db, until.nanos()).await?;
    Ok(DayTotals {
        channels: of_channels(&mut *db, days.channels_from, days.until).await?,
        node: of_node(db, days.node_from, days.until).await?,
        through,
        before,
    })
}

/// What each scid forwarded on the UTC days from `from` until before `until`, by
/// day, then scid.
pub(super) async fn of_channels(
    db: &mut SqliteConnection,
    from: i64,
    until: i64,
) -> Result<Vec<DayTotal>, Fault> {
    // One text: a row each would cost several times as much, most of it in handing
    // rows over.
    let text: String = sqlx::query_scalar(
        "select json_group_array(json_array(day, scid, forwards_out, sold_msat, fees_msat,
             forwards_in, brought_msat, assist_msat))
         from (select * from forwards_by_day where day >= ? and day < ? order by day, scid)",
    )
    .bind(from)
    .bind(until)
    .fetch_one(db)
    .await?;
    parse(&text)
}

/// The UTC days from `from` on, on which something passed by each scid: of years, in a
/// fraction of the time that reading what passed would take.
pub(super) async fn days_of_channels(
    db: &mut SqliteConnection,
    from: i64,
) -> Result<Vec<(Scid, Vec<i64>)>, Fault> {
    // By days, with which the key begins: to group by scid would sort a year of rows.
    let by_day: Vec<(i64, String)> = sqlx::query_as(
        "select day, json_group_array(scid) from forwards_by_day where day >= ? group by day",
    )
    .bind(from)
    .fetch_all(db)
    .await?;
    let mut days = BTreeMap::<Scid, Vec<i64>>::new();
    for (day, scids) in by_day {
        let scids: Vec<i64> = from_json("the scids of a day's forwards", &scids)?;
        for number in scids {
            days.entry(scid(number)).or_default().push(day);
        }
    }
    Ok(days.into_iter().collect())
}

/// The same of one channel, under whatever scids, without reading those of others.
pub(super) async fn of_channel(
    db: &mut SqliteConnection,
    of: ChannelPoint,
    from: i64,
    until: i64,
) -> Result<Vec<DayTotal>, Fault> {
    // A join, for the key of the sums begins with the day.
    let text: String = sqlx::query_scalar(
        "select json_group_array(json_array(day, scid, forwards_out, sold_msat, fees_msat,
             forwards_in, brought_msat, assist_msat))
         from (select f.* from channels c
             join scids s on s.channel_id = c.id
             join node_forwards_by_day n on n.day >= ? and n.day < ?
             join forwards_by_day f on f.day = n.day and f.scid = s.scid
             where c.point = ? order by f.day, f.scid)",
    )
    .bind(from)
    .bind(until)
    .bind(of.to_string())
    .fetch_one(db)
    .await?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<DayTotal>, Fault> {
    let rows: Vec<[i64; 8]> = from_json("sums of forwards", text)?;
    let rows = rows.into_iter();
    rows.map(|[day, of, n_out, sold, fees, n_in, brought, assist]| {
        Ok(DayTotal {
            day,
            scid: scid(of),
            forwards_out: number("a count of forwards", n_out)?,
            sold: Msat(number("an amount in msat", sold)?),
            fees: Msat(number("fees in msat", fees)?),
            forwards_in: number("a count of forwards", n_in)?,
            brought: Msat(number("an amount in msat", brought)?),
            assist: Msat(number("fees in msat", assist)?),
        })
    })
    .collect()
}

/// What the whole node forwarded on these days, by day.
pub(super) async fn of_node(
    db: &mut SqliteConnection,
    from: i64,
    until: i64,
) -> Result<Vec<NodeDayTotal>, Fault> {
    let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
        "select day, forwards, sold_msat, fees_msat from node_forwards_by_day
         where day >= ? and day < ? order by day",
    )
    .bind(from)
    .bind(until)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(day, forwards, sold, fees)| {
            Ok(NodeDayTotal {
                day,
                forwards: number("a count of forwards", forwards)?,
                sold: Msat(number("an amount in msat", sold)?),
                fees: Msat(number("fees in msat", fees)?),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{at, cursor, forward};
    use crate::{SqliteStore, StoreReader};
    use sweetspot_core::ports::{ForwardLog, Store};
    use sweetspot_core::testing::point;
    use sweetspot_core::types::channel::Scid;

    /// Pages as a node may tell them: late, twice, over days.
    fn pages() -> impl Strategy<Value = Vec<Vec<Forward>>> {
        let one = (1..400_i64).prop_map(|n| forward(n * 1_000));
        proptest::collection::vec(proptest::collection::vec(one, 0..8), 1..6)
    }

    async fn stored(pages: &[Vec<Forward>]) -> (Vec<Forward>, Vec<DayTotal>, Vec<NodeDayTotal>) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        for page in pages {
            let cursor = cursor(0, 400_000);
            store.add_forwards(page, cursor).await.expect("stores");
        }
        let kept = store.forwards_after(0, u32::MAX).await.expect("reads");
        assert!(kept.is_sorted_by(|a, b| a.seq < b.seq));
        let reader = StoreReader::open(&path).await.expect("opens");
        (
            kept.into_iter().map(|stored| stored.forward).collect(),
            reader.day_totals(0, 10).await.expect("reads"),
            reader.node_day_totals(0, 10).await.expect("reads"),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn each_forward_is_stored_and_summed_up_once(pages in pages()) {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let (mut kept, days, node) = runtime.block_on(stored(&pages));
            let mut told = BTreeMap::new();
            for forward in pages.iter().flatten() {
                told.insert(forward.settled_at, *forward);
            }
            kept.sort_by_key(|forward| forward.settled_at);
            prop_assert_eq!(&kept, &told.into_values().collect::<Vec<_>>());
            let (mut of_channels, mut of_node) = (BTreeMap::new(), BTreeMap::new());
            for forward in &kept {
                let day = forward.settled_at.utc_day();
                let new = |scid| DayTotal::new(day, scid);
                let (out, by) = (forward.scid_out, forward.scid_in);
                of_channels.entry((day, out)).or_insert(new(out)).add_sold(forward);
                of_channels.entry((day, by)).or_insert(new(by)).add_brought(forward);
                of_node.entry(day).or_insert(NodeDayTotal::new(day)).add(forward);
            }
            prop_assert_eq!(days, of_channels.into_values().collect::<Vec<_>>());
            prop_assert_eq!(node, of_node.into_values().collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn each_scid_has_the_days_on_which_something_passed_by_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let day = |n: i64, [scid_in, scid_out]: [u64; 2]| Forward {
            scid_in: Scid(scid_in),
            scid_out: Scid(scid_out),
            ..forward(n * 86_400 + 5)
        };
        let forwards = [day(1, [7, 9]), day(2, [9, 7]), day(4, [8, 9])];
        let stored = store.add_forwards(&forwards, cursor(0, 400_000)).await;
        stored.expect("stores");
        let reader = StoreReader::open(&path).await.expect("opens");
        let days = async |from| {
            let found = reader.days_of_channels(from).await;
            found.expect("reads")
        };
        let each = |days: [&[i64]; 3]| -> Vec<(Scid, Vec<i64>)> {
            let scids = [7, 8, 9].map(Scid).into_iter();
            let each = scids.zip(days.map(<[i64]>::to_vec));
            each.filter(|(_, days)| !days.is_empty()).collect()
        };
        assert_eq!(days(0).await, each([&[1, 2], &[4], &[1, 2, 4]]));
        assert_eq!(days(2).await, each([&[2], &[4], &[2, 4]]));
        assert_eq!(days(3).await, each([&[], &[4], &[4]]));
    }

    #[tokio::test]
    async fn two_that_settled_at_one_moment_are_one_and_a_late_one_keeps_its_time() {
        let next = Forward {
            settled_at: at(20).plus(std::time::Duration::from_nanos(1)),
            ..forward(20)
        };
        // The late one takes the number that `next` would have.
        let pages = [
            vec![forward(20)],
            vec![forward(10)],
            vec![next, forward(10)],
        ];
        let (kept, _, _) = stored(&pages).await;
        assert_eq!(kept, [forward(20), forward(10), next]);
    }

    #[tokio::test]
    async fn a_channels_days_are_those_of_each_of_its_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let ids = [
            (Scid(1), point(1)),
            (Scid(2), point(2)),
            (Scid(3), point(1)),
        ];
        store.add_ids(&ids).await.expect("stores");
        let told: Vec<Forward> = (0..60)
            .map(|n: u64| Forward {
                scid_in: Scid(n % 2 + 1),
                scid_out: Scid(n % 3 + 1),
                ..forward(i64::try_from(n).expect("small") * 7_000)
            })
            .collect();
        let told_through = cursor(0, 500_000);
        store
            .add_forwards(&told, told_through)
            .await
            .expect("stores");
        let reader = StoreReader::open(&path).await.expect("opens");
        for (from, until) in [(0, 10), (1, 3)] {
            let mut all = reader.day_totals(from, until).await.expect("reads");
            all.retain(|day| day.scid != Scid(2));
            assert!(all.len() > 3);
            let of_one = reader.channel_day_totals(point(1), from, until).await;
            assert_eq!(of_one.expect("reads"), all);
        }
    }

    #[tokio::test]
    async fn a_sum_that_no_column_holds_is_the_largest_that_one_does() {
        let most = Msat(2_100_000_000_000_000_000);
        let huge = |secs| Forward {
            amount_in: most,
            amount_out: most,
            ..forward(secs)
        };
        let pages: Vec<_> = (1..10).map(|secs| vec![huge(secs)]).collect();
        let (_, days, node) = stored(&pages).await;
        let limit = Msat(u64::try_from(i64::MAX).expect("positive"));
        assert_eq!(node[0].sold, limit);
        assert!(
            days.iter()
                .all(|day| day.sold == limit || day.brought == limit)
        );
    }
}
