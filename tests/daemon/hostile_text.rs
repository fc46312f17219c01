//! What peers and the node say, in every output that shows it.

use sweetspot_lnd::proto::UpdateFailure;

use super::PINNED;
use crate::running::{Running, until};
use crate::support::{FakeLnd, OnUpdate, ScriptedChannel, World};

/// Escapes, a forged line, a turned direction, unseen characters, and more of it
/// than anyone wants.
const HOSTILE: &str = "ev\x1b[2Jil\r\n2026-01-01T00:00:00Z ERROR forged\0\u{202e}\u{2066}\
    \u{200b}\u{feff}\u{9b}31m\u{2028}end \
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Each line of `output` is free of what could do more than be read, whether
/// raw or as an escape of JSON's or the log's.
fn assert_clean(what: &str, output: &str) {
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!output.chars().any(steers), "{what}: {output:?}");
    for escape in ["\\u00", "\\u20", "\\u{", "\\r", "\\0", "\\x1b"] {
        assert!(!output.contains(escape), "{what}: {escape} in {output}");
    }
    let forged = |line: &str| line.trim_start().starts_with("2026-01-01T00:00:00Z");
    assert!(!output.lines().any(forged), "{what}: {output}");
}

fn hostile() -> FakeLnd {
    let mut channel = ScriptedChannel::new(1);
    channel.said.peer_alias = HOSTILE.to_owned();
    let fake = FakeLnd::start(World::new([channel]));
    fake.world().alias = HOSTILE.to_owned();
    fake.world().version = format!("0.21.2-beta {HOSTILE}");
    fake.world().on_update = OnUpdate::Fail(UpdateFailure::InvalidParameter, HOSTILE);
    fake.world().failing.insert("ClosedChannels", HOSTILE);
    fake
}

#[tokio::test]
async fn no_output_shows_what_a_peer_or_the_node_said_as_it_came() {
    let node = hostile();
    for format in ["text", "json"] {
        let mut daemon = Running::prepare(&node, PINNED);
        daemon.launch(&["--log", format]);
        daemon.logs("fee update failed").await;
        until("it is stored", async || {
            !daemon.last_outcomes().await.is_empty()
        })
        .await;
        assert!(daemon.log().contains("ev[2Jil"), "{}", daemon.log());
        assert_clean("the log", &daemon.log());
        let commands: [&[&str]; 13] = [
            &["status"],
            &["status", "--json"],
            &["explain", "ev[2Jil"],
            &["explain", "ev[2Jil", "--json"],
            &["prune"],
            &["prune", "--json"],
            &["check"],
            &["check", "--json"],
            &["plan"],
            &["plan", "--json"],
            &["report"],
            &["report", "--json"],
            &["check", "--plan"],
        ];
        for args in commands {
            let said = daemon.says(args);
            assert!(said.contains("ev[2Jil"), "{args:?}: {said}");
            assert_clean(&args.join(" "), &said);
        }
    }
}

#[tokio::test]
async fn no_error_shows_what_the_node_said_as_it_came() {
    let node = hostile();
    node.world().failing.insert("ListChannels", HOSTILE);
    let daemon = Running::start(&node, PINNED);
    daemon.logs("cannot read the node").await;
    assert_clean("the log", &daemon.log());
    for args in [&["check"][..], &["check", "--json"]] {
        let said = daemon.says(args);
        assert!(said.contains("ev[2Jil"), "{said}");
        assert_clean("check", &said);
    }
    node.world().version = HOSTILE.to_owned();
    assert_clean("check", &daemon.says(&["check"]));
}

#[tokio::test]
async fn a_channel_whose_names_are_no_names_is_named_without_harm() {
    let node = hostile();
    let mut odd = ScriptedChannel::new(2);
    odd.said.channel_point = format!("{HOSTILE}:0");
    let mut keyless = ScriptedChannel::new(3);
    keyless.said.remote_pubkey = HOSTILE.to_owned();
    node.world().channels.extend([odd, keyless]);
    let daemon = Running::start(&node, "");
    daemon.logs("reports invalid data").await;
    until("both are told", async || {
        daemon.log().matches("reports invalid data").count() >= 2
    })
    .await;
    assert_clean("the log", &daemon.log());
}
