//! What the node paid, and what it could not forward.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::columns::{number, number_column, point, scid, scid_column};
use super::fault::Fault;
use super::{SqliteStore, StoreReader, failed_forwards, state};
use sweetspot_core::money::costs::{ChainCost, ChainCostKind, MEASURED_OVER, MovedIn, Rebalance};
use sweetspot_core::money::failed::FailedSums;
use sweetspot_core::ports::StoreError;
use sweetspot_core::ports::cost_log::{CostLog, PaymentsRead};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{Msat, Sat};

async fn read(db: &mut SqliteConnection) -> Result<Option<PaymentsRead>, Fault> {
    let row: Option<(i64, i64)> =
        sqlx::query_as("select from_ns, through_ns from payments_read where id = 1")
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(from, through)| PaymentsRead {
        from: Timestamp::from_nanos(from),
        through: Timestamp::from_nanos(through),
    }))
}

async fn insert(
    db: &mut SqliteConnection,
    rebalances: &[Rebalance],
    read: PaymentsRead,
) -> Result<(), Fault> {
    for one in rebalances {
        sqlx::query("insert or ignore into rebalances values (?, ?, ?, ?, ?, ?, ?)")
            .bind(one.settled_at.nanos())
            .bind(one.payment_index.cast_signed())
            .bind(one.attempt_id.cast_signed())
            .bind(scid_column(one.scid_out))
            .bind(scid_column(one.scid_in))
            .bind(number_column("an amount in msat", one.amount.0)?)
            .bind(number_column("a fee in msat", one.fee.0)?)
            .execute(&mut *db)
            .await?;
    }
    sqlx::query("insert or replace into payments_read values (1, ?, ?)")
        .bind(read.from.nanos())
        .bind(read.through.nanos())
        .execute(db)
        .await?;
    Ok(())
}

async fn insert_chain_costs(db: &mut SqliteConnection, costs: &[ChainCost]) -> Result<(), Fault> {
    for cost in costs {
        sqlx::query("insert or ignore into chain_costs values (?, ?, ?, ?)")
            .bind(cost.point.to_string())
            .bind(kind_name(cost.kind))
            .bind(cost.at.nanos())
            .bind(number_column("a fee in sat", cost.fee.0)?)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

fn kind_name(kind: ChainCostKind) -> &'static str {
    match kind {
        ChainCostKind::Open => "open",
        ChainCostKind::Close => "close",
    }
}

/// What was moved into each channel whose scid is known, from `from` until before
/// `until`.
async fn moved_in(
    db: &mut SqliteConnection,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<ChannelPoint, MovedIn>, Fault> {
    let names: BTreeMap<_, _> = state::ids(&mut *db).await?.into_iter().collect();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "select scid_in, amount_msat, fee_msat from rebalances
         where settled_at_ns >= ? and settled_at_ns < ?",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .fetch_all(db)
    .await?;
    let mut moved: BTreeMap<_, MovedIn> = BTreeMap::new();
    for (into, amount, fee) in rows {
        let amount = Msat(number("an amount in msat", amount)?);
        let fee = Msat(number("a fee in msat", fee)?);
        if let Some(point) = names.get(&scid(into)) {
            moved.entry(*point).or_default().add(amount, fee);
        }
    }
    Ok(moved)
}

async fn chain_costs(db: &mut SqliteConnection) -> Result<Vec<ChainCost>, Fault> {
    let rows: Vec<(String, String, i64, i64)> =
        sqlx::query_as("select channel, kind, at_ns, fee_sat from chain_costs")
            .fetch_all(db)
            .await?;
    rows.into_iter()
        .map(|(channel, kind, at, fee)| {
            Ok(ChainCost {
                point: point(&channel)?,
                kind: match kind.as_str() {
                    "open" => ChainCostKind::Open,
                    _ => ChainCostKind::Close,
                },
                at: Timestamp::from_nanos(at),
                fee: Sat(number("a fee in sat", fee)?),
            })
        })
        .collect()
}

impl CostLog for SqliteStore {
    async fn payments_read(&self) -> Result<Option<PaymentsRead>, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let found = read(&mut tx.connection).await?;
            tx.commit().await?;
            Ok(found)
        };
        work.await
            .map_err(|fault| self.error("cannot read how far payments were read", fault))
    }

    async fn add_rebalances(
        &self,
        rebalances: &[Rebalance],
        read: PaymentsRead,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            insert(&mut tx.connection, rebalances, read).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store what rebalancing cost", fault))
    }

    async fn add_chain_costs(&self, costs: &[ChainCost]) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            insert_chain_costs(&mut tx.connection, costs).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store what channels cost on the chain", fault))
    }

    async fn add_failed_forwards(&self, failed: &FailedSums) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            failed_forwards::add(&mut tx.connection, failed).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store what could not be forwarded", fault))
    }

    async fn moved_in(
        &self,
        now: Timestamp,
    ) -> Result<BTreeMap<ChannelPoint, MovedIn>, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let from = now.minus(MEASURED_OVER);
            let found = moved_in(&mut tx.connection, from, now).await?;
            tx.commit().await?;
            Ok(found)
        };
        work.await
            .map_err(|fault| self.error("cannot read what rebalancing cost", fault))
    }
}

