//! `status`: every channel in one table.

use super::Failure;
use super::output::{print, print_json};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::overview::Overview;
use crate::ports::Clock;
use crate::store::StoreReader;

pub async fn run(config: &Config, store: &StoreReader, json: bool) -> Result<(), Failure> {
    let now = SystemClock.now();
    let overview = Overview::gather(&config.book, store, now).await?;
    if json {
        return print_json(&overview);
    }
    print(&overview.render(now));
    Ok(())
}
