//! `demo`: sweetspot at work on a simulated node.

use std::io::IsTerminal;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Failure;
use super::output::{print, print_json};
use crate::demo::{self, DemoOptions};

/// A simulated month in a minute.
const WATCHABLE_SPEED: f64 = 43_200.0;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Days to simulate
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,

    /// Simulated seconds per second, 0 for full speed
    ///
    /// By default half a day per second on a terminal, full speed elsewhere.
    #[arg(long, value_name = "N")]
    speed: Option<f64>,

    /// Random seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Market: name of a built-in scenario, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,

    /// Print only the summary, as JSON
    #[arg(long)]
    json: bool,

    /// Write the last frame and a chart of the fees earned to an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Leave a copy of the demo's database in a new file
    ///
    /// `status`, `explain`, `replay` and `backtest` read it by `[store] path`.
    #[arg(long, value_name = "FILE")]
    keep_database: Option<PathBuf>,

    /// Serve the page over it on this machine, and keep it until interrupted
    #[cfg(feature = "web")]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "9750")]
    web: Option<u16>,
}

pub async fn run(args: DemoArgs) -> Result<(), Failure> {
    let watched = std::io::stdout().is_terminal() && !args.json;
    let default_speed = if watched { WATCHABLE_SPEED } else { 0.0 };
    let wishes = DemoOptions {
        days: args.days,
        speed: args.speed.unwrap_or(default_speed),
        seed: args.seed,
        scenario: args.scenario,
        quiet: args.json,
        keep_database: args.keep_database,
        #[cfg(feature = "web")]
        web: args.web,
    };
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    let failed = |error: demo::DemoError| Failure::Other(error.to_string());
    let ended = demo::run(&wishes, &stop).await.map_err(failed)?;
    let summary = &ended.summary;
    if let Some(path) = args.svg {
        std::fs::write(&path, &summary.picture)
            .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))?;
    }
    if args.json {
        print_json(&summary)?;
    } else {
        print(&format!("\n{}", summary.render()));
    }
    #[cfg(feature = "web")]
    if let Some(port) = args.web {
        print(&format!(
            "The page stays on http://127.0.0.1:{port} until Ctrl-C."
        ));
        stop.cancelled().await;
    }
    Ok(())
}
