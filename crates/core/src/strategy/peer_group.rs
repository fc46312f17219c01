//! Channels that are one thing to the market.
//!
//! LND forwards over any channel with the next peer, and senders see the
//! dearest of them: parallel channels have one liquidity and deserve one fee.
//! Settings that tell them apart part them.

use std::collections::{BTreeMap, HashSet};

use crate::settings::values::{ChannelSettings, Mode, StrategyName};
use crate::types::beside::both;
use crate::types::channel::{Channel, ChannelPoint, PeerId};
use crate::types::observation::Observation;
use crate::types::segment::Segment;

/// Channels with one peer under the same settings.
#[derive(Clone, Debug)]
pub struct PeerGroup<'a> {
    /// The channels, in order of their points; never empty.
    pub members: Vec<&'a Channel>,
    /// Their settings.
    pub settings: &'a ChannelSettings,
}

impl PeerGroup<'_> {
    /// What all members hold together.
    pub fn capacity(&self) -> f64 {
        self.members.iter().map(|c| c.capacity.as_f64()).sum()
    }

    /// The local share of that, 0 to 1; 0.5 if there is nothing.
    pub fn ratio(&self) -> f64 {
        let capacity = self.capacity();
        if capacity <= 0.0 {
            return 0.5;
        }
        let local = |c: &&Channel| c.local_ratio() * c.capacity.as_f64();
        self.members.iter().map(local).sum::<f64>() / capacity
    }

    /// Where its buyers come from: whoever finds one member can use all.
    pub fn segment(&self) -> Segment {
        let mut each = self.members.iter().map(|c| Segment::of(c));
        let announced = each.any(|segment| segment == Segment::Announced);
        if announced {
            Segment::Announced
        } else {
            Segment::Unannounced
        }
    }
}

/// The channels with these peers that the sweet-spot law prices, pooled.
pub fn peer_groups<'a>(
    seen: &'a Observation,
    settings: &'a BTreeMap<ChannelPoint, ChannelSettings>,
    peers: &HashSet<PeerId>,
) -> Vec<PeerGroup<'a>> {
    let mut by_peer: BTreeMap<PeerId, Vec<PeerGroup<'a>>> = BTreeMap::new();
    let channels = both(&seen.channels, settings).map(|(_, known)| known);
    let priced = |(channel, settings): &(&Channel, &ChannelSettings)| {
        peers.contains(&channel.peer) && is_priced(settings)
    };
    for (channel, settings) in channels.filter(priced) {
        let peer_groups = by_peer.entry(channel.peer).or_default();
        match peer_groups
            .iter_mut()
            .find(|group| group.settings == settings)
        {
            Some(group) => group.members.push(channel),
            None => peer_groups.push(PeerGroup {
                members: vec![channel],
                settings,
            }),
        }
    }
    by_peer.into_values().flatten().collect()
}

/// Whether the sweet-spot law says what the fee should be.
pub fn is_priced(settings: &ChannelSettings) -> bool {
    settings.strategy == StrategyName::Sweetspot
        && matches!(settings.mode, Mode::Manage | Mode::Observe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;

    fn group(channels: &[Channel], settings: &ChannelSettings) -> Segment {
        let group = PeerGroup {
            members: channels.iter().collect(),
            settings,
        };
        group.segment()
    }

    #[test]
    fn one_announced_member_opens_all_to_the_public() {
        let announced = channel(1);
        let unannounced = Channel {
            private: true,
            ..channel(2)
        };
        let settings = ChannelSettings::default();
        assert_eq!(
            group(std::slice::from_ref(&unannounced), &settings),
            Segment::Unannounced
        );
        assert_eq!(
            group(&[unannounced, announced], &settings),
            Segment::Announced
        );
    }

    #[test]
    fn priced_is_what_this_strategy_decides() {
        let priced = |strategy, mode| {
            is_priced(&ChannelSettings {
                strategy,
                mode,
                ..ChannelSettings::default()
            })
        };
        assert!(priced(StrategyName::Sweetspot, Mode::Manage));
        assert!(priced(StrategyName::Sweetspot, Mode::Observe));
        assert!(!priced(StrategyName::Sweetspot, Mode::Ignore));
        assert!(!priced(StrategyName::Classic, Mode::Manage));
    }
}
