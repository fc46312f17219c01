//! The tools that only read: each answers what its command prints with `--json`.

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::CallToolResult;
use rmcp::schemars::JsonSchema;
use rmcp::{schemars, tool, tool_router};
use serde::{Deserialize, Serialize};

use super::{Server, refused};
use crate::cli::cycle_range::moment;
use crate::cli::{Failure, open, report};
use crate::daemon::clock::SystemClock;
use crate::overview::{NOTHING_YET, Overview, View};
use crate::plan::Plan;
use crate::{explain, prune};
use sweetspot_core::ports::Clock;

/// The most decisions of a channel at once: a week of them.
const MOST_DECISIONS: u32 = 2_016;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Explain {
    /// Channel point, scid (850000x12x1 or as an integer) or peer alias
    channel: String,
    /// As it was decided then: a time (2026-11-20T12:00:00Z), a date (UTC) or a span
    /// before now (2d)
    at: Option<String>,
    /// Number of decisions to show, at most 2016; 5 unless set
    last: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Days {
    /// Whole days before today (UTC), 1 to 3660; 30 unless set
    days: Option<u32>,
}

#[tool_router(router = asking, vis = "pub(super)")]
impl Server {
    /// What the node earned, and every channel: balance, fee, income, state
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn status(&self) -> CallToolResult {
        answer(
            async {
                let (config, store) = open(&self.file).await?;
                let now = SystemClock.now();
                let mut overview = Overview::gather(&config.book, &store, now).await?;
                overview.arrange(&View::default());
                Ok(overview)
            }
            .await,
        )
    }

    /// Why one channel has its fee, term by term
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn explain(&self, Parameters(asked): Parameters<Explain>) -> CallToolResult {
        answer(
            async {
                let at = asked.at.as_deref().map(moment).transpose();
                let at = at.map_err(|error| Failure::CommandLine(format!("at {error}")))?;
                let (config, store) = open(&self.file).await?;
                let now = SystemClock.now();
                let at = at.map(|at| at.seen_from(now));
                let last = asked.last.unwrap_or(5).min(MOST_DECISIONS);
                Ok(explain::gather(&config, &store, now, &asked.channel, at, last).await?)
            }
            .await,
        )
    }

    /// The income of some days, by day and by channel, against the days before
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn report(&self, Parameters(asked): Parameters<Days>) -> CallToolResult {
        answer(
            async {
                let days = asked.days.unwrap_or(report::DAYS);
                if !(1..=report::MOST_DAYS).contains(&days) {
                    let most = report::MOST_DAYS;
                    let wrong = format!("days must be from 1 to {most}");
                    return Err(Failure::CommandLine(wrong));
                }
                let (config, store) = open(&self.file).await?;
                report::gather(&config, &store, SystemClock.now(), days).await
            }
            .await,
        )
    }

    /// What would become of every fee, why, and what the limits do
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn plan(&self) -> CallToolResult {
        answer(
            async {
                let (config, store) = open(&self.file).await?;
                let plan = Plan::gather(&config.book, &store, SystemClock.now()).await?;
                plan.ok_or_else(|| Failure::Other(NOTHING_YET.to_owned()))
            }
            .await,
        )
    }

    /// Channels ranked by what their capital earns: keep, watch or close. Advice only
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn prune(&self) -> CallToolResult {
        answer(
            async {
                let (config, store) = open(&self.file).await?;
                Ok(prune::rank(&config, &store, SystemClock.now()).await?)
            }
            .await,
        )
    }
}

/// A value as structured content and as text.
fn answer<T: Serialize>(made: Result<T, Failure>) -> CallToolResult {
    let json = made.and_then(|value| {
        serde_json::to_value(&value)
            .map_err(|error| Failure::Other(format!("cannot be shown as JSON: {error}")))
    });
    match json {
        Ok(json) => CallToolResult::structured(json),
        Err(failure) => refused(&failure),
    }
}
