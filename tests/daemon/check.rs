//! What `check` tells, and what it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{PINNED, node};
use crate::running::{Running, until};
use crate::support::FakeLnd;

const HEX: &str =
    "0201036c6e6402f801030a10deadbeefdeadbeefdeadbeefdeadbeef1201301a160a0761646472657373";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// A macaroon that permits these, as LND lays it out.
fn macaroon(permissions: &[(&str, &str)]) -> Vec<u8> {
    let sized = |kind: u8, bytes: &[u8]| {
        let size = u8::try_from(bytes.len()).expect("short");
        [&[kind, size][..], bytes].concat()
    };
    let ops = permissions.iter().map(|(entity, action)| {
        let op = [
            sized(0x0a, entity.as_bytes()),
            sized(0x12, action.as_bytes()),
        ];
        sized(0x1a, &op.concat())
    });
    let identifier = [vec![3], ops.collect::<Vec<_>>().concat()].concat();
    [vec![2], sized(2, &identifier), vec![0]].concat()
}

/// A node and a config whose files are as they should be.
fn tidy(settings: &str) -> (FakeLnd, Running) {
    let node = node(1);
    let all = [
        ("info", "read"),
        ("offchain", "read"),
        ("offchain", "write"),
    ];
    node.world().macaroon = macaroon(&all);
    node.publish_macaroon(&macaroon(&all));
    set_mode(&node.macaroon_path(), 0o600);
    let running = Running::prepare(&node, settings);
    set_mode(&running.path("config.toml"), 0o600);
    (node, running)
}

#[tokio::test]
async fn rules_channels_peers_and_aliases_that_match_nothing_are_named() {
    let peer = format!("02{}", "cd".repeat(32));
    let settings = format!(
        "{PINNED}[[rule]]\nname = \"nobody\"\nmatch.alias = \"nobody*\"\nkeep = true\n\
         [[rule]]\nname = \"some\"\nmatch.alias = [\"peer-*\", \"gone\"]\nkeep = true\n\
         [peer.\"{peer}\"]\nkeep = true\n[channel.\"1x2x3\"]\nkeep = true\n"
    );
    let (_node, running) = tidy(&settings);
    let said = running.says(&["check"]);
    for part in [
        "nobody",
        "alias \"gone\" matches no open channel",
        &peer,
        "1x2x3",
    ] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert!(!said.contains("alias \"peer-*\" matches no"), "{said}");
}

#[tokio::test]
async fn a_missing_macaroon_or_certificate_is_named_as_that_and_once() {
    for (which, other) in [("node.macaroon", "tls.cert"), ("tls.cert", "node.macaroon")] {
        let (node, running) = tidy(PINNED);
        let path = node.cert_path().with_file_name(which);
        fs::remove_file(&path).expect("removed");
        let said = running.says(&["check"]);
        assert_eq!(said.matches("No such file").count(), 1, "{said}");
        assert_eq!(said.matches(which).count(), 1, "{said}");
        assert!(!said.contains(other), "{said}");
        for wrong in ["no access", "rejected", "refused"] {
            assert!(!said.contains(wrong), "{wrong} in {said}");
        }
        assert!(said.contains("check found 1 error"), "{said}");
    }
}

#[tokio::test]
async fn nothing_good_is_said_of_a_macaroon_that_the_node_refuses() {
    let (node, running) = tidy(PINNED);
    let said = running.says(&["check"]);
    assert!(said.contains("has all permissions"), "{said}");
    node.world().macaroon = b"another".to_vec();
    let said = running.says(&["check"]);
    assert!(said.contains("verification failed"), "{said}");
    assert!(!said.contains("has all permissions"), "{said}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_an_error() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 4] = [
        ("not a regular file", |path| {
            fs::create_dir(path).expect("a folder");
        }),
        ("not a regular file", |path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.expect("mkfifo runs").success());
        }),
        ("not a database", |path| {
            fs::write(path, [b'x'; 5_000]).expect("a file");
        }),
        ("read-only", |path| {
            fs::write(path, b"").expect("a file");
            set_mode(path, 0o400);
        }),
    ];
    for (told, spoil) in spoil {
        let (_node, running) = tidy(PINNED);
        spoil(&running.path("sweetspot.db"));
        let said = running.says(&["check"]);
        let line = said
            .lines()
            .find(|line| line.contains("database"))
            .unwrap_or_default();
        assert!(line.starts_with("ERROR"), "{told}: {said}");
        assert!(line.to_lowercase().contains(told), "{told}: {said}");
    }
    let (_node, running) = tidy(PINNED);
    let file = running.path("file");
    fs::write(&file, b"").expect("a file");
    let text = fs::read_to_string(running.path("config.toml")).expect("the config");
    let below = text.replace("sweetspot.db", "file/deep/sweetspot.db");
    fs::write(running.path("config.toml"), below).expect("the config");
    let said = running.says(&["check"]);
    assert!(said.contains("cannot be created"), "{said}");
    assert!(!running.path("file/deep").exists());
}

