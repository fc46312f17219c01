//! Where a channel's buyers come from.

use serde::Serialize;

use super::channel::Channel;

/// Where a channel's buyers come from. Whoever pays over an announced channel
/// found it in the graph and can compare. Over an unannounced one only its peer
/// pays and is paid, and few ways lead to it: that is another market, with
/// another price level. In training this earns 3 to 5 % more than one level for
/// all; no further division of the announced ones (by how many channels the peer
/// has, what it or its other neighbours charge, which way it mostly pays) earned
/// anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Buyers from the public graph.
    #[default]
    Announced,
    /// The peer alone.
    Unannounced,
}

impl Segment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Announced, Self::Unannounced];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Unannounced => "unannounced",
        }
    }

    /// A channel's.
    pub fn of(channel: &Channel) -> Self {
        if channel.private {
            Self::Unannounced
        } else {
            Self::Announced
        }
    }
}
