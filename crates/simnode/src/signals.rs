//! What the node tells of its own accord: its state, and what happens to
//! channels and HTLCs. Who does not keep up misses events.

use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_lnd::proto::routerrpc::HtlcEvent;
use sweetspot_lnd::proto::{ChannelEventUpdate, WalletState};

use super::listed::Listed;
use super::messages;
use super::records::Closed;

/// Events held for a slow listener.
const BACKLOG: usize = 1_024;

#[derive(Debug)]
pub(super) struct Signals {
    state: watch::Sender<WalletState>,
    /// Counts up to end every open stream.
    ended: watch::Sender<u64>,
    channels: broadcast::Sender<ChannelEventUpdate>,
    htlcs: broadcast::Sender<HtlcEvent>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(WalletState::ServerActive),
            ended: watch::Sender::new(0),
            channels: broadcast::Sender::new(BACKLOG),
            htlcs: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Signals {
    pub fn state(&self) -> WalletState {
        *self.state.borrow()
    }

    pub fn set_state(&self, state: WalletState) {
        self.state.send_replace(state);
    }

    /// Ends every open stream without an error, as LND does at shutdown.
    pub fn end_streams(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    pub fn opened(&self, listed: &Listed) {
        // Nobody may be listening; so too below.
        let _ = self.channels.send(messages::opened(listed));
    }

    pub fn closed(&self, closed: &Closed) {
        let _ = self.channels.send(messages::closed(closed));
    }

    pub fn switched(&self, point: ChannelPoint, active: bool) {
        let _ = self.channels.send(messages::switched(point, active));
    }

    pub fn htlc(&self, event: HtlcEvent) {
        let _ = self.htlcs.send(event);
    }

    /// The state now, and each one after it.
    pub fn states(&self) -> BoxStream<WalletState> {
        let mut states = self.state.subscribe();
        let mut ended = self.ended.subscribe();
        let (messages, stream) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let state = *states.borrow_and_update();
                if messages.send(Ok(state)).await.is_err() {
                    return;
                }
                tokio::select! {
                    Ok(()) = states.changed() => {}
                    _ = ended.changed() => return,
                    () = messages.closed() => return,
                }
            }
        });
        Box::pin(ReceiverStream::new(stream))
    }

    pub fn channel_events(&self) -> BoxStream<ChannelEventUpdate> {
        self.relay(None, self.channels.subscribe())
    }

    pub fn htlc_events(&self) -> BoxStream<HtlcEvent> {
        self.relay(Some(messages::subscribed()), self.htlcs.subscribe())
    }

    fn relay<T: Clone + Send + 'static>(
        &self,
        first: Option<T>,
        mut events: broadcast::Receiver<T>,
    ) -> BoxStream<T> {
        let mut ended = self.ended.subscribe();
        let (messages, stream) = mpsc::channel::<Result<T, Status>>(BACKLOG);
        tokio::spawn(async move {
            let mut next = first;
            loop {
                if let Some(event) = next.take()
                    && messages.send(Ok(event)).await.is_err()
                {
                    return;
                }
                tokio::select! {
                    event = events.recv() => match event {
                        Ok(event) => next = Some(event),
                        Err(broadcast::error::RecvError::Lagged(_)) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    _ = ended.changed() => return,
                    () = messages.closed() => return,
                }
            }
        });
        Box::pin(ReceiverStream::new(stream))
    }
}
