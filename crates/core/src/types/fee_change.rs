//! One change of a channel's fees, from the intent to what came of it.

use std::fmt;

use super::channel::{FeeParts, Policy};
use super::clean_text::CleanText;
use super::time::Timestamp;
use super::units::Msat;

/// How far a fee change has come. It is stored as [`Self::Intended`] before the
/// node hears of it, so that no crash can hide one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Stored, and perhaps sent: after a crash nobody knows.
    Intended,
    /// Sent, without an answer that can be relied on: the node may or may not
    /// have done it, and the next reads tell.
    Sent,
    /// Read back from the node as asked.
    Confirmed,
    /// The node said no.
    Refused,
    /// Not sent: the fresh read failed or showed other fees than the decision
    /// saw, or the node took no update at all.
    NotSent,
    /// The node said yes, but the read-back shows something else.
    NotSeen,
    /// Found not done by a later read.
    NotApplied,
    /// Over; what came of it is in the stored fee changes only.
    #[default]
    Settled,
}

impl Stage {
    /// Whether the node may still do it, or have done it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Sent)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intended => "intended",
            Self::Sent => "unconfirmed",
            Self::Confirmed => "confirmed",
            Self::Refused => "rejected by the node",
            Self::NotSent => "not sent",
            Self::NotSeen => "not applied although the node said so",
            Self::NotApplied => "not applied",
            Self::Settled => "settled",
        })
    }
}

/// A change of the largest HTLC that is forwarded out by a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxHtlcChange {
    /// The max HTLC before it, as the decision saw it.
    pub from: Msat,
    /// The max HTLC to be.
    pub to: Msat,
}

impl MaxHtlcChange {
    /// Fees, and a max HTLC where it changes, in words: the fees are left out where
    /// they stay as `before`.
    pub fn told_with(change: Option<Self>, to: FeeParts, before: Option<FeeParts>) -> String {
        let fees = to.told_after(before);
        let Some(change) = change else {
            return fees;
        };
        let max_htlc = format!("max HTLC {}", change.to.told());
        match before == Some(to) {
            true => max_htlc,
            false => format!("{fees}, {max_htlc}"),
        }
    }
}

/// A change of one channel's fees, or of its max HTLC.
#[derive(Clone, Debug, PartialEq)]
pub struct FeeChange {
    /// The fees before it, as the decision saw them.
    pub from: FeeParts,
    /// The fees to be.
    pub to: FeeParts,
    /// The max HTLC, where it changes; else it is not sent, and the node keeps it.
    pub max_htlc: Option<MaxHtlcChange>,
    /// When it was intended; with the channel, this names it.
    pub intended_at: Timestamp,
    /// How far it has come.
    pub stage: Stage,
    /// When that was known, once it is over.
    pub settled_at: Option<Timestamp>,
    /// What the node, or the check after it, said.
    pub detail: CleanText,
}

impl FeeChange {
    /// One that is about to be stored.
    pub fn intended(from: FeeParts, to: FeeParts, at: Timestamp) -> Self {
        Self {
            from,
            to,
            max_htlc: None,
            intended_at: at,
            stage: Stage::Intended,
            settled_at: None,
            detail: CleanText::default(),
        }
    }

    /// The same with a change of the max HTLC, or with none.
    #[must_use]
    pub fn with_max_htlc(self, max_htlc: Option<MaxHtlcChange>) -> Self {
        Self { max_htlc, ..self }
    }

    /// What it sets, in words: `600 ppm with 0 msat base, max HTLC 524,288 sat`.
    pub fn told(&self) -> String {
        MaxHtlcChange::told_with(self.max_htlc, self.to, Some(self.from))
    }

    /// Whether it starts from what `policy` shows.
    pub fn starts_from(&self, policy: &Policy) -> bool {
        let same = |change: MaxHtlcChange| change.from == policy.max_htlc;
        policy.fees == self.from && self.max_htlc.is_none_or(same)
    }

    /// Whether `policy` shows it done.
    pub fn is_done_in(&self, policy: &Policy) -> bool {
        let same = |change: MaxHtlcChange| change.to == policy.max_htlc;
        policy.fees == self.to && self.max_htlc.is_none_or(same)
    }

    /// The same, come to an end, or sent without an answer.
    #[must_use]
    pub fn ended(self, stage: Stage, at: Timestamp, detail: impl Into<CleanText>) -> Self {
        Self {
            stage,
            settled_at: (!stage.is_open()).then_some(at),
            detail: detail.into(),
            ..self
        }
    }

    /// Whether the node may still do it, or have done it.
    pub fn is_open(&self) -> bool {
        self.stage.is_open()
    }

