//! The composition root: wires the adapters to the cycle, and stops it by signals.

use std::path::{Path, PathBuf};
#[cfg(feature = "web")]
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span, error, error_span, info, warn};

use crate::config::{Config, ConfigError, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use crate::daemon::cycle::Cycle;
use crate::daemon::main_loop::Daemon;
use crate::daemon::pulse::Pulse;
use crate::daemon::signals::Signals;
use crate::daemon::systemd;
#[cfg(feature = "web")]
use crate::web::{self, Site};
use sweetspot_core::ports::{Clock, PolicyWriter, StoreError, WriteError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_lnd::{Lnd, LndConfigError};
use sweetspot_store::{OpenError, SqliteStore};

/// How long a write in flight may take to finish: a stop is to be over within
/// 10 s in all.
const GRACE: Duration = Duration::from_secs(9);

/// How long one of several nodes' daemons rests before it is started anew: what keeps it
/// from starting is mended by hand.
const RESTART_PAUSE: Duration = Duration::from_secs(60);

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
    /// A daemon ended for a fault of its own.
    #[error("the daemon ended unexpectedly: {0}")]
    Ended(JoinError),
}

/// Runs the node that is named, or each of the file's nodes, until it is told to stop:
/// then no new write is begun, one in flight gets `GRACE`, and a second signal ends it
/// at once. With `observe_only`, nothing is ever written, whatever the settings say.
///
/// The loops take turns on one thread; what they wait for does not.
pub async fn run(file: SettingsFile, observe_only: bool) -> Result<(), StartError> {
    let running = run_each(file.each()?, observe_only);
    LocalSet::new().run_until(running).await
}

async fn run_each(files: Vec<SettingsFile>, observe_only: bool) -> Result<(), StartError> {
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    let stop = CancellationToken::new();
    let (reload, reload_asked) = watch::channel(0);
    let pulses = Pulse::of(files.iter().map(|file| file.node().map(str::to_owned)));
    let several = files.len() > 1;
    let mut running = JoinSet::new();
    for (file, pulse) in files.into_iter().zip(pulses) {
        // At the highest level, so that no filter of levels takes the name off a line.
        let span = match file.node() {
            Some(name) => error_span!("node", name),
            None => Span::none(),
        };
        let node = NodeDaemon {
            file,
            observe_only,
            pulse,
            stop: stop.clone(),
            reload_asked: reload_asked.clone(),
        };
        running.spawn_local(node.keep_running(several).instrument(span));
    }
    let mut ends = std::pin::pin!(all_end(running));
    tokio::select! {
        ended = &mut ends => return ended,
        () = signals.stop_or_reload(&reload) => {}
    }
    info!("shutting down; no new fee updates");
    systemd::stopping();
    stop.cancel();
    tokio::select! {
        ended = timeout(GRACE, ends) => match ended {
            Ok(ended) => ended?,
            Err(_) => warn!(
                "a fee update did not finish in time: the next start checks whether it was applied"
            ),
        },
        () = signals.stop() => warn!("stopped immediately by a second signal"),
    }
    info!("sweetspot stopped");
    Ok(())
}

/// Waits until none runs any more; the first that failed says why.
async fn all_end(mut running: JoinSet<Result<(), StartError>>) -> Result<(), StartError> {
    let mut first = Ok(());
    while let Some(ended) = running.join_next().await {
        first = first.and(ended.unwrap_or_else(|error| Err(StartError::Ended(error))));
    }
    first
}

/// Starts `run` anew a minute after it failed or panicked, until it ends well or `stop`
/// is asked for.
async fn restarted<F>(
    run: impl Fn() -> F,
    pulse: &Pulse,
    stop: &CancellationToken,
) -> Result<(), StartError>
where
    F: Future<Output = Result<(), StartError>> + 'static,
{
    loop {
        let task = spawn_local(run().in_current_span());
        let ended = AbortOnDropHandle::new(task).await;
        let ended = ended.unwrap_or_else(|error| Err(StartError::Ended(error)));
        match ended {
            Err(error) if !stop.is_cancelled() => {
                error!(%error, "this node does not run: trying again in a minute");
                let pause = pulse.alive_while(sleep(RESTART_PAUSE));
                stop.run_until_cancelled(pause).await;
            }
            ended => return ended,
        }
        if stop.is_cancelled() {
            return Ok(());
        }
    }
}

/// One node's daemon: its settings, its database, its loop. It shares nothing with the
/// others but the signals.
#[derive(Clone)]
struct NodeDaemon {
    file: SettingsFile,
    observe_only: bool,
    pulse: Pulse,
    stop: CancellationToken,
    reload_asked: watch::Receiver<u64>,
}

impl NodeDaemon {
    /// Runs. One of `several` is started anew when it cannot start or ends by itself:
    /// the others are no reason to stop, and nobody else would start it.
    async fn keep_running(self, several: bool) -> Result<(), StartError> {
        if !several {
            return self.run().await;
        }
        let (pulse, stop) = (self.pulse.clone(), self.stop.clone());
        restarted(|| self.clone().run(), &pulse, &stop).await
    }

    async fn run(self) -> Result<(), StartError> {
        let opening = self.open();
        let Some(opened) = self.stop.run_until_cancelled(opening).await else {
            return Ok(());
        };
        let (config, store, lnd) = opened?;
        let backfill_from = SystemClock.now().minus(config.backfill);
        info!(
            version = env!("CARGO_PKG_VERSION"),
            config = %self.file,
            database = %config.store.display(),
            node = config.node.address,
            observe_only = self.observe_only,
            "sweetspot started"
        );
        systemd::ready();
        let (node, clock) = (lnd.clone(), SystemClock);
        let daemon = Daemon::new(
            self.file,
            config,
            self.observe_only,
            lnd.clone(),
            self.pulse,
        );
        let ended = CancellationToken::new();
        let _ends_web = ended.clone().drop_guard();
        let web = start_web(&daemon, &ended);
        let store = if self.observe_only {
            let cycle = Cycle::start(node, NoWriter, store, clock, backfill_from).await?;
            let turning = daemon.keep_turning(cycle, &self.stop, self.reload_asked);
            turning.await
        } else {
            let cycle = Cycle::start(node, lnd, store, clock, backfill_from).await?;
            let turning = daemon.keep_turning(cycle, &self.stop, self.reload_asked);
            turning.await
        };
        ended.cancel();
        if let Some(web) = web {
            let _ = web.await;
        }
        if let Err(error) = store.close().await {
            warn!(%error, "nothing is lost");
        }
        Ok(())
    }

    /// What a daemon begins with.
    async fn open(&self) -> Result<(Config, SqliteStore, Lnd), StartError> {
        let config = self.file.load()?;
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
        Ok((config, store, lnd))
    }
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
    let serving = web::serve(site, settings, stop.clone());
    Some(tokio::spawn(serving.in_current_span()))
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::time::Instant;

    use super::*;

    /// How often a daemon was begun that panics, then cannot start, then ends well; how
    /// long that took, stopped after `stopped_after`.
    async fn begun(stopped_after: Duration) -> (u32, Duration) {
        let begun = Rc::new(Cell::new(0));
        let run = || {
            let count = begun.get() + 1;
            begun.set(count);
            async move {
                match count {
                    1 => panic!("a fault of the program"),
                    2 => Err(StartError::Folder {
                        folder: "no/such".into(),
                        source: std::io::Error::other("missing"),
                    }),
                    _ => Ok(()),
                }
            }
        };
        let (stop, pulse, since) = (CancellationToken::new(), Pulse::default(), Instant::now());
        let stops = async {
            sleep(stopped_after).await;
            stop.cancel();
            std::future::pending().await
        };
        let ended = LocalSet::new()
            .run_until(async {
                tokio::select! {
                    ended = restarted(run, &pulse, &stop) => ended,
                    () = stops => Ok(()),
                }
            })
            .await;
        assert!(ended.is_ok(), "{ended:?}");
        (begun.get(), since.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_several_is_started_anew_after_a_panic_and_after_a_failure() {
        assert_eq!(
            begun(Duration::from_secs(3_600)).await,
            (3, RESTART_PAUSE * 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_to_be_started_anew_stops_at_once() {
        let half = RESTART_PAUSE / 2;
        assert_eq!(begun(half).await, (1, half));
    }
}
