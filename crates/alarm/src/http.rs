//! One POST over HTTP/1.1: connected, sent, and the status read. No error names the
//! address, which may be a secret.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::secret::Secret;

/// A server that needs longer for some hundred bytes is away.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be posted.
#[derive(Debug)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// The bearer token.
    pub bearer: Option<Secret>,
    /// JSON.
    pub body: String,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A secret cannot be read.
    #[error("{0}")]
    Secret(String),
    /// The address is none that is sent to.
    #[error("the address {0}")]
    Address(&'static str),
    /// Nobody answers.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server is not who it should be.
    #[error("TLS fails: {0}")]
    Tls(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// The server said no.
    #[error("the server answers {0}{hint}", hint = hint(*.0))]
    Status(u16),
}

impl SendError {
    /// Whether the same may be taken later: what a server refuses, it refuses again.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 429 | 500..=599),
            Self::Address(_) => false,
            _ => true,
        }
    }
}

fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => ": it wants to lead elsewhere, which is not followed",
        400 => ": it does not take the message (is the chat or topic right?)",
        401 | 403 => ": it does not take the token",
        404 => ": there is nothing at this address (or the bot's token is wrong)",
        429 => ": too many messages",
        _ => "",
    }
}

/// Posts it; any answer but a success is an error.
pub async fn post(request: Request) -> Result<(), SendError> {
    let sent = tokio::time::timeout(PATIENCE, post_patiently(request)).await;
    sent.unwrap_or(Err(SendError::Slow))
}

async fn post_patiently(request: Request) -> Result<(), SendError> {
    let uri: Uri = request
        .url
        .parse()
        .map_err(|_| SendError::Address("is no URL"))?;
    let host = uri.host().ok_or(SendError::Address("names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if is_near(host) => false,
        Some("http") => return Err(SendError::Address("must be https, outside your network")),
        _ => return Err(SendError::Address("must be https")),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(|error| SendError::Connect(error.to_string()))?;
    match tls {
        true => {
            let name = ServerName::try_from(host.to_owned());
            let name = name.map_err(|_| SendError::Address("has no host that TLS knows"))?;
            let connected = connector()?.connect(name, stream).await;
            let stream = connected.map_err(|error| SendError::Tls(error.to_string()))?;
            exchange(stream, &uri, request).await
        }
        false => exchange(stream, &uri, request).await,
    }
}

/// Whether a host is this machine or in a private network, where a message is not
/// read on its way.
pub fn is_near(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => host == "localhost" || host.ends_with(".onion"),
    }
}

fn connector() -> Result<TlsConnector, SendError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SendError::Tls(error.to_string()))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn exchange<S>(stream: S, uri: &Uri, request: Request) -> Result<(), SendError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| SendError::Broken(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let _driven = AbortOnDropHandle::new(tokio::spawn(connection));
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // What stands before an "@" is a secret of its own, and no host.
    let host = authority.rsplit('@').next().unwrap_or_default();
    let mut post = hyper::Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "sweetspot");
    if let Some(bearer) = &request.bearer {
        let value = HeaderValue::from_str(&format!("Bearer {}", bearer.reveal()));
        let mut value = value.map_err(|_| SendError::Secret("the token is none".to_owned()))?;
        value.set_sensitive(true);
        post = post.header(AUTHORIZATION, value);
    }
    let post = post
        .body(Full::new(Bytes::from(request.body)))
        .map_err(|_| SendError::Address("is no URL"))?;
    let answer = sender.send_request(post).await.map_err(broken)?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status => Err(SendError::Status(status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_near() {
        for near in ["localhost", "127.0.0.1", "::1", "192.168.1.4", "10.0.0.1"] {
            assert!(is_near(near), "{near}");
        }
        for far in ["ntfy.sh", "8.8.8.8", "172.32.0.1", "localhost.evil.com"] {
            assert!(!is_near(far), "{far}");
        }
    }

    #[tokio::test]
    async fn an_error_does_not_show_the_address() {
        for url in [
            "http://example.com/secret",
            "ftp://h/secret",
            "secret\u{0}",
            "http://127.0.0.1:1/secret",
        ] {
            let request = Request {
                url: url.to_owned(),
                bearer: None,
                body: String::new(),
            };
            let error = post(request).await.expect_err("it cannot be sent");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