#[tokio::test]
async fn files_that_others_may_use_are_warned_of() {
    let (node, mut running) = tidy(PINNED);
    running.launch(&[]);
    until("a database", async || running.path("sweetspot.db").exists()).await;
    running.logs("fee changed").await;
    let tidy = running.says(&["check"]);
    assert!(!tidy.contains("has mode"), "{tidy}");
    for (path, mode) in [
        (node.macaroon_path(), 0o604),
        (node.macaroon_path(), 0o666),
        (running.path("config.toml"), 0o666),
        (running.path("sweetspot.db"), 0o644),
    ] {
        set_mode(&path, mode);
        let said = running.says(&["check"]);
        let told = format!("{} has mode {mode:03o}", path.display());
        assert!(said.contains(&told), "{told}: {said}");
        assert_eq!(said.matches("has mode").count(), 1, "{said}");
        set_mode(&path, 0o600);
    }
}

#[tokio::test]
async fn a_cltv_delta_below_the_nodes_least_is_told_with_what_to_do() {
    let (node, mut running) = tidy(PINNED);
    if let Some(edge) = &mut node.world().channel(1).edge
        && let Some(policy) = &mut edge.node1_policy
    {
        policy.time_lock_delta = 18;
    }
    let said = running.says(&["check"]);
    let advice = format!(
        "has a CLTV delta of 18 blocks, and LND 0.21.2 takes no update below 24: raise it with \
         lncli updatechanpolicy --base_fee_msat 1000 --fee_rate_ppm 1 --time_lock_delta 80 \
         --chan_point {}",
        crate::support::point(1)
    );
    assert!(said.contains(&advice), "{said}");
    running.launch(&[]);
    running.logs("rejected by the node").await;
    for args in [&["status", "--json"][..], &["explain", "peer-1"]] {
        let said = running.says(args);
        assert!(said.contains("raise its CLTV delta"), "{args:?}: {said}");
    }
    node.world().version = "0.20.1-beta".to_owned();
    assert!(!running.says(&["check"]).contains("CLTV"));
}

#[tokio::test]
async fn a_macaroon_in_hex_is_never_echoed() {
    let (node, running) = tidy("");
    let address = format!("https://{}", node.address());
    for line in [
        format!("macaroon = \"{HEX}\""),
        format!("macaroon_hex = \"{HEX}x\""),
        format!("macaroon_hex = \"{HEX}"),
        format!("macaroon_hex = {HEX}"),
        format!("macaron_hex = \"{HEX}\""),
        format!("tls_cert = \"{HEX}\""),
        format!("macaroon_hex = \"{HEX}\"\nmacaroon = \"x\""),
        format!("macaroon_hex = \"{HEX}\""),
    ] {
        let text = format!("[node]\naddress = \"{address}\"\n{line}\n");
        fs::write(running.path("config.toml"), text).expect("a config");
        for args in [&["check"][..], &["check", "--json"], &["status"]] {
            let said = running.says(args);
            assert!(!said.contains("deadbeef"), "{line}: {said}");
        }
    }
    let text = format!("[node]\naddress = \"{HEX}\"\n");
    fs::write(running.path("config.toml"), text).expect("a config");
    assert!(!running.says(&["check"]).contains("deadbeef"));
}
