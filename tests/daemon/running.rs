//! The real binary beside a fake node.

use std::fs::File;
use std::future::Future;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use sweetspot_core::types::fee_change::Stage;
use sweetspot_store::StoreReader;

use crate::support::FakeLnd;

/// Far more than anything here takes; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with settings, a database and a log, and the daemon that uses them.
pub struct Running {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

/// Waits until `holds` is true.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Running {
    /// Settings for `node`, read every second.
    pub fn prepare(node: &FakeLnd, settings: &str) -> Self {
        let running = Self {
            folder: tempfile::tempdir().expect("a folder"),
            daemon: None,
        };
        running.set(node, settings);
        running
    }

    /// Prepares and starts.
    pub fn start(node: &FakeLnd, settings: &str) -> Self {
        let mut running = Self::prepare(node, settings);
        running.launch(&[]);
        running
    }

    /// Writes the settings file.
    pub fn set(&self, node: &FakeLnd, settings: &str) {
        let text = format!(
            "[node]\naddress = \"https://{}\"\ntls_cert = \"{}\"\nmacaroon = \"{}\"\n\
             [store]\npath = \"{}\"\n[rhythm]\nfast_interval = \"1s\"\n{settings}",
            node.address(),
            node.cert_path().display(),
            node.macaroon_path().display(),
            self.path("sweetspot.db").display(),
        );
        std::fs::write(self.path("config.toml"), text).expect("settings");
    }

    /// Starts the daemon, adding to the log.
    pub fn launch(&mut self, more: &[&str]) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let daemon = self.command(more).stderr(log.expect("a log")).spawn();
        self.daemon = Some(daemon.expect("the daemon"));
    }

    /// The command that starts a daemon.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = self.program();
        command.arg("run").args(more);
        command
    }

    /// The program on these settings.
    pub fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweetspot"));
        command.env("COLUMNS", "400");
        command.arg("--config").arg(self.path("config.toml"));
        command
    }

    /// All that a command prints.
    pub fn says(&self, args: &[&str]) -> String {
        let output = self.program().args(args).output().expect("it runs");
        let both = [output.stdout, output.stderr].concat();
        String::from_utf8(both).expect("text")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the log has `part`.
    pub async fn logs(&self, part: &str) {
        let start = Instant::now();
        while !self.log().contains(part) {
            assert!(start.elapsed() < PATIENCE, "no `{part}` in\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn signal(&self, name: &str) {
        let daemon = self.daemon.as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args(["-s", name, &daemon.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the daemon's end.
    pub async fn ended(&mut self) -> ExitStatus {
        let daemon = self.daemon.as_mut().expect("it runs");
        let start = Instant::now();
        loop {
            if let Some(status) = daemon.try_wait().expect("our child") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every open and last write's outcome, once there is a database.
    pub async fn last_outcomes(&self) -> Vec<Stage> {
        let Ok(reader) = StoreReader::open(self.path("sweetspot.db")).await else {
            return vec![];
        };
        let changes = reader.last_changes().await.unwrap_or_default();
        changes.values().map(|change| change.stage).collect()
    }

    pub async fn reader(&self) -> StoreReader {
        let reader = StoreReader::open(self.path("sweetspot.db")).await;
        reader.expect("a database")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
    }
}
