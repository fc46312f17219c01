//! A random walk through the node's copy of the public graph, one node a step: what
//! is read of the network's prices.
//!
//! One `GetNodeInfo` at most every five minutes, of a node that a channel drawn at
//! random of the node before leads to. Whatever goes wrong with it costs the step,
//! never the cycle, and the walk begins again at our own node.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use sweetspot_core::ports::NodeError;
use sweetspot_core::types::graph_visit::{GraphVisit, Offer};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat};
use tracing::debug;

use super::fault::Fault;
use super::{Lnd, proto};

/// The least time between two steps: 288 a day, of some kilobytes each.
const STEP_EVERY: Duration = Duration::from_secs(300);
/// The first steps from our own node are still in its neighbourhood, which charges
/// what the network does not.
const FIRST_COUNTED: u32 = 5;

/// Where the walk is.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The node to visit next; `None` to begin at our own.
    next: Option<String>,
    /// Steps since our own node.
    steps: u32,
    /// When the last step was made.
    stepped_at: Option<Timestamp>,
}

impl Lnd {
    /// The walk's next step, if it is due.
    pub(super) async fn visit(
        &self,
        own: &str,
        own_edges: &[proto::ChannelEdge],
        now: Timestamp,
    ) -> Option<GraphVisit> {
        let node = {
            let mut walk = self.walk();
            let due = |at: Timestamp| now.since(at) >= STEP_EVERY || at > now;
            if !walk.stepped_at.is_none_or(due) {
                return None;
            }
            walk.stepped_at = Some(now);
            match walk.next.take() {
                Some(next) if next != own => next,
                _ => {
                    walk.steps = 0;
                    neighbour(own_edges.iter(), own)?
                }
            }
        };
        let said = match self.node_with_channels(&node).await {
            Ok(said) => said,
            Err(error) => {
                debug!(%error, node, "the graph's node cannot be read: the walk begins again");
                self.walk().steps = 0;
                return None;
            }
        };
        let steps = {
            let mut walk = self.walk();
            walk.next = neighbour(said.channels.iter(), &node);
            walk.steps = match walk.next {
                Some(_) => walk.steps.saturating_add(1),
                None => 0,
            };
            walk.steps
        };
        if steps < FIRST_COUNTED {
            return None;
        }
        GraphVisit::of(&offers(&said.channels, &node))
    }

    async fn node_with_channels(&self, pub_key: &str) -> Result<proto::NodeInfo, NodeError> {
        let query = proto::NodeInfoRequest {
            pub_key: pub_key.to_owned(),
            include_channels: true,
        };
        self.once(query, |mut lnd, query| async move {
            lnd.get_node_info(query).await
        })
        .await
        .map_err(Fault::into_read_error)
    }
}

/// The node at the other end of a channel drawn at random.
fn neighbour<'e>(
    mut channels: impl ExactSizeIterator<Item = &'e proto::ChannelEdge>,
    node: &str,
) -> Option<String> {
    // The standard library's own randomness: nobody but the system chooses it.
    let drawn = RandomState::new().hash_one(node);
    let place = drawn.checked_rem(u64::try_from(channels.len()).ok()?)?;
    let edge = channels.nth(usize::try_from(place).ok()?)?;
    let other = if edge.node1_pub == node {
        &edge.node2_pub
    } else {
        &edge.node1_pub
    };
    Some(other.clone())
}

/// What the node charges; nonsense that gossip lets through is passed over.
fn offers(channels: &[proto::ChannelEdge], node: &str) -> Vec<Offer> {
    let policies = channels.iter().filter_map(|edge| {
        if edge.node1_pub == node {
            edge.node1_policy.as_ref()
        } else {
            edge.node2_policy.as_ref()
        }
    });
    let offer = |policy: &proto::RoutingPolicy| {
        Some(Offer {
            rate: FeePpm(u32::try_from(policy.fee_rate_milli_msat).ok()?),
            base_fee: Msat(u64::try_from(policy.fee_base_msat).ok()?),
            max_htlc: Msat(policy.max_htlc_msat),
        })
    };
    let open = policies.filter(|policy| !policy.disabled);
    open.filter_map(offer).filter(is_a_price).collect()
}

/// Above 100,000 ppm or 1,000 sat it is a way to say no.
fn is_a_price(offer: &Offer) -> bool {
    offer.rate.0 <= 100_000 && offer.base_fee.0 <= 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(other: &str, ppm: i64, change: fn(&mut proto::RoutingPolicy)) -> proto::ChannelEdge {
        let mut policy = proto::RoutingPolicy {
            fee_rate_milli_msat: ppm,
            max_htlc_msat: 1_000_000,
            ..Default::default()
        };
        change(&mut policy);
        proto::ChannelEdge {
            node1_pub: "us".to_owned(),
            node2_pub: other.to_owned(),
            node1_policy: Some(policy),
            node2_policy: Some(proto::RoutingPolicy {
                fee_rate_milli_msat: 9_999,
                max_htlc_msat: 1_000_000,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn only_a_nodes_own_prices_count_and_no_nonsense() {
        let channels = [
            edge("a", 250, |_| ()),
            edge("b", 300, |policy| policy.disabled = true),
            edge("c", -1, |_| ()),
            edge("d", i64::MAX, |_| ()),
            edge("e", 100_001, |_| ()),
            edge("f", 7, |policy| policy.fee_base_msat = 2_147_483_647),
        ];
        let found = offers(&channels, "us");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].rate, FeePpm(250));
        assert_eq!(offers(&channels, "a")[0].rate, FeePpm(9_999));
    }

    #[test]
    fn every_channel_may_be_taken_and_only_to_its_other_end() {
        let channels = [edge("a", 1, |_| ()), edge("b", 1, |_| ())];
        let drawn: std::collections::BTreeSet<_> = (0..200)
            .filter_map(|_| neighbour(channels.iter(), "us"))
            .collect();
        assert_eq!(drawn, ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(neighbour(channels[..1].iter(), "a"), Some("us".to_owned()));
        assert_eq!(neighbour([].iter(), "us"), None);
    }
}
