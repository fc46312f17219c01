//! The command line: what each command does, and how it ends.

#[cfg(feature = "alarm")]
mod alarm;
mod backtest;
mod base_fee;
mod check;
#[cfg(feature = "lab")]
mod clock;
mod cycle_range;
mod cycles;
mod database;
#[cfg(feature = "lab")]
mod demo;
mod each_node;
mod explain;
mod generate;
mod health;
mod help;
mod import;
mod leases;
#[cfg(feature = "mcp")]
mod mcp;
mod orders;
mod output;
mod peers;
mod plan;
mod prepare;
mod propose;
mod prune;
mod replay;
mod report;
mod rollback;
mod scout;
#[cfg(feature = "lab")]
mod simnode;
#[cfg(feature = "lab")]
mod simulate;
mod status;
mod terms;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{Config, ConfigError, SettingsFile};
use crate::daemon::clock::SystemClock;
use crate::daemon::logging::{self, LogFormat};
use crate::daemon::serve::{self, StartError};
use crate::explain::{ExplainError, WhichChannel};
use crate::orders::OrderError;
use sweetspot_core::ports::{Clock, StoreError};
use sweetspot_core::settings::orders::Verb;
use sweetspot_store::{OpenError, StoreReader};

const EXIT_CODES: &str = "\
Exit codes:
   0  success; for `run`, stopped by a signal
   1  any other error; for `replay`, differences found
   2  invalid command line
  64  config missing or invalid
  65  no channel matches, or more than one
  69  node unreachable, or it rejects the macaroon
  74  database cannot be opened, read or written";

