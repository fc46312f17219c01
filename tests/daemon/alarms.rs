//! The daemon calls the operator.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::running::{Running, until};
use super::support::point;
use super::{FakeLnd, PINNED, node, ppm, set_fee, until_ppm};
use sweetspot_lnd::proto::pending_channels_response::{PendingChannel, WaitingCloseChannel};

/// A server that answers 200, or never.
struct Server {
    port: u16,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let bodies = Arc::new(Mutex::new(vec![]));
        let into = Arc::clone(&bodies);
        std::thread::spawn(move || {
            let mut open = vec![];
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                if answers {
                    into.lock().expect("a list").push(taken(&mut stream));
                }
                open.push(stream);
            }
        });
        Self { port, bodies }
    }

    fn has(&self, part: &str) -> bool {
        let bodies = self.bodies.lock().expect("a list");
        bodies.iter().any(|body| body.contains(part))
    }
}

/// Reads a request, answers it, and returns its body.
fn taken(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    loop {
        let mut more = [0; 4_096];
        let read = stream.read(&mut more).expect("bytes");
        bytes.extend_from_slice(&more[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse() == Ok(body.len())) {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer).expect("written");
            return body.to_owned();
        }
    }
}

const TOKEN: &str = "12345:AAtokenAAtoken";
const TOPIC: &str = "my-secret-topic";

fn secret(daemon: &Running, name: &str, text: &str) -> PathBuf {
    let path = daemon.path(name);
    std::fs::write(&path, text).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, mode).expect("a mode");
    path
}

/// A daemon that is ready to start and calls by ntfy and Telegram.
fn prepared(node: &FakeLnd, server: &Server, ntfy: &Server) -> Running {
    let daemon = Running::prepare(node, "");
    let settings = format!(
        "{PINNED}[alarm.telegram]\nserver = \"http://127.0.0.1:{}\"\ntoken_file = {:?}\n\
         chat_id = 42\n[alarm.ntfy]\nserver = \"http://127.0.0.1:{}\"\ntopic_file = {:?}\n",
        server.port,
        secret(&daemon, "token", TOKEN),
        ntfy.port,
        secret(&daemon, "topic", TOPIC),
    );
    daemon.set(node, &settings);
    daemon
}

#[tokio::test]
async fn an_external_change_is_told_cleaned_though_another_service_hangs() {
    let node = node(1);
    let hostile = "\u{1b}[31mevil\u{202e}\r\n2026 ERROR forged";
    node.world().channel(1).said.peer_alias = hostile.to_owned();
    let (server, hangs) = (Server::start(true), Server::start(false));
    let mut daemon = prepared(&node, &server, &hangs);
    daemon.launch(&["--log-level", "trace"]);
    until_ppm(&node, 1, 900).await;
    daemon.logs("fee changed").await;
    set_fee(&node, 1, 500);
    until("it is told", async || server.has("set to 500 ppm")).await;
    let told = server.bodies.lock().expect("a list").join("\n");
    for part in ["\\u001b", "\\u202e", "\\r", "\u{1b}", "\u{202e}"] {
        assert!(!told.contains(part), "{part:?} in {told}");
    }
    assert!(told.contains("[31mevil 2026 ERROR forged"), "{told}");
    // Cycles go on beside the service that hangs.
    let reads = node.world().count("ListChannels");
    until("three more cycles", async || {
        node.world().count("ListChannels") > reads + 2
    })
    .await;
    assert_eq!(ppm(&node, 1), 500);
    for secret in [TOKEN, TOPIC] {
        assert!(!daemon.log().contains(secret), "{}", daemon.log());
    }
    daemon.signal("TERM");
    assert!(daemon.ended().await.success());
}

#[tokio::test]
async fn a_force_close_is_told_and_a_close_by_agreement_is_not() {
    let node = node(1);
    let waiting = |n: u8, flags: &str| WaitingCloseChannel {
        channel: Some(PendingChannel {
            channel_point: point(n),
            chan_status_flags: flags.to_owned(),
            ..Default::default()
        }),
        limbo_balance: 12_345,
        ..Default::default()
    };
    node.world().pending.waiting_close_channels = vec![
        waiting(8, "ChanStatusCoopBroadcasted|ChanStatusLocalCloseInitiator"),
        waiting(
            9,
            "ChanStatusCommitBroadcasted|ChanStatusLocalCloseInitiator",
        ),
    ];
    let (server, ntfy) = (Server::start(true), Server::start(true));
    let mut daemon = prepared(&node, &server, &ntfy);
    daemon.launch(&[]);
    until("it is told", async || server.has("12,345 sat wait")).await;
    assert!(server.has(&point(9)) && !server.has(&point(8)));
    node.world().pending = Default::default();
    until("it is over", async || server.has("over: force close")).await;
}

#[tokio::test]
async fn a_test_message_is_sent_to_each_service_and_its_failure_told() {
    let node = node(1);
    let (server, ntfy) = (Server::start(true), Server::start(true));
    let daemon = prepared(&node, &server, &ntfy);
    let said = daemon.says(&["alarm", "test"]);
    assert!(said.contains("ntfy: sent") && said.contains("telegram: sent"));
    assert!(server.has("alarms arrive here") && ntfy.has(TOPIC));
    std::fs::remove_file(daemon.path("topic")).expect("removed");
    let output = daemon.program().args(["alarm", "test"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains("ntfy: not sent: "), "{said}");
    let checked = daemon.says(&["check"]);
    assert!(checked.contains("cannot read"), "{checked}");
}

#[tokio::test]
async fn secrets_that_others_can_read_are_told_by_check() {
    let node = node(1);
    let (server, ntfy) = (Server::start(true), Server::start(true));
    let daemon = prepared(&node, &server, &ntfy);
    let danger = "a secret of the alarms";
    assert!(!daemon.says(&["check"]).contains(danger));
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(daemon.path("token"), mode).expect("a mode");
    let checked = daemon.says(&["check"]);
    assert!(checked.contains(danger), "{checked}");
    assert!(!checked.contains(TOKEN));
}
