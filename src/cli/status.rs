//! `status`: the node and every channel, in as many columns as there is room for.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::each_node::{self, OfNode};
use super::output::{json_text, print};
use crate::config::SettingsFile;
use crate::daemon::clock::SystemClock;
use crate::overview::{Overview, Sort, Spans, View};
use crate::report::sat;
use crate::table::terminal_width;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::format::grouped;

/// Clears a terminal and begins at its first line.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// What is shown.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Order of the channels
    #[arg(long, value_enum, default_value_t, value_name = "BY")]
    sort: Sort,
    /// Only channels of which alias, scid, key, mode or state holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Show it again every so often until interrupted
    #[arg(
        long, value_name = "SPAN", num_args = 0..=1, default_missing_value = "10s",
        value_parser = humantime::parse_duration, conflicts_with = "json"
    )]
    watch: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(file: &SettingsFile, args: &StatusArgs) -> Result<(), Failure> {
    loop {
        let files = file.each()?;
        let answers = each_node::ask(&files, async |file| gather(file, args).await).await;
        if let [OfNode { found: Err(_), .. }] = answers.as_slice() {
            return each_node::end(answers);
        }
        let shown = show(&answers, args)?;
        let Some(pause) = args.watch else {
            print(&shown);
            return each_node::end(answers);
        };
        print(&format!("{CLEAR}{shown}"));
        tokio::time::sleep(pause.max(Duration::from_secs(1))).await;
    }
}

/// One node, and what it adds to the sum over all.
#[derive(Serialize)]
struct Node {
    #[serde(flatten)]
    overview: Overview,
    #[serde(skip)]
    local_sat: u64,
}

/// What all nodes earned and hold: each forward that passed two of them counts twice.
#[derive(Default, Serialize)]
struct Together {
    #[serde(flatten)]
    earned: Spans,
    local_sat: u64,
}

impl Together {
    fn with(self, node: &Node) -> Self {
        Self {
            earned: self.earned.plus(node.overview.node),
            local_sat: self.local_sat.saturating_add(node.local_sat),
        }
    }

    fn render(&self) -> String {
        let [day, week, month] = self.earned.by_window().map(|(_, earned)| earned);
        format!(
            "earned   {} sat in 24 h, {} in 7 days, {} in 30 days\nbalance  {} sat local",
            sat(day.earned_msat),
            sat(week.earned_msat),
            sat(month.earned_msat),
            grouped(self.local_sat)
        )
    }
}

fn view(args: &StatusArgs) -> View {
    View {
        sort: args.sort,
        filter: args.filter.clone(),
        width: terminal_width(),
    }
}

async fn gather(file: &SettingsFile, args: &StatusArgs) -> Result<Node, Failure> {
    let (config, store) = super::open(file).await?;
    let mut overview = Overview::gather(&config.book, &store, SystemClock.now()).await?;
    let local = overview.channels.iter().map(|line| line.local_sat);
    let local_sat = local.fold(0, u64::saturating_add);
    overview.arrange(&view(args));
    Ok(Node {
        overview,
        local_sat,
    })
}

fn show(answers: &[OfNode<Node>], args: &StatusArgs) -> Result<String, Failure> {
    let render = |node: &Node| node.overview.render(&view(args), SystemClock.now());
    if let [only] = answers {
        return match &only.found {
            Ok(node) if args.json => json_text(&node.overview),
            Ok(node) => Ok(render(node)),
            Err(_) => Ok(String::new()),
        };
    }
    let together = each_node::sum(answers, Together::with);
    if args.json {
        return each_node::json(answers, together);
    }
    let said = together.map_or(each_node::NOT_KNOWN.to_owned(), |sum| sum.render());
    Ok(each_node::text(answers, render, &said))
}
