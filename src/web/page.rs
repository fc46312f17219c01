//! The page: markup made here, readable without JavaScript, of which there is none.
//! Texts of peers come cleaned, and the templates escape every text.

pub mod channel;
pub mod channels;
pub mod decisions;
pub mod health;
pub mod login;
pub mod node;
pub mod orders;
mod part;
pub mod prune;
pub mod rollback;
pub mod settings;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::format::local_time;
use crate::json::Ids;
use crate::web::guard::Visitor;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;

/// The pages, by their paths.
const PAGES: [(&str, &str); 7] = [
    ("/", "Node"),
    ("/channels", "Channels"),
    ("/decisions", "Decisions"),
    ("/prune", "Prune"),
    ("/rollback", "Rollback"),
    ("/settings", "Settings"),
    ("/health", "Health"),
];

/// The one style sheet.
pub async fn style() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (kind, include_str!("style.css")).into_response()
}

/// The sign in the browser's tab.
pub async fn icon() -> Response {
    const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>\
        <circle cx='8' cy='8' r='7' fill='#4a7d3c'/><circle cx='8' cy='8' r='3' fill='#fff'/></svg>";
    let kind = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (kind, ICON).into_response()
}

/// A whole page.
fn layout(visitor: &Visitor, path: &str, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · sweetspot" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
            }
            body {
                a class="skip" href="#main" { "Skip to content" }
                header {
                    strong { "sweetspot" }
                    nav aria-label="Pages" {
                        ul {
                            @for (to, name) in PAGES {
                                li {
                                    a href=(to) aria-current=[(to == path).then_some("page")] { (name) }
                                }
                            }
                        }
                    }
                    @if let Some(session) = &visitor.session {
                        form method="post" action="/logout" {
                            input type="hidden" name="csrf" value=(session.csrf);
                            button { "Log out" }
                        }
                    }
                }
                main id="main" {
                    h1 { (title) }
                    (content)
                }
                footer { "sweetspot " (env!("CARGO_PKG_VERSION")) }
            }
        }
    }
}

/// A page that says what is wrong.
pub fn trouble(says: &str) -> Markup {
    let content = html! { p class="notice" { (says) } p { a href="/" { "To the node" } } };
    layout(&Visitor::default(), "", "Not shown", &content)
}

/// A path that leads nowhere.
pub async fn missing() -> Response {
    (StatusCode::NOT_FOUND, trouble("There is no such page.")).into_response()
}

/// A moment, readable here and for programs.
fn time(at: Timestamp) -> Markup {
    html! { time class="nowrap" datetime=(at.to_string()) { (local_time(at)) } }
}

/// A moment that may never have been.
fn time_or_never(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } @else { "never" } }
}

/// A channel, with a link to its page.
fn channel_link(ids: &Ids) -> Markup {
    html! {
        a class="nowrap" href=(format!("/channel/{}", ids.scid)) { (ids.scid) }
    }
}

/// A number in satoshis.
fn sat(sat: u64) -> String {
    grouped(sat)
}

/// A fee rate, or a dash.
fn ppm(ppm: Option<u32>) -> String {
    ppm.map_or("-".to_owned(), |ppm| grouped(ppm.into()))
}

/// A share in per cent.
fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}
