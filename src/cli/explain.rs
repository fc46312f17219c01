//! `explain`: a channel's last decisions, every term in ppm, the limit that
//! applied, and when the next change is possible.

use serde::Serialize;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::{ago, local_time, times};
use crate::overview::mode_name;
use sweetspot_core::decision::{Decision, Hold, Trigger, Verdict};
use sweetspot_core::engine::phase::next_due;
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::alias_pins::Renamed;
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::format::{decimal, decimal_change, demand, grouped, grouped_signed};
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::{KnownChannel, StoreReader};

#[derive(Debug, Serialize)]
struct Explanation {
    channel: Channel,
    settings: ChannelSettings,
    settings_from: Vec<String>,
    #[serde(serialize_with = "times")]
    seen_at: Timestamp,
    #[serde(serialize_with = "times")]
    next_change_possible: Option<Timestamp>,
    #[serde(serialize_with = "times")]
    decisions: Vec<Decision>,
    last_write: Option<LastChange>,
    #[serde(skip)]
    renamed: Option<Renamed>,
}

#[derive(Debug, Serialize)]
struct LastChange {
    #[serde(serialize_with = "times")]
    at: Timestamp,
    from_ppm: u32,
    to_ppm: u32,
    from_base_fee_msat: u32,
    to_base_fee_msat: u32,
    from_inbound_ppm: i32,
    to_inbound_ppm: i32,
    outcome: String,
    detail: CleanText,
}

