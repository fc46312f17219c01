//! An explanation as text.

use super::Explanation;
use crate::format::{ago, local_time};
use crate::overview::mode_name;
use crate::overview::what_to_do;
use crate::table::{Align, Plain};
use sweetspot_core::decision::{Decision, Factors, Trigger};
use sweetspot_core::settings::values::{MaxHtlc, Mode, StrategyName};
use sweetspot_core::types::format::{decimal, decimal_change, demand, grouped, grouped_signed};
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// A target that was moved by less is shown as it is.
const MOVED: f64 = 0.0005;

/// The explanation; `at` if it is of an earlier moment.
pub fn render(explanation: &Explanation, now: Timestamp, at: Option<Timestamp>) -> String {
    let mut lines = head(explanation, now);
    if let Some(at) = at {
        lines.push(format!("\nDecisions up to {}", local_time(at)));
    }
    if explanation.decisions.is_empty() {
        lines.push("\nNo decision yet; the daemon makes one in its next cycle.".to_owned());
    }
    for decision in &explanation.decisions {
        lines.push(String::new());
        lines.extend(told(decision, explanation));
    }
    if !explanation.outcomes.is_empty() {
        lines.push("\nWhat came of the last fee changes".to_owned());
        lines.push(outcomes(explanation));
    }
    lines.join("\n")
}

/// The head and the last decision.
pub fn render_last(explanation: &Explanation, now: Timestamp) -> String {
    let mut lines = head(explanation, now);
    if let Some(decision) = explanation.decisions.first() {
        lines.push(String::new());
        lines.extend(told(decision, explanation));
    }
    lines.join("\n")
}

