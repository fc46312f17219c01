//! The demo, as a newcomer runs it: no node, no settings.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

fn demo(args: &[&str]) -> std::process::Output {
    let home = tempfile::tempdir().expect("a folder");
    assert_cmd::Command::cargo_bin("sweetspot")
        .expect("the binary")
        .env("HOME", home.path())
        .arg("demo")
        .args(args)
        .output()
        .expect("it runs")
}

#[test]
fn two_days_run_without_a_failed_write_and_leave_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("demo.svg");
    let picture_name = picture.to_str().expect("a plain name");
    let output = demo(&["--days", "2", "--json", "--svg", picture_name]);
    assert!(output.status.success());
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["failures"], 0);
    assert!(summary["forwards"].as_u64() > Some(0));
    assert!(summary["channels"].as_u64() > Some(20));
    let drawn = std::fs::read_to_string(picture).expect("a picture");
    assert!(drawn.contains("day 2.0 of 2"));
}

#[test]
fn without_a_terminal_it_speaks_in_plain_lines_and_ends_with_a_summary() {
    let output = demo(&["--days", "1"]);
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(!said.contains('\u{1b}'), "{said}");
    assert!(said.contains("day 1.0 of 1"), "{said}");
    assert!(said.contains("fees unchanged"), "{said}");
}

#[test]
fn a_database_that_is_kept_replays_and_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("kept.db");
    let name = database.to_str().expect("a plain name");
    let args = ["--days", "1", "--json", "--keep-database", name];
    assert!(demo(&args).status.success());
    let config = folder.path().join("sweetspot.toml");
    std::fs::write(&config, format!("[store]\npath = {name:?}\n")).expect("writes");
    let replayed = assert_cmd::Command::cargo_bin("sweetspot")
        .expect("the binary")
        .arg("--config")
        .arg(&config)
        .args(["replay", "--json"])
        .output()
        .expect("it runs");
    assert!(replayed.status.success());
    let replayed: serde_json::Value = serde_json::from_slice(&replayed.stdout).expect("JSON");
    assert!(replayed["equal"].as_u64() > Some(100), "{replayed}");

    let again = demo(&args);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
}

#[test]
fn a_scenario_that_is_not_there_is_named() {
    let output = demo(&["--scenario", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere"));
}

#[cfg(feature = "web")]
#[test]
fn its_page_shows_the_month_as_it_passes_and_stays_until_interrupted() {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};

    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let home = tempfile::tempdir().expect("a folder");
    let mut demo = std::process::Command::new(env!("CARGO_BIN_EXE_sweetspot"))
        .env("HOME", home.path())
        .args(["demo", "--days", "1", "--web", &port.to_string()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a page");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let mut lines = BufReader::new(demo.stdout.take().expect("output")).lines();
    let mut until = |part: &str| {
        let mut lines = lines.by_ref().map(|line| line.expect("text"));
        assert!(lines.any(|line| line.contains(part)), "no {part}");
    };
    until("day");
    assert!(get("/").contains("The daemon runs"));
    until("until Ctrl-C");
    let shown = get("/api/v1/report?days=1");
    assert!(shown.starts_with("HTTP/1.1 200"), "{shown}");
    let page = get("/channels?sort=earned");
    assert!(page.contains("/channel/"), "{page}");
    let id = demo.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(sent.expect("kill runs").success());
    assert!(demo.wait().expect("it ends").success());
}
