//! What the log says of a cycle: one line per event, values as fields.

mod fields;

use std::time::Duration;

use tracing::{debug, info, warn};

use sweetspot_core::decision::{Decision, Hold, LevelReason, Verdict};
use sweetspot_core::engine::FeeEvent;
use sweetspot_core::engine::cycle::{CycleOutcome, DueChange};
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::limits::guard;
use sweetspot_core::ports::{NodeError, Shrunk};
use sweetspot_core::prune::recommend::News;
use sweetspot_core::settings::alias_pins::Renamed;
use sweetspot_core::settings::orders::Orders;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::raw_forward::OddForward;
use sweetspot_core::types::time::rfc3339;
use sweetspot_core::types::units::FeePpm;

use fields::{base_set, inbound_set, max_htlc_set};

/// What happened to fees between two reads.
pub fn events(outcome: &CycleOutcome, memory: &Memory) {
    let CycleInput { seen, settings, .. } = &outcome.input;
    for (point, event) in &outcome.events {
        if let (Some(channel), Some(settings)) = (seen.channels.get(point), settings.get(point)) {
            // What we last knew the fees to be stays remembered until theirs is taken.
            let before = memory
                .channels
                .get(point)
                .and_then(|known| known.fee.confirmed);
            fee_event(channel, event, before, settings.pace.foreign_hands_off);
        }
    }
}

/// What happened to a fee. An external change is left alone for `hands_off`.
fn fee_event(channel: &Channel, event: &FeeEvent, before: Option<FeeParts>, hands_off: Duration) {
    let (scid, peer) = (channel.scid, channel.peer_name());
    match event {
        FeeEvent::ForeignChange(foreign) => info!(
            channel = %scid, peer = peer.as_str(),
            from_ppm = before.map(|fees| fees.outbound.0), ppm = foreign.fees.outbound.0,
            from_base_fee_msat = before.map(|fees| fees.base_fee_msat),
            base_fee_msat = foreign.fees.base_fee_msat,
            from_inbound_ppm = before.map(|fees| fees.inbound.rate_ppm),
            inbound_ppm = foreign.fees.inbound.rate_ppm,
            until = %foreign.seen_at.plus(hands_off),
            "external fee change: hands off"
        ),
        FeeEvent::Adopted(foreign) => info!(
            channel = %scid, peer = peer.as_str(), ppm = foreign.fees.outbound.0,
            "external fee adopted as the new starting point"
        ),
        FeeEvent::ForeignMaxHtlc(foreign) => info!(
            channel = %scid, peer = peer.as_str(), max_htlc_msat = foreign.max_htlc.0,
            until = %foreign.seen_at.plus(hands_off),
            "external max HTLC change: hands off the max HTLC"
        ),
        FeeEvent::AdoptedMaxHtlc(foreign) => info!(
            channel = %scid, peer = peer.as_str(), max_htlc_msat = foreign.max_htlc.0,
            "external max HTLC adopted as the new starting point"
        ),
        FeeEvent::WriteFoundDone => {
            info!(channel = %scid, peer = peer.as_str(), "unconfirmed fee update was applied");
        }
        FeeEvent::WriteFoundUndone => {
            info!(channel = %scid, peer = peer.as_str(), "unconfirmed fee update was not applied");
        }
    }
}

/// Tells how the price levels moved, and why.
pub fn level_moves(outcome: &CycleOutcome) {
    for found in &outcome.level_moves {
        let (channels, why) = (found.segment.name(), found.why());
        let rounded = |ppm| FeePpm::rounded(ppm).0;
        let (from_ppm, to_ppm) = (found.from_ppm.map(rounded), rounded(found.to_ppm));
        let wanted_ppm = rounded(found.wanted_ppm);
        match found.reason {
            LevelReason::IncomeFell { .. } => warn!(
                channels,
                at_ppm = to_ppm,
                wanted_ppm,
                why,
                "income has fallen: the price level gives way to the fees of before"
            ),
            LevelReason::Begun { .. } | LevelReason::Follows => info!(
                channels,
                from_ppm, to_ppm, wanted_ppm, why, "price level moved"
            ),
        }
    }
}

/// Tells of what the operator ordered that no cycle knew yet.
pub fn orders(orders: &Orders, through: i64, seen: &Observation) {
    for order in orders.0.iter().filter(|order| order.id > through) {
        let channel = order.point.and_then(|point| seen.channels.get(&point));
        info!(
            order = %order.verb,
            channel = channel.map(|channel| channel.scid.to_string()),
            peer = channel.map(|channel| channel.peer_name().to_string()),
            given = %order.at, until = order.until.map(rfc3339),
            "operator's order taken"
        );
    }
}

/// Tells that the machine's clock was set, when a cycle takes it up.
pub fn clock_set(input: &CycleInput) {
    let Some(step) = input.clock else {
        return;
    };
    if let Some(span) = step.doubted_for {
        warn!(
            by_secs = step.moved_nanos / 1_000_000_000,
            clock = %step.to.wall,
            until = %step.to.wall.plus(span),
            "the machine's clock was set: no fee updates until then, and limits go on as if it \
             had not been"
        );
    }
}

