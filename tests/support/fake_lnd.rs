//! A fake LND that can be killed and restarted on its port.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sweetspot_lnd::proto::{
    lightning_server::LightningServer, routerrpc::router_server::RouterServer,
    state_server::StateServer,
};
use sweetspot_lnd::{Lnd, LndConfig, MacaroonSource, Tls};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};

use super::cert::{Identity, lnd_identity};
use super::rpc::Rpc;
use super::world::World;

/// The node and its directory, with `tls.cert` and `node.macaroon`.
pub struct FakeLnd {
    world: Arc<Mutex<World>>,
    dir: TempDir,
    address: SocketAddr,
    identity: Identity,
    /// Everything the running node does, so that a kill leaves nothing behind.
    running: Option<Runtime>,
}

impl FakeLnd {
    /// Starts a node on a free port, with its files in place.
    pub fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let macaroon = world.macaroon.clone();
        let mut fake = Self {
            world: Arc::new(Mutex::new(world)),
            dir: tempfile::tempdir().expect("a directory"),
            address: listener.local_addr().expect("an address"),
            identity: lnd_identity(),
            running: None,
        };
        fake.publish_certificate();
        fake.publish_macaroon(&macaroon);
        fake.serve(listener);
        fake
    }

    /// The node's memory. Hold it only between calls.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no test panicked with the lock")
    }

    /// Drops the listener and every connection at once.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts the killed node again, on the same port.
    pub async fn restart(&mut self) {
        self.kill();
        // The old listener is closed by another thread, shortly.
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        self.serve(listener);
    }

    /// Gives the node another certificate and key, used from its next start.
    pub fn renew_certificate(&mut self) {
        self.identity = lnd_identity();
    }

    /// Writes the node's certificate to `tls.cert`.
    pub fn publish_certificate(&self) {
        std::fs::write(self.cert_path(), &self.identity.cert).expect("tls.cert");
    }

    /// Writes `node.macaroon`.
    pub fn publish_macaroon(&self, macaroon: &[u8]) {
        std::fs::write(self.macaroon_path(), macaroon).expect("node.macaroon");
    }

    /// Its certificate and key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub fn cert_path(&self) -> PathBuf {
        self.dir.path().join("tls.cert")
    }

    pub fn macaroon_path(&self) -> PathBuf {
        self.dir.path().join("node.macaroon")
    }

    pub fn address(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// How to reach it.
    pub fn config(&self) -> LndConfig {
        LndConfig {
            address: self.address(),
            tls: Tls::Pinned(self.cert_path()),
            macaroon: MacaroonSource::File(self.macaroon_path()),
            socks5_proxy: None,
            request_timeout: Duration::from_secs(20),
        }
    }

    /// A client of it.
    pub fn client(&self) -> Lnd {
        Lnd::new(self.config()).expect("a good configuration")
    }

    fn serve(&mut self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let identity =
            tonic::transport::Identity::from_pem(&self.identity.cert, &self.identity.key);
        let rpc = Rpc(Arc::clone(&self.world));
        listener.set_nonblocking(true).expect("a socket");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            Server::builder()
                .tls_config(ServerTlsConfig::new().identity(identity))
                .expect("an identity")
                .add_service(LightningServer::new(rpc.clone()))
                .add_service(RouterServer::new(rpc.clone()))
                .add_service(StateServer::new(rpc))
                .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
                .await
        });
        self.running = Some(runtime);
    }
}

impl Drop for FakeLnd {
    fn drop(&mut self) {
        self.kill();
    }
}
