//! Restoring earlier fees: first the difference, then the order.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::{Extension, Form};
use chrono::{DateTime, NaiveDate, NaiveTime};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::info;

use crate::orders::{Operator, give};
use crate::rollback::Rollback;
use crate::web::Site;
use crate::web::api::{Asked, asked};
use crate::web::guard::Visitor;
use crate::web::listen::Peer;
use crate::web::page::orders::{authorized, end, giver};
use crate::web::page::{channel_link, layout, ppm};
use crate::web::trouble::Trouble;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// Back to when.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackQuery {
    /// Empty: before sweetspot.
    #[serde(default)]
    to: String,
}

/// What the form orders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackForm {
    csrf: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    until: String,
}

fn moment(text: &str, now: Timestamp) -> Result<Option<Timestamp>, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let time = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc().into());
    let date = || {
        text.parse::<NaiveDate>()
            .map(|date| date.and_time(NaiveTime::MIN).and_utc().into())
    };
    let span = || humantime::parse_duration(text).map(|span| now.minus(span));
    let at = time.or_else(|_| date()).or_else(|_| span());
    match at {
        Ok(at) if at < now => Ok(Some(at)),
        Ok(_) => Err(Trouble::wrong("The time must lie in the past.")),
        Err(_) => Err(Trouble::wrong(
            "The time must be a time (2026-10-01T12:00:00Z), a date (2026-10-01) or a span (30d).",
        )),
    }
}

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    query: Asked<RollbackQuery>,
) -> Result<Markup, Trouble> {
    let query = asked(query)?;
    let seen = site.open().await?;
    let to = moment(&query.to, seen.now)?;
    let rollback = Rollback::gather(&seen.config, &seen.store, seen.now, to).await?;
    let restorable = rollback
        .channels
        .iter()
        .filter(|line| line.outcome.restores())
        .count();
    let content = html! {
        form class="row" method="get" action="/rollback" {
            label { "Fees as they were (empty: before sweetspot)"
                input name="to" value=(query.to) placeholder="2d or 2026-11-20" maxlength="40";
            }
            button { "Show the difference" }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Differences" {
            table {
                caption { "Only what sweetspot set is taken back" }
                thead { tr {
                    th scope="col" { "peer" } th scope="col" { "channel" }
                    @for name in ["now ppm", "then ppm", "now base msat", "then base msat", "then max HTLC"] { th scope="col" class="n" { (name) } }
                    th scope="col" { "outcome" }
                } }
                tbody {
                    @for line in &rollback.channels {
                        tr {
                            td class="alias" { (line.ids.peer_name()) }
                            th scope="row" { (channel_link(&line.ids)) }
                            td class="n" { (ppm(Some(line.now.outbound.0))) }
                            td class="n" { (ppm(Some(line.then_ppm))) }
                            td class="n" { (grouped(line.now.base_fee_msat.into())) }
                            td class="n" { (grouped(line.then_base_fee_msat.into())) }
                            td class="n" { (line.then_max_htlc_msat.map_or("-".to_owned(), |msat| Msat(msat).told())) }
                            td { (line.outcome.words()) }
                        }
                    }
                }
            }
        }
        p { (restorable) " to restore." }
        @if let Some(session) = visitor.session.as_ref().filter(|_| restorable > 0) {
            form class="row" method="post" action="/rollback" {
                input type="hidden" name="csrf" value=(session.csrf);
                input type="hidden" name="to" value=(query.to);
                label { "Until (empty: until released)" input name="until" placeholder="6h or 2026-12-01" maxlength="40"; }
                button { "Restore these fees and hold them" }
            }
        } @else if visitor.session.is_none() {
            p class="soft" { "To restore them, log in, or run `sweetspot rollback`." }
        }
    };
    Ok(layout(
        &visitor,
        "/rollback",
        "Restore earlier fees",
        &content,
    ))
}

pub async fn take(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form<RollbackForm>, FormRejection>,
) -> Result<Markup, Trouble> {
    let Form(form) = form.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
    let session = authorized(&visitor, &form.csrf)?;
    let given_by = giver(&site, session, peer, &headers);
    let seen = site.open().await?;
    let (config, store, now) = (&seen.config, &seen.store, seen.now);
    let to = moment(&form.to, now)?;
    let until = end(&form.until, now)?;
    let rollback = Rollback::gather(config, store, now, to).await?;
    let orders = rollback.orders(now, until, &given_by);
    if orders.is_empty() {
        return Err(Trouble::wrong("There is nothing to restore."));
    }
    give(&config.store, &orders).await?;
    info!(
        channels = orders.len(),
        by = given_by,
        "fees to be restored, ordered from the page"
    );
    let effective = Operator::new(config, store, now, &given_by)
        .effective()
        .await?;
    let content = html! {
        pre role="status" tabindex="0" { "Ordered: " (orders.len()) " to restore, held until released.\n" (effective) }
        p { a href="/channels" { "To the channels" } }
    };
    Ok(layout(&visitor, "", "Ordered", &content))
}
