//! The page, the HTTP interface and the metrics, served by the daemon. All of it
//! reads the database beside the daemon, as the commands do, through a connection
//! that cannot write; orders take the way that the commands' orders take. docs/web.md
//! describes it for those who use it.

mod access;
mod api;
mod chart;
mod guard;
mod listen;
mod metrics;
mod page;
mod probes;
mod sessions;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, WebSettings};
use crate::daemon::pulse::Pulse;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

use access::Access;
pub use access::PasswordError;
pub use api::PATHS;
pub use metrics::MOST_CHANNELS;
use trouble::Trouble;

/// Answers that read the database at once: each has a connection of its own, and
/// two cores have no use for more.
const QUERIES: usize = 2;

/// How long an answer waits for its turn before it gives up.
const QUEUE: Duration = Duration::from_secs(5);

/// What all answers are made from.
pub struct Site {
    config: watch::Receiver<Config>,
    clock: Arc<dyn Clock>,
    pulse: Pulse,
    access: Access,
    queries: Semaphore,
}

/// The database as one answer sees it.
struct Seen<'a> {
    /// With the names and orders that the database holds.
    config: Config,
    store: StoreReader,
    now: Timestamp,
    _turn: SemaphorePermit<'a>,
}

impl Site {
    /// What is served from the database of `config`, at the time of `clock`.
    pub fn new(
        config: watch::Receiver<Config>,
        clock: Arc<dyn Clock>,
        pulse: Pulse,
    ) -> Result<Self, PasswordError> {
        let access = Access::new(&config.borrow().web)?;
        Ok(Self {
            config,
            clock,
            pulse,
            access,
            queries: Semaphore::new(QUERIES),
        })
    }

    async fn open(&self) -> Result<Seen<'_>, Trouble> {
        let turn = tokio::time::timeout(QUEUE, self.queries.acquire()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Trouble::busy());
        };
        let mut config = self.config.borrow().clone();
        let store = StoreReader::open(&config.store).await?;
        let now = self.clock.now();
        store.recall_into(&mut config.book, now).await?;
        Ok(Seen {
            config,
            store,
            now,
            _turn: turn,
        })
    }
}

/// Every path, behind the [`guard`].
fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(metrics::serve))
        .nest("/api/v1", api::router())
        .route("/style.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .route("/", get(page::node::show))
        .route("/channels", get(page::channels::show))
        .route("/channel/{channel}", get(page::channel::show))
        .route("/decisions", get(page::decisions::show))
        .route("/prune", get(page::prune::show))
        .route("/settings", get(page::settings::show))
        .route("/health", get(page::health::show))
        .route("/login", get(page::login::show).post(page::login::take))
        .route("/logout", post(page::login::leave))
        .route("/order", post(page::orders::take))
        .route(
            "/rollback",
            get(page::rollback::show).post(page::rollback::take),
        )
        .fallback(page::missing)
        .layer(axum::extract::DefaultBodyLimit::max(guard::MOST_BODY_BYTES))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&site),
            guard::guard,
        ))
        .with_state(site)
}

/// Serves until `stop`. What goes wrong is logged and tried again: it stops nothing
/// else.
pub async fn serve(site: Arc<Site>, settings: WebSettings, stop: CancellationToken) {
    let Some(address) = settings.listen else {
        return;
    };
    listen::serve(address, router(site), &stop).await;
}

/// The same on a port that is open already.
pub async fn serve_on(
    site: Arc<Site>,
    listener: tokio::net::TcpListener,
    stop: &CancellationToken,
) {
    listen::serve_on(listener, router(site), stop).await;
}
