//! Opening the database file, and refusing one that must not be touched.
//!
//! Nothing is written before the file is known to be ours: an operator may name
//! another program's database by mistake, LND's own among them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlStr};

use super::fault::{Code, code, sql_reason};
use super::marker::{Left, lock_path};

/// Each format of the database as the step from the one before it.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    // Read here and not by `sqlx::migrate!`, which would have the compiler carry
    // a SQLite of its own.
    let steps = [
        (1, "init", include_str!("../../../migrations/0001_init.sql")),
        (
            2,
            "turns",
            include_str!("../../../migrations/0002_turns.sql"),
        ),
        (
            3,
            "untrusted",
            include_str!("../../../migrations/0003_untrusted.sql"),
        ),
        (
            4,
            "forwards",
            include_str!("../../../migrations/0004_forwards.sql"),
        ),
        (
            5,
            "journal",
            include_str!("../../../migrations/0005_journal.sql"),
        ),
        (
            20,
            "orders",
            include_str!("../../../migrations/0020_orders.sql"),
        ),
        (
            21,
            "status",
            include_str!("../../../migrations/0021_status.sql"),
        ),
        (
            22,
            "peers",
            include_str!("../../../migrations/0022_peers.sql"),
        ),
        (
            23,
            "chain_fees",
            include_str!("../../../migrations/0023_chain_fees.sql"),
        ),
        (
            25,
            "preparing",
            include_str!("../../../migrations/0025_preparing.sql"),
        ),
        (
            26,
            "max_htlc",
            include_str!("../../../migrations/0026_max_htlc.sql"),
        ),
        (
            28,
            "costs",
            include_str!("../../../migrations/0028_costs.sql"),
        ),
        (
            31,
            "latches",
            include_str!("../../../migrations/0031_latches.sql"),
        ),
        (
            32,
            "market",
            include_str!("../../../migrations/0032_market.sql"),
        ),
        (
            33,
            "packs",
            include_str!("../../../migrations/0033_packs.sql"),
        ),
        (
            34,
            "dictionary",
            include_str!("../../../migrations/0034_dictionary.sql"),
        ),
    ];
    let migrations = steps.into_iter().map(|(version, name, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
});

/// Before it, there is no place for what commands read: the conditions that hold
/// (format 31), the market as it is (32), packs of forwards (33).
const OLDEST_READABLE: i64 = 33;

/// The `application_id` the first migration sets.
const APPLICATION_ID: i64 = 0x5353_5054;

/// How long to wait for another program's lock on the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Of a new database. A cycle changes some ten pages, each of them little, and each
/// goes whole to the log that is synced to the disk: a page of SQLite's 4,096 bytes
/// would cost the disk of a small node four times as much.
const PAGE_BYTES: u32 = 1_024;

/// How long SQLite's log grows before it is merged: some 4 MB, as with SQLite's own
/// 1,000 pages of 4,096 bytes. Most pages are written again before that.
const LOG_PAGES: &str = "4096";

/// How often, and after what pause, the lock is tried again: a fifth of a second.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the database {}: {fault}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: OpenFault,
}

/// What is wrong with a database file.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// Another daemon runs on it.
    #[error("another sweetspot is using it: stop that one, or give this one its own database")]
    InUse,
    /// There is no such file.
    #[error("there is no such file: `sweetspot run` creates it")]
    Missing,
    /// No file.
    #[error("it is a {0}, not a file: choose another path ([store] path)")]
    NotAFile(&'static str),
    /// A file without anything in it, which no sweetspot left.
    #[error(
        "it is empty: no sweetspot left it so. Restore a backup, or move it away; a new one is \
         filled from the node's forwarding history"
    )]
    Empty,
    /// A later version made it.
    #[error(
        "a newer sweetspot wrote it (format {found}; this version reads formats up to {known}): use that version or a later one"
    )]
    Newer {
        /// The file's format.
        found: i64,
        /// The last format this program knows.
        known: i64,
    },
    /// An earlier version made it, and it was opened for reading only.
    #[error("its format is old ({found}; now {known}): `sweetspot run` upgrades it")]
    Older {
        /// The file's format.
        found: i64,
        /// The format this program reads.
        known: i64,
    },
    /// A migration in it is not the one this program knows by that number.
    #[error(
        "its format {0} differs from format {0} of this version: another build of sweetspot wrote it"
    )]
    Altered(i64),
    /// Another program's database.
    #[error("it is another program's database: choose another file for sweetspot ([store] path)")]
    NotOurs,
    /// Not a database, or a broken one.
    #[error(
        "it is corrupt ({0}): restore a backup, or move it away; a new one is filled from the node's forwarding history"
    )]
    Corrupt(String),
    /// It, or its directory, cannot be written to.
    #[error("{} is read-only: give this user write access to it", .0.display())]
    ReadOnly(PathBuf),
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// On what.
        path: PathBuf,
        /// The refusal.
        error: io::Error,
    },
    /// SQLite refused.
    #[error("{0}")]
    Sql(String),
}

