//! The bare client: the same reads as the daemon's cycle, decoded and dropped.

use std::path::Path;
use std::sync::Arc;

use sweetspot_lnd::proto::lightning_client::LightningClient;
use sweetspot_lnd::proto::{
    ForwardingHistoryRequest, GetInfoRequest, ListChannelsRequest, NodeInfoRequest,
};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig};

use crate::client::{obey, runtime};
use crate::meter;
use crate::node::{BEGAN_SECS, DAYS_BEFORE};
use crate::support::{Anyone, OWN_KEY};

/// As many events as the daemon asks for at once.
const PAGE_EVENTS: u32 = sweetspot::daemon::history::PAGE_EVENTS;
/// As far back as the daemon reads again.
const OVERLAP_SECS: u64 = 600;

/// Does cycles as told on standard input.
pub fn serve(address: &str, folder: &Path) {
    runtime().block_on(run(address, folder));
}

async fn run(address: &str, folder: &Path) {
    let macaroon = std::fs::read(folder.join("node.macaroon")).expect("a macaroon");
    let macaroon: AsciiMetadataValue = hex::encode(macaroon).parse().expect("hex");
    let tls = ClientTlsConfig::new().domain_name("localhost");
    let endpoint = Channel::from_shared(format!("https://{address}")).expect("an address");
    let channel = endpoint.tls_config_with_verifier(tls, Arc::new(Anyone));
    let channel = channel.expect("TLS").connect().await;
    let permit = move |mut request: Request<()>| {
        request.metadata_mut().insert("macaroon", macaroon.clone());
        Ok(request)
    };
    let lnd = LightningClient::with_interceptor(channel.expect("connects"), permit);
    let mut lnd = lnd.max_decoding_message_size(usize::MAX);
    let mut through_secs = BEGAN_SECS - DAYS_BEFORE * 86_400;
    obey(async |_| {
        lnd.get_info(GetInfoRequest {}).await.expect("answers");
        let query = ListChannelsRequest {
            peer_alias_lookup: true,
            ..Default::default()
        };
        lnd.list_channels(query).await.expect("answers");
        let query = NodeInfoRequest {
            pub_key: OWN_KEY.to_owned(),
            include_channels: true,
        };
        lnd.get_node_info(query).await.expect("answers");
        let mut start_time = through_secs - OVERLAP_SECS;
        loop {
            let query = ForwardingHistoryRequest {
                start_time,
                num_max_events: PAGE_EVENTS,
                ..Default::default()
            };
            let page = lnd.forwarding_history(query).await.expect("answers");
            let events = page.into_inner().forwarding_events;
            if let Some(last) = events.last() {
                through_secs = last.timestamp_ns / 1_000_000_000;
            }
            if events.len() < PAGE_EVENTS as usize {
                break;
            }
            start_time = through_secs;
        }
    })
    .await;
    let [now_kb, _] = meter::memory_kb();
    println!("{now_kb}");
}
