use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::SqliteStore;
use crate::fixtures::*;
use sweetspot_core::ports::Store;

const NODE: &str = "02aa";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A database with so many forwards.
    async fn database(&self, name: &str, node: &str, forwards: i64) -> SqliteStore {
        let store = SqliteStore::open(self.path(name)).await.expect("opens");
        store.bind_node(node).await.expect("binds");
        let all: Vec<_> = (1..=forwards).map(forward).collect();
        let stored = store.add_forwards(&all, cursor(0, forwards)).await;
        stored.expect("stores");
        store
    }

    async fn forwards(&self, name: &str) -> u64 {
        let reader = StoreReader::open(self.path(name)).await.expect("opens");
        let total = reader.total(at(0), at(1_000_000)).await.expect("reads");
        total.count
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("lists");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_copy_is_whole_while_the_daemon_writes_and_only_its_owner_reads_it() {
    let place = Place::new();
    let store = place.database("db", NODE, 3).await;
    let reader = StoreReader::open(place.path("db")).await.expect("opens");
    let copied = reader.back_up(&place.path("copy")).await;
    copied.expect("copies");
    let more = store.add_forwards(&[forward(9)], cursor(0, 9)).await;
    more.expect("stores");
    assert_eq!(place.forwards("copy").await, 3);
    assert_eq!(place.forwards("db").await, 4);
    let mode = fs::metadata(place.path("copy")).expect("there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let copy = SqliteStore::open(place.path("copy")).await;
    copy.expect("a daemon can run on it");
}

#[tokio::test]
async fn a_copy_overwrites_nothing() {
    let place = Place::new();
    let _store = place.database("db", NODE, 3).await;
    let reader = StoreReader::open(place.path("db")).await.expect("opens");
    fs::write(place.path("empty"), "").expect("writes");
    fs::write(place.path("text"), "mine").expect("writes");
    fs::create_dir(place.path("folder")).expect("creates");
    std::os::unix::fs::symlink("nowhere", place.path("link")).expect("links");
    for name in ["db", "empty", "text", "folder", "link"] {
        let refused = reader.back_up(&place.path(name)).await;
        let refused = refused.expect_err("refused").to_string();
        assert!(refused.contains("it exists"), "{name}: {refused}");
    }
    assert_eq!(fs::read(place.path("empty")).expect("reads"), b"");
    assert_eq!(fs::read(place.path("text")).expect("reads"), b"mine");
    assert_eq!(place.forwards("db").await, 3);
    let nowhere = reader.back_up(&place.path("nowhere/copy")).await;
    nowhere.expect_err("there is no such folder");
}

#[tokio::test]
async fn what_is_restored_stands_in_the_place_of_what_is_kept() {
    let place = Place::new();
    let store = place.database("db", NODE, 3).await;
    let reader = StoreReader::open(place.path("db")).await.expect("opens");
    reader.back_up(&place.path("copy")).await.expect("copies");
    drop(reader);
    let more = store.add_forwards(&[forward(9)], cursor(0, 9)).await;
    more.expect("stores");
    // Killed: what was stored last is in the write-ahead log alone.
    drop(store);
    let restored = restore(&place.path("copy"), &place.path("db"), at(77)).await;
    let restored = restored.expect("restores");
    assert_eq!(restored.node.as_deref(), Some(NODE));
    assert_eq!(restored.replaced, Some(place.path("db.replaced-77")));
    assert_eq!(place.forwards("db").await, 3);
    assert_eq!(place.forwards("db.replaced-77").await, 4);
    assert_eq!(place.forwards("copy").await, 3);
    let again = restore(&place.path("copy"), &place.path("db"), at(77)).await;
    again.expect_err("nothing that is kept is overwritten");
    let names = place.names();
    assert!(names.contains(&"db".to_owned()), "{names:?}");
    let store = SqliteStore::open(place.path("db")).await.expect("opens");
    store.bind_node(NODE).await.expect("the same node");
}

#[tokio::test]
async fn a_copy_can_be_restored_where_nothing_stands_or_something_broken() {
    let place = Place::new();
    let store = place.database("other", NODE, 3).await;
    store.close().await.expect("closes");
    let to_nothing = restore(&place.path("other"), &place.path("db"), at(1)).await;
    assert_eq!(to_nothing.expect("restores").replaced, None);
    assert_eq!(place.forwards("db").await, 3);
    fs::write(place.path("db"), "broken").expect("writes");
    let to_broken = restore(&place.path("other"), &place.path("db"), at(2)).await;
    let kept = to_broken.expect("restores").replaced.expect("kept");
    assert_eq!(fs::read(kept).expect("reads"), b"broken");
    assert_eq!(place.forwards("db").await, 3);
}

#[tokio::test]
async fn what_is_no_sound_copy_of_this_node_changes_nothing() {
    let place = Place::new();
    let running = place.database("db", NODE, 3).await;
    let good = place.database("good", NODE, 1).await;
    good.close().await.expect("closes");
    let in_use = restore(&place.path("good"), &place.path("db"), at(1)).await;
    let in_use = in_use.expect_err("a daemon runs on it").to_string();
    assert!(in_use.contains("another sweetspot"), "{in_use}");
    running.close().await.expect("closes");

    let other = place.database("other", "03bb", 1).await;
    other.close().await.expect("closes");
    let mut bytes = fs::read(place.path("good")).expect("reads");
    bytes[4_096 * 2..4_096 * 4].fill(0xa5);
    fs::write(place.path("damaged"), bytes).expect("writes");
    fs::write(place.path("empty"), "").expect("writes");
    fs::write(place.path("text"), "pub = 02ab\n".repeat(900)).expect("writes");
    fs::create_dir(place.path("folder")).expect("creates");
    for (name, says) in [
        ("other", "belongs to node 03bb"),
        ("damaged", "corrupt"),
        ("empty", "it is empty"),
        ("text", "corrupt"),
        ("folder", "it is a folder"),
        ("missing", "no such file"),
        ("db", "is the database itself"),
    ] {
        let refused = restore(&place.path(name), &place.path("db"), at(1)).await;
        let refused = refused.expect_err(name).to_string();
        assert!(refused.contains(says), "{name}: {refused}");
        assert_eq!(place.forwards("db").await, 3, "{name}");
    }
    let kept = place
        .names()
        .into_iter()
        .any(|name| name.contains("replaced"));
    assert!(!kept);
}
