//! sweetspot itself: the real binary, with settings and a database of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

use crate::channel::Channel;
use crate::network::Network;
use crate::process::{Process, until};

const LIMIT: Duration = Duration::from_secs(30);
/// What sweetspot promises for a stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Turns within seconds instead of hours. Tests go on with `[defaults]`.
const QUICK: &str = r#"
[rhythm]
fast_interval = "1s"
slow_interval = "2s"
[budget]
updates_per_hour = 3600
reserved_for_protection = 0
[defaults]
cooldown_raise = "0s"
cooldown_cut = "0s"
max_updates_per_day = 1440
"#;

/// A sweetspot beside one node; dropping it kills it.
pub struct Sweetspot {
    dir: PathBuf,
    address: String,
    tls_cert: PathBuf,
    macaroon: PathBuf,
    process: Option<Process>,
    /// How much of the log is of no interest any more, in bytes.
    mark: usize,
}

impl Sweetspot {
    /// Beside Bob, in a new directory, with the macaroon that `check` asks for; nothing runs yet.
    pub fn new(network: &Network, name: &str) -> Self {
        let dir = network.dir().join(format!("sweetspot-{name}"));
        std::fs::create_dir(&dir).expect("a new directory");
        Self {
            dir,
            address: network.bob.rpc_address(),
            tls_cert: network.bob.tls_cert(),
            macaroon: network.dir().join(MACAROON),
            process: None,
            mark: 0,
        }
    }

    /// With another macaroon.
    pub fn with_macaroon(self, macaroon: PathBuf) -> Self {
        Self { macaroon, ..self }
    }

    /// With another way to the node.
    pub fn with_address(self, address: String) -> Self {
        Self { address, ..self }
    }

    /// Writes the settings file: a quick rhythm, and `defaults` from the middle of `[defaults]`
    /// on.
    pub fn settings(&self, defaults: &str) {
        let text = format!(
            "[node]\naddress = \"https://{}\"\ntls_cert = {:?}\nmacaroon = {:?}\n\
             [store]\npath = {:?}\n{QUICK}{defaults}\n",
            self.address,
            self.tls_cert,
            self.macaroon,
            self.database()
        );
        std::fs::write(self.config(), text).expect("the settings can be written");
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config.toml")
    }