    /// Whether it is about the inbound fee as well: only then is that sent.
    pub fn sets_inbound(&self) -> bool {
        self.from.inbound != self.to.inbound
    }

    /// As much of it as decisions depend on, and as a channel's memory of the
    /// first format tells: its fees and max HTLC, and whether it is open.
    #[must_use]
    pub fn in_outline(&self) -> Self {
        Self {
            stage: if self.is_open() {
                Stage::Sent
            } else {
                Stage::Settled
            },
            settled_at: None,
            detail: CleanText::default(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::channel::InboundFee;
    use crate::types::units::FeePpm;

    const STAGES: [(Stage, &str, bool); 8] = [
        (Stage::Intended, "intended", true),
        (Stage::Sent, "unconfirmed", true),
        (Stage::Confirmed, "confirmed", false),
        (Stage::Refused, "rejected by the node", false),
        (Stage::NotSent, "not sent", false),
        (
            Stage::NotSeen,
            "not applied although the node said so",
            false,
        ),
        (Stage::NotApplied, "not applied", false),
        (Stage::Settled, "settled", false),
    ];

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn with_inbound(rate_ppm: i32) -> FeeParts {
        FeeParts {
            inbound: InboundFee {
                rate_ppm,
                ..InboundFee::default()
            },
            ..FeeParts::default()
        }
    }

    fn intended() -> FeeChange {
        FeeChange::intended(with_inbound(0), with_inbound(-50), at(7))
    }

    #[test]
    fn a_change_is_open_until_the_node_can_no_longer_do_it() {
        assert!(intended().is_open());
        assert_eq!(intended().settled_at, None);
        for (stage, words, open) in STAGES {
            let change = intended().ended(stage, at(9), "why");
            assert_eq!((change.is_open(), change.stage), (open, stage));
            assert_eq!(change.settled_at, (!open).then_some(at(9)));
            assert_eq!(change.detail.as_str(), "why");
            assert_eq!((change.intended_at, change.to), (at(7), with_inbound(-50)));
            assert_eq!(stage.to_string(), words);
        }
    }

    #[test]
    fn it_is_told_by_what_it_sets() {
        let max_htlc = MaxHtlcChange {
            from: Msat(990_000_000),
            to: Msat(524_288_000),
        };
        let to = FeeParts {
            outbound: FeePpm(600),
            ..FeeParts::default()
        };
        let before = FeeParts {
            base_fee_msat: 1_000,
            ..FeeParts::default()
        };
        let fees = FeeChange::intended(before, to, at(7));
        assert_eq!(fees.told(), "600 ppm with 0 msat base");
        assert_eq!(
            fees.with_max_htlc(Some(max_htlc)).told(),
            "600 ppm with 0 msat base, max HTLC 524,288 sat"
        );
        let alone = FeeChange::intended(to, to, at(7)).with_max_htlc(Some(max_htlc));
        assert_eq!(alone.told(), "max HTLC 524,288 sat");
    }

    #[test]
    fn the_inbound_fee_is_sent_only_where_it_changes() {
        assert!(intended().sets_inbound());
        let same = FeeChange::intended(with_inbound(-50), with_inbound(-50), at(7));
        assert!(!same.sets_inbound());
    }

    #[test]
    fn a_max_htlc_counts_only_where_it_changes() {
        let policy = |fees, max_htlc_sat: u64| Policy {
            fees,
            max_htlc: Msat(max_htlc_sat * 1_000),
            time_lock_delta: 80,
            min_htlc: Msat(1),
            disabled: false,
            last_update_secs: 0,
        };
        let fees_only = intended();
        assert!(fees_only.starts_from(&policy(fees_only.from, 7)));
        assert!(fees_only.is_done_in(&policy(fees_only.to, 7)));
        let max_htlc = MaxHtlcChange {
            from: Msat(9_000),
            to: Msat(8_000),
        };
        let both = intended().with_max_htlc(Some(max_htlc));
        assert!(both.starts_from(&policy(both.from, 9)));
        assert!(!both.starts_from(&policy(both.from, 8)));
        assert!(!both.starts_from(&policy(both.to, 9)));
        assert!(both.is_done_in(&policy(both.to, 8)));
        assert!(!both.is_done_in(&policy(both.to, 9)));
        assert!(!both.is_done_in(&policy(both.from, 8)));
    }

    #[test]
    fn an_outline_keeps_the_fees_and_whether_it_is_open() {
        for (stage, _, open) in STAGES {
            let outline = intended().ended(stage, at(9), "why").in_outline();
            let kept = if open { Stage::Sent } else { Stage::Settled };
            let expected = FeeChange {
                stage: kept,
                ..intended()
            };
            assert_eq!(outline, expected);
        }
    }
}
