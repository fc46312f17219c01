//! The database of an earlier version (`fixtures/README.md`) under this one.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::io::Read;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use serde_json::Value;
use sweetspot_core::ports::{ForwardLog, Store};
use sweetspot_core::settings::values::NodeSettings;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{SqliteStore, StoreReader};
use tempfile::TempDir;

/// Before what is stored had forms of its own.
const PACKED: &[u8] = include_bytes!("fixtures/earlier.db.gz");

/// Of format 21, by an earlier version of the strategies.
const FORMAT_21: &[u8] = include_bytes!("fixtures/format_21.db.gz");
/// The same demo by this one.
const FORMAT_31: &[u8] = include_bytes!("fixtures/format_31.db.gz");

/// A copy of it, and a config that names it.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self::with(PACKED)
    }

    fn with(packed: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bytes = vec![];
        let unpacked = GzDecoder::new(packed).read_to_end(&mut bytes);
        unpacked.expect("unpacks");
        let home = Self { folder };
        std::fs::write(home.database(), bytes).expect("writes");
        let config = format!("[store]\npath = {:?}\n", home.database());
        std::fs::write(home.folder.path().join("sweetspot.toml"), config).expect("writes");
        home
    }

    /// As the daemon leaves it once it has opened it.
    async fn upgraded() -> Self {
        Self::new().upgrade().await
    }

    async fn upgrade(self) -> Self {
        let home = self;
        let store = SqliteStore::open(home.database()).await.expect("opens");
        store.close().await.expect("closes");
        home
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("earlier.db")
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = assert_cmd::Command::cargo_bin("sweetspot")
            .expect("the binary")
            .arg("--config")
            .arg(self.folder.path().join("sweetspot.toml"))
            .args(args)
            .arg("--json")
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

#[tokio::test]
async fn it_opens_for_the_daemon_with_every_forward_confirmed_fee_and_level() {
    let home = Home::new();
    let store = SqliteStore::open(home.database()).await.expect("opens");
    let forwards = store.forwards_after(0, u32::MAX).await.expect("reads");
    assert_eq!(forwards.len(), 108);
    let earned: u64 = forwards.iter().map(|stored| stored.forward.fee.0).sum();
    assert_eq!(earned, 1_461_069);

    let loaded = store.load().await.expect("loads");
    assert_eq!(loaded.open_changes, []);
    let fees = loaded.engine.memory().channels.values().map(|channel| {
        let confirmed = channel.fee.confirmed.expect("a confirmed fee");
        let wanted = channel.fee.wanted_ppm.expect("a wanted fee");
        (confirmed.outbound.0, wanted)
    });
    let expected = [
        (761, 879.622_674_280_653_7),
        (3_350, 3_473.468_668_987_858_6),
        (761, 851.545_815_357_565_1),
    ];
    assert_eq!(fees.collect::<Vec<_>>(), expected);

    let market = &loaded.engine.memory().node.market;
    let level = market.announced.level.expect("a level");
    assert_eq!(level.ln_ppm, 6.746_064_164_631_176);
    assert_eq!(market.unannounced.level, None);
}

#[tokio::test]
async fn a_reader_leaves_it_as_it_is_and_says_what_brings_it_up_to_date() {
    let home = Home::new();
    let refused = StoreReader::open(home.database()).await;
    let refused = refused.expect_err("an old format").to_string();
    assert!(refused.contains("`sweetspot run` upgrades it"), "{refused}");
}

#[tokio::test]
async fn its_fee_changes_are_there_with_what_came_of_them() {
    let home = Home::upgraded().await;
    let reader = StoreReader::open(home.database()).await.expect("opens");
    let (first, ever) = (Timestamp::EPOCH, Timestamp::from_nanos(i64::MAX));
    let changes = reader.changes(first, ever).await.expect("reads");
    assert_eq!(changes.len(), 21);
    let mut ended = changes.iter().map(|(_, change)| change.stage);
    assert!(ended.all(|stage| stage == Stage::Confirmed));
    let (_, last) = changes.last().expect("one");
    assert_eq!((last.from.outbound.0, last.to.outbound.0), (507, 761));
}

/// Another version of the strategies decided what is in it: it could not be decided
/// again.
#[tokio::test]
async fn its_journal_begins_anew() {
    let replayed = Home::upgraded().await.json(&["replay"]);
    assert_eq!(replayed["turns"], 0);
    assert_eq!(replayed["differences"], serde_json::json!([]));
}

#[tokio::test]
async fn its_demand_is_counted_anew_from_its_forwards() {
    let home = Home::upgraded().await;
    let reader = StoreReader::open(home.database()).await.expect("opens");
    let memory = reader.memory().await.expect("reads");
    assert_eq!(memory.channels.len(), 3);
    let last = reader.last_cycle().await.expect("reads").expect("a cycle");
    let windows = NodeSettings::default().windows();
    let rates = memory.channels.values();
    let mut rates = rates.map(|c| c.meter.demand(last.at, windows).history.tpm());
    assert!(rates.any(|tpm| tpm > 1e-4));
}

/// Opens a database of a demo of three days, and looks whether all is in it.
async fn demo_kept(database: &[u8], earned_msat: u64, updates: usize) -> Home {
    let home = Home::with(database).upgrade().await;
    let reader = StoreReader::open(home.database()).await.expect("opens");
    let forwards = reader.forwards_after(0, u32::MAX).await.expect("reads");
    let earned: u64 = forwards.iter().map(|stored| stored.forward.fee.0).sum();
    assert_eq!((forwards.len(), earned), (387, earned_msat));

    let (first, ever) = (Timestamp::EPOCH, Timestamp::from_nanos(i64::MAX));
    let changes = reader.changes(first, ever).await.expect("reads");
    let mut stages = changes.iter().map(|(_, change)| change.stage);
    assert!(stages.all(|stage| stage == Stage::Confirmed));
    assert_eq!(changes.len(), updates);

    let memory = reader.memory().await.expect("reads");
    for (point, channel) in &memory.channels {
        let last = changes.iter().rev().find(|(of, _)| of == point);
        let to = last.map(|(_, change)| change.to);
        assert_eq!(channel.fee.confirmed, to, "{point}");
    }
    home
}

#[tokio::test]
async fn one_of_format_21_keeps_every_forward_fee_and_change() {
    let home = demo_kept(FORMAT_21, 2_771_636, 15).await;
    // An earlier version of the strategies decided what is in it.
    let replayed = home.json(&["replay"]);
    assert_eq!(replayed["turns"], 0);
    assert_eq!(replayed["earlier_law"], 289);
}

#[tokio::test]
async fn one_of_format_31_keeps_every_forward_fee_and_change_and_is_decided_again() {
    let home = demo_kept(FORMAT_31, 2_769_832, 12).await;
    let replayed = home.json(&["replay"]);
    assert_eq!(
        (&replayed["turns"], &replayed["equal"]),
        (&289.into(), &219.into())
    );
    assert_eq!(replayed["differences"], serde_json::json!([]));
}
