//! Opening the database file, and refusing one that must not be touched.
//!
//! Nothing is written before the file is known to be ours: an operator may name
//! another program's database by mistake, LND's own among them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};

use super::fault::{Code, code, sql_reason};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The `application_id` the first migration sets.
const APPLICATION_ID: i64 = 0x5353_5054;

/// How long to wait for another program's lock on the database.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

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
    #[error(
        "another sweetspot is running on it: stop that one, or give this one a database of its own"
    )]
    InUse,
    /// There is no such file.
    #[error("there is no such file: `sweetspot run` creates it")]
    Missing,
    /// A later version made it.
    #[error(
        "it was made by a newer sweetspot (format {found}; this one knows formats up to {known}): use that version or a later one"
    )]
    Newer {
        /// The file's format.
        found: i64,
        /// The last format this program knows.
        known: i64,
    },
    /// An earlier version made it, and it was opened for reading only.
    #[error(
        "its format is an older one ({found}; now {known}): `sweetspot run` brings it up to date"
    )]
    Older {
        /// The file's format.
        found: i64,
        /// The format this program reads.
        known: i64,
    },
    /// A migration in it is not the one this program knows by that number.
    #[error("its format {0} is not the one this sweetspot knows by that number")]
    Altered(i64),
    /// Another program's database.
    #[error("it is another program's database: choose a file name of its own for sweetspot")]
    NotOurs,
    /// Not a database, or a broken one.
    #[error(
        "it is damaged ({0}): restore a copy, or move it away; a fresh one is filled again from the node's own history"
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
}

