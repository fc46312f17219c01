//! The page, the interface and the metrics of a running daemon.

mod limits;
mod metrics;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::node;
use crate::running::{Running, until};

/// A daemon with a page, and where that is.
struct Page {
    daemon: Running,
    address: SocketAddr,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

impl Page {
    async fn start(node: &crate::support::FakeLnd, password: bool) -> Self {
        Self::start_with(node, password, "").await
    }

    /// With more lines below `[web]`.
    async fn start_with(node: &crate::support::FakeLnd, password: bool, more: &str) -> Self {
        let address = free();
        let mut daemon = Running::prepare(node, "");
        let file = daemon.path("password");
        std::fs::write(&file, "correct horse\n").expect("written");
        let mut settings =
            format!("[web]\nlisten = \"{address}\"\n{more}[defaults]\nmode = \"manage\"\n");
        if password {
            let line = format!("[web]\npassword_file = \"{}\"\n", file.display());
            settings = settings.replace("[web]\n", &line);
        }
        daemon.set(node, &settings);
        daemon.launch(&[]);
        let page = Self { daemon, address };
        until("a page that is ready", async || page.answers("/readyz")).await;
        page
    }

    fn ask(&self, lines: &str, body: &str) -> String {
        ask(self.address, lines, body)
    }

    /// Whether there is an answer, and a good one.
    fn answers(&self, path: &str) -> bool {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}", self.address);
        try_ask(self.address, &head, "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    fn get(&self, path: &str) -> String {
        self.ask(
            &format!("GET {path} HTTP/1.1\r\nHost: {}", self.address),
            "",
        )
    }

    /// The token of a session, as its pages have it.
    fn token(&self, cookie: &str) -> String {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}",
            self.address
        );
        let shown = self.ask(&head, "");
        let token = shown.split("name=\"csrf\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        token.expect("a token").to_owned()
    }

    fn post(&self, path: &str, cookie: &str, body: &str) -> String {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}",
            self.address
        );
        self.ask(&head, body)
    }
}

/// The whole answer to a request of these lines.
fn ask(address: SocketAddr, lines: &str, body: &str) -> String {
    try_ask(address, lines, body).expect("answered")
}

