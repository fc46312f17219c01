//! Alarms as they arrive at a server, in each service's documented form.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use sweetspot_alarm::{Error, Pace, Sender, send};
use sweetspot_core::alarm::message::Message;
use sweetspot_core::alarm::service::{Address, Service};
use sweetspot_core::alarm::settings::AlarmKind;
use sweetspot_core::alarm::standing::{Notice, Turn};
use sweetspot_core::testing::point;

/// What arrived: the first line, the headers in lower case, the body.
#[derive(Clone, Debug)]
struct Arrived {
    line: String,
    head: String,
    body: Value,
    at: Instant,
}

/// A server that answers each request with the next status, and 200 after them.
struct Server {
    address: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Server {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let arrived = Arc::new(Mutex::new(vec![]));
        let (into, mut statuses) = (Arc::clone(&arrived), statuses.iter().copied());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![];
                let request = loop {
                    let mut more = [0; 4_096];
                    let read = stream.read(&mut more).await.expect("bytes");
                    bytes.extend_from_slice(&more[..read]);
                    if let Some(request) = whole(&bytes) {
                        break request;
                    }
                };
                into.lock().expect("a list").push(request);
                let status = statuses.next().unwrap_or(200);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("written");
            }
        });
        Self { address, arrived }
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().expect("a list").clone()
    }

    async fn until(&self, count: usize) -> Vec<Arrived> {
        for _ in 0..1_000 {
            if self.arrived().len() >= count {
                return self.arrived();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.arrived());
    }
}

fn whole(bytes: &[u8]) -> Option<Arrived> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (line, head) = head.split_once("\r\n")?;
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    (body.len() == length.parse::<usize>().ok()?).then(|| Arrived {
        line: line.to_owned(),
        head: head.clone(),
        body: serde_json::from_str(body).expect("JSON"),
        at: Instant::now(),
    })
}

/// A folder with secrets.
struct Secrets(tempfile::TempDir);

