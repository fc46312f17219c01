//! One write: intent, fresh read, write, check, read back, record.

use tracing::{info, warn};

use crate::daemon::log;
use sweetspot_core::decision::{Decision, Trigger, Verdict};
use sweetspot_core::engine::write;
use sweetspot_core::ports::{
    Clock, Node, NodeError, PendingWrite, PolicyWrite, PolicyWriter, Store, StoreError, WriteError,
    WriteIntent, WriteOutcome,
};
use sweetspot_core::state::memory::{ChannelMemory, Memory};
use sweetspot_core::types::channel::{Channel, FeeParts, Policy};

/// A decided change.
pub struct Job<'a> {
    /// The channel as the decision saw it.
    pub channel: &'a Channel,
    /// The decision.
    pub decision: &'a Decision,
    /// The fees to be.
    pub to: FeeParts,
}

/// How a write went.
pub struct Done {
    /// Its outcome.
    pub outcome: WriteOutcome,
    /// The write, if a later read must settle it.
    pub pending: Option<PendingWrite>,
    /// Why the node would not take any other write now either.
    pub closed: Option<NodeError>,
    /// Why the outcome could not be stored, if so.
    pub unstored: Option<StoreError>,
}

/// The decided changes in the order of writing: protective raises first, then
/// the longest waiting.
pub fn in_order<'a>(decisions: &'a [Decision], memory: &Memory) -> Vec<(&'a Decision, FeeParts)> {
    let mut changes: Vec<(&Decision, FeeParts)> = decisions
        .iter()
        .filter_map(|decision| match decision.verdict {
            Verdict::Change { to } => Some((decision, to)),
            _ => None,
        })
        .collect();
    changes.sort_by_key(|(decision, _)| {
        let fee = memory.channels.get(&decision.point).map(|m| &m.fee);
        (
            decision.trigger == Trigger::Scheduled,
            fee.and_then(|fee| fee.waiting_since),
            fee.and_then(|fee| fee.written_at),
            decision.point,
        )
    });
    changes
}

/// Makes one write and stores how it went. Only the store's failure is an
/// error: without a stored intent nothing may be written.
pub async fn write<N: Node, W: PolicyWriter, S: Store, C: Clock>(
    node: &N,
    writer: &W,
    store: &S,
    clock: &C,
    job: Job<'_>,
    memory: &mut ChannelMemory,
) -> Result<Done, StoreError> {
    let point = job.channel.point;
    let intent = WriteIntent {
        at: clock.now(),
        point,
        from: job.channel.policy.map(|p| p.fees).unwrap_or_default(),
        to: job.to,
    };
    write::begun(&mut memory.fee, intent.from, intent.to, intent.at);
    let id = store.begin_write(intent, memory).await?;
    let Attempt {
        outcome,
        detail,
        closed,
    } = attempt(node, writer, &intent).await;
    let now = clock.now();
    write::ended(&mut memory.fee, intent.to, outcome, now);
    tell(&job, outcome, &detail);
    if outcome == WriteOutcome::Unknown {
        return Ok(Done {
            outcome,
            pending: Some(PendingWrite { id, intent }),
            closed,
            unstored: None,
        });
    }
    let unstored = store
        .finish_write(id, now, outcome, &detail, memory)
        .await
        .err();
    Ok(Done {
        outcome,
        // What could not be stored is stored by a later turn.
        pending: unstored.is_some().then_some(PendingWrite { id, intent }),
        closed,
        unstored,
    })
}

/// What came of asking the node.
struct Attempt {
    outcome: WriteOutcome,
    detail: String,
    closed: Option<NodeError>,
}

impl Attempt {
    fn ended(outcome: WriteOutcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: detail.into(),
            closed: None,
        }
    }

    fn not_made(step: &str, error: NodeError) -> Self {
        Self {
            outcome: WriteOutcome::NotAttempted,
            detail: format!("{step}: {error}"),
            closed: (!matches!(error, NodeError::NotFound(_))).then_some(error),
        }
    }
}

/// Fresh read, write, read back.
async fn attempt<N: Node, W: PolicyWriter>(node: &N, writer: &W, intent: &WriteIntent) -> Attempt {
    let fresh = match node.policy(intent.point).await {
        Ok(policy) => policy,
        Err(error) => return Attempt::not_made("fresh read", error),
    };
    if fresh.fees != intent.from {
        let detail = "the fees changed since they were read";
        return Attempt::ended(WriteOutcome::NotAttempted, detail);
    }
    let write = PolicyWrite {
        point: intent.point,
        fees: intent.to,
        set_inbound: intent.to.inbound != fresh.fees.inbound,
        time_lock_delta: fresh.time_lock_delta,
    };
    match writer.set_policy(write).await {
        Ok(()) => {}
        Err(WriteError::NotSent(error)) => return Attempt::not_made("not sent", error),
        Err(WriteError::Refused(reason)) => return Attempt::ended(WriteOutcome::Refused, reason),
        Err(WriteError::Unknown(reason)) => return Attempt::ended(WriteOutcome::Unknown, reason),
    }
    match node.policy(intent.point).await {
        Ok(now) if now.fees == intent.to => {
            Attempt::ended(WriteOutcome::Confirmed, other_changes(&fresh, &now))
        }
        Ok(now) => Attempt::ended(
            WriteOutcome::NotSeen,
            format!(
                "read back {} instead of {}",
                now.fees.told_after(Some(intent.to)),
                intent.to.told_after(Some(now.fees))
            ),
        ),
        Err(error) => Attempt::ended(WriteOutcome::Unknown, format!("read back: {error}")),
    }
}

/// Names fields that are not ours and differ after the write: none should.
fn other_changes(before: &Policy, after: &Policy) -> String {
    let fields = [
        (
            "time_lock_delta",
            before.time_lock_delta != after.time_lock_delta,
        ),
        ("min_htlc_msat", before.min_htlc != after.min_htlc),
        ("max_htlc_msat", before.max_htlc != after.max_htlc),
    ];
    fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| format!("{name} differs after the write"))
        .collect::<Vec<_>>()
        .join("; ")
}

fn tell(job: &Job<'_>, outcome: WriteOutcome, detail: &str) {
    let channel = job.channel.scid;
    let peer = job.channel.peer_name();
    let from_ppm = job.decision.current.map(|fees| fees.outbound.0);
    let to_ppm = job.to.outbound.0;
    let to_inbound_ppm = log::inbound_set(job.decision, job.to);
    let why = log::story(job.decision);
    match outcome {
        WriteOutcome::Confirmed => {
            info!(%channel, peer, from_ppm, to_ppm, to_inbound_ppm, why, "fee changed");
            if !detail.is_empty() {
                warn!(%channel, peer, detail, "a field we do not manage changed");
            }
        }
        WriteOutcome::Unknown => warn!(
            %channel, peer, from_ppm, to_ppm, to_inbound_ppm, detail, why,
            "fee change unanswered: the next reads show whether it was made"
        ),
        _ => warn!(
            %channel, peer, from_ppm, to_ppm, to_inbound_ppm, %outcome, detail, why,
            "fee not changed"
        ),
    }
}
