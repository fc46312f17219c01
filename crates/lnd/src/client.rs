//! Calls: the connection's settings, the macaroon, deadlines, retries.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use super::connection::Connection;
use super::fault::Fault;
use super::macaroon::{Header, Macaroon};
use super::proto::lightning_client::LightningClient;
use super::proto::routerrpc::router_client::RouterClient;
use super::proto::state_client::StateClient;
use super::proto::walletrpc::wallet_kit_client::WalletKitClient;
use super::tls::{Pin, PinnedCert};
use super::unannounced::Unannounced;
use super::walk::Walk;
use super::{Lnd, LndConfig, LndConfigError, MacaroonSource, Tls};
use sweetspot_core::ports::{NodeError, NodeInfo};

/// What LND itself takes (`lnrpc.MaxGrpcMsgSize`). tonic's default of 4 MiB is
/// less than a large node's channels or a page of forwards.
const MAX_REPLY_BYTES: usize = 200 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tor may try several circuits before one leads to the node.
const PROXY_TIMEOUT: Duration = Duration::from_secs(45);
/// Finds a dead connection within one call's time. LND takes pings every 5 s at
/// most, and only while a call runs.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A read over a broken connection is tried again at once, over a new one; an
/// outage longer than this is the caller's to sit out.
fn read_retries() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_times(3)
        .with_jitter()
        .build()
}

impl Lnd {
    /// Prepares the connection; nothing is sent or read yet, so that a node
    /// still to be set up can be waited for. Needs a tokio runtime.
    pub fn new(config: LndConfig) -> Result<Self, LndConfigError> {
        if let MacaroonSource::Hex(_) = config.macaroon {
            config.macaroon.read()?;
        }
        let handshakes = Arc::default();
        let endpoint = endpoint(&config, &handshakes)?;
        let channel = match &config.socks5_proxy {
            Some(proxy) => endpoint
                .connect_timeout(PROXY_TIMEOUT)
                .connect_with_connector_lazy(socks5(proxy)?),
            None => endpoint.connect_lazy(),
        };
        let counts = !matches!(config.tls, Tls::NativeRoots);
        Ok(Self {
            address: config.address.into(),
            lightning: LightningClient::new(channel.clone())
                .max_decoding_message_size(MAX_REPLY_BYTES),
            router: RouterClient::new(channel.clone()),
            state: StateClient::new(channel.clone()),
            wallet: WalletKitClient::new(channel),
            macaroon: Arc::new(Macaroon::new(config.macaroon)),
            request_timeout: config.request_timeout,
            seen: Arc::new(Mutex::new(None)),
            connection: Arc::new(Connection::new(counts.then_some(handshakes))),
            walk: Arc::default(),
            deadlines: Arc::default(),
            signs: Arc::default(),
            edges: Arc::default(),
            told: Arc::default(),
        })
    }

    /// The node's address, for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// One call of the main service that reads, as [`Self::read_by`] makes it.
    pub(super) async fn read<Q, A, F>(
        &self,
        name: &'static str,
        query: Q,
        call: impl Fn(LightningClient<Channel>, Request<Q>) -> F,
    ) -> Result<A, NodeError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.read_by(&self.lightning, name, query, call).await
    }

    /// One call that reads, by a service's client and its name for messages: over a
    /// broken connection it is repeated, and once more if the macaroon was refused and
    /// its file has changed.
    pub(super) async fn read_by<C, Q, A, F>(
        &self,
        client: &C,
        name: &'static str,
        query: Q,
        call: impl Fn(C, Request<Q>) -> F,
    ) -> Result<A, NodeError>
    where
        C: Clone,
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut retries = read_retries();
        let mut renewed = false;
        loop {
            let header = self.header()?;
            let request = with_macaroon(query.clone(), &header);
            let sent = call(client.clone(), request);
            let fault = match self.answer(sent).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let retry = if fault.is_connection() {
                retries.next()
            } else {
                None
            };
            match (retry, fault.into_read_error().of_call(name)) {
                (Some(pause), error) => {
                    tracing::debug!(%error, ?pause, "a call to the node failed; trying again");
                    tokio::time::sleep(pause).await;
                }
                (None, NodeError::Denied(reason))
                    if !renewed && self.macaroon.changed_since(&header) =>
                {
                    tracing::info!(%reason, "the node rejected the macaroon; trying the new one in its file");
                    renewed = true;
                }
                (None, error) => return Err(error),
            }
        }
    }

    /// One call that is never repeated, as one that writes must not be; after a
    /// refused macaroon, the next one goes with what the file then holds.
    pub(super) async fn once<Q, A, F>(
        &self,
        order: Q,
        call: impl FnOnce(LightningClient<Channel>, Request<Q>) -> F,
    ) -> Result<A, Fault>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let header = self.macaroon.header().map_err(Fault::Macaroon)?;
        let request = with_macaroon(order, &header);
        let reply = self.answer(call(self.lightning.clone(), request)).await;
        if reply.as_ref().is_err_and(Fault::is_denial) {
            self.macaroon.changed_since(&header);
        }
        reply
    }

    /// The reply to a call, within the time allowed.
    pub(super) async fn answer<A>(
        &self,
        sent: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<A, Fault> {
        match tokio::time::timeout(self.request_timeout, sent).await {
            Ok(Ok(reply)) => Ok(reply.into_inner()),
            Ok(Err(status)) => Err(Fault::Status(status)),
            Err(_) => Err(Fault::TimedOut(self.request_timeout)),
        }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Option<NodeInfo>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn walk(&self) -> MutexGuard<'_, Walk> {
        self.walk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn edges(&self) -> MutexGuard<'_, Unannounced> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn header(&self) -> Result<Header, NodeError> {
        let header = self.macaroon.header().map_err(Fault::Macaroon);
        header.map_err(Fault::into_read_error)
    }
}

