//! Crashes, full disks, foreign locks: what was stored before stays, and
//! nothing is ever stored in part.

use std::error::Error;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use super::fixtures::*;
use super::{SqliteStore, StoreReader, forwards};
use sweetspot_core::ports::{CycleRecord, ForwardLog, Store};
use sweetspot_core::state::market::NodeMarket;
use sweetspot_core::testing::point;
use sweetspot_core::types::observation::Forward;

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.expect("opens")
}

async fn count(store: &SqliteStore) -> usize {
    store
        .forwards_after(0, u32::MAX)
        .await
        .expect("reads")
        .len()
}

/// Everything the next start would know.
async fn state(store: &SqliteStore) -> String {
    let loaded = store.load().await.expect("loads");
    let forwards = store.forwards_after(0, u32::MAX).await.expect("reads");
    format!("{loaded:?} {forwards:?}")
}

async fn fill(store: &SqliteStore) {
    store.add_ids(&names(&[1, 2])).await.expect("stores");
    store
        .add_forwards(&[forward(10)], cursor(5, 10))
        .await
        .expect("stores");
    let record = CycleRecord {
        input: &input(10, &[1, 2]),
        decisions: &[hold(1, 10), change(2, 10)],
        market: &NodeMarket::default(),
        checkpoint: Some(&checkpoint(&[1, 2])),
    };
    store.record_cycle(record).await.expect("stores");
    store
        .record_change(point(2), &intended(11))
        .await
        .expect("stores");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;
    drop(store);
    assert_eq!(state(&open(&path).await).await, before);
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_with_everything_in_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;
    store.close().await.expect("closes");
    assert!(!path.with_file_name("db-wal").exists());
    let copy = directory.path().join("copy");
    fs::copy(&path, &copy).expect("copies");
    assert_eq!(state(&open(&copy).await).await, before);
}

#[tokio::test]
async fn work_cut_short_leaves_no_trace() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;

    let mut cut_short = store.begin().await.expect("begins");
    let db = &mut cut_short.connection;
    forwards::insert(db, &[forward(20)]).await.expect("inserts");
    let moved = forwards::move_cursor(db, cursor(5, 20), true).await;
    moved.expect("moves");
    drop(cut_short);

    assert_eq!(state(&store).await, before);
    drop(store);
    assert_eq!(state(&open(&path).await).await, before);
}

/// What `call` answers, or nothing where it was dropped at its `wakes`-th wake.
async fn cut_at<T>(call: impl Future<Output = T>, wakes: usize) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let mut seen = 0;
    std::future::poll_fn(|context| {
        seen += 1;
        if seen > wakes {
            return Poll::Ready(None);
        }
        call.as_mut().poll(context).map(Some)
    })
    .await
}

/// At each of its waits, the last of which is for a commit that may be made all the same.
#[tokio::test]
async fn a_cancelled_call_stores_all_or_nothing_and_the_store_goes_on() {
    let many: Vec<Forward> = (1..=5_000).map(forward).collect();
    for wakes in 1.. {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(&directory.path().join("db")).await;
        let done = cut_at(store.add_forwards(&many, cursor(0, 5_000)), wakes).await;
        let kept = count(&store).await;
        assert!(
            kept == 5_000 || (kept == 0 && done.is_none()),
            "{kept} at {wakes}"
        );
        store
            .add_forwards(&many, cursor(0, 5_000))
            .await
            .expect("stores");
        assert_eq!(count(&store).await, 5_000);
        if done.is_some() {
            break;
        }
    }
}

/// What a power cut would leave: the files as they are at this instant.
fn image_of(path: &Path, directory: &Path) -> std::path::PathBuf {
    let image = directory.join("image");
    fs::copy(path, &image).expect("copies");
    fs::copy(path.with_file_name("db-wal"), directory.join("image-wal")).expect("copies");
    image
}

#[tokio::test]
async fn a_power_cut_takes_nothing_that_was_stored_and_leaves_nothing_in_part() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;
    let mut under_way = store.begin().await.expect("begins");
    let many: Vec<Forward> = (100..50_000).map(forward).collect();
    forwards::insert(&mut under_way.connection, &many)
        .await
        .expect("inserts");
    let image = image_of(&path, directory.path());
    assert_eq!(state(&open(&image).await).await, before);
}

#[tokio::test]
async fn a_torn_last_page_costs_only_the_transaction_it_belongs_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;
    store
        .add_forwards(&[forward(20)], cursor(5, 20))
        .await
        .expect("stores");
    let image = image_of(&path, directory.path());
    let wal = fs::OpenOptions::new()
        .write(true)
        .open(directory.path().join("image-wal"))
        .expect("opens");
    let length = wal.metadata().expect("a length").len();
    wal.set_len(length - 100).expect("cuts");
    assert_eq!(state(&open(&image).await).await, before);
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let mut store = open(&path).await;
    fill(&store).await;
    let before = state(&store).await;
    let with_space = store.options.clone();
    store.options = with_space.clone().pragma("max_page_count", "60");
    store.connection.get_mut().take();

    let many: Vec<Forward> = (100..20_000).map(forward).collect();
    let error = store
        .add_forwards(&many, cursor(5, 20_000))
        .await
        .expect_err("full");
    assert_eq!(
        error.to_string().replace(&path.display().to_string(), "DB"),
        "cannot store 19900 forwards (DB): the disk is full; free some space: this was not \
         stored, everything before it is safe (error returned from database: (code: 13) database \
         or disk is full)"
    );
    let under = Error::source(&error).expect("a source");
    assert!(under.to_string().ends_with("database or disk is full"));
    assert_eq!(state(&store).await, before);

    store.options = with_space;
    store.connection.get_mut().take();
    store
        .add_forwards(&many, cursor(5, 20_000))
        .await
        .expect("stores");
    assert_eq!(count(&store).await, 19_901);
}

#[tokio::test]
async fn another_programs_lock_is_named_and_waited_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let mut store = open(&path).await;
    store.options = store.options.busy_timeout(Duration::ZERO);
    store.connection.get_mut().take();
    let mut shell = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .expect("connects");
    shell.execute("begin immediate").await.expect("begins");
    let error = store
        .add_forwards(&[forward(1)], cursor(0, 1))
        .await
        .expect_err("locked");
    assert!(
        error.reason.contains("another program has locked it"),
        "{error}"
    );
    shell.execute("rollback").await.expect("ends");
    store
        .add_forwards(&[forward(1)], cursor(0, 1))
        .await
        .expect("stores");
}

#[tokio::test]
async fn a_database_that_became_read_only_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut store = open(&directory.path().join("db")).await;
    store.options = store.options.pragma("query_only", "on");
    store.connection.get_mut().take();
    let error = store
        .add_forwards(&[forward(1)], cursor(0, 1))
        .await
        .expect_err("read-only");
    assert!(error.reason.contains("it is read-only"), "{error}");
}

#[tokio::test]
async fn a_reader_neither_waits_for_the_writer_nor_sees_unfinished_work() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = open(&path).await;
    fill(&store).await;
    let reader = StoreReader::open(&path).await.expect("opens");
    let seen = async || reader.total(at(0), at(1_000)).await.expect("reads").count;

    let mut under_way = store.begin().await.expect("begins");
    forwards::insert(&mut under_way.connection, &[forward(20)])
        .await
        .expect("inserts");
    assert_eq!(seen().await, 1);
    under_way.commit().await.expect("commits");
    assert_eq!(seen().await, 2);
}
