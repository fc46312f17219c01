//! The node: income over time, balances, and what changed today.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::format::{ago, local_time};
use crate::overview::{NOTHING_YET, Overview};
use crate::report::{self, Day, Report};
use crate::web::chart::{Chart, Scale};
use crate::web::guard::Visitor;
use crate::web::page::{layout, percent, sat, time};
use crate::web::trouble::Trouble;
use crate::web::{Seen, Site, page};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::KnownChannel;

const DAY: Duration = Duration::from_secs(86_400);

/// Days of income shown.
const DAYS: u32 = 365;
/// So few days are shown even where fewer are known: a chart of two bars tells nothing.
const LEAST_DAYS: i64 = 30;

/// Days of what was earned and paid.
const REPORTED_DAYS: u32 = 30;

/// Days with a line of figures each.
const DAYS_IN_FIGURES: usize = 31;

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let seen = site.open().await?;
    let (store, now) = (&seen.store, seen.now);
    let overview = Overview::gather(&seen.config.book, store, now).await?;
    let known = store.channels().await?;
    let report = Report::sums(store, &known, now, REPORTED_DAYS).await?;
    let content = html! {
        (standing(&overview, seen.now))
        @if overview.seen_at.is_none() {
            p { (NOTHING_YET) }
        } @else {
            (tiles(&overview))
            (income(&seen).await?)
            (paid(&report))
            h2 { "Changed in the last 24 hours" }
            (changed(&seen, &known).await?)
            (page::orders::for_node(&visitor, overview.paused.is_some()))
        }
    };
    Ok(layout(&visitor, "/", "Node", &content))
}

/// Whether the daemon works, in a line or two.
pub fn standing(overview: &Overview, now: Timestamp) -> Markup {
    let daemon = &overview.daemon;
    html! {
        @if let (true, Some(since), Some(tried)) = (daemon.running, daemon.since, daemon.tried_at) {
            @match &daemon.error {
                None => p {
                    span class="good" { "The daemon runs" }
                    " and the node answers since " (time(since)) "; last cycle " (ago(now, tried)) "."
                },
                Some(error) => p class="notice" {
                    span class="bad" { "No cycle" } " since " (time(since)) ": " (error)
                },
            }
        } @else {
            p class="notice" { span class="bad" { "The daemon does not run." } }
        }
        @if daemon.observe_only == Some(true) {
            p class="notice" { "It only observes: nothing is written." }
        }
        @if let Some(pause) = overview.paused {
            p class="notice" {
                span class="bad" { "Paused" } " since " (time(pause.at))
                @if let Some(until) = pause.until { " until " (time(until)) }
                ": no fee is changed."
            }
        }
    }
}

fn tiles(overview: &Overview) -> Markup {
    let sum = |of: fn(&crate::overview::Line) -> u64| {
        overview
            .channels
            .iter()
            .map(of)
            .fold(0, u64::saturating_add)
    };
    let (local, capacity) = (sum(|line| line.local_sat), sum(|line| line.capacity_sat));
    let offline = overview.channels.iter().filter(|line| !line.active).count();
    #[allow(clippy::cast_precision_loss)]
    let share = local as f64 / (capacity as f64).max(1.0);
    html! {
        dl class="tiles" {
            @for (name, earned) in [
                ("Earned, 24 hours", overview.node.last_24_hours),
                ("Earned, 7 days", overview.node.last_7_days),
                ("Earned, 30 days", overview.node.last_30_days),
            ] {
                div {
                    dt { (name) }
                    dd { (report::sat(earned.earned_msat)) " sat" small { (grouped(earned.forwards)) " forwards" } }
                }
            }
            div {
                dt { "Local balance" }
                dd { (sat(local)) " sat" small { (percent(share)) " of " (sat(capacity)) } }
            }
            div {
                dt { "Channels" }
                dd { (overview.channels.len()) small { (offline) " offline" } }
            }
            @for level in &overview.levels {
                div {
                    dt { "Price level, " (level.segment.name()) }
                    dd { (format!("{:.0}", level.ppm)) " ppm" small { "going to " (format!("{:.0}", level.wanted_ppm)) } }
                }
            }
        }
    }
}

