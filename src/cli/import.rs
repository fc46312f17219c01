//! `import`: another fee manager's config, said in ours.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use super::output::print;
use crate::config::SettingsFile;
use crate::import::{Note, charge_lnd};

/// The most that is read of a foreign file, in bytes: as of our own.
const MOST_BYTES: u64 = 1 << 20;

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
}

pub async fn run(_file: &SettingsFile, args: ImportArgs) -> Result<(), Failure> {
    let ImportArgs::ChargeLnd(args) = args;
    let text = read(&args.file).map_err(|why| unreadable(&args.file, &why))?;
    let list = |path: &str| read(Path::new(path));
    let imported = charge_lnd::import(&text, &list)
        .map_err(|faults| Failure::Import(lines(&args.file, &faults)))?;
    tell(&lines(&args.file, &imported.notes));
    print(imported.toml.trim_end());
    Ok(())
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

/// The text of a regular file that is not too large.
fn read(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if about.len() > MOST_BYTES {
        return Err(format!("it is larger than {MOST_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}
