//! The main service.

use std::collections::BTreeSet;

use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::observation::Forward;
use sweetspot_lnd::NODE_CLOCK;
use sweetspot_lnd::proto;
use sweetspot_lnd::proto::lightning_server::Lightning;

use super::SimNode;
use super::core::Core;
use super::faults::WriteFault;
use super::history::Query;
use super::messages;

/// The services; clones serve the same node. Each call has passed the gate,
/// which brought the world up to date.
#[derive(Clone)]
pub(super) struct Rpc(pub SimNode);

pub(super) type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Lightning for Rpc {
    async fn get_info(&self, _: Request<proto::GetInfoRequest>) -> Reply<proto::GetInfoResponse> {
        self.0.with(|core| {
            let mut answer = Response::new(core.info());
            if let Ok(told) = core.clock.told().parse() {
                answer.metadata_mut().insert(NODE_CLOCK, told);
            }
            Ok(answer)
        })
    }

    async fn list_channels(
        &self,
        request: Request<proto::ListChannelsRequest>,
    ) -> Reply<proto::ListChannelsResponse> {
        let asked = request.into_inner();
        if asked.active_only && asked.inactive_only {
            return Err(Status::unknown(
                "either `active_only` or `inactive_only` can be set, but not both",
            ));
        }
        let channels = self.0.with(|core| core.list_channels(&asked));
        Ok(Response::new(proto::ListChannelsResponse { channels }))
    }

    async fn get_node_info(
        &self,
        request: Request<proto::NodeInfoRequest>,
    ) -> Reply<proto::NodeInfo> {
        let asked = request.into_inner();
        self.0
            .with(|core| core.node_info(&asked))
            .map(Response::new)
    }

    async fn get_chan_info(
        &self,
        request: Request<proto::ChanInfoRequest>,
    ) -> Reply<proto::ChannelEdge> {
        let asked = request.into_inner();
        self.0
            .with(|core| core.chan_info(&asked))
            .map(Response::new)
    }

    async fn describe_graph(
        &self,
        request: Request<proto::ChannelGraphRequest>,
    ) -> Reply<proto::ChannelGraph> {
        let asked = request.into_inner();
        Ok(Response::new(
            self.0.with(|core| core.describe_graph(&asked)),
        ))
    }

    async fn fee_report(
        &self,
        _: Request<proto::FeeReportRequest>,
    ) -> Reply<proto::FeeReportResponse> {
        self.0.with(|core| core.fee_report()).map(Response::new)
    }

    async fn forwarding_history(
        &self,
        request: Request<proto::ForwardingHistoryRequest>,
    ) -> Reply<proto::ForwardingHistoryResponse> {
        let asked = request.into_inner();
        let scids = |ids: &[u64]| ids.iter().copied().map(Scid).collect::<BTreeSet<_>>();
        let query = Query {
            start_secs: asked.start_time,
            end_secs: (asked.end_time != 0).then_some(asked.end_time),
            offset: asked.index_offset,
            most: asked.num_max_events,
            scids_in: scids(&asked.incoming_chan_ids),
            scids_out: scids(&asked.outgoing_chan_ids),
        };
        let forwarding_events: Vec<_> = self.0.with(|core| {
            let found = core.history.query(&query, core.now());
            let told = found.iter().map(|forward| {
                let mut said = event(forward);
                if asked.peer_alias_lookup {
                    said.peer_alias_in = core.alias_behind(forward.scid_in);
                    said.peer_alias_out = core.alias_behind(forward.scid_out);
                }
                said
            });
            told.collect()
        });
        let returned = u32::try_from(forwarding_events.len()).unwrap_or(u32::MAX);
        Ok(Response::new(proto::ForwardingHistoryResponse {
            forwarding_events,
            last_offset_index: asked.index_offset.saturating_add(returned),
        }))
    }

    async fn closed_channels(
        &self,
        request: Request<proto::ClosedChannelsRequest>,
    ) -> Reply<proto::ClosedChannelsResponse> {
        let asked = request.into_inner();
        let wanted = [
            asked.cooperative,
            asked.local_force,
            asked.remote_force,
            asked.breach,
            asked.funding_canceled,
            asked.abandoned,
        ];
        let any = !wanted.contains(&true);
        let is_wanted = |said: &proto::ChannelCloseSummary| {
            let kind = usize::try_from(said.close_type).ok();
            any || kind.and_then(|kind| wanted.get(kind)) == Some(&true)
        };
        let mut channels: Vec<_> = self
            .0
            .with(|core| core.closed.iter().map(messages::close_summary).collect());
        channels.retain(is_wanted);
        Ok(Response::new(proto::ClosedChannelsResponse { channels }))
    }

    async fn update_channel_policy(
        &self,
        request: Request<proto::PolicyUpdateRequest>,
    ) -> Reply<proto::PolicyUpdateResponse> {
        let order = request.into_inner();
        let (failed_updates, answered) = self.0.with(|core| {
            let failed = core.update_policies(&order)?;
            Ok::<_, Status>((failed, core.faults.writes != WriteFault::Unanswered))
        })?;
        if !answered {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(proto::PolicyUpdateResponse {
            failed_updates,
        }))
    }

    async fn pending_channels(
        &self,
        _: Request<proto::PendingChannelsRequest>,
    ) -> Reply<proto::PendingChannelsResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn list_peers(
        &self,
        _: Request<proto::ListPeersRequest>,
    ) -> Reply<proto::ListPeersResponse> {
        let peers = self.0.with(|core| core.list_peers());
        Ok(Response::new(proto::ListPeersResponse { peers }))
    }

    async fn get_transactions(
        &self,
        _: Request<proto::GetTransactionsRequest>,
    ) -> Reply<proto::TransactionDetails> {
        Ok(Response::new(Default::default()))
    }

    async fn list_invoices(
        &self,
        _: Request<proto::ListInvoiceRequest>,
    ) -> Reply<proto::ListInvoiceResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn list_payments(
        &self,
        _: Request<proto::ListPaymentsRequest>,
    ) -> Reply<proto::ListPaymentsResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn subscribe_channel_events(
        &self,
        _: Request<proto::ChannelEventSubscription>,
    ) -> Reply<BoxStream<proto::ChannelEventUpdate>> {
        let events = self.0.with(|core| core.signals.channel_events());
        Ok(Response::new(events))
    }

    async fn bake_macaroon(
        &self,
        request: Request<proto::BakeMacaroonRequest>,
    ) -> Reply<proto::BakeMacaroonResponse> {
        let asked = request.into_inner().permissions;
        let baked = self.0.with(|core| core.bakery.bake_asked(&asked))?;
        Ok(Response::new(proto::BakeMacaroonResponse {
            macaroon: hex::encode(baked),
        }))
    }
}

