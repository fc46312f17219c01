//! The few REST calls for which `lncli` insists on a terminal, or a macaroon not yet there.
//!
//! Plain HTTP/1.0 over loopback: the nodes of this test serve REST without TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Sends `body` by POST, or a GET without one, and gives the reply's JSON if it is a success.
pub fn call(port: u16, path: &str, body: Option<&Value>) -> Result<Value, String> {
    exchange(port, path, body)
        .map_err(|e| format!("{path} on port {port}: {e}"))
        .and_then(|reply| parse(&reply).ok_or_else(|| format!("{path} on port {port}: {reply}")))
}

fn exchange(port: u16, path: &str, body: Option<&Value>) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let body = body.map(Value::to_string);
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

fn parse(reply: &str) -> Option<Value> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    head.lines().next()?.ends_with("200 OK").then_some(())?;
    serde_json::from_str(body).ok()
}
