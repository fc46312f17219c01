//! What `status` says of money, and how it fits a terminal.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::*;
use node::point;

const HOUR: Duration = Duration::from_secs(3_600);

/// A node whose clock is the machine's, with a forward an hour for 80 days: out by
/// channel 1, in by channel 2, 10 sat each; half of that until 30 days ago.
pub fn earner() -> FakeNode {
    let node = node();
    let now = sweetspot::daemon::clock::SystemClock.now();
    node.tell(|inner| {
        inner.now = now.minus(HOUR * 3);
        inner.forwards = (1..80 * 24)
            .rev()
            .map(|hours| Forward {
                settled_at: now.minus(HOUR * hours + HOUR / 2),
                scid_in: scid(2),
                scid_out: scid(1),
                amount_in: Msat(100_010_000),
                amount_out: Msat(100_000_000),
                fee: Msat(if hours > 30 * 24 { 5_000 } else { 10_000 }),
            })
            .collect();
    });
    node
}

#[tokio::test]
async fn status_fits_eighty_columns_and_grows_with_the_terminal() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let at_width = |columns: &str| {
        let shown = home.command(&["status"]).env("COLUMNS", columns).output();
        stdout(&shown.expect("it runs"))
    };
    let narrow = at_width("80");
    for line in narrow.lines().filter(|line| !line.starts_with("daemon")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for part in [
        "peer-1",
        "700001x0x0",
        "5/50%",
        "7d sat",
        "30d sat",
        "peer offline",
    ] {
        assert!(narrow.contains(part), "no {part} in\n{narrow}");
    }
    assert!(!narrow.contains("capacity sat"), "{narrow}");
    assert!(at_width("200").contains("capacity sat"));
}

#[tokio::test]
async fn status_says_what_was_earned_over_a_day_a_week_and_a_month() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let status = json(&home.run(&["status", "--json"]));
    let of = |value: &serde_json::Value, span: &str| {
        let earned = &value[span];
        (
            earned["earned_msat"].as_u64().expect("msat"),
            earned["forwards"].as_u64().expect("a count"),
        )
    };
    // The last forwards settled after the daemon last read.
    let (week_msat, week) = of(&status["node"], "last_7_days");
    assert!((7 * 24 - 4..=7 * 24).contains(&week), "{week}");
    assert_eq!(week_msat, week * 10_000);
    let channels = status["channels"].as_array().expect("a list");
    let sold = channels
        .iter()
        .find(|line| line["channel_point"] == point(1).to_string());
    let sold = sold.expect("channel 1");
    for span in ["last_24_hours", "last_7_days", "last_30_days"] {
        assert_eq!(of(sold, span), of(&status["node"], span));
    }
    assert_eq!(sold["scid"], "700001x0x0");
    assert_eq!(sold["chan_id"], scid(1).0.to_string());
    assert_eq!(status["schema"], 1);
    assert_eq!(status["daemon"]["running"], false);
}

#[tokio::test]
async fn status_can_be_filtered_and_sorted() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let points = |args: &[&str]| {
        let args = [&["status", "--json"], args].concat();
        let shown = json(&home.run(&args));
        let channels = shown["channels"].as_array().expect("a list").iter();
        channels
            .map(|line| line["scid"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(points(&["--filter", "OFFLINE"]), ["700003x0x0"]);
    assert_eq!(points(&["--filter", "peer-2"]), ["700002x0x0"]);
    assert_eq!(points(&["--sort", "local"])[0], "700001x0x0");
    assert_eq!(points(&["--sort", "earned"])[0], "700001x0x0");
}

#[tokio::test]
async fn status_says_whether_a_daemon_lives() {
    let home = Home::watched(MANAGED, &node(), 3).await;
    assert!(stdout(&home.run(&["status"])).contains("NOT RUNNING"));
    let database = home.path("sweetspot.db");
    let _daemon = SqliteStore::open(&database).await.expect("opens");
    assert!(!stdout(&home.run(&["status"])).contains("NOT RUNNING"));
}

#[tokio::test]
async fn the_sum_that_explain_shows_can_be_worked_out_by_hand_and_is_that_of_status() {
    let node = earner();
    node.tell(|inner| {
        for (n, channel) in (1..).zip(inner.channels.values_mut()) {
            channel.peer.0[1] = n;
        }
    });
    let home = Home::watched(MANAGED, &node, 3).await;
    let text = stdout(&home.run(&["explain", "700001x0x0", "--last", "1"]));
    let number = |start: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        let line = line.unwrap_or_else(|| panic!("no {start} in\n{text}"));
        let rest = line.trim_start().trim_start_matches(start).replace(',', "");
        let found = rest.split_whitespace().find_map(|word| word.parse().ok());
        found.expect("a number")
    };
    let (level, balance) = (number("price level"), number("balance          x"));
    let throughput = number("throughput       x");
    let asked = number("asks for         =");
    let by_hand = level * balance * throughput;
    assert!(
        (by_hand / asked - 1.0).abs() < 2e-4,
        "{by_hand} for {asked}\n{text}"
    );
    let explained = json(&home.run(&["explain", "700001x0x0", "--json"]));
    let status = json(&home.run(&["status", "--json"]));
    let channels = status["channels"].as_array().expect("a list");
    let line = channels.iter().find(|line| line["scid"] == "700001x0x0");
    let line = line.expect("the channel");
    for key in ["local_ratio", "target_fee_ppm"] {
        assert_eq!(explained[key], line[key], "{key}");
    }
    assert_eq!(explained["fees"]["fee_ppm"], line["fee_ppm"]);
    let shown = number("target fee now");
    assert_eq!(line["target_fee_ppm"].as_f64(), Some(shown), "{text}");
}

#[tokio::test]
async fn explain_goes_back_in_time_and_names_the_peer_group() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let text = stdout(&home.run(&["explain", "700001x0x0"]));
    assert!(text.contains("priced as one with 700002x0x0"), "{text}");
    let before = stdout(&home.run(&["explain", "700001x0x0", "--at", "2020-01-01"]));
    assert!(before.contains("No decision yet"), "{before}");
}

