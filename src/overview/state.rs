//! A channel's state in words, in few words, and as a code: one for all views.

use serde::{Serialize, Serializer};

use sweetspot_core::decision::{Decision, Hold, Verdict};
use sweetspot_core::types::channel::{Channel, FeeParts};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::{TimeFormat, Timestamp, rfc3339};
use sweetspot_core::types::units::Msat;
use sweetspot_store::KnownChannel;

/// The fees on the node: as last read, or as the last change left them since.
pub fn fees_now(known: &KnownChannel, last: Option<&FeeChange>) -> Option<FeeParts> {
    let read = known.channel.policy?.fees;
    let since = last.filter(|change| {
        change.stage == Stage::Confirmed && change.settled_at > Some(known.last_seen)
    });
    Some(since.map_or(read, |change| change.to))
}

/// The max HTLC on the node, likewise.
pub fn max_htlc_now(known: &KnownChannel, last: Option<&FeeChange>) -> Option<Msat> {
    let read = known.channel.policy?.max_htlc;
    let since = last.filter(|change| {
        change.stage == Stage::Confirmed && change.settled_at > Some(known.last_seen)
    });
    let set = since.and_then(|change| change.max_htlc);
    Some(set.map_or(read, |change| change.to))
}

/// What came of a channel's last decision. It is put into words where they are asked for:
/// a table of a hub needs few of them.
#[derive(Debug)]
pub struct State {
    decision: Option<Decision>,
    change: Option<FeeChange>,
    policy_error: Option<CleanText>,
    now: Timestamp,
}

impl State {
    /// Of a channel, its last decision and its last change, as of `now`.
    pub fn new(
        channel: &Channel,
        decision: Option<Decision>,
        change: Option<FeeChange>,
        now: Timestamp,
    ) -> Self {
        Self {
            decision,
            change,
            policy_error: channel.policy_error.clone(),
            now,
        }
    }

    /// In words: of a change, what became of it on the node. An update that failed is
    /// named until another one is done.
    pub fn in_words(&self, time: TimeFormat<'_>) -> String {
        if let Some(error) = &self.policy_error {
            return format!(
                "no change: {} ({error})",
                Hold::PolicyUnread.words(None, time)
            );
        }
        let Some(decision) = &self.decision else {
            return "no decision yet".to_owned();
        };
        let held = match (decision.verdict, self.carried_out(decision)) {
            (Verdict::Change { .. }, Some(change)) => return update_in_words(change),
            (Verdict::Change { .. }, None) => {
                return format!("{}: not sent", decision.outcome(time));
            }
            (Verdict::WouldChange { .. }, _)
            | (
                Verdict::Hold {
                    reason: Hold::Deadband { .. },
                },
                _,
            ) => decision.outcome(time),
            (Verdict::Hold { .. }, _) => decision.reason(time).unwrap_or_default(),
        };
        let failed = self.change.as_ref();
        match failed.filter(|change| has_failed(change.stage)) {
            Some(change) => format!("{held}; {}", update_in_words(change)),
            None => held,
        }
    }

    /// As a code.
    pub fn code(&self) -> &'static str {
        if self.policy_error.is_some() {
            return Hold::PolicyUnread.code();
        }
        let Some(decision) = &self.decision else {
            return "no_decision";
        };
        match (decision.verdict, self.carried_out(decision)) {
            (Verdict::Change { .. }, Some(change)) => match change.stage {
                Stage::Confirmed => "changed",
                stage if stage.is_open() => Hold::WriteUnresolved { until: decision.at }.code(),
                _ => "update_failed",
            },
            (Verdict::Change { .. }, None) => "not_sent",
            _ => decision.code(),
        }
    }

    /// In a few words, for a narrow table.
    pub fn brief(&self) -> String {
        let decision = self.decision.as_ref();
        let code = self.code();
        let brief = match (code, decision.map(|decision| decision.verdict)) {
            ("no_decision", _) => "no decision yet".to_owned(),
            ("changed", _) => "just changed".to_owned(),
            ("update_failed", _) => "update failed".to_owned(),
            ("not_sent", _) => "not sent".to_owned(),
            (_, Some(Verdict::WouldChange { .. }))
                if decision.is_some_and(Decision::sets_only_max_htlc) =>
            {
                "would set max HTLC".to_owned()
            }
            (_, Some(Verdict::WouldChange { to })) => format!("would set {}", to.outbound.0),
            (_, Some(Verdict::Hold { reason })) => reason.brief(self.now),
            _ => code.replace('_', " "),
        };
        let change = self.change.as_ref();
        let failed = change.is_some_and(|change| has_failed(change.stage));
        match failed && code != "update_failed" {
            true => format!("{brief}; update failed"),
            false => brief,
        }
    }

    /// The change that the decision led to.
    fn carried_out(&self, decision: &Decision) -> Option<&FeeChange> {
        let change = self.change.as_ref();
        change.filter(|change| change.intended_at >= decision.at)
    }
}

/// In words, with times as RFC 3339.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.in_words(&rfc3339))
    }
}

fn has_failed(stage: Stage) -> bool {
    matches!(
        stage,
        Stage::Refused | Stage::NotSent | Stage::NotSeen | Stage::NotApplied
    )
}

/// An update and what came of it.
pub fn update_in_words(change: &FeeChange) -> String {
    let to = change.told();
    if change.stage == Stage::Confirmed {
        return format!("changed to {to}");
    }
    let outcome = match change.is_open() {
        true => "unconfirmed".to_owned(),
        false => change.stage.to_string(),
    };
    match change.detail.is_empty() {
        true => format!("update to {to} {outcome}"),
        false => format!(
            "update to {to} {outcome}: {}{}",
            change.detail,
            what_to_do(change.detail.as_str())
        ),
    }
}

/// What the operator can do about a refusal. LND takes a CLTV delta with each update,
/// and later releases none as low as earlier ones gave.
pub fn what_to_do(refusal: &str) -> &'static str {
    match refusal.contains("time lock delta") {
        true => "; raise its CLTV delta: `sweetspot check` prints how",
        false => "",
    }
}
