//! What the node lists, found by channel points. Each list stays as it came: a hub's has
//! some megabytes.

use std::collections::HashMap;

use sweetspot_core::types::channel::ChannelPoint;

use super::proto;

/// Our channels, with their points where those can be read.
#[derive(Debug)]
pub(super) struct Listed {
    channels: Vec<proto::Channel>,
    points: Vec<Option<ChannelPoint>>,
}

impl Listed {
    pub fn of(channels: Vec<proto::Channel>) -> Self {
        let points = channels.iter().map(|said| said.channel_point.parse().ok());
        Self {
            points: points.collect(),
            channels,
        }
    }

    /// Every channel.
    pub fn iter(&self) -> impl Iterator<Item = (Option<ChannelPoint>, &proto::Channel)> {
        self.points.iter().copied().zip(&self.channels)
    }

    /// Those whose point can be read.
    pub fn named(&self) -> impl Iterator<Item = (ChannelPoint, &proto::Channel)> {
        self.iter().filter_map(|(point, said)| Some((point?, said)))
    }
}

/// The edges of a node.
#[derive(Debug, Default)]
pub(super) struct Edges {
    edges: Vec<proto::ChannelEdge>,
    places: HashMap<ChannelPoint, usize>,
}

impl Edges {
    pub fn of(edges: Vec<proto::ChannelEdge>) -> Self {
        let points = edges.iter().map(|edge| edge.chan_point.parse().ok());
        let places = points.enumerate();
        Self {
            places: places
                .filter_map(|(place, point)| Some((point?, place)))
                .collect(),
            edges,
        }
    }

    /// The edge of a channel.
    pub fn get(&self, point: ChannelPoint) -> Option<&proto::ChannelEdge> {
        self.edges.get(*self.places.get(&point)?)
    }

    /// Every edge.
    pub fn all(&self) -> &[proto::ChannelEdge] {
        &self.edges
    }
}
