//! `mcp` as an agent meets it: JSON-RPC over the program's pipes.

use serde_json::{Value, json};

use super::*;

const READING: [&str; 5] = ["explain", "plan", "prune", "report", "status"];
const ORDERS: [&str; 7] = [
    "ignore", "manage", "pause", "pin", "release", "resume", "target",
];

fn request(id: usize, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// What is answered to some lines, given in one go. Each line of the output is a
/// message of the protocol, or the test fails.
fn said(home: &Home, args: &[&str], lines: &[String]) -> Vec<Value> {
    let mut command = home.command(&[&["mcp"], args].concat());
    let command = command.timeout(Duration::from_secs(60));
    let output = command.write_stdin(lines.join("\n") + "\n").output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", stderr(&output));
    let messages = stdout(&output);
    let messages = messages.lines().map(serde_json::from_str);
    messages.map(|message| message.expect("JSON")).collect()
}

/// The answers to an agent that begins as the protocol asks and then calls methods.
fn answers(home: &Home, args: &[&str], calls: &[(&str, Value)]) -> Vec<Value> {
    let hello = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "a\u{202e}n agent", "version": "1" },
    });
    let mut lines = vec![
        request(0, "initialize", &hello),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string(),
    ];
    let calls = calls.iter().enumerate();
    lines.extend(calls.map(|(n, (method, params))| request(n + 1, method, params)));
    let mut messages = said(home, args, &lines);
    messages.sort_by_key(|message| message["id"].as_u64());
    assert_eq!(messages.len(), lines.len() - 1, "{messages:?}");
    messages
}

fn call(tool: &str, arguments: Value) -> (&'static str, Value) {
    (
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
}

/// The text of a tool's answer, and whether it is an error.
fn text(answer: &Value) -> (&str, bool) {
    let result = &answer["result"];
    let text = result["content"][0]["text"].as_str();
    let failed = result["isError"].as_bool();
    (text.expect("a text"), failed.unwrap_or(false))
}

fn tools(answer: &Value) -> Vec<&Value> {
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let mut tools: Vec<&Value> = tools.iter().collect();
    tools.sort_by_key(|tool| tool["name"].as_str());
    tools
}

fn names(answer: &Value) -> Vec<&str> {
    let names = tools(answer).into_iter().map(|tool| tool["name"].as_str());
    names.map(|name| name.expect("a name")).collect()
}

/// JSON without the moment at which it was made.
fn timeless(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("at");
    }
    value
}

#[tokio::test]
async fn an_agent_gets_what_the_commands_print() {
    let home = Home::watched(MANAGED, &node(), 12).await;
    let asked = [
        call("status", json!({})),
        call("plan", json!({})),
        call("prune", json!({})),
        call("report", json!({ "days": 7 })),
        call("explain", json!({ "channel": "peer-1", "last": 2 })),
    ];
    let commands: [&[&str]; 5] = [
        &["status"],
        &["plan"],
        &["prune"],
        &["report", "--days", "7"],
        &["explain", "peer-1", "--last", "2"],
    ];
    let answers = answers(&home, &[], &asked);
    for (answer, command) in answers[1..].iter().zip(commands) {
        let printed = json(&home.run(&[command, &["--json"]].concat()));
        assert_eq!(printed["schema"], 1, "{printed}");
        let (text, failed) = text(answer);
        assert!(!failed, "{text}");
        let structured = answer["result"]["structuredContent"].clone();
        let text: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(text, structured, "{command:?}");
        assert_eq!(timeless(structured), timeless(printed), "{command:?}");
    }
}

#[tokio::test]
async fn an_agent_may_ask_how_it_was() {
    let node = node();
    let home = Home::watched(MANAGED, &node, 12).await;
    let then = node.now().minus(Duration::from_secs(6 * 3_600));
    let at = sweetspot_core::types::time::rfc3339(then);
    let asked = [
        call("explain", json!({ "channel": "700001x0x0", "at": at })),
        call("explain", json!({ "channel": "700001x0x0", "at": "soon" })),
    ];
    let answers = answers(&home, &[], &asked);
    let printed = json(&home.run(&["explain", "700001x0x0", "--at", &at, "--json"]));
    assert_eq!(answers[1]["result"]["structuredContent"], printed);
    assert!(text(&answers[2]).1, "{:?}", answers[2]);
}

#[tokio::test]
async fn what_cannot_be_told_is_an_error_in_the_commands_words_and_the_server_goes_on() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let asked = [
        call("explain", json!({ "channel": "nobody" })),
        call("explain", json!({ "channel": "peer" })),
        call("report", json!({ "days": 0 })),
        call("status", json!({})),
    ];
    let found = answers(&home, &[], &asked);
    let (unknown, failed) = text(&found[1]);
    let printed = stderr(&home.run(&["explain", "nobody"]));
    assert!(
        failed && printed == format!("sweetspot: {unknown}\n"),
        "{unknown}"
    );
    let (several, failed) = text(&found[2]);
    assert!(
        failed && several.contains("700002x0x0 (peer-2)"),
        "{several}"
    );
    assert_eq!(text(&found[3]), ("days must be from 1 to 3660", true));
    assert!(!text(&found[4]).1, "{:?}", found[4]);

    let empty = Home::new("");
    let found = answers(&empty, &[], &[call("status", json!({}))]);
    let (missing, failed) = text(&found[1]);
    let printed = stderr(&empty.run(&["status"]));
    assert!(
        failed && printed == format!("sweetspot: {missing}\n"),
        "{missing}"
    );
}