fn endpoint(config: &LndConfig, handshakes: &Arc<AtomicU64>) -> Result<Endpoint, LndConfigError> {
    let address = || config.address.clone();
    let wrong = |_| LndConfigError::Address { address: address() };
    let uri: tonic::transport::Uri = format!("https://{}", config.address)
        .parse()
        .map_err(wrong)?;
    if uri.port().is_none() || uri.path() != "/" {
        return Err(LndConfigError::Address { address: address() });
    }
    let endpoint = Endpoint::from(uri);
    let endpoint = match &config.tls {
        Tls::Pinned(path) => pinned(endpoint, Pin::File(path.clone()), handshakes),
        Tls::Given(der) => pinned(endpoint, Pin::Der(der.clone()), handshakes),
        Tls::NativeRoots => endpoint.tls_config(ClientTlsConfig::new().with_native_roots()),
    };
    let endpoint = endpoint.map_err(|source| LndConfigError::Tls {
        address: address(),
        source,
    })?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(false))
}

/// `endpoint` with trust in the pinned certificate alone.
fn pinned(
    endpoint: Endpoint,
    pin: Pin,
    handshakes: &Arc<AtomicU64>,
) -> Result<Endpoint, tonic::transport::Error> {
    let verifier = PinnedCert::new(pin, Arc::clone(handshakes));
    endpoint.tls_config_with_verifier(ClientTlsConfig::new(), Arc::new(verifier))
}

/// Connects by way of a SOCKS5 proxy, which is told the node's name as it stands.
fn socks5(proxy: &str) -> Result<SocksV5<HttpConnector>, LndConfigError> {
    let wrong = || LndConfigError::Proxy {
        proxy: proxy.to_owned(),
    };
    let uri: tonic::transport::Uri = format!("http://{proxy}").parse().map_err(|_| wrong())?;
    if uri.port().is_none() || uri.path() != "/" {
        return Err(wrong());
    }
    Ok(SocksV5::new(uri, HttpConnector::new()))
}

pub(super) fn with_macaroon<T>(message: T, header: &Header) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("macaroon", header.clone());
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lnd(address: &str, macaroon: &str) -> Result<Lnd, LndConfigError> {
        Lnd::new(LndConfig {
            address: address.to_owned(),
            tls: Tls::Pinned("tls.cert".into()),
            macaroon: MacaroonSource::Hex(macaroon.to_owned()),
            socks5_proxy: None,
            request_timeout: Duration::from_secs(30),
        })
    }

    #[tokio::test]
    async fn an_address_is_a_host_and_a_port() {
        for good in ["localhost:10009", "127.0.0.1:10009", "[::1]:10009"] {
            assert!(lnd(good, "00").is_ok(), "{good}");
        }
        for bad in [
            "localhost",
            "https://localhost:10009",
            "a b:1",
            "a:1/path",
            "",
        ] {
            let refused = lnd(bad, "00").expect_err(bad);
            assert!(matches!(refused, LndConfigError::Address { .. }), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_macaroon_that_is_no_hex_is_refused_at_once() {
        let refused = lnd("localhost:10009", "admin.macaroon").expect_err("no hex");
        assert!(matches!(refused, LndConfigError::Macaroon(_)));
    }
}
