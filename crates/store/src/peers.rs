//! How peers kept their channels: sums by week, and channels that ended.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;

use super::columns::{number, number_column, peer, point};
use super::fault::Fault;
use super::{SqliteStore, StoreReader};
use sweetspot_core::peers::ended::{EndedChannel, Marks, Side, marks};
use sweetspot_core::peers::week::PeerSums;
use sweetspot_core::ports::StoreError;
use sweetspot_core::ports::peer_log::PeerLog;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::observation::CloseType;
use sweetspot_core::types::units::Sat;

/// What is kept of all peers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerBook {
    /// Sums of all weeks.
    pub sums: BTreeMap<PeerId, PeerSums>,
    /// Channels that ended.
    pub ended: Vec<EndedChannel>,
}

const HOW: [(CloseType, &str); 7] = [
    (CloseType::Cooperative, "cooperative"),
    (CloseType::LocalForce, "local_force"),
    (CloseType::RemoteForce, "remote_force"),
    (CloseType::Breach, "breach"),
    (CloseType::FundingCanceled, "funding_canceled"),
    (CloseType::Abandoned, "abandoned"),
    (CloseType::Unknown, "unknown"),
];

fn how_code(how: CloseType) -> &'static str {
    let found = HOW.iter().find(|(known, _)| *known == how);
    found.map_or("unknown", |(_, code)| code)
}

fn how_of(code: &str) -> CloseType {
    let found = HOW.iter().find(|(_, known)| *known == code);
    found.map_or(CloseType::Unknown, |(how, _)| *how)
}

fn side_code(side: Side) -> &'static str {
    match side {
        Side::Us => "us",
        Side::Peer => "peer",
        Side::Unknown => "unknown",
    }
}

fn side_of(code: &str) -> Side {
    match code {
        "us" => Side::Us,
        "peer" => Side::Peer,
        _ => Side::Unknown,
    }
}

async fn add(db: &mut SqliteConnection, sums: &[(PeerId, i64, PeerSums)]) -> Result<(), Fault> {
    for (peer, week, sums) in sums {
        sqlx::query(
            "insert into peer_weeks values (?, ?, ?, ?, ?, ?, ?, ?, ?)
             on conflict (peer, week) do update set
                 watched_secs = watched_secs + excluded.watched_secs,
                 online_secs = online_secs + excluded.online_secs,
                 flaps = flaps + excluded.flaps,
                 fee_changes = fee_changes + excluded.fee_changes,
                 held_htlcs = held_htlcs + excluded.held_htlcs,
                 held_secs = held_secs + excluded.held_secs,
                 longest_held_secs = max(longest_held_secs, excluded.longest_held_secs)",
        )
        .bind(peer.to_string())
        .bind(*week)
        .bind(number_column("a time in seconds", sums.watched.as_secs())?)
        .bind(number_column("a time in seconds", sums.online.as_secs())?)
        .bind(number_column("a count", sums.flaps)?)
        .bind(number_column("a count", sums.fee_changes)?)
        .bind(number_column("a count", sums.held_htlcs)?)
        .bind(number_column("a time in seconds", sums.held.as_secs())?)
        .bind(number_column(
            "a time in seconds",
            sums.longest_held.as_secs(),
        )?)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn insert_ended(db: &mut SqliteConnection, ended: &[EndedChannel]) -> Result<(), Fault> {
    for one in ended {
        sqlx::query("insert or ignore into ended_channels values (?, ?, ?, ?, ?, ?)")
            .bind(one.point.to_string())
            .bind(one.peer.to_string())
            .bind(number_column("a capacity in sat", one.capacity.0)?)
            .bind(side_code(one.opened_by))
            .bind(side_code(one.closed_by))
            .bind(how_code(one.how))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn ended(db: &mut SqliteConnection) -> Result<Vec<EndedChannel>, Fault> {
    let rows: Vec<(String, String, i64, String, String, String)> = sqlx::query_as(
        "select channel, peer, capacity_sat, opened_by, closed_by, how from ended_channels",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(channel, of, capacity, opened, closed, how)| {
            Ok(EndedChannel {
                point: point(&channel)?,
                peer: peer(&of)?,
                capacity: Sat(number("a capacity in sat", capacity)?),
                opened_by: side_of(&opened),
                closed_by: side_of(&closed),
                how: how_of(&how),
            })
        })
        .collect()
}

/// A peer, and its sums as the query below names them.
type WeekColumns = (String, i64, i64, i64, i64, i64, i64, i64);

async fn sums(db: &mut SqliteConnection) -> Result<BTreeMap<PeerId, PeerSums>, Fault> {
    let rows: Vec<WeekColumns> = sqlx::query_as(
        "select peer, sum(watched_secs), sum(online_secs), sum(flaps), sum(fee_changes),
             sum(held_htlcs), sum(held_secs), max(longest_held_secs)
         from peer_weeks group by peer",
    )
    .fetch_all(db)
    .await?;
    let secs = |value| Ok::<_, Fault>(Duration::from_secs(number("a time in seconds", value)?));
    let mut found = BTreeMap::new();
    for (of, watched, online, flaps, fee_changes, held_htlcs, held, longest) in rows {
        let sums = PeerSums {
            watched: secs(watched)?,
            online: secs(online)?,
            flaps: number("a count", flaps)?,
            fee_changes: number("a count", fee_changes)?,
            held_htlcs: number("a count", held_htlcs)?,
            held: secs(held)?,
            longest_held: secs(longest)?,
        };
        found.insert(peer(&of)?, sums);
    }
    Ok(found)
}

impl PeerLog for SqliteStore {
    async fn add_peer_sums(&self, sums: &[(PeerId, i64, PeerSums)]) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            add(&mut tx.connection, sums).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store what peers did", fault))
    }

    async fn add_ended(&self, ended: &[EndedChannel]) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            insert_ended(&mut tx.connection, ended).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store which channels ended", fault))
    }

    async fn marks(&self) -> Result<Marks, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let found = ended(&mut tx.connection).await?;
            tx.commit().await?;
            Ok(marks(&found))
        };
        work.await
            .map_err(|fault| self.error("cannot read which channels ended", fault))
    }
}

