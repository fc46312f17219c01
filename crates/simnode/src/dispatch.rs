//! Which service answers a call. By hand, for tonic's own router brings a whole
//! web framework to look at the path's first part.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::codegen::{BoxFuture, Service};

use sweetspot_lnd::proto::lightning_server::{self, LightningServer};
use sweetspot_lnd::proto::routerrpc::router_server::{self, RouterServer};
use sweetspot_lnd::proto::state_server::{self, StateServer};
use sweetspot_lnd::proto::walletrpc::wallet_kit_server::{self, WalletKitServer};

use super::lightning::Rpc;

/// The services of a node.
#[derive(Clone)]
pub(super) struct Services {
    lightning: LightningServer<Rpc>,
    router: RouterServer<Rpc>,
    state: StateServer<Rpc>,
    wallet: WalletKitServer<Rpc>,
}

impl Services {
    pub(super) fn new(rpc: &Rpc) -> Self {
        Self {
            lightning: LightningServer::new(rpc.clone()),
            router: RouterServer::new(rpc.clone()),
            state: StateServer::new(rpc.clone()),
            wallet: WalletKitServer::new(rpc.clone()),
        }
    }
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match service(request.uri().path()) {
            lightning_server::SERVICE_NAME => self.lightning.call(request),
            router_server::SERVICE_NAME => self.router.call(request),
            state_server::SERVICE_NAME => self.state.call(request),
            wallet_kit_server::SERVICE_NAME => self.wallet.call(request),
            _ => Box::pin(async { Ok(Status::unimplemented("").into_http()) }),
        }
    }
}

/// The service that a call's path, `/service/method`, names.
fn service(path: &str) -> &str {
    let mut parts = path.split('/');
    parts.nth(1).unwrap_or_default()
}
