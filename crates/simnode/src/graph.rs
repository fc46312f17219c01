//! The node's own corner of the graph: its channels and their two ends.

use std::time::Duration;

use tonic::Status;

use sweetspot_core::types::channel::{ChannelPoint, PeerId, Policy};
use sweetspot_core::types::units::Sat;
use sweetspot_lnd::LndVersion;
use sweetspot_lnd::proto;

use super::channels::sat;
use super::core::Core;
use super::listed::Listed;

const DAY: Duration = Duration::from_secs(86_400);
const PPM_PER_UNIT: f64 = 1e6;
/// The most of a peer's channels with others that are told.
const MOST_OTHERS: usize = 8;
/// √sat of the largest payment, for one unit of a visit's weight.
const ROOT_SAT_PER_WEIGHT: f64 = 2_000.0;

fn whole(number: f64) -> i64 {
    // `as` saturates and maps NaN to 0.
    #[allow(clippy::cast_possible_truncation)]
    let whole = number.round() as i64;
    whole
}
/// The first release that finds an edge by its channel point.
const BY_POINT: LndVersion = release(18, 5);
/// The first release that says NOT_FOUND of a missing edge.
const SAYS_NOT_FOUND: LndVersion = release(20, 0);

const fn release(minor: u32, patch: u32) -> LndVersion {
    LndVersion {
        major: 0,
        minor,
        patch,
    }
}

fn policy(policy: Policy) -> proto::RoutingPolicy {
    proto::RoutingPolicy {
        time_lock_delta: policy.time_lock_delta,
        min_htlc: i64::try_from(policy.min_htlc.0).unwrap_or(i64::MAX),
        fee_base_msat: policy.fees.base_fee_msat.into(),
        fee_rate_milli_msat: policy.fees.outbound.0.into(),
        disabled: policy.disabled,
        max_htlc_msat: policy.max_htlc.0,
        last_update: policy.last_update_secs,
        inbound_fee_base_msat: policy.fees.inbound.base_fee_msat,
        inbound_fee_rate_milli_msat: policy.fees.inbound.rate_ppm,
    }
}

