//! Keeps book of what the node paid and could not forward, between cycles: nothing
//! here is waited for by a cycle, and what cannot be read is told once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, warn};

use crate::config::LedgerSettings;
use sweetspot_core::money::costs::MovedIn;
use sweetspot_core::money::failed::FailedSums;
use sweetspot_core::ports::cost_log::{CostLog, PaymentsRead};
use sweetspot_core::ports::{NodeError, StoreError};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::Lnd;

/// How often the node is asked what it paid.
const LOOK_INTERVAL: Duration = Duration::from_secs(3_600);

/// How often it is asked what channels cost: every transaction of the wallet is told.
const CHAIN_INTERVAL: Duration = Duration::from_secs(86_400);

/// How long a look may take; what is read by then is kept, and the next goes on.
const PATIENCE: Duration = Duration::from_secs(30);

/// A payment may be under way for days: it is told in the place where it was begun,
/// once it settles.
const UNDER_WAY: Duration = Duration::from_secs(3 * 86_400);

/// The pause before a stream that ended is opened again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What is remembered of keeping book.
#[derive(Default)]
pub struct Bookkeeper {
    looked_at: Option<Timestamp>,
    chain_looked_at: Option<Timestamp>,
    /// The last payment that a look came to before its time was over; 0 if it came to
    /// the last.
    payments_after: u64,
    /// What cannot be read, and why, as told in the log.
    unread: BTreeMap<&'static str, String>,
    /// What was moved in of late; `None` until it is read.
    moved_in: Option<BTreeMap<ChannelPoint, MovedIn>>,
    failed: Arc<Mutex<FailedSums>>,
    listener: Option<AbortOnDropHandle<()>>,
}

/// What came between a look and its end.
enum Missed {
    Node(NodeError),
    Store(StoreError),
}

impl From<NodeError> for Missed {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Bookkeeper {
    /// What was moved into channels of late. A measured cost holds a fee up: no cycle
    /// may go without it.
    pub async fn moved_in(
        &mut self,
        store: &impl CostLog,
        now: Timestamp,
    ) -> Result<BTreeMap<ChannelPoint, MovedIn>, StoreError> {
        if let Some(known) = &self.moved_in {
            return Ok(known.clone());
        }
        let read = store.moved_in(now).await?;
        self.moved_in = Some(read.clone());
        Ok(read)
    }

    /// Asks and stores what is due. On a first look, payments are read from
    /// `backfill_from` on.
    pub async fn look(
        &mut self,
        lnd: &Lnd,
        store: &impl CostLog,
        settings: LedgerSettings,
        backfill_from: Timestamp,
        now: Timestamp,
    ) {
        self.listen(lnd, settings.failed_htlcs);
        let due = |last: Option<Timestamp>, interval| {
            // A clock that was set back is no reason to wait.
            last.is_none_or(|last| last > now || now.since(last) >= interval)
        };
        if !due(self.looked_at, LOOK_INTERVAL) {
            return;
        }
        self.looked_at = Some(now);
        self.moved_in = None;
        self.flush(store).await;
        if settings.rebalances {
            let after = &mut self.payments_after;
            let read = read_payments(lnd, store, after, backfill_from, now);
            let done = timeout(PATIENCE, read).await;
            self.tell("what rebalancing costs", done.unwrap_or(Ok(())));
        }
        if settings.on_chain && due(self.chain_looked_at, CHAIN_INTERVAL) {
            self.chain_looked_at = Some(now);
            let read = async {
                let costs = lnd.chain_costs().await?;
                Ok(store.add_chain_costs(&costs).await?)
            };
            let late = || Err(NodeError::Other("no answer in time".into()).into());
            let done = timeout(PATIENCE, read).await;
            self.tell(
                "what channels cost on the chain",
                done.unwrap_or_else(|_| late()),
            );
        }
    }

    /// Stores what was counted since the last look.
    pub async fn flush(&self, store: &impl CostLog) {
        let failed = std::mem::take(&mut *lock(&self.failed));
        if !failed.is_empty()
            && let Err(error) = store.add_failed_forwards(&failed).await
        {
            warn!(%error, "what could not be forwarded in the last hour is not kept");
        }
    }

    /// Tells, when that changes, what cannot be read.
    fn tell(&mut self, what: &'static str, done: Result<(), Missed>) {
        let error = match done {
            Ok(()) => {
                self.unread.remove(what);
                return;
            }
            Err(Missed::Node(error)) => error.to_string(),
            Err(Missed::Store(error)) => error.to_string(),
        };
        if self.unread.get(what) != Some(&error) {
            warn!(error, "cannot read {what}: it is missing in reports");
            self.unread.insert(what, error);
        }
    }

    fn listen(&mut self, lnd: &Lnd, wanted: bool) {
        match (&self.listener, wanted) {
            (None, true) => {
                let task = follow(lnd.clone(), Arc::clone(&self.failed));
                self.listener = Some(AbortOnDropHandle::new(tokio::spawn(task.in_current_span())));
            }
            (Some(_), false) => self.listener = None,
            _ => {}
        }
    }
}

/// Reads what was paid since the last look, page by page, each stored at once.
async fn read_payments(
    lnd: &Lnd,
    store: &impl CostLog,
    after: &mut u64,
    backfill_from: Timestamp,
    now: Timestamp,
) -> Result<(), Missed> {
    let known = store.payments_read().await?;
    let mut read = known.unwrap_or(PaymentsRead {
        from: backfill_from,
        through: backfill_from,
    });
    let begun = read.through.min(now).minus(UNDER_WAY).max(read.from);
    loop {
        let page = lnd.payments(begun, *after).await?;
        // Not beyond our own clock: the node's may be ahead for a while.
        let through = match page.next {
            Some(_) => page.newest.unwrap_or(read.through),
            None => now,
        };
        read.through = read.through.max(through).min(now.max(read.from));
        store.add_rebalances(&page.rebalances, read).await?;
        *after = page.next.unwrap_or(0);
        if page.next.is_none() {
            return Ok(());
        }
    }
}

/// Counts what the node fails, as long as it tells.
async fn follow(lnd: Lnd, failed: Arc<Mutex<FailedSums>>) {
    let mut last = None;
    loop {
        let told = lnd.failed_forwards(|one| lock(&failed).add(one)).await;
        let said = match told {
            Ok(()) => "the node ended the stream".to_owned(),
            Err(error) => error.to_string(),
        };
        match last.as_ref() == Some(&said) {
            true => debug!(error = said, "no HTLC events"),
            false => warn!(
                error = said,
                "what cannot be forwarded is not counted until the node tells again"
            ),
        }
        last = Some(said);
        sleep(LISTEN_AGAIN_AFTER).await;
    }
}

fn lock(sums: &Mutex<FailedSums>) -> std::sync::MutexGuard<'_, FailedSums> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}
