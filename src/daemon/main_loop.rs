//! The daemon's main loop: it waits for the node, turns the cycle, tells what came of
//! it, and does the chores between two cycles.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::config::{Config, SettingsFile};
use crate::daemon::Sight;
use crate::daemon::alarm::AlarmTask;
use crate::daemon::bookkeeping::Bookkeeper;
use crate::daemon::chain_fees::ChainFees;
use crate::daemon::clock::{SystemClock, in_real_time};
use crate::daemon::closings::Closings;
use crate::daemon::cycle::{Cycle, CycleError, CycleOptions, CycleSummary};
use crate::daemon::deadlines::Deadlines;
use crate::daemon::first_words;
use crate::daemon::log;
use crate::daemon::peers::Peers;
use crate::daemon::preparing::Preparing;
use crate::daemon::pulse::Pulse;
use crate::daemon::repeated_error::RepeatedError;
use crate::daemon::vital_signs::VitalSigns;
use crate::report;
use sweetspot_core::alarm::sight::CycleSight;
use sweetspot_core::ports::chain_fee_log::ChainFeeLog;
use sweetspot_core::ports::cost_log::CostLog;
use sweetspot_core::ports::peer_log::PeerLog;
use sweetspot_core::ports::{Clock, Node, NodeError, PolicyWriter, Store, StoreError};
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::{Lnd, check_version};

/// The pause after a cycle that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(15);

/// A node that is not ready for so long is told of in the database ...
const WAITS_AT_FIRST: Duration = Duration::from_secs(5);
/// ... and again so often: `health` tells who waits from who is stuck.
const WAITS: Duration = Duration::from_secs(60);

/// How often old rows are thinned out.
const THIN_INTERVAL: Duration = Duration::from_secs(86_400);

/// The daemon and what it does beside the cycle.
pub(super) struct Daemon {
    file: SettingsFile,
    pub(super) config: Config,
    observe_only: bool,
    lnd: Lnd,
    repeated_error: RepeatedError,
    signs: VitalSigns,
    alarms: AlarmTask,
    closings: Closings,
    preparing: Preparing,
    deadlines: Deadlines,
    bookkeeper: Bookkeeper,
    peers: Peers,
    chain_fees: ChainFees,
    pub(super) pulse: Pulse,
    /// Who else goes by the config.
    pub(super) shown: tokio::sync::watch::Sender<Config>,
}

impl Daemon {
    pub(super) fn new(
        file: SettingsFile,
        config: Config,
        observe_only: bool,
        lnd: Lnd,
        pulse: Pulse,
    ) -> Self {
        let (shown, _) = tokio::sync::watch::channel(config.clone());
        Self {
            file,
            alarms: AlarmTask::start(config.name.clone(), config.alarms.clone()),
            closings: Closings::default(),
            preparing: Preparing::default(),
            deadlines: Deadlines::default(),
            bookkeeper: Bookkeeper::default(),
            peers: Peers::default(),
            chain_fees: ChainFees::default(),
            config,
            observe_only,
            lnd,
            repeated_error: RepeatedError::default(),
            signs: VitalSigns::at_start(SystemClock.now(), observe_only),
            pulse,
            shown,
        }
    }

