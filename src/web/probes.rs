//! Whether the daemon lives, and whether what it says is current: for supervisors.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tracing::warn;

use crate::web::Site;
use crate::web::trouble::Trouble;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// Cycles that may be missed before the node counts as not read lately.
const CYCLES_MISSED: u32 = 3;

/// The least time for that: a machine is busy at times.
const LEAST: Duration = Duration::from_secs(60);

/// `ok` while the daemon's loop turns.
pub async fn healthz(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    match site.pulse.is_stuck() {
        false => (StatusCode::OK, "ok\n".to_owned()),
        true => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "stuck: no sign of life for {} s\n",
                site.pulse.age().as_secs()
            ),
        ),
    }
}

/// `ready` while cycles come to their end and history is complete.
pub async fn readyz(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    match unready(&site).await {
        Ok(None) => (StatusCode::OK, "ready\n".to_owned()),
        Ok(Some(why)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        ),
        Err(trouble) => (trouble.status, format!("not ready: {}\n", trouble.says)),
    }
}

/// Says nothing of the node: anyone may ask.
async fn unready(site: &Site) -> Result<Option<&'static str>, Trouble> {
    let seen = site.open().await?;
    let Some(cycle) = seen.store.last_cycle().await? else {
        return Ok(Some("no cycle has come to its end yet"));
    };
    let beat = seen.store.heartbeat().await?;
    if beat.is_some_and(|beat| beat.error.is_some()) {
        return Ok(Some("the last cycle failed"));
    }
    let interval = seen.config.book.node.fast_interval;
    if seen.now.since(cycle.at) > interval.saturating_mul(CYCLES_MISSED).max(LEAST) {
        return Ok(Some("the node was not read lately"));
    }
    match history_is_complete(&seen.store, cycle.at).await {
        true => Ok(None),
        false => Ok(Some("forwarding history is still being read")),
    }
}

/// Whether the last cycle, at `cycle_at`, had read all forwards there were. What cannot
/// be read counts as incomplete.
pub async fn history_is_complete(store: &StoreReader, cycle_at: Timestamp) -> bool {
    let read = async {
        let mut complete = false;
        if let Some(mut journal) = store.journal(cycle_at).await? {
            while let Some(turn) = store.next_turn(&mut journal).await? {
                complete = turn.input.history_read;
            }
        }
        Ok::<_, StoreError>(complete)
    };
    read.await
        .inspect_err(|error| warn!(%error, "cannot tell whether history is complete"))
        .unwrap_or(false)
}
