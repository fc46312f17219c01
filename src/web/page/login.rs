//! Logging in and out.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use maud::{Markup, html};
use serde::Deserialize;
use tracing::{info, warn};

use crate::web::Site;
use crate::web::access::Tried;
use crate::web::guard::{Visitor, cookie, too_many};
use crate::web::listen::Peer;
use crate::web::page::layout;
use crate::web::sessions::COOKIE;
use crate::web::trouble::Trouble;

pub async fn show(Extension(visitor): Extension<Visitor>) -> Response {
    if visitor.session.is_some() || !visitor.may_log_in {
        return Redirect::to("/").into_response();
    }
    form(&visitor, None).into_response()
}

fn form(visitor: &Visitor, says: Option<&str>) -> Markup {
    let content = html! {
        @if let Some(says) = says { p class="notice" role="alert" { (says) } }
        form class="row" method="post" action="/login" {
            // By this a password manager knows whose password it is; it is not sent.
            input type="text" autocomplete="username" value="sweetspot" readonly hidden;
            label { "Password"
                input type="password" name="password" autocomplete="current-password" required maxlength="1024";
            }
            button { "Log in" }
        }
    };
    layout(visitor, "/login", "Log in", &content)
}

/// What the form says.
#[derive(Deserialize)]
pub struct Login {
    password: String,
}

pub async fn take(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    login: Result<Form<Login>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(login) = login.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
    let from = site.access.asker(peer.0.ip(), &headers);
    match site.access.try_password(&login.password, from).await {
        Tried::TooMany => return Err(too_many()),
        Tried::Wrong => {
            warn!(%from, "wrong password for the page");
            let page = form(&visitor, Some("That is not the password."));
            return Ok((StatusCode::FORBIDDEN, page).into_response());
        }
        Tried::Right => {}
    }
    let Some((value, session)) = site.access.sessions.begin() else {
        return Err(Trouble::busy());
    };
    info!(%from, session = session.name, "logged in to the page");
    // Only a proxy that speaks TLS says so; on loopback there is none.
    let secure = headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto == "https");
    let end = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{end}");
    let mut response = Redirect::to("/").into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// What the form to leave says.
#[derive(Deserialize)]
pub struct Leave {
    csrf: String,
}

pub async fn leave(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    form: Result<Form<Leave>, FormRejection>,
) -> Result<Redirect, Trouble> {
    let Form(form) = form.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
    super::orders::authorized(&visitor, &form.csrf)?;
    if let Some(value) = cookie(&headers) {
        site.access.sessions.end(value);
    }
    Ok(Redirect::to("/login"))
}