    /// Turns the cycle until it is told to stop; returns the store.
    pub(super) async fn keep_turning<
        W: PolicyWriter,
        S: Store + CostLog + PeerLog + ChainFeeLog,
    >(
        mut self,
        mut cycle: Cycle<Lnd, W, S, SystemClock>,
        stop: &CancellationToken,
        mut reload_asked: tokio::sync::watch::Receiver<u64>,
    ) -> S {
        let mut ticks = self.ticks();
        let mut thinned_at = None;
        let (mut introduced, mut met) = (false, false);
        loop {
            self.alarms.saw(Sight::Resting);
            tokio::select! {
                () = stop.cancelled() => {
                    self.bookkeeper.flush(cycle.store()).await;
                    self.peers.flush(cycle.store()).await;
                    return cycle.into_store();
                }
                Ok(()) = reload_asked.changed() => {
                    if self.reload() {
                        cycle.look_again();
                    }
                    ticks = self.ticks();
                    continue;
                }
                () = self.pulse.alive_while(async {
                    ticks.tick().await;
                    self.alarms.saw(Sight::Waiting);
                    let active = self.lnd.wait_until_active();
                    tokio::pin!(active);
                    let mut told_after = WAITS_AT_FIRST;
                    while timeout(told_after, &mut active).await.is_err() {
                        let now = SystemClock.now();
                        self.signs.fails("the node is not ready", now);
                        self.signs.beat(cycle.store(), now).await;
                        told_after = WAITS;
                    }
                }) => {}
            }
            self.alarms.saw(Sight::Working);
            if !introduced {
                introduced = self.introduce().await;
                if !introduced {
                    self.signs.beat(cycle.store(), SystemClock.now()).await;
                    self.pulse.alive();
                    ticks.reset_after(RETRY_PAUSE);
                    continue;
                }
            }
            let report_due = self
                .config
                .report
                .is_due(cycle.reported_at(), SystemClock.now());
            let now = SystemClock.now();
            let remembers = self.remember(cycle.store(), now);
            let Some(remembered) = stop.run_until_cancelled(remembers).await else {
                continue;
            };
            if let Err(error) = remembered {
                self.tell_failure(&error);
                self.signs.beat(cycle.store(), SystemClock.now()).await;
                self.pulse.alive();
                ticks.reset_after(RETRY_PAUSE);
                continue;
            }
            let orders = CycleOptions {
                layers: &self.config.book,
                observe_only: self.observe_only,
                report_due,
            };
            match cycle.run(orders, stop).await {
                Ok(turn) => {
                    if !std::mem::replace(&mut met, true) {
                        first_words::say(&self.config, self.observe_only).await;
                    }
                    if report_due {
                        self.report().await;
                    }
                    self.repeated_error.is_over();
                    self.signs.works(SystemClock.now());
                    tell(turn, &self.pulse);
                    // A stop waits for none of these.
                    stop.run_until_cancelled(self.chores(&mut cycle, turn))
                        .await;
                }
                Err(error) => {
                    self.tell_failure(&error);
                    ticks.reset_after(RETRY_PAUSE);
                }
            }
            self.pulse.alive();
            self.signs.beat(cycle.store(), SystemClock.now()).await;
            let due = |now: &Timestamp| thinned_at.is_none_or(|at| now.since(at) >= THIN_INTERVAL);
            if let Some(now) = cycle.undoubted_now().filter(due) {
                thinned_at = Some(now);
                let thinning = self.pulse.alive_while(self.thin(cycle.store(), now));
                stop.run_until_cancelled(thinning).await;
            }
        }
    }

    /// What settings go by beside the file, and no cycle may go without.
    async fn remember(
        &mut self,
        store: &(impl CostLog + PeerLog + ChainFeeLog),
        now: Timestamp,
    ) -> Result<(), CycleError> {
        let book = &mut self.config.book;
        let settings = &self.config.chain_fees;
        book.chain_regime = self.chain_fees.regime(store, settings).await?;
        book.moved_in = self.bookkeeper.moved_in(store, now).await?;
        let goes_by = book.goes_by_records();
        book.remembered.marks = self.peers.marks(&self.lnd, store, goes_by).await?;
        Ok(())
    }

    /// What is looked at and asked for after a cycle: nothing that a cycle waits for.
    async fn chores<W: PolicyWriter, S: Store + CostLog + PeerLog + ChainFeeLog>(
        &mut self,
        cycle: &mut Cycle<Lnd, W, S, SystemClock>,
        turn: CycleSummary,
    ) {
        if let Some(outcome) = cycle.take_outcome() {
            let mut sight = CycleSight::of(&outcome, turn.changed, turn.failed);
            let seen = &outcome.input.seen;
            sight.hanging = self.deadlines.look(&self.lnd.htlc_deadlines(), seen);
            sight.behind = self.preparing.look(cycle.preparing(), seen);
            let closings = &mut self.closings;
            sight.closing = closings
                .look(&self.lnd, &self.config.alarms, &sight.channels)
                .await;
            self.alarms.saw(Sight::Done(sight));
            self.peers.look(&self.lnd, cycle.store(), seen).await;
        }
        let (store, now) = (cycle.store(), SystemClock.now());
        let from = now.minus(self.config.backfill);
        let wanted = self.config.ledger;
        self.bookkeeper
            .look(&self.lnd, store, wanted, from, now)
            .await;
        // History is kept by time: what a wrong clock dates ahead would stay the last.
        if let Some(now) = cycle.undoubted_now() {
            let settings = &self.config.chain_fees;
            self.chain_fees.look(&self.lnd, store, settings, now).await;
        }
    }

    /// Deletes what is old, and what the bound on the database's size has no room for.
    async fn thin(&self, store: &impl Store, now: Timestamp) {
        let shrunk = async {
            store.thin(now).await?;
            match self.config.store_most_bytes {
                Some(most) => Ok(Some((store.shrink(now, most).await?, most))),
                None => Ok(None),
            }
        };
        match shrunk.await {
            Ok(None) => {}
            Ok(Some((shrunk, most))) => log::shrunk(shrunk, most),
            Err(error) => {
                let error: StoreError = error;
                error!(%error, "cannot delete old rows from the database");
            }
        }
    }

