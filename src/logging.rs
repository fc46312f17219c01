//! The log: text for people and the journal, or JSON lines.
//!
//! ERROR: the operator must act now. WARN: may need the operator. INFO: what
//! was done, or would be. DEBUG: each step. Logs go to standard error, so that
//! a command's output stays clean.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line an event, for people and the journal.
    Text,
    /// One JSON object an event.
    Json,
}

/// Starts logging. `level` is a level or a filter such as
/// `info,sweetspot::lnd=debug`.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("`{level}` is no log level or filter: {error}"))?;
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match (format, to_journal) {
        (LogFormat::Json, _) => log.json().flatten_event(true).try_init(),
        // The journal stamps each line itself.
        (LogFormat::Text, true) => log.without_time().try_init(),
        (LogFormat::Text, false) => log.try_init(),
    };
    started.map_err(|error| format!("logging cannot be started: {error}"))
}
