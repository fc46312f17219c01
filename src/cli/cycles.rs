//! `cycles`: circular rebalances that pay for themselves. Advice only.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::{print, print_json};
use crate::config::SettingsFile;
use crate::cycles::{Cycles, OwnNode, from_graph_file};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use sweetspot_core::ports::Clock;
use sweetspot_lnd::Lnd;

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

/// Over all nodes of the config together.
pub async fn run(file: &SettingsFile, args: &CyclesArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    let (mut nodes, mut hops, mut tuning) = (vec![], vec![], None);
    let mut told = BTreeSet::new();
    for file in file.each()? {
        let (config, store) = super::open(&file).await?;
        let node = OwnNode::read(file.node(), &config, &store, now).await?;
        if args.graph.is_none() {
            let lnd = Lnd::new(lnd_config(&config.node));
            let lnd = lnd.map_err(|error| Failure::Node(error.to_string()))?;
            let told = node.hops(&lnd, &mut told).await;
            hops.extend(told.map_err(|error| Failure::Node(error.to_string()))?);
        }
        nodes.push(node);
        tuning = Some(config.book.node.tuning);
    }
    if let Some(path) = &args.graph {
        hops = from_graph_file(path).map_err(|error| Failure::Other(error.to_string()))?;
    }
    let found = Cycles::find(&nodes, &hops, &tuning.unwrap_or_default(), args.max_sat);
    match args.json {
        true => print_json(&found),
        false => {
            print(&found.render(now));
            Ok(())
        }
    }
}
