//! `rollback` and `restore-original`: fees as they were before sweetspot changed
//! them.

use clap::Args;

use super::Failure;
use super::cycle_range::{Moment, moment};
use super::orders::{EndArgs, GIVEN_BY};
use super::output::{print, print_json};
use crate::config::Config;
use crate::daemon::clock::SystemClock;
use crate::format::local_time;
use crate::orders::{Operator, give};
use crate::rollback::Rollback;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::StoreReader;

/// Back to when.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Fees as they were then: a time (2026-11-20T12:00:00Z), a date (UTC) or a
    /// span before now (2d)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Moment,
    #[command(flatten)]
    how: RestoreArgs,
}

/// How fees are restored.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Do it; without this, only the difference is shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    end: EndArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `rollback --to TIME`.
pub async fn run(config: &Config, store: &StoreReader, args: &RollbackArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let to = args.to.seen_from(now);
    if to >= now {
        return Err(Failure::CommandLine("--to must lie in the past".to_owned()));
    }
    restore(config, store, Some(to), &args.how).await
}

/// `restore-original`.
pub async fn original(
    config: &Config,
    store: &StoreReader,
    args: &RestoreArgs,
) -> Result<(), Failure> {
    restore(config, store, None, args).await
}

async fn restore(
    config: &Config,
    store: &StoreReader,
    to: Option<Timestamp>,
    args: &RestoreArgs,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let until = args.end.at(now)?;
    let mut rollback = Rollback::gather(config, store, now, to).await?;
    let orders = rollback.orders(now, until, GIVEN_BY);
    rollback.ordered = args.yes && !orders.is_empty();
    if rollback.ordered {
        give(&config.store, &orders).await?;
    }
    if args.json {
        return print_json(&rollback);
    }
    let mut said = rollback.render();
    said += &match (orders.len(), args.yes) {
        (0, _) => "\nNothing to restore.".to_owned(),
        (n, false) => format!(
            "\n\n{n} to restore. Nothing is ordered yet: repeat with --yes, and the daemon writes\n\
             these fees and holds them until `sweetspot release --all`{}.",
            until.map_or(String::new(), |until| format!(" or {}", local_time(until)))
        ),
        (n, true) => format!(
            "\nOrdered: {n} to restore, held until `sweetspot release --all`{}.\n{}",
            until.map_or(String::new(), |until| format!(" or {}", local_time(until))),
            Operator::new(config, store, now, GIVEN_BY)
                .effective()
                .await?
        ),
    };
    print(&said);
    Ok(())
}
