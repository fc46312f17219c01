//! `scout`: which new channels would earn most. Advice only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::output::{print, print_json};
use super::{Failure, open};
use crate::config::{Config, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use crate::json::SCHEMA;
use crate::peers::records;
use crate::report::Window;
use crate::scout::{Asked, scout};
use crate::table::terminal_width;
use sweetspot_advice::scout::check::{self, Added, Found};
use sweetspot_core::money::worth::DAYS_PER_YEAR;
use sweetspot_core::ports::{Clock, Node, NodeError};
use sweetspot_core::types::units::count;
use sweetspot_graph::graph::Graph;
use sweetspot_graph::load;
use sweetspot_lnd::{GRAPH_URI, Lnd};
use sweetspot_store::StoreReader;

/// Over how long the node's income is looked at, as `prune` does ...
const LOOKED_AT: Duration = Duration::from_secs(90 * 86_400);
/// ... and what is too short to tell a year's income from, in days.
const LEAST_DAYS: f64 = 14.0;
/// BOLT 2: without `option_support_large_channel` a channel has less than 2^24 sat.
const MOST_SAT: u64 = (1 << 24) - 1;
/// Peers dropped of each node that is checked with.
const DROPS: usize = 4;

/// What is asked.
#[derive(Debug, Args)]
pub struct ScoutArgs {
    /// Graph to look at: the JSON of `lncli describegraph`, or CSV with a direction a
    /// line, plain or gzipped [default: the node's own, by DescribeGraph]
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,

    /// Node to scout for: its key, or its number in a CSV [default: the node of the
    /// config]
    #[arg(long, value_name = "KEY", conflicts_with = "check")]
    pubkey: Option<String>,

    /// How many candidates to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,

    /// What the node earns a year, in sat [default: as of the last 90 days in the
    /// database]
    #[arg(long, value_name = "SAT", value_parser = clap::value_parser!(u32))]
    income: Option<u32>,

    /// On-chain fee rate at which a channel would be opened and closed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    sat_per_vb: u32,

    /// The most to put into one channel, in sat [default: what peers without the
    /// large-channel feature take]
    #[arg(long, value_name = "SAT", default_value_t = MOST_SAT, hide_default_value = true)]
    max_sat: u64,

    /// Check the method instead: drop real peers of this many nodes of the graph and
    /// see how high they are ranked
    #[arg(long, value_name = "NODES", requires = "graph")]
    check: Option<usize>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(file: &SettingsFile, args: &ScoutArgs) -> Result<(), Failure> {
    if let (Some(wanted), Some(path)) = (args.check, &args.graph) {
        return show_check(&read(path)?, wanted, args.json);
    }
    let config = file.load()?;
    let graph = match &args.graph {
        Some(path) => read(path)?,
        None => {
            let said = node(&config)?.describe_graph().await;
            said.map_err(|error| no_graph(&error))?
        }
    };
    let key = match &args.pubkey {
        Some(key) => key.clone(),
        None => {
            let said = node(&config)?.info().await;
            let said = said.map_err(|error| {
                Failure::Node(format!("{error}; --pubkey says whom to scout for"))
            })?;
            said.pubkey.to_string()
        }
    };
    let us = graph.find(&key).ok_or_else(|| {
        Failure::CommandLine(format!("the graph has no channel of the node {key}"))
    })?;
    // What another node earned, and who its peers were, is not in this database.
    let store = match args.pubkey {
        Some(_) => None,
        None => match open(file).await {
            Ok((_, store)) => Some(store),
            Err(Failure::Open(_)) => None,
            Err(error) => return Err(error),
        },
    };
    let income = match (args.income, &store) {
        (Some(sat), _) => Some(f64::from(sat)),
        (None, Some(store)) => income(store).await?,
        (None, None) => None,
    };
    let records = match &store {
        Some(store) => records(store).await?,
        None => BTreeMap::new(),
    };
    let by_key = records.into_iter();
    let records = by_key
        .map(|(peer, record)| (peer.to_string(), record))
        .collect();
    let scouted = scout(
        &graph,
        us,
        &Asked {
            top: args.top,
            income_sat_per_year: income,
            sat_per_vb: f64::from(args.sat_per_vb),
            most_sat: args.max_sat,
            records,
        },
    );
    match args.json {
        true => print_json(&scouted),
        false => {
            print(&scouted.render(terminal_width()));
            Ok(())
        }
    }
}

fn read(path: &std::path::Path) -> Result<Graph, Failure> {
    load::from_file(path).map_err(|error| Failure::CommandLine(error.to_string()))
}

fn node(config: &Config) -> Result<Lnd, Failure> {
    Lnd::new(lnd_config(&config.node)).map_err(|error| Failure::Node(error.to_string()))
}

fn no_graph(error: &NodeError) -> Failure {
    let hint = match error {
        NodeError::Denied(_) => format!(
            "; bake a macaroon with uri:{GRAPH_URI} as well, or give --graph the output of \
             `lncli describegraph`"
        ),
        _ => String::new(),
    };
    Failure::Node(format!("{error}{hint}"))
}

/// What the node earns a year, in sat, as of the last days that are known.
async fn income(store: &StoreReader) -> Result<Option<f64>, Failure> {
    let now = SystemClock.now();
    let Window { from, days } = Window::known(store, LOOKED_AT, now).await?;
    let ledger = store.ledger(from, now).await?;
    let sat_per_year = ledger.node.fees.as_sat() / days * DAYS_PER_YEAR;
    Ok((days >= LEAST_DAYS && sat_per_year > 0.0).then_some(sat_per_year))
}

/// Means over everything that was dropped, by scout, capacity and number of channels.
#[derive(Debug, Serialize)]
struct Checked {
    schema: u32,
    nodes: usize,
    dropped: usize,
    /// The share of other candidates ranked below the dropped peer.
    rank_share: [f64; 3],
    /// The same among candidates of about as many channels.
    rank_alike_share: [f64; 3],
    /// How often it is in the first twentieth.
    in_top_share: [f64; 3],
    /// What the first ten would add each, over what scout's would.
    added_over_scout: [f64; 3],
}

fn show_check(graph: &Graph, wanted: usize, json: bool) -> Result<(), Failure> {
    let reversed = graph.network.reversed();
    let nodes = check::nodes(&graph.network, wanted, false);
    let drop = |us: &usize| check::check(&graph.network, &reversed, *us, DROPS);
    let found: Vec<Found> = nodes.iter().flat_map(drop).collect();
    let add = |us: &usize| check::added(&graph.network, &reversed, *us);
    let added: Vec<Added> = nodes.iter().map(add).collect();
    let mean = |part: &dyn Fn(&Found) -> f64| {
        found.iter().map(part).sum::<f64>() / count(found.len().max(1))
    };
    let sum = |part: &dyn Fn(&Added) -> f64| added.iter().map(part).sum::<f64>();
    let scout_msat = sum(&|added| added.scout_msat).max(f64::MIN_POSITIVE);
    let checked = Checked {
        schema: SCHEMA,
        nodes: nodes.len(),
        dropped: found.len(),
        rank_share: [
            mean(&|found| found.scout),
            mean(&|found| found.capacity),
            mean(&|found| found.degree),
        ],
        rank_alike_share: [
            mean(&|found| found.scout_alike),
            mean(&|found| found.capacity_alike),
            mean(&|found| found.degree_alike),
        ],
        in_top_share: [0, 1, 2].map(|by: usize| mean(&|found| f64::from(found.in_top[by]))),
        added_over_scout: [
            1.0,
            sum(&|added| added.capacity_msat) / scout_msat,
            sum(&|added| added.degree_msat) / scout_msat,
        ],
    };
    if json {
        return print_json(&checked);
    }
    let row = |name: &str, values: [f64; 3]| {
        let [scout, capacity, channels] = values;
        format!("{name:<44} {scout:>8.2} {capacity:>9.2} {channels:>9.2}")
    };
    print(&format!(
        "{} peers dropped of {} nodes                      scout  capacity  channels\n{}\n{}\n{}\n{}",
        checked.dropped,
        checked.nodes,
        row("ranked above this share of the others", checked.rank_share),
        row(
            "... of those with as many channels",
            checked.rank_alike_share
        ),
        row("in the first twentieth", checked.in_top_share),
        row(
            "the first ten add, under other demand",
            checked.added_over_scout
        ),
    ));
    Ok(())
}
