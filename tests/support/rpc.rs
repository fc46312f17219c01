//! The RPCs of the fake node, with LND's own semantics and error texts.

use std::sync::{Arc, Mutex, MutexGuard};

use sweetspot_lnd::proto::routerrpc::{
    HtlcEvent, SubscribeHtlcEventsRequest, router_server::Router,
};
use sweetspot_lnd::proto::{
    Chain, ChanInfoRequest, ChannelEdge, ClosedChannelsRequest, ClosedChannelsResponse,
    ForwardingEvent, ForwardingHistoryRequest, ForwardingHistoryResponse, GetInfoRequest,
    GetInfoResponse, GetStateRequest, GetStateResponse, GetTransactionsRequest,
    ListChannelsRequest, ListChannelsResponse, ListPaymentsRequest, ListPaymentsResponse, NodeInfo,
    NodeInfoRequest, Payment, PendingChannelsRequest, PendingChannelsResponse, PolicyUpdateRequest,
    PolicyUpdateResponse, SubscribeStateRequest, SubscribeStateResponse, TransactionDetails,
    WalletState, lightning_server::Lightning, state_server::State,
};
use sweetspot_lnd::{LndVersion, check_version};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::policy_update;
use super::world::{OnUpdate, World};

/// The services; clones serve the same world.
#[derive(Clone)]
pub struct Rpc(pub Arc<Mutex<World>>);

type Reply<T> = Result<Response<T>, Status>;

impl Rpc {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test panicked with the lock")
    }

    /// LND's interceptors: the wallet's state first, then the macaroon.
    fn admit<T>(
        &self,
        call: &'static str,
        request: Request<T>,
    ) -> Result<(MutexGuard<'_, World>, T), Status> {
        let (metadata, _, message) = request.into_parts();
        let mut world = self.world();
        *world.calls.entry(call).or_default() += 1;
        let state = *world.state.borrow();
        check_state(state)?;
        check_macaroon(&metadata, &world.macaroon)?;
        if let Some(text) = world.failing.get(call) {
            return Err(Status::unknown(*text));
        }
        Ok((world, message))
    }
}

fn check_state(state: WalletState) -> Result<(), Status> {
    Err(Status::unknown(match state {
        WalletState::WaitingToStart => "waiting to start, RPC services not available",
        WalletState::NonExisting => "wallet not created, create one to enable full RPC access",
        WalletState::Locked => "wallet locked, unlock it to enable full RPC access",
        WalletState::Unlocked => {
            "the RPC server is in the process of starting up, but not yet ready to accept calls"
        }
        WalletState::RpcActive | WalletState::ServerActive => return Ok(()),
    }))
}

fn check_macaroon(metadata: &MetadataMap, right: &[u8]) -> Result<(), Status> {
    let shown: Vec<_> = metadata.get_all("macaroon").iter().collect();
    match shown[..] {
        [one] if one.as_bytes() == hex::encode(right).as_bytes() => Ok(()),
        [_] => Err(Status::unknown(
            "verification failed: signature mismatch after caveat verification",
        )),
        _ => Err(Status::unknown(format!(
            "expected 1 macaroon, got {}",
            shown.len()
        ))),
    }
}

#[tonic::async_trait]
impl State for Rpc {
    async fn get_state(&self, _: Request<GetStateRequest>) -> Reply<GetStateResponse> {
        let mut world = self.world();
        *world.calls.entry("GetState").or_default() += 1;
        let state = (*world.state.borrow()).into();
        Ok(Response::new(GetStateResponse { state }))
    }

