//! sweetspot beside real Lightning nodes: three lnd over btcd on a private chain.
//!
//! Needs `lnd`, `lncli`, `btcd` and `btcctl` on PATH and is skipped without them. One test, for
//! the network is set up once; the scenarios share it and run in the order of [`SCENARIOS`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, where a panic is the report"
)]

mod chain;
mod channel;
mod network;
mod node;
mod process;
mod rest;
mod routing;

use std::io::Write;
use std::time::Instant;

use network::Network;

type Scenario = (&'static str, fn(&mut Network));

/// What is shown, in order: each may rely on what those before it left behind.
const SCENARIOS: &[Scenario] = &[
    (
        "bob forwards what alice pays carol",
        routing::bob_forwards_what_alice_pays_carol,
    ),
    (
        "a new fee reaches the other nodes",
        routing::a_new_fee_reaches_the_other_nodes,
    ),
    (
        "a baked macaroon allows no more than it names",
        routing::a_baked_macaroon_allows_no_more_than_it_names,
    ),
    (
        "a restarted bob is locked until unlocked",
        routing::a_restarted_bob_is_locked_until_unlocked,
    ),
];

#[test]
fn real_lnd() {
    if !["lnd", "lncli", "btcd", "btcctl"].into_iter().all(on_path) {
        say("skipped: lnd, lncli, btcd and btcctl are not all on PATH");
        return;
    }
    let begun = Instant::now();
    let mut network = Network::start();
    say(&format!("network up in {:.1?}", begun.elapsed()));
    for (name, scenario) in SCENARIOS {
        let begun = Instant::now();
        scenario(&mut network);
        say(&format!("{name}: ok in {:.1?}", begun.elapsed()));
    }
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Writes past the test harness, which shows what a passing test prints to nobody.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "real_lnd: {line}");
}
