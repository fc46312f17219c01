//! The node on a port: TLS, files as LND lays them out, starts and stops.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server as Grpc, ServerTlsConfig};

use sweetspot_lnd::{READ_URIS, WRITE_URI};

use super::SimNode;
use super::dispatch::Services;
use super::gate::Gate;
use super::lightning::Rpc;
use super::tls::{self, Identity};

/// How often a node that runs by itself is brought up to date, so that those
/// who listen to it hear in time.
const TICK: Duration = Duration::from_millis(500);
/// A port may be held for a moment by the node's former life.
const BIND_TRIES: u32 = 200;
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// Why a simulated node cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address is not to be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The server's threads cannot be started.
    #[error("cannot start the server: {0}")]
    Runtime(std::io::Error),
    /// The server cannot be set up.
    #[error("cannot set up the server: {0}")]
    Setup(#[from] tonic::transport::Error),
}

/// A simulated node that can be reached over gRPC. Its directory is laid out
/// as LND's.
pub struct Server {
    node: SimNode,
    dir: PathBuf,
    address: SocketAddr,
    identity: Identity,
    /// Everything the running server does, so that a kill leaves nothing.
    running: Option<Runtime>,
}

impl Server {
    /// Writes the node's files to `dir` and starts to serve at `listen`; with
    /// port 0, at a free one.
    pub fn start(node: SimNode, dir: &Path, listen: SocketAddr) -> Result<Self, ServeError> {
        let listener = bind(listen)?;
        let address = listener.local_addr().map_err(|source| ServeError::Listen {
            address: listen,
            source,
        })?;
        let mut server = Self {
            node,
            dir: dir.to_owned(),
            address,
            identity: tls::new_identity()?,
            running: None,
        };
        server.publish_certificate()?;
        server.publish_macaroons()?;
        server.serve(listener)?;
        Ok(server)
    }

    /// The node behind it.
    pub fn node(&self) -> &SimNode {
        &self.node
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate's file.
    pub fn cert_path(&self) -> PathBuf {
        self.dir.join("tls.cert")
    }

    /// The file of a macaroon: `admin`, `readonly`, or `sweetspot` with just
    /// what sweetspot needs.
    pub fn macaroon_path(&self, name: &str) -> PathBuf {
        let file = format!("data/chain/bitcoin/regtest/{name}.macaroon");
        self.dir.join(file)
    }

    /// Ends the server at once: streams end, connections break.
    pub fn stop(&mut self) {
        self.node.with(|core| core.signals.end_streams());
        if let Some(runtime) = self.running.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts a stopped (or running) server anew, on the same port.
    pub fn restart(&mut self) -> Result<(), ServeError> {
        self.stop();
        let listener = bind(self.address)?;
        self.serve(listener)
    }

    /// Gives the server another certificate and key; they are used and written
    /// to the directory at its next start.
    pub fn renew_certificate(&mut self) -> Result<(), ServeError> {
        self.identity = tls::new_identity()?;
        Ok(())
    }

    /// Bakes new macaroons; those before are worth nothing from now on.
    pub fn renew_macaroons(&mut self) -> Result<(), ServeError> {
        self.node.with(|core| core.bakery.renew());
        self.publish_macaroons()
    }

    fn publish_certificate(&self) -> Result<(), ServeError> {
        write(&self.cert_path(), self.identity.cert.as_bytes(), 0o644)?;
        write(
            &self.dir.join("tls.key"),
            self.identity.key.as_bytes(),
            0o600,
        )
    }

    fn publish_macaroons(&self) -> Result<(), ServeError> {
        let ours: Vec<_> = READ_URIS.into_iter().chain([WRITE_URI]).collect();
        let baked = self.node.with(|core| {
            [
                ("admin", core.bakery.bake_admin()),
                ("readonly", core.bakery.bake_readonly()),
                ("sweetspot", core.bakery.bake_uris(&ours)),
            ]
        });
        for (name, macaroon) in baked {
            write(&self.macaroon_path(name), &macaroon, 0o600)?;
        }
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) -> Result<(), ServeError> {
        self.publish_certificate()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("simnode")
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let incoming = {
            let _entered = runtime.enter();
            listener
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(listener))
                .map(TcpIncoming::from)
                .map_err(ServeError::Runtime)?
        };
        let identity =
            tonic::transport::Identity::from_pem(&self.identity.cert, &self.identity.key);
        let services = Services::new(&Rpc(self.node.clone()));
        let grpc = Grpc::builder()
            .tls_config(ServerTlsConfig::new().identity(identity))?
            .layer(Gate(self.node.clone()));
        runtime.spawn(grpc.serve_with_incoming(services, incoming.with_nodelay(Some(true))));
        runtime.spawn(keep_up(self.node.clone()));
        self.running = Some(runtime);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep_up(node: SimNode) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        node.with(|core| core.sync());
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(_) if tries < BIND_TRIES => std::thread::sleep(BIND_PAUSE),
            Err(source) => return Err(ServeError::Listen { address, source }),
        }
    }
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), ServeError> {
    let attempt = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path)?.write_all(content)
    };
    attempt().map_err(|source| ServeError::Write {
        path: path.to_owned(),
        source,
    })
}