    fn database(&self) -> PathBuf {
        self.dir.join("sweetspot.db")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    fn binary(&self, command: &[&str]) -> Command {
        let mut binary = Command::new(env!("CARGO_BIN_EXE_sweetspot"));
        binary
            .env("HOME", &self.dir)
            .env_remove("SWEETSPOT_LOG_LEVEL")
            .arg("--config")
            .arg(self.config())
            .args(command);
        binary
    }

    /// Starts `sweetspot run` with these options.
    pub fn start_with(&mut self, options: &[&str]) {
        let mut command = self.binary(&["run"]);
        command.args(options);
        self.mark = self.whole_log().len();
        self.process = Some(Process::spawn("sweetspot", &mut command, &self.log_file()));
    }

    /// Starts `sweetspot run`.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// SIGTERM; not to have ended within the time promised fails the test.
    pub fn stop(&mut self) -> ExitStatus {
        let process = self.process.take().expect("it runs");
        process.terminate_within(STOP_LIMIT)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let process = self.process.take().expect("it runs");
        drop(process);
    }

    /// SIGHUP.
    pub fn reload(&mut self) {
        self.mark = self.whole_log().len();
        self.running().signal("HUP");
    }

    /// Whether it still runs; it must have been started.
    pub fn lives(&mut self) -> bool {
        self.process.as_mut().expect("started").exited().is_none()
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    /// Runs another of its commands to the end.
    pub fn command(&self, command: &[&str]) -> Output {
        self.binary(command).output().expect("sweetspot runs")
    }

    /// As [`Self::command`], for one that prints JSON.
    pub fn json(&self, command: &[&str]) -> Value {
        let output = self.command(command);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{command:?} prints JSON: {e}: {output:?}"))
    }

    fn whole_log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What was logged since the last start, reload, or line waited for.
    pub fn log(&self) -> String {
        self.whole_log().split_off(self.mark)
    }

    /// Waits for a line with all of `parts`, gives it, and goes on reading after it.
    pub fn wait_for_line(&mut self, parts: &[&str]) -> String {
        let what = format!("sweetspot logs {parts:?}");
        until(&what, LIMIT, || {
            let log = self.log();
            let mut end = 0;
            for line in log.split_inclusive('\n').filter(|l| l.ends_with('\n')) {
                end += line.len();
                if parts.iter().all(|part| line.contains(part)) {
                    self.mark += end;
                    return Ok(line.trim_end().to_owned());
                }
            }
            Err(log)
        })
    }

    /// Reads the database as the operator's commands do.
    pub fn read<T>(&self, read: impl AsyncFnOnce(&StoreReader) -> Result<T, StoreError>) -> T {
        self.try_read(read).unwrap_or_else(|e| panic!("{e}"))
    }

    /// As [`Self::read`], which may fail while there is no database yet.
    pub fn try_read<T>(
        &self,
        read: impl AsyncFnOnce(&StoreReader) -> Result<T, StoreError>,
    ) -> Result<T, String> {
        block_on(async {
            let reader = StoreReader::open(self.database()).await;
            let reader = reader.map_err(|e| e.to_string())?;
            read(&reader).await.map_err(|e| e.to_string())
        })
    }

    /// When it last finished a look at the node.
    fn last_turn(&self) -> Result<Timestamp, String> {
        let cycle = self.try_read(async |db| db.last_cycle().await)?;
        cycle
            .map(|cycle| cycle.at)
            .ok_or_else(|| "no turn yet".into())
    }

    /// Waits until it has begun and finished this many more turns.
    pub fn wait_for_turns(&self, turns: usize) {
        // The turn under way, if any, does not count.
        let mut last = self.last_turn().unwrap_or_default();
        for _ in 0..=turns {
            last = until("sweetspot turns", LIMIT, || {
                let now = self.last_turn()?;
                (now > last).then_some(now).ok_or_else(|| now.to_string())
            });
        }
    }

    /// The newest write of one channel.
    pub fn last_write(&self, channel: &Channel) -> Option<FeeChange> {
        let point = channel.point.parse().expect("a channel point");
        let writes = self.try_read(async |db| db.last_changes().await);
        writes.unwrap_or_default().remove(&point)
    }

    /// Waits until the newest write of a channel is one to `ppm`, confirmed.
    pub fn wait_until_confirmed(&self, channel: &Channel, ppm: u32) -> FeeChange {
        let what = format!("a fee of {ppm} ppm on {} is confirmed", channel.point);
        until(&what, LIMIT, || {
            let write = self.last_write(channel).ok_or("no write")?;
            let there = write.to.outbound.0 == ppm && write.stage == Stage::Confirmed;
            let seen = format!("{write:?}");
            there.then_some(write).ok_or(seen)
        })
    }

    /// How the writes of one channel ended, oldest first; `None` for one that is open.
    pub fn outcomes(&self, channel: &Channel) -> Vec<Option<String>> {
        block_on(async {
            let mut db = self.connect().await;
            sqlx::query_scalar(
                "select w.outcome from writes w join channels c on c.id = w.channel_id
                 where c.point = ? order by w.id",
            )
            .bind(&channel.point)
            .fetch_all(&mut db)
            .await
            .expect("writes can be read")
        })
    }

    /// Dates every open write and all cycles back, as if sweetspot had been down for
    /// that long.
    pub fn age_writes(&self, secs: i64) {
        assert!(self.process.is_none(), "it does not run");
        block_on(async {
            let mut db = self.connect().await;
            for sql in [
                "update writes set at_ns = at_ns - ? * 1000000000
                 where outcome is null or outcome = 'unknown'",
                "update turns set at_ns = at_ns - ? * 1000000000",
            ] {
                let aged = sqlx::query(sql).bind(secs).execute(&mut db).await;
                aged.expect("the database can be changed");
            }
        });
    }

    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.database());
        options.connect().await.expect("the database opens")
    }

    /// `status --json`, by channel point.
    pub fn status(&self) -> BTreeMap<String, Value> {
        let status = self.json(&["status", "--json"]);
        let channels = status["channels"].as_array().cloned().unwrap_or_default();
        channels
            .into_iter()
            .map(|line| (crate::node::text(&line["channel_point"]), line))
            .collect()
    }
}

/// The file that [`crate::permissions`] has Bob bake, in the network's directory.
pub const MACAROON: &str = "sweetspot.macaroon";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// A `[channel]` entry that pins a rate and keeps the base fee.
pub fn pin(channel: &Channel, ppm: u32) -> String {
    format!(
        "[channel.\"{}\"]\nmode = \"pin\"\npin_ppm = {ppm}\nbase_fee_msat = \"keep\"\n",
        channel.point
    )
}
