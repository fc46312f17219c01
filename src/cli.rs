//! The command line: what each command does, and how it ends.

mod backtest;
mod check;
mod cycle_range;
#[cfg(feature = "lab")]
mod demo;
mod explain;
mod output;
mod prune;
mod replay;
#[cfg(feature = "lab")]
mod simnode;
#[cfg(feature = "lab")]
mod simulate;
mod status;
mod terms;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, SettingsFile};
use crate::daemon::logging::{self, LogFormat};
use crate::daemon::serve::{self, StartError};
use sweetspot_core::ports::StoreError;
use sweetspot_store::{OpenError, StoreReader};

const EXIT_CODES: &str = "\
Exit codes:
   0  done; for `run`, stopped by a signal
   1  something else failed; for `replay`, something differs
   2  the command line is wrong
  64  the settings file is missing or faulty
  65  no channel, or more than one, is meant by what was input
  69  the node cannot be reached or refuses us (check)
  74  the database cannot be opened, read or written";

/// Sets the routing fees of a Lightning node.
#[derive(Debug, Parser)]
#[command(name = "sweetspot", version, after_help = EXIT_CODES)]
pub struct Args {
    /// The settings file; if it is not given and the default one is missing,
    /// built-in settings hold, which only observe
    #[arg(
        long,
        short,
        global = true,
        env = "SWEETSPOT_CONFIG",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,

    /// The form of the log, which goes to standard error
    #[arg(long, global = true, value_enum, default_value = "text")]
    log: LogFormat,

    /// How much is logged: error, warn, info, debug, trace, or a filter; info,
    /// and error for the demo, which shows what it does itself
    #[arg(long, global = true, env = "SWEETSPOT_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show sweetspot at work on a simulated node; needs nothing
    #[cfg(feature = "lab")]
    Demo(demo::DemoArgs),
    /// Watch the node and set its fees, until told to stop
    Run {
        /// Write nothing, whatever the settings say; log what would be done
        #[arg(long)]
        observe: bool,
    },
    /// Try the settings, the node and the macaroon, and show what would hold
    Check {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every channel: ratio, tpm, fee, and what it waits for
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show why a channel's fee is what it is
    Explain {
        /// A channel point, a scid (850000x12x1 or its integer form), or the
        /// peer's alias
        channel: String,
        /// How many decisions to show
        #[arg(long, default_value_t = 5, value_name = "N")]
        last: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show which channels are recommended for pruning, and why
    Prune {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what other settings would have decided, and a band of what that
    /// might have earned
    Backtest(backtest::BacktestArgs),
    /// Decide stored turns again, and show each difference from what was
    /// decided then
    Replay(replay::ReplayArgs),
    /// Run a simulated Lightning node that speaks as LND does
    #[cfg(feature = "lab")]
    Simnode(simnode::SimNodeArgs),
    /// Play fee policies against each other in a simulated market
    #[cfg(feature = "lab")]
    Simulate(simulate::Simulate),
}

/// Why a command failed; decides its exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(StartError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Folder(String),
    #[error("{0}")]
    WhichChannel(String),
    #[error("{0}")]
    CommandLine(String),
    #[error("{0}")]
    Node(String),
    #[error("{0}")]
    Other(String),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => Self::Config(error),
            StartError::Open(error) => Self::Open(error),
            StartError::Store(error) => Self::Store(error),
            StartError::Folder { .. } => Self::Folder(error.to_string()),
            other => Self::Start(other),
        }
    }
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 64,
            Self::CommandLine(_) => 2,
            Self::WhichChannel(_) => 65,
            Self::Node(_) | Self::Start(_) => 69,
            Self::Open(_) | Self::Store(_) | Self::Folder(_) => 74,
            Self::Other(_) => 1,
        }
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match begin(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print_error(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

#[allow(clippy::print_stderr)]
fn print_error(failure: &Failure) {
    eprintln!("sweetspot: {failure}");
}

fn begin(args: Args) -> Result<(), Failure> {
    let level = match (&args.log_level, &args.command) {
        (Some(level), _) => level,
        #[cfg(feature = "lab")]
        (None, Command::Demo(_)) => "error",
        (None, _) => "info",
    };
    logging::start(args.log, level).map_err(Failure::Other)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(dispatch(args))
}

async fn dispatch(args: Args) -> Result<(), Failure> {
    let file = SettingsFile::new(args.config);
    match args.command {
        #[cfg(feature = "lab")]
        Command::Demo(args) => demo::run(args).await,
        Command::Run { observe } => Ok(serve::run(file, observe).await?),
        Command::Check { json } => check::run(&file.load()?, json).await,
        Command::Status { json } => {
            let config = file.load()?;
            status::run(&config, &open(&config).await?, json).await
        }
        Command::Explain {
            channel,
            last,
            json,
        } => {
            let config = file.load()?;
            explain::run(&config, &open(&config).await?, &channel, last, json).await
        }
        #[cfg(feature = "lab")]
        Command::Simnode(args) => simnode::run(args).await,
        Command::Prune { json } => {
            let config = file.load()?;
            prune::run(&config, &open(&config).await?, json).await
        }
        Command::Backtest(args) => {
            let config = file.load()?;
            backtest::run(&config, &open(&config).await?, &args).await
        }
        Command::Replay(args) => {
            let config = file.load()?;
            replay::run(&config, &open(&config).await?, &args).await
        }
        #[cfg(feature = "lab")]
        Command::Simulate(what) => simulate::run(&what),
    }
}

async fn open(config: &Config) -> Result<StoreReader, OpenError> {
    StoreReader::open(&config.store).await
}
