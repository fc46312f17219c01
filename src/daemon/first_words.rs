//! What is said after the first cycle of a run: what was read, and, where nothing
//! is written, the whole proposal.

use std::io::Write;

use tracing::{info, warn};

use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::plan::Plan;
use crate::table::terminal_width;
use sweetspot_core::ports::{Clock, StoreError};
use sweetspot_core::settings::values::Mode;
use sweetspot_store::StoreReader;

/// Says it; that it cannot be said stops nothing.
pub async fn say(config: &Config, observe_only: bool) {
    let reader = match StoreReader::open(&config.store).await {
        Ok(reader) => reader,
        Err(error) => return warn!(%error, "cannot sum up the first cycle"),
    };
    if let Err(error) = sum_up(config, observe_only, &reader).await {
        warn!(%error, "cannot sum up the first cycle");
    }
}

async fn sum_up(
    config: &Config,
    observe_only: bool,
    reader: &StoreReader,
) -> Result<(), StoreError> {
    let now = SystemClock.now();
    let mut book = config.book.clone();
    reader.recall_into(&mut book, now).await?;
    let Some(cycle) = reader.last_cycle().await? else {
        return Ok(());
    };
    let from = reader.cursor().await?.map_or(now, |cursor| cursor.from);
    let read = reader.ledger(from, now).await?.node;
    let known = reader.channels().await?;
    let open = known.iter().filter(|known| known.open);
    let managed = open.clone().filter(|known| {
        let settings = book.resolve(&known.channel, cycle.tip, now);
        matches!(settings.mode, Mode::Manage | Mode::Pin(_))
    });
    info!(
        forwards = read.count,
        days = now.days_since(from).round(),
        earned_sat = read.fees.0 / 1_000,
        channels = open.count(),
        managed = managed.count(),
        "first cycle done: the node is read, and decided on"
    );
    let plan = Plan::gather(&book, reader, now).await?;
    let plan = plan.map(|plan| if observe_only { plan.observed() } else { plan });
    if let Some(plan) = plan.filter(Plan::only_observes) {
        // For a person, at once; the log has a line for each as well.
        if let Some(name) = &config.name {
            let _ = writeln!(std::io::stdout(), "{name}:");
        }
        let _ = writeln!(std::io::stdout(), "{}", plan.render(terminal_width()));
    }
    Ok(())
}