/// Sets the routing fees of a Lightning node.
#[derive(Debug, Parser)]
#[command(name = "sweetspot", version, after_help = EXIT_CODES)]
pub struct Args {
    /// Config file [default: ~/.sweetspot/config.toml]
    ///
    /// If the default file is missing, built-in settings apply, which only
    /// observe.
    #[arg(
        long,
        short,
        global = true,
        help_heading = help::GLOBAL,
        env = "SWEETSPOT_CONFIG",
        value_name = "FILE"
    )]
    config: Option<PathBuf>,

    /// Node: the name of a [[node]] of the config
    ///
    /// Needed where there are several and the command is about one.
    #[arg(
        long,
        global = true,
        help_heading = help::GLOBAL,
        value_name = "NAME"
    )]
    node: Option<String>,

    /// Log format (logs go to standard error)
    #[arg(
        long,
        global = true,
        help_heading = help::GLOBAL,
        value_enum,
        default_value = "text"
    )]
    log: LogFormat,

    /// Log level: error, warn, info, debug or trace [default: info]
    ///
    /// Or a filter such as info,sweetspot_lnd=debug. The demo logs only errors
    /// unless this is set.
    #[arg(
        long,
        global = true,
        help_heading = help::GLOBAL,
        env = "SWEETSPOT_LOG_LEVEL",
        value_name = "LEVEL"
    )]
    log_level: Option<String>,

    /// Clock to go by: of this system, or of a simulated node
    ///
    /// `node` follows the clock of `sweetspot simnode --speed N`, for `run` and for
    /// the commands beside it; any other node is refused.
    #[cfg(feature = "lab")]
    #[arg(
        long,
        global = true,
        help_heading = help::GLOBAL,
        value_enum,
        default_value = "system"
    )]
    clock: clock::ClockName,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show sweetspot at work on a simulated node; nothing to set up
    #[cfg(feature = "lab")]
    Demo(demo::DemoArgs),
    /// Run the daemon: watch the node and set its fees
    Run {
        /// Change no fee, whatever the config says; only log what would change
        #[arg(long)]
        observe: bool,
    },
    /// Validate config, connection and macaroon; print effective settings
    Check {
        /// Show the whole proposal as well: every fee as it should be, and why
        #[arg(long)]
        plan: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Convert another fee manager's config to ours
    #[command(subcommand)]
    Import(import::ImportArgs),
    /// Show what the node earned, and every channel: balance, fee, income, state
    Status(status::StatusArgs),
    /// Show what would become of every fee, why, and what the limits do
    Plan {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the income of some days, by day and by channel
    Report(report::ReportArgs),
    /// Explain the fee of one channel, term by term
    Explain(explain::ExplainArgs),
    /// Hold a channel's outbound fee rate at a value
    Pin(orders::PinArgs),
    /// Leave a channel's fee alone
    Ignore(orders::ChannelArgs),
    /// Have a channel's fees decided and set
    Manage(orders::ChannelArgs),
    /// Set a channel's wanted local ratio
    Target(orders::TargetArgs),
    /// End what was ordered for a channel, from the fee that is on the node
    Release(orders::ReleaseArgs),
    /// Change no fee of the node until `resume`
    Pause(orders::EndArgs),
    /// End a pause
    Resume,
    /// Restore the fees of an earlier time, where sweetspot changed them
    Rollback(rollback::RollbackArgs),
    /// Restore the fees that were there before sweetspot
    RestoreOriginal(rollback::RestoreArgs),
    /// Look after alarms: send a test message
    #[cfg(feature = "alarm")]
    #[command(subcommand)]
    Alarm(alarm::AlarmArgs),
    /// Rank channels by what their capital earns: keep, watch or close
    Prune(prune::PruneArgs),
    /// Show how each peer kept its channels: uptime, fees, force closes
    Peers(peers::PeersArgs),
    /// Show what a base fee would have brought, by the amounts of past forwards
    BaseFee(base_fee::BaseFeeArgs),
    /// Find circular rebalances that pay for themselves: out where there is too much
    Cycles(cycles::CyclesArgs),
    /// Show what channels earn by routing, against what leases pay
    Leases(leases::LeasesArgs),
    /// What the node can receive and send now, and by a day
    Prepare(prepare::PrepareArgs),
    /// Rank nodes by what a new channel to them would add to the income
    Scout(scout::ScoutArgs),
    /// Copy the database to a new file; the daemon may run
    Backup(database::FileArgs),
    /// Put a copy in the database's place, and keep what stood there
    Restore(database::FileArgs),
    /// Exit with 0 if the daemon works; for health checks
    Health,
    /// Look the database over: integrity, size, clock, last stop, open updates
    Doctor(database::DoctorArgs),
    /// Simulate another config on stored history and estimate its earnings
    Backtest(backtest::BacktestArgs),
    /// Repeat stored decisions and report every difference
    Replay(replay::ReplayArgs),
    /// Offer the commands to an agent as tools, over standard input and output
    #[cfg(feature = "mcp")]
    Mcp(mcp::McpArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory
    Man {
        /// The directory, which must exist
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Run a simulated Lightning node with LND's API
    #[cfg(feature = "lab")]
    Simnode(simnode::SimNodeArgs),
    /// Compare fee policies in a simulated market
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
    Import(String),
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
            StartError::Ended(_) => Self::Other(error.to_string()),
            other => Self::Start(other),
        }
    }
}

impl From<WhichChannel> for Failure {
    fn from(which: WhichChannel) -> Self {
        Self::WhichChannel(which.0)
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Store(error) => error.into(),
            ExplainError::Which(which) => which.into(),
        }
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Which(which) => which.into(),
            OrderError::Open(error) => error.into(),
            OrderError::Store(error) => error.into(),
        }
    }
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::CommandLine(_) | Self::Config(ConfigError::WhichNode { .. }) => 2,
            Self::Config(_) | Self::Import(_) => 64,
            Self::WhichChannel(_) => 65,
            Self::Node(_) | Self::Start(_) => 69,
            Self::Open(_) | Self::Store(_) | Self::Folder(_) => 74,
            Self::Other(_) => 1,
        }
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let matches = help::in_groups(Args::command()).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
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
        .map_err(|error| Failure::Other(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(dispatch(args))
}

async fn dispatch(args: Args) -> Result<(), Failure> {
    let file = SettingsFile::new(args.config, args.node);
    #[cfg(feature = "lab")]
    clock::go_by(args.clock, &file).await?;
    match args.command {
        #[cfg(feature = "lab")]
        Command::Demo(args) => demo::run(args).await,
        Command::Run { observe } => Ok(serve::run(file, observe).await?),
        Command::Check { plan, json: true } => check::run(&file, plan, true).await,
        Command::Check { plan, .. } => {
            each_node::run(&file, async |file| check::run(file, plan, false).await).await
        }
        Command::Import(args) => import::run(&file, args).await,
        Command::Plan { json } => {
            let (config, store) = open(&file).await?;
            plan::run(&config, &store, json).await
        }
        Command::Status(args) => status::run(&file, &args).await,
        Command::Explain(args) => {
            let (config, store) = open(&file).await?;
            explain::run(&config, &store, &args).await
        }
        #[cfg(feature = "lab")]
        Command::Simnode(args) => simnode::run(args).await,
        Command::Health => each_node::run(&file, async |file| health::run(file).await).await,
        Command::Prune(args) => {
            let (config, store) = open(&file).await?;
            prune::run(&config, &store, &args).await
        }
        Command::Peers(args) => {
            let (_, store) = open(&file).await?;
            peers::run(&store, &args).await
        }
        Command::BaseFee(args) => {
            let (_, store) = open(&file).await?;
            base_fee::run(&store, &args).await
        }
        Command::Cycles(args) => cycles::run(&file, &args).await,
        Command::Leases(args) => {
            let (config, store) = open(&file).await?;
            leases::run(&config, &store, &args).await
        }
        Command::Prepare(args) => {
            let (config, store) = open(&file).await?;
            prepare::run(&config, &store, &args).await
        }
        Command::Scout(args) => scout::run(&file, &args).await,
        Command::Report(args) => report::run(&file, &args).await,
        Command::Pin(args) => {
            let (config, store) = open(&file).await?;
            orders::pin(&config, &store, &args).await
        }
        Command::Ignore(args) => {
            let (config, store) = open(&file).await?;
            orders::mode(&config, &store, Verb::Ignore, &args).await
        }
        Command::Manage(args) => {
            let (config, store) = open(&file).await?;
            orders::mode(&config, &store, Verb::Manage, &args).await
        }
        Command::Target(args) => {
            let (config, store) = open(&file).await?;
            orders::target(&config, &store, &args).await
        }
        Command::Release(args) => {
            let (config, store) = open(&file).await?;
            orders::release(&config, &store, &args).await
        }
        Command::Pause(until) => {
            let (config, store) = open(&file).await?;
            orders::node(&config, &store, Verb::Pause, &until).await
        }
        Command::Resume => {
            let (config, store) = open(&file).await?;
            orders::node(&config, &store, Verb::Resume, &Default::default()).await
        }
        Command::Rollback(args) => {
            let (config, store) = open(&file).await?;
            rollback::run(&config, &store, &args).await
        }
        Command::RestoreOriginal(args) => {
            let (config, store) = open(&file).await?;
            rollback::original(&config, &store, &args).await
        }
        #[cfg(feature = "alarm")]
        Command::Alarm(args) => alarm::run(&file, args).await,
        Command::Backup(args) => database::back_up(&file, &args).await,
        Command::Restore(args) => database::put_in_place(&file, &args).await,
        Command::Doctor(args) => database::doctor(&file, &args).await,
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(file, &args).await,
        Command::Completions { shell } => {
            generate::completions(shell);
            Ok(())
        }
        Command::Man { dir } => generate::manual(&dir),
        Command::Backtest(args) => {
            let (config, store) = open(&file).await?;
            backtest::run(&config, &store, &args).await
        }
        Command::Replay(args) => {
            let (config, store) = open(&file).await?;
            replay::run(&config, &store, &args).await
        }
        #[cfg(feature = "lab")]
        Command::Simulate(what) => simulate::run(&what),
    }
}

/// The config, with the names by which its rules know peers, and the database.
async fn open(file: &SettingsFile) -> Result<(Config, StoreReader), Failure> {
    let mut config = file.load()?;
    let store = StoreReader::open(&config.store).await?;
    store
        .recall_into(&mut config.book, SystemClock.now())
        .await?;
    Ok((config, store))
}
