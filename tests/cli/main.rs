//! The commands as an operator runs them, on a database that a daemon left.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

mod generated;
mod import;
#[cfg(feature = "mcp")]
mod mcp;
mod money;
#[path = "../cycle/node.rs"]
#[allow(dead_code, reason = "whole cycles need more of it")]
mod node;
mod shown_as_written;
mod verbs;

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use node::{FakeNode, scid};
use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::ports::Clock;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::units::{Msat, Sat};
use sweetspot_store::SqliteStore;
use tokio_util::sync::CancellationToken;

/// A folder with settings and, once a daemon ran, a database.
struct Home(tempfile::TempDir);

impl Home {
    fn new(settings: &str) -> Self {
        let home = Self(tempfile::tempdir().expect("a folder"));
        let store = home.path("sweetspot.db");
        let text = format!("[store]\npath = \"{}\"\n{settings}", store.display());
        std::fs::write(home.path("config.toml"), text).expect("a file");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("it runs")
    }

    fn command(&self, args: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::cargo_bin("sweetspot").expect("the binary");
        command
            .env("HOME", self.0.path())
            .env_remove("SWEETSPOT_CONFIG")
            .env("COLUMNS", "400")
            .arg("--config")
            .arg(self.path("config.toml"))
            .args(args);
        command
    }

    /// A daemon watches `node` for some hours.
    async fn watched(settings: &str, node: &FakeNode, hours: u32) -> Self {
        let home = Self::new(settings);
        home.watch(node, hours).await;
        home
    }

