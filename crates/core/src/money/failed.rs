//! HTLCs that the node failed itself: what was wanted of a channel and not served.
//!
//! Anyone can make such HTLCs for nothing, and as large as he likes. So they are
//! shown, and no fee follows from them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::types::channel::Scid;
use crate::types::time::Timestamp;
use crate::types::units::Msat;

/// More sums than a node of 1,000 channels makes in two days: what a stranger makes
/// up is not remembered without end.
const MOST_SUMS: usize = 10_000;

/// Why the node failed an HTLC (LND's `FailureDetail` and BOLT 4's codes, as far as
/// they say something of the channel).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// The channel had too little local balance.
    InsufficientBalance,
    /// It offered less than our fee: a sender with an old policy, most often.
    FeeInsufficient,
    /// It was larger than the channel's largest HTLC.
    TooLarge,
    /// The channel was not ready: the peer is offline, most often.
    NotReady,
    /// Anything else.
    Other,
}

impl FailReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::InsufficientBalance,
        Self::FeeInsufficient,
        Self::TooLarge,
        Self::NotReady,
        Self::Other,
    ];

    /// Its code, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::InsufficientBalance => "insufficient_balance",
            Self::FeeInsufficient => "fee_insufficient",
            Self::TooLarge => "too_large",
            Self::NotReady => "not_ready",
            Self::Other => "other",
        }
    }
}

/// An HTLC that the node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedForward {
    /// When.
    pub at: Timestamp,
    /// The channel it wanted to leave by.
    pub scid_out: Scid,
    /// Why it did not.
    pub reason: FailReason,
    /// What was to go out.
    pub amount: Msat,
}

/// Failed HTLCs of one UTC day, channel and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedKey {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    /// The channel they wanted to leave by.
    pub scid_out: Scid,
    /// Why they did not.
    pub reason: FailReason,
}

/// How many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FailedSum {
    /// How many.
    pub htlcs: u64,
    /// What was to go out by them.
    #[serde(rename = "amount_msat")]
    pub amount: Msat,
}

impl FailedSum {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.htlcs = self.htlcs.saturating_add(other.htlcs);
        self.amount = self.amount.plus(other.amount);
    }
}

/// Failed HTLCs that are not stored yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedSums(BTreeMap<FailedKey, FailedSum>);

impl FailedSums {
    /// Counts one, if there is still room for its like.
    pub fn add(&mut self, failed: FailedForward) {
        let key = FailedKey {
            day: failed.at.utc_day(),
            scid_out: failed.scid_out,
            reason: failed.reason,
        };
        if self.0.len() < MOST_SUMS || self.0.contains_key(&key) {
            self.0.entry(key).or_default().add(FailedSum {
                htlcs: 1,
                amount: failed.amount,
            });
        }
    }

    /// Each sum.
    pub fn iter(&self) -> impl Iterator<Item = (&FailedKey, &FailedSum)> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(secs: i64, scid: u64, reason: FailReason) -> FailedForward {
        FailedForward {
            at: Timestamp::from_secs(secs),
            scid_out: Scid(scid),
            reason,
            amount: Msat(1_000),
        }
    }

    #[test]
    fn each_is_counted_by_its_day_its_channel_and_its_reason() {
        let mut sums = FailedSums::default();
        let (empty, offline) = (FailReason::InsufficientBalance, FailReason::NotReady);
        for (secs, scid, reason) in [
            (1, 1, empty),
            (86_399, 1, empty),
            (86_400, 1, empty),
            (1, 2, empty),
            (1, 1, offline),
        ] {
            sums.add(failed(secs, scid, reason));
        }
        let found: Vec<_> = sums
            .iter()
            .map(|(_, sum)| (sum.htlcs, sum.amount.0))
            .collect();
        assert_eq!(found, [(2, 2_000), (1, 1_000), (1, 1_000), (1, 1_000)]);
    }

    #[test]
    fn what_a_stranger_makes_up_is_not_remembered_without_end() {
        let mut sums = FailedSums::default();
        for scid in 0..20_000 {
            sums.add(failed(1, scid, FailReason::Other));
        }
        assert_eq!(sums.iter().count(), MOST_SUMS);
        sums.add(failed(1, 0, FailReason::Other));
        let first = sums.iter().next().map(|(_, sum)| sum.htlcs);
        assert_eq!(first, Some(2));
    }
}
