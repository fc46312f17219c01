//! The public channels of a node: one `GetNodeInfo` each.

use super::convert;
use super::{Lnd, proto};
use sweetspot_core::ports::NodeError;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::graph_edge::GraphEdge;
use sweetspot_core::types::units::Sat;

impl Lnd {
    /// Every announced channel of `node`, as our node's copy of the graph has it; what
    /// makes no sense is passed over.
    pub async fn edges_of(&self, node: PeerId) -> Result<Vec<GraphEdge>, NodeError> {
        let query = proto::NodeInfoRequest {
            pub_key: node.to_string(),
            include_channels: true,
        };
        let said = self
            .read("GetNodeInfo", query, |mut lnd, query| async move {
                lnd.get_node_info(query).await
            })
            .await?;
        Ok(said.channels.iter().filter_map(edge).collect())
    }
}

fn edge(said: &proto::ChannelEdge) -> Option<GraphEdge> {
    let policies = [&said.node1_policy, &said.node2_policy];
    Some(GraphEdge {
        nodes: [said.node1_pub.parse().ok()?, said.node2_pub.parse().ok()?],
        capacity: Sat(u64::try_from(said.capacity).ok()?),
        policies: policies.map(|said| convert::policy(said.as_ref()?).ok()),
    })
}