#[tokio::test]
async fn an_agent_only_reads_unless_the_operator_allows_more() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let pin = json!({ "channel": "700001x0x0", "ppm": 250 });
    let asked = [("tools/list", json!({})), call("pin", pin)];
    let answers = answers(&home, &[], &asked);
    let instructions = answers[0]["result"]["instructions"].as_str();
    assert!(instructions.expect("some").contains("untrusted"));
    assert_eq!(names(&answers[1]), READING);
    for tool in tools(&answers[1]) {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }
    assert!(answers[2]["error"].is_object(), "{:?}", answers[2]);
    let explained = json(&home.run(&["explain", "700001x0x0", "--json"]));
    assert_eq!(explained["orders"], json!([]));
}

#[tokio::test]
async fn an_agent_that_may_gives_orders_like_those_of_the_command_line() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let channel = |n: u8| scid(n).to_string();
    let asked = [
        ("tools/list", json!({})),
        call(
            "pin",
            json!({ "channel": channel(1), "ppm": 250, "until": "6h" }),
        ),
        call("target", json!({ "channel": channel(2), "ratio": 0.25 })),
        call("ignore", json!({ "channel": channel(3) })),
        call("pause", json!({})),
    ];
    let found = answers(&home, &["--allow-orders"], &asked);
    let mut all = [&READING[..], &ORDERS].concat();
    all.sort_unstable();
    assert_eq!(names(&found[1]), all);
    for tool in tools(&found[1]) {
        let name = tool["name"].as_str().expect("a name");
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], READING.contains(&name), "{tool}");
        if ORDERS.contains(&name) {
            assert_eq!(hints["destructiveHint"], name != "pause", "{tool}");
        }
    }
    for answer in &found[2..] {
        assert!(!text(answer).1, "{answer}");
    }
    assert!(
        text(&found[2]).0.contains("pin 250 ppm until"),
        "{:?}",
        found[2]
    );
    assert_eq!(given_by(&home).await, ["mcp an agent"; 4]);

    let asked = [
        call("release", json!({ "channel": channel(1) })),
        call("manage", json!({ "channel": channel(3) })),
        call("resume", json!({})),
    ];
    let found = answers(&home, &["--allow-orders"], &asked);
    for answer in &found[1..] {
        assert!(!text(answer).1, "{answer}");
    }
    let explained = json(&home.run(&["explain", &channel(1), "--json"]));
    assert_eq!(explained["orders"], json!([]));
}

/// Who gave each order that is stored.
async fn given_by(home: &Home) -> Vec<String> {
    use sqlx::Row;
    let url = format!("sqlite://{}", home.path("sweetspot.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("opens");
    let rows = sqlx::query("select given_by from orders").fetch_all(&pool);
    let rows = rows.await.expect("reads");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_order_that_is_not_quite_right_is_none() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let channel = "700001x0x0";
    let asked = [
        call("pin", json!({ "channel": channel, "ppm": 1_000_001 })),
        call("pin", json!({ "channel": channel, "ppm": -1 })),
        call(
            "pin",
            json!({ "channel": channel, "ppm": 5, "untill": "6h" }),
        ),
        call(
            "pin",
            json!({ "channel": channel, "ppm": 5, "until": "2020-01-01" }),
        ),
        call("pin", json!({ "channel": "peer", "ppm": 5 })),
        call("target", json!({ "channel": channel, "ratio": 1.5 })),
        call("release", json!({})),
        call("resume", json!({ "until": "6h" })),
    ];
    for answer in &answers(&home, &["--allow-orders"], &asked)[1..] {
        let refused = answer["error"].is_object() || text(answer).1;
        assert!(refused, "{answer}");
    }
    assert!(given_by(&home).await.is_empty());
}

#[tokio::test]
async fn lines_that_are_no_messages_end_nothing() {
    let home = Home::watched(MANAGED, &node(), 1).await;
    let hello = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "agent", "version": "1" },
    });
    let garbage = [
        "",
        "no JSON",
        "{\"jsonrpc\":",
        "[[[",
        "\u{0}\u{1b}[2J",
        "{}",
        "7",
    ];
    let mut lines: Vec<String> = garbage.map(str::to_owned).to_vec();
    lines.push(request(0, "initialize", &hello));
    lines.push(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
    lines.extend(garbage.map(str::to_owned));
    lines.push(request(1, "no/such", &json!({})));
    lines.push(request(
        2,
        "tools/call",
        &json!({ "name": "no-such", "arguments": 5 }),
    ));
    lines.push(request(3, "tools/call", &json!({ "name": "status" })));
    let messages = said(&home, &[], &lines);
    let answer = |id: u64| messages.iter().find(|message| message["id"] == id);
    assert!(answer(1).expect("one")["error"].is_object());
    assert!(!text(answer(3).expect("one")).1);
}

#[test]
fn an_agent_that_says_nothing_ends_it() {
    let home = Home::new("");
    let mut command = home.command(&["mcp"]);
    let output = command.timeout(Duration::from_secs(60)).write_stdin("");
    let output = output.output().expect("it runs");
    assert_eq!(stdout(&output), "");
    assert!(output.status.code().is_some(), "ended by itself");
}
