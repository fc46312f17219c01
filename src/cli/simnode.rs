//! `simnode`: a simulated node to try sweetspot, or any fee manager, on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::Failure;
use super::output::print;
use crate::daemon::clock::SystemClock;
use crate::format::local_time;
use sweetspot_core::ports::Clock;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::proto::{UpdateFailure, WalletState};
use sweetspot_market::scenario::Scenario;
use sweetspot_simnode::{DEFAULT_VERSION, Options, Server, SimNode, WriteFault};

/// How long `--fault locked` lasts.
const LOCKED_FOR: Duration = Duration::from_secs(30);
/// How late replies are with `--fault slow`.
const SLOW_BY: Duration = Duration::from_secs(3);

/// What to simulate, and where.
#[derive(Debug, clap::Args)]
pub struct SimNodeArgs {
    /// Directory for the certificate and macaroons, laid out like LND's
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// gRPC listen address
    #[arg(long, default_value = "127.0.0.1:10009", value_name = "HOST:PORT")]
    listen: SocketAddr,

    /// Simulated seconds per second; above 1 the node's clock runs ahead of the
    /// system's
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    speed: f64,

    /// Random seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Market: name of a built-in scenario, or a TOML file
    #[arg(long, default_value = "standard", value_name = "NAME|FILE")]
    scenario: String,

    /// Days of history at the start
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    past_days: u32,

    /// LND version to report and to behave like
    #[arg(long, default_value = DEFAULT_VERSION, value_name = "VERSION")]
    lnd_version: String,

    /// Fault to simulate; may be repeated
    #[arg(long, value_enum, value_name = "FAULT")]
    fault: Vec<FaultName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FaultName {
    /// The wallet is locked for 30 seconds
    Locked,
    /// Every reply takes 3 seconds longer
    Slow,
    /// Policy updates fail inside OK replies
    FailedUpdates,
    /// Policy updates report success but are not applied
    LostWrites,
    /// Policy updates are applied but never answered
    UnansweredWrites,
    /// The wallet lags behind the chain
    Unsynced,
}

pub async fn run(args: SimNodeArgs) -> Result<(), Failure> {
    let options = options(&args, SystemClock.now())?;
    let node = SimNode::new(&options).map_err(|error| Failure::Other(error.to_string()))?;
    switch_on(&node, &args.fault);
    // Outlives the block: dropping it ends the node.
    let server = Server::start(node.clone(), &args.dir, args.listen)
        .map_err(|error| Failure::Other(error.to_string()))?;
    print(&introduction(&server, &options, &args));
    if args.fault.contains(&FaultName::Locked) {
        tokio::time::sleep(LOCKED_FOR).await;
        node.set_state(WalletState::ServerActive);
    }
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Failure::Other(format!("cannot listen for signals: {error}")))
}

/// The market begins so long before `now` that its past is over now.
fn options(args: &SimNodeArgs, now: Timestamp) -> Result<Options, Failure> {
    let mut scenario = scenario(&args.scenario)?;
    let past = Duration::from_secs(u64::from(args.past_days) * 86_400);
    scenario.start_secs = now.minus(past).secs();
    if let Some(seed) = args.seed {
        scenario.seed = seed;
    }
    Ok(Options {
        scenario,
        version: args.lnd_version.clone(),
        speed: args.speed,
        past,
    })
}

fn scenario(named: &str) -> Result<Scenario, Failure> {
    let path = Path::new(named);
    let read = if path.is_file() {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Other(format!("cannot read {named}: {error}")))?;
        Scenario::parse(&text)
    } else {
        Scenario::named(named)
    };
    read.map_err(|error| Failure::Other(error.to_string()))
}

fn switch_on(node: &SimNode, wanted: &[FaultName]) {
    for fault in wanted {
        match fault {
            FaultName::Locked => node.set_state(WalletState::Locked),
            FaultName::Slow => node.faults(|faults| faults.slow_by = SLOW_BY),
            FaultName::FailedUpdates => node.faults(|faults| {
                let error = "could not update policies".to_owned();
                faults.writes = WriteFault::Failed(UpdateFailure::Unknown, error);
            }),
            FaultName::LostWrites => node.faults(|faults| faults.writes = WriteFault::Lost),
            FaultName::UnansweredWrites => {
                node.faults(|faults| faults.writes = WriteFault::Unanswered);
            }
            FaultName::Unsynced => node.faults(|faults| faults.unsynced = true),
        }
    }
}

fn introduction(server: &Server, options: &Options, args: &SimNodeArgs) -> String {
    let node = server.node();
    format!(
        "Simulated LND {version} with {channels} channels, listening on {address}; \
         its clock shows {now} and runs at {speed}x. Press Ctrl-C to stop it.\n\
         \n\
         Config for sweetspot:\n\
         \n\
         [node]\n\
         address = \"https://{address}\"\n\
         tls_cert = \"{cert}\"\n\
         macaroon = \"{macaroon}\"\n\
         \n\
         [store]\n\
         path = \"{store}\"\n\
         \n\
         Other macaroons: {readonly}, {admin}\n",
        version = options.version,
        channels = node.observe().channels.len(),
        address = server.address(),
        now = local_time(node.now()),
        speed = options.speed,
        cert = server.cert_path().display(),
        macaroon = server.macaroon_path("sweetspot").display(),
        store = args.dir.join("sweetspot.db").display(),
        readonly = server.macaroon_path("readonly").display(),
        admin = server.macaroon_path("admin").display(),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SimNodeArgs,
    }

    fn line(words: &[&str]) -> SimNodeArgs {
        let words = [&["simnode", "--dir", "node"], words].concat();
        Line::parse_from(words).args
    }

    #[test]
    fn the_nodes_past_ends_now() {
        let now = Timestamp::from_secs(1_800_000_000);
        let args = line(&["--past-days", "2", "--seed", "7"]);
        let options = options(&args, now).expect("good options");
        assert_eq!(options.scenario.seed, 7);
        assert_eq!(options.scenario.start_secs, 1_800_000_000 - 172_800);
        assert_eq!(
            Timestamp::from_secs(options.scenario.start_secs).plus(options.past),
            now
        );
    }

    #[test]
    fn a_scenario_is_a_name_or_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("mine.toml");
        std::fs::write(&file, "channels = 3").expect("written");
        let text = file.display().to_string();
        assert_eq!(scenario(&text).expect("a file").channels, 3);
        assert_eq!(scenario("small-node").expect("a name").channels, 12);
        let unknown = scenario("nowhere").expect_err("neither").to_string();
        assert!(unknown.contains("nowhere"), "{unknown}");
    }
}