impl StoreReader {
    /// What was moved into each channel from `from` until before `until`.
    pub async fn moved_in(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<ChannelPoint, MovedIn>, StoreError> {
        let found = moved_in(&mut *self.connection().await, from, until).await;
        self.named("cannot read what rebalancing cost", found)
    }

    /// How far payments were read; `None` if never.
    pub async fn payments_read(&self) -> Result<Option<PaymentsRead>, StoreError> {
        let found = read(&mut *self.connection().await).await;
        self.named("cannot read how far payments were read", found)
    }

    /// What channels cost on the chain, as far as that is known.
    pub async fn chain_costs(&self) -> Result<Vec<ChainCost>, StoreError> {
        let found = chain_costs(&mut *self.connection().await).await;
        self.named("cannot read what channels cost on the chain", found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;
    use sweetspot_core::ports::Store;
    use sweetspot_core::testing::point as channel;
    use sweetspot_core::types::channel::Scid;

    fn rebalance(secs: i64, attempt: u64, scid_in: u64) -> Rebalance {
        Rebalance {
            settled_at: at(secs),
            payment_index: 7,
            attempt_id: attempt,
            scid_out: Scid(1),
            scid_in: Scid(scid_in),
            amount: Msat(1_000),
            fee: Msat(3),
        }
    }

    #[tokio::test]
    async fn what_was_paid_is_kept_once_and_summed_up_by_channel() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        assert_eq!(store.payments_read().await.expect("reads"), None);
        let ids = [(Scid(1), channel(1)), (Scid(2), channel(2))];
        store.add_ids(&ids).await.expect("stores");
        let told = PaymentsRead {
            from: at(0),
            through: at(50),
        };
        // The last came back by a channel that nobody knows any more.
        let paid = [
            rebalance(10, 1, 2),
            rebalance(20, 2, 2),
            rebalance(30, 3, 9),
        ];
        for _ in 0..2 {
            store.add_rebalances(&paid, told).await.expect("stores");
        }
        assert_eq!(store.payments_read().await.expect("reads"), Some(told));
        let reader = StoreReader::open(&path).await.expect("opens");
        let over = async |from, until| reader.moved_in(at(from), at(until)).await.expect("reads");
        let moved = |count: u64| MovedIn {
            amount: Msat(1_000 * count),
            fee: Msat(3 * count),
        };
        assert_eq!(over(0, 100).await, BTreeMap::from([(channel(2), moved(2))]));
        assert_eq!(over(10, 20).await, BTreeMap::from([(channel(2), moved(1))]));
        assert_eq!(over(21, 100).await, BTreeMap::new());
        let late = at(20).plus(MEASURED_OVER);
        let measured = store.moved_in(late).await.expect("reads");
        assert_eq!(measured, BTreeMap::from([(channel(2), moved(1))]));
    }

    #[tokio::test]
    async fn a_cost_on_the_chain_stays_as_it_was_told_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let cost = |kind, fee| ChainCost {
            point: channel(1),
            kind,
            at: at(5),
            fee: Sat(fee),
        };
        let (open, close) = (ChainCostKind::Open, ChainCostKind::Close);
        let told = [cost(open, 300), cost(close, 500)];
        store.add_chain_costs(&told).await.expect("stores");
        let again = [cost(open, 9)];
        store.add_chain_costs(&again).await.expect("stores");
        let reader = StoreReader::open(&path).await.expect("opens");
        let mut found = reader.chain_costs().await.expect("reads");
        found.sort_by_key(|cost| cost.kind);
        assert_eq!(found, told);
    }
}
