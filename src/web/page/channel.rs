//! One channel: its fee, ratio and target, forwards and income, over a day to a
//! year, each decision with its reason.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::explain::{self, Explanation};
use crate::format::local_time;
use crate::overview::mode_name;
use crate::report;
use crate::web::api::{Asked, asked};
use crate::web::chart::{Chart, Mark, Scale, Series};
use crate::web::guard::Visitor;
use crate::web::page::{layout, percent, sat, time, time_or_never};
use crate::web::trouble::Trouble;
use crate::web::{Seen, Site, page};
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::types::channel::{ChannelPoint, FeeParts};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Decisions drawn at most, and fee changes.
const DRAWN: u32 = 400;

/// Decisions listed with their reasons.
const LISTED: usize = 30;

/// How far back a channel is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Span {
    Day,
    Week,
    #[default]
    Month,
    Year,
}

impl Span {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Day, "day"),
        (Self::Week, "week"),
        (Self::Month, "month"),
        (Self::Year, "year"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(span, _)| *span == self)
            .map_or("month", |(_, name)| name)
    }

    fn days(self) -> u32 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
        }
    }
}

/// What may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelQuery {
    #[serde(default)]
    span: Span,
}

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Asked<ChannelQuery>,
) -> Result<Markup, Trouble> {
    let Path(wanted) = path.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
    let span = asked(query)?.span;
    let seen = site.open().await?;
    let (config, store, now) = (&seen.config, &seen.store, seen.now);
    let told = explain::gather(config, store, now, &wanted, None, DRAWN).await?;
    let from = now.minus(DAY * span.days());
    let changes = store
        .channel_changes(told.ids.channel_point, now, DRAWN)
        .await?;
    let content = html! {
        (facts(&told))
        nav aria-label="Span" {
            ul class="spans" {
                @for (other, name) in Span::ALL {
                    li { a href=(format!("/channel/{}?span={name}", told.ids.scid)) aria-current=[(other == span).then_some("true")] { (name) } }
                }
            }
        }
        h2 { "Fee" }
        figure {
            (fee_chart(&told, &changes, from, now).draw())
            figcaption { "Outbound fee rate in ppm, over the last " (span.name()) "."
                span class="key mark" {} "a decision; filled where the fee was changed" }
        }
        h2 { "Balance and target" }
        figure {
            (ratio_chart(&told, from, now).draw())
            figcaption { span class="key one" {} "local ratio" span class="key two" {} "target, at each decision" }
        }
        (flows(&seen, told.ids.channel_point, span).await?)
        h2 { "Decisions" }
        (decisions(&told.decisions, from))
        h2 { "The last decision as a sum" }
        pre tabindex="0" { (told.render_last(now)) }
        (page::orders::for_channel(&visitor, &told.ids.scid.to_string()))
    };
    let title = format!("{} {}", told.ids.peer_name(), told.ids.scid);
    Ok(layout(&visitor, "", &title, &content))
}

fn facts(told: &Explanation) -> Markup {
    let fee = told.fees.map(|fees| fees.told_after(None));
    html! {
        dl class="tiles" {
            div { dt { "Fee" } dd { (fee.unwrap_or_else(|| "-".to_owned()))
                small { "target fee " (page::ppm(told.target_fee_ppm)) " ppm" } } }
            div { dt { "Local" } dd { (percent(told.local_ratio)) small { (sat(told.local_sat)) " of " (sat(told.capacity_sat)) " sat" } } }
            div { dt { "Target" } dd { (percent(told.settings.target_ratio)) small { "set by " (told.settings_from.join(", ")) } } }
            div { dt { "Mode" } dd { (mode_name(told.settings.mode)) small { @if told.active { "peer online" } @else { "peer offline" } } } }
            div { dt { "Next change possible" } dd { small { (time_or_never(told.next_change_possible)) } } }
        }
        p class="soft alias" { "Peer " (told.ids.peer_pubkey) ", channel " (told.ids.channel_point) }
        @for order in &told.orders_local { p class="notice" { "Ordered: " (order) } }
        @if let Some(error) = &told.policy_error { p class="notice bad" { (error) } }
    }
}

/// The fee rate over time: as changes left it, up to what it is now.
fn fee_chart(
    told: &Explanation,
    changes: &[FeeChange],
    from: Timestamp,
    until: Timestamp,
) -> Chart<'static> {
    let rate = |fees: FeeParts| fees.outbound.as_f64();
    let done = changes
        .iter()
        .rev()
        .filter(|change| change.stage == Stage::Confirmed);
    let done: Vec<&FeeChange> = done.filter(|change| change.intended_at >= from).collect();
    let mut points = vec![];
    if let Some(first) = done.first() {
        points.push((from, rate(first.from)));
    }
    points.extend(
        done.iter()
            .map(|change| (change.intended_at, rate(change.to))),
    );
    if let Some(fees) = told.fees {
        if points.is_empty() {
            points.push((from, rate(fees)));
        }
        points.push((until, rate(fees)));
    }
    let within = told.decisions.iter().filter(|decision| decision.at >= from);
    let marks = within.filter_map(|decision| {
        let fees = match decision.verdict {
            Verdict::Change { to } => Some(to),
            _ => decision.current,
        };
        Some(Mark {
            at: decision.at,
            value: rate(fees?),
            says: format!("{}: {}", local_time(decision.at), reason(decision)),
            changed: matches!(decision.verdict, Verdict::Change { .. }),
        })
    });
    Chart {
        title: "Fee rate, ppm",
        says: format!("{} fee changes", done.len()),
        from,
        until,
        scale: Scale::Whole,
        bars: vec![],
        bar_secs: 0.0,
        lines: vec![Series {
            class: "one",
            points,
            steps: true,
        }],
        marks: marks.collect(),
    }
}

