//! All channels: what `status` lists.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;

use crate::overview::{Line, Overview, Sort, View, mode_name};
use crate::report;
use crate::web::Site;
use crate::web::api::{Asked, asked};
use crate::web::guard::Visitor;
use crate::web::page::part::Part;
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

/// What the table may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelsQuery {
    #[serde(default)]
    sort: Sort,
    #[serde(default)]
    filter: String,
    /// Counted from 1.
    page: Option<usize>,
}

impl ChannelsQuery {
    /// A path to the same channels, sorted by this name, open for one more pair.
    fn sorted(&self, sort: &str) -> String {
        format!("/channels?sort={sort}&filter={}&", encoded(&self.filter))
    }
}

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    query: Asked<ChannelsQuery>,
) -> Result<Markup, Trouble> {
    let query = asked(query)?;
    let seen = site.open().await?;
    let mut overview = Overview::gather(&seen.config.book, &seen.store, seen.now).await?;
    let all = overview.channels.len();
    let filter = query.filter.as_str();
    overview.arrange(&View {
        sort: query.sort,
        filter: (!filter.is_empty()).then(|| filter.to_owned()),
        width: 0,
    });
    let part = Part::new(query.page, overview.channels.len());
    let sorted_by = query.sort.name();
    let content = html! {
        form class="row" method="get" action="/channels" role="search" {
            label { "Alias, scid, key, mode or state holds"
                input type="search" name="filter" value=(filter) maxlength="100";
            }
            input type="hidden" name="sort" value=(sorted_by);
            button { "Show" }
        }
        p { (overview.channels.len()) " of " (all) " channels. A column's name sorts by it." }
        (part.links(&query.sorted(sorted_by)))
        div class="scroll" tabindex="0" role="region" aria-label="Channels" {
            table {
                caption { "Open channels; earned: fees of what left by the channel" }
                thead { tr {
                    @for (sort, name, number) in COLUMNS {
                        th scope="col" class=[number.then_some("n")]
                            aria-sort=[(sort == sorted_by).then_some("other")] {
                            @if sort.is_empty() { (name) } @else {
                                a href=(query.sorted(sort).trim_end_matches('&')) { (name) }
                            }
                        }
                    }
                } }
                tbody { @for line in part.rows(&overview.channels) { (row(line)) } }
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
                (line.state.brief())
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
