//! Channels between two nodes: opening them and waiting until they work.

use std::time::Duration;

use crate::node::{Node, number, text};
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(60);

/// An open channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Funding outpoint, `txid:index`.
    pub point: String,
    /// Short channel id in integer form.
    pub scid: u64,
}

/// Makes two nodes peers.
pub fn connect(from: &Node, to: &Node) {
    let peer = format!("{}@{}", to.pubkey(), to.p2p_address());
    from.lncli_when_ready(&["connect", &peer]);
}

/// Publishes the funding of a channel and gives its transaction id.
pub fn open(from: &Node, to: &Node, local_sat: u64, push_sat: u64, options: &[&str]) -> String {
    let (key, local, push) = (
        format!("--node_key={}", to.pubkey()),
        format!("--local_amt={local_sat}"),
        format!("--push_amt={push_sat}"),
    );
    let mut args = vec!["openchannel", &key, &local, &push];
    args.extend(options);
    text(&from.lncli_when_ready(&args)["funding_txid"])
}

/// Waits until the node's channel with this funding is active; `funding` is a channel point or
/// the transaction id it begins with.
pub fn active_channel(node: &Node, funding: &str) -> Channel {
    let what = format!("{}'s channel {funding} is active", node.name());
    until(&what, LIMIT, || {
        let list = node.try_lncli(&["listchannels", "--active_only"])?;
        let channels = list["channels"].as_array();
        let mine = channels.into_iter().flatten().find(|channel| {
            let point = channel["channel_point"].as_str();
            point.is_some_and(|point| point.starts_with(funding))
        });
        let channel = mine.ok_or_else(|| list.to_string())?;
        Ok(Channel {
            point: text(&channel["channel_point"]),
            scid: number(&channel["scid"]),
        })
    })
}
