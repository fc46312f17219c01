//! The ports on LND's calls.

use std::sync::PoisonError;

use super::by_point::{Edges, Listed};
use super::convert::{self, Malformed};
use super::fault::Fault;
use super::{Lnd, LndVersion, check_version, proto};
use sweetspot_core::ports::{HistoryPage, Node, NodeError, NodeInfo, PolicyWriter, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, Policy};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::{ClosedChannel, Observation};
use sweetspot_core::types::raw_forward::ForwardPage;
use sweetspot_core::types::time::Timestamp;

impl Node for Lnd {
    async fn info(&self) -> Result<NodeInfo, NodeError> {
        let said = self
            .read(
                "GetInfo",
                proto::GetInfoRequest {},
                |mut lnd, query| async move { lnd.get_info(query).await },
            )
            .await?;
        let info = convert::info(said).map_err(|fault| {
            NodeError::Other(format!("invalid answer to GetInfo: {fault}").into())
        })?;
        self.connection.introduced();
        *self.seen() = Some(info.clone());
        Ok(info)
    }

    async fn observe(&self, at: Timestamp) -> Result<Observation, NodeError> {
        let node = self.last_info().await?;
        let own = node.pubkey.to_string();
        let channels = Listed::of(self.list_channels().await?);
        self.note_deadlines(&channels);
        self.note_signs(&channels);
        let announced = self.announced(&own).await?;
        let graph_visit = self.visit(&own, announced.all(), at).await;
        let mut seen = Observation {
            at,
            tip: node.tip,
            graph_visit,
            ..Observation::default()
        };
        let points = channels
            .named()
            .filter(|(point, _)| announced.get(*point).is_none());
        let alone = self.unannounced(&node, &points.collect::<Vec<_>>()).await?;
        let converted = channels.iter().filter_map(|(point, said)| {
            let (edge, unread) = match point.and_then(|point| alone.get(&point)) {
                Some((edge, unread)) => (edge.as_ref(), unread.clone()),
                None => (point.and_then(|point| announced.get(point)), None),
            };
            let converted = convert::channel(said, edge, &own);
            let told = converted.inspect_err(|fault| {
                self.warn_malformed(&said.channel_point, fault);
            });
            let mut channel = told.ok()?;
            channel.policy_error = unread.or(channel.policy_error);
            Some((channel.point, channel))
        });
        seen.channels = converted.collect();
        self.told_by(&node).await?;
        Ok(seen)
    }

    async fn forwards(&self, page: HistoryPage) -> Result<ForwardPage, NodeError> {
        let node = self.last_info().await?;
        let query = proto::ForwardingHistoryRequest {
            start_time: page.start_secs,
            end_time: 0,
            index_offset: page.offset,
            num_max_events: page.max_events,
            ..Default::default()
        };
        let said = self
            .read("ForwardingHistory", query, |mut lnd, query| async move {
                lnd.forwarding_history(query).await
            })
            .await?;
        self.told_by(&node).await?;
        let records = said.forwarding_events.iter();
        Ok(ForwardPage::of(records.map(convert::forward)))
    }

    async fn policy(&self, point: ChannelPoint) -> Result<Policy, NodeError> {
        let unknown = || NodeError::NotFound(point.to_string().into());
        let node = self.last_info().await?;
        let edge = if finds_edges_by_point(&node.version) {
            self.edge_by_point(point.to_string()).await?
        } else {
            let name = point.to_string();
            let channels = self.list_channels().await?;
            let said = channels.iter().find(|said| said.channel_point == name);
            self.edge_by_scid(convert::graph_scid(said.ok_or_else(unknown)?))
                .await?
        };
        convert::own_policy(&edge.ok_or_else(unknown)?, &node.pubkey.to_string())
            .map_err(|fault| {
                NodeError::Other(format!("invalid policy of {point}: {fault}").into())
            })?
            .ok_or_else(unknown)
    }

    async fn closed_channels(&self) -> Result<Vec<ClosedChannel>, NodeError> {
        let node = self.last_info().await?;
        let told = self.list_closed().await?;
        self.told_by(&node).await?;
        let mut closed = Vec::with_capacity(told.len());
        for said in &told {
            match convert::closed_channel(said) {
                Ok(channel) => closed.push(channel),
                Err(fault) => self.warn_malformed(&said.channel_point, &fault),
            }
        }
        Ok(closed)
    }
}

impl PolicyWriter for Lnd {
    async fn set_policy(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
        time_lock_delta: u32,
    ) -> Result<(), WriteError> {
        // Until all of LND runs, an update can hang with its outcome open.
        self.ensure_active().await.map_err(WriteError::NotSent)?;
        let order = convert::policy_update(point, change, time_lock_delta);
        self.edges().changed(point);
        let reply = self
            .once(order, |mut lnd, order| async move {
                lnd.update_channel_policy(order).await
            })
            .await
            .map_err(Fault::into_write_error)?;
        match reply.failed_updates.first() {
            None => Ok(()),
            Some(failed) => Err(WriteError::Refused(failure(failed))),
        }
    }
}

