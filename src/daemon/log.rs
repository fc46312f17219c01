//! What the log says of a turn: one line per event, values as fields.

use std::time::Duration;

use tracing::{debug, info, warn};

use sweetspot_core::decision::{Decision, Hold, Verdict};
use sweetspot_core::engine::cycle::{CycleOutcome, DueChange};
use sweetspot_core::engine::ingest::FeeEvent;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::limits::guard;
use sweetspot_core::ports::NodeError;
use sweetspot_core::prune::recommend::News;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::Observation;

/// What happened to fees between two reads.
pub fn events(outcome: &CycleOutcome) {
    let CycleInput { seen, settings, .. } = &outcome.input;
    for (point, event) in &outcome.events {
        if let (Some(channel), Some(settings)) = (seen.channels.get(point), settings.get(point)) {
            fee_event(channel, event, settings.pace.foreign_hands_off);
        }
    }
}

/// What happened to a fee. Someone else's fee is left alone for `hands_off`.
fn fee_event(channel: &Channel, event: &FeeEvent, hands_off: Duration) {
    let (scid, peer) = (channel.scid, channel.peer_name());
    match event {
        FeeEvent::ForeignChange(foreign) => info!(
            channel = %scid, peer, ppm = foreign.fees.outbound.0,
            base_fee_msat = foreign.fees.base_fee_msat,
            inbound_ppm = foreign.fees.inbound.rate_ppm,
            until = %foreign.seen_at.plus(hands_off),
            "fee set by someone else: hands off"
        ),
        FeeEvent::Adopted(foreign) => info!(
            channel = %scid, peer, ppm = foreign.fees.outbound.0,
            "fee set by someone else is now the starting point"
        ),
        FeeEvent::WriteFoundDone => {
            info!(channel = %scid, peer, "an unanswered fee change was found done");
        }
        FeeEvent::WriteFoundUndone => {
            info!(channel = %scid, peer, "an unanswered fee change was found not done");
        }
    }
}

/// Tells of changes that a stop or a crash left open.
pub fn left_open(changes: &[(ChannelPoint, FeeChange)]) {
    for (point, change) in changes {
        info!(
            channel_point = %point,
            to_ppm = change.to.outbound.0,
            until = %change.intended_at.plus(guard::UNRESOLVED_FOR),
            "a fee change was left unanswered: hands off until the node shows it, \
             at the latest until then"
        );
    }
}

/// Tells whether the node follows the chain, when that has changed.
pub fn synced(synced: bool) {
    match synced {
        true => info!("the node is synced to the chain again"),
        false => info!("the node is not synced to the chain: nothing is written"),
    }
}

/// Tells that closed channels cannot be read.
pub fn closed_unread(error: &NodeError) {
    match error {
        NodeError::Denied(reason) => debug!(
            reason,
            "closed channels may not be read: their old forwards stay unnamed"
        ),
        error => warn!(
            %error,
            "closed channels cannot be read: their old forwards stay unnamed until the next start"
        ),
    }
}

/// Tells that a decided change was not begun, for the daemon is to stop.
pub fn not_begun(due: &DueChange<'_>) {
    info!(point = %due.channel.point, "stopping: a decided change is not begun");
}

/// Tells what came of a fee change.
pub fn fee_change(due: &DueChange<'_>, change: &FeeChange) {
    let channel = due.channel.scid;
    let peer = due.channel.peer_name();
    let from_ppm = due.decision.current.map(|fees| fees.outbound.0);
    let to_ppm = due.to.outbound.0;
    let to_inbound_ppm = inbound_set(due.decision, due.to);
    let why = story(due.decision);
    let detail = &change.detail;
    match change.stage {
        Stage::Confirmed => {
            info!(%channel, peer, from_ppm, to_ppm, to_inbound_ppm, why, "fee changed");
            if !detail.is_empty() {
                warn!(%channel, peer, detail, "a field we do not manage changed");
            }
        }
        Stage::Sent => warn!(
            %channel, peer, from_ppm, to_ppm, to_inbound_ppm, detail, why,
            "fee change unanswered: the next reads show whether it was made"
        ),
        outcome => warn!(
            %channel, peer, from_ppm, to_ppm, to_inbound_ppm, %outcome, detail, why,
            "fee not changed"
        ),
    }
}

