//! The bare client: the same reads as the daemon's cycles, decoded and dropped.

use std::path::Path;
use std::sync::Arc;

use sweetspot_lnd::proto::lightning_client::LightningClient;
use sweetspot_lnd::proto::{
    ChanInfoRequest, ForwardingHistoryRequest, GetInfoRequest, ListChannelsRequest, NodeInfoRequest,
};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig};

use crate::client::{obey, runtime};
use crate::meter;
use crate::node::{BEGAN_SECS, DAYS_BEFORE};
use crate::support::{Anyone, OWN_KEY};
use crate::table::CYCLES;

/// As many events as the daemon asks for at once.
const PAGE_EVENTS: u32 = sweetspot::daemon::history::PAGE_EVENTS;
/// As far back as the daemon reads again.
const OVERLAP_SECS: u64 = 600;

/// The reads whose number differs from cycle to cycle. In a day, the daemon's own came to
/// so many of each as the bare client is told.
pub const READS: [&str; 3] = ["GetInfo", "GetNodeInfo", "GetChanInfo"];

/// Does cycles as told on standard input, with so many of [`READS`] in a day of them.
pub fn serve(address: &str, folder: &Path, reads: &[&str]) {
    let reads: Vec<u32> = reads
        .iter()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let reads = reads.try_into().expect("as many as there are reads");
    runtime().block_on(run(address, folder, reads));
}

/// How many of what comes to `of_a_day` fall on the cycle after `cycles` others.
fn due(of_a_day: u32, cycles: u32) -> u32 {
    let until = |cycles: u32| of_a_day * cycles / CYCLES;
    until(cycles + 1) - until(cycles)
}

async fn run(address: &str, folder: &Path, reads: [u32; READS.len()]) {
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
    let mut cycles = 0;
    obey(async |_| {
        let [infos, nodes, edges] = reads.map(|read| due(read, cycles % CYCLES));
        cycles += 1;
        for _ in 0..infos.max(1) {
            lnd.get_info(GetInfoRequest {}).await.expect("answers");
        }
        let query = ListChannelsRequest {
            peer_alias_lookup: true,
            ..Default::default()
        };
        let answer = lnd.list_channels(query).await.expect("answers");
        let channels = answer.into_inner().channels;
        let query = |pub_key: &str| NodeInfoRequest {
            pub_key: pub_key.to_owned(),
            include_channels: true,
        };
        lnd.get_node_info(query(OWN_KEY)).await.expect("answers");
        for channel in channels.iter().take(nodes.saturating_sub(1) as usize) {
            // The node's graph is its own channels: it knows no other node.
            let answer = lnd.get_node_info(query(&channel.remote_pubkey)).await;
            answer.expect_err("knows nothing of it");
        }
        for channel in channels.iter().take(edges as usize) {
            let query = ChanInfoRequest {
                chan_point: channel.channel_point.clone(),
                ..Default::default()
            };
            lnd.get_chan_info(query).await.expect("answers");
        }
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
    println!("{}", meter::own_memory_kb());
}
