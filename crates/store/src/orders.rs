//! What the operator ordered, and whether the daemon works: tables that the
//! daemon and the commands beside it share.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use super::columns::{number, number_column, point};
use super::fault::Fault;
use super::open::{self, BUSY_TIMEOUT, OpenError};
use super::{SqliteStore, StoreReader};
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::orders::{Order, Orders, Verb};
use sweetspot_core::settings::preparation::{Goal, Purpose, Ramp};
use sweetspot_core::types::channel::{ChannelPoint, PeerId};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// An order about to be given.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOrder {
    /// When.
    pub at: Timestamp,
    /// The channel; `None` for the whole node.
    pub point: Option<ChannelPoint>,
    /// What is ordered.
    pub verb: Verb,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Who gives it.
    pub given_by: String,
}

/// Gives orders to the daemon that runs on the database at `path`, or to the next
/// that does: all of them or none.
pub async fn give_orders(path: &Path, orders: &[NewOrder]) -> Result<(), GiveError> {
    let refused = |fault| {
        GiveError::Open(OpenError {
            path: path.into(),
            fault,
        })
    };
    // Refuses what is no database of this format.
    open::for_reading(path).await.map_err(refused)?;
    let work = async {
        let mut db = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY_TIMEOUT)
            .connect()
            .await?;
        db.execute("begin immediate").await?;
        for order in orders {
            insert(&mut db, order).await?;
        }
        db.execute("commit").await?;
        db.close().await?;
        Ok::<_, Fault>(())
    };
    work.await.map_err(|fault| {
        GiveError::Store(StoreError {
            action: format!("cannot store the order ({})", path.display()),
            reason: fault.to_string(),
            source: fault.into_source(),
        })
    })
}

/// Why an order could not be given.
#[derive(Debug, thiserror::Error)]
pub enum GiveError {
    /// The database cannot be opened, or is too old to hold orders.
    #[error(transparent)]
    Open(OpenError),
    /// It did not take the order.
    #[error(transparent)]
    Store(StoreError),
}

async fn insert(db: &mut SqliteConnection, order: &NewOrder) -> Result<(), Fault> {
    let (ppm, base_fee_msat, ratio) = match order.verb {
        Verb::Pin(rate) => (Some(rate.0), None, None),
        Verb::Restore {
            ppm, base_fee_msat, ..
        } => (Some(ppm.0), Some(base_fee_msat), None),
        Verb::Target(ratio) => (None, None, Some(ratio)),
        Verb::Ramp(ramp) => (None, None, Some(ramp.ratio)),
        _ => (None, None, None),
    };
    let (by, goal) = match order.verb {
        Verb::Ramp(ramp) => (Some(ramp.by), None),
        Verb::Prepare(goal) => (Some(goal.by), Some(goal)),
        _ => (None, None),
    };
    let max_htlc = match order.verb {
        Verb::Restore { max_htlc, .. } => max_htlc,
        _ => None,
    };
    let max_htlc = max_htlc
        .map(|amount| number_column("a max HTLC in msat", amount.0))
        .transpose()?;
    let sat = |sum: Sat| i64::try_from(sum.0).unwrap_or(i64::MAX);
    sqlx::query(
        "insert into orders
             (at_ns, channel, verb, ppm, base_fee_msat, ratio, until_ns, given_by,
              by_ns, sum_sat, able_sat, peer, max_htlc_msat)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(order.at.nanos())
    .bind(order.point.map(|point| point.to_string()))
    .bind(order.verb.name())
    .bind(ppm)
    .bind(base_fee_msat)
    .bind(ratio)
    .bind(order.until.map(Timestamp::nanos))
    .bind(&order.given_by)
    .bind(by.map(Timestamp::nanos))
    .bind(goal.map(|goal| sat(goal.sum)))
    .bind(goal.map(|goal| sat(goal.able_at_start)))
    .bind(goal.and_then(|goal| goal.peer).map(|peer| peer.to_string()))
    .bind(max_htlc)
    .execute(db)
    .await?;
    Ok(())
}

type Row = (
    i64,
    i64,
    Option<String>,
    String,
    Option<i64>,
    Option<i64>,
    Option<f64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

/// Every order above a number, in the sequence given.
async fn after(db: &mut SqliteConnection, id: i64) -> Result<Vec<Order>, Fault> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, at_ns, channel, verb, ppm, base_fee_msat, ratio, until_ns,
             by_ns, sum_sat, able_sat, peer, max_htlc_msat
         from orders where id > ? order by id",
    )
    .bind(id)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(order).collect()
}

