//! How the database is: what `doctor` shows.

use super::backup;
use super::fault::Fault;
use super::reader::StoreReader;
use super::{changes, forwards, marker, odd_forwards, open};
use sqlx::sqlite::SqliteConnection;
use sweetspot_core::ports::StoreError;
use sweetspot_core::state::clock::Clock;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::time::Timestamp;

/// How a database is.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// What SQLite finds wrong with the file; nothing, if it is sound.
    pub faults: Vec<String>,
    /// Rows that name another one that is not there.
    pub orphans: usize,
    /// The format.
    pub format: i64,
    /// The public key of the node whose history it is.
    pub node: Option<String>,
    /// Its tables, the largest first.
    pub tables: Vec<TableSize>,
    /// Space that deleted rows left, in bytes: later ones use it.
    pub free_bytes: u64,
    /// Forwards, packed or not.
    pub forwards: u64,
    /// Forwards kept aside because they cannot be any.
    pub quarantined: u64,
    /// Fee changes whose end is not known.
    pub open_changes: Vec<(ChannelPoint, FeeChange)>,
    /// The clock that limits hold on.
    pub clock: Clock,
    /// Whether a daemon holds it.
    pub in_use: bool,
    /// Whether the last daemon was killed on it.
    pub unclean: bool,
    /// When the last daemon closed it, if it did.
    pub closed_at: Option<Timestamp>,
}

/// What a table takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes, with its indices; `None` where this SQLite does not count them.
    pub bytes: Option<u64>,
}

impl StoreReader {
    /// Looks the whole database over.
    pub async fn health(&self) -> Result<Health, StoreError> {
        let path = &self.path;
        // Of what is corrupt, the faults tell more.
        let memory = self.memory().await.unwrap_or_default();
        let stored = async {
            let db = &mut *self.connection.lock().await;
            let orphans = sqlx::query("pragma foreign_key_check");
            let pages = |name: &str| format!("pragma {name}");
            let mut numbers = vec![];
            for name in ["freelist_count", "page_size"] {
                let sql = sqlx::AssertSqlSafe(pages(name));
                let number: i64 = sqlx::query_scalar(sql).fetch_one(&mut *db).await?;
                numbers.push(number.unsigned_abs());
            }
            let in_use = open::is_locked(path);
            Ok(Health {
                faults: backup::integrity(db).await?,
                orphans: orphans.fetch_all(&mut *db).await?.len(),
                format: open::format(db)
                    .await
                    .map_err(|_| sqlx::Error::RowNotFound)?,
                node: backup::node(db).await?,
                tables: tables(db).await?,
                free_bytes: numbers.iter().product(),
                forwards: forwards::count(db).await?,
                quarantined: odd_forwards::count(db).await?,
                open_changes: changes::open(db).await?,
                clock: memory.node.clock,
                in_use,
                unclean: marker::is_open(path) && !in_use,
                closed_at: marker::closed_at(path),
            })
        };
        let found: Result<Health, Fault> = stored.await;
        self.named("cannot look the database over", found)
    }
}

async fn tables(db: &mut SqliteConnection) -> Result<Vec<TableSize>, Fault> {
    let names: Vec<String> =
        sqlx::query_scalar("select name from sqlite_schema where type = 'table' order by name")
            .fetch_all(&mut *db)
            .await?;
    let mut sizes = vec![];
    for name in names {
        let quoted = name.replace('"', "\"\"");
        let count = format!("select count(*) from \"{quoted}\"");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&mut *db)
            .await?;
        let bytes: Result<Option<i64>, _> = sqlx::query_scalar(
            "select sum(s.pgsize) from dbstat s join sqlite_schema t on t.name = s.name
             where t.tbl_name = ?",
        )
        .bind(&name)
        .fetch_one(&mut *db)
        .await;
        sizes.push(TableSize {
            name,
            rows: rows.unsigned_abs(),
            bytes: bytes.ok().flatten().map(i64::unsigned_abs),
        });
    }
    sizes.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(sizes)
}
