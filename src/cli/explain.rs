//! `explain`: a channel's last decisions, every term in ppm, the limit that
//! applied, and when the next change is possible.

use serde::Serialize;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::overview::mode_name;
use sweetspot_core::decision::{Decision, Hold, Trigger, Verdict};
use sweetspot_core::engine::decide::next_due;
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_store::{KnownChannel, StoreReader};

#[derive(Debug, Serialize)]
struct Explanation {
    channel: Channel,
    settings: ChannelSettings,
    settings_from: Vec<String>,
    seen_at: Timestamp,
    next_change_possible: Option<Timestamp>,
    decisions: Vec<Decision>,
    last_write: Option<LastChange>,
}

#[derive(Debug, Serialize)]
struct LastChange {
    at: Timestamp,
    from_ppm: u32,
    to_ppm: u32,
    from_inbound_ppm: i32,
    to_inbound_ppm: i32,
    outcome: String,
    detail: String,
}

impl From<&FeeChange> for LastChange {
    fn from(change: &FeeChange) -> Self {
        Self {
            at: change.intended_at,
            from_ppm: change.from.outbound.0,
            to_ppm: change.to.outbound.0,
            from_inbound_ppm: change.from.inbound.rate_ppm,
            to_inbound_ppm: change.to.inbound.rate_ppm,
            outcome: match change.is_open() {
                true => "unanswered".to_owned(),
                false => change.stage.to_string(),
            },
            detail: change.detail.clone(),
        }
    }
}

pub async fn run(
    config: &Config,
    store: &StoreReader,
    channel: &str,
    last: u32,
    json: bool,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let known = the_one(store.find(channel).await?, channel)?;
    let tip = store
        .last_cycle()
        .await?
        .map(|cycle| cycle.tip)
        .unwrap_or_default();
    let point = known.channel.point;
    let settings = config.book.resolve(&known.channel, tip, now);
    let decisions = store.decisions(point, last).await?;
    let explanation = Explanation {
        settings_from: config.book.sources(&known.channel, tip, now),
        seen_at: known.last_seen,
        next_change_possible: decisions.first().and_then(|newest| {
            next_change(newest, &settings, || {
                next_due(&known.channel.peer, now, config.book.node.slow_interval)
            })
        }),
        decisions,
        last_write: store
            .last_changes()
            .await?
            .get(&point)
            .map(LastChange::from),
        channel: known.channel,
        settings,
    };
    if json {
        return print_json(&explanation);
    }
    print(&render(&explanation, now));
    Ok(())
}

/// The one channel that `wanted` means.
pub(super) fn the_one(mut found: Vec<KnownChannel>, wanted: &str) -> Result<KnownChannel, Failure> {
    if found.len() > 1 && found.iter().filter(|known| known.open).count() == 1 {
        found.retain(|known| known.open);
    }
    match (found.pop(), found.len()) {
        (Some(known), 0) => Ok(known),
        (None, _) => Err(Failure::WhichChannel(format!(
            "no channel is known as `{wanted}`: `sweetspot status` lists them"
        ))),
        (Some(last), _) => {
            let names: Vec<String> = found
                .iter()
                .chain([&last])
                .map(|known| format!("{} ({})", known.channel.scid, known.channel.peer_name()))
                .collect();
            Err(Failure::WhichChannel(format!(
                "`{wanted}` may mean {}: name one by its scid",
                names.join(", ")
            )))
        }
    }
}

/// When the fee may next change: the end of a wait, or else the slow rhythm's
/// next moment; never for a channel that is left alone.
fn next_change(
    newest: &Decision,
    settings: &ChannelSettings,
    due: impl Fn() -> Timestamp,
) -> Option<Timestamp> {
    if settings.mode == Mode::Ignore {
        return None;
    }
    Some(
        newest
            .waits_until()
            .map_or_else(&due, |until| until.max(due())),
    )
}

