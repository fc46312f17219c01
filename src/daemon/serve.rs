//! The composition root: wires the adapters to the cycle, and stops it by signals.

use std::path::{Path, PathBuf};
#[cfg(feature = "web")]
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{ConfigError, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use crate::daemon::cycle::Cycle;
use crate::daemon::main_loop::Daemon;
use crate::daemon::signals::Signals;
use crate::daemon::systemd;
#[cfg(feature = "web")]
use crate::web::{self, Site};
use sweetspot_core::ports::chain_fee_log::ChainFeeLog;
use sweetspot_core::ports::cost_log::CostLog;
use sweetspot_core::ports::peer_log::PeerLog;
use sweetspot_core::ports::{Clock, PolicyWriter, Store, StoreError, WriteError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_lnd::{Lnd, LndConfigError};
use sweetspot_store::{OpenError, SqliteStore};

/// How long a write in flight may take to finish: a stop is to be over within
/// 10 s in all.
const GRACE: Duration = Duration::from_secs(9);

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The config is missing or has errors.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node's address, certificate or macaroon cannot be used.
    #[error(transparent)]
    Node(#[from] LndConfigError),
    /// The database's folder cannot be made.
    #[error("cannot create the directory {} for the database: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be caught.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

/// Runs until it is told to stop. With `observe_only`, nothing is ever
/// written, whatever the settings say.
pub async fn run(file: SettingsFile, observe_only: bool) -> Result<(), StartError> {
    let config = file.load()?;
    make_folder(&config.store)?;
    let store = SqliteStore::open(&config.store).await?;
    if store.was_left_unclean() {
        warn!(
            database = %config.store.display(),
            "the last daemon was killed: nothing is lost, and the next cycles settle what it \
             had begun"
        );
    }
    let lnd = Lnd::new(lnd_config(&config.node))?;
    let signals = Signals::listen().map_err(StartError::Signals)?;
    let backfill_from = SystemClock.now().minus(config.backfill);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        config = %file,
        database = %config.store.display(),
        node = config.node.address,
        observe_only,
        "sweetspot started"
    );
    systemd::ready();
    let (node, clock) = (lnd.clone(), SystemClock);
    let daemon = Daemon::new(file, config, observe_only, lnd.clone());
    let ended = CancellationToken::new();
    let web = start_web(&daemon, &ended);
    let store = if observe_only {
        let cycle = Cycle::start(node, NoWriter, store, clock, backfill_from).await?;
        serve(daemon, cycle, signals).await
    } else {
        let cycle = Cycle::start(node, lnd, store, clock, backfill_from).await?;
        serve(daemon, cycle, signals).await
    };
    ended.cancel();
    if let Some(web) = web {
        let _ = web.await;
    }
    if let Some(store) = store
        && let Err(error) = store.close().await
    {
        warn!(%error, "nothing is lost");
    }
    info!("sweetspot stopped");
    Ok(())
}

/// Serves the page beside the daemon, where the config asks for it; that it cannot be
/// served stops nothing.
#[cfg(feature = "web")]
fn start_web(daemon: &Daemon, stop: &CancellationToken) -> Option<JoinHandle<()>> {
    let settings = daemon.config.web.clone();
    settings.listen?;
    let config = daemon.shown.subscribe();
    let site = match Site::new(config, Arc::new(SystemClock), daemon.pulse.clone()) {
        Ok(site) => Arc::new(site),
        Err(error) => {
            error!(%error, "the page is not served");
            return None;
        }
    };
    Some(tokio::spawn(web::serve(site, settings, stop.clone())))
}

#[cfg(not(feature = "web"))]
fn start_web(daemon: &Daemon, _: &CancellationToken) -> Option<JoinHandle<()>> {
    if daemon.config.web.listen.is_some() {
        error!("web.listen is set, but this program was built without the feature `web`");
    }
    None
}

/// The write side of a daemon that must not write.
struct NoWriter;

impl PolicyWriter for NoWriter {
    async fn set_policy(&self, _: ChannelPoint, _: &FeeChange, _: u32) -> Result<(), WriteError> {
        Err(WriteError::Refused("observe mode".into()))
    }
}

/// Turns the cycle until a signal stops it: no new write is begun, one in
/// flight gets [`GRACE`]; a second signal ends it at once. Returns the store, if
/// nobody was in the middle of using it.
async fn serve<W: PolicyWriter, S: Store + CostLog + PeerLog + ChainFeeLog>(
    daemon: Daemon,
    cycle: Cycle<Lnd, W, S, SystemClock>,
    mut signals: Signals,
) -> Option<S> {
    let stop = CancellationToken::new();
    let (reload, reload_asked) = tokio::sync::watch::channel(0);
    let mut turning = std::pin::pin!(daemon.keep_turning(cycle, &stop, reload_asked));
    tokio::select! {
        store = &mut turning => return Some(store),
        () = signals.stop_or_reload(&reload) => {}
    }
    info!("shutting down; no new fee updates");
    systemd::stopping();
    stop.cancel();
    tokio::select! {
        ended = timeout(GRACE, turning) => {
            if ended.is_err() {
                warn!("a fee update did not finish in time: the next start checks whether it was applied");
            }
            ended.ok()
        }
        () = signals.stop() => {
            warn!("stopped immediately by a second signal");
            None
        }
    }
}

/// The folder of the database, made if it is missing.
fn make_folder(database: &Path) -> Result<(), StartError> {
    let Some(folder) = database
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|source| StartError::Folder {
        folder: folder.to_owned(),
        source,
    })
}
