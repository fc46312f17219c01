//! `base-fee`: what a base fee would have brought.

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::base_fee;
use crate::daemon::clock::SystemClock;
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

/// What is looked at.
#[derive(Debug, Args)]
pub struct BaseFeeArgs {
    /// Over how many days
    #[arg(long, value_name = "DAYS", default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(store: &StoreReader, args: &BaseFeeArgs) -> Result<(), Failure> {
    let found = base_fee::gather(store, args.days, SystemClock.now()).await?;
    match args.json {
        true => print_json(&found),
        false => {
            print(&found.render(terminal_width()));
            Ok(())
        }
    }
}
