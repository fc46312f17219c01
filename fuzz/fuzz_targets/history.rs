//! Any history, read over any number of pages, is stored completely and once.
#![no_main]

use std::collections::BTreeMap;
use std::future::ready;

use libfuzzer_sys::fuzz_target;
use sweetspot::daemon::history::{self, PAGE_EVENTS};
use sweetspot_core::ports::{ForwardLog, HistoryCursor, HistoryPage, Node, NodeError, NodeInfo};
use sweetspot_core::types::channel::{ChannelPoint, Policy};
use sweetspot_core::types::observation::{ClosedChannel, Observation};
use sweetspot_core::types::raw_forward::{ForwardPage, RawForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::MemoryStore;

const SECOND: u64 = 1_000_000_000;
const BEGINS: u64 = 1_700_000_000 * SECOND;

struct History(BTreeMap<u64, RawForward>);

impl Node for History {
    async fn forwards(&self, page: HistoryPage) -> Result<ForwardPage, NodeError> {
        let from = page.start_secs.saturating_mul(SECOND);
        let found = self.0.range(from..).map(|(_, raw)| *raw);
        let found = found.skip(page.offset as usize);
        Ok(ForwardPage::of(found.take(page.max_events as usize)))
    }

    fn info(&self) -> impl Future<Output = Result<NodeInfo, NodeError>> + Send {
        ready(Err(NodeError::Starting))
    }

    fn observe(&self, _: Timestamp) -> impl Future<Output = Result<Observation, NodeError>> + Send {
        ready(Err(NodeError::Starting))
    }

    fn policy(&self, _: ChannelPoint) -> impl Future<Output = Result<Policy, NodeError>> + Send {
        ready(Err(NodeError::Starting))
    }

    fn closed_channels(
        &self,
    ) -> impl Future<Output = Result<Vec<ClosedChannel>, NodeError>> + Send {
        ready(Err(NodeError::Starting))
    }
}

/// Runs of forwards: each byte triple is a gap, a length and whether they are odd.
fn told(bytes: &[u8]) -> History {
    let mut history = BTreeMap::new();
    let mut at = BEGINS;
    for run in bytes.chunks_exact(3) {
        at += u64::from(run[0] / 16) * SECOND / 2;
        let length = u64::from(run[1]) * u64::from(PAGE_EVENTS) / 200;
        for _ in 0..length.min(12_000u64.saturating_sub(history.len() as u64)) {
            at += 1 + u64::from(run[2]) % 7;
            let odd = run[2] > 250;
            let raw = RawForward {
                settled_at_nanos: at,
                scid_in: 1,
                scid_out: 2,
                amount_in_msat: if odd { 1 } else { 1_001 },
                amount_out_msat: 1_000,
                fee_msat: 1,
            };
            history.insert(at, raw);
        }
    }
    History(history)
}

fuzz_target!(|bytes: &[u8]| {
    let node = told(bytes);
    let store = MemoryStore::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let stored = runtime.expect("a runtime").block_on(async {
        let from = Timestamp::from_secs(1_600_000_000);
        let cursor = HistoryCursor {
            from,
            through: from,
        };
        let now = Timestamp::from_secs(1_800_000_000);
        let cursor = history::read(&node, &store, cursor, now, now, |_| ()).await;
        let cursor = cursor.expect("every page is read");
        history::read(&node, &store, cursor, now, now, |_| ())
            .await
            .expect("and again");
        store.forwards_after(0, u32::MAX).await.expect("reads")
    });
    let mut stored: Vec<_> = stored.into_iter().map(|stored| stored.forward).collect();
    stored.sort_by_key(|forward| forward.settled_at);
    let wanted: Vec<_> = node
        .0
        .values()
        .filter_map(|raw| raw.checked().ok())
        .collect();
    assert_eq!(stored.len(), wanted.len());
    assert_eq!(stored, wanted);
});
