//! When on-chain fees came to be cheap, ordinary or dear.

use sqlx::sqlite::SqliteConnection;

use super::fault::Fault;
use super::{SqliteStore, StoreReader};
use sweetspot_core::money::chain_fees::{FeeRegime, RegimeChange};
use sweetspot_core::ports::StoreError;
use sweetspot_core::ports::chain_fee_log::ChainFeeLog;
use sweetspot_core::types::time::Timestamp;

async fn insert(db: &mut SqliteConnection, change: &RegimeChange) -> Result<(), Fault> {
    sqlx::query("insert or replace into chain_fees values (?, ?, ?)")
        .bind(change.at.nanos())
        .bind(change.regime.code())
        .bind(change.sat_per_vb)
        .execute(db)
        .await?;
    Ok(())
}

async fn read(db: &mut SqliteConnection) -> Result<Vec<RegimeChange>, Fault> {
    let rows: Vec<(i64, String, f64)> =
        sqlx::query_as("select at_ns, regime, sat_per_vb from chain_fees order by at_ns")
            .fetch_all(db)
            .await?;
    let change = |(at, code, sat_per_vb): (i64, String, f64)| {
        let regime = FeeRegime::ALL.into_iter().find(|one| one.code() == code);
        Some(RegimeChange {
            at: Timestamp::from_nanos(at),
            // Another's word is none of ours: the table's check lets none in.
            regime: regime?,
            sat_per_vb,
        })
    };
    Ok(rows.into_iter().filter_map(change).collect())
}

impl ChainFeeLog for SqliteStore {
    async fn chain_fees(&self) -> Result<Vec<RegimeChange>, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let found = read(&mut tx.connection).await?;
            tx.commit().await?;
            Ok(found)
        };
        work.await
            .map_err(|fault| self.error("cannot read what on-chain fees were like", fault))
    }

    async fn add_chain_fees(&self, change: &RegimeChange) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            insert(&mut tx.connection, change).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store what on-chain fees are like", fault))
    }
}

impl StoreReader {
    /// When on-chain fees came to be cheap, ordinary or dear, the first first.
    pub async fn chain_fees(&self) -> Result<Vec<RegimeChange>, StoreError> {
        let found = read(&mut *self.connection().await).await;
        self.named("cannot read what on-chain fees were like", found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[tokio::test]
    async fn changes_come_back_in_their_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let change = |secs, regime| RegimeChange {
            at: at(secs),
            regime,
            sat_per_vb: 7.5,
        };
        let all = [
            change(10, FeeRegime::Cheap),
            change(20, FeeRegime::Dear),
            change(30, FeeRegime::Ordinary),
        ];
        for one in all.iter().rev() {
            store.add_chain_fees(one).await.expect("stores");
        }
        assert_eq!(store.chain_fees().await.expect("reads"), all);
        let reader = StoreReader::open(&path).await.expect("opens");
        assert_eq!(reader.chain_fees().await.expect("reads"), all);
    }
}