    async fn subscribe_state(
        &self,
        _: Request<SubscribeStateRequest>,
    ) -> Reply<BoxStream<SubscribeStateResponse>> {
        let mut world = self.world();
        *world.calls.entry("SubscribeState").or_default() += 1;
        let mut states = world.state.subscribe();
        let mut ended = world.streams.subscribe();
        let (messages, stream) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let state = (*states.borrow_and_update()).into();
                if messages
                    .send(Ok(SubscribeStateResponse { state }))
                    .await
                    .is_err()
                {
                    return;
                }
                tokio::select! {
                    Ok(()) = states.changed() => {}
                    _ = ended.changed() => return,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

#[tonic::async_trait]
impl Router for Rpc {
    async fn subscribe_htlc_events(
        &self,
        request: Request<SubscribeHtlcEventsRequest>,
    ) -> Reply<BoxStream<HtlcEvent>> {
        let (world, _) = self.admit("SubscribeHtlcEvents", request)?;
        let mut events = world.htlcs.subscribe();
        let mut ended = world.streams.subscribe();
        let (messages, stream) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Ok(event) = events.recv() => {
                        if messages.send(Ok(event)).await.is_err() {
                            return;
                        }
                    }
                    _ = ended.changed() => return,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}

#[tonic::async_trait]
impl Lightning for Rpc {
    async fn get_info(&self, request: Request<GetInfoRequest>) -> Reply<GetInfoResponse> {
        let (world, _) = self.admit("GetInfo", request)?;
        Ok(Response::new(GetInfoResponse {
            identity_pubkey: world.pubkey.clone(),
            alias: world.alias.clone(),
            block_height: world.height,
            synced_to_chain: true,
            version: world.version.clone(),
            chains: vec![Chain {
                chain: "bitcoin".to_owned(),
                network: world.network.clone(),
            }],
            synced_to_graph: true,
            ..Default::default()
        }))
    }

    async fn list_channels(
        &self,
        request: Request<ListChannelsRequest>,
    ) -> Reply<ListChannelsResponse> {
        let (world, query) = self.admit("ListChannels", request)?;
        let mut channels: Vec<_> = world.channels.iter().map(|c| c.said.clone()).collect();
        if !query.peer_alias_lookup {
            channels.iter_mut().for_each(|said| said.peer_alias.clear());
        }
        Ok(Response::new(ListChannelsResponse { channels }))
    }

    async fn get_node_info(&self, request: Request<NodeInfoRequest>) -> Reply<NodeInfo> {
        let (world, query) = self.admit("GetNodeInfo", request)?;
        if query.pub_key != world.pubkey {
            return Err(Status::not_found("unable to find node"));
        }
        let announced = world.channels.iter().filter(|channel| channel.announced);
        let edges = announced.filter_map(|channel| channel.edge.clone());
        Ok(Response::new(NodeInfo {
            channels: edges.filter(|_| query.include_channels).collect(),
            ..Default::default()
        }))
    }

    async fn get_chan_info(&self, request: Request<ChanInfoRequest>) -> Reply<ChannelEdge> {
        let take = {
            let mut world = self.world();
            world.edges_under_way += 1;
            world.most_at_once = world.most_at_once.max(world.edges_under_way);
            world.edges_take
        };
        // Asked for no time at all, the timer would still wait for its next tick.
        if !take.is_zero() {
            tokio::time::sleep(take).await;
        }
        self.world().edges_under_way -= 1;
        let (world, mut query) = self.admit("GetChanInfo", request)?;
        let version = check_version(&world.version).expect("a supported version");
        if version < release(18, 5) {
            query.chan_point.clear();
        }
        if query.chan_id == 0 && query.chan_point.is_empty() {
            return Err(Status::unknown("specify either chan_id or chan_point"));
        }
        let asked_for = |edge: &ChannelEdge| match query.chan_id {
            0 => edge.chan_point == query.chan_point,
            scid => edge.channel_id == scid,
        };
        let mut channels = world.channels.iter();
        let wanted = channels.find(|channel| channel.edge.as_ref().is_some_and(asked_for));
        if let Some(text) = wanted.and_then(|channel| channel.unreadable) {
            return Err(Status::unknown(text));
        }
        match wanted.and_then(|channel| channel.edge.as_ref()) {
            Some(edge) => Ok(Response::new(edge.clone())),
            None if version < release(20, 0) => Err(Status::unknown("edge not found")),
            None => Err(Status::not_found("edge not found")),
        }
    }

    async fn forwarding_history(
        &self,
        request: Request<ForwardingHistoryRequest>,
    ) -> Reply<ForwardingHistoryResponse> {
        let (world, query) = self.admit("ForwardingHistory", request)?;
        let end_secs = match query.end_time {
            0 => u64::MAX,
            end => end,
        };
        let most = match query.num_max_events {
            0 => 100,
            most => most,
        };
        let nanos = |secs: u64| secs.saturating_mul(1_000_000_000);
        let span = nanos(query.start_time)..=nanos(end_secs);
        let before = |event: &ForwardingEvent| event.timestamp_ns < *span.start();
        let first = world.forwards.partition_point(before);
        let forwarding_events: Vec<_> = world.forwards[first..]
            .iter()
            .take_while(|event| span.contains(&event.timestamp_ns))
            .skip(query.index_offset as usize)
            .take(most as usize)
            .cloned()
            .collect();
        let returned = u32::try_from(forwarding_events.len()).expect("a page");
        Ok(Response::new(ForwardingHistoryResponse {
            forwarding_events,
            last_offset_index: query.index_offset + returned,
        }))
    }

    async fn closed_channels(
        &self,
        request: Request<ClosedChannelsRequest>,
    ) -> Reply<ClosedChannelsResponse> {
        let (world, _) = self.admit("ClosedChannels", request)?;
        Ok(Response::new(ClosedChannelsResponse {
            channels: world.closed.clone(),
        }))
    }

    async fn pending_channels(
        &self,
        request: Request<PendingChannelsRequest>,
    ) -> Reply<PendingChannelsResponse> {
        let (world, _) = self.admit("PendingChannels", request)?;
        Ok(Response::new(world.pending.clone()))
    }

    async fn list_payments(
        &self,
        request: Request<ListPaymentsRequest>,
    ) -> Reply<ListPaymentsResponse> {
        let (world, query) = self.admit("ListPayments", request)?;
        let begun = |payment: &&Payment| {
            let from = i128::from(query.creation_date_start) * 1_000_000_000;
            payment.payment_index > query.index_offset
                && i128::from(payment.creation_time_ns) >= from
        };
        let most = usize::try_from(query.max_payments).expect("a count");
        let payments = world.payments.iter().filter(begun).take(most);
        let payments: Vec<Payment> = payments.cloned().collect();
        let index = |payment: Option<&Payment>| payment.map_or(0, |one| one.payment_index);
        Ok(Response::new(ListPaymentsResponse {
            first_index_offset: index(payments.first()),
            last_index_offset: index(payments.last()),
            payments,
            ..Default::default()
        }))
    }

    async fn get_transactions(
        &self,
        request: Request<GetTransactionsRequest>,
    ) -> Reply<TransactionDetails> {
        let (world, _) = self.admit("GetTransactions", request)?;
        Ok(Response::new(TransactionDetails {
            transactions: world.transactions.clone(),
        }))
    }

    async fn update_channel_policy(
        &self,
        request: Request<PolicyUpdateRequest>,
    ) -> Reply<PolicyUpdateResponse> {
        let (failed, hang) = {
            let (mut world, order) = self.admit("UpdateChannelPolicy", request)?;
            policy_update::check(&order)?;
            world.updates.push(order.clone());
            match world.on_update.clone() {
                OnUpdate::Apply => (policy_update::apply(&mut world, &order), false),
                OnUpdate::ApplyAndHang => (policy_update::apply(&mut world, &order), true),
                OnUpdate::Hang => (None, true),
                OnUpdate::Fail(reason, error) => {
                    (Some(policy_update::failure(&order, reason, error)), false)
                }
            }
        };
        if hang {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(PolicyUpdateResponse {
            failed_updates: failed.into_iter().collect(),
        }))
    }
}

fn release(minor: u32, patch: u32) -> LndVersion {
    LndVersion {
        major: 0,
        minor,
        patch,
    }
}