fn try_ask(address: SocketAddr, lines: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    let request = format!(
        "{lines}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The session that an answer begins.
fn cookie(answer: &str) -> &str {
    let mut lines = answer.lines();
    let cookie = lines.find_map(|line| line.strip_prefix("set-cookie: "));
    let pair = cookie.and_then(|cookie| cookie.split(';').next());
    pair.expect("a cookie")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

#[tokio::test]
async fn the_interface_gives_what_the_commands_print() {
    let node = node(3);
    node.world().channel(1).said.peer_alias = "<script>alert(1)</script>".to_owned();
    let page = Page::start(&node, false).await;
    // What stands in the report and in prune does not move with each second.
    for (path, command) in [
        (
            "/api/v1/report?days=7",
            vec!["report", "--days", "7", "--json"],
        ),
        ("/api/v1/status", vec!["status", "--json"]),
        ("/api/v1/plan", vec!["plan", "--json"]),
        ("/api/v1/prune", vec!["prune", "--json"]),
        (
            "/api/v1/explain/800001x1x0",
            vec!["explain", "800001x1x0", "--json"],
        ),
    ] {
        let answer = page.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        let served: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
        let printed = page
            .daemon
            .program()
            .args(&command)
            .output()
            .expect("it runs");
        let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).expect("JSON");
        let names = |value: &serde_json::Value| {
            let fields = value.as_object().expect("an object");
            fields.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&served), names(&printed), "{path}");
        assert_eq!(served["node"], printed["node"], "{path}");
    }
    for path in [
        "/",
        "/channels",
        "/channel/800001x1x0?span=day",
        "/decisions",
        "/prune",
        "/rollback",
        "/settings",
        "/health",
    ] {
        let answer = page.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(!answer.contains("<script"), "{path}");
        assert!(
            answer.contains("content-security-policy: default-src 'none'"),
            "{path}"
        );
        // Without a password nothing can be ordered.
        assert!(!answer.contains("method=\"post\""), "{path}");
    }
    assert!(page.get("/channels").contains("&lt;script&gt;"));
    let ordered = page.post("/order", "", "csrf=&verb=pause");
    assert!(ordered.starts_with("HTTP/1.1 403"), "{ordered}");
    let head = "GET /api/v1/status HTTP/1.1\r\nHost: evil.example";
    assert!(page.ask(head, "").starts_with("HTTP/1.1 421"));
}

#[tokio::test]
async fn every_path_of_the_interface_is_described_with_its_fields() {
    let node = node(1);
    let page = Page::start(&node, false).await;
    let answer = page.get("/api/v1/openapi.json");
    let described: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        let asked = path.replace("{channel}", "800001x1x0");
        let answer = page.get(&format!("/api/v1{asked}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        let served: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
        let schema = &methods["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let required = schema["required"].as_array().expect("fields").iter();
        let mut required: Vec<&str> = required.filter_map(|name| name.as_str()).collect();
        let mut names: Vec<&str> = served
            .as_object()
            .expect("it")
            .keys()
            .map(String::as_str)
            .collect();
        required.sort_unstable();
        names.sort_unstable();
        if path == "/openapi.json" {
            names.retain(|name| required.contains(name));
        }
        assert_eq!(names, required, "{path}");
    }
    assert_eq!(paths.len(), sweetspot::web::PATHS.len());
    for path in sweetspot::web::PATHS {
        assert!(paths.contains_key(path), "{path} is not described");
    }
}

#[tokio::test]
async fn who_is_logged_in_orders_with_the_token_of_the_session_only() {
    let node = node(1);
    let page = Page::start(&node, true).await;
    assert!(page.get("/").starts_with("HTTP/1.1 303"));
    assert!(page.get("/api/v1/status").starts_with("HTTP/1.1 401"));
    assert!(page.get("/metrics").starts_with("HTTP/1.1 401"));
    assert!(page.get("/healthz").starts_with("HTTP/1.1 200"));
    let wrong = page.post("/login", "", "password=wrong+horse");
    assert!(wrong.starts_with("HTTP/1.1 403"), "{wrong}");
    let right = page.post("/login", "", "password=correct+horse");
    assert!(right.contains("HttpOnly; SameSite=Strict"), "{right}");
    let cookie = cookie(&right);
    let token = page.token(cookie);
    let token = token.as_str();
    let pause = |token: &str, cookie: &str| {
        page.post("/order", cookie, &format!("csrf={token}&verb=pause&until="))
    };
    assert!(pause("0000", cookie).starts_with("HTTP/1.1 403"));
    assert!(pause(token, "").starts_with("HTTP/1.1 303"));
    assert_eq!(
        page.daemon
            .reader()
            .await
            .orders()
            .await
            .expect("reads")
            .0
            .len(),
        0
    );
    let ordered = pause(token, cookie);
    assert!(ordered.contains("Paused"), "{ordered}");
    assert_eq!(
        page.daemon
            .reader()
            .await
            .orders()
            .await
            .expect("reads")
            .0
            .len(),
        1
    );
    page.daemon.logs("order from the page").await;
    assert!(!page.daemon.log().contains("horse"));
}

#[tokio::test]
async fn behind_a_proxy_the_log_names_who_it_says_it_is() {
    let node = node(1);
    let page = Page::start_with(&node, true, "proxy = true\n").await;
    let post = |path: &str, cookie: &str, body: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\
             X-Forwarded-For: 192.0.2.9, 192.0.2.7",
            page.address
        );
        page.ask(&head, body)
    };
    post("/login", "", "password=wrong+horse");
    let right = post("/login", "", "password=correct+horse");
    let cookie = cookie(&right);
    let token = page.token(cookie);
    let ordered = post("/order", cookie, &format!("csrf={token}&verb=pause&until="));
    assert!(ordered.contains("Paused"), "{ordered}");
    for event in [
        "wrong password",
        "logged in to the page",
        "order from the page",
    ] {
        page.daemon.logs(event).await;
        let log = page.daemon.log();
        let line = log.lines().find(|line| line.contains(event));
        let line = line.expect("logged");
        assert!(
            line.contains("192.0.2.7") && !line.contains("192.0.2.9"),
            "{line}"
        );
    }
}
