//! HTLCs that the node failed itself, counted by UTC day, channel and reason.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;

use super::StoreReader;
use super::columns::{number, point, scid_column};
use super::fault::Fault;
use sweetspot_core::money::failed::{FailReason, FailedSum, FailedSums};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::units::Msat;

/// What a channel could not serve, by reason.
pub type FailedByReason = BTreeMap<FailReason, FailedSum>;

pub(super) async fn add(db: &mut SqliteConnection, failed: &FailedSums) -> Result<(), Fault> {
    for (key, sum) in failed.iter() {
        // A sender may name any channel; only ours are kept.
        sqlx::query(
            "insert into failed_forwards
             select ?1, ?2, ?3, ?4, ?5 where exists (select 1 from scids where scid = ?2)
             on conflict (day, scid_out, reason) do update set
                 htlcs = min(htlcs + excluded.htlcs, 9223372036854775807),
                 amount_msat = min(amount_msat + excluded.amount_msat, 9223372036854775807)",
        )
        .bind(key.day)
        .bind(scid_column(key.scid_out))
        .bind(key.reason.code())
        .bind(i64::try_from(sum.htlcs).unwrap_or(i64::MAX))
        .bind(i64::try_from(sum.amount.0).unwrap_or(i64::MAX))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn read(
    db: &mut SqliteConnection,
    from: i64,
    until: i64,
) -> Result<BTreeMap<ChannelPoint, FailedByReason>, Fault> {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "select c.point, f.reason, f.htlcs, f.amount_msat
         from failed_forwards f join scids s on s.scid = f.scid_out
             join channels c on c.id = s.channel_id
         where f.day >= ? and f.day < ?",
    )
    .bind(from)
    .bind(until)
    .fetch_all(db)
    .await?;
    let mut found: BTreeMap<_, FailedByReason> = BTreeMap::new();
    for (channel, code, htlcs, amount) in rows {
        let known = FailReason::ALL
            .into_iter()
            .find(|known| known.code() == code);
        let reason = known.unwrap_or(FailReason::Other);
        let sum = FailedSum {
            htlcs: number("a count of HTLCs", htlcs)?,
            amount: Msat(number("an amount in msat", amount)?),
        };
        let of_channel = found.entry(point(&channel)?).or_default();
        of_channel.entry(reason).or_default().add(sum);
    }
    Ok(found)
}

impl StoreReader {
    /// What each channel could not serve on the UTC days from `from` until before
    /// `until`, as far as the daemon listened.
    pub async fn failed_forwards(
        &self,
        from: i64,
        until: i64,
    ) -> Result<BTreeMap<ChannelPoint, FailedByReason>, StoreError> {
        let found = read(&mut *self.connection().await, from, until).await;
        self.named("cannot read what could not be forwarded", found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use sweetspot_core::money::failed::FailedForward;
    use sweetspot_core::ports::Store;
    use sweetspot_core::ports::cost_log::CostLog;
    use sweetspot_core::testing::point as channel;
    use sweetspot_core::types::channel::Scid;
    use sweetspot_core::types::time::Timestamp;

    #[tokio::test]
    async fn counts_add_up_and_only_our_channels_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let ids = [(Scid(1), channel(1)), (Scid(2), channel(1))];
        store.add_ids(&ids).await.expect("stores");
        let most = Msat(u64::MAX);
        let told = [
            (1, FailReason::InsufficientBalance, Msat(5)),
            (2, FailReason::InsufficientBalance, Msat(6)),
            (1, FailReason::TooLarge, most),
            (99, FailReason::Other, Msat(7)),
        ];
        let mut sums = FailedSums::default();
        for (scid, reason, amount) in told {
            sums.add(FailedForward {
                at: Timestamp::of_utc_day(3),
                scid_out: Scid(scid),
                reason,
                amount,
            });
        }
        for _ in 0..2 {
            store.add_failed_forwards(&sums).await.expect("stores");
        }
        let reader = StoreReader::open(&path).await.expect("opens");
        assert!(
            reader
                .failed_forwards(0, 3)
                .await
                .expect("reads")
                .is_empty()
        );
        let found = reader.failed_forwards(3, 4).await.expect("reads");
        assert_eq!(found.keys().collect::<Vec<_>>(), [&channel(1)]);
        let by_reason = &found[&channel(1)];
        let empty = by_reason[&FailReason::InsufficientBalance];
        assert_eq!((empty.htlcs, empty.amount), (4, Msat(22)));
        let limit = Msat(u64::try_from(i64::MAX).expect("positive"));
        assert_eq!(by_reason[&FailReason::TooLarge].amount, limit);
        assert_eq!(by_reason.len(), 2);
    }
}
