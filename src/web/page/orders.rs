//! Orders from the page: the same as those of the command line, given by the same
//! code, for those who are logged in.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::HeaderMap;
use axum::{Extension, Form};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::info;

use crate::orders::{End, Operator, ratio};
use crate::web::Site;
use crate::web::guard::Visitor;
use crate::web::listen::Peer;
use crate::web::page::layout;
use crate::web::sessions::Session;
use crate::web::trouble::Trouble;
use sweetspot_core::settings::keys::MOST_PPM;
use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;

/// What a form orders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    csrf: String,
    verb: String,
    /// Empty for the whole node.
    #[serde(default)]
    channel: String,
    /// A rate in ppm, or a ratio.
    #[serde(default)]
    value: String,
    /// Empty, or when it ends.
    #[serde(default)]
    until: String,
}

/// The session, if the form comes from one of its pages.
pub fn authorized<'v>(visitor: &'v Visitor, csrf: &str) -> Result<&'v Session, Trouble> {
    let Some(session) = &visitor.session else {
        return Err(Trouble::forbidden(
            "Orders need a password (web.password_file) and a login.",
        ));
    };
    match session.sent(csrf) {
        true => Ok(session),
        false => Err(Trouble::forbidden(
            "This form is not from this session; open the page again.",
        )),
    }
}

/// Who orders, as the order's record and the log have it.
pub fn giver(site: &Site, session: &Session, peer: Peer, headers: &HeaderMap) -> String {
    let from = site.access.asker(peer.0.ip(), headers);
    format!("page, session {}, {from}", session.name)
}

/// The end that a form gives.
pub fn end(until: &str, now: Timestamp) -> Result<Option<Timestamp>, Trouble> {
    let until = until.trim();
    if until.is_empty() {
        return Ok(None);
    }
    let end = End::parse(until).and_then(|end| end.ahead_of(now));
    end.map(Some)
        .map_err(|error| Trouble::wrong(format!("The end {error}.")))
}

pub async fn take(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form<Ordered>, FormRejection>,
) -> Result<Markup, Trouble> {
    let Form(ordered) = form.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
    let session = authorized(&visitor, &ordered.csrf)?;
    let verb = verb(&ordered)?;
    let given_by = giver(&site, session, peer, &headers);
    let seen = site.open().await?;
    let until = end(&ordered.until, seen.now)?;
    let operator = Operator::new(&seen.config, &seen.store, seen.now, &given_by);
    let channel = ordered.channel.trim();
    let said = match (channel, verb) {
        ("", Verb::Pause | Verb::Resume) => operator.on_node(verb, until).await?,
        ("", Verb::Release) => operator.release_all().await?,
        ("", _) | (_, Verb::Pause | Verb::Resume) => {
            return Err(Trouble::wrong("That verb is not for this."));
        }
        (channel, verb) => operator.on_channel(channel, verb, until).await?,
    };
    info!(%verb, channel, by = given_by, "order from the page");
    let back = match channel.is_empty() {
        true => "/".to_owned(),
        false => format!("/channel/{}", super::channels::encoded(channel)),
    };
    let content = html! {
        pre role="status" tabindex="0" { (said) }
        p { a href=(back) { "Back" } }
    };
    Ok(layout(&visitor, "", "Ordered", &content))
}

fn verb(ordered: &Ordered) -> Result<Verb, Trouble> {
    let value = ordered.value.trim();
    match ordered.verb.as_str() {
        "pin" => match value.parse() {
            Ok(ppm) if ppm <= MOST_PPM => Ok(Verb::Pin(FeePpm(ppm))),
            _ => Err(Trouble::wrong(format!(
                "The rate must be a whole number of ppm up to {MOST_PPM}."
            ))),
        },
        "target" => match ratio(value) {
            Ok(ratio) => Ok(Verb::Target(ratio)),
            Err(error) => Err(Trouble::wrong(format!("The target {error}."))),
        },
        "release" => Ok(Verb::Release),
        "ignore" => Ok(Verb::Ignore),
        "manage" => Ok(Verb::Manage),
        "pause" => Ok(Verb::Pause),
        "resume" => Ok(Verb::Resume),
        _ => Err(Trouble::wrong("There is no such verb.")),
    }
}

fn until_field() -> Markup {
    html! {
        label { "Until (empty: for good)"
            input name="until" placeholder="6h or 2026-12-01" maxlength="40";
        }
    }
}

/// Forms for one channel.
pub fn for_channel(visitor: &Visitor, scid: &str) -> Markup {
    let Some(session) = &visitor.session else {
        return html! {};
    };
    let form = |verb: &str, label: &str, value: Markup| {
        html! {
            form class="row" method="post" action="/order" {
                input type="hidden" name="csrf" value=(session.csrf);
                input type="hidden" name="channel" value=(scid);
                input type="hidden" name="verb" value=(verb);
                (value)
                @if verb != "release" { (until_field()) }
                button { (label) }
            }
        }
    };
    html! {
        h2 { "Orders" }
        p { "They hold from the daemon's next cycle on." }
        fieldset { legend { "Pin: hold the fee rate" }
            (form("pin", "Pin", html! { label { "ppm" input type="number" name="value" min="0" max=(MOST_PPM) required; } })) }
        fieldset { legend { "Target: the wanted local ratio" }
            (form("target", "Set target", html! { label { "0 to 1" input type="number" name="value" min="0" max="1" step="0.01" required; } })) }
        fieldset { legend { "Mode" }
            (form("manage", "Manage", html! {}))
            (form("ignore", "Ignore", html! {}))
            (form("release", "Release: back to the config", html! {})) }
    }
}

/// Forms for the whole node.
pub fn for_node(visitor: &Visitor, paused: bool) -> Markup {
    let Some(session) = &visitor.session else {
        return html! {};
    };
    let form = |verb: &str, label: &str| {
        html! {
            form class="row" method="post" action="/order" {
                input type="hidden" name="csrf" value=(session.csrf);
                input type="hidden" name="verb" value=(verb);
                @if verb == "pause" { (until_field()) }
                button { (label) }
            }
        }
    };
    html! {
        h2 { "Orders" }
        @if paused { (form("resume", "Resume")) } @else { (form("pause", "Pause all fee changes")) }
        (form("release", "Release all channels: back to the config"))
        p { a href="/rollback" { "Restore earlier fees" } }
    }
}
