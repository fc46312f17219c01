//! Channels by what their capital earns.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::format::ago;
use crate::prune;
use crate::report::{sat, yearly};
use crate::web::Site;
use crate::web::api::{Asked, asked};
use crate::web::guard::Visitor;
use crate::web::page::part::PartQuery;
use crate::web::page::{channel_link, layout, ppm};
use crate::web::trouble::Trouble;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::units::Sat;

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    query: Asked<PartQuery>,
) -> Result<Markup, Trouble> {
    let query = asked(query)?;
    let seen = site.open().await?;
    let ranking = prune::rank(&seen.config, &seen.store, seen.now).await?;
    let part = query.of(ranking.channels.len());
    let rounded = |number: f64| grouped(Sat::rounded(number).0);
    let content = html! {
        p {
            "Ranked by what their capital earned over " (format!("{:.0}", ranking.days))
            " days and could have earned at the node's average of "
            (yearly(ranking.node_yield_per_year)) " a year. " (ranking.close_cost_in_words()) " " (ranking.idle_in_words()) " Advice only: sweetspot never closes channels."
        }
        (part.links("/prune?"))
        div class="scroll" tabindex="0" role="region" aria-label="Channels" {
            table {
                caption { "The least worth their capital first; amounts in sat" }
                thead { tr {
                    th scope="col" { "advice" } th scope="col" { "peer" } th scope="col" { "channel" }
                    @for name in ["earned", "assist", "could earn", "yield", "local", "fee ppm"] {
                        th scope="col" class="n" { (name) }
                    }
                    th scope="col" { "last forward" } th scope="col" { "why" }
                } }
                tbody {
                    @for line in part.rows(&ranking.channels) {
                        tr {
                            td { (line.judged()) }
                            td class="alias" { (line.ids.peer_name()) }
                            th scope="row" { (channel_link(&line.ids)) }
                            td class="n" { (sat(line.earned_msat)) }
                            td class="n" { (sat(line.assist_msat)) }
                            td class="n" { (rounded(line.could_earn_msat / 1_000.0)) }
                            td class="n" { (yearly(line.yield_per_year)) }
                            td class="n" { (rounded(line.mean_local_sat)) }
                            td class="n" { (ppm(line.fee_ppm)) }
                            td class="nowrap" { @match line.last_forward { Some(at) => (ago(seen.now, at)), None => "none known" } }
                            td class="why" { (line.why()) }
                        }
                    }
                }
            }
        }
    };
    Ok(layout(&visitor, "/prune", "Prune", &content))
}
