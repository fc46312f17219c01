//! One channel: its fee, ratio and target, forwards and income, over a day to a
//! year, each decision with its reason.

mod charts;
mod flows;
mod money;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::explain::{self, Explanation};
use crate::format::local_time;
use crate::overview::mode_name;
use crate::report::Report;
use crate::web::api::{Asked, asked};
use crate::web::guard::Visitor;
use crate::web::page::{layout, percent, sat, time, time_or_never};
use crate::web::trouble::Trouble;
use crate::web::{Site, page};
use sweetspot_core::decision::Decision;
use sweetspot_core::settings::values::MaxHtlc;
use sweetspot_core::types::units::{FeePpm, Msat};

use charts::Past;

const DAY: Duration = Duration::from_secs(86_400);

/// Decisions listed with their reasons: a day of them.
const LISTED: u32 = 30;

/// Days of what it earned and cost.
const REPORTED_DAYS: u32 = 30;

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
    let told = explain::gather(config, store, now, &wanted, None, LISTED).await?;
    let point = told.ids.channel_point;
    let past = Past::gather(store, &told, now.minus(DAY * span.days()), now).await?;
    let known = store.channels().await?;
    let report = Report::sums(store, &known, now, REPORTED_DAYS).await?;
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
            (past.fee_chart(&told).draw())
            figcaption { "Outbound fee rate in ppm, over the last " (span.name()) "."
                span class="key mark" {} "a change, with its reason" span class="key held" {} "of the last " (LISTED) " decisions, one that changed nothing" }
        }
        h2 { "Balance and target" }
        figure {
            (past.ratio_chart(&told).draw())
            figcaption { span class="key one" {} "local ratio" span class="key two" {} "target, as decisions moved it to what the node owns" }
        }
        (flows::flows(&seen, point, span).await?)
        (money::of_channel(&report, point))
        h2 { "Decisions" }
        (decisions(&told.decisions))
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
            @if let Some(msat) = told.max_htlc_msat.filter(|_| told.settings.max_htlc != MaxHtlc::Off) {
                div { dt { "Max HTLC" } dd { (Msat(msat).told()) } }
            }
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

fn reason(decision: &Decision) -> String {
    let outcome = decision.outcome(&local_time);
    match decision.is_untouched() {
        true => outcome,
        false => format!("{outcome}; {}", decision.story()),
    }
}

fn decisions(decisions: &[Decision]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Decisions" {
            table {
                caption { "The last decisions, newest first; what only held is kept for a week" }
                thead { tr {
                    th scope="col" { "time" } th scope="col" class="n" { "fee ppm" }
                    th scope="col" class="n" { "target fee" } th scope="col" { "outcome and reason" }
                } }
                tbody {
                    @for decision in decisions {
                        tr {
                            td { (time(decision.at)) }
                            td class="n" { (page::ppm(decision.current.map(|fees| fees.outbound.0))) }
                            td class="n" { (page::ppm(Some(FeePpm::rounded(decision.wanted_ppm).0))) }
                            td { (reason(decision)) }
                        }
                    }
                }
            }
        }
    }
}
