//! The month, and copies of what it left.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleError, CycleOptions};
use sweetspot_core::ports::Store;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_lnd::proto::{UpdateFailure, WalletState};
use sweetspot_simnode::{Direct, SimNode, WriteFault};
use sweetspot_store::{SqliteStore, StoreReader, StoredTurn};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::market::{DAY, node_after};

/// The stop on mass moves would tie each channel's decision to all others.
pub const SETTINGS: &str = "[budget]
max_moving_share = 1.0
[defaults]
mode = \"manage\"
";
const STEP: Duration = Duration::from_secs(3_600);
const TURNS: u32 = 30 * 24;
/// The turns from which on other settings hold, and from which on they do not.
pub const OTHER_SETTINGS: (u32, u32) = (450, 475);
const DATABASE: &str = "sweetspot.db";

/// A folder with settings and a database.
pub struct Home(TempDir);

impl Home {
    pub fn new(settings: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a folder"));
        home.set("config.toml", settings);
        home
    }

    /// A copy of what the month left.
    pub fn after_the_month() -> Self {
        static MONTH: OnceLock<Home> = OnceLock::new();
        let month = MONTH.get_or_init(|| {
            // The test that comes first already runs in a runtime of its own.
            let living = std::thread::spawn(|| {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(Living::a_month())
            });
            living.join().expect("a month")
        });
        let copy = Self::new(SETTINGS);
        fs::copy(month.path(DATABASE), copy.path(DATABASE)).expect("copies");
        copy
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a settings file that names the database.
    pub fn set(&self, name: &str, settings: &str) {
        let store = self.path(DATABASE);
        let text = format!("[store]\npath = \"{}\"\n{settings}", store.display());
        fs::write(self.path(name), text).expect("a file");
    }

    /// Waits until everything is in the one file.
    async fn settle(&self) {
        self.store().await.close().await.expect("closes");
        while self.path("sweetspot.db-wal").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn config(&self) -> Config {
        Config::load(&self.path("config.toml")).expect("good settings")
    }

    pub async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path(DATABASE))
            .await
            .expect("a database")
    }

    /// Changes the database past sweetspot; returns how many rows.
    pub async fn alter(&self, sql: &str) -> u64 {
        let options = SqliteConnectOptions::new().filename(self.path(DATABASE));
        let mut shell = options.connect().await.expect("connects");
        let done = shell.execute(AssertSqlSafe(sql.to_owned())).await;
        let rows = done.expect("executes").rows_affected();
        shell.close().await.expect("closes");
        rows
    }

    /// A number out of the database.
    pub async fn number(&self, sql: &str) -> i64 {
        let options = SqliteConnectOptions::new().filename(self.path(DATABASE));
        let mut shell = options.connect().await.expect("connects");
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut shell)
            .await
            .expect("a number")
    }

    /// The whole journal.
    pub async fn turns(&self) -> Vec<StoredTurn> {
        let reader = StoreReader::open(self.path(DATABASE)).await;
        let reader = reader.expect("a database");
        let journal = reader.journal(Timestamp::EPOCH).await.expect("reads");
        let mut journal = journal.expect("a journal");
        let mut found = vec![];
        while let Some(turn) = reader.next_turn(&mut journal).await.expect("reads") {
            found.push(turn);
        }
        found
    }

    /// Has the journal drop its older decisions, and with them every hold.
    pub async fn only_changes_are_kept(&self) {
        let last = self.number("select max(at_ns) from turns").await;
        let store = self.store().await;
        let thinned = store.thin(Timestamp::from_nanos(last)).await;
        thinned.expect("thins");
        store.close().await.expect("closes");
    }

    pub fn run(&self, args: &[&str]) -> Output {
        assert_cmd::Command::cargo_bin("sweetspot")
            .expect("the binary")
            .env("HOME", self.0.path())
            .env_remove("SWEETSPOT_CONFIG")
            .arg("--config")
            .arg(self.path("config.toml"))
            .args(args)
            .output()
            .expect("it runs")
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("{args:?} gave no JSON: {said}")
        })
    }
}

type RealCycle = Cycle<Direct, Direct, SqliteStore, Direct>;