/// Tells of changes that a stop or a crash left unconfirmed.
pub fn left_open(changes: &[(ChannelPoint, FeeChange)]) {
    for (point, change) in changes {
        info!(
            channel_point = %point,
            to_ppm = change.to.outbound.0,
            until = %change.intended_at.plus(guard::UNRESOLVED_FOR),
            "unconfirmed fee update from an earlier run: no new update of this channel \
             until the node shows the outcome, at the latest until then"
        );
    }
}

/// Tells whether the node follows the chain, when that has changed.
pub fn synced(synced: bool) {
    match synced {
        true => info!("the node is synced to the chain again"),
        false => info!("the node is not synced to the chain: no fee updates until it is"),
    }
}

/// Tells of forwards that cannot be any, where they are not known yet.
pub fn quarantined(odd: &[OddForward]) {
    let Some(first) = odd.first() else {
        return;
    };
    let raw = first.raw;
    warn!(
        count = odd.len(), fault = %first.fault, timestamp_ns = raw.settled_at_nanos,
        scid_in = %Scid(raw.scid_in), scid_out = %Scid(raw.scid_out),
        amt_in_msat = raw.amount_in_msat, amt_out_msat = raw.amount_out_msat,
        fee_msat = raw.fee_msat,
        "impossible forwards quarantined: kept in the database, counted nowhere; the first has \
         these values"
    );
}

/// Tells of a peer that calls itself by another name than a rule knows it by.
pub fn renamed(renamed: &Renamed) {
    let holds = match renamed.matches {
        true => "the rule goes on to hold for it",
        false => "the rule does not hold for it",
    };
    warn!(
        peer = %renamed.peer, known_as = renamed.known_as.as_str(), alias = renamed.now.as_str(),
        pattern = renamed.pattern,
        "a peer changed its alias: {holds}; to have it otherwise, match the peer by its key"
    );
}

/// Tells that the forwarding history cannot be read.
pub fn history_unread(said: &CleanText) {
    warn!(
        error = said.as_str(),
        "cannot read the forwarding history: only pinned fees and drains are acted on"
    );
}

/// Tells that the forwarding history can be read again.
pub fn history_read_again() {
    info!("the forwarding history can be read again");
}

/// Tells that a channel's policy cannot be read.
pub fn policy_unread(channel: &Channel, error: &CleanText) {
    warn!(
        channel = %channel.scid, peer = channel.peer_name().as_str(), error = error.as_str(),
        "cannot read the channel's policy: this channel is left alone"
    );
}

/// Tells that a channel's policy can be read again.
pub fn policy_read_again(channel: &Channel) {
    info!(
        channel = %channel.scid, peer = channel.peer_name().as_str(),
        "the channel's policy can be read again"
    );
}

/// What the bound on the database's size cost, and whether it holds.
pub fn shrunk(shrunk: Shrunk, most_bytes: u64) {
    let (size_mb, max_mb) = (shrunk.bytes / 1_000_000, most_bytes / 1_000_000);
    if shrunk.bytes > most_bytes {
        warn!(
            size_mb,
            max_mb,
            rows_dropped = shrunk.dropped,
            "the database is larger than store.max_mb: what is left is never dropped"
        );
    } else if shrunk.dropped > 0 {
        info!(
            size_mb,
            max_mb,
            rows_dropped = shrunk.dropped,
            "dropped the oldest of the journal to keep the database within store.max_mb"
        );
    }
}

/// Tells that closed channels cannot be read.
pub fn closed_unread(error: &NodeError) {
    match error {
        NodeError::Denied(reason) => debug!(
            reason = reason.as_str(),
            "the macaroon does not permit listing closed channels: their old forwards stay without \
             a channel"
        ),
        error => warn!(
            %error,
            "cannot list closed channels: their old forwards stay without a channel until the next \
             start"
        ),
    }
}

/// Tells that a decided change was not begun, for the daemon is to stop.
pub fn not_begun(due: &DueChange<'_>) {
    info!(point = %due.channel.point, "shutting down: fee update not sent");
}

/// Tells what came of a fee change.
pub fn fee_change(due: &DueChange<'_>, change: &FeeChange) {
    let channel = due.channel.scid;
    let peer = due.channel.peer_name();
    let from_ppm = due.decision.current.map(|fees| fees.outbound.0);
    let to_ppm = due.to.outbound.0;
    let to_inbound_ppm = inbound_set(due.decision, due.to);
    let (from_base_fee_msat, to_base_fee_msat) = base_set(due.decision, due.to);
    let (from_max_htlc_msat, to_max_htlc_msat) = max_htlc_set(due.decision);
    let why = due.decision.story();
    let detail = change.detail.as_str();
    match change.stage {
        Stage::Confirmed => {
            info!(%channel, peer = peer.as_str(), from_ppm, to_ppm, from_base_fee_msat, to_base_fee_msat, to_inbound_ppm, from_max_htlc_msat, to_max_htlc_msat, why, "fee changed");
            if !detail.is_empty() {
                warn!(%channel, peer = peer.as_str(), detail, "a policy field that sweetspot does not manage has changed");
            }
        }
        Stage::Sent => warn!(
            %channel, peer = peer.as_str(), from_ppm, to_ppm, from_base_fee_msat, to_base_fee_msat, to_inbound_ppm,
            from_max_htlc_msat, to_max_htlc_msat, detail, why,
            "fee update unconfirmed: the next reads of the node show whether it was applied"
        ),
        outcome => warn!(
            %channel, peer = peer.as_str(), from_ppm, to_ppm, from_base_fee_msat, to_base_fee_msat, to_inbound_ppm,
            from_max_htlc_msat, to_max_htlc_msat, %outcome, detail, why,
            "fee update failed"
        ),
    }
}