async fn income(seen: &Seen<'_>) -> Result<Markup, Trouble> {
    let days = report::days_before(&seen.store, seen.now, DAYS).await?;
    let total = |days: &[Day]| {
        days.iter()
            .map(|day| day.earned_msat)
            .fold(0, u64::saturating_add)
    };
    let today = seen.now.utc_day();
    // A year, or as far back as forwards are known, and never less than a month.
    let cursor = seen.store.cursor().await?;
    let known = cursor.map_or(today, |cursor| cursor.from.utc_day());
    let first = known.clamp(today - i64::from(DAYS), today - LEAST_DAYS);
    #[allow(clippy::cast_precision_loss)]
    let bars = days
        .iter()
        .filter(|day| day.day.utc_day() >= first)
        .map(|day| (day.day, day.earned_msat as f64 / 1_000.0));
    let chart = Chart {
        title: "Income by day, sat",
        says: format!(
            "{} sat in {} days",
            report::sat(total(&days)),
            today - first
        ),
        from: Timestamp::of_utc_day(first),
        until: Timestamp::of_utc_day(today),
        scale: Scale::Whole,
        bars: bars.collect(),
        bar_secs: DAY.as_secs_f64(),
        lines: vec![],
        marks: vec![],
    };
    Ok(html! {
        h2 { "Income by day" }
        figure {
            (chart.draw())
            figcaption { "Fees earned on each whole UTC day, in sat; a year at most." }
        }
        details {
            summary { "Figures of the last month" }
            div class="scroll" tabindex="0" {
                table {
                    caption { "Income by UTC day" }
                    thead { tr { th scope="col" { "day" } th scope="col" class="n" { "earned sat" } th scope="col" class="n" { "forwards" } } }
                    tbody {
                        @for day in days.iter().take(DAYS_IN_FIGURES) {
                            tr {
                                th scope="row" { (day.day.utc().format("%Y-%m-%d")) }
                                td class="n" { (report::sat(day.earned_msat)) }
                                td class="n" { (grouped(day.forwards)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// What was earned, what it cost, and what is left, as `report` has it.
fn paid(report: &Report) -> Markup {
    let (paid, node) = (&report.paid, &report.node);
    let chain_sat = paid.open_fees_sat.saturating_add(paid.close_fees_sat);
    let failed = report.channels.iter().map(|line| line.paid.failed_htlcs());
    let failed = failed.fold(0, u64::saturating_add);
    let sign = if paid.net_msat < 0 { "-" } else { "" };
    html! {
        h2 { "Money, " (report.days) " whole days" }
        dl class="tiles" {
            div { dt { "Earned" } dd { (report::sat(node.earned_msat)) " sat" small { (report.trend.words()) } } }
            div { dt { "Rebalances" }
                @if paid.payments_known_from.is_some() {
                    dd { (report::sat(paid.rebalance_fees_msat)) " sat" small { "to move " (report::sat(paid.moved_msat)) " sat" } }
                } @else { dd { "not known" } }
            }
            div { dt { "On the chain" }
                @if paid.chain_costs_known {
                    dd { (sat(chain_sat)) " sat" small { (sat(paid.open_fees_sat)) " to open, " (sat(paid.close_fees_sat)) " to close" } }
                } @else { dd { "not known" } }
            }
            div { dt { "Left" } dd { (sign) (report::sat(paid.net_msat.unsigned_abs())) " sat" small { "as far as costs are known" } } }
            div { dt { "Yield, a year" } dd { (report::yearly(report.yield_per_year)) small { "on the local balances" } } }
            div { dt { "HTLCs failed here" } dd { (count_known(failed)) small { "anyone can make such" } } }
        }
        p class="soft" { "What is not known is asked for by [ledger] in the config." }
    }
}

/// A count of what may not have been listened for.
pub fn count_known(count: u64) -> String {
    match count {
        0 => "none known".to_owned(),
        some => grouped(some),
    }
}

async fn changed(seen: &Seen<'_>, known: &[KnownChannel]) -> Result<Markup, Trouble> {
    let mut changes = seen.store.changes(seen.now.minus(DAY), seen.now).await?;
    changes.reverse();
    let from = seen.now.minus(DAY);
    let store = &seen.store;
    let reasons = store.decisions_behind_changes(None, from, seen.now).await?;
    let rows = page::decisions::changes_table(&changes, known, &reasons);
    Ok(html! {
        @if changes.is_empty() {
            p { "No fee was changed since " (local_time(seen.now.minus(DAY))) "." }
        } @else { (rows) }
    })
}