fn reason(decision: &Decision) -> String {
    let outcome = decision.outcome(&local_time);
    match decision.verdict {
        Verdict::Hold { .. } => outcome,
        _ => format!("{outcome}; {}", decision.story()),
    }
}

fn ratio_chart(told: &Explanation, from: Timestamp, until: Timestamp) -> Chart<'static> {
    let within = |of: fn(&Decision) -> f64| {
        let decisions = told.decisions.iter().rev();
        let decisions = decisions.filter(|decision| decision.at >= from);
        let mut points: Vec<(Timestamp, f64)> = decisions
            .map(|decision| (decision.at, of(decision)))
            .collect();
        points.dedup_by_key(|(at, _)| *at);
        points
    };
    let mut ratios = within(|decision| decision.evidence.ratio);
    ratios.push((until, told.local_ratio));
    let mut targets = within(|decision| decision.evidence.target_ratio);
    targets.push((until, told.settings.target_ratio));
    Chart {
        title: "Local ratio and target",
        says: format!(
            "local {}, target {} now",
            percent(told.local_ratio),
            percent(told.settings.target_ratio)
        ),
        from,
        until,
        scale: Scale::Share,
        bars: vec![],
        bar_secs: 0.0,
        lines: vec![
            Series {
                class: "one",
                points: ratios,
                steps: false,
            },
            Series {
                class: "two",
                points: targets,
                steps: true,
            },
        ],
        marks: vec![],
    }
}

/// What left by the channel in a day or an hour.
#[derive(Clone, Copy, Default)]
struct Sold {
    forwards: u64,
    earned_msat: u64,
}

async fn flows(seen: &Seen<'_>, point: ChannelPoint, span: Span) -> Result<Markup, Trouble> {
    let now = seen.now;
    let hourly = span == Span::Day;
    let (step, steps) = match hourly {
        true => (HOUR, 24),
        false => (DAY, span.days()),
    };
    let until = match hourly {
        true => now,
        false => Timestamp::of_utc_day(now.utc_day() + 1),
    };
    let from = until.minus(step * steps);
    let mut sold = vec![Sold::default(); usize::try_from(steps).unwrap_or(0)];
    let mut add = |at: Timestamp, forwards: u64, earned_msat: u64| {
        let index = at.since(from).as_secs() / step.as_secs().max(1);
        if let Some(slot) = usize::try_from(index)
            .ok()
            .and_then(|index| sold.get_mut(index))
        {
            slot.forwards = slot.forwards.saturating_add(forwards);
            slot.earned_msat = slot.earned_msat.saturating_add(earned_msat);
        }
    };
    if hourly {
        for (at, by, fee) in seen.store.sales(from, until).await? {
            if by == Some(point) {
                add(at, 1, fee.0);
            }
        }
    } else {
        let (store, first, after) = (&seen.store, from.utc_day(), until.utc_day());
        for day in store.channel_day_totals(point, first, after).await? {
            add(Timestamp::of_utc_day(day.day), day.forwards_out, day.fees.0);
        }
    }
    let at = |index: usize| from.plus(step * u32::try_from(index).unwrap_or(0));
    #[allow(clippy::cast_precision_loss)]
    let bars = |of: fn(&Sold) -> f64| {
        sold.iter()
            .enumerate()
            .map(|(index, sold)| (at(index), of(sold)))
            .collect()
    };
    let chart = |title: &'static str, says: String, bars: Vec<(Timestamp, f64)>| Chart {
        title,
        says,
        from,
        until,
        scale: Scale::Whole,
        bars,
        bar_secs: step.as_secs_f64(),
        lines: vec![],
        marks: vec![],
    };
    let forwards: u64 = sold.iter().map(|sold| sold.forwards).sum();
    let earned = sold
        .iter()
        .map(|sold| sold.earned_msat)
        .fold(0, u64::saturating_add);
    let each = if hourly { "hour" } else { "UTC day" };
    #[allow(clippy::cast_precision_loss)]
    let (count, income) = (
        bars(|sold| sold.forwards as f64),
        bars(|sold| sold.earned_msat as f64 / 1_000.0),
    );
    Ok(html! {
        h2 { "Forwards and income" }
        figure {
            (chart("Forwards", format!("{} forwards out", grouped(forwards)), count).draw())
            figcaption { "Forwards that left by the channel, by " (each) ": " (grouped(forwards)) "." }
        }
        figure {
            (chart("Income, sat", format!("{} sat", report::sat(earned)), income).draw())
            figcaption { "What they earned, by " (each) ", in sat: " (report::sat(earned)) "." }
        }
    })
}

fn decisions(decisions: &[Decision], from: Timestamp) -> Markup {
    let shown = decisions.iter().filter(|decision| decision.at >= from);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Decisions" {
            table {
                caption { "The last decisions, newest first; what only held is kept for a week" }
                thead { tr {
                    th scope="col" { "time" } th scope="col" class="n" { "fee ppm" }
                    th scope="col" class="n" { "target fee" } th scope="col" { "outcome and reason" }
                } }
                tbody {
                    @for decision in shown.take(LISTED) {
                        tr {
                            td { (time(decision.at)) }
                            td class="n" { (page::ppm(decision.current.map(|fees| fees.outbound.0))) }
                            td class="n" { (format!("{:.0}", decision.wanted_ppm)) }
                            td { (reason(decision)) }
                        }
                    }
                }
            }
        }
    }
}