/// Tells what was decided: would-be changes at INFO, the rest at DEBUG (a
/// change is told when the node has confirmed it).
pub fn decisions(decisions: &[Decision], seen: &Observation) {
    let stopped = |verdict| {
        matches!(
            verdict,
            Verdict::Hold {
                reason: Hold::MassMove { .. }
            }
        )
    };
    let mass_move = decisions.iter().find(|held| stopped(held.verdict));
    if let Some(reason) = mass_move.and_then(in_log) {
        warn!("{reason}; see `sweetspot status`");
    }
    let paced = decisions.iter().filter(|held| is_paced(held.verdict));
    let paced = paced.count();
    if paced > 0 {
        info!(
            channels = paced,
            "first look at the node: these fees are to change, each at a minute of its own within \
             the hour; see `sweetspot plan`"
        );
    }
    for decision in decisions {
        let Some(channel) = seen.channels.get(&decision.point) else {
            continue;
        };
        let (scid, peer) = (channel.scid, channel.peer_name());
        let from_ppm = decision.current.map(|fees| fees.outbound.0);
        let seen = decision.evidence;
        let terms = decision.terms;
        let why = || decision.story();
        let (from_max_htlc_msat, to_max_htlc_msat) = max_htlc_set(decision);
        let to_inbound_ppm = |to| inbound_set(decision, to);
        let from_base = |to| base_set(decision, to).0;
        let to_base = |to| base_set(decision, to).1;
        match decision.verdict {
            Verdict::Change { to } => debug!(
                channel = %scid, peer = peer.as_str(), from_ppm, to_ppm = to.outbound.0,
                from_base_fee_msat = from_base(to), to_base_fee_msat = to_base(to),
                to_inbound_ppm = to_inbound_ppm(to), from_max_htlc_msat, to_max_htlc_msat, why = why(), "changing fee"
            ),
            Verdict::WouldChange { to } => info!(
                channel = %scid, peer = peer.as_str(), from_ppm, to_ppm = to.outbound.0,
                from_base_fee_msat = from_base(to), to_base_fee_msat = to_base(to),
                to_inbound_ppm = to_inbound_ppm(to), from_max_htlc_msat, to_max_htlc_msat, why = why(), "would change fee (observe mode)"
            ),
            Verdict::Hold { .. } => debug!(
                channel = %scid, peer = peer.as_str(), from_ppm, wanted_ppm = decision.wanted_ppm,
                ratio = seen.ratio, tpm = seen.tpm, balance = terms.balance,
                throughput = terms.throughput, reason = in_log(decision), "no fee change"
            ),
        }
    }
}

fn is_paced(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Hold {
            reason: Hold::Paced { .. }
        }
    )
}

/// Why nothing was changed, with times as the log writes them.
fn in_log(decision: &Decision) -> Option<String> {
    decision.reason(&rfc3339)
}

/// What is new about prune recommendations.
pub fn advice(outcome: &CycleOutcome, memory: &Memory) {
    let (seen, windows) = (&outcome.input.seen, outcome.input.node.windows());
    for (point, news) in &outcome.advice {
        if let (Some(channel), Some(memory)) =
            (seen.channels.get(point), memory.channels.get(point))
        {
            prune(channel, memory.meter.used_tpm(seen.at, windows), news);
        }
    }
}

/// Tells a prune recommendation that appeared, stands or cleared, with its
/// evidence.
fn prune(channel: &Channel, tpm: f64, news: &News) {
    let (found, message) = match news {
        News::Appeared(found) => (found, "prune recommendation"),
        News::Stands(found) => (found, "prune recommendation (daily report)"),
        News::Cleared(advice) => {
            info!(
                channel = %channel.scid, peer = channel.peer_name().as_str(), now = advice.words(&rfc3339),
                "prune recommendation cleared"
            );
            return;
        }
    };
    info!(
        channel = %channel.scid,
        channel_point = %channel.point,
        peer = channel.peer_name().as_str(),
        rule = %found.rule,
        since = %found.since,
        ratio = channel.local_ratio(),
        tpm,
        demand = format::rate(tpm),
        fee_ppm = channel.policy.map(|policy| policy.fees.outbound.0),
        capacity_sat = channel.capacity.0,
        "{message}"
    );
}
