//! Whether the node that answers is still the one that said who it is. Connections
//! break and are made again within a call, and another node may stand at the address
//! by then: what it tells of its forwards and channels is not to be taken as ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Lnd;
use sweetspot_core::ports::{Node, NodeError, NodeInfo};

/// The connections so far, as far as they can be counted.
#[derive(Debug)]
pub(super) struct Connection {
    /// The handshakes; `None` where the system's trust decides, which counts none.
    handshakes: Option<Arc<AtomicU64>>,
    /// How many there were when the node last said who it is.
    introduced_at: AtomicU64,
}

impl Connection {
    pub fn new(handshakes: Option<Arc<AtomicU64>>) -> Self {
        Self {
            handshakes,
            introduced_at: AtomicU64::new(0),
        }
    }

    /// The node has just said who it is.
    pub fn introduced(&self) {
        let now = self.handshakes.as_ref().map(|n| n.load(Ordering::Relaxed));
        self.introduced_at
            .store(now.unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether no other connection was made since.
    fn is_the_same(&self) -> bool {
        let now = self.handshakes.as_ref().map(|n| n.load(Ordering::Relaxed));
        now == Some(self.introduced_at.load(Ordering::Relaxed))
    }
}

impl Lnd {
    /// Refuses what was told just now if it was not `node` that told it.
    pub(super) async fn told_by(&self, node: &NodeInfo) -> Result<(), NodeError> {
        if self.connection.is_the_same() {
            return Ok(());
        }
        let now = self.info().await?;
        if now.pubkey == node.pubkey {
            return Ok(());
        }
        let said = format!(
            "another node answers at this address now: {} in place of {}",
            now.pubkey, node.pubkey
        );
        Err(NodeError::Other(said.into()))
    }
}
