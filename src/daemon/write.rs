//! Asking the node for one fee change: fresh read, update, check, read back.

use std::time::Duration;

use tokio::time::timeout;

use sweetspot_core::ports::{Node, NodeError, PolicyWriter, WriteError};
use sweetspot_core::types::channel::{ChannelPoint, Policy};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};

/// How long one read of a policy may take, over a broken connection as well: an update
/// has two, and a cycle several updates.
const READ_TIME: Duration = Duration::from_secs(30);

/// What came of asking the node.
pub struct Attempt {
    /// How far the change has come.
    pub stage: Stage,
    /// What the node, or the check after it, said.
    pub detail: CleanText,
    /// Why the node would not take any other update now either.
    pub closed: Option<NodeError>,
}

impl Attempt {
    fn ended(stage: Stage, detail: impl Into<CleanText>) -> Self {
        Self {
            stage,
            detail: detail.into(),
            closed: None,
        }
    }

    fn not_sent(step: &str, error: NodeError) -> Self {
        Self {
            stage: Stage::NotSent,
            detail: format!("{step}: {error}").into(),
            closed: says_of_others(&error).then_some(error),
        }
    }
}

/// Whether the node would answer for another channel likewise.
fn says_of_others(error: &NodeError) -> bool {
    !matches!(error, NodeError::NotFound(_) | NodeError::Other(_))
}

/// Fresh read, update, read back. The intent must be stored before.
pub async fn attempt<N: Node, W: PolicyWriter>(
    node: &N,
    writer: &W,
    point: ChannelPoint,
    change: &FeeChange,
) -> Attempt {
    let fresh = match policy(node, point).await {
        Ok(policy) => policy,
        Err(error) => return Attempt::not_sent("fresh read", error),
    };
    if !change.starts_from(&fresh) {
        let detail = match fresh.fees == change.from {
            true => "the max HTLC on the node changed after it was read",
            false => "the fees on the node changed after they were read",
        };
        return Attempt::ended(Stage::NotSent, detail);
    }
    let sent = writer.set_policy(point, change, fresh.time_lock_delta);
    match sent.await {
        Ok(()) => {}
        Err(WriteError::NotSent(error)) => return Attempt::not_sent("not sent", error),
        Err(WriteError::Refused(reason)) => return Attempt::ended(Stage::Refused, reason),
        Err(WriteError::Unknown(reason)) => return Attempt::ended(Stage::Sent, reason),
    }
    match policy(node, point).await {
        Ok(now) if change.is_done_in(&now) => {
            Attempt::ended(Stage::Confirmed, other_changes(&fresh, &now, change))
        }
        Ok(now) => Attempt::ended(Stage::NotSeen, not_done(change, &now)),
        Err(error) => Attempt::ended(Stage::Sent, format!("read back: {error}")),
    }
}

async fn policy<N: Node>(node: &N, point: ChannelPoint) -> Result<Policy, NodeError> {
    let read = timeout(READ_TIME, node.policy(point)).await;
    read.unwrap_or_else(|_| {
        let said = format!("no policy in {READ_TIME:?}");
        Err(NodeError::Unreachable(said.into()))
    })
}

/// How what was read back differs from what was asked for.
fn not_done(change: &FeeChange, now: &Policy) -> String {
    let (seen, asked) = (now.fees, change.to);
    let fees = (seen != asked).then(|| {
        format!(
            "{} instead of {}",
            seen.told_after(Some(asked)),
            asked.told_after(Some(seen))
        )
    });
    let max_htlc = change
        .max_htlc
        .filter(|asked| asked.to != now.max_htlc)
        .map(|asked| {
            format!(
                "max HTLC {} instead of {}",
                now.max_htlc.told(),
                asked.to.told()
            )
        });
    let differing: Vec<String> = fees.into_iter().chain(max_htlc).collect();
    format!("read back {}", differing.join(" and "))
}

/// Names fields that are not ours and differ after the write: none should.
fn other_changes(before: &Policy, after: &Policy, change: &FeeChange) -> String {
    let sets_max_htlc = change.max_htlc.is_some();
    let fields = [
        (
            "time_lock_delta",
            before.time_lock_delta != after.time_lock_delta,
        ),
        ("min_htlc_msat", before.min_htlc != after.min_htlc),
        (
            "max_htlc_msat",
            !sets_max_htlc && before.max_htlc != after.max_htlc,
        ),
    ];
    fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| format!("{name} changed with the update"))
        .collect::<Vec<_>>()
        .join("; ")
}