impl From<&FeeChange> for LastChange {
    fn from(change: &FeeChange) -> Self {
        Self {
            at: change.intended_at,
            from_ppm: change.from.outbound.0,
            to_ppm: change.to.outbound.0,
            from_base_fee_msat: change.from.base_fee_msat,
            to_base_fee_msat: change.to.base_fee_msat,
            from_inbound_ppm: change.from.inbound.rate_ppm,
            to_inbound_ppm: change.to.inbound.rate_ppm,
            outcome: match change.is_open() {
                true => "unconfirmed".to_owned(),
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
        renamed: config.book.names.renamed([&known.channel]).pop(),
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
            "no channel matches `{wanted}`; `sweetspot status` lists all channels"
        ))),
        (Some(last), _) => {
            let names: Vec<String> = found
                .iter()
                .chain([&last])
                .map(|known| format!("{} ({})", known.channel.scid, known.channel.peer_name()))
                .collect();
            Err(Failure::WhichChannel(format!(
                "`{wanted}` matches {}; name one by its scid",
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
            "  balance        {} local + {} remote of {}: local {:.1}% (target {:.1}%)",
            channel.local_balance,
            channel.remote_balance,
            channel.capacity,
            channel.local_ratio() * 100.0,
            settings.target_ratio * 100.0
        ),
        format!(
            "  config         {}, {}{} to {}; from {}",
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
        format!("  last read      {}", ago(now, explanation.seen_at)),
    ];
    if let Some(renamed) = &explanation.renamed {
        lines.push(format!(
            "  name           known to rules as {} (match by the peer's key to have it otherwise)",
            renamed.known_as
        ));
    }
    if let Some(policy) = channel.policy {
        lines.push(format!(
            "  fee            {} + {} msat base, inbound {} ppm",
            policy.fees.outbound,
            grouped(policy.fees.base_fee_msat.into()),
            grouped_signed(policy.fees.inbound.rate_ppm.into())
        ));
    }
    if let Some(error) = &channel.policy_error {
        lines.push(format!("  fee            could not be read: {error}"));
    }
    if let Some(write) = &explanation.last_write {
        lines.push(format!(
            "  last update    {}: {} -> {} ppm{}{}, {}{}",
            local_time(write.at),
            grouped(write.from_ppm.into()),
            grouped(write.to_ppm.into()),
            match (write.from_base_fee_msat, write.to_base_fee_msat) {
                (from, to) if from == to => String::new(),
                (from, to) => format!(
                    ", base {} -> {} msat",
                    grouped(from.into()),
                    grouped(to.into())
                ),
            },
            match (write.from_inbound_ppm, write.to_inbound_ppm) {
                (from, to) if from == to => String::new(),
                (from, to) => format!(
                    ", inbound {} -> {} ppm",
                    grouped_signed(from.into()),
                    grouped_signed(to.into())
                ),
            },
            write.outcome,
            match write.detail.as_str() {
                "" => String::new(),
                detail => format!(" ({detail})"),
            }
        ));
    }
    lines.push(format!(
        "  next change    {}",
        next_in_words(explanation, now)
    ));
    if explanation.decisions.is_empty() {
        lines.push("\nNo decision yet; the daemon makes one in its next cycle.".to_owned());
    }
    for decision in &explanation.decisions {
        lines.push(String::new());
        lines.extend(told(decision));
    }
    lines.join("\n")
}

/// When the fee may next change, in words.
fn next_in_words(explanation: &Explanation, now: Timestamp) -> String {
    match explanation.next_change_possible {
        Some(at) if at > now => format!(
            "{} at the earliest (in {})",
            local_time(at),
            human_span(at.since(now))
        ),
        Some(_) => "possible in the next cycle".to_owned(),
        None if explanation.settings.mode == Mode::Ignore => "never (mode ignore)".to_owned(),
        None => "after the first decision".to_owned(),
    }
}

/// A decision, every term in ppm.
fn told(decision: &Decision) -> Vec<String> {
    let before = decision.wanted_before_ppm;
    let trigger = match decision.trigger {
        Trigger::Drain => "drain",
        Trigger::Scheduled => "scheduled",
    };
    let mut lines = vec![format!(
        "{} ({trigger}) {}",
        local_time(decision.at),
        decision.outcome(&local_time)
    )];
    if let Some(current) = decision.current {
        let current = grouped(current.outbound.0.into());
        lines.push(format!("  current fee        {current:>11} ppm"));
    }
    lines.push(format!("  target fee before  {:>11} ppm", decimal(before)));
    let terms = terms(decision).into_iter();
    lines.extend(terms.map(|(name, share, why)| {
        let ppm = decimal_change(before * share);
        format!("  {name:<17}  {ppm:>11} ppm  {why}")
    }));
    let by_hand = decision.by_hand().into_iter();
    lines.extend(by_hand.map(|sum| format!("  {:<17}  {:15}  {sum}", "sum", "")));
    let limits = decision.limits_in_words();
    lines.extend(limits.map(|limit| format!("  {:<17}  {:15}  {limit}", "limit", "")));
    if let Some(discount) = &decision.inbound {
        let discount = discount.words(&local_time);
        lines.push(format!("  inbound discount   {:15}  {discount}", ""));
    }
    if !is_untouched(decision) {
        let now = decimal(decision.wanted_ppm);
        lines.push(format!("  target fee now     {now:>11} ppm"));
    }
    lines
}

/// The terms of a decision: name, share of the fee, and where it comes from.
fn terms(decision: &Decision) -> Vec<(&'static str, f64, String)> {
    let (seen, terms) = (&decision.evidence, &decision.terms);
    let [now, usual] = demand(seen.tpm, seen.tpm_history);
    let balance = format!(
        "local {:.1}% (target {:.1}%)",
        seen.ratio * 100.0,
        seen.target_ratio * 100.0
    );
    let throughput = format!(
        "demand {now} (tpm {:.6}), usual {usual} (tpm {:.6}); weight {:.0}% ({:.1} forwards)",
        seen.tpm,
        seen.tpm_history,
        terms.dampening * 100.0,
        seen.forwards
    );
    let mut found = vec![
        ("balance", terms.balance, balance),
        ("throughput", terms.throughput, throughput),
    ];
    if let Some(level) = decision.level_ppm() {
        let level = FeePpm::rounded(level).to_string();
        found.push(("price level", terms.level, level));
    }
    if terms.protection > 0.0 {
        let why = "the channel drains fast".to_owned();
        found.push(("drain", terms.protection, why));
    }
    found
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
                | Hold::Disabled
                | Hold::NameUnknown
                | Hold::PolicyUnread
                | Hold::HistoryUnread
                | Hold::Foreign { .. }
                | Hold::WriteUnresolved { .. }
        }
    )
}
