//! What the controller remembers, and the names of channels.
//!
//! A memory that cannot be read costs its channel some evidence, never the
//! daemon its start.

use sqlx::sqlite::SqliteConnection;
use tracing::warn;

use super::columns::{from_json, json, point, scid, scid_column};
use super::fault::Fault;
use super::forms::{ChannelMemoryForm, Form, NodeMemoryForm};
use sweetspot_core::state::memory::{ChannelMemory, Memory, NodeMemory};
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::observation::Observation;

/// The form in which memories are written. A change that an older program would
/// misread gets the next number.
const FORMAT: i64 = 2;

/// The number under which a channel's rows are kept, given on first mention.
pub(super) async fn channel_id(
    db: &mut SqliteConnection,
    point: ChannelPoint,
) -> Result<i64, Fault> {
    let point = point.to_string();
    let known: Option<i64> = sqlx::query_scalar("select id from channels where point = ?")
        .bind(&point)
        .fetch_optional(&mut *db)
        .await?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = sqlx::query_scalar("insert into channels (point) values (?) returning id")
        .bind(&point)
        .fetch_one(db)
        .await?;
    Ok(id)
}

/// Every scid ever learnt.
pub(super) async fn ids(db: &mut SqliteConnection) -> Result<Vec<(Scid, ChannelPoint)>, Fault> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select s.scid, c.point from scids s join channels c on c.id = s.channel_id order by c.id, s.scid",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(number, text)| Ok((scid(number), point(&text)?)))
        .collect()
}

/// Stores scids; one that is known already means the new channel from now on.
pub(super) async fn insert_ids(
    db: &mut SqliteConnection,
    ids: &[(Scid, ChannelPoint)],
) -> Result<(), Fault> {
    for (scid, point) in ids {
        let channel = channel_id(db, *point).await?;
        sqlx::query("insert or replace into scids (scid, channel_id) values (?, ?)")
            .bind(scid_column(*scid))
            .bind(channel)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Everything remembered that this program can read.
pub(super) async fn load(db: &mut SqliteConnection) -> Result<Memory, Fault> {
    let mut memory = Memory {
        node: node(db).await?,
        ..Memory::default()
    };
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "select c.point, m.format, m.body
         from channel_memory m join channels c on c.id = m.channel_id",
    )
    .fetch_all(db)
    .await?;
    for (text, format, body) in rows {
        let point = point(&text)?;
        match readable::<ChannelMemoryForm>(format, &body) {
            Ok(channel) => {
                memory.channels.insert(point, channel.into_core());
            }
            Err(fault) => {
                warn!(channel = %point, error = %fault, "the channel's stored state is unreadable: starting with an empty one");
            }
        }
    }
    Ok(memory)
}

async fn node(db: &mut SqliteConnection) -> Result<NodeMemory, Fault> {
    let row: Option<(i64, i64, String)> =
        sqlx::query_as("select absorbed_seq, format, body from node")
            .fetch_optional(db)
            .await?;
    let Some((absorbed_seq, format, body)) = row else {
        return Ok(NodeMemory::default());
    };
    Ok(match readable::<NodeMemoryForm>(format, &body) {
        Ok(node) => node.into_core(),
        Err(fault) => {
            warn!(error = %fault, "the node's stored state is unreadable: starting with an empty one");
            NodeMemory {
                ingested_seq: absorbed_seq,
                ..NodeMemory::default()
            }
        }
    })
}

fn readable<F: serde::de::DeserializeOwned>(format: i64, body: &str) -> Result<F, Fault> {
    if format > FORMAT {
        return Err(Fault::Unreadable {
            what: "a state",
            why: format!("a newer sweetspot wrote it (format {format})").into(),
        });
    }
    from_json("a state", body)
}

/// Stores what is remembered from now on; a channel no longer remembered loses
/// its memory, not its history.
pub(super) async fn save(
    db: &mut SqliteConnection,
    seen: &Observation,
    memory: &Memory,
) -> Result<(), Fault> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select c.id, c.point from channel_memory m join channels c on c.id = m.channel_id",
    )
    .fetch_all(&mut *db)
    .await?;
    for (id, text) in rows {
        if !memory.channels.contains_key(&point(&text)?) {
            sqlx::query("delete from channel_memory where channel_id = ?")
                .bind(id)
                .execute(&mut *db)
                .await?;
        }
    }
    for (point, channel) in &memory.channels {
        save_channel(db, *point, channel).await?;
    }
    save_node(db, seen, &memory.node).await
}

