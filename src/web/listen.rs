//! Takes connections: few, each with little memory and little time, so that whoever
//! knocks can fill neither the machine nor the daemon.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

/// Connections at once: a browser opens six, and there are few operators.
const CONNECTIONS: usize = 64;

/// How long a request's head may take to arrive: also how long an idle connection
/// is kept.
const HEAD: Duration = Duration::from_secs(10);

/// The longest life of a connection, whatever it does.
const CONNECTION: Duration = Duration::from_secs(120);

/// The most memory for what arrives; the heads of browsers are under 4 kB.
const BUFFER_BYTES: usize = 16 * 1_024;

/// The pause after a port could not be opened, or a connection not be taken.
const RETRY: Duration = Duration::from_secs(30);

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Opens the port, as often as it takes, and serves on it.
pub async fn serve(address: SocketAddr, app: Router, stop: &CancellationToken) {
    let mut said = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) if !said => {
                error!(%error, %address, "cannot serve the page: trying again");
                said = true;
            }
            Err(error) => debug!(%error, "cannot serve the page yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    };
    info!("page, HTTP interface and metrics on http://{address}");
    serve_on(listener, app, stop).await;
}

/// Serves on an open port.
pub async fn serve_on(listener: TcpListener, app: Router, stop: &CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, as a rule: it passes.
                debug!(%error, "cannot take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // One too many is closed at once.
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            continue;
        };
        let (app, stop) = (app.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = tokio::time::timeout(CONNECTION, one(stream, Peer(peer), app)) => {}
            }
            drop(slot);
        });
    }
}

async fn one(stream: TcpStream, peer: Peer, app: Router) {
    let app = TowerToHyperService::new(app);
    let app = hyper::service::service_fn(move |mut request: hyper::Request<_>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), app)
        .await;
    if let Err(error) = served {
        debug!(%error, "a connection to the page broke off");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// What comes back for `sent`, and how long the connection lasts after that.
    async fn answer(sent: &str) -> (String, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().route("/", axum::routing::get(async || "here"));
        tokio::spawn(async move { serve_on(listener, app, &CancellationToken::new()).await });
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let begun = Instant::now();
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer).await;
        (String::from_utf8(answer).expect("text"), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_half_a_sentence_or_nothing_more_is_not_waited_for() {
        let (said, lasted) = answer("GET / HTTP/1.1\r\nHost: a").await;
        assert!(!said.contains("200 OK"), "{said}");
        assert!((HEAD..CONNECTION).contains(&lasted), "{lasted:?}");
        let (said, lasted) = answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(said.ends_with("here"), "{said}");
        assert!((HEAD..CONNECTION).contains(&lasted), "{lasted:?}");
    }
}
