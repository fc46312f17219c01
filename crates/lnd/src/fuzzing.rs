//! The adapter's readers of what comes from outside, for the fuzz targets.

use prost::Message;
use rustls::pki_types::CertificateDer;

use super::by_point::Edges;
use super::{convert, proto, tls};

/// Whether a PEM file holds the certificate that a server shows.
pub fn is_pinned(file: &[u8], shown: &[u8]) -> Result<bool, String> {
    let held = tls::certificates(file).map_err(|error| error.to_string())?;
    Ok(held.contains(&CertificateDer::from_slice(shown)))
}

/// Takes bytes as each message that the node may answer with.
pub fn convert(bytes: &[u8]) {
    if let Ok(said) = proto::GetInfoResponse::decode(bytes) {
        let _ = convert::info(said);
    }
    let channel = proto::Channel::decode(bytes).ok();
    let edge = proto::ChannelEdge::decode(bytes).ok();
    for own in ["", "02"] {
        let edge = edge
            .as_ref()
            .map(|edge| (edge, convert::own_policy(edge, own)));
        for said in channel.iter().chain([&proto::Channel::default()]) {
            let edge = edge.as_ref().map(|(edge, _)| *edge);
            if let Ok(channel) = convert::channel(said, edge, own) {
                assert!((0.0..=1.0).contains(&channel.local_ratio()));
            }
        }
    }
    if let Ok(said) = proto::NodeInfo::decode(bytes) {
        let _ = Edges::of(said.channels);
    }
    if let Ok(said) = proto::ForwardingHistoryResponse::decode(bytes) {
        for event in &said.forwarding_events {
            let _ = convert::forward(event).checked();
        }
    }
    if let Ok(said) = proto::ClosedChannelsResponse::decode(bytes) {
        for channel in &said.channels {
            let _ = convert::closed_channel(channel);
        }
    }
}
