//! Channels that are no more, and what that says of the peer.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::types::channel::{ChannelPoint, PeerId};
use crate::types::observation::CloseType;
use crate::types::units::Sat;

/// Who opened or closed a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// This node.
    Us,
    /// The peer.
    Peer,
    /// The node does not know, or both.
    Unknown,
}

/// How a channel with a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedChannel {
    /// Which it was.
    pub point: ChannelPoint,
    /// With whom.
    pub peer: PeerId,
    /// Its size.
    pub capacity: Sat,
    /// Who opened it.
    pub opened_by: Side,
    /// Who closed it.
    pub closed_by: Side,
    /// In what way.
    pub how: CloseType,
}

/// What a peer did that it cannot undo: a rule may go by it. All else in a record (time
/// online, fees, how long HTLCs hang) a peer betters, or others worsen, at will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It closed a channel with us by force.
    ForceClosed,
    /// It published a state that was revoked.
    Breached,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 2] = [Self::ForceClosed, Self::Breached];

    /// As the config and JSON call it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ForceClosed => "force_closed",
            Self::Breached => "breached",
        }
    }
}

/// Which peers bear which marks.
pub type Marks = BTreeMap<PeerId, BTreeSet<Mark>>;

impl EndedChannel {
    /// What its end says of the peer for good.
    pub fn mark(&self) -> Option<Mark> {
        match self.how {
            CloseType::Breach => Some(Mark::Breached),
            CloseType::RemoteForce => Some(Mark::ForceClosed),
            _ => None,
        }
    }
}

/// The marks that `ended` channels left.
pub fn marks<'a>(ended: impl IntoIterator<Item = &'a EndedChannel>) -> Marks {
    let mut marks = Marks::new();
    for one in ended {
        if let Some(mark) = one.mark() {
            marks.entry(one.peer).or_default().insert(mark);
        }
    }
    marks
}

/// A peer's ended channels, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndedCounts {
    /// Opened by us.
    pub opened_by_us: u64,
    /// Opened by the peer.
    pub opened_by_peer: u64,
    /// Closed by agreement.
    pub closed_by_agreement: u64,
    /// Closed by agreement on the peer's wish.
    pub agreement_asked_by_peer: u64,
    /// Closed by us by force.
    pub force_closed_by_us: u64,
    /// Closed by the peer by force.
    pub force_closed_by_peer: u64,
    /// Closed by the peer with a state that was revoked.
    pub breached_by_peer: u64,
    /// Never confirmed, given up, or ended in a way that is not known.
    pub otherwise: u64,
}

impl EndedCounts {
    /// Counts one more.
    pub fn count(&mut self, ended: &EndedChannel) {
        match ended.opened_by {
            Side::Us => self.opened_by_us += 1,
            Side::Peer => self.opened_by_peer += 1,
            Side::Unknown => {}
        }
        match ended.how {
            CloseType::Cooperative => {
                self.closed_by_agreement += 1;
                self.agreement_asked_by_peer += u64::from(ended.closed_by == Side::Peer);
            }
            CloseType::LocalForce => self.force_closed_by_us += 1,
            CloseType::RemoteForce => self.force_closed_by_peer += 1,
            CloseType::Breach => self.breached_by_peer += 1,
            CloseType::FundingCanceled | CloseType::Abandoned | CloseType::Unknown => {
                self.otherwise += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{channel, point};

    fn ended(n: u8, how: CloseType) -> EndedChannel {
        EndedChannel {
            point: point(n),
            peer: channel(n).peer,
            capacity: Sat(1_000_000),
            opened_by: Side::Us,
            closed_by: Side::Peer,
            how,
        }
    }

    #[test]
    fn only_what_the_peer_did_by_itself_leaves_a_mark() {
        let all = [
            ended(1, CloseType::Cooperative),
            ended(2, CloseType::LocalForce),
            ended(3, CloseType::RemoteForce),
            ended(4, CloseType::Breach),
            ended(5, CloseType::Abandoned),
        ];
        let expected: Marks = [
            (channel(3).peer, [Mark::ForceClosed].into()),
            (channel(4).peer, [Mark::Breached].into()),
        ]
        .into();
        assert_eq!(marks(&all), expected);
    }

    #[test]
    fn each_end_is_counted_once_by_its_way() {
        let mut counts = EndedCounts::default();
        for how in [
            CloseType::Cooperative,
            CloseType::RemoteForce,
            CloseType::Breach,
            CloseType::Unknown,
        ] {
            counts.count(&ended(1, how));
        }
        let expected = EndedCounts {
            opened_by_us: 4,
            closed_by_agreement: 1,
            agreement_asked_by_peer: 1,
            force_closed_by_peer: 1,
            breached_by_peer: 1,
            otherwise: 1,
            ..EndedCounts::default()
        };
        assert_eq!(counts, expected);
    }
}
