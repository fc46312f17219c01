//! When to ask the node for the list of ended channels.
//!
//! LND lists a channel as closed once its close has settled on the chain: hours after
//! it left the list of open ones, days where HTLCs were pending. So a channel that left
//! is asked for until the list has it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::types::channel::ChannelPoint;
use crate::types::observation::Observation;
use crate::types::time::Timestamp;

/// How often it is asked for: the list is all that ever closed.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// The channels that left, and whether the list was ever read.
#[derive(Debug, Default)]
pub struct Leaving {
    /// The channels of the last look; `None` before the first.
    open: Option<BTreeSet<ChannelPoint>>,
    /// Those that are in neither list.
    awaited: BTreeSet<ChannelPoint>,
    /// Whether the list was read since the start.
    listed: bool,
    asked_at: Option<Timestamp>,
}

impl Leaving {
    /// Whether the list was read since the start.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Notes who left, and says whether the list is to be asked for now.
    pub fn look(&mut self, seen: &Observation) -> bool {
        let open: BTreeSet<_> = seen.channels.keys().copied().collect();
        let before = self.open.replace(open).unwrap_or_default();
        let gone = |point: &ChannelPoint| !seen.channels.contains_key(point);
        let left: Vec<ChannelPoint> = before.into_iter().filter(gone).collect();
        let news = !left.is_empty();
        self.awaited.extend(left);
        self.awaited.retain(gone);
        let due = |last: Timestamp| last > seen.at || seen.at.since(last) >= AGAIN_AFTER;
        let asks = news || !self.listed || !self.awaited.is_empty();
        let asks = asks && (news || self.asked_at.is_none_or(due));
        if asks {
            self.asked_at = Some(seen.at);
        }
        asks
    }

    /// Notes that the list was read, and which channels are on it.
    pub fn listed(&mut self, ended: impl IntoIterator<Item = ChannelPoint>) {
        self.listed = true;
        for point in ended {
            self.awaited.remove(&point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{channel, point};

    fn seen(minutes: u64, channels: &[u8]) -> Observation {
        let channels = channels.iter().map(|n| (point(*n), channel(*n)));
        Observation {
            at: Timestamp::from_secs(1_000_000).plus(Duration::from_secs(60 * minutes)),
            channels: channels.collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn a_channel_that_left_is_asked_for_until_the_list_has_it() {
        let mut leaving = Leaving::default();
        assert!(leaving.look(&seen(0, &[1, 2])), "never read");
        leaving.listed([]);
        assert!(!leaving.look(&seen(5, &[1, 2])));
        assert!(leaving.look(&seen(10, &[1])), "one left");
        // It is closing still.
        leaving.listed([]);
        assert!(!leaving.look(&seen(65, &[1])));
        assert!(leaving.look(&seen(70, &[1])));
        leaving.listed([point(2)]);
        assert!(!leaving.look(&seen(900, &[1])));
        assert!(leaving.is_listed());
    }

    #[test]
    fn one_that_comes_back_is_asked_for_no_more() {
        let mut leaving = Leaving::default();
        leaving.look(&seen(0, &[1, 2]));
        leaving.listed([]);
        assert!(leaving.look(&seen(5, &[1])));
        assert!(!leaving.look(&seen(70, &[1, 2])));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_asked_for_each_hour() {
        let mut leaving = Leaving::default();
        assert!(leaving.look(&seen(0, &[1])));
        assert!(!leaving.look(&seen(55, &[1])));
        assert!(leaving.look(&seen(60, &[1])));
        assert!(!leaving.is_listed());
        // The clock is set back.
        assert!(leaving.look(&seen(30, &[1])));
    }
}
