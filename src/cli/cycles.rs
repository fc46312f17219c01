//! `cycles`: circular rebalances that pay for themselves. Advice only.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::config::Config;
use crate::cycles::{self, CyclesError, Source};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use sweetspot_core::ports::Clock;
use sweetspot_lnd::Lnd;
use sweetspot_store::StoreReader;

/// What is looked for.
#[derive(Debug, Args)]
pub struct CyclesArgs {
    /// The most that one payment is to carry, in sat
    #[arg(long, value_name = "SATS", default_value_t = 1_000_000)]
    max_sat: u64,
    /// A file of `lncli describegraph`, in place of asking the node
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl From<CyclesError> for Failure {
    fn from(error: CyclesError) -> Self {
        match error {
            CyclesError::Store(error) => error.into(),
            CyclesError::Node(error) => Self::Node(error.to_string()),
            CyclesError::Graph(error) => Self::Other(error.to_string()),
        }
    }
}

pub async fn run(config: &Config, store: &StoreReader, args: &CyclesArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let found = match &args.graph {
        Some(path) => cycles::gather(config, store, Source::File(path), args.max_sat, now).await?,
        None => {
            let lnd = Lnd::new(lnd_config(&config.node));
            let lnd = lnd.map_err(|error| Failure::Node(error.to_string()))?;
            cycles::gather(config, store, Source::Node(&lnd), args.max_sat, now).await?
        }
    };
    match args.json {
        true => print_json(&found),
        false => {
            print(&found.render(now));
            Ok(())
        }
    }
}
