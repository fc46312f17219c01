//! Small nodes that are kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::channel::{Channel, PeerId};

/// The `quota` peers whose announced channels with us are smallest in all: small nodes
/// that are kept for the network's sake, and for privacy's.
pub fn small_peers<'a>(
    channels: impl IntoIterator<Item = &'a Channel>,
    quota: usize,
) -> BTreeSet<PeerId> {
    if quota == 0 {
        return BTreeSet::new();
    }
    let mut sizes: BTreeMap<PeerId, u64> = BTreeMap::new();
    for channel in channels.into_iter().filter(|channel| !channel.private) {
        let size = sizes.entry(channel.peer).or_default();
        *size = size.saturating_add(channel.capacity.0);
    }
    let mut sizes: Vec<(u64, PeerId)> = sizes.into_iter().map(|(peer, sat)| (sat, peer)).collect();
    sizes.sort_unstable();
    sizes
        .into_iter()
        .take(quota)
        .map(|(_, peer)| peer)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use crate::types::units::Sat;

    #[test]
    fn the_smallest_peers_fill_the_quota_and_channels_of_one_peer_add_up() {
        let sized = |n, peer, sat| Channel {
            peer: channel(peer).peer,
            capacity: Sat(sat),
            ..channel(n)
        };
        let channels = [
            sized(1, 1, 100),
            sized(2, 1, 900),
            sized(3, 2, 500),
            sized(4, 3, 2_000),
        ];
        let small = small_peers(&channels, 2);
        assert_eq!(small, [channel(2).peer, channel(1).peer].into());
        assert!(small_peers(&channels, 0).is_empty());
    }
}
