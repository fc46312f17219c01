//! Waiting for a node that is not ready, as long as it takes.

use std::mem::discriminant;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep, timeout};

use super::Lnd;
use super::fault::Fault;
use super::proto::{GetStateRequest, SubscribeStateRequest, WalletState};
use sweetspot_core::ports::NodeError;

/// How often a wait that goes on is mentioned again.
const REMINDER: Duration = Duration::from_secs(300);
/// A node that restarts is back within seconds to a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

impl Lnd {
    /// Returns once everything in the node runs. What it waits for is logged
    /// when that changes, and every few minutes. Dropping the future is safe.
    pub async fn wait_until_active(&self) {
        let mut waiting = Waiting::default();
        let mut pauses = pauses();
        loop {
            let heard_before = waiting.heard;
            match self.follow_state(&mut waiting).await {
                Ok(()) => break,
                Err(reason) => waiting.report(&reason),
            }
            if waiting.heard != heard_before {
                pauses = self::pauses();
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        }
        if waiting.last.is_some() {
            tracing::info!(node = self.address(), "the node is ready");
        }
    }

    /// Says why the node is not ready, if it is not.
    pub async fn ensure_active(&self) -> Result<(), NodeError> {
        let mut client = self.state.clone();
        let reply = self
            .answer(client.get_state(GetStateRequest {}))
            .await
            .map_err(Fault::into_read_error)?;
        condition(reply.state).map_or(Ok(()), Err)
    }

    /// Listens until the node is active, or the stream ends. LND ends it
    /// without an error when it shuts down.
    async fn follow_state(&self, waiting: &mut Waiting) -> Result<(), NodeError> {
        let read_fault = |status| Fault::Status(status).into_read_error();
        let mut client = self.state.clone();
        let mut states = self
            .answer(client.subscribe_state(SubscribeStateRequest {}))
            .await
            .map_err(Fault::into_read_error)?;
        loop {
            match timeout(REMINDER, states.message()).await {
                Ok(Ok(Some(message))) => match condition(message.state) {
                    None => return Ok(()),
                    Some(reason) => waiting.hear(&reason),
                },
                Ok(Ok(None)) => {
                    return Err(NodeError::Unreachable("it has shut down".into()));
                }
                Ok(Err(status)) => return Err(read_fault(status)),
                Err(_) => waiting.remind(),
            }
        }
    }
}

/// Why a node in this state is not ready; `None` if it is.
fn condition(state: i32) -> Option<NodeError> {
    match WalletState::try_from(state) {
        Ok(WalletState::ServerActive) => None,
        Ok(WalletState::NonExisting) => Some(NodeError::NoWallet),
        Ok(WalletState::Locked) => Some(NodeError::Locked),
        Ok(_) | Err(_) => Some(NodeError::Starting),
    }
}

/// What is waited for, and when that was last said.
#[derive(Default)]
struct Waiting {
    last: Option<(NodeError, Instant)>,
    /// How many states the node has told.
    heard: u64,
}

impl Waiting {
    fn hear(&mut self, reason: &NodeError) {
        self.heard += 1;
        self.report(reason);
    }

    fn remind(&mut self) {
        if let Some((reason, _)) = self.last.clone() {
            self.report(&reason);
        }
    }

    fn report(&mut self, reason: &NodeError) {
        let said = self.last.as_ref().is_some_and(|(last, at)| {
            discriminant(last) == discriminant(reason) && at.elapsed() < REMINDER
        });
        if said {
            tracing::debug!(%reason, "still waiting for the node");
            return;
        }
        match reason {
            NodeError::Starting => tracing::info!(%reason, "waiting for the node"),
            _ => tracing::warn!(%reason, "waiting for the node"),
        }
        self.last = Some((reason.clone(), Instant::now()));
    }
}
