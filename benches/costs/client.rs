//! A child process that does cycles when told to, and what it answers.
//!
//! The parent writes the time of a cycle, a line each; the child answers what it took.
//! At the end of its input the child says what it used in all.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::meter;
use crate::support::FakeLnd;

/// What one cycle took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    pub wall: Duration,
    pub cpu: Duration,
}

/// A child and the pipes to it.
pub struct Client {
    child: Child,
    /// Closed to end it.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Client {
    /// A child that is told `more` than where the node is.
    pub fn start(kind: &str, lnd: &FakeLnd, more: &[String]) -> Self {
        let folder = lnd.cert_path();
        let folder = folder.parent().expect("a folder");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["child", kind, &lnd.address()])
            .arg(folder)
            .args(more)
            // As deploy/sweetspot.service has it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        Self {
            orders: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("a pipe")),
            child,
        }
    }

    /// Has it do a cycle at this time.
    pub fn cycle(&mut self, at_secs: u64) -> Took {
        let orders = self.orders.as_mut().expect("open");
        writeln!(orders, "{at_secs}").expect("the child listens");
        let [wall, cpu] = self.numbers();
        let [wall, cpu] = [wall, cpu].map(Duration::from_nanos);
        Took { wall, cpu }
    }

    /// What it says at its end.
    pub fn end<const N: usize>(mut self) -> [u64; N] {
        self.orders = None;
        let said = self.numbers();
        self.child.wait().expect("ends");
        said
    }

    fn numbers<const N: usize>(&mut self) -> [u64; N] {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|word| crate::number(word.trim()))
            .collect();
        numbers.try_into().expect("as many as asked for")
    }
}

/// The child's side: does what `cycle` does at each time that it is told.
pub async fn obey(mut cycle: impl AsyncFnMut(u64)) {
    for line in std::io::stdin().lines() {
        let at_secs = crate::number(&line.expect("a line"));
        let (began, busy) = (Instant::now(), meter::cpu());
        cycle(at_secs).await;
        let (wall, busy) = (began.elapsed(), meter::cpu() - busy);
        println!("{} {}", wall.as_nanos(), busy.as_nanos());
    }
}

/// Threads and timers as the program has them.
pub fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

/// Where the files of the node are, and what it takes to reach it.
pub fn config(address: &str, folder: &Path) -> sweetspot_lnd::LndConfig {
    sweetspot_lnd::LndConfig {
        address: address.to_owned(),
        tls: sweetspot_lnd::Tls::Pinned(folder.join("tls.cert")),
        macaroon: sweetspot_lnd::MacaroonSource::File(folder.join("node.macaroon")),
        socks5_proxy: None,
        request_timeout: Duration::from_secs(60),
    }
}