#[tokio::test]
async fn a_report_adds_up_and_holds_against_the_days_before() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let report = json(&home.run(&["report", "--days", "28", "--json"]));
    let msat = |value: &serde_json::Value| value["earned_msat"].as_u64().expect("msat");
    let days = report["by_day"].as_array().expect("days");
    assert_eq!(days.len(), 28);
    assert_eq!(days.iter().map(msat).sum::<u64>(), msat(&report["node"]));
    let channels = report["channels"].as_array().expect("channels");
    assert_eq!(
        channels.iter().map(msat).sum::<u64>(),
        msat(&report["node"])
    );
    let worth: f64 = channels
        .iter()
        .filter_map(|c| c["worth_msat"].as_f64())
        .sum();
    assert_eq!(worth, msat(&report["node"]) as f64, "the halves add up");
    assert_eq!(report["trend"], "rose");
    let text = stdout(&home.run(&["report", "--days", "28"]));
    for part in [
        "income has clearly risen",
        "today so far",
        "assist",
        "yield",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let long = stdout(&home.run(&["report", "--days", "60"]));
    assert!(long.contains("not all is known"), "{long}");
    let csv = stdout(&home.run(&["report", "--days", "2", "--csv"]));
    assert!(csv.starts_with("day,scid,"), "{csv}");
    // Two days and today, unless that has just begun; two channels.
    let rows = csv.lines().skip(1);
    let days: BTreeSet<&str> = rows.filter_map(|row| row.split(',').next()).collect();
    assert!((2..=3).contains(&days.len()), "{csv}");
    assert_eq!(csv.lines().count(), 1 + days.len() * 2, "{csv}");
}

#[tokio::test]
async fn prune_ranks_by_what_capital_earns_and_never_closes_an_earner() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let ranking = json(&home.run(&["prune", "--json"]));
    let channels = ranking["channels"].as_array().expect("channels");
    assert_eq!(channels.len(), 3);
    for line in channels {
        assert_eq!(line["judgement"], "watch", "too young: {line}");
        assert_eq!(line["opened_by"], "peer");
    }
    // Of those watched, the one whose capital could earn more elsewhere comes first.
    assert_eq!(channels[0]["scid"], "700003x0x0");
    let text = stdout(&home.run(&["prune"]));
    assert!(text.contains("0 of 30 days watched"), "{text}");
}