fn head(explanation: &Explanation, now: Timestamp) -> Vec<String> {
    let (ids, settings) = (&explanation.ids, &explanation.settings);
    let mut lines = vec![
        format!(
            "{} with {} ({})",
            ids.scid,
            ids.peer_name(),
            ids.peer_pubkey
        ),
        format!("  channel point  {}", ids.channel_point),
        format!(
            "  balance        {} local + {} remote of {}: local {:.1}% (target {:.1}%)",
            Sat(explanation.local_sat),
            Sat(explanation.remote_sat),
            Sat(explanation.capacity_sat),
            explanation.local_ratio * 100.0,
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
    ];
    lines.extend(
        explanation
            .orders_local
            .iter()
            .map(|order| format!("  ordered        {order}; `sweetspot release` ends it")),
    );
    lines.push(format!(
        "  last read      {}",
        ago(now, explanation.seen_at)
    ));
    if !explanation.peer_group.is_empty() {
        let names = explanation
            .peer_group
            .iter()
            .map(|ids| ids.scid.to_string());
        lines.push(format!(
            "  peer group     priced as one with {}: one ratio, one demand, one fee",
            names.collect::<Vec<_>>().join(", ")
        ));
    }
    if let Some(renamed) = &explanation.renamed {
        lines.push(format!(
            "  name           known to rules as {} (match by the peer's key to have it otherwise)",
            renamed.known_as
        ));
    }
    let managed = settings.max_htlc != MaxHtlc::Off;
    if let Some(fees) = explanation.fees {
        lines.push(format!(
            "  fee            {} + {} msat base, inbound {} ppm",
            fees.outbound,
            grouped(fees.base_fee_msat.into()),
            grouped_signed(fees.inbound.rate_ppm.into())
        ));
    }
    if let Some(msat) = explanation.max_htlc_msat.filter(|_| managed) {
        lines.push(format!("  max HTLC       {}", Msat(msat).told()));
    }
    if let Some(error) = &explanation.policy_error {
        lines.push(format!("  fee            could not be read: {error}"));
    }
    lines.extend(last_update(explanation));
    lines.push(format!(
        "  next change    {}",
        next_in_words(explanation, now)
    ));
    lines
}

fn last_update(explanation: &Explanation) -> Option<String> {
    let update = explanation.last_update.as_ref()?;
    Some(format!(
        "  last update    {}: {} -> {} ppm{}{}{}, {}{}",
        local_time(update.at),
        grouped(update.from_ppm.into()),
        grouped(update.to_ppm.into()),
        match (update.from_base_fee_msat, update.to_base_fee_msat) {
            (from, to) if from == to => String::new(),
            (from, to) => format!(
                ", base {} -> {} msat",
                grouped(from.into()),
                grouped(to.into())
            ),
        },
        match (update.from_inbound_ppm, update.to_inbound_ppm) {
            (from, to) if from == to => String::new(),
            (from, to) => format!(
                ", inbound {} -> {} ppm",
                grouped_signed(from.into()),
                grouped_signed(to.into())
            ),
        },
        match (update.from_max_htlc_msat, update.to_max_htlc_msat) {
            (Some(from), Some(to)) => {
                format!(", max HTLC {} -> {}", Msat(from).told(), Msat(to).told())
            }
            _ => String::new(),
        },
        update.outcome,
        match update.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({detail}{})", what_to_do(detail)),
        }
    ))
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

/// A decision as a sum.
fn told(decision: &Decision, explanation: &Explanation) -> Vec<String> {
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
    let settings = &explanation.settings;
    match decision.factors() {
        Some(factors) if settings.strategy == StrategyName::Sweetspot => {
            lines.extend(product(decision, &factors, explanation));
        }
        _ => lines.extend(sum(decision)),
    }
    let limits = decision.limits_in_words();
    lines.extend(limits.map(|limit| format!("  {:<17}  {:15}  {limit}", "limit", "")));
    if let Some(discount) = &decision.inbound {
        let discount = discount.words(&local_time);
        lines.push(format!("  inbound discount   {:15}  {discount}", ""));
    }
    if let Some(part) = &decision.max_htlc {
        let part = part.words(&local_time);
        lines.push(format!("  max HTLC           {:15}  {part}", ""));
    }
    if !decision.is_untouched() {
        let now = grouped(FeePpm::rounded(decision.wanted_ppm).0.into());
        lines.push(format!("  target fee now     {now:>11} ppm"));
    }
    lines
}

/// The price level, and the factors on it.
fn product(decision: &Decision, factors: &Factors, explanation: &Explanation) -> Vec<String> {
    let settings = &explanation.settings;
    let seen = &decision.evidence;
    let missing = seen.target_ratio - seen.ratio;
    let gain = match missing.abs() > MOVED {
        true => factors.balance / missing,
        false => 0.0,
    };
    let [now, usual] = demand(seen.tpm, seen.tpm_history);
    let whence = match explanation.leader() {
        Some(leader) => format!("leads to the fee of {leader}, with which it is priced as one"),
        None => "what the channel charges at its target and usual demand".to_owned(),
    };
    let mut lines = vec![
        format!(
            "  price level        {:>11} ppm  {whence}",
            decimal(factors.level_ppm)
        ),
        format!(
            "  balance          x {:>11.4}      e^{:+.4} = e^({gain:.2} x ({:.2}% target - {:.2}% local))",
            factors.balance.exp(),
            factors.balance,
            seen.target_ratio * 100.0,
            seen.ratio * 100.0,
        ),
        format!(
            "  throughput       x {:>11.4}      e^{:+.4}: demand {now} (tpm {:.6}), usual {usual} (tpm {:.6}); weight {:.0}% ({:.1} forwards)",
            factors.throughput.exp(),
            factors.throughput,
            seen.tpm,
            seen.tpm_history,
            decision.terms.dampening * 100.0,
            seen.forwards
        ),
        format!(
            "  asks for         = {:>11} ppm",
            decimal(decision.asked_ppm())
        ),
    ];
    if (seen.target_ratio - settings.target_ratio).abs() > MOVED {
        lines.push(format!(
            "  target             {:15}  {:.2}% of the config, moved to {:.2}%: all targets add up to what the node owns",
            "",
            settings.target_ratio * 100.0,
            seen.target_ratio * 100.0
        ));
    }
    lines
}

/// The target fee before, and what is added to it.
fn sum(decision: &Decision) -> Vec<String> {
    let before = decision.wanted_before_ppm;
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
    let mut lines = vec![format!("  target fee before  {:>11} ppm", decimal(before))];
    lines.extend(found.into_iter().map(|(name, share, why)| {
        let ppm = decimal_change(before * share);
        format!("  {name:<17}  {ppm:>11} ppm  {why}")
    }));
    lines.push(format!(
        "  asks for         = {:>11} ppm",
        decimal(decision.asked_ppm())
    ));
    lines
}

fn outcomes(explanation: &Explanation) -> String {
    let mut table = Plain::new(&[
        ("  changed", Align::Left),
        ("from", Align::Right),
        ("to ppm", Align::Right),
        ("sat/day before", Align::Right),
        ("after", Align::Right),
        ("income since (95% band)", Align::Left),
    ]);
    for line in &explanation.outcomes {
        let per_day = |msat: f64| format!("{:.1}", msat / 1_000.0);
        table.row(vec![
            format!("  {}", local_time(line.at)),
            grouped(line.from_ppm.into()),
            grouped(line.to_ppm.into()),
            per_day(line.outcome.before_msat_per_day),
            per_day(line.outcome.after_msat_per_day),
            line.outcome_words.clone(),
        ]);
    }
    table.to_string()
}
