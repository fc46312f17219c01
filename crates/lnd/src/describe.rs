//! The node's whole copy of the public graph. The permission for it is optional.

use std::collections::BTreeMap;

use super::{Lnd, proto};
use sweetspot_core::ports::NodeError;
use sweetspot_graph::graph::{Direction, Edge, Graph};

impl Lnd {
    /// Every announced channel that the node knows: some 30 MB from a node on
    /// mainnet, so for a person's question, not for a cycle.
    pub async fn describe_graph(&self) -> Result<Graph, NodeError> {
        let query = proto::ChannelGraphRequest {
            include_unannounced: false,
        };
        let said = self
            .read("DescribeGraph", query, |mut lnd, query| async move {
                lnd.describe_graph(query).await
            })
            .await?;
        let edges: Vec<Edge> = said.edges.into_iter().filter_map(edge).collect();
        let aliases = said.nodes.into_iter();
        let aliases: BTreeMap<_, _> = aliases.map(|node| (node.pub_key, node.alias)).collect();
        Ok(Graph::new(&edges, &aliases))
    }
}

/// A channel with a capacity that is none is left out.
fn edge(said: proto::ChannelEdge) -> Option<Edge> {
    Some(Edge {
        capacity_sat: u64::try_from(said.capacity).ok()?,
        nodes: [said.node1_pub, said.node2_pub],
        directions: [said.node1_policy, said.node2_policy].map(|policy| direction(policy?)),
    })
}

/// A disabled direction, or one with amounts below zero, is none.
fn direction(policy: proto::RoutingPolicy) -> Option<Direction> {
    Some(Direction {
        min_htlc_msat: u64::try_from(policy.min_htlc).ok()?,
        max_htlc_msat: policy.max_htlc_msat,
        base_msat: u64::try_from(policy.fee_base_msat).ok()?,
        ppm: u64::try_from(policy.fee_rate_milli_msat).ok()?,
        cltv: policy.time_lock_delta.into(),
    })
    .filter(|_| !policy.disabled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_and_disabled_directions_are_left_out() {
        let policy = proto::RoutingPolicy {
            fee_rate_milli_msat: 20,
            ..Default::default()
        };
        let off = proto::RoutingPolicy {
            disabled: true,
            ..policy
        };
        let below = proto::RoutingPolicy {
            fee_base_msat: -1,
            ..policy
        };
        assert_eq!(direction(policy).map(|said| said.ppm), Some(20));
        assert_eq!((direction(off), direction(below)), (None, None));
        let lost = proto::ChannelEdge {
            capacity: -1,
            node1_policy: Some(policy),
            ..Default::default()
        };
        assert!(edge(lost).is_none());
    }
}