#[tokio::test]
async fn a_plan_shows_each_fee_as_it_should_be_and_what_the_limits_do() {
    let home = Home::watched("", &node(), 1).await;
    let plan = json(&home.run(&["plan", "--json"]));
    let channels = plan["channels"].as_array().expect("channels");
    let one = channels.iter().find(|line| line["scid"] == "700001x0x0");
    let one = one.expect("the channel");
    assert_eq!(one["fee_ppm"], 100);
    assert_eq!(one["proposed_ppm"], 550);
    assert_eq!(one["first_step_ppm"], 150);
    assert_eq!(one["state_code"], "would_change");
    let text = stdout(&home.run(&["plan"]));
    for part in [
        "first to 150 ppm",
        "peer offline",
        "level 550",
        "observe mode",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

/// The names of all fields, but for those of the config.
fn fields(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        serde_json::Value::Object(object) => {
            for (name, field) in object {
                found.insert(name.clone());
                if name != "settings" {
                    fields(field, found);
                }
            }
        }
        _ => {}
    }
}

fn other_peer() -> String {
    format!("02{}", "04".repeat(32))
}

/// A graph file in which the peer of channels 1 and 3 is reached by that of channel 2.
fn graph_file(home: &Home) -> String {
    let policy = |ppm: u32| {
        format!(
            r#"{{"time_lock_delta":80,"min_htlc":"1000","fee_base_msat":"0",
            "fee_rate_milli_msat":"{ppm}","disabled":false,"max_htlc_msat":"900000000"}}"#
        )
    };
    let text = format!(
        r#"{{"nodes":[],"edges":[{{"node1_pub":"{}","node2_pub":"{}","capacity":"1000000",
        "node1_policy":{},"node2_policy":{}}}]}}"#,
        other_peer(),
        "03".repeat(33),
        policy(10),
        policy(10),
    );
    let path = home.path("graph.json");
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[tokio::test]
async fn every_field_of_json_is_documented_and_carries_its_unit() {
    let documented = include_str!("../../docs/json.md");
    let node = earner();
    node.tell(|inner| {
        for (n, channel) in (1..).zip(inner.channels.values_mut()) {
            channel.peer_policy = channel.policy;
            channel.peer = match n {
                2 => PeerId([3; 33]),
                _ => PeerId::from_str(&other_peer()).expect("a key"),
            };
        }
    });
    let home = Home::watched(&format!("{MANAGED}level_ppm = 600\n"), &node, 12).await;
    home.run(&["pause"]);
    let graph = graph_file(&home);
    let commands: [&[&str]; 11] = [
        &["status"],
        &["plan"],
        &["report", "--days", "7"],
        &["explain", "700001x0x0", "--last", "20"],
        &["peers"],
        &["prune"],
        &[
            "prepare",
            "--receive",
            "600000",
            "--by",
            "5d",
            "--from",
            "700002x0x0",
            "--yes",
        ],
        &["leases", "--price-ppm-year", "1000000"],
        &["base-fee"],
        &["cycles", "--graph", &graph],
        &["restore-original"],
    ];
    let mut found = std::collections::BTreeSet::new();
    for command in commands {
        let shown = json(&home.run(&[command, &["--json"]].concat()));
        assert_eq!(shown["schema"], 1, "{command:?}");
        fields(&shown, &mut found);
    }
    let shown = stdout(&home.run(&["cycles", "--graph", &graph, "--json"]));
    assert!(found.contains("lncli"), "no rebalance: {shown}");
    assert!(found.len() > 120, "{} fields only", found.len());
    for name in &found {
        assert!(
            documented.contains(&format!("`{name}`")),
            "{name} is not in docs/json.md"
        );
    }
    for amount in found
        .iter()
        .filter(|name| name.contains("balance") || name.contains("fee_"))
    {
        let has_unit = ["_sat", "_msat", "_ppm"]
            .iter()
            .any(|unit| amount.ends_with(unit));
        assert!(
            has_unit || ["balance", "base_fee", "rebalances"].contains(&amount.as_str()),
            "{amount}"
        );
    }
    for code in [
        "at_target",
        "cooldown",
        "safety_stop",
        "external_change",
        "paced",
    ] {
        assert!(documented.contains(&format!("`{code}`")));
    }
}

/// The largest numbers that a graph file can hold, among honest ones.
#[test]
fn a_graph_of_numbers_beyond_any_sense_is_scouted() {
    let home = Home::new("");
    let mut text = String::new();
    for (from, to) in (0..8).flat_map(|from| (0..8).map(move |to| (from, to))) {
        // Our own channels are with 1 and 2 alone.
        let ours = from == 0 || to == 0;
        if from == to || ours && from + to > 2 {
            continue;
        }
        let cltv = if from + to == 9 { u64::MAX } else { 80 };
        text += &format!("{from},{to},10000000000000000000,1,1000,100,{cltv}\n");
    }
    let path = home.path("graph.csv");
    std::fs::write(&path, text).expect("a file");
    let path = path.display().to_string();
    let scouted = json(&home.run(&["scout", "--graph", &path, "--pubkey", "0", "--json"]));
    assert_eq!(scouted["graph_nodes"], 8);
    let peers = scouted["peers"].as_array().expect("a list");
    assert!(!peers.is_empty(), "{scouted}");
    for peer in peers {
        assert_eq!(peer["capacity_sat"], u64::MAX, "{peer}");
    }
}

/// 10 sat for 100,000 sat, half of that until 30 days ago: 1 sat doubles no fee.
#[tokio::test]
async fn base_fees_are_held_against_each_other_by_past_forwards() {
    let home = Home::watched(MANAGED, &earner(), 3).await;
    let found = json(&home.run(&["base-fee", "--days", "7", "--json"]));
    let forwards = found["forwards"].as_u64().expect("a count");
    assert!((7 * 24 - 6..=7 * 24).contains(&forwards), "{forwards}");
    let candidates = found["candidates"].as_array().expect("a list");
    // What the channel has now as a base fee is taken off first: nothing.
    for candidate in candidates {
        let base = candidate["base_fee_msat"].as_u64().expect("msat");
        let most = candidate["most_msat"].as_u64().expect("msat");
        assert_eq!(most, forwards * (10_000 + base));
        assert_eq!(candidate["doubled"], 0);
    }
    assert_eq!(found["best_base_fee_msat"], 1_000);
    let shown = stdout(&home.run(&["base-fee"]));
    assert!(shown.contains("Surely best: 1,000 msat"), "{shown}");
}
