//! Watches peers after each cycle: nothing here is waited for by a cycle, unless a rule
//! goes by what peers did.

use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;

use crate::daemon::cycle::CycleError;
use sweetspot_core::peers::ended::Marks;
use sweetspot_core::peers::leaving::Leaving;
use sweetspot_core::peers::watch::PeerWatch;
use sweetspot_core::ports::NodeError;
use sweetspot_core::ports::peer_log::PeerLog;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::Lnd;

/// How often what was counted is stored, so far as it is due.
const STORE_INTERVAL: Duration = Duration::from_secs(3_600);

/// How long the node may take to list channels that ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is remembered of peers between cycles.
#[derive(Default)]
pub struct Peers {
    watch: PeerWatch,
    stored_at: Option<Timestamp>,
    leaving: Leaving,
    marks: Option<Marks>,
    /// Why those could not be listed, as told in the log.
    unread: Option<String>,
}

impl Peers {
    /// What peers did that they cannot undo. Where a rule `goes_by` that, no cycle may
    /// go before the node's list was read once; later a failure costs news only, and no
    /// peer chooses when cycles stop by closing a channel.
    pub async fn marks(
        &mut self,
        lnd: &Lnd,
        store: &impl PeerLog,
        goes_by: bool,
    ) -> Result<Marks, CycleError> {
        if goes_by && !self.leaving.is_listed() {
            self.learn(lnd, store).await?;
        }
        if let Some(known) = &self.marks {
            return Ok(known.clone());
        }
        let read = store.marks().await?;
        self.marks = Some(read.clone());
        Ok(read)
    }

    /// Counts what a cycle saw, and stores what is due.
    pub async fn look(&mut self, lnd: &Lnd, store: &impl PeerLog, seen: &Observation) {
        self.watch.look(seen, &lnd.channel_signs());
        if self.leaving.look(seen) {
            match self.learn(lnd, store).await {
                Ok(()) => self.unread = None,
                Err(error) => self.tell(error.to_string()),
            }
        }
        let due = |last: Timestamp| last > seen.at || seen.at.since(last) >= STORE_INTERVAL;
        if self.stored_at.is_none_or(due) {
            self.stored_at = Some(seen.at);
            self.store(store, false).await;
        }
    }

    /// Stores everything that was counted.
    pub async fn flush(&mut self, store: &impl PeerLog) {
        self.store(store, true).await;
    }

    async fn store(&mut self, store: &impl PeerLog, everything: bool) {
        let due = self.watch.take_due(everything);
        if due.is_empty() {
            return;
        }
        if let Err(error) = store.add_peer_sums(&due).await {
            warn!(%error, "what peers did is not stored yet");
            self.watch.take_back(due);
        }
    }

    /// Asks which channels ended, and stores what is new.
    async fn learn(&mut self, lnd: &Lnd, store: &impl PeerLog) -> Result<(), CycleError> {
        let late = || Err(NodeError::Other("no answer in time".into()));
        let asked = timeout(PATIENCE, lnd.ended_channels()).await;
        let ended = asked.unwrap_or_else(|_| late())?;
        store.add_ended(&ended).await?;
        // Read anew: what was stored before stays, whatever the node forgets.
        self.marks = None;
        self.leaving.listed(ended.iter().map(|one| one.point));
        Ok(())
    }

    fn tell(&mut self, error: String) {
        if self.unread.as_ref() != Some(&error) {
            warn!(
                error,
                "cannot list ended channels: records of peers lack them"
            );
            self.unread = Some(error);
        }
    }
}
