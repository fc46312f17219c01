//! The program on a simulated node's clock.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use sweetspot_core::types::time::Timestamp;
use sweetspot_simnode::Options;

use crate::market::{DAY, Served, node};

/// Ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_day_passes_in_seconds_for_the_daemon_and_the_commands() {
    let served = Served::new(node(Options {
        past: DAY,
        speed: 20_000.0,
        ..Options::default()
    }));
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    let settings = format!(
        "[node]\naddress = \"https://{}\"\ntls_cert = {:?}\nmacaroon = {:?}\n[store]\npath = {:?}\n\
         [defaults]\nmode = \"manage\"\n",
        served.server.address(),
        served.server.cert_path(),
        served.server.macaroon_path("sweetspot"),
        folder.path().join("sweetspot.db"),
    );
    std::fs::write(&config, settings).expect("written");
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweetspot"));
        command.arg("--config").arg(&config);
        command
            .args(["--clock", "node", "--log-level", "error"])
            .args(args);
        command
    };
    let started = served.node.now();
    let _daemon = Daemon(program(&["run"]).spawn().expect("it starts"));
    let patience = Instant::now();
    let seen_at = loop {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "no day has passed"
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
        let output = program(&["status", "--json"]).output().expect("it runs");
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let seen_at = shown["seen_at"].as_str().map(str::to_owned);
        let at = seen_at.and_then(|text| chrono::DateTime::parse_from_rfc3339(&text).ok());
        let at = at.map(|at| Timestamp::from(at.to_utc()));
        if let Some(at) = at.filter(|at| at.since(started) > DAY) {
            break at;
        }
    };
    assert!(seen_at <= served.node.now());
    let plan = program(&["plan", "--json"]).output().expect("it runs");
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("a plan");
    assert!(
        plan["channels"]
            .as_array()
            .is_some_and(|lines| !lines.is_empty())
    );
    assert!(served.node.calls("/lnrpc.Lightning/UpdateChannelPolicy") > 0);
}
