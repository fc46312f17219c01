//! An open channel as the node knows it: the world's channel, with what only
//! the node sets (CLTV delta, HTLC limits, the switch), what the graph lacks,
//! and how deep its funding lies.

use sweetspot_core::types::channel::{Channel, Policy, Scid};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, Msat};

use super::policy::Limits;

/// A funding this deep is announced; a zero-conf channel's real scid is told
/// from then on too.
const ANNOUNCE_BLOCKS: u32 = 6;
/// What an LND peer asks for: HTLCs of 1 msat and more.
const MIN_HTLC: Msat = Msat(1);

/// What the world does not hold of our policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub time_lock_delta: u32,
    pub min_htlc: Msat,
    pub max_htlc: Msat,
    pub last_update_secs: u32,
    /// Switched off by hand.
    pub off: bool,
}

impl Terms {
    pub fn of(policy: Policy) -> Self {
        Self {
            time_lock_delta: policy.time_lock_delta,
            min_htlc: policy.min_htlc,
            max_htlc: policy.max_htlc,
            last_update_secs: policy.last_update_secs,
            off: false,
        }
    }

    /// The world's policy under these terms.
    pub fn imposed_on(self, policy: Policy) -> Policy {
        Policy {
            fees: policy.fees,
            time_lock_delta: self.time_lock_delta,
            min_htlc: self.min_htlc,
            max_htlc: self.max_htlc,
            disabled: policy.disabled || self.off,
            last_update_secs: self.last_update_secs,
        }
    }

    /// LND's update times strictly ascend, also where the clock does not.
    pub fn touch(&mut self, now: Timestamp) {
        let now = u32::try_from(now.secs()).unwrap_or(0);
        self.last_update_secs = now.max(self.last_update_secs.saturating_add(1));
    }
}

/// A channel as the node lists it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    /// Its policies are `None` where the graph has none.
    pub channel: Channel,
    /// Whether the graph has its edge.
    pub has_edge: bool,
    /// Whether the network knows it.
    pub announced: bool,
    /// The real scid of a zero-conf channel, once its funding is deep enough.
    pub confirmed_scid: Option<Scid>,
}

impl Listed {
    /// `channel` as the world has it.
    pub fn new(mut channel: Channel, tip: BlockHeight) -> Self {
        let age_blocks = channel.age_blocks(tip).unwrap_or(0);
        let deep = age_blocks >= ANNOUNCE_BLOCKS;
        let confirmed_scid = channel.other_scids.first().copied().filter(|_| deep);
        channel.other_scids = confirmed_scid.into_iter().collect();
        Self {
            announced: deep && !channel.private,
            confirmed_scid,
            channel,
            has_edge: true,
        }
    }

    /// Whether it was opened before its funding confirmed.
    pub fn is_zero_conf(&self) -> bool {
        self.channel.scid.block().is_none()
    }

    /// The scid by which the graph knows it.
    pub fn graph_scid(&self) -> Scid {
        match self.confirmed_scid {
            Some(confirmed) if !self.channel.private => confirmed,
            _ => self.channel.scid,
        }
    }

    /// What the two sides agreed on: LND's defaults.
    pub fn limits(&self) -> Limits {
        Limits {
            min_htlc: MIN_HTLC,
            max_pending: self.channel.max_in_flight.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::testing::channel;

    fn zero_conf(private: bool) -> Channel {
        let mut channel = channel(1);
        let confirmed = channel.scid;
        channel.scid = Scid(u64::from(Scid::FIRST_ALIAS_BLOCK) << 40);
        channel.other_scids = vec![confirmed];
        channel.private = private;
        channel
    }

    fn at_depth(channel: Channel, blocks: u32) -> Listed {
        Listed::new(channel, BlockHeight(800_001 + blocks))
    }

    #[test]
    fn a_zero_conf_channel_is_known_by_its_alias_until_it_is_deep() {
        let young = at_depth(zero_conf(false), 5);
        assert!(young.is_zero_conf() && !young.announced);
        assert_eq!(young.confirmed_scid, None);
        assert_eq!(young.graph_scid(), young.channel.scid);
        let deep = at_depth(zero_conf(false), 6);
        assert!(deep.announced);
        assert_eq!(deep.graph_scid(), channel(1).scid);
    }

    #[test]
    fn a_private_zero_conf_channel_keeps_its_alias_in_the_graph() {
        let deep = at_depth(zero_conf(true), 100);
        assert!(!deep.announced);
        assert_eq!(deep.graph_scid(), deep.channel.scid);
        assert_eq!(deep.confirmed_scid, Some(channel(1).scid));
    }

    #[test]
    fn update_times_ascend_though_the_clock_falls_back() {
        let mut terms = Terms::of(channel(1).policy.expect("a policy"));
        terms.touch(Timestamp::from_secs(50));
        terms.touch(Timestamp::from_secs(50));
        terms.touch(Timestamp::from_secs(10));
        assert_eq!(terms.last_update_secs, 52);
    }
}
