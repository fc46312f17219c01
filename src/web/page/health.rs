//! Whether everything works, and where programs ask.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::overview::Overview;
use crate::web::Site;
use crate::web::guard::Visitor;
use crate::web::page::{layout, node, time_or_never};
use crate::web::probes::history_is_complete;
use crate::web::trouble::Trouble;
use sweetspot_core::types::format::grouped;

/// Where programs ask, and for what.
const FOR_PROGRAMS: [(&str, &str); 5] = [
    ("/healthz", "whether the daemon lives"),
    ("/readyz", "whether what it says is current"),
    ("/metrics", "figures for Prometheus"),
    ("/api/v1/status", "what `sweetspot status --json` prints"),
    ("/api/v1/openapi.json", "the description of the interface"),
];

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let seen = site.open().await?;
    let overview = Overview::gather(&seen.config.book, &seen.store, seen.now).await?;
    let cursor = seen.store.cursor().await?;
    let daemon = &overview.daemon;
    let through = cursor.map(|cursor| cursor.through);
    let complete = match overview.seen_at {
        Some(at) => history_is_complete(&seen.store, at).await,
        None => false,
    };
    let failing = overview
        .channels
        .iter()
        .filter(|line| line.state_code == "update_failed");
    let content = html! {
        (node::standing(&overview, seen.now))
        dl class="tiles" {
            div { dt { "Version" } dd { (daemon.version.as_deref().unwrap_or("-")) } }
            div { dt { "Started" } dd { small { (time_or_never(daemon.started_at)) } } }
            div { dt { "Last cycle" } dd { small { (time_or_never(daemon.tried_at)) } } }
            div { dt { "Node read" } dd { small { (time_or_never(overview.seen_at)) } } }
            div { dt { "History" } dd { (if complete { "complete" } else { "being read" })
                small { "from " (time_or_never(cursor.map(|cursor| cursor.from))) " to " (time_or_never(through)) } } }
            div { dt { "Updates that failed last" } dd { (failing.count()) small { "channels" } } }
            div { dt { "Quarantined forwards" } dd { (grouped(overview.quarantined_forwards)) } }
        }
        h2 { "For programs" }
        ul { @for (path, what) in FOR_PROGRAMS { li { a href=(path) { (path) } ": " (what) } } }
    };
    Ok(layout(&visitor, "/health", "Health", &content))
}