impl Secrets {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

fn notice(n: u8, kind: AlarmKind) -> Notice {
    Notice {
        kind,
        channel: Some(point(n)),
        turn: Turn::Begins,
        text: format!("{n}x1x1 bob").as_str().into(),
        times: 1,
        lasted: Duration::ZERO,
    }
}

fn message() -> Message {
    Message::of(vec![notice(1, AlarmKind::ForceClose)], 0)
}

fn webhook(server: &Server) -> Service {
    Service::Webhook {
        url: Address::Plain(format!("{}/hook", server.address)),
        token_file: None,
    }
}

fn pace() -> Pace {
    Pace {
        most: 100,
        within: Duration::from_secs(3_600),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(50),
        give_up_after: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn a_webhook_gets_json_with_its_token() {
    let (server, secrets) = (Server::start(&[]).await, Secrets::new());
    let service = Service::Webhook {
        url: Address::File(secrets.file("url", &format!("{}/hook?key=abc\n", server.address))),
        token_file: Some(secrets.file("token", " s3cret\n")),
    };
    send(&service, &message()).await.expect("sent");
    let arrived = server.until(1).await.remove(0);
    assert_eq!(arrived.line, "POST /hook?key=abc HTTP/1.1");
    for part in [
        "authorization: bearer s3cret",
        "content-type: application/json",
        "host: 127.0.0.1:",
    ] {
        assert!(arrived.head.contains(part), "{}", arrived.head);
    }
    let wanted = json!({
        "schema": 1,
        "title": "sweetspot: force close",
        "text": message().text,
        "urgent": true,
        "left_off": 0,
        "alarms": [{
            "kind": "force_close",
            "state": "begins",
            "channel_point": point(1).to_string(),
            "text": "1x1x1 bob",
            "times": 1,
            "lasted_secs": 0,
        }],
    });
    assert_eq!(arrived.body, wanted);
}

#[tokio::test]
async fn ntfy_gets_its_json_at_the_servers_root() {
    let (server, secrets) = (Server::start(&[]).await, Secrets::new());
    let service = Service::Ntfy {
        server: server.address.clone(),
        topic_file: secrets.file("topic", "my-node\n"),
        token_file: Some(secrets.file("token", "tk_1")),
    };
    send(&service, &message()).await.expect("sent");
    let arrived = server.until(1).await.remove(0);
    assert_eq!(arrived.line, "POST / HTTP/1.1");
    assert!(arrived.head.contains("authorization: bearer tk_1"));
    let wanted = json!({
        "topic": "my-node",
        "title": "sweetspot: force close",
        "message": message().text,
        "priority": 4,
    });
    assert_eq!(arrived.body, wanted);
}

#[tokio::test]
async fn telegram_gets_plain_text_for_the_chat() {
    let (server, secrets) = (Server::start(&[]).await, Secrets::new());
    let service = Service::Telegram {
        server: server.address.clone(),
        token_file: secrets.file("token", "12:AB\n"),
        chat_id: -100_123,
    };
    send(&service, &Message::test()).await.expect("sent");
    let arrived = server.until(1).await.remove(0);
    assert_eq!(arrived.line, "POST /bot12:AB/sendMessage HTTP/1.1");
    let wanted = json!({
        "chat_id": -100_123,
        "text": "sweetspot: test\nThis is a test: alarms arrive here.",
        "disable_notification": true,
        "link_preview_options": { "is_disabled": true },
    });
    assert_eq!(arrived.body, wanted);
}

#[tokio::test]
async fn what_a_server_cannot_take_now_is_tried_again_and_what_it_refuses_is_not() {
    let server = Server::start(&[503, 429, 200, 401]).await;
    let sender = Sender::start(webhook(&server), pace());
    sender.tell(vec![notice(1, AlarmKind::Prune)]);
    let arrived = server.until(3).await;
    assert_eq!(arrived[0].body, arrived[2].body);
    sender.tell(vec![notice(2, AlarmKind::Prune)]);
    server.until(4).await;
    sender.tell(vec![notice(3, AlarmKind::Prune)]);
    let arrived = server.until(5).await;
    assert_eq!(arrived[4].body["alarms"][0]["text"], "3x1x1 bob");
}

#[tokio::test]
async fn what_comes_above_the_rate_is_put_together() {
    let server = Server::start(&[]).await;
    let pace = Pace {
        most: 1,
        within: Duration::from_secs(1),
        ..pace()
    };
    let sender = Sender::start(webhook(&server), pace);
    sender.tell(vec![notice(1, AlarmKind::Prune)]);
    server.until(1).await;
    for n in 2..=9 {
        sender.tell(vec![notice(n, AlarmKind::Prune)]);
    }
    let arrived = server.until(2).await;
    assert_eq!(arrived[1].body["alarms"].as_array().map(Vec::len), Some(8));
    let apart = arrived[1].at - arrived[0].at;
    assert!(apart > Duration::from_millis(900), "{apart:?}");
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let service = Service::Webhook {
        url: Address::Plain(url),
        token_file: None,
    };
    let sender = Sender::start(service, pace());
    let (connected, _) = {
        sender.tell(vec![notice(1, AlarmKind::Prune)]);
        listener.accept().await.expect("a connection")
    };
    let began = Instant::now();
    for _ in 0..10_000 {
        sender.tell(vec![notice(1, AlarmKind::Prune)]);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    drop((sender, connected));
}

#[tokio::test]
async fn a_secret_that_is_no_line_is_not_sent_and_not_shown() {
    let (server, secrets) = (Server::start(&[]).await, Secrets::new());
    for text in ["", "two words", "a\nb", "b\u{e4}d"] {
        let service = Service::Ntfy {
            server: server.address.clone(),
            topic_file: secrets.file("topic", text),
            token_file: None,
        };
        let error = send(&service, &message()).await.expect_err("no topic");
        assert!(matches!(error, Error::Secret(_)), "{error}");
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    assert!(server.arrived().is_empty());
}