impl StoreReader {
    /// What is kept of all peers.
    pub async fn peer_book(&self) -> Result<PeerBook, StoreError> {
        let work = async {
            let db = &mut *self.connection().await;
            Ok(PeerBook {
                sums: sums(db).await?,
                ended: ended(db).await?,
            })
        };
        let found = work.await;
        self.named("cannot read what peers did", found)
    }

    /// The marks that ended channels left on peers.
    pub async fn marks(&self) -> Result<Marks, StoreError> {
        let found = ended(&mut *self.connection().await).await;
        let found = self.named("cannot read which channels ended", found)?;
        Ok(marks(&found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::peers::ended::Mark;
    use sweetspot_core::testing::{channel, point as channel_point};

    #[tokio::test]
    async fn weeks_add_up_and_an_end_stays_as_it_was_told_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let of = channel(1).peer;
        let counted = PeerSums {
            watched: Duration::from_secs(600),
            online: Duration::from_secs(300),
            flaps: 1,
            fee_changes: 2,
            held_htlcs: 1,
            held: Duration::from_secs(90),
            longest_held: Duration::from_secs(90),
        };
        for week in [2_900, 2_900, 2_901] {
            let sums = [(of, week, counted)];
            store.add_peer_sums(&sums).await.expect("stores");
        }
        let end = |how| EndedChannel {
            point: channel_point(1),
            peer: of,
            capacity: Sat(1_000_000),
            opened_by: Side::Us,
            closed_by: Side::Peer,
            how,
        };
        let first = end(CloseType::RemoteForce);
        for told in [first, end(CloseType::Cooperative)] {
            store.add_ended(&[told]).await.expect("stores");
        }
        let marked: Marks = [(of, [Mark::ForceClosed].into())].into();
        assert_eq!(store.marks().await.expect("reads"), marked);
        let reader = StoreReader::open(&path).await.expect("opens");
        let book = reader.peer_book().await.expect("reads");
        assert_eq!(book.ended, [first]);
        let sums = book.sums[&of];
        assert_eq!(
            (sums.watched.as_secs(), sums.flaps, sums.fee_changes),
            (1_800, 3, 6)
        );
        assert_eq!(
            (sums.held.as_secs(), sums.longest_held.as_secs()),
            (270, 90)
        );
    }

    #[test]
    fn every_way_to_end_is_stored_as_itself() {
        for (how, code) in HOW {
            assert_eq!((how_code(how), how_of(code)), (code, how));
        }
    }
}
