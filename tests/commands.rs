//! Every command that a document shows is run, beside a daemon on a simulated node.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Of these only the arguments are tried, and what runs them instead.
const ELSEWHERE: [(&str, &str); 7] = [
    ("run", "this test has one running"),
    ("simnode", "this test has one running"),
    ("demo", "tests/demo.rs"),
    ("simulate", "takes minutes; the league's own tests"),
    ("alarm", "needs a service; tests/daemon/alarms.rs"),
    (
        "mainnet.csv.gz",
        "no such file comes with it; the scout's own tests",
    ),
    ("restore", "needs the daemon stopped: run last"),
];

/// So long may the node and the daemon take to begin.
const PATIENCE: Duration = Duration::from_secs(240);

/// README and the like, and what is below `docs/` and beside the packages.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(ROOT), Path::new(ROOT).join("docs")];
    let packages = fs::read_dir(Path::new(ROOT).join("deploy")).expect("a folder");
    folders.extend(packages.map(|entry| entry.expect("an entry").path()));
    let folders = folders.into_iter().filter(|path| path.is_dir());
    let entries = folders.flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|is| is == "md"))
        .collect();
    found.sort();
    found
}

/// What is typed after the program's name: in indented lines, in blocks, and between
/// backquotes.
fn commands(document: &str) -> Vec<Vec<String>> {
    let joined = document.replace("\\\n", " ");
    let indented = joined.lines().filter(|line| line.starts_with("    "));
    let blocks = joined.split("```").skip(1).step_by(2);
    let prose = joined.split("```").step_by(2);
    let quoted = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    let quoted = quoted.map(|text| text.replace('\n', " "));
    let typed = |text: &str| {
        let text = text.split(" #").next()?.split(" > ").next()?.trim();
        let text = text.strip_prefix("sudo -u sweetspot ").unwrap_or(text);
        let typed = text.strip_prefix("sweetspot ");
        typed
            .or(text.strip_prefix("cargo run --release -- "))
            .map(words)
    };
    let lines = indented
        .chain(blocks.flat_map(str::lines))
        .filter_map(typed);
    let named = quoted.filter_map(|text| typed(&text)).map(|mut words| {
        // A name alone is no line to type.
        if words.len() == 1 {
            words.push("--help".to_owned());
        }
        words
    });
    lines.chain(named).collect()
}

/// The words of a line as a shell takes them, without those that may be left out.
fn words(line: &str) -> Vec<String> {
    let mut line = line.to_owned();
    while let Some((before, rest)) = line.split_once('[') {
        let (_, after) = rest.split_once(']').expect("a closing bracket");
        line = format!("{before}{after}");
    }
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with the config of a simulated node.
struct Home(TempDir);

impl Home {
    fn sweetspot(&self, words: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sweetspot"));
        command
            .args(words)
            .current_dir(&self.0)
            .env("HOME", self.0.path());
        command.env("SWEETSPOT_CONFIG", self.0.path().join("config.toml"));
        command
    }

    fn start(&self, words: &str, log: &str) -> Running {
        let log = File::create(self.0.path().join(log)).expect("a file");
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let mut command = self.sweetspot(&words);
        command.stderr(log.try_clone().expect("a file")).stdout(log);
        Running(command.spawn().expect("it starts"))
    }

    /// What `look` finds, within [`PATIENCE`].
    fn wait_for<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < until, "no {what}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A channel that the daemon knows.
    fn channel(&self) -> Option<String> {
        let words = ["status".to_owned(), "--json".to_owned()];
        let output = self.sweetspot(&words).output().expect("it runs");
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(status["channels"][0]["scid"].as_str()?.to_owned())
    }

    /// Runs it with what stands here in place of names that are the reader's.
    fn run(&self, command: &[String], channel: &str) {
        let filled = command.iter().map(|word| match word.as_str() {
            "850000x12x1" | "alice" => channel.to_owned(),
            "/etc/sweetspot/config.toml" | "other.toml" => "config.toml".to_owned(),
            "charge.config" => format!("{ROOT}/tests/fixtures/charge_lnd/rules.config"),
            "2026-12-04" => "6d".to_owned(),
            "DIR" => ".".to_owned(),
            word => word.to_owned(),
        });
        let filled: Vec<String> = filled.collect();
        let output = self.sweetspot(&filled).output().expect("it runs");
        let fault = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command:?}: {fault}");
    }
}

#[test]
fn every_command_of_the_documents_works() {
    let mut typed: Vec<Vec<String>> = vec![];
    for document in documents() {
        for command in commands(&fs::read_to_string(document).expect("text")) {
            if !typed.contains(&command) {
                typed.push(command);
            }
        }
    }
    let is_elsewhere = |command: &Vec<String>| {
        let named = |(word, _): &(&str, &str)| command.iter().any(|typed| typed == word);
        ELSEWHERE.iter().any(named)
    };
    let (elsewhere, here): (Vec<_>, Vec<_>) = typed.into_iter().partition(is_elsewhere);
    assert!(here.len() > 25, "{here:?}");

    let home = Home(TempDir::new().expect("a folder"));
    let _node = home.start("simnode --dir node --listen 127.0.0.1:0", "node.log");
    let address = home.wait_for("simulated node", || {
        let told = fs::read_to_string(home.0.path().join("node.log")).ok()?;
        let (_, rest) = told.split_once("address = \"")?;
        Some(rest.split('"').next()?.to_owned())
    });
    let macaroon = "node/data/chain/bitcoin/regtest/readonly.macaroon";
    let config = format!(
        "[node]\naddress = \"{address}\"\ntls_cert = \"node/tls.cert\"\n\
         macaroon = \"{macaroon}\"\n[store]\npath = \"sweetspot.db\"\n"
    );
    fs::write(home.0.path().join("config.toml"), config).expect("a file");
    let daemon = home.start("run --observe", "run.log");
    let channel = home.wait_for("channel", || home.channel());

    for command in &here {
        home.run(command, &channel);
    }
    drop(daemon);
    for mut command in elsewhere {
        if command[0] != "restore" {
            command.push("--help".to_owned());
        }
        home.run(&command, &channel);
    }
}