impl From<sqlx::Error> for OpenFault {
    fn from(error: sqlx::Error) -> Self {
        match code(&error) {
            Some(Code::Corrupt | Code::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Sql(sql_reason(&error)),
        }
    }
}

impl From<MigrateError> for OpenFault {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(found) => Self::Newer {
                found,
                known: known_format(),
            },
            MigrateError::VersionMismatch(format) => Self::Altered(format),
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Sql(other.to_string()),
        }
    }
}

/// A database opened for writing.
pub(super) struct Opened {
    /// How to connect to it again.
    pub options: SqliteConnectOptions,
    /// The connection.
    pub connection: SqliteConnection,
    /// Held for as long as the store lives.
    pub lock: File,
    /// Whether the last daemon was killed on it.
    pub unclean: bool,
}

/// Opens the database for the one daemon that may write to it, creating it or
/// bringing it up to date where needed.
pub(super) async fn for_writing(path: &Path) -> Result<Opened, OpenFault> {
    let directory = directory_of(path);
    refuse_read_only(directory)?;
    refuse_what_is_no_file(path)?;
    let lock = take_lock(path)?;
    let left = Left::read(&lock);
    let noted = |left: Left| left.note(&lock).map_err(|error| io_fault(path, error));
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 && left != Some(Left::Creating) => {
            return Err(OpenFault::Empty);
        }
        Ok(_) => {}
        Err(_) => noted(Left::Creating)?,
    }
    ensure_writable_file(path)?;

    // FULL: a commit returns once it is on the disk, so that a power cut cannot
    // take back the intent of a write the node has already heard of.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .page_size(PAGE_BYTES)
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
    let mut connection = options.connect().await?;
    refuse_foreign(&mut connection).await?;
    // What was closed tidily was sound: looking a year's file over takes many seconds,
    // in which nothing is guarded. `sweetspot doctor` looks at any time.
    if left != Some(Left::Closed) {
        refuse_damaged(&mut connection).await?;
    }
    // Readers (`status`, `explain`) and the daemon do not block each other.
    let mode: String = sqlx::query_scalar("pragma journal_mode = wal")
        .fetch_one(&mut connection)
        .await?;
    if mode != "wal" {
        return Err(OpenFault::Sql(format!(
            "its file system does not support write-ahead logging (SQLite offers `{mode}`): use a local disk"
        )));
    }
    MIGRATIONS.run(&mut connection).await?;
    noted(Left::Open)?;
    Ok(Opened {
        options,
        connection,
        lock,
        unclean: left == Some(Left::Open),
    })
}

/// Opens the database for reading, whether a daemon runs on it or not.
pub(super) async fn for_reading(path: &Path) -> Result<SqliteConnection, OpenFault> {
    if let Err(error) = fs::metadata(path) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => OpenFault::Missing,
            _ => io_fault(path, error),
        });
    }
    refuse_what_is_no_file(path)?;
    if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Err(OpenFault::Empty);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
    let mut connection = options.connect().await?;
    refuse_foreign(&mut connection).await?;
    let found = format(&mut connection).await?;
    let known = known_format();
    if found > known {
        return Err(OpenFault::Newer { found, known });
    }
    if found < OLDEST_READABLE {
        return Err(OpenFault::Older { found, known });
    }
    Ok(connection)
}

pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The mode bits are looked at, not only tried: they do not stop root, yet they
/// say that the file is not to be changed.
fn refuse_read_only(path: &Path) -> Result<(), OpenFault> {
    let metadata = fs::metadata(path).map_err(|error| io_fault(path, error))?;
    if metadata.permissions().readonly() {
        return Err(OpenFault::ReadOnly(path.to_owned()));
    }
    Ok(())
}

/// Two daemons on one database would undo each other's fees. The lock lives in
/// a file of its own, so that it does not shut out readers; the operating
/// system lifts it when the process ends, however it ends.
pub(super) fn take_lock(path: &Path) -> Result<File, OpenFault> {
    let lock_path = lock_path(path);
    let lock = private_file(&lock_path)?;
    let mut tries = 0;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            // One who looks whether a daemon runs holds it for a moment.
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(OpenFault::InUse),
            Err(TryLockError::Error(error)) => return Err(io_fault(&lock_path, error)),
        }
    }
}

/// What is opened for reading and writing must not be a device or a pipe, which
/// would wait for ever, or a folder.
fn refuse_what_is_no_file(path: &Path) -> Result<(), OpenFault> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    let kind = metadata.file_type();
    let what = if kind.is_dir() {
        "folder"
    } else if kind.is_fifo() {
        "named pipe"
    } else if kind.is_socket() {
        "socket"
    } else if !kind.is_file() {
        "device"
    } else {
        return Ok(());
    };
    Err(OpenFault::NotAFile(what))
}

/// Whether a daemon holds the database at `path`.
pub(super) fn is_locked(path: &Path) -> bool {
    let Ok(lock) = File::open(lock_path(path)) else {
        return false;
    };
    // A daemon holds it exclusively; taken for a moment only, and shared, so that
    // two who look see no daemon in each other.
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Creates the file if need be (SQLite takes an empty one for a new database),
/// so that it never is readable to others and refusals come with the
/// operating system's own reason.
fn ensure_writable_file(path: &Path) -> Result<(), OpenFault> {
    private_file(path)?;
    refuse_read_only(path)
}

fn private_file(path: &Path) -> Result<File, OpenFault> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenFault::ReadOnly(path.to_owned())
            }
            _ => io_fault(path, error),
        })
}

fn io_fault(path: &Path, error: io::Error) -> OpenFault {
    OpenFault::Io {
        path: path.to_owned(),
        error,
    }
}

async fn refuse_foreign(connection: &mut SqliteConnection) -> Result<(), OpenFault> {
    let id: i64 = sqlx::query_scalar("pragma application_id")
        .fetch_one(&mut *connection)
        .await?;
    // A first start that was cut short leaves the table of migrations alone.
    let tables: i64 = sqlx::query_scalar(
        "select count(*) from sqlite_schema where name not like '%\\_sqlx\\_migrations%' escape '\\'",
    )
    .fetch_one(&mut *connection)
    .await?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(OpenFault::NotOurs);
    }
    Ok(())
}

async fn refuse_damaged(connection: &mut SqliteConnection) -> Result<(), OpenFault> {
    let verdict: String = sqlx::query_scalar("pragma quick_check(1)")
        .fetch_one(connection)
        .await?;
    if verdict != "ok" {
        return Err(OpenFault::Corrupt(verdict));
    }
    Ok(())
}

fn known_format() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

/// The newest migration applied, or, where an earlier one is missing, the last
/// before the gap; 0 for a file that was never set up.
pub(super) async fn format(connection: &mut SqliteConnection) -> Result<i64, OpenFault> {
    let set_up: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await?;
    if set_up == 0 {
        return Ok(0);
    }
    let applied: Vec<i64> =
        sqlx::query_scalar("select version from _sqlx_migrations order by version")
            .fetch_all(connection)
            .await?;
    let newest = applied.last().copied().unwrap_or(0);
    if newest > known_format() {
        return Ok(newest);
    }
    let known = MIGRATIONS.iter().map(|migration| migration.version);
    let without_gap = known.zip(&applied).take_while(|(n, version)| n == *version);
    Ok(without_gap.last().map_or(0, |(n, _)| n))
}

#[cfg(test)]
mod tests;
