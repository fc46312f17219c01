//! The node's RPCs as a program in another language would call them.

use std::sync::Arc;

use sweetspot_lnd::proto::lightning_client::LightningClient;
use sweetspot_lnd::proto::routerrpc::router_client::RouterClient;
use sweetspot_lnd::proto::state_client::StateClient;
use sweetspot_lnd::proto::walletrpc::wallet_kit_client::WalletKitClient;
use tonic::Request;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::anyone::Anyone;
use crate::market::Served;

type Bearer = InterceptedService<Channel, Macaroon>;

/// Shows a macaroon, or none.
#[derive(Clone)]
pub struct Macaroon(Option<String>);

impl Interceptor for Macaroon {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, tonic::Status> {
        if let Some(hex) = &self.0 {
            let value = hex.parse().expect("hex");
            request.metadata_mut().insert("macaroon", value);
        }
        Ok(request)
    }
}

/// Clients of every service.
pub struct Raw {
    pub lightning: LightningClient<Bearer>,
    pub router: RouterClient<Bearer>,
    pub wallet: WalletKitClient<Bearer>,
    pub state: StateClient<Bearer>,
}

impl Raw {
    /// Who shows one of the node's own macaroons.
    pub fn with(served: &Served, macaroon: &str) -> Self {
        let file = served.server.macaroon_path(macaroon);
        let bytes = std::fs::read(file).expect("a macaroon");
        Self::bearing(served, Some(hex::encode(bytes)))
    }

    /// Who shows this macaroon, in hex, or none.
    pub fn bearing(served: &Served, macaroon: Option<String>) -> Self {
        let uri = format!("https://{}", served.server.address());
        let channel = Endpoint::from_shared(uri)
            .expect("an address")
            .tls_config_with_verifier(ClientTlsConfig::new(), Arc::new(Anyone))
            .expect("tls")
            .connect_lazy();
        let bearer = Macaroon(macaroon);
        Self {
            lightning: LightningClient::with_interceptor(channel.clone(), bearer.clone()),
            router: RouterClient::with_interceptor(channel.clone(), bearer.clone()),
            wallet: WalletKitClient::with_interceptor(channel.clone(), bearer.clone()),
            state: StateClient::with_interceptor(channel, bearer),
        }
    }
}