    async fn report(&self) {
        let income = report::log_daily(&self.config, SystemClock.now()).await;
        if let Some((trend, change)) = income {
            self.alarms.saw(Sight::Income(trend, change));
        }
    }

    fn ticks(&self) -> Interval {
        let mut ticks = interval(in_real_time(self.config.book.node.fast_interval));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Says why a cycle failed, unless it goes on as already said.
    fn tell_failure(&mut self, failure: &CycleError) {
        self.pulse.status(&format!("last cycle failed: {failure}"));
        self.signs.fails(&failure.to_string(), SystemClock.now());
        self.alarms.saw(match failure {
            CycleError::Node(reason) => Sight::NodeFailed(reason.to_string().into()),
            CycleError::Store(reason) => Sight::DatabaseFailed(reason.to_string().into()),
        });
        if !self
            .repeated_error
            .is_news(&failure.to_string(), SystemClock.now())
        {
            debug!(%failure, "same error again");
            return;
        }
        match failure {
            CycleError::Node(NodeError::Denied(reason)) => {
                error!(
                    reason = reason.as_str(),
                    "no access with this macaroon: run `sweetspot check`"
                );
            }
            CycleError::Node(NodeError::NoMacaroon(reason)) => {
                error!(
                    reason = reason.as_str(),
                    "no macaroon to send: run `sweetspot check`"
                );
            }
            CycleError::Node(reason) => warn!(%reason, "cannot read the node: trying again"),
            CycleError::Store(error) => {
                error!(%error, "database error: no fee updates until it works again")
            }
        }
    }

    /// Says once which node this is, and whether it is one we can work with.
    async fn introduce(&mut self) -> bool {
        let info = match self.lnd.info().await {
            Ok(info) => info,
            Err(error) => {
                self.tell_failure(&error.into());
                return false;
            }
        };
        if let Err(error) = check_version(&info.version) {
            let now = SystemClock.now();
            if self.repeated_error.is_news(&error.to_string(), now) {
                error!(version = info.version.as_str(), %error, "unsupported LND version");
            }
            self.signs.fails(&error.to_string(), now);
            self.alarms.saw(Sight::NodeFailed(error.to_string().into()));
            return false;
        }
        if let Some(wanted) = self.config.pubkey.filter(|wanted| *wanted != info.pubkey) {
            let says = format!(
                "another node answers at this address: {}, not {wanted}",
                info.pubkey
            );
            let now = SystemClock.now();
            if self.repeated_error.is_news(&says, now) {
                error!(pubkey = %info.pubkey, %wanted, "another node answers at this address");
            }
            self.signs.fails(&says, now);
            self.alarms.saw(Sight::NodeFailed(says.into()));
            return false;
        }
        info!(
            alias = info.alias.as_str(),
            pubkey = %info.pubkey,
            version = info.version.as_str(),
            synced_to_chain = info.synced_to_chain,
            "connected to the node"
        );
        true
    }

    /// Takes up a changed config; one with errors changes nothing.
    fn reload(&mut self) -> bool {
        let fresh = match self.file.load() {
            Ok(fresh) => fresh,
            Err(error) => {
                // One line per error, so that each has its level.
                for line in error.to_string().lines() {
                    error!(error = line, "config has errors: keeping the old config");
                }
                return false;
            }
        };
        let changes = self.config.diff(&fresh);
        if changes.is_empty() {
            info!("config reloaded: no changes");
            return false;
        }
        for change in changes {
            info!(change, "config reloaded");
        }
        let fixed = |config: &Config| {
            let node = (config.node.clone(), config.names.clone(), config.pubkey);
            (node, config.store.clone(), config.web.clone())
        };
        if fixed(&self.config) != fixed(&fresh) {
            warn!("changes to [node], [store] and [web] take effect after a restart");
        }
        if self.config.alarms != fresh.alarms {
            self.alarms.set(fresh.alarms.clone());
        }
        let mut shown = fresh.clone();
        shown.store.clone_from(&self.config.store);
        self.shown.send_replace(shown);
        self.config = fresh;
        true
    }
}

fn tell(turn: CycleSummary, pulse: &Pulse) {
    debug!(
        channels = turn.channels,
        decisions = turn.decisions,
        changed = turn.changed,
        failed = turn.failed,
        "cycle done"
    );
    pulse.status(&format!(
        "{} channels; {} fees changed in the last cycle",
        turn.channels, turn.changed
    ));
}
