//! The numbers and names of channels, whose store it is, and what an earlier version
//! remembered row by row.

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use tracing::warn;

use super::columns::{from_json, json, point, scid, scid_column};
use super::fault::Fault;
use super::forms::{ChannelMemoryForm, Form, NodeMemoryForm};
use sweetspot_core::state::memory::{Memory, NodeMemory};
use sweetspot_core::types::channel::{ChannelPoint, Scid};

/// The last form in which memories were written row by row.
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
    let text: String = sqlx::query_scalar(
        "select json_group_array(json_array(scid, point)) from (
             select s.scid, c.point from scids s join channels c on c.id = s.channel_id
             order by c.id, s.scid)",
    )
    .fetch_one(db)
    .await?;
    let rows: Vec<(i64, String)> = from_json("the channels' names", &text)?;
    rows.into_iter()
        .map(|(number, text)| Ok((scid(number), point(&text)?)))
        .collect()
}

/// Stores scids; one that is known already means the new channel from now on.
pub(super) async fn insert_ids(
    db: &mut SqliteConnection,
    ids: &[(Scid, ChannelPoint)],
) -> Result<(), Fault> {
    number_channels(&mut *db, ids.iter().map(|(_, point)| point.to_string())).await?;
    let rows = ids.iter();
    let rows = rows.map(|(scid, point)| (scid_column(*scid), point.to_string()));
    // In the order given: a cross join keeps it.
    sqlx::query(
        "insert or replace into scids (scid, channel_id)
         select value ->> 0, c.id from json_each(?) cross join channels c
         on c.point = value ->> 1",
    )
    .bind(json("the channels' names", &rows.collect::<Vec<_>>())?)
    .execute(db)
    .await?;
    Ok(())
}

/// Gives numbers to the channels that have none yet.
pub(super) async fn number_channels(
    db: &mut SqliteConnection,
    points: impl Iterator<Item = String>,
) -> Result<(), Fault> {
    let points: Vec<String> = points.collect();
    sqlx::query("insert or ignore into channels (point) select value from json_each(?)")
        .bind(json("channel points", &points)?)
        .execute(db)
        .await?;
    Ok(())
}

/// What an earlier version remembered, as far as this program can read it.
pub(super) async fn load_earlier(db: &mut SqliteConnection) -> Result<Memory, Fault> {
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
        let why = format!("a newer sweetspot wrote it (format {format})");
        return Err(Fault::unreadable("a state", why));
    }
    from_json("a state", body)
}

/// Drops what an earlier version remembered: the journal has it now.
pub(super) async fn drop_earlier(db: &mut SqliteConnection) -> Result<(), Fault> {
    for table in ["channel_memory", "node"] {
        let sql = AssertSqlSafe(format!("delete from {table}"));
        sqlx::query(sql).execute(&mut *db).await?;
    }
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
    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::ports::Store;
    use sweetspot_core::testing::point;

    /// A store as an earlier version left it.
    async fn earlier(memory: &Memory) -> (tempfile::TempDir, SqliteStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(directory.path().join("db"))
            .await
            .expect("opens");
        let mut tx = store.begin().await.expect("begins");
        let db = &mut tx.connection;
        for (point, channel) in &memory.channels {
            let body = json("a state", &ChannelMemoryForm::of(channel)).expect("readable");
            let id = channel_id(&mut *db, *point).await.expect("a number");
            sqlx::query("insert into channel_memory (channel_id, format, body) values (?, 2, ?)")
                .bind(id)
                .bind(body)
                .execute(&mut *db)
                .await
                .expect("stores");
        }
        let body = json("a state", &NodeMemoryForm::of(&memory.node)).expect("readable");
        sqlx::query("insert into node values (1, 1, 1, 7, 2, ?)")
            .bind(body)
            .execute(&mut *db)
            .await
            .expect("stores");
        tx.commit().await.expect("commits");
        (directory, store)
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
        store.load().await.expect("loads").engine.into_memory()
    }

    #[tokio::test]
    async fn what_an_earlier_version_remembered_is_taken_up() {
        let (_directory, store) = earlier(&memory(&[1, 2], 7)).await;
        assert_eq!(loaded(&store).await, memory(&[1, 2], 0));
    }

    #[tokio::test]
    async fn a_channel_whose_memory_cannot_be_read_starts_afresh_alone() {
        let (_directory, store) = earlier(&memory(&[1, 2, 3], 7)).await;
        let spoil = |change: &str, n: u8| {
            format!(
                "update channel_memory set {change} where channel_id =
                     (select id from channels where point = '{}')",
                point(n)
            )
        };
        execute(&store, spoil("body = '{\"first_seen\": 1'", 1)).await;
        execute(&store, spoil("format = 3", 2)).await;
        assert_eq!(loaded(&store).await, memory(&[3], 0));
    }

    #[tokio::test]
    async fn a_lost_node_memory_begins_anew() {
        let (_directory, store) = earlier(&memory(&[1], 7)).await;
        execute(&store, "update node set body = '?'".to_owned()).await;
        assert_eq!(loaded(&store).await, memory(&[1], 0));
    }
}
