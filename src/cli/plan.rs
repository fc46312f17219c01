//! `plan`: what the daemon would do with each fee, and why.

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::overview::NOTHING_YET;
use crate::plan::Plan;
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

pub async fn run(config: &Config, store: &StoreReader, json: bool) -> Result<(), Failure> {
    let plan = Plan::gather(&config.book, store, SystemClock.now()).await?;
    match plan {
        plan if json => print_json(&plan),
        Some(plan) => {
            print(&plan.render(terminal_width()));
            Ok(())
        }
        None => {
            print(NOTHING_YET);
            Ok(())
        }
    }
}
