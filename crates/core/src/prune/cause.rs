//! What may be behind a channel that looks dead: the peer's own fee management, where
//! it can be told.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::state::prune::Rule;
use crate::types::channel::{Channel, PeerId, Policy};

/// Base fees count by their part of a typical forward, in msat per ppm: 100,000 sat.
const MSAT_PER_PPM: f64 = 100.0;
/// Senders take the cheapest way: at twice what others ask, few come by this one.
const DEAR: f64 = 2.0;
/// Of fewer peers there is no usual fee to speak of.
const LEAST_PEERS: usize = 3;

/// A cause that lies with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Cause {
    /// It asks far more for what it sends us than our other peers do.
    PeerFees {
        /// What it asks, base fee included, in ppm of 100,000 sat.
        peer_ppm: f64,
        /// What our other peers ask: their median.
        others_ppm: f64,
    },
    /// It has switched its side off.
    PeerSwitchedOff,
}

impl Cause {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::PeerFees {
                peer_ppm,
                others_ppm,
            } => format!(
                "the peer asks {peer_ppm:.0} ppm for what it sends us, our other peers \
                 {others_ppm:.0} ppm: its fees keep the channel from refilling"
            ),
            Self::PeerSwitchedOff => "the peer has switched its side off".to_owned(),
        }
    }
}

/// What each peer asks for what it sends us, in ppm of a typical forward.
#[derive(Clone, Debug, Default)]
pub struct PeerFees(BTreeMap<PeerId, f64>);

impl PeerFees {
    /// Of announced channels: the least that each peer asks.
    pub fn of<'a>(channels: impl IntoIterator<Item = &'a Channel>) -> Self {
        let mut asked = BTreeMap::new();
        for channel in channels.into_iter().filter(|channel| !channel.private) {
            if let Some(policy) = channel.peer_policy.filter(|policy| !policy.disabled) {
                let ppm = ppm(&policy);
                let least = asked.entry(channel.peer).or_insert(ppm);
                *least = least.min(ppm);
            }
        }
        Self(asked)
    }

    /// The median of what peers other than `peer` ask.
    fn others(&self, peer: PeerId) -> Option<f64> {
        let others = self.0.iter().filter(|(other, _)| **other != peer);
        let mut asked: Vec<f64> = others.map(|(_, ppm)| *ppm).collect();
        asked.sort_by(f64::total_cmp);
        (asked.len() >= LEAST_PEERS).then(|| asked.get(asked.len() / 2).copied())?
    }
}

fn ppm(policy: &Policy) -> f64 {
    policy.fees.outbound.as_f64() + f64::from(policy.fees.base_fee_msat) / MSAT_PER_PPM
}

/// Why `rule` may hold of `channel`, if that lies with the peer.
pub fn cause(rule: Rule, channel: &Channel, fees: &PeerFees) -> Option<Cause> {
    let policy = channel.peer_policy?;
    if policy.disabled {
        return Some(Cause::PeerSwitchedOff);
    }
    // Only what comes in from the peer pays its fee: it matters where balance is
    // missing on our side.
    let wants_inflow = match rule {
        Rule::StuckRemote => true,
        Rule::Idle | Rule::AtMinimum => channel.local_ratio() < 0.5,
        Rule::StuckLocal => false,
    };
    let (peer_ppm, others_ppm) = (ppm(&policy), fees.others(channel.peer)?);
    (wants_inflow && peer_ppm > others_ppm.max(1.0) * DEAR).then_some(Cause::PeerFees {
        peer_ppm,
        others_ppm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use crate::types::units::{FeePpm, Sat};

    fn asking(n: u8, ppm: u32, base_fee_msat: u32) -> Channel {
        let mut policy = channel(n).policy.expect("a policy");
        policy.fees.outbound = FeePpm(ppm);
        policy.fees.base_fee_msat = base_fee_msat;
        Channel {
            peer_policy: Some(policy),
            local_balance: Sat(0),
            remote_balance: Sat(1_000_000),
            ..channel(n)
        }
    }

    #[test]
    fn fees_far_above_the_others_are_named_where_inflow_is_missing() {
        let mut peers: Vec<Channel> = (2..6).map(|n| asking(n, 100, 0)).collect();
        peers.push(asking(1, 100, 20_000));
        let fees = PeerFees::of(&peers);
        let found = |rule, channel: &Channel| cause(rule, channel, &fees);
        let dear = Some(Cause::PeerFees {
            peer_ppm: 300.0,
            others_ppm: 100.0,
        });
        assert_eq!(found(Rule::StuckRemote, &peers[4]), dear);
        assert_eq!(found(Rule::Idle, &peers[4]), dear);
        assert_eq!(found(Rule::StuckLocal, &peers[4]), None);
        assert_eq!(found(Rule::StuckRemote, &peers[0]), None);
        let few = PeerFees::of(&peers[3..]);
        assert_eq!(cause(Rule::StuckRemote, &peers[4], &few), None);
    }

    #[test]
    fn a_side_that_is_switched_off_is_the_cause_whatever_it_asks() {
        let mut off = asking(1, 1, 0);
        off.peer_policy.as_mut().expect("a policy").disabled = true;
        let found = cause(Rule::StuckLocal, &off, &PeerFees::default());
        assert_eq!(found, Some(Cause::PeerSwitchedOff));
    }
}
