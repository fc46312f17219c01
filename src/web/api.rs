//! The HTTP interface: what the commands print with `--json`, made by the same
//! functions. docs/json.md describes the fields, docs/openapi.json the paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::explain;
use crate::overview::{Overview, Sort, View};
use crate::plan::Plan;
use crate::prune;
use crate::report::Report;
use crate::web::Site;
use crate::web::trouble::Trouble;

/// The description of these paths.
pub const OPENAPI: &str = include_str!("../../docs/openapi.json");

/// The paths, below `/api/v1`.
pub const PATHS: [&str; 6] = [
    "/status",
    "/plan",
    "/report",
    "/explain/{channel}",
    "/prune",
    "/openapi.json",
];

/// The most days of a report, as on the command line.
const MOST_DAYS: u32 = 3_660;

/// The most decisions of a channel at once: a week of them.
const MOST_DECISIONS: u32 = 2_016;

/// The paths with their handlers.
pub fn router() -> Router<Arc<Site>> {
    let [status, plan, report, explain, prune, openapi] = PATHS;
    Router::new()
        .route(status, get(self::status))
        .route(plan, get(self::plan))
        .route(report, get(self::report))
        .route(explain, get(self::explain))
        .route(prune, get(self::prune))
        .route(
            openapi,
            get(async || text(StatusCode::OK, OPENAPI.to_owned())),
        )
        .fallback(async || refused(&Trouble::new(StatusCode::NOT_FOUND, "no such path")))
}

fn text(status: StatusCode, body: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, body).into_response()
}

/// A refusal as JSON.
pub fn refused(trouble: &Trouble) -> Response {
    let body = json!({ "error": trouble.says }).to_string();
    let mut response = text(trouble.status, body);
    if trouble.status == StatusCode::UNAUTHORIZED {
        let asks = header::HeaderValue::from_static("Basic realm=\"sweetspot\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, asks);
    }
    response
}

fn answer<T: Serialize>(made: Result<T, Trouble>) -> Response {
    let made = made.and_then(|value| {
        serde_json::to_string_pretty(&value)
            .map_err(|error| Trouble::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    });
    match made {
        Ok(body) => text(StatusCode::OK, body + "\n"),
        Err(trouble) => refused(&trouble),
    }
}

/// What `status` may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
    sort: Option<Sort>,
    filter: Option<String>,
}

impl StatusQuery {
    /// What is to be seen.
    pub fn view(&self) -> View {
        View {
            sort: self.sort.unwrap_or_default(),
            filter: self.filter.clone().filter(|text| !text.is_empty()),
            width: 0,
        }
    }
}

async fn status(State(site): State<Arc<Site>>, query: Asked<StatusQuery>) -> Response {
    answer(
        async {
            let view = asked(query)?.view();
            let seen = site.open().await?;
            let mut overview = Overview::gather(&seen.config.book, &seen.store, seen.now).await?;
            overview.arrange(&view);
            Ok(overview)
        }
        .await,
    )
}

async fn plan(State(site): State<Arc<Site>>) -> Response {
    answer(
        async {
            let seen = site.open().await?;
            Ok(Plan::gather(&seen.config.book, &seen.store, seen.now).await?)
        }
        .await,
    )
}

/// What `report` may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    days: Option<u32>,
}

async fn report(State(site): State<Arc<Site>>, query: Asked<ReportQuery>) -> Response {
    answer(
        async {
            let days = asked(query)?.days.unwrap_or(30);
            if !(1..=MOST_DAYS).contains(&days) {
                return Err(Trouble::wrong(format!(
                    "days must be from 1 to {MOST_DAYS}"
                )));
            }
            let seen = site.open().await?;
            Ok(Report::gather(&seen.store, seen.now, days).await?)
        }
        .await,
    )
}

/// What `explain` may be asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    last: Option<u32>,
    at: Option<String>,
}

async fn explain(
    State(site): State<Arc<Site>>,
    channel: Result<Path<String>, axum::extract::rejection::PathRejection>,
    query: Asked<ExplainQuery>,
) -> Response {
    answer(
        async {
            let Path(channel) =
                channel.map_err(|error| Trouble::new(error.status(), error.body_text()))?;
            let query = asked(query)?;
            let last = query.last.unwrap_or(5).min(MOST_DECISIONS);
            let at = query.at.map(|text| {
                DateTime::parse_from_rfc3339(&text)
                    .map(|at| at.to_utc().into())
                    .map_err(|_| Trouble::wrong("at must be a time, such as 2026-11-20T12:00:00Z"))
            });
            let at = at.transpose()?;
            let seen = site.open().await?;
            let (config, store) = (&seen.config, &seen.store);
            Ok(explain::gather(config, store, seen.now, &channel, at, last).await?)
        }
        .await,
    )
}

async fn prune(State(site): State<Arc<Site>>) -> Response {
    answer(
        async {
            let seen = site.open().await?;
            Ok(prune::rank(&seen.config, &seen.store, seen.now).await?)
        }
        .await,
    )
}

/// A query that may be wrong.
pub type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// The query, or what is wrong with it.
pub fn asked<T>(query: Asked<T>) -> Result<T, Trouble> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(error) => Err(Trouble::new(error.status(), error.body_text())),
    }
}
