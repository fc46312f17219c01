//! `backtest`: what other settings would have decided through stored turns, and
//! a band of what that might have earned. Never one number: how demand answers
//! to price is assumed, and the operator is to see how much hangs on it.

mod report;

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::cycle_range::{CycleRange, NO_SUCH_TURNS, NO_TURNS};
use super::output::{print, print_json};
use crate::config::{Config, SettingsFile};
use report::Report;
use sweetspot_core::backtest::demand::Elasticity;
use sweetspot_core::backtest::run::Backtest;
use sweetspot_core::ports::ForwardLog;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{Journal, StoreReader};

/// What to try.
#[derive(Debug, Args)]
pub struct BacktestArgs {
    /// Config to try; its [node] and [store] are not used [default: the present
    /// config]
    #[arg(long = "with", value_name = "FILE")]
    tried: Option<PathBuf>,
    #[command(flatten)]
    stretch: CycleRange,
    /// Price elasticities of demand to assume, at least two
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_values_t = [0.3, 0.6, 1.0, 1.5]
    )]
    elasticity: Vec<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, store: &StoreReader, args: &BacktestArgs) -> Result<(), Failure> {
    let elasticities = elasticities(&args.elasticity)?;
    let book = match &args.tried {
        Some(path) => {
            SettingsFile::new(Some(path.clone()), config.name.clone())
                .load()?
                .book
        }
        None => config.book.clone(),
    };
    store.freeze().await?;
    let only = args.stretch.point(store).await?;
    let last = store.last_cycle().await?.map_or(Timestamp::EPOCH, |c| c.at);
    let bounds = args.stretch.bounds(last)?;
    let Some(journal) = store.journal(bounds.0).await? else {
        return show(args, None, NO_TURNS);
    };
    let backtest = lead(store, journal, bounds, book, &elasticities).await?;
    let report = match &backtest {
        Some(done) => report::gather(store, done, &elasticities, only).await?,
        None => None,
    };
    show(args, report, NO_SUCH_TURNS)
}

fn show(args: &BacktestArgs, report: Option<Report>, otherwise: &str) -> Result<(), Failure> {
    if args.json {
        return print_json(&report);
    }
    print(&report.map_or_else(|| otherwise.to_owned(), |report| report.render()));
    Ok(())
}

fn elasticities(numbers: &[f64]) -> Result<Vec<Elasticity>, Failure> {
    let wrong = |why: String| Failure::CommandLine(format!("--elasticity: {why}"));
    let mut found = vec![];
    for number in numbers {
        let elasticity = Elasticity::new(*number)
            .ok_or_else(|| wrong(format!("must be from 0 to below 2, not {number}")))?;
        if !found.contains(&elasticity) {
            found.push(elasticity);
        }
    }
    if found.len() < 2 {
        return Err(wrong(
            "needs at least two values: a single one would look like a forecast".to_owned(),
        ));
    }
    Ok(found)
}

/// Leads a backtest through a stretch; `None` if no turn lies in it.
async fn lead(
    store: &StoreReader,
    mut journal: Journal,
    (from, to): (Timestamp, Timestamp),
    book: SettingsLayers,
    elasticities: &[Elasticity],
) -> Result<Option<Backtest>, Failure> {
    let mut backtest: Option<Backtest> = None;
    let mut sold_through = 0;
    while let Some(turn) = store.next_turn(&mut journal).await? {
        let input = turn.input;
        if input.seen.at > to {
            break;
        }
        match (turn.checkpoint, &mut backtest) {
            (Some(checkpoint), None) => {
                sold_through = checkpoint.memory.node.ingested_seq;
                let elasticities = elasticities.to_vec();
                backtest = Some(Backtest::new(checkpoint, book.clone(), elasticities));
            }
            (Some(checkpoint), Some(backtest)) => backtest.take_up(checkpoint),
            (None, _) => {}
        }
        let Some(backtest) = &mut backtest else {
            continue;
        };
        let (counts, through) = (input.seen.at >= from, input.counted_through);
        let mut sold: Vec<Forward> = vec![];
        let mut cycle = backtest.begin(input);
        let sell = |stored: &StoredForward| {
            if stored.seq > sold_through {
                sold.push(stored.forward);
            }
        };
        store.count(&mut cycle.counting, through, sell).await?;
        sold_through = sold_through.max(through);
        let mut cycle = cycle.watch();
        store.count(&mut cycle.counting, through, |_| ()).await?;
        if counts {
            cycle.sell(&sold);
        }
        let outcome = cycle.decide();
        backtest.settle(outcome, &turn.changes);
    }
    Ok(backtest)
}
