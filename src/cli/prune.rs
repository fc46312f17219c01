//! `prune`: every channel by what its capital earns. Advice only.

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::prune;
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// What is shown.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &StoreReader, args: &PruneArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let ranking = prune::rank(config, store, now).await?;
    match args.json {
        true => print_json(&ranking),
        false => {
            print(&ranking.render(terminal_width(), now));
            Ok(())
        }
    }
}
