//! sweetspot beside real Lightning nodes: three lnd over btcd on a private chain.
//!
//! Needs `lnd`, `lncli`, `btcd` and `btcctl` on PATH and is skipped without them. One test, for
//! the network is set up once; the scenarios share it and run in the order of [`SCENARIOS`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "all of this is test code, where a panic is the report"
)]

mod adapter;
#[path = "../adapter_suite/mod.rs"]
mod adapter_suite;
mod chain;
mod channel;
mod daemon;
mod discounts;
mod fees;
mod kills;
mod line;
mod network;
mod node;
mod orders;
mod outage;
mod permissions;
mod process;
mod reading;
mod reload;
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
        "the adapter finds bob as it finds the simulated node",
        adapter::the_adapter_finds_bob_as_it_finds_the_simulated_node,
    ),
    (
        "the adapter waits for a locked bob",
        adapter::the_adapter_waits_for_a_locked_bob,
    ),
    (
        "a restarted bob is locked until unlocked",
        routing::a_restarted_bob_is_locked_until_unlocked,
    ),
    (
        "the macaroon that check asks for suffices",
        permissions::the_macaroon_that_check_asks_for_suffices,
    ),
    (
        "a read-only macaroon suffices to observe",
        permissions::a_read_only_macaroon_suffices_to_observe,
    ),
    (
        "a read-only macaroon is too little to manage",
        permissions::a_read_only_macaroon_is_too_little_to_manage,
    ),
    (
        "forwards are read exactly once",
        reading::forwards_are_read_exactly_once,
    ),
    (
        "only managed fields change, in every node's graph",
        fees::only_managed_fields_change,
    ),
    (
        "a max HTLC follows the balance and is restored",
        fees::a_max_htlc_follows_the_balance_and_is_restored,
    ),
    (
        "a fee set by hand is respected",
        fees::a_fee_set_by_hand_is_respected,
    ),
    (
        "a discount is given, used and taken back",
        discounts::a_discount_is_given_used_and_taken_back,
    ),
    (
        "a private channel is read but left alone",
        reading::a_private_channel_is_read_but_left_alone,
    ),
    (
        "a reload takes good settings and refuses faulty ones",
        reload::a_reload_takes_good_settings_and_refuses_faulty_ones,
    ),
    (
        "orders reach a running daemon",
        orders::orders_reach_a_running_daemon,
    ),
    (
        "a locked node is waited for",
        outage::a_locked_node_is_waited_for,
    ),
    (
        "a kill before the update leaves the old policy",
        kills::a_kill_before_the_update_leaves_the_old_policy,
    ),
    (
        "a kill after the update is found done",
        kills::a_kill_after_the_update_is_found_done,
    ),
    (
        "a stop does not wait for a hung node",
        kills::a_stop_does_not_wait_for_a_hung_node,
    ),
    (
        "kills at any moment leave nothing wrong",
        kills::kills_at_any_moment_leave_nothing_wrong,
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
