//! `peers`: how each peer kept its channels, and what it brought.

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::daemon::clock::SystemClock;
use crate::peers::peers;
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// What is shown.
#[derive(Debug, Args)]
pub struct PeersArgs {
    /// Whole days before today (UTC) over which income is summed
    #[arg(long, default_value_t = 30, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=3_660))]
    days: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &StoreReader, args: &PeersArgs) -> Result<(), Failure> {
    let found = peers(store, SystemClock.now(), args.days).await?;
    match args.json {
        true => print_json(&found),
        false => {
            print(&found.render(terminal_width()));
            Ok(())
        }
    }
}
