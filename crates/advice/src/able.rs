//! What the node can receive and send now.
//!
//! A channel counts while its peer is online, with what is above the reserve of the
//! side that pays. The reserve of the peer is not told: it is taken as ours is by the
//! protocol's rule of thumb, a hundredth of the capacity. What routes elsewhere in the
//! network bear is not known here.

use serde::Serialize;

use sweetspot_core::settings::preparation::Purpose;
use sweetspot_core::types::channel::{Channel, PeerId};
use sweetspot_core::types::units::Sat;

/// LND splits a payment into 16 parts at most (`max_parts`): what lies in more
/// channels does not come in one payment.
pub const MOST_PARTS: usize = 16;

/// The reserve of a peer as a share of the capacity: BOLT 2's customary 1 %.
const PEER_RESERVE: u64 = 100;

/// What can be received or sent at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Able {
    /// In one payment: the sum over the [`MOST_PARTS`] best channels.
    pub total_sat: u64,
    /// The largest single part.
    pub largest_sat: u64,
    /// Over how many channels.
    pub channels: usize,
}

/// What `channel` can bear of a receipt or a payment now, in sat.
pub fn part_sat(channel: &Channel, purpose: Purpose) -> u64 {
    if !channel.active || channel.carries_assets {
        return 0;
    }
    match purpose {
        Purpose::Spend => channel.spendable().0,
        Purpose::Receive => {
            let reserve = channel.capacity.0 / PEER_RESERVE;
            channel.remote_balance.0.saturating_sub(reserve)
        }
    }
}

/// The largest HTLC that whoever pays forwards, in sat.
fn htlc_sat(channel: &Channel, purpose: Purpose) -> u64 {
    let policy = match purpose {
        Purpose::Spend => channel.policy,
        Purpose::Receive => channel.peer_policy,
    };
    policy.map_or(u64::MAX, |policy| policy.max_htlc.0 / 1_000)
}

/// The channels that may serve, best first: all, or those of one peer.
pub fn usable<'a>(
    channels: impl IntoIterator<Item = &'a Channel>,
    purpose: Purpose,
    peer: Option<PeerId>,
) -> Vec<(&'a Channel, Sat)> {
    let mut found: Vec<_> = channels
        .into_iter()
        .filter(|channel| peer.is_none_or(|peer| peer == channel.peer))
        .filter(|channel| channel.active && !channel.carries_assets)
        .map(|channel| (channel, Sat(part_sat(channel, purpose))))
        .collect();
    found.sort_by_key(|(channel, part)| (std::cmp::Reverse(*part), channel.point));
    found
}

/// What can be received or sent now, through all channels or one peer's.
pub fn able<'a>(
    channels: impl IntoIterator<Item = &'a Channel>,
    purpose: Purpose,
    peer: Option<PeerId>,
) -> Able {
    let mut found = usable(channels, purpose, peer);
    found.truncate(MOST_PARTS);
    found.retain(|(_, part)| part.0 > 0);
    let single = |(channel, part): &(&Channel, Sat)| part.0.min(htlc_sat(channel, purpose));
    Able {
        total_sat: found
            .iter()
            .fold(0, |sum, (_, part)| part.0.saturating_add(sum)),
        largest_sat: found.iter().map(single).max().unwrap_or(0),
        channels: found.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::testing::channel;

    #[test]
    fn reserves_and_peers_that_are_away_do_not_count() {
        let away = Channel {
            active: false,
            ..channel(2)
        };
        let assets = Channel {
            carries_assets: true,
            ..channel(3)
        };
        let all = [channel(1), away, assets];
        let able = |purpose| able(&all, purpose, None);
        // 500,000 each way, less 10,000 of reserve.
        assert_eq!(able(Purpose::Receive).total_sat, 490_000);
        assert_eq!(able(Purpose::Spend).total_sat, 490_000);
        assert_eq!(able(Purpose::Spend).channels, 1);
    }

    #[test]
    fn no_more_channels_count_than_a_payment_has_parts() {
        let all: Vec<Channel> = (1..=20).map(channel).collect();
        let able = able(&all, Purpose::Receive, None);
        assert_eq!((able.total_sat, able.channels), (16 * 490_000, 16));
        assert_eq!(able.largest_sat, 490_000);
    }

    #[test]
    fn whatever_the_node_says_is_summed_without_overflow() {
        let odd = |n| Channel {
            local_balance: Sat(u64::MAX),
            remote_balance: Sat(u64::MAX),
            capacity: Sat(0),
            ..channel(n)
        };
        let able = able(&[odd(1), odd(2)], Purpose::Receive, None);
        assert_eq!(able.total_sat, u64::MAX);
    }
}
