//! A channel's state in words, in few words, and as a code: one for all views.

use sweetspot_core::decision::{Decision, Hold, Verdict};
use sweetspot_core::types::channel::{Channel, FeeParts};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::{TimeFormat, Timestamp};
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

/// What came of a channel's last decision, in a few words: of a change, what
/// became of it on the node. An update that failed is named until another one is
/// done.
pub fn state(
    channel: &Channel,
    decision: Option<&Decision>,
    change: Option<&FeeChange>,
    time: TimeFormat<'_>,
) -> String {
    if let Some(error) = &channel.policy_error {
        return format!(
            "no change: {} ({error})",
            Hold::PolicyUnread.words(None, time)
        );
    }
    let Some(decision) = decision else {
        return "no decision yet".to_owned();
    };
    let held = match (decision.verdict, carried_out(decision, change)) {
        (Verdict::Change { .. }, Some(change)) => return update_in_words(change),
        (Verdict::Change { .. }, None) => return format!("{}: not sent", decision.outcome(time)),
        (Verdict::WouldChange { .. }, _)
        | (
            Verdict::Hold {
                reason: Hold::Deadband { .. },
            },
            _,
        ) => decision.outcome(time),
        (Verdict::Hold { .. }, _) => decision.reason(time).unwrap_or_default(),
    };
    match change.filter(|change| has_failed(change.stage)) {
        Some(change) => format!("{held}; {}", update_in_words(change)),
        None => held,
    }
}

/// The change that a decision led to.
fn carried_out<'c>(decision: &Decision, change: Option<&'c FeeChange>) -> Option<&'c FeeChange> {
    change.filter(|change| change.intended_at >= decision.at)
}

/// The same as a code.
pub fn state_code(
    channel: &Channel,
    decision: Option<&Decision>,
    change: Option<&FeeChange>,
) -> &'static str {
    let Some(decision) = decision.filter(|_| channel.policy_error.is_none()) else {
        return match channel.policy_error {
            Some(_) => Hold::PolicyUnread.code(),
            None => "no_decision",
        };
    };
    match (decision.verdict, carried_out(decision, change)) {
        (Verdict::Change { .. }, Some(change)) => match change.stage {
            Stage::Confirmed => "changed",
            stage if stage.is_open() => Hold::WriteUnresolved { until: decision.at }.code(),
            _ => "update_failed",
        },
        (Verdict::Change { .. }, None) => "not_sent",
        _ => decision.code(),
    }
}

/// The same for a narrow table.
pub fn state_brief(
    channel: &Channel,
    decision: Option<&Decision>,
    change: Option<&FeeChange>,
    now: Timestamp,
) -> String {
    let code = state_code(channel, decision, change);
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
        (_, Some(Verdict::Hold { reason })) => reason.brief(now),
        _ => code.replace('_', " "),
    };
    let failed = change.is_some_and(|change| has_failed(change.stage));
    match failed && code != "update_failed" {
        true => format!("{brief}; update failed"),
        false => brief,
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
