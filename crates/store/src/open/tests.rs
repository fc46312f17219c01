use std::os::unix::fs::PermissionsExt;

use sqlx::Executor;
use tempfile::TempDir;

use super::*;
use crate::{SqliteStore, StoreReader};

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
}

#[tokio::test]
async fn what_is_no_file_is_refused_at_once_by_writers_and_readers() {
    let (directory, path) = place();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("folder")).expect("creates");
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("binds");
    let made = std::process::Command::new("mkfifo")
        .arg(at("pipe"))
        .status();
    assert!(made.expect("runs").success());
    std::os::unix::fs::symlink(at("pipe"), at("link")).expect("links");
    let device = PathBuf::from("/dev/null");
    for (path, what) in [
        (at("folder"), "a folder"),
        (at("socket"), "a socket"),
        (at("pipe"), "a named pipe"),
        (at("link"), "a named pipe"),
        (device, "a device"),
    ] {
        for fault in [refusal(&path).await, readers_refusal(&path).await] {
            assert!(matches!(fault, OpenFault::NotAFile(_)), "{fault}");
            assert!(fault.to_string().contains(what), "{fault}");
        }
    }
    assert!(!path.exists() && !at("pipe.lock").exists());
}

#[tokio::test]
async fn an_empty_file_is_taken_only_where_a_first_start_was_cut_short() {
    let (_directory, path) = place();
    fs::write(&path, "").expect("writes");
    assert!(matches!(refusal(&path).await, OpenFault::Empty));
    assert!(matches!(readers_refusal(&path).await, OpenFault::Empty));
    let lock = private_file(&lock_path(&path)).expect("opens");
    Left::Creating.note(&lock).expect("notes");
    create(&path).await;
    fs::write(&path, "").expect("writes");
    assert!(
        matches!(refusal(&path).await, OpenFault::Empty),
        "was emptied"
    );
}

#[tokio::test]
async fn a_store_that_was_not_closed_is_told_from_one_that_was() {
    let (_directory, path) = place();
    for (closes, unclean) in [(true, false), (false, false), (false, true), (true, true)] {
        let store = SqliteStore::open(&path).await.expect("opens");
        assert_eq!(store.was_left_unclean(), unclean);
        let reader = StoreReader::open(&path).await.expect("opens");
        let health = reader.health().await.expect("reads");
        assert!(health.in_use && !health.unclean && health.closed_at.is_none());
        match closes {
            true => store.close().await.expect("closes"),
            false => drop(store),
        }
        let health = reader.health().await.expect("reads");
        assert!(!health.in_use);
        assert_eq!(
            (health.unclean, health.closed_at.is_some()),
            (!closes, closes)
        );
    }
}

#[tokio::test]
async fn what_is_closed_is_whole_without_its_log() {
    let (directory, path) = place();
    let store = SqliteStore::open(&path).await.expect("opens");
    store.close().await.expect("closes");
    let entries = fs::read_dir(directory.path()).expect("lists");
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["db", "db.lock"]);
}

#[test]
fn a_refusal_names_the_file_and_the_way_out() {
    let error = OpenError {
        path: "/var/lib/sweetspot/sweetspot.db".into(),
        fault: OpenFault::Newer { found: 3, known: 1 },
    };
    insta::assert_snapshot!(error, @"cannot open the database /var/lib/sweetspot/sweetspot.db: a newer sweetspot wrote it (format 3; this version reads formats up to 1): use that version or a later one");
    let error = OpenError {
        path: "sweetspot.db".into(),
        fault: OpenFault::ReadOnly("/var/lib/sweetspot".into()),
    };
    insta::assert_snapshot!(error, @"cannot open the database sweetspot.db: /var/lib/sweetspot is read-only: give this user write access to it");
}