    /// A daemon starts on what is there and watches `node` for some hours.
    async fn watch(&self, node: &FakeNode, hours: u32) {
        let config = Config::load(&self.path("config.toml")).expect("good settings");
        let store = SqliteStore::open(&config.store).await.expect("a database");
        let from = node.now().minus(config.backfill);
        let cycle = Cycle::start(node.clone(), node.clone(), store, node.clone(), from);
        let mut cycle = cycle.await.expect("a good store");
        for _ in 0..hours {
            let orders = CycleOptions {
                layers: &config.book,
                observe_only: false,
                report_due: false,
            };
            let stop = CancellationToken::new();
            cycle.run(orders, &stop).await.expect("a good cycle");
            node.tell(|inner| inner.now = inner.now.plus(Duration::from_secs(3_600)));
        }
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Three channels: one drained, one balanced, one of a peer that is away.
fn node() -> FakeNode {
    let node = FakeNode::with_channels(3);
    node.tell(|inner| {
        let mut channels = inner.channels.values_mut();
        let drained = channels.next().expect("one");
        (drained.local_balance, drained.remote_balance) = (Sat(50_000), Sat(950_000));
        channels.next().expect("two");
        channels.next().expect("three").active = false;
        inner.forwards = (1..=50)
            .map(|n| Forward {
                settled_at: inner.now.minus(Duration::from_secs(n * 7_200)),
                scid_in: scid(2),
                scid_out: scid(1),
                amount_in: Msat(1_000_100),
                amount_out: Msat(1_000_000),
                fee: Msat(100),
            })
            .rev()
            .collect();
    });
    node
}

const MANAGED: &str = "[defaults]\nmode = \"manage\"\n";

#[tokio::test]
async fn status_shows_every_open_channel() {
    let home = Home::watched(MANAGED, &node(), 12).await;
    let shown = home.run(&["status"]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    let text = stdout(&shown);
    for part in [
        "peer-1",
        "700001x0x0",
        "5/50%",
        "peer-3 (offline)",
        "the peer is offline",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let status = json(&home.run(&["status", "--json"]));
    let channels = status["channels"].as_array().expect("a list");
    assert_eq!(channels.len(), 3);
    assert_eq!(channels[0]["local_ratio"], 0.05);
    assert_eq!(channels[0]["mode"], "manage");
}

#[tokio::test]
async fn status_shows_the_price_levels_that_are_in_use() {
    let levels = |text: &'static str| async move {
        let node = node();
        node.tell(|inner| {
            let channel = inner.channels.values_mut().next().expect("one");
            (channel.private, channel.peer) = (true, PeerId([3; 33]));
        });
        let home = Home::watched(text, &node, 2).await;
        let shown = stdout(&home.run(&["status"]));
        let lines = shown
            .lines()
            .skip_while(|line| !line.contains("managed; read"));
        lines.skip(1).map(str::to_owned).collect::<Vec<String>>()
    };
    let announced = "price level of announced channels: 550 ppm";
    let unannounced = "price level of unannounced channels: 3,500 ppm";
    let index = "price index 1.00 (no node of the graph read yet)";
    assert_eq!(levels(MANAGED).await, [announced, index]);
    let managed =
        "[defaults]\nmode = \"manage\"\n[[rule]]\nmatch.private = true\nmode = \"manage\"";
    assert_eq!(levels(managed).await, [announced, unannounced, index]);
    let fixed = levels("[defaults]\nlevel_ppm = 300\n").await;
    assert!(fixed.is_empty(), "{fixed:?}");
}

#[tokio::test]
async fn explain_tells_every_term_and_the_next_change() {
    let home = Home::watched(MANAGED, &node(), 12).await;
    for name in [
        "700001x0x0",
        "peer-1",
        &scid(1).0.to_string(),
        &format!("{}:0", "01".repeat(32)),
    ] {
        let shown = home.run(&["explain", name]);
        assert!(shown.status.success(), "{name}: {}", stderr(&shown));
    }
    let text = stdout(&home.run(&["explain", "peer-1", "--last", "100"]));
    for part in [
        "balance",
        "throughput",
        "weight ",
        "target fee now",
        "next change",
        "change to 1",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let text = stdout(&home.run(&["explain", "peer-3"]));
    assert!(text.contains("no change: the peer is offline"), "{text}");
    let explained = json(&home.run(&["explain", "peer-1", "--json"]));
    // All three are with one peer: one pool, and all the node has, so on target.
    let terms = &explained["decisions"][0]["terms"];
    assert_eq!(terms["balance"].as_f64(), Some(0.0), "{explained}");
    assert!(terms["level"].as_f64() > Some(0.0), "{explained}");
}

#[tokio::test]
async fn a_renamed_peer_is_shown_and_replays_without_a_difference() {
    let node = node();
    let settings = "[defaults]\nmode = \"manage\"\n\
                    [[rule]]\nmatch.alias = \"ACINQ\"\nmode = \"pin\"\npin_ppm = 1\n";
    let home = Home::new(settings);
    home.watch(&node, 3).await;
    let rename = |name: Option<&str>| {
        node.tell(|inner| {
            for channel in inner.channels.values_mut() {
                channel.peer_alias = name.map(Into::into);
            }
        });
    };
    rename(Some("ACINQ"));
    home.watch(&node, 3).await;
    let explained = stdout(&home.run(&["explain", "700001x0x0"]));
    assert!(explained.contains("known to rules as peer-"), "{explained}");
    assert!(stdout(&home.run(&["status"])).contains("manage"));
    rename(None);
    home.watch(&node, 3).await;
    let replayed = home.run(&["replay"]);
    assert!(replayed.status.success(), "{}", stderr(&replayed));
    let said = stdout(&replayed);
    assert!(said.contains("0 differences"), "{said}");
}

#[tokio::test]
async fn prune_says_that_history_is_short() {
    let home = Home::watched(MANAGED, &node(), 12).await;
    let text = stdout(&home.run(&["prune"]));
    assert!(text.contains("0 of 30 days watched"), "{text}");
    let lines = json(&home.run(&["prune", "--json"]));
    assert_eq!(lines["channels"][0]["rules"], "not_enough_history");
    assert_eq!(lines["channels"][0]["judgement"], "watch");
}

#[tokio::test]
async fn a_channel_that_is_not_known_is_told_apart_from_two_that_match() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let unknown = home.run(&["explain", "nobody"]);
    assert_eq!(unknown.status.code(), Some(65));
    assert!(stderr(&unknown).contains("no channel matches `nobody`"));
    let several = home.run(&["explain", "peer"]);
    assert_eq!(several.status.code(), Some(65));
    assert!(
        stderr(&several).contains("700002x0x0 (peer-2)"),
        "{}",
        stderr(&several)
    );
}

#[test]
fn faulty_settings_are_told_line_by_line_with_exit_code_64() {
    let home = Home::new("[defaults]\nmode = \"mange\"\nmin_ppm = 50\nmax_ppm = 10\n");
    for command in [&["status"][..], &["check"], &["run"]] {
        let output = home.run(command);
        assert_eq!(output.status.code(), Some(64), "{command:?}");
        let said = stderr(&output);
        assert!(said.contains("config.toml:4:"), "{said}");
        assert!(said.contains("defaults.mode"), "{said}");
        assert!(
            said.contains("defaults.min_ppm") || said.contains("defaults.max_ppm"),
            "{said}"
        );
    }
}

#[test]
fn a_missing_database_is_exit_code_74_and_says_what_makes_it() {
    let output = Home::new("").run(&["status"]);
    assert_eq!(output.status.code(), Some(74));
    assert!(
        stderr(&output).contains("`sweetspot run` creates it"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_node_that_is_not_there_is_exit_code_69() {
    let home = Home::new("[node]\naddress = \"https://127.0.0.1:1\"\nmacaroon_hex = \"00\"\n");
    let output = home.run(&["check"]);
    assert_eq!(output.status.code(), Some(69));
    assert!(
        stdout(&output).contains("lncli bakemacaroon"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    assert_eq!(Home::new("").run(&["stauts"]).status.code(), Some(2));
}