/// Stores one channel's memory; one that would not read back is not stored, and
/// the last good one is kept.
pub(super) async fn save_channel(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    memory: &ChannelMemory,
) -> Result<(), Fault> {
    let body = match json("a state", &ChannelMemoryForm::of(memory)) {
        Ok(body) => body,
        Err(fault) => {
            warn!(channel = %point, error = %fault, "cannot store the channel's state: keeping the last stored one");
            return Ok(());
        }
    };
    let id = channel_id(db, point).await?;
    sqlx::query(
        "insert or replace into channel_memory (channel_id, format, body) values (?, ?, ?)",
    )
    .bind(id)
    .bind(FORMAT)
    .bind(body)
    .execute(db)
    .await?;
    Ok(())
}

async fn save_node(
    db: &mut SqliteConnection,
    seen: &Observation,
    memory: &NodeMemory,
) -> Result<(), Fault> {
    let body = json("a state", &NodeMemoryForm::of(memory)).or_else(|fault| {
        warn!(error = %fault, "cannot store the node's state: it starts empty after a restart");
        let bare = NodeMemory {
            ingested_seq: memory.ingested_seq,
            orders_through: memory.orders_through,
            ..NodeMemory::default()
        };
        json("a state", &NodeMemoryForm::of(&bare))
    })?;
    sqlx::query(
        "insert or replace into node (id, observed_at_ns, tip_height, absorbed_seq, format, body)
         values (1, ?, ?, ?, ?, ?)",
    )
    .bind(seen.at.nanos())
    .bind(seen.tip.0)
    .bind(memory.ingested_seq)
    .bind(FORMAT)
    .bind(body)
    .execute(db)
    .await?;
    Ok(())
}

/// Binds the database to a node, or refuses another than the one it has.
pub(super) async fn bind_node(db: &mut SqliteConnection, pubkey: &str) -> Result<(), Fault> {
    sqlx::query("insert or ignore into identity (id, pubkey) values (1, ?)")
        .bind(pubkey)
        .execute(&mut *db)
        .await?;
    let known: String = sqlx::query_scalar("select pubkey from identity")
        .fetch_one(db)
        .await?;
    if known == pubkey {
        return Ok(());
    }
    Err(Fault::OtherNode {
        known,
        met: pubkey.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use tempfile::TempDir;

    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::ports::{CycleRecord, Store};
    use sweetspot_core::state::memory::Bucket;
    use sweetspot_core::testing::point;

    async fn store(memory: &Memory) -> (TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db"))
            .await
            .expect("opens");
        record(&store, 10, memory).await;
        (directory, store)
    }

    async fn record(store: &SqliteStore, secs: i64, memory: &Memory) {
        let record = CycleRecord {
            input: &input(secs, &[]),
            decisions: &[],
            memory,
            checkpoint: None,
        };
        store.record_cycle(record).await.expect("stores");
    }

    async fn execute(store: &SqliteStore, sql: String) {
        let mut tx = store.begin().await.expect("begins");
        let done = sqlx::query(AssertSqlSafe(sql))
            .execute(&mut tx.connection)
            .await;
        assert_eq!(done.expect("executes").rows_affected(), 1);
        tx.commit().await.expect("commits");
    }

    async fn loaded(store: &SqliteStore) -> Memory {
        store.load().await.expect("loads").memory
    }

    #[tokio::test]
    async fn a_channel_whose_memory_cannot_be_read_starts_afresh_alone() {
        let (_directory, store) = store(&memory(&[1, 2, 3], 7)).await;
        let spoil = |change: &str, n: u8| {
            format!(
                "update channel_memory set {change} where channel_id =
                     (select id from channels where point = '{}')",
                point(n)
            )
        };
        execute(&store, spoil("body = '{\"first_seen\": 1'", 1)).await;
        execute(&store, spoil("format = 3", 2)).await;
        assert_eq!(loaded(&store).await, memory(&[3], 7));
    }

    #[tokio::test]
    async fn a_lost_node_memory_counts_no_forward_twice() {
        let (_directory, store) = store(&memory(&[1], 7)).await;
        execute(&store, "update node set body = '?'".to_owned()).await;
        assert_eq!(loaded(&store).await, memory(&[1], 7));
    }

    #[tokio::test]
    async fn a_memory_that_is_no_number_does_not_replace_a_good_one() {
        let (_directory, store) = store(&memory(&[1, 2], 7)).await;
        let mut spoilt = memory(&[1, 2], 8);
        let sample = sweetspot_core::state::memory::BalanceSample {
            at: at(1),
            ratio: f64::NAN,
        };
        spoilt.channels.insert(point(2), channel_memory(9.0));
        let first = spoilt.channels.get_mut(&point(1)).expect("remembered");
        first.recent.push_back(sample);
        spoilt.node.bucket = Bucket {
            tokens: f64::NAN,
            at: None,
        };
        record(&store, 20, &spoilt).await;

        let mut kept = memory(&[1], 8);
        kept.channels.insert(point(2), channel_memory(9.0));
        assert_eq!(loaded(&store).await, kept);
    }
}
