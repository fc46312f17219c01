//! A report by peer.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ChannelReport;
use sweetspot_core::types::channel::PeerId;

/// A peer, over the period.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// Its public key.
    pub peer_pubkey: PeerId,
    /// What it calls itself.
    pub peer_alias: Option<String>,
    /// How many channels.
    pub channel_count: u64,
    /// Forwards that left by them.
    pub forwards_out: u64,
    /// What that earned.
    pub earned_msat: u64,
    /// What came in by them earned where it left.
    pub assist_msat: u64,
    /// Their part in what the node earned.
    pub worth_msat: f64,
}

impl PeerReport {
    /// Of a peer without a channel.
    pub fn of(peer_pubkey: PeerId) -> Self {
        Self {
            peer_pubkey,
            peer_alias: None,
            channel_count: 0,
            forwards_out: 0,
            earned_msat: 0,
            assist_msat: 0,
            worth_msat: 0.0,
        }
    }

    /// The peer's alias, or the start of its key.
    pub fn name(&self) -> String {
        match &self.peer_alias {
            Some(alias) if !alias.is_empty() => alias.clone(),
            _ => self.peer_pubkey.short(),
        }
    }
}

/// The peers of `channels`, the one worth most first.
pub fn by_peer(channels: &[ChannelReport]) -> Vec<PeerReport> {
    let mut peers: BTreeMap<PeerId, PeerReport> = BTreeMap::new();
    for line in channels {
        let peer = peers
            .entry(line.ids.peer_pubkey)
            .or_insert_with(|| PeerReport {
                peer_alias: line.ids.peer_alias.clone(),
                ..PeerReport::of(line.ids.peer_pubkey)
            });
        peer.channel_count += 1;
        peer.forwards_out = peer.forwards_out.saturating_add(line.forwards_out);
        peer.earned_msat = peer.earned_msat.saturating_add(line.earned_msat);
        peer.assist_msat = peer.assist_msat.saturating_add(line.assist_msat);
        peer.worth_msat += line.worth_msat;
    }
    let mut peers: Vec<PeerReport> = peers.into_values().collect();
    peers.sort_by(|a, b| b.worth_msat.total_cmp(&a.worth_msat));
    peers
}