/// Opens the database for the one daemon that may write to it, creating it or
/// bringing it up to date where needed.
pub(super) async fn for_writing(path: &Path) -> Result<Opened, OpenFault> {
    let directory = directory_of(path);
    refuse_read_only(directory)?;
    let lock = take_lock(path)?;
    ensure_writable_file(path)?;

    // FULL: a commit returns once it is on the disk, so that a power cut cannot
    // take back the intent of a write the node has already heard of.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
    let mut connection = options.connect().await?;
    refuse_foreign(&mut connection).await?;
    refuse_damaged(&mut connection).await?;
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
    Ok(Opened {
        options,
        connection,
        lock,
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
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
    let mut connection = options.connect().await?;
    refuse_foreign(&mut connection).await?;
    let found = format(&mut connection).await?;
    let known = known_format();
    match found.cmp(&known) {
        std::cmp::Ordering::Greater => Err(OpenFault::Newer { found, known }),
        std::cmp::Ordering::Less => Err(OpenFault::Older { found, known }),
        std::cmp::Ordering::Equal => Ok(connection),
    }
}

fn directory_of(path: &Path) -> &Path {
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
fn take_lock(path: &Path) -> Result<File, OpenFault> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let lock = private_file(&lock_path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenFault::InUse),
        Err(TryLockError::Error(error)) => Err(io_fault(&lock_path, error)),
    }
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

/// The newest migration applied; 0 for a file that was never set up.
async fn format(connection: &mut SqliteConnection) -> Result<i64, OpenFault> {
    let set_up: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await?;
    if set_up == 0 {
        return Ok(0);
    }
    let format: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations")
        .fetch_one(connection)
        .await?;
    Ok(format.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use sqlx::Executor;
    use tempfile::TempDir;

    use super::*;
    use crate::store::{SqliteStore, StoreReader};

    fn place() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        (directory, path)
    }

    async fn create(path: &Path) {
        let store = SqliteStore::open(path).await.expect("opens");
        store.close().await.expect("closes");
    }

    async fn execute(path: &Path, sql: &'static str) {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        let mut shell = options.connect().await.expect("connects");
        shell.execute(sql).await.expect("executes");
        sqlx::Connection::close(shell).await.expect("closes");
    }

    async fn refusal(path: &Path) -> OpenFault {
        SqliteStore::open(path).await.expect_err("refused").fault
    }

    async fn readers_refusal(path: &Path) -> OpenFault {
        StoreReader::open(path).await.expect_err("refused").fault
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets");
    }

    #[tokio::test]
    async fn only_the_owner_can_read_what_is_created() {
        let (directory, path) = place();
        let store = SqliteStore::open(&path).await.expect("opens");
        let mut names = vec![];
        for entry in fs::read_dir(directory.path()).expect("lists") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
            names.push(entry.file_name());
        }
        names.sort();
        assert_eq!(names, ["db", "db-shm", "db-wal", "db.lock"]);
        drop(store);
    }

    #[tokio::test]
    async fn one_daemon_at_a_time_may_write_and_anyone_may_read() {
        let (_directory, path) = place();
        let first = SqliteStore::open(&path).await.expect("opens");
        assert!(matches!(refusal(&path).await, OpenFault::InUse));
        StoreReader::open(&path).await.expect("opens");
        drop(first);
        create(&path).await;
        StoreReader::open(&path)
            .await
            .expect("opens without a daemon");
    }

    #[tokio::test]
    async fn commits_wait_for_the_disk() {
        let (_directory, path) = place();
        let mut opened = for_writing(&path).await.expect("opens");
        let synchronous: i64 = sqlx::query_scalar("pragma synchronous")
            .fetch_one(&mut opened.connection)
            .await
            .expect("reads");
        let full = 2;
        assert_eq!(synchronous, full);
    }

    #[tokio::test]
    async fn a_newer_database_is_left_alone() {
        let (_directory, path) = place();
        create(&path).await;
        execute(
            &path,
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9000, 'later', true, x'00', 0)",
        )
        .await;
        for fault in [refusal(&path).await, readers_refusal(&path).await] {
            assert!(
                matches!(fault, OpenFault::Newer { found: 9000, .. }),
                "{fault}"
            );
        }
    }

    #[tokio::test]
    async fn a_format_this_program_never_made_is_left_alone() {
        let (_directory, path) = place();
        create(&path).await;
        execute(
            &path,
            "update _sqlx_migrations set checksum = x'00' where version = 1",
        )
        .await;
        assert!(matches!(refusal(&path).await, OpenFault::Altered(1)));
    }

    #[tokio::test]
    async fn another_programs_database_is_not_touched() {
        let (_directory, path) = place();
        execute(&path, "create table invoices (id integer primary key)").await;
        let before = fs::read(&path).expect("reads");
        assert!(matches!(refusal(&path).await, OpenFault::NotOurs));
        assert!(matches!(readers_refusal(&path).await, OpenFault::NotOurs));
        assert_eq!(fs::read(&path).expect("reads"), before);
    }

    #[tokio::test]
    async fn a_first_start_cut_short_is_taken_up_again() {
        let (_directory, path) = place();
        let mut connection = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .connect()
            .await
            .expect("connects");
        sqlx::migrate::Migrate::ensure_migrations_table(&mut connection, "_sqlx_migrations")
            .await
            .expect("creates");
        drop(connection);
        assert!(matches!(
            readers_refusal(&path).await,
            OpenFault::Older { found: 0, .. }
        ));
        create(&path).await;
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused_and_kept() {
        let (_directory, path) = place();
        let text = "pub = 02ab\n".repeat(500);
        fs::write(&path, &text).expect("writes");
        assert!(matches!(refusal(&path).await, OpenFault::Corrupt(_)));
        assert!(matches!(
            readers_refusal(&path).await,
            OpenFault::Corrupt(_)
        ));
        assert_eq!(fs::read_to_string(&path).expect("reads"), text);
    }

    #[tokio::test]
    async fn a_damaged_database_is_refused() {
        let (_directory, path) = place();
        create(&path).await;
        execute(&path, "pragma journal_mode = delete").await;
        let mut bytes = fs::read(&path).expect("reads");
        let page = 4_096;
        bytes[page * 2..page * 4].fill(0xa5);
        fs::write(&path, bytes).expect("writes");
        let fault = refusal(&path).await;
        assert!(matches!(fault, OpenFault::Corrupt(_)), "{fault}");
    }

    #[tokio::test]
    async fn a_read_only_file_or_directory_is_refused() {
        let (directory, path) = place();
        create(&path).await;
        set_mode(&path, 0o400);
        let fault = refusal(&path).await;
        assert!(
            matches!(&fault, OpenFault::ReadOnly(at) if *at == path),
            "{fault}"
        );
        set_mode(&path, 0o600);
        set_mode(directory.path(), 0o500);
        let fault = refusal(&path).await;
        set_mode(directory.path(), 0o700);
        assert!(
            matches!(&fault, OpenFault::ReadOnly(at) if at == directory.path()),
            "{fault}"
        );
        create(&path).await;
    }

    #[tokio::test]
    async fn a_missing_directory_or_file_is_named() {
        let (directory, path) = place();
        assert!(matches!(readers_refusal(&path).await, OpenFault::Missing));
        let nowhere = directory.path().join("nowhere");
        let fault = refusal(&nowhere.join("db")).await;
        assert!(
            matches!(&fault, OpenFault::Io { path, error }
                if *path == nowhere && error.kind() == io::ErrorKind::NotFound),
            "{fault}"
        );
        fs::create_dir(&path).expect("creates");
        assert!(matches!(refusal(&path).await, OpenFault::Io { .. }));
    }

    #[test]
    fn a_refusal_names_the_file_and_the_way_out() {
        let error = OpenError {
            path: "/var/lib/sweetspot/sweetspot.db".into(),
            fault: OpenFault::Newer { found: 3, known: 1 },
        };
        insta::assert_snapshot!(error, @"cannot open the database /var/lib/sweetspot/sweetspot.db: it was made by a newer sweetspot (format 3; this one knows formats up to 1): use that version or a later one");
        let error = OpenError {
            path: "sweetspot.db".into(),
            fault: OpenFault::ReadOnly("/var/lib/sweetspot".into()),
        };
        insta::assert_snapshot!(error, @"cannot open the database sweetspot.db: /var/lib/sweetspot is read-only: give this user write access to it");
    }
}
