//! What the node lists, in the order of channel points. Each list stays as it came: a
//! hub's has some megabytes.

use sweetspot_core::types::channel::ChannelPoint;

use super::proto;

/// Our channels, in the order of their points where those can be read.
#[derive(Debug)]
pub(super) struct Listed {
    channels: Vec<proto::Channel>,
    /// Each one's point and place.
    order: Vec<(Option<ChannelPoint>, usize)>,
}

impl Listed {
    pub fn of(channels: Vec<proto::Channel>) -> Self {
        let points = channels.iter().map(|said| said.channel_point.parse().ok());
        let mut order: Vec<_> = points.zip(0..).collect();
        order.sort_unstable();
        Self { channels, order }
    }

    /// Every channel.
    pub fn iter(&self) -> impl Iterator<Item = (Option<ChannelPoint>, &proto::Channel)> {
        let order = self.order.iter();
        order.filter_map(|(point, place)| Some((*point, self.channels.get(*place)?)))
    }

    /// Those whose point can be read.
    pub fn named(&self) -> impl Iterator<Item = (ChannelPoint, &proto::Channel)> {
        self.iter().filter_map(|(point, said)| Some((point?, said)))
    }
}

/// The edges of a node, found by their points.
#[derive(Debug, Default)]
pub(super) struct Edges {
    edges: Vec<proto::ChannelEdge>,
    /// Those whose point can be read, with their places.
    order: Vec<(ChannelPoint, usize)>,
}

impl Edges {
    pub fn of(edges: Vec<proto::ChannelEdge>) -> Self {
        let points = edges.iter().map(|edge| edge.chan_point.parse().ok());
        let order = points.zip(0..);
        let order = order.filter_map(|(point, place)| Some((point?, place)));
        let mut order: Vec<_> = order.collect();
        order.sort_unstable();
        Self { edges, order }
    }

    /// The edge of a channel; the last, should it be told more than once.
    pub fn get(&self, point: ChannelPoint) -> Option<&proto::ChannelEdge> {
        let after = self.order.partition_point(|(other, _)| *other <= point);
        let (last, place) = self.order.get(after.checked_sub(1)?)?;
        (*last == point).then(|| self.edges.get(*place))?
    }

    /// Every edge.
    pub fn all(&self) -> &[proto::ChannelEdge] {
        &self.edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: u8) -> ChannelPoint {
        ChannelPoint {
            txid: [n; 32],
            output_index: 0,
        }
    }

    #[test]
    fn channels_are_listed_in_the_order_of_their_points_and_none_is_lost() {
        let named = |name: String| proto::Channel {
            channel_point: name,
            ..Default::default()
        };
        let names = [3, 1, 2, 1].map(|n| point(n).to_string());
        let mut channels = names.map(named).to_vec();
        channels.push(named("no point".to_owned()));
        let listed = Listed::of(channels);
        let told = [1, 1, 2, 3].map(|n| (point(n), point(n).to_string()));
        let named = listed.named();
        assert!(
            named
                .map(|(p, said)| (p, said.channel_point.clone()))
                .eq(told)
        );
        assert_eq!(listed.iter().count(), 5);
    }

    #[test]
    fn an_edge_is_found_by_its_point_and_the_last_one_counts() {
        let edge = |n: u8, channel_id| proto::ChannelEdge {
            chan_point: point(n).to_string(),
            channel_id,
            ..Default::default()
        };
        let mut edges = vec![edge(3, 30), edge(1, 10), edge(5, 50), edge(1, 11)];
        edges[2].chan_point.clear();
        let edges = Edges::of(edges);
        let found = |n| edges.get(point(n)).map(|edge| edge.channel_id);
        let all = [0, 1, 2, 3, 4, 5].map(found);
        assert_eq!(all, [None, Some(11), None, Some(30), None, None]);
        assert_eq!(edges.all().len(), 4);
    }
}
