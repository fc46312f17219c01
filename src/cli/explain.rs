//! `explain`: why a channel has its fee.

use clap::Args;

use super::Failure;
use super::cycle_range::{Moment, moment};
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::explain;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// What is explained.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Channel point, scid (850000x12x1 or as an integer) or peer alias
    channel: String,
    /// As it was decided then: a time (2026-11-20T12:00:00Z), a date (UTC) or a span
    /// before now (2d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Moment>,
    /// Number of decisions to show
    #[arg(long, default_value_t = 5, value_name = "N")]
    last: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &StoreReader, args: &ExplainArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let at = args.at.map(|at| at.seen_from(now));
    let explanation = explain::gather(config, store, now, &args.channel, at, args.last).await?;
    if args.json {
        return print_json(&explanation);
    }
    print(&explanation.render(now, at));
    Ok(())
}