/// Tells what was decided: would-be changes at INFO, the rest at DEBUG (a
/// change is told when the node has confirmed it).
pub fn decisions(decisions: &[Decision], seen: &Observation) {
    let stopped = decisions
        .iter()
        .find_map(|decision| match decision.verdict {
            Verdict::Hold {
                reason: reason @ Hold::MassMove { .. },
            } => Some(reason),
            _ => None,
        });
    if let Some(reason) = stopped {
        warn!(%reason, "stopped for this turn: if it goes on, look at `sweetspot status`");
    }
    for decision in decisions {
        let Some(channel) = seen.channels.get(&decision.point) else {
            continue;
        };
        let (scid, peer) = (channel.scid, channel.peer_name());
        let from_ppm = decision.current.map(|fees| fees.outbound.0);
        let seen = decision.evidence;
        let terms = decision.terms;
        let why = story(decision);
        let to_inbound_ppm = |to| inbound_set(decision, to);
        match decision.verdict {
            Verdict::Change { to } => debug!(
                channel = %scid, peer, from_ppm, to_ppm = to.outbound.0,
                to_inbound_ppm = to_inbound_ppm(to), why, "fee to be changed"
            ),
            Verdict::WouldChange { to } => info!(
                channel = %scid, peer, from_ppm, to_ppm = to.outbound.0,
                to_inbound_ppm = to_inbound_ppm(to), why, "would change fee (observing)"
            ),
            Verdict::Hold { reason } => debug!(
                channel = %scid, peer, from_ppm, wanted_ppm = decision.wanted_ppm,
                ratio = seen.ratio, tpm = seen.tpm, balance = terms.balance,
                throughput = terms.throughput, %reason, "fee held"
            ),
        }
    }
}

/// The inbound rate that `to` sets, if it is another one.
pub fn inbound_set(decision: &Decision, to: FeeParts) -> Option<i32> {
    let before = decision.current.map(|fees| fees.inbound.rate_ppm);
    Some(to.inbound.rate_ppm).filter(|rate| before != Some(*rate))
}

/// A decision's reasons in one line.
pub fn story(decision: &Decision) -> String {
    let (seen, terms) = (&decision.evidence, &decision.terms);
    let mut story = format!(
        "local {:.0}% of target {:.0}% asks {:+.2}%; tpm {:.5} of {:.5} asks {:+.2}%",
        seen.ratio * 100.0,
        seen.target_ratio * 100.0,
        terms.balance * 100.0,
        seen.tpm,
        seen.tpm_history,
        terms.throughput * 100.0,
    );
    if terms.level != 0.0 {
        story += &format!("; the price level asks {:+.2}%", terms.level * 100.0);
    }
    if terms.protection > 0.0 {
        story += &format!("; draining quickly asks {:+.0}%", terms.protection * 100.0);
    }
    for limit in &decision.limits {
        story += &format!("; {limit}");
    }
    if let Some(discount) = &decision.inbound {
        story += &format!("; inbound discount {discount}");
    }
    story
}

/// What is new about prune recommendations.
pub fn advice(outcome: &CycleOutcome, memory: &Memory) {
    let (seen, windows) = (&outcome.input.seen, outcome.input.node.windows());
    for (point, news) in &outcome.advice {
        if let (Some(channel), Some(memory)) =
            (seen.channels.get(point), memory.channels.get(point))
        {
            prune(channel, memory.flow.tpm_history(seen.at, windows), news);
        }
    }
}

/// Tells a prune recommendation that appeared, stands or cleared, with its
/// evidence.
fn prune(channel: &Channel, tpm: f64, news: &News) {
    let (found, message) = match news {
        News::Appeared(found) => (found, "prune recommendation"),
        News::Stands(found) => (found, "prune recommendation stands"),
        News::Cleared(advice) => {
            info!(
                channel = %channel.scid, peer = channel.peer_name(), now = %advice,
                "prune recommendation cleared"
            );
            return;
        }
    };
    info!(
        channel = %channel.scid,
        channel_point = %channel.point,
        peer = channel.peer_name(),
        rule = %found.rule,
        since = %found.since,
        ratio = channel.local_ratio(),
        tpm,
        fee_ppm = channel.policy.map(|policy| policy.fees.outbound.0),
        capacity_sat = channel.capacity.0,
        "{message}"
    );
}
