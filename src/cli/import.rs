//! `import`: another fee manager's config, said in ours.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use super::output::print;
use super::propose::{self, PATIENCE};
use crate::config::{Config, ConfigError, SettingsFile, read_list};
use crate::daemon::clock::SystemClock;
use crate::daemon::connect::lnd_config;
use crate::import::{Imported, Note, charge_lnd, compare};
use crate::table::terminal_width;
use sweetspot_core::ports::{Clock, Node};
use sweetspot_lnd::Lnd;

/// Whose config.
#[derive(Debug, Subcommand)]
pub enum ImportArgs {
    /// charge-lnd's, as TOML to standard output
    ///
    /// What cannot be said is named, by file and line, on standard error and at the
    /// head of the TOML. Nothing is written and, without --compare, nobody asked.
    ChargeLnd(FileArgs),
}

/// What to read.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// Its config
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show, in place of the TOML, what each would set on the node's channels
    #[arg(long)]
    compare: bool,
}

pub async fn run(file: &SettingsFile, args: ImportArgs) -> Result<(), Failure> {
    let ImportArgs::ChargeLnd(args) = args;
    let text = read_list(&args.file).map_err(|why| unreadable(&args.file, &why))?;
    let list = |path: &str| read_list(Path::new(path));
    let imported = charge_lnd::import(&text, &list)
        .map_err(|faults| Failure::Import(lines(&args.file, &faults)))?;
    tell(&lines(&args.file, &imported.notes));
    if args.compare {
        print(&compared(&imported, &list, file).await?);
    } else {
        print(imported.toml.trim_end());
    }
    Ok(())
}

/// What each would set on the channels of the node that our config names.
async fn compared(
    imported: &Imported,
    list: &dyn Fn(&str) -> Result<String, String>,
    file: &SettingsFile,
) -> Result<String, Failure> {
    let ours = file.load()?;
    let home = std::env::home_dir();
    let config =
        Config::parse(&imported.toml, home.as_deref()).map_err(|faults| ConfigError::Faulty {
            path: "the imported TOML".into(),
            faults,
        })?;
    let failed = |says: String| Failure::Node(format!("{}: {says}", ours.node.address));
    let lnd = Lnd::new(lnd_config(&ours.node)).map_err(|error| failed(error.to_string()))?;
    let seen = tokio::time::timeout(PATIENCE, lnd.observe(SystemClock.now())).await;
    let seen = seen.map_err(|_| failed(format!("no answer within {} s", PATIENCE.as_secs())))?;
    let seen = seen.map_err(|error| failed(error.to_string()))?;
    let plan = propose::fees(&ours.node, &config, &seen, None).await;
    let proposed = plan.map_err(failed)?.proposed();
    Ok(compare::table(
        imported,
        &config.book,
        &seen,
        &proposed,
        list,
        terminal_width(),
    ))
}

/// Notes as they go to standard error: by file and line.
fn lines(path: &Path, notes: &[Note]) -> String {
    let lines = notes
        .iter()
        .map(|note| format!("{}:{note}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

#[allow(clippy::print_stderr)]
fn tell(text: &str) {
    if !text.is_empty() {
        eprintln!("{text}");
    }
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::Import(format!("cannot read {}: {why}", path.display()))
}
