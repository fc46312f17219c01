//! `status`: every channel in one table.

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::local_time;
use crate::overview::Overview;
use sweetspot_core::ports::Clock;
use sweetspot_store::StoreReader;

pub async fn run(config: &Config, store: &StoreReader, json: bool) -> Result<(), Failure> {
    let now = SystemClock.now();
    let overview = Overview::gather(&config.book, store, now).await?;
    if json {
        return print_json(&overview);
    }
    if let Some(pause) = config.book.orders.paused(now) {
        print(&format!(
            "PAUSED since {}: no fee is changed",
            local_time(pause.at)
        ));
    }
    print(&overview.render(now));
    Ok(())
}
