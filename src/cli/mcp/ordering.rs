//! The tools that give orders to the daemon, stored like those of the command line.

use rmcp::RoleServer;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::schemars::JsonSchema;
use rmcp::service::RequestContext;
use rmcp::{schemars, tool, tool_router};
use serde::Deserialize;
use tracing::info;

use super::{Server, refused};
use crate::cli::{Failure, open};
use crate::daemon::clock::SystemClock;
use crate::orders::{End, Operator, ratio};
use sweetspot_core::ports::Clock;
use sweetspot_core::settings::keys::MOST_PPM;
use sweetspot_core::settings::orders::Verb;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::units::FeePpm;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pin {
    /// Channel point, scid or peer alias
    channel: String,
    /// Outbound fee rate, in ppm
    #[schemars(range(max = MOST_PPM))]
    ppm: u32,
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a span
    /// from now (6h)
    until: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// Channel point, scid or peer alias
    channel: String,
    /// Wanted local ratio
    #[schemars(range(min = 0, max = 1))]
    ratio: f64,
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a span
    /// from now (6h)
    until: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Channel {
    /// Channel point, scid or peer alias
    channel: String,
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a span
    /// from now (6h)
    until: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// Channel point, scid or peer alias
    channel: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pause {
    /// When it ends by itself: a time (2026-12-01T12:00:00Z), a date (local) or a span
    /// from now (6h)
    until: Option<String>,
}

/// No argument: a misspelt one is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

type Context = RequestContext<RoleServer>;

#[tool_router(router = ordering, vis = "pub(super)")]
impl Server {
    /// Hold a channel's outbound fee rate at a value
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn pin(&self, Parameters(asked): Parameters<Pin>, context: Context) -> CallToolResult {
        if asked.ppm > MOST_PPM {
            let wrong = format!("ppm must be from 0 to {MOST_PPM}");
            return refused(&Failure::CommandLine(wrong));
        }
        let verb = Verb::Pin(FeePpm(asked.ppm));
        self.give(Some(&asked.channel), verb, asked.until, &context)
            .await
    }

    /// Set a channel's wanted local ratio
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn target(
        &self,
        Parameters(asked): Parameters<Target>,
        context: Context,
    ) -> CallToolResult {
        match ratio(&asked.ratio.to_string()) {
            Ok(ratio) => {
                let verb = Verb::Target(ratio);
                self.give(Some(&asked.channel), verb, asked.until, &context)
                    .await
            }
            Err(error) => refused(&Failure::CommandLine(format!("ratio {error}"))),
        }
    }

    /// Leave a channel's fee alone
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn ignore(
        &self,
        Parameters(asked): Parameters<Channel>,
        context: Context,
    ) -> CallToolResult {
        self.give(Some(&asked.channel), Verb::Ignore, asked.until, &context)
            .await
    }

    /// Have a channel's fees decided and set
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn manage(
        &self,
        Parameters(asked): Parameters<Channel>,
        context: Context,
    ) -> CallToolResult {
        self.give(Some(&asked.channel), Verb::Manage, asked.until, &context)
            .await
    }

    /// End what was ordered for a channel, from the fee that is on the node
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn release(
        &self,
        Parameters(asked): Parameters<Release>,
        context: Context,
    ) -> CallToolResult {
        self.give(Some(&asked.channel), Verb::Release, None, &context)
            .await
    }

    /// Change no fee of the node until `resume`
    #[tool(annotations(read_only_hint = false, destructive_hint = false))]
    async fn pause(
        &self,
        Parameters(asked): Parameters<Pause>,
        context: Context,
    ) -> CallToolResult {
        self.give(None, Verb::Pause, asked.until, &context).await
    }

    /// End a pause
    #[tool(annotations(read_only_hint = false, destructive_hint = true))]
    async fn resume(
        &self,
        Parameters(Nothing {}): Parameters<Nothing>,
        context: Context,
    ) -> CallToolResult {
        self.give(None, Verb::Resume, None, &context).await
    }
}

impl Server {
    async fn give(
        &self,
        channel: Option<&str>,
        verb: Verb,
        until: Option<String>,
        context: &Context,
    ) -> CallToolResult {
        match self.try_give(channel, verb, until, context).await {
            Ok(said) => CallToolResult::success(vec![ContentBlock::text(said)]),
            Err(failure) => refused(&failure),
        }
    }

    async fn try_give(
        &self,
        channel: Option<&str>,
        verb: Verb,
        until: Option<String>,
        context: &Context,
    ) -> Result<String, Failure> {
        let now = SystemClock.now();
        let until = until.map(|text| End::parse(&text)?.ahead_of(now));
        let until = until
            .transpose()
            .map_err(|error| Failure::CommandLine(format!("until {error}")))?;
        let given_by = giver(context);
        let (config, store) = open(&self.file).await?;
        let operator = Operator::new(&config, &store, now, &given_by);
        let said = match channel {
            Some(channel) => operator.on_channel(channel, verb, until).await,
            None => operator.on_node(verb, until).await,
        }?;
        info!(%verb, channel, by = given_by, "order over MCP");
        Ok(said)
    }
}

/// Who orders, as the order's record and the log have it: the name is what the
/// client says of itself.
fn giver(context: &Context) -> String {
    match context.client_info() {
        Some(client) => format!("mcp {}", CleanText::alias(&client.name).as_str()),
        None => "mcp".to_owned(),
    }
}
