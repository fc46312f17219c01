//! Looking after the database, while a daemon runs on it and after.

use std::fs;

use serde_json::Value;

use super::*;

impl Running {
    /// A command on these settings: how it ended, and what it said.
    fn ends(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.program().args(args).output().expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("text"))
    }

    fn doctor(&self) -> Value {
        let (code, text) = self.ends(&["doctor", "--json"]);
        assert_eq!(code, Some(0), "{text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

#[tokio::test]
async fn a_stop_is_clean_and_a_kill_is_told_at_the_next_start() {
    let node = node(1);
    let mut daemon = Running::start(&node, PINNED);
    until_ppm(&node, 1, 900).await;
    assert_eq!(daemon.doctor()["daemon_runs"], true);
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    let log = daemon.path("sweetspot.db-wal");
    assert!(!log.exists(), "what is closed has no log beside it");
    let found = daemon.doctor();
    assert_eq!(
        (&found["daemon_runs"], &found["killed"]),
        (&false.into(), &false.into())
    );
    assert!(found["closed_at"].is_string(), "{found}");

    daemon.launch(&[]);
    until("it runs", async || daemon.doctor()["daemon_runs"] == true).await;
    daemon.signal("KILL");
    daemon.ended().await;
    assert!(!daemon.log().contains("the last daemon was killed"));
    let found = daemon.doctor();
    assert_eq!(
        (&found["killed"], &found["closed_at"]),
        (&true.into(), &Value::Null)
    );
    daemon.launch(&[]);
    daemon.logs("the last daemon was killed").await;
}

#[tokio::test]
async fn a_database_is_backed_up_under_a_daemon_restored_without_one_and_looked_over() {
    let node = node(1);
    let mut daemon = Running::start(&node, PINNED);
    until_ppm(&node, 1, 900).await;
    until("it is recorded", async || {
        daemon.last_outcomes().await == [CONFIRMED]
    })
    .await;
    let copy = daemon.path("copy.db").display().to_string();
    let (code, said) = daemon.ends(&["backup", &copy]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("and checked"), "{said}");
    for (args, refusal) in [
        (["backup", &copy], "it exists"),
        (["restore", &copy], "another sweetspot is using it"),
    ] {
        let (code, said) = daemon.ends(&args);
        assert_eq!(code, Some(74), "{said}");
        assert!(said.contains(refusal), "{said}");
    }
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
    fs::write(daemon.path("sweetspot.db"), "broken").expect("writes");
    let (code, said) = daemon.ends(&["doctor"]);
    assert_eq!(code, Some(74), "{said}");
    let (code, said) = daemon.ends(&["restore", &copy, "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let restored: Value = serde_json::from_str(&said).expect("JSON");
    let replaced = restored["replaced"].as_str().expect("kept");
    assert_eq!(fs::read(replaced).expect("reads"), b"broken");
    assert_eq!(daemon.last_outcomes().await, [CONFIRMED]);
    let (code, said) = daemon.ends(&["doctor"]);
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "integrity    OK",
        "quarantine   0 forwards",
        "unconfirmed  0 ",
        "decisions",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let tables = daemon.doctor()["tables"].clone();
    let sizes = tables.as_array().expect("a list");
    assert!(
        sizes.iter().all(|table| table["bytes"].as_u64() > Some(0)),
        "{tables}"
    );
    daemon.launch(&[]);
    daemon.logs("connected to the node").await;
}
