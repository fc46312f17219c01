//! What was decided last for each channel, and what was changed lately.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::format::local_time;
use crate::json::Ids;
use crate::overview::update_in_words;
use crate::web::Site;
use crate::web::api::{Asked, asked};
use crate::web::guard::Visitor;
use crate::web::page::part::PartQuery;
use crate::web::page::{channel_link, layout, ppm, time};
use crate::web::trouble::Trouble;
use sweetspot_core::decision::{Decision, Trigger};
use sweetspot_core::types::channel::{Channel, ChannelPoint};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::KnownChannel;

/// How far back changes are listed, and how many.
const LISTED_FOR: Duration = Duration::from_secs(7 * 86_400);
const LISTED: usize = 200;

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    query: Asked<PartQuery>,
) -> Result<Markup, Trouble> {
    let query = asked(query)?;
    let seen = site.open().await?;
    let (store, now) = (&seen.store, seen.now);
    let known = store.channels().await?;
    let decisions = store.last_decisions().await?;
    let channels = by_point(&known);
    let mut decisions: Vec<(&Decision, &Channel)> = decisions
        .values()
        .filter_map(|decision| Some((decision, *channels.get(&decision.point)?)))
        .collect();
    decisions.sort_by_key(|(decision, _)| (std::cmp::Reverse(decision.at), decision.point));
    let part = query.of(decisions.len());
    let mut changes = store.changes(now.minus(LISTED_FOR), now).await?;
    changes.reverse();
    let all = changes.len();
    changes.truncate(LISTED);
    // The reasons of what is listed only.
    let since = changes.last().map_or(now, |(_, change)| change.intended_at);
    let reasons = store.decisions_behind_changes(None, since, now).await?;
    let content = html! {
        h2 { "Fee updates of the last 7 days" }
        @if changes.is_empty() { p { "None." } } @else {
            @if all > LISTED { p { "The last " (LISTED) " of " (all) "." } }
            (changes_table(&changes, &known, &reasons))
        }
        h2 { "The last decision on each channel" }
        (part.links("/decisions?"))
        div class="scroll" tabindex="0" role="region" aria-label="Decisions" {
            table {
                caption { "Newest first" }
                thead { tr {
                    th scope="col" { "time" } th scope="col" { "peer" } th scope="col" { "channel" }
                    th scope="col" { "trigger" } th scope="col" class="n" { "fee ppm" }
                    th scope="col" class="n" { "target fee" } th scope="col" { "outcome" } th scope="col" { "why" }
                } }
                tbody {
                    @for (decision, channel) in part.rows(&decisions) {
                        tr {
                            td { (time(decision.at)) }
                            td class="alias" { (channel.peer_name()) }
                            th scope="row" { (channel_link(&Ids::of(channel))) }
                            td { (match decision.trigger { Trigger::Drain => "drain", Trigger::Scheduled => "scheduled" }) }
                            td class="n" { (ppm(decision.current.map(|fees| fees.outbound.0))) }
                            td class="n" { (grouped(FeePpm::rounded(decision.wanted_ppm).0.into())) }
                            td { (decision.outcome(&local_time)) }
                            td class="why" { @if !decision.is_untouched() { (decision.story()) } }
                        }
                    }
                }
            }
        }
    };
    Ok(layout(&visitor, "/decisions", "Decisions", &content))
}

fn by_point(known: &[KnownChannel]) -> BTreeMap<ChannelPoint, &Channel> {
    let pairs = known
        .iter()
        .map(|known| (known.channel.point, &known.channel));
    pairs.collect()
}

/// Fee updates, as they come.
pub fn changes_table(
    changes: &[(ChannelPoint, FeeChange)],
    known: &[KnownChannel],
    reasons: &BTreeMap<(ChannelPoint, Timestamp), Decision>,
) -> Markup {
    let channels = by_point(known);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Fee updates" {
            table {
                caption { "Newest first" }
                thead { tr {
                    th scope="col" { "time" } th scope="col" { "peer" } th scope="col" { "channel" }
                    th scope="col" class="n" { "from ppm" } th scope="col" class="n" { "to ppm" } th scope="col" { "outcome" }
                    th scope="col" { "why" }
                } }
                tbody {
                    @for (point, change) in changes {
                        tr {
                            td { (time(change.intended_at)) }
                            @match channels.get(point) {
                                Some(channel) => {
                                    td class="alias" { (channel.peer_name()) }
                                    th scope="row" { (channel_link(&Ids::of(channel))) }
                                },
                                None => { td { "-" } th scope="row" class="alias" { (point) } },
                            }
                            td class="n" { (ppm(Some(change.from.outbound.0))) }
                            td class="n" { (ppm(Some(change.to.outbound.0))) }
                            td { @if change.stage == Stage::Confirmed { "confirmed" @if let Some(set) = change.max_htlc { "; max HTLC " (set.from.told()) " -> " (set.to.told()) } } @else { (update_in_words(change)) } }
                            td class="why" { @if let Some(reason) = reasons.get(&(*point, change.intended_at)) { (reason.story()) } @else { "no longer kept" } }
                        }
                    }
                }
            }
        }
    }
}