impl Core {
    /// The edge of a channel; node 1 is the one with the lesser key.
    fn edge(&self, listed: &Listed) -> proto::ChannelEdge {
        let channel = &listed.channel;
        let ours = (self.name.key, channel.policy.map(policy));
        let theirs = (channel.peer, channel.peer_policy.map(policy));
        let (first, second) = if ours.0.0 < theirs.0.0 {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        proto::ChannelEdge {
            channel_id: listed.graph_scid().0,
            chan_point: channel.point.to_string(),
            node1_pub: first.0.to_string(),
            node2_pub: second.0.to_string(),
            capacity: sat(channel.capacity),
            node1_policy: first.1,
            node2_policy: second.1,
        }
    }

    /// GetChanInfo.
    pub fn chan_info(&self, asked: &proto::ChanInfoRequest) -> Result<proto::ChannelEdge, Status> {
        let release = self.name.release;
        let by_point = release >= BY_POINT && !asked.chan_point.is_empty();
        let listed = self.listed().into_iter().find(|listed| {
            listed.has_edge
                && match asked.chan_id {
                    0 => by_point && listed.channel.point.to_string() == asked.chan_point,
                    scid => listed.graph_scid().0 == scid,
                }
        });
        match listed {
            Some(listed) => Ok(self.edge(&listed)),
            None if asked.chan_id == 0 && !by_point => {
                Err(Status::unknown("specify either chan_id or chan_point"))
            }
            None if asked.chan_id == 0 && asked.chan_point.parse::<ChannelPoint>().is_err() => {
                Err(Status::unknown("outpoint should be of the form txid:index"))
            }
            None if release < SAYS_NOT_FOUND => Err(Status::unknown("edge not found")),
            None => Err(Status::not_found("edge not found")),
        }
    }

    /// GetNodeInfo: of the node itself, or what the graph tells of a peer.
    pub fn node_info(&self, asked: &proto::NodeInfoRequest) -> Result<proto::NodeInfo, Status> {
        let unknown = || {
            let text = "unable to find node";
            match self.name.release < SAYS_NOT_FOUND {
                true => Status::unknown(text),
                false => Status::not_found(text),
            }
        };
        let key: PeerId = asked
            .pub_key
            .parse()
            .map_err(|_| Status::unknown("invalid public key"))?;
        let own = key == self.name.key;
        let shared: Vec<Listed> = self
            .listed()
            .into_iter()
            .filter(|listed| listed.has_edge && (own || listed.channel.peer == key))
            .collect();
        let (mut count, mut capacity) = (shared.len(), Sat(0));
        capacity.0 = shared.iter().map(|listed| listed.channel.capacity.0).sum();
        if !own {
            let others = self.peers.get(&key).ok_or_else(unknown)?;
            count += others.channels;
            capacity.0 = capacity.0.saturating_add(others.capacity.0);
        }
        let announced = shared.iter().filter(|listed| listed.announced);
        let channels = announced.filter(|_| asked.include_channels);
        let mut channels: Vec<_> = channels.map(|listed| self.edge(listed)).collect();
        if asked.include_channels && !own {
            channels.extend(self.others(key));
        }
        Ok(proto::NodeInfo {
            node: Some(self.node(key)),
            num_channels: u32::try_from(count).unwrap_or(u32::MAX),
            total_capacity: sat(capacity),
            channels,
        })
    }

    /// A few of a peer's channels with others: what they charge is what the market's
    /// walk through the graph has met, so that who walks here reads the same.
    fn others(&self, peer: PeerId) -> Vec<proto::ChannelEdge> {
        let known: Vec<PeerId> = self
            .peers
            .keys()
            .copied()
            .filter(|key| *key != peer)
            .collect();
        let count = self.peers.get(&peer).map_or(0, |info| info.channels);
        let start = peer.0.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let edge = |n: usize| {
            let visit = self
                .world
                .walk()
                .get((start + n) % self.world.walk().len().max(1))?;
            let other = known.get((start + n * n) % known.len().max(1))?;
            let root = visit.weight * ROOT_SAT_PER_WEIGHT;
            let policy = proto::RoutingPolicy {
                time_lock_delta: 80,
                fee_rate_milli_msat: whole(visit.ln_ppm.exp()),
                max_htlc_msat: u64::try_from(whole(root * root * 1_000.0)).ok()?,
                ..Default::default()
            };
            Some(proto::ChannelEdge {
                capacity: whole(root * root),
                node1_pub: peer.to_string(),
                node2_pub: other.to_string(),
                node1_policy: Some(policy),
                ..Default::default()
            })
        };
        (0..count.min(MOST_OTHERS)).filter_map(edge).collect()
    }

    fn node(&self, key: PeerId) -> proto::LightningNode {
        let alias = match self.peers.get(&key) {
            Some(peer) => peer.alias.clone(),
            None => self.name.alias.clone(),
        };
        proto::LightningNode {
            last_update: u32::try_from(self.world.started().secs()).unwrap_or(0),
            pub_key: key.to_string(),
            alias,
            color: "#3399ff".to_owned(),
        }
    }

    /// DescribeGraph: of the whole graph, the node's own corner and a few channels
    /// between those whom it knows, which say the same of both directions.
    pub fn describe_graph(&self, asked: &proto::ChannelGraphRequest) -> proto::ChannelGraph {
        let listed = self.listed();
        let shown = listed
            .iter()
            .filter(|listed| listed.has_edge && (listed.announced || asked.include_unannounced));
        let mut edges: Vec<_> = shown.map(|listed| self.edge(listed)).collect();
        let others = self.peers.keys().flat_map(|peer| self.others(*peer));
        edges.extend(others.map(|edge| proto::ChannelEdge {
            node2_policy: edge.node1_policy,
            ..edge
        }));
        let mut keys: Vec<PeerId> = self.peers.keys().copied().collect();
        keys.push(self.name.key);
        keys.sort();
        keys.dedup();
        proto::ChannelGraph {
            nodes: keys.into_iter().map(|key| self.node(key)).collect(),
            edges,
        }
    }

    /// FeeReport.
    pub fn fee_report(&self) -> Result<proto::FeeReportResponse, Status> {
        let mut channel_fees = vec![];
        for listed in self.listed().iter().filter(|listed| listed.has_edge) {
            let scid = listed.graph_scid();
            let policy = listed.channel.policy.ok_or_else(|| {
                Status::unknown(format!("no policy for outgoing channel {} ", scid.0))
            })?;
            channel_fees.push(proto::ChannelFeeReport {
                channel_point: listed.channel.point.to_string(),
                base_fee_msat: policy.fees.base_fee_msat.into(),
                fee_per_mil: policy.fees.outbound.0.into(),
                fee_rate: policy.fees.outbound.as_f64() / PPM_PER_UNIT,
                chan_id: scid.0,
                inbound_base_fee_msat: policy.fees.inbound.base_fee_msat,
                inbound_fee_per_mil: policy.fees.inbound.rate_ppm,
            });
        }
        let earned = |days| self.history.fees_since(self.now(), DAY * days) / 1_000;
        Ok(proto::FeeReportResponse {
            channel_fees,
            day_fee_sum: earned(1),
            week_fee_sum: earned(7),
            month_fee_sum: earned(30),
        })
    }
}
