//! The core stays pure and the arrows point inward: read off the sources.

#![allow(clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below `folder`.
fn all_sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a source folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => all_sources(&path),
            false => vec![path],
        })
        .collect()
}

/// The source files of a module: its own, and those of the folder it heads.
fn sources(module: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (file, folder) = (root.join(format!("{module}.rs")), root.join(module));
    assert!(file.is_file(), "no module {module}");
    let mut all = all_sources(&root);
    all.retain(|path| *path == file || path.starts_with(&folder));
    all
}

/// The lines of code, without comments, that name one of `banned`.
fn offences(places: &[&str], banned: &[&str]) -> Vec<String> {
    let mut found = vec![];
    for path in places.iter().flat_map(|place| sources(place)) {
        let text = fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if banned.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    found
}

#[test]
fn the_core_does_no_io_and_asks_for_no_time() {
    let banned = [
        "tokio",
        "tonic",
        "sqlx",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant",
        "Utc::now",
        "tracing",
        "async ",
        "println!",
    ];
    assert_eq!(offences(&["domain"], &banned), Vec::<String>::new());
}

#[test]
fn the_core_and_the_ports_know_no_adapter() {
    let adapters = [
        "crate::lnd",
        "crate::store",
        "crate::config",
        "crate::cycle",
        "crate::daemon",
        "crate::cli",
        "crate::league",
        "crate::sim",
        "crate::league",
    ];
    let with_ports = [&adapters[..], &["crate::ports"]].concat();
    assert_eq!(offences(&["domain"], &with_ports), Vec::<String>::new());
    assert_eq!(offences(&["ports"], &adapters), Vec::<String>::new());
}

#[test]
fn the_cycle_sees_ports_and_never_an_adapter() {
    let adapters = [
        "crate::lnd",
        "crate::store",
        "crate::config",
        "crate::league",
        "crate::sim",
        "crate::cli",
    ];
    let cycle = ["cycle", "writing", "history", "report"];
    assert_eq!(offences(&cycle, &adapters), Vec::<String>::new());
}

#[test]
fn adapters_do_not_know_each_other() {
    assert_eq!(
        offences(&["lnd"], &["crate::store", "crate::config", "crate::cycle"]),
        Vec::<String>::new()
    );
    assert_eq!(
        offences(&["store"], &["crate::lnd", "crate::config", "crate::cycle"]),
        Vec::<String>::new()
    );
}

#[test]
fn the_simulated_node_knows_nothing_of_the_daemon_it_is_for() {
    let daemon = [
        "crate::cycle",
        "crate::daemon",
        "crate::config",
        "crate::store",
        "crate::cli",
    ];
    assert_eq!(offences(&["simnode"], &daemon), Vec::<String>::new());
}

#[test]
fn the_league_plays_in_the_market_and_knows_no_adapter() {
    let outside = ["crate::lnd", "crate::store", "crate::daemon", "crate::cli"];
    assert_eq!(offences(&["league"], &outside), Vec::<String>::new());
    let with_league = [&outside[..], &["crate::league"]].concat();
    assert_eq!(offences(&["sim"], &with_league), Vec::<String>::new());
}
