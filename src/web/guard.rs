//! What every request passes before it is answered, and every answer before it
//! leaves.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::web::access::Tried;
use crate::web::listen::Peer;
use crate::web::sessions::{COOKIE, Session};
use crate::web::trouble::Trouble;
use crate::web::{Site, api};

/// The largest form that is read: a verb, a channel and a token.
pub const MOST_BODY_BYTES: usize = 8 * 1_024;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(20);

/// The page loads its own style and nothing else, runs no script, and is shown in no
/// frame.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// What is open to everybody: it tells nothing of the node.
const OPEN: [&str; 5] = ["/healthz", "/readyz", "/login", "/style.css", "/icon.svg"];

/// Who asks: someone with a session, or someone who may only look.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The session, if there is one.
    pub session: Option<Session>,
    /// Whether logging in is possible.
    pub may_log_in: bool,
}

/// Checks a request, has it answered in time, and seals the answer.
pub async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let mut response = match admit(&site, request.headers().clone(), &uri, peer).await {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            match tokio::time::timeout(ANSWER, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Trouble::busy().into_response(),
            }
        }
        Err(refusal) => refusal.answer(uri.path()),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Why a request is not answered.
enum Refusal {
    /// A name that is not ours: a page elsewhere may have made a browser believe that
    /// it is.
    Host,
    /// Nobody is logged in.
    Nobody,
    /// Too many wrong passwords.
    TooMany,
}

impl Refusal {
    fn answer(self, path: &str) -> Response {
        let for_people = !path.starts_with("/api/") && path != "/metrics";
        let trouble = match self {
            Self::Host => Trouble::new(
                StatusCode::MISDIRECTED_REQUEST,
                "This name is not served: ask by address, or add it to web.hosts.",
            ),
            Self::Nobody if for_people => return Redirect::to("/login").into_response(),
            Self::Nobody => Trouble::new(StatusCode::UNAUTHORIZED, "The password is needed."),
            Self::TooMany => too_many(),
        };
        match for_people {
            true => trouble.into_response(),
            false => api::refused(&trouble),
        }
    }
}

/// That the password is not looked at for now.
pub fn too_many() -> Trouble {
    Trouble::new(
        StatusCode::TOO_MANY_REQUESTS,
        "Too many wrong passwords; try again in five minutes.",
    )
}

async fn admit(
    site: &Site,
    headers: HeaderMap,
    uri: &Uri,
    peer: Option<IpAddr>,
) -> Result<Visitor, Refusal> {
    if !is_ours(&headers, uri, &site.access.hosts) {
        return Err(Refusal::Host);
    }
    if !site.access.has_password() {
        return Ok(Visitor::default());
    }
    let session = cookie(&headers).and_then(|value| site.access.sessions.find(value));
    let is_open = OPEN.contains(&uri.path());
    if session.is_none() && !is_open {
        // Programs have no cookies: they send the password each time, and may look.
        let Some(password) = basic(&headers) else {
            return Err(Refusal::Nobody);
        };
        let Some(peer) = peer else {
            return Err(Refusal::Nobody);
        };
        let from = site.access.asker(peer, &headers);
        match site.access.try_password(&password, from).await {
            Tried::Right => {}
            Tried::Wrong => return Err(Refusal::Nobody),
            Tried::TooMany => return Err(Refusal::TooMany),
        }
    }
    Ok(Visitor {
        session,
        may_log_in: true,
    })
}

/// Whether the name asked for is an address, this machine or one of the settings.
/// (A page elsewhere can have its name lead here, but not an address.)
fn is_ours(headers: &HeaderMap, uri: &Uri, hosts: &[String]) -> bool {
    let from_head = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(asked) = uri.authority().map(|it| it.as_str()).or(from_head) else {
        return false;
    };
    let asked = asked.to_ascii_lowercase();
    if let Some((address, _)) = asked
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return address.parse::<IpAddr>().is_ok();
    }
    let name = asked.split(':').next().unwrap_or_default();
    name == "localhost" || name.parse::<IpAddr>().is_ok() || hosts.iter().any(|host| host == name)
}

/// The session's cookie.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter();
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The password of `Authorization: Basic`, whatever the name.
fn basic(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let pair = BASE64_STANDARD
        .decode(value.strip_prefix("Basic ")?.trim())
        .ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':')
        .map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_comes_behind_any_name() {
        let sent = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            basic(&headers)
        };
        assert_eq!(
            sent("Basic b3BlcmF0b3I6c2VjcmV0").as_deref(),
            Some("secret")
        );
        assert_eq!(sent("Basic Ojpw").as_deref(), Some(":p"));
        assert_eq!(sent("Basic not base64"), None);
        assert_eq!(sent("Bearer b3BlcmF0b3I6c2VjcmV0"), None);
    }

    #[test]
    fn a_name_that_leads_here_is_not_ours_for_that() {
        let hosts = ["fees.example.org".to_owned()];
        let asks = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            is_ours(&headers, &Uri::from_static("/"), &hosts)
        };
        for ours in [
            "127.0.0.1:9750",
            "localhost:9750",
            "[::1]:9750",
            "192.168.0.7",
            "FEES.example.org",
        ] {
            assert!(asks(ours), "{ours}");
        }
        for theirs in [
            "evil.example:9750",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!asks(theirs), "{theirs}");
        }
        assert!(!is_ours(&HeaderMap::new(), &Uri::from_static("/"), &hosts));
    }
}
