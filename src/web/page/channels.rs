//! All channels: what `status` lists.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::overview::{Line, Overview, mode_name};
use crate::report;
use crate::web::Site;
use crate::web::api::{Asked, StatusQuery, asked};
use crate::web::guard::Visitor;
use crate::web::page::{channel_link, layout, percent, ppm, sat};
use crate::web::trouble::Trouble;
use sweetspot_core::types::format::{grouped, grouped_signed, rate};

/// The columns: what sorts by each, its name, and whether it holds numbers.
const COLUMNS: [(&str, &str, bool); 12] = [
    ("peer", "peer", false),
    ("channel", "channel", false),
    ("local", "local", true),
    ("", "target", true),
    ("fee", "fee ppm", true),
    ("", "1d sat", true),
    ("", "7d sat", true),
    ("earned", "30d sat", true),
    ("forwards", "30d forwards", true),
    ("capacity", "capacity sat", true),
    ("", "demand", true),
    ("state", "state", false),
];

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    query: Asked<StatusQuery>,
) -> Result<Markup, Trouble> {
    let query = asked(query)?;
    let seen = site.open().await?;
    let mut overview = Overview::gather(&seen.config.book, &seen.store, seen.now).await?;
    let all = overview.channels.len();
    let view = query.view();
    overview.arrange(&view);
    let filter = view.filter.as_deref().unwrap_or_default();
    let content = html! {
        form class="row" method="get" action="/channels" role="search" {
            label { "Alias, scid, key, mode or state holds"
                input type="search" name="filter" value=(filter) maxlength="100";
            }
            input type="hidden" name="sort" value=(query.sort_name());
            button { "Show" }
        }
        p { (overview.channels.len()) " of " (all) " channels. A column's name sorts by it." }
        div class="scroll" tabindex="0" role="region" aria-label="Channels" {
            table {
                caption { "Open channels; earned: fees of what left by the channel" }
                thead { tr {
                    @for (sort, name, number) in COLUMNS {
                        th scope="col" class=[number.then_some("n")]
                            aria-sort=[(sort == query.sort_name()).then_some("other")] {
                            @if sort.is_empty() { (name) } @else {
                                a href=(format!("/channels?sort={sort}&filter={}", encoded(filter))) { (name) }
                            }
                        }
                    }
                } }
                tbody { @for line in &overview.channels { (row(line)) } }
            }
        }
    };
    Ok(layout(&visitor, "/channels", "Channels", &content))
}

fn row(line: &Line) -> Markup {
    let spans = &line.spans;
    html! {
        tr {
            td class="alias" { (line.ids.peer_name()) @if !line.active { span class="soft" { " (offline)" } } }
            th scope="row" { (channel_link(&line.ids)) }
            td class="n" { (percent(line.local_ratio)) }
            td class="n" { (percent(line.target_ratio)) }
            td class="n" {
                (ppm(line.fee_ppm))
                @if let Some(inbound) = line.inbound_ppm.filter(|inbound| *inbound != 0) {
                    span class="soft" { " in " (grouped_signed(inbound.into())) }
                }
            }
            td class="n" { (report::sat(spans.last_24_hours.earned_msat)) }
            td class="n" { (report::sat(spans.last_7_days.earned_msat)) }
            td class="n" { (report::sat(spans.last_30_days.earned_msat)) }
            td class="n" { (grouped(spans.last_30_days.forwards)) }
            td class="n" { (sat(line.capacity_sat)) }
            td class="n" { (rate(line.tpm)) }
            td {
                @if !line.orders.is_empty() || mode_name(line.mode) != "manage" {
                    span class="soft" { (mode_name(line.mode)) ": " }
                }
                (line.state_brief)
            }
        }
    }
}

/// A text as part of a query.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
