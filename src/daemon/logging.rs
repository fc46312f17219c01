//! The log: text for people and the journal, or JSON lines.
//!
//! ERROR: the operator must act now. WARN: may need the operator. INFO: what
//! was done, or would be. DEBUG: each step. Logs go to standard error, so that
//! a command's output stays clean.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Starts logging. `level` is a level or a filter such as
/// `info,sweetspot_lnd=debug`.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter: Targets = level
        .parse()
        .map_err(|error| format!("invalid log level or filter `{level}`: {error}"))?;
    let to_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let log = fmt::layer()
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match (format, to_journal) {
        (LogFormat::Json, _) => log.json().flatten_event(true).boxed(),
        // The journal stamps each line itself.
        (LogFormat::Text, true) => log.without_time().boxed(),
        (LogFormat::Text, false) => log.boxed(),
    };
    let started = registry().with(log.with_filter(filter)).try_init();
    started.map_err(|error| format!("cannot start logging: {error}"))
}