/// A daemon on the market's node.
pub struct Living {
    pub home: Home,
    pub node: SimNode,
    config: Config,
    cycle: Option<RealCycle>,
}

impl Living {
    pub async fn new(settings: &str, node: SimNode) -> Self {
        let home = Home::new(settings);
        let mut living = Self {
            config: home.config(),
            home,
            node,
            cycle: None,
        };
        living.restart().await;
        living
    }

    /// The process dies, and another starts on what it left.
    pub async fn restart(&mut self) {
        drop(self.cycle.take());
        let (node, store) = (self.node.direct(), self.home.store().await);
        let from = self.node.now().minus(self.config.backfill);
        let cycle = Cycle::start(node.clone(), node.clone(), store, node, from);
        self.cycle = Some(cycle.await.expect("a good store"));
    }

    /// The process ends.
    pub async fn stop(&mut self) {
        drop(self.cycle.take());
        self.home.settle().await;
    }

    fn cycle(&mut self) -> &mut RealCycle {
        self.cycle.as_mut().expect("a daemon runs")
    }

    pub async fn turn(&mut self) -> Result<(), CycleError> {
        let config = self.config.clone();
        let orders = CycleOptions {
            layers: &config.book,
            observe_only: false,
            report_due: config
                .report
                .is_due(self.cycle().reported_at(), self.node.now()),
        };
        let stop = CancellationToken::new();
        self.cycle().run(orders, &stop).await.map(drop)
    }

    /// So many good turns.
    pub async fn turns(&mut self, turns: u32) {
        for _ in 0..turns {
            self.turn().await.expect("a good cycle");
            self.node.advance(STEP);
        }
    }

    pub fn change_settings(&mut self, settings: &str) {
        self.home.set("config.toml", settings);
        self.config = self.home.config();
        self.cycle().look_again();
    }

    fn some_channel(&self) -> ChannelPoint {
        let seen = self.node.observe();
        let mut announced = seen.channels.values().filter(|channel| !channel.private);
        announced.next().expect("a channel").point
    }

    async fn a_month() -> Home {
        let mut daemon = Self::new(SETTINGS, node_after(DAY * 3)).await;
        for turn in 0..TURNS {
            daemon.happens(turn).await;
            // While it is locked there is none.
            let _ = daemon.turn().await;
            if turn % 24 == 23 {
                let now = daemon.node.now();
                daemon.cycle().store().thin(now).await.expect("thins");
            }
            daemon.node.advance(STEP);
        }
        daemon.stop().await;
        daemon.home
    }

    /// What goes wrong in the month.
    async fn happens(&mut self, turn: u32) {
        let node = self.node.clone();
        let failed = WriteFault::Failed(UpdateFailure::InvalidParameter, "no".to_owned());
        let (other_from, other_until) = OTHER_SETTINGS;
        match turn {
            100 => node.faults(|faults| faults.unsynced = true),
            124 => node.faults(|faults| faults.unsynced = false),
            150 => node.faults(|faults| faults.writes = WriteFault::Unanswered),
            // With answers open.
            160 => self.restart().await,
            180 => node.faults(|faults| faults.writes = WriteFault::None),
            200 => node.faults(|faults| faults.writes = failed),
            224 => node.faults(|faults| faults.writes = WriteFault::Lost),
            248 => node.faults(|faults| faults.writes = WriteFault::None),
            260 => {
                let by_hand = FeeParts {
                    outbound: FeePpm(333),
                    ..FeeParts::default()
                };
                node.set_fees(self.some_channel(), by_hand);
            }
            300 => node.purge_history(node.now()),
            350 => node.set_state(WalletState::Locked),
            355 => node.set_state(WalletState::ServerActive),
            400 => self.restart().await,
            turn if turn == other_from => {
                // Another look back: everything is counted afresh.
                let settings = "[rhythm]\ntpm_history = \"10d\"\n[defaults]\n";
                let settings = SETTINGS.replace("[defaults]\n", settings);
                self.change_settings(&format!("{settings}target_ratio = 0.6\n"));
            }
            turn if turn == other_until => self.change_settings(SETTINGS),
            _ => {}
        }
    }
}

pub fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}
