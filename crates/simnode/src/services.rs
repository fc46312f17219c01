//! The small services: the wallet's state, the router, the wallet kit.

use tokio_stream::StreamExt;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use sweetspot_lnd::proto;
use sweetspot_lnd::proto::routerrpc::ChanStatusAction;
use sweetspot_lnd::proto::routerrpc::router_server::Router;
use sweetspot_lnd::proto::state_server::State;
use sweetspot_lnd::proto::walletrpc::wallet_kit_server::WalletKit;
use sweetspot_lnd::proto::{routerrpc, walletrpc};

use super::lightning::{Reply, Rpc};
use super::writes::named;

/// 10 sat/vB for the next blocks, 1 sat/vB after a day.
const FAST_SAT_PER_KW: i64 = 2_500;
const SLOW_SAT_PER_KW: i64 = 253;
const DAY_BLOCKS: i32 = 144;

#[tonic::async_trait]
impl State for Rpc {
    async fn get_state(
        &self,
        _: Request<proto::GetStateRequest>,
    ) -> Reply<proto::GetStateResponse> {
        let state = self.0.with(|core| core.signals.state()).into();
        Ok(Response::new(proto::GetStateResponse { state }))
    }

    async fn subscribe_state(
        &self,
        _: Request<proto::SubscribeStateRequest>,
    ) -> Reply<BoxStream<proto::SubscribeStateResponse>> {
        let states = self.0.with(|core| core.signals.states());
        let told = states.map(|state| {
            state.map(|state| proto::SubscribeStateResponse {
                state: state.into(),
            })
        });
        Ok(Response::new(Box::pin(told)))
    }
}

#[tonic::async_trait]
impl Router for Rpc {
    async fn subscribe_htlc_events(
        &self,
        _: Request<routerrpc::SubscribeHtlcEventsRequest>,
    ) -> Reply<BoxStream<routerrpc::HtlcEvent>> {
        let events = self.0.with(|core| core.signals.htlc_events());
        Ok(Response::new(events))
    }

    async fn update_chan_status(
        &self,
        request: Request<routerrpc::UpdateChanStatusRequest>,
    ) -> Reply<routerrpc::UpdateChanStatusResponse> {
        let asked = request.into_inner();
        let point = named(&asked.chan_point.clone().unwrap_or_default())?;
        self.0.with(|core| {
            let Some(listed) = core.find(point).filter(|listed| listed.has_edge) else {
                return Err(Status::unknown("edge not found"));
            };
            match ChanStatusAction::try_from(asked.action) {
                Ok(ChanStatusAction::Enable) if !listed.channel.active => Err(Status::unknown(
                    "unable to enable channel which is not currently active",
                )),
                Ok(ChanStatusAction::Enable | ChanStatusAction::Auto) => {
                    core.switch(point, false);
                    Ok(())
                }
                Ok(ChanStatusAction::Disable) => {
                    core.switch(point, true);
                    Ok(())
                }
                Err(_) => Err(Status::unknown(format!(
                    "unrecognized ChannelStatusAction {}",
                    asked.action
                ))),
            }
        })?;
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl WalletKit for Rpc {
    async fn estimate_fee(
        &self,
        request: Request<walletrpc::EstimateFeeRequest>,
    ) -> Reply<walletrpc::EstimateFeeResponse> {
        let target = request.into_inner().conf_target;
        if target <= 0 {
            return Err(Status::unknown(
                "confirmation target must be greater than 0",
            ));
        }
        Ok(Response::new(walletrpc::EstimateFeeResponse {
            sat_per_kw: match target < DAY_BLOCKS {
                true => FAST_SAT_PER_KW,
                false => SLOW_SAT_PER_KW,
            },
            min_relay_fee_sat_per_kw: SLOW_SAT_PER_KW,
        }))
    }
}
