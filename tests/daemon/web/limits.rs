//! What is wrong with the page, or done to it, stops no fee.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::{Page, free};
use crate::running::{Running, until};
use crate::{node, ppm, set_fee, until_ppm};

/// More than are served at once.
const CROWD: usize = 80;

#[tokio::test]
async fn a_crowd_of_connections_is_kept_out_and_the_cycle_turns() {
    let node = node(1);
    let page = Page::start(&node, false).await;
    let mut crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| TcpStream::connect(page.address).expect("a connection"))
        .collect();
    // The last ones are closed at once, without a word.
    let mut nothing = String::new();
    let read = crowd
        .last_mut()
        .map(|last| last.read_to_string(&mut nothing));
    assert!(!matches!(read, Some(Ok(1..))), "{nothing}");
    let store = page.daemon.reader().await;
    let cycle = async || store.last_cycle().await.expect("reads").expect("one").at;
    let before = cycle().await;
    until("another cycle", async || cycle().await > before).await;
    drop(crowd);
    until("a page again", async || page.answers("/healthz")).await;
}

#[tokio::test]
async fn a_form_that_is_too_large_is_not_read() {
    let node = node(1);
    let page = Page::start(&node, true).await;
    let password = "x".repeat(9_000);
    let answer = page.post("/login", "", &format!("password={password}"));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut stream = TcpStream::connect(page.address).expect("a connection");
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nX: {}",
        page.address,
        "x".repeat(40_000)
    );
    // It may hang up before all is sent.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_served_stops_no_fee() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let free = free();
    for (web, says) in [
        (format!("listen = \"{address}\""), "cannot serve the page"),
        (
            format!("listen = \"{free}\"\npassword_file = \"/nowhere/password\""),
            "the page is not served",
        ),
    ] {
        let node = node(1);
        set_fee(&node, 1, 100);
        let daemon = Running::start(&node, &format!("[web]\n{web}\n{}", crate::PINNED));
        until_ppm(&node, 1, 900).await;
        assert_eq!(ppm(&node, 1), 900);
        daemon.logs(says).await;
        assert!(TcpStream::connect(free).is_err());
    }
}
