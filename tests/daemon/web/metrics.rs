//! The metrics, before those who read them: documents, a dashboard and Prometheus.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Page, ask, body, free};
use crate::node;
use crate::running::until;

const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml");

/// The queries of the dashboard.
fn queries() -> Vec<String> {
    let text = include_str!("../../../deploy/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries = targets.map(|target| target["expr"].as_str().expect("a query").to_owned());
    queries.collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_every_one_that_is_named_is_served() {
    let node = node(2);
    let page = Page::start(&node, false).await;
    let answer = page.get("/metrics");
    let served: Vec<&str> = body(&answer)
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(served.len() > 20, "{answer}");
    let docs = include_str!("../../../docs/metrics.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let (unknown, known): (Vec<&str>, Vec<&str>) =
        documented.iter().partition(|name| !served.contains(name));
    assert_eq!(served, known);
    // Without [ledger] these are not known, and not said to be 0.
    let of_ledger = [
        "rebalanced_msat",
        "rebalance_fees_msat",
        "chain_fees_sat",
        "failed_htlcs",
        "channel_rebalance_fees_msat",
        "channel_failed_htlcs",
    ];
    assert_eq!(unknown, of_ledger.map(|name| format!("sweetspot_{name}")));
    let alerts = include_str!("../../../deploy/alerts.yml");
    let named = [alerts.to_owned(), queries().join("\n")].join("\n");
    let words = named.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut names = words
        .filter(|word| word.starts_with("sweetspot_"))
        .peekable();
    assert!(names.peek().is_some());
    for name in names {
        assert!(served.contains(&name), "{name} is not served");
    }
    // The alias is the peer's to choose: no label holds it.
    assert!(!answer.contains("peer-1"), "{answer}");
}

/// Ends with the test.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prometheus {
    /// One that scrapes `target` each second, with our rules; `None` where there is none.
    fn start(folder: &Path, target: SocketAddr, listen: SocketAddr) -> Option<Self> {
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [{ALERTS:?}]\n\
             scrape_configs:\n  - job_name: sweetspot\n    basic_auth: {{ username: any, \
             password: correct horse }}\n    static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).expect("written");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={listen}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.ok().map(Self)
    }
}

/// What Prometheus answers.
fn prometheus(at: SocketAddr, path: &str) -> serde_json::Value {
    let answer = ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}"), "");
    let text = body(&answer);
    // Long answers come in chunks.
    let (start, end) = (text.find('{'), text.rfind('}'));
    let (Some(start), Some(end)) = (start, end) else {
        return serde_json::Value::Null;
    };
    let lines = text[start..=end].split("\r\n");
    let whole: String = lines.step_by(2).collect();
    serde_json::from_str(&whole).unwrap_or_default()
}

fn query(at: SocketAddr, query: &str) -> serde_json::Value {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    prometheus(at, &format!("/api/v1/query?query={encoded}"))
}

#[tokio::test]
async fn prometheus_scrapes_the_daemon_and_loads_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(2);
    let page = Page::start(&node, true).await;
    let at = free();
    let Some(_running) = Prometheus::start(folder.path(), page.address, at) else {
        eprintln!("skipped: no prometheus on PATH");
        return;
    };
    let value = |name: &str| query(at, name)["data"]["result"][0]["value"][1].clone();
    until("a scrape", async || {
        std::net::TcpStream::connect(at).is_ok() && value("sweetspot_daemon_running") == "1"
    })
    .await;
    assert_eq!(value("sweetspot_channels{kind=\"manage\"}"), "2");
    for asked in queries() {
        assert_eq!(query(at, &asked)["status"], "success", "{asked}");
    }
    let rules = prometheus(at, "/api/v1/rules");
    let rules = rules["data"]["groups"][0]["rules"].as_array();
    let rules = rules.expect("rules are loaded");
    let written = include_str!("../../../deploy/alerts.yml");
    assert_eq!(rules.len(), written.matches("- alert:").count());
    until("rules that were tried", async || {
        let rules = prometheus(at, "/api/v1/rules");
        let rules = rules["data"]["groups"][0]["rules"].as_array().cloned();
        rules.is_some_and(|rules| rules.iter().all(|rule| rule["health"] == "ok"))
    })
    .await;
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let checked = Command::new("promtool")
        .args(["check", "rules", ALERTS])
        .output();
    match checked {
        Ok(checked) => assert!(checked.status.success(), "{checked:?}"),
        Err(_) => eprintln!("skipped: no promtool on PATH"),
    }
}