/// An order as stored. One that makes no sense stops the cycle: what the operator
/// wants is then not known.
fn order(row: Row) -> Result<Order, Fault> {
    let (id, at, channel, name, ppm, base, ratio, until, by, sum, able, peer, max_htlc) = row;
    let nonsense = |why: &str| Fault::unreadable("an order", format!("number {id}: {name} {why}"));
    let ppm = ppm
        .map(|ppm| number("a rate in ppm", ppm).map(FeePpm))
        .transpose()?;
    let base = base
        .map(|base| number("a base fee in msat", base))
        .transpose()?;
    let max_htlc = max_htlc
        .map(|amount| number("a max HTLC in msat", amount).map(Msat))
        .transpose()?;
    let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
    let by = by.map(Timestamp::from_nanos);
    let verb = match (name.as_str(), ppm, base, ratio, by) {
        ("pin", Some(ppm), ..) => Verb::Pin(ppm),
        ("restore", Some(ppm), Some(base_fee_msat), ..) => Verb::Restore {
            ppm,
            base_fee_msat,
            max_htlc,
        },
        ("target", _, _, Some(ratio), _) => Verb::Target(ratio),
        ("ignore", ..) => Verb::Ignore,
        ("manage", ..) => Verb::Manage,
        ("release", ..) => Verb::Release,
        ("pause", ..) => Verb::Pause,
        ("resume", ..) => Verb::Resume,
        ("ramp", _, _, Some(ratio), Some(by)) => Verb::Ramp(Ramp { ratio, by }),
        ("cancel", ..) => Verb::Cancel,
        ("receive" | "spend", _, _, _, Some(by)) => {
            let (Some(sum), Some(able)) = (sum, able) else {
                return Err(nonsense("without its sum"));
            };
            let peer = peer.as_deref().map(str::parse::<PeerId>).transpose();
            Verb::Prepare(Goal {
                purpose: match name.as_str() {
                    "receive" => Purpose::Receive,
                    _ => Purpose::Spend,
                },
                sum: Sat(number("a sum in sat", sum)?),
                by,
                peer: peer.map_err(|_| nonsense("with a peer that is none"))?,
                able_at_start: Sat(number("a sum in sat", able)?),
            })
        }
        _ => return Err(nonsense("without its value")),
    };
    Ok(Order {
        id,
        at: Timestamp::from_nanos(at),
        point: channel.as_deref().map(point).transpose()?,
        verb,
        until: until.map(Timestamp::from_nanos),
    })
}

impl SqliteStore {
    pub(super) async fn load_orders(&self) -> Result<Orders, StoreError> {
        let mut known = self.orders.lock().await;
        let newest = known.0.last().map_or(0, |order| order.id);
        let work = async {
            let mut lent = self.lend().await?;
            let new = after(&mut lent.connection, newest).await?;
            lent.give_back();
            known.0.extend(new);
            Ok(known.clone())
        };
        work.await
            .map_err(|fault| self.error("cannot read the operator's orders", fault))
    }
}

