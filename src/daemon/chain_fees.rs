//! Follows what on-chain fees are like, between cycles.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::config::ChainFeeSettings;
use sweetspot_core::money::chain_fees::{FeeRegime, RegimeWatch};
use sweetspot_core::ports::chain_fee_log::ChainFeeLog;
use sweetspot_core::ports::{NodeError, StoreError};
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::Lnd;

/// How often the node is asked: a regime lasts for hours.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is remembered of on-chain fees.
#[derive(Debug, Default)]
pub struct ChainFees {
    /// `None` until it is read from the store.
    watch: Option<RegimeWatch>,
    asked_at: Option<Timestamp>,
    /// Why they could not be read, as told in the log.
    unread: Option<String>,
}

impl ChainFees {
    /// What they are like now; `None` if nobody says so any more. Clocks of the prune
    /// rules go by it.
    pub async fn regime(
        &mut self,
        store: &impl ChainFeeLog,
        settings: &ChainFeeSettings,
    ) -> Result<Option<FeeRegime>, StoreError> {
        let watch = match &self.watch {
            Some(watch) => *watch,
            None => {
                let stored = store.chain_fees().await?;
                *self.watch.insert(RegimeWatch::from(stored.last().copied()))
            }
        };
        let current = watch
            .current
            .filter(|_| settings.is_told() && self.unread.is_none());
        Ok(current.map(|change| change.regime))
    }

    /// Asks what is due, and stores a change.
    pub async fn look(
        &mut self,
        lnd: &Lnd,
        store: &impl ChainFeeLog,
        settings: &ChainFeeSettings,
        now: Timestamp,
    ) {
        let due = |last: Timestamp| last > now || now.since(last) >= INTERVAL;
        if !self.asked_at.is_none_or(due) {
            return;
        }
        self.asked_at = Some(now);
        let rate = match (settings.given_sat_per_vb, settings.estimate) {
            (Some(given), _) => Ok(given),
            (None, true) => {
                let late = |_| Err(NodeError::Other("no answer in time".into()));
                timeout(PATIENCE, lnd.sat_per_vb())
                    .await
                    .unwrap_or_else(late)
            }
            (None, false) => return,
        };
        let rate = match rate {
            Ok(rate) => rate,
            Err(error) => return self.tell(error.to_string()),
        };
        self.unread = None;
        let Some(watch) = &mut self.watch else {
            return;
        };
        let before = *watch;
        let Some(change) = watch.read(now, rate, &settings.bounds) else {
            return;
        };
        info!(
            regime = change.regime.code(),
            sat_per_vb = change.sat_per_vb,
            "on-chain fees are different now"
        );
        if let Err(error) = store.add_chain_fees(&change).await {
            warn!(%error, "tried again in an hour");
            *watch = before;
        }
    }

    fn tell(&mut self, error: String) {
        if self.unread.as_ref() != Some(&error) {
            warn!(
                error,
                "cannot read what on-chain fees are like: idle clocks run as usual"
            );
            self.unread = Some(error);
        }
    }
}