fn event(forward: &Forward) -> proto::ForwardingEvent {
    let nanos = u64::try_from(forward.settled_at.nanos()).unwrap_or(0);
    proto::ForwardingEvent {
        timestamp: nanos / 1_000_000_000,
        chan_id_in: forward.scid_in.0,
        chan_id_out: forward.scid_out.0,
        amt_in: forward.amount_in.0 / 1_000,
        amt_out: forward.amount_out.0 / 1_000,
        fee: forward.fee.0 / 1_000,
        fee_msat: forward.fee.0,
        amt_in_msat: forward.amount_in.0,
        amt_out_msat: forward.amount_out.0,
        timestamp_ns: nanos,
        ..Default::default()
    }
}

impl Core {
    fn info(&self) -> proto::GetInfoResponse {
        let listed = self.listed();
        let active = listed.iter().filter(|listed| listed.channel.active).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let tip = self.world.tip();
        proto::GetInfoResponse {
            identity_pubkey: self.name.key.to_string(),
            alias: self.name.alias.clone(),
            num_active_channels: count(active),
            num_inactive_channels: count(listed.len() - active),
            num_peers: count(self.list_peers().len()),
            block_height: tip.0,
            block_hash: format!("{:064x}", tip.0),
            synced_to_chain: !self.faults.unsynced,
            best_header_timestamp: self.world.now().secs().div_euclid(600) * 600,
            version: self.name.version.clone(),
            chains: vec![proto::Chain {
                chain: "bitcoin".to_owned(),
                network: "regtest".to_owned(),
            }],
            synced_to_graph: true,
            ..Default::default()
        }
    }

    fn alias_behind(&self, scid: Scid) -> String {
        let point = self.point_of(scid);
        let record = point.and_then(|point| self.records.get(&point));
        let alias = record.and_then(|record| record.listed.channel.peer_alias.clone());
        alias.map_or_else(
            || "unable to lookup peer alias: edge not found".to_owned(),
            |alias| alias.to_string(),
        )
    }
}