fn render(explanation: &Explanation, now: Timestamp) -> String {
    let channel = &explanation.channel;
    let settings = &explanation.settings;
    let mut lines = vec![
        format!(
            "{} with {} ({})",
            channel.scid,
            channel.peer_name(),
            channel.peer
        ),
        format!("  channel point  {}", channel.point),
        format!(
            "  balance        {} local + {} remote of {}: {:.1}% local, target {:.1}%",
            channel.local_balance,
            channel.remote_balance,
            channel.capacity,
            channel.local_ratio() * 100.0,
            settings.target_ratio * 100.0
        ),
        format!(
            "  settings       {}, {}{} to {}; from {}",
            mode_name(settings.mode),
            settings.lowest(),
            match settings.lowest() > settings.min {
                true => " (cost floor)",
                false => "",
            },
            settings.max,
            match explanation.settings_from.is_empty() {
                true => "built-in defaults".to_owned(),
                false => explanation.settings_from.join(", "),
            }
        ),
        format!(
            "  seen           {} ago",
            human_span(now.since(explanation.seen_at))
        ),
    ];
    if let Some(policy) = channel.policy {
        lines.push(format!(
            "  fee            {} + {} msat base, inbound {} ppm",
            policy.fees.outbound, policy.fees.base_fee_msat, policy.fees.inbound.rate_ppm
        ));
    }
    if let Some(write) = &explanation.last_write {
        lines.push(format!(
            "  last write     {}: {} -> {} ppm{}, {}{}",
            write.at,
            write.from_ppm,
            write.to_ppm,
            match (write.from_inbound_ppm, write.to_inbound_ppm) {
                (from, to) if from == to => String::new(),
                (from, to) => format!(", inbound {from} -> {to} ppm"),
            },
            write.outcome,
            match write.detail.as_str() {
                "" => String::new(),
                detail => format!(" ({detail})"),
            }
        ));
    }
    lines.push(match explanation.next_change_possible {
        Some(at) if at > now => format!(
            "  next change    possible at {at} (in {})",
            human_span(at.since(now))
        ),
        Some(_) => "  next change    possible at the next look at the node".to_owned(),
        None => "  next change    none while this is so".to_owned(),
    });
    if explanation.decisions.is_empty() {
        lines.push("\nNo decision yet: the first comes with the daemon's next turn.".to_owned());
    }
    for decision in &explanation.decisions {
        lines.push(String::new());
        lines.extend(told(decision));
    }
    lines.join("\n")
}

/// A decision, every term in ppm.
fn told(decision: &Decision) -> Vec<String> {
    let (seen, terms) = (&decision.evidence, &decision.terms);
    let before = decision.wanted_before_ppm;
    let rhythm = match decision.trigger {
        Trigger::Drain => "fast",
        Trigger::Scheduled => "slow",
    };
    let outcome = match decision.verdict {
        Verdict::Change { to } => format!("change to {}", to.told_after(decision.current)),
        Verdict::WouldChange { to } => {
            let told = to.told_after(decision.current);
            format!("would change to {told} (observing)")
        }
        Verdict::Hold { reason } => format!("no change: {reason}"),
    };
    let mut lines = vec![format!("{} ({rhythm}) {outcome}", decision.at)];
    if let Some(current) = decision.current {
        lines.push(format!("  on the node    {:>9} ppm", current.outbound.0));
    }
    lines.push(format!("  wanted before  {before:>9.2} ppm"));
    lines.push(format!(
        "  balance        {:>+9.2} ppm  local {:.1}% of target {:.1}%",
        before * terms.balance,
        seen.ratio * 100.0,
        seen.target_ratio * 100.0
    ));
    lines.push(format!(
        "  throughput     {:>+9.2} ppm  tpm {:.6} against {:.6}, dampened to {:.0}% by {:.1} forwards",
        before * terms.throughput,
        seen.tpm,
        seen.tpm_history,
        terms.dampening * 100.0,
        seen.forwards
    ));
    if terms.level != 0.0 {
        lines.push(format!(
            "  level          {:>+9.2} ppm  the pull of the price level",
            before * terms.level
        ));
    }
    if terms.protection > 0.0 {
        lines.push(format!(
            "  draining       {:>+9.2} ppm  much left within a short time",
            before * terms.protection
        ));
    }
    for limit in &decision.limits {
        lines.push(format!("  limit                         {limit}"));
    }
    if let Some(discount) = &decision.inbound {
        lines.push(format!("  inbound discount              {discount}"));
    }
    if !is_untouched(decision) {
        lines.push(format!("  wanted now     {:>9.2} ppm", decision.wanted_ppm));
    }
    lines
}

/// Whether the decision ended before a fee was worked out.
fn is_untouched(decision: &Decision) -> bool {
    matches!(
        decision.verdict,
        Verdict::Hold {
            reason: Hold::Ignored
                | Hold::NodeNotReady
                | Hold::PeerOffline
                | Hold::NoPolicy
                | Hold::Foreign { .. }
                | Hold::WriteUnresolved { .. }
        }
    )
}