impl Lnd {
    /// Who the node is, as `info` last heard it.
    pub(super) async fn last_info(&self) -> Result<NodeInfo, NodeError> {
        let last = self.seen().clone();
        match last {
            Some(info) => Ok(info),
            None => self.info().await,
        }
    }

    pub(super) async fn list_closed(&self) -> Result<Vec<proto::ChannelCloseSummary>, NodeError> {
        let query = proto::ClosedChannelsRequest::default();
        let said = self
            .read("ClosedChannels", query, |mut lnd, query| async move {
                lnd.closed_channels(query).await
            })
            .await?;
        Ok(said.channels)
    }

    pub(super) async fn list_channels(&self) -> Result<Vec<proto::Channel>, NodeError> {
        let query = proto::ListChannelsRequest {
            peer_alias_lookup: true,
            ..Default::default()
        };
        let said = self
            .read("ListChannels", query, |mut lnd, query| async move {
                lnd.list_channels(query).await
            })
            .await?;
        Ok(said.channels)
    }

    /// The edges of our announced channels by channel point. Should the call for
    /// all of them fail alone, each is asked for by itself.
    async fn announced(&self, pubkey: &str) -> Result<Edges, NodeError> {
        let (edges, failed) = alone(self.own_edges(pubkey).await.map(Some))?;
        if let Some(error) = failed {
            tracing::debug!(%error, "asking for each channel's policy by itself");
        }
        Ok(Edges::of(edges.unwrap_or_default()))
    }

    /// Tells once what is wrong with a channel's data.
    pub(super) fn warn_malformed(&self, channel: &str, fault: &Malformed) {
        let told = (CleanText::new(channel), CleanText::from(fault.to_string()));
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_TOLD && known.insert(told.clone()) {
            let (channel, error) = told;
            tracing::warn!(
                channel = channel.as_str(), %error,
                "ignoring a channel for which the node reports invalid data"
            );
        }
    }

    /// The edges of our announced channels; none if the graph lacks our node.
    async fn own_edges(&self, pubkey: &str) -> Result<Vec<proto::ChannelEdge>, NodeError> {
        let query = proto::NodeInfoRequest {
            pub_key: pubkey.to_owned(),
            include_channels: true,
        };
        let said = self
            .read("GetNodeInfo", query, |mut lnd, query| async move {
                lnd.get_node_info(query).await
            })
            .await;
        Ok(found(said)?.map_or_else(Vec::new, |node| node.channels))
    }

    /// The edge of one channel, by the name the node's release takes.
    pub(super) async fn edge(
        &self,
        node: &NodeInfo,
        said: &proto::Channel,
    ) -> Result<Option<proto::ChannelEdge>, NodeError> {
        if finds_edges_by_point(&node.version) {
            self.edge_by_point(said.channel_point.clone()).await
        } else {
            self.edge_by_scid(convert::graph_scid(said)).await
        }
    }

    async fn edge_by_point(
        &self,
        chan_point: String,
    ) -> Result<Option<proto::ChannelEdge>, NodeError> {
        self.edge_info(proto::ChanInfoRequest {
            chan_point,
            ..Default::default()
        })
        .await
    }

    async fn edge_by_scid(&self, chan_id: u64) -> Result<Option<proto::ChannelEdge>, NodeError> {
        self.edge_info(proto::ChanInfoRequest {
            chan_id,
            ..Default::default()
        })
        .await
    }

    async fn edge_info(
        &self,
        query: proto::ChanInfoRequest,
    ) -> Result<Option<proto::ChannelEdge>, NodeError> {
        found(
            self.read("GetChanInfo", query, |mut lnd, query| async move {
                lnd.get_chan_info(query).await
            })
            .await,
        )
    }
}

/// If not, or if the release cannot be read, the scid finds them: all releases
/// take it, but it changes when a zero-conf channel confirms.
fn finds_edges_by_point(version: &str) -> bool {
    check_version(version).is_ok_and(LndVersion::finds_edges_by_point)
}

/// More faults than any node has: the memory of what was told stays bounded.
const MOST_TOLD: usize = 10_000;

/// An answer, or what a call failed with if that says nothing of other calls.
pub(super) fn alone<T>(
    answer: Result<Option<T>, NodeError>,
) -> Result<(Option<T>, Option<CleanText>), NodeError> {
    match answer {
        Ok(answer) => Ok((answer, None)),
        Err(NodeError::Other(said)) => Ok((None, Some(said))),
        Err(error) => Err(error),
    }
}

/// What is missing is an answer, not a failure.
fn found<T>(answer: Result<T, NodeError>) -> Result<Option<T>, NodeError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(NodeError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failure(failed: &proto::FailedUpdate) -> CleanText {
    let reason = match proto::UpdateFailure::try_from(failed.reason) {
        Ok(reason) => reason.as_str_name().to_owned(),
        Err(_) => format!("reason {}", failed.reason),
    };
    let text = match &failed.outpoint {
        Some(point) => format!(
            "{}:{}: {} ({reason})",
            point.txid_str, point.output_index, failed.update_error
        ),
        None => format!("{} ({reason})", failed.update_error),
    };
    text.into()
}