impl StoreReader {
    /// What the operator ordered.
    pub async fn orders(&self) -> Result<Orders, StoreError> {
        let found = after(&mut *self.connection().await, 0).await;
        self.named("cannot read the operator's orders", found.map(Orders))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use tempfile::TempDir;

    use super::*;
    use crate::fixtures::at;
    use sweetspot_core::ports::Store;
    use sweetspot_core::testing::point;

    fn given(secs: i64, n: Option<u8>, verb: Verb, until: Option<i64>) -> NewOrder {
        NewOrder {
            at: at(secs),
            point: n.map(point),
            verb,
            until: until.map(at),
            given_by: "a test".to_owned(),
        }
    }

    fn goal(purpose: Purpose) -> Goal {
        Goal {
            purpose,
            sum: Sat(5_000_000),
            by: at(15),
            peer: (purpose == Purpose::Receive).then_some(PeerId([2; 33])),
            able_at_start: Sat(1_234),
        }
    }

    async fn place() -> (TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db")).await;
        (directory, store.expect("opens"))
    }

    #[tokio::test]
    async fn every_order_given_beside_a_daemon_reads_back_as_it_was() {
        let (directory, store) = place().await;
        let path = directory.path().join("db");
        let all = [
            given(1, Some(1), Verb::Pin(FeePpm(250)), Some(9)),
            given(2, Some(1), Verb::Target(0.1 + 0.2), None),
            given(3, Some(2), Verb::Ignore, None),
            given(4, Some(2), Verb::Manage, None),
            given(
                5,
                Some(3),
                Verb::Restore {
                    ppm: FeePpm(u32::MAX),
                    base_fee_msat: 1_000,
                    max_htlc: Some(Msat(990_000_000)),
                },
                None,
            ),
            given(6, Some(1), Verb::Release, None),
            given(7, None, Verb::Pause, Some(8)),
            given(8, None, Verb::Resume, None),
            given(9, None, Verb::Prepare(goal(Purpose::Receive)), Some(20)),
            given(
                9,
                Some(2),
                Verb::Ramp(Ramp {
                    ratio: 0.125,
                    by: at(15),
                }),
                Some(30),
            ),
            given(10, None, Verb::Cancel, None),
            given(11, None, Verb::Prepare(goal(Purpose::Spend)), None),
        ];
        give_orders(&path, &all[..3]).await.expect("given");
        assert_eq!(store.orders().await.expect("reads").0.len(), 3);
        give_orders(&path, &all[3..]).await.expect("given");
        let read = store.orders().await.expect("reads");
        assert_eq!(read.0.len(), all.len());
        for ((id, order), new) in (1..).zip(&read.0).zip(&all) {
            let expected = Order {
                id,
                at: new.at,
                point: new.point,
                verb: new.verb,
                until: new.until,
            };
            assert_eq!(order, &expected);
        }
        let reader = StoreReader::open(&path).await.expect("opens");
        assert_eq!(reader.orders().await.expect("reads"), read);
        assert!(reader.daemon_lives());
        drop(store);
        assert!(!reader.daemon_lives());
    }

    #[tokio::test]
    async fn orders_that_cannot_all_be_stored_are_not_stored_at_all() {
        let (directory, store) = place().await;
        let path = directory.path().join("db");
        // A pause is of no channel.
        let odd = [
            given(1, Some(1), Verb::Ignore, None),
            given(2, Some(1), Verb::Pause, None),
        ];
        assert!(give_orders(&path, &odd).await.is_err());
        assert_eq!(store.orders().await.expect("reads"), Orders::default());
    }

    #[tokio::test]
    async fn an_order_that_makes_no_sense_stops_the_cycle_with_its_number() {
        let (_directory, store) = place().await;
        let mut tx = store.begin().await.expect("begins");
        let odd = "insert into orders (at_ns, channel, verb, ratio, given_by)
                   values (1, 'x', 'target', 7.5, '')";
        let done = sqlx::query(AssertSqlSafe(odd))
            .execute(&mut tx.connection)
            .await;
        done.expect("stores");
        tx.commit().await.expect("commits");
        let error = store.orders().await.expect_err("no sense").to_string();
        assert!(error.contains("number 1: target"), "{error}");
    }
}
