//! `status`: the node and every channel, in as many columns as there is room for.

use std::time::Duration;

use clap::Args;

use super::Failure;
use super::output::{json_text, print};
use crate::config::{Config, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::overview::{Overview, Sort, View};
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// Clears a terminal and begins at its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// What is shown.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Order of the channels
    #[arg(long, value_enum, default_value_t, value_name = "BY")]
    sort: Sort,
    /// Only channels of which alias, scid, key, mode or state holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Show it again every so often until interrupted
    #[arg(
        long, value_name = "SPAN", num_args = 0..=1, default_missing_value = "10s",
        value_parser = humantime::parse_duration, conflicts_with = "json"
    )]
    watch: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(file: &SettingsFile, args: &StatusArgs) -> Result<(), Failure> {
    loop {
        let (config, store) = super::open(file).await?;
        let shown = show(&config, &store, args).await?;
        let Some(pause) = args.watch else {
            print(&shown);
            return Ok(());
        };
        print(&format!("{CLEAR}{shown}"));
        tokio::time::sleep(pause.max(Duration::from_secs(1))).await;
    }
}

async fn show(config: &Config, store: &StoreReader, args: &StatusArgs) -> Result<String, Failure> {
    let now = SystemClock.now();
    let view = View {
        sort: args.sort,
        filter: args.filter.clone(),
        width: terminal_width(),
    };
    let mut overview = Overview::gather(&config.book, store, now).await?;
    overview.arrange(&view);
    match args.json {
        true => json_text(&overview),
        false => Ok(overview.render(&view, now)),
    }
}
