//! `demo`: sweetspot at work on a simulated node, with nothing to set up.
//!
//! A simulated node is started as an LND server; the daemon's own cycle runs
//! against it over gRPC and TLS, with a database of its own, on the node's
//! clock. Beside it the same market runs with its fees left alone, to compare.

mod fault;
mod frame;
mod picture;
mod screen;
mod summary;
#[cfg(feature = "web")]
mod web;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::daemon::cycle::{Cycle, CycleError, CycleOptions};
#[cfg(feature = "web")]
use crate::daemon::pulse::Pulse;
use crate::daemon::vital_signs::VitalSigns;
use crate::overview::Overview;
use sweetspot_core::decision::Verdict;
use sweetspot_core::ports::Clock;
use sweetspot_core::prune::rules::{self, Advice};
use sweetspot_core::types::clock_reading::ClockReading;
use sweetspot_core::types::time::{Timestamp, rfc3339};
use sweetspot_lnd::{Lnd, LndConfig, MacaroonSource, Tls};
use sweetspot_market::load;
use sweetspot_market::scenario::Scenario;
use sweetspot_market::survey::survey;
use sweetspot_market::world::World;
use sweetspot_simnode::{Options, Server, SimNode};
use sweetspot_store::{SqliteStore, StoreReader};

pub use fault::DemoError;
use frame::{Earned, Frame, Move};
use screen::Screen;
pub use summary::Summary;

/// The market of the demo, unless another is asked for.
const SCENARIO: &str = "channels = 30\nrate = 2.0\nstart_fee = { ppm = 100 }\n";

/// All channels are managed. A month is too short for the usual patience with
/// dead channels: here two weeks must do.
const SETTINGS: &str = r#"
[rhythm]
fast_interval = "15m"

[defaults]
mode = "manage"
prune_min_history = "10d"
prune_stuck_for = "14d"
prune_drained_for = "14d"
prune_idle_for = "14d"
"#;

const DAY: Duration = Duration::from_secs(86_400);

/// How much history the node has when the daemon first sees it.
const PAST: Duration = Duration::from_secs(30 * 86_400);

/// Simulated time between two frames.
const FRAME_INTERVAL: Duration = Duration::from_secs(6 * 3_600);

/// What to show.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Simulated days.
    pub days: u32,
    /// Simulated seconds per second; 0 is as fast as it goes.
    pub speed: f64,
    /// The seed of everything that happens; `None` is the scenario's.
    pub seed: Option<u64>,
    /// A built-in scenario's name or a file; `None` is the demo's own.
    pub scenario: Option<String>,
    /// Whether only the summary is wanted.
    pub quiet: bool,
    /// Where to leave a copy of the database; the file must not exist yet.
    pub keep_database: Option<PathBuf>,
    /// The port on which the page is served, on this machine only.
    #[cfg(feature = "web")]
    pub web: Option<u16>,
}

/// The node's clock.
#[derive(Clone, Debug)]
struct NodeClock(SimNode);

impl Clock for NodeClock {
    fn reading(&self) -> ClockReading {
        ClockReading::never_set(self.0.now())
    }
}

/// The same market with its fees left alone.
struct Untouched {
    world: World,
    forwards: u64,
    earned_msat: u64,
}

impl Untouched {
    fn advance(&mut self, to: Timestamp) {
        self.world.step_until(to);
        let _ = self.world.drain_htlc_events();
        for forward in self.world.drain_forwards() {
            self.forwards += 1;
            self.earned_msat = self.earned_msat.saturating_add(forward.fee.0);
        }
    }
}

/// A demo whose days are over. What it was shown on, and its page, last as long as this.
pub struct Ended {
    /// How it went.
    pub summary: Summary,
    _demo: Demo,
    _folder: TempDir,
}

/// Shows it, until the days are over or `stop` says so.
pub async fn run(wishes: &DemoOptions, stop: &CancellationToken) -> Result<Ended, DemoError> {
    if let Some(kept) = wishes.keep_database.as_ref().filter(|path| path.exists()) {
        return Err(DemoError::Exists(kept.clone()));
    }
    let folder = tempfile::tempdir()
        .map_err(|error| DemoError::File("cannot create a temporary directory".into(), error))?;
    let mut demo = Demo::prepare(wishes, folder.path()).await?;
    #[cfg(feature = "web")]
    if let Some(port) = wishes.web {
        let clock = NodeClock(demo.node.clone());
        web::open(port, &demo.config, clock, demo.pulse.clone(), stop).await?;
    }
    let mut screen = Screen::new(wishes.quiet);
    let played = demo.play(wishes, &mut screen, stop).await;
    screen.close();
    played?;
    let frame = demo.frame_lines(usize::MAX).await?;
    if let Some(path) = &wishes.keep_database {
        demo.reader.copy_to(path).await?;
    }
    Ok(Ended {
        summary: demo.summary(&frame),
        _demo: demo,
        _folder: folder,
    })
}

struct Demo {
    node: SimNode,
    /// Dropping it would end the node.
    _server: Server,
    untouched: Untouched,
    config: Config,
    #[cfg(feature = "web")]
    pulse: Pulse,
    cycle: Cycle<Lnd, Lnd, SqliteStore, NodeClock>,
    reader: StoreReader,
    started: Timestamp,
    days: u32,
    seed: u64,
    moves: Vec<Move>,
    changes: usize,
    failures: usize,
    earned: Vec<Earned>,
    overview: Option<Overview>,
    prune: Vec<String>,
    forwards: u64,
}

impl Demo {
    async fn prepare(wishes: &DemoOptions, folder: &Path) -> Result<Self, DemoError> {
        let scenario = scenario(wishes)?;
        let network = load::network(&scenario.network)?;
        let map = Arc::new(survey(&network, &scenario)?);
        let twin = || World::new(Arc::clone(&map), &scenario, scenario.seed);
        let options = Options {
            scenario: scenario.clone(),
            past: PAST,
            ..Options::default()
        };
        let node = SimNode::on(twin(), &options)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::start(node.clone(), &folder.join("lnd"), listen)?;
        let started = node.now();
        let mut untouched = Untouched {
            world: twin(),
            forwards: 0,
            earned_msat: 0,
        };
        untouched.advance(started);
        (untouched.forwards, untouched.earned_msat) = (0, 0);

        let mut config = Config::parse(SETTINGS, Some(folder)).map_err(|faults| {
            let faults = faults.iter().map(ToString::to_string);
            DemoError::Settings(faults.collect::<Vec<_>>().join("; "))
        })?;
        let lnd = Lnd::new(LndConfig {
            address: server.address().to_string(),
            tls: Tls::Pinned(server.cert_path()),
            macaroon: MacaroonSource::File(server.macaroon_path("admin")),
            socks5_proxy: None,
            request_timeout: Duration::from_secs(30),
        })?;
        config.store = folder.join("sweetspot.db");
        let store = SqliteStore::open(&config.store).await?;
        let reader = StoreReader::open(&config.store).await?;
        VitalSigns::at_start(started, false)
            .beat(&store, started)
            .await;
        let clock = NodeClock(node.clone());
        let backfill_from = started.minus(config.backfill);
        let cycle = Cycle::start(lnd.clone(), lnd, store, clock, backfill_from).await?;
        Ok(Self {
            node,
            _server: server,
            untouched,
            config,
            #[cfg(feature = "web")]
            pulse: Pulse::default(),
            cycle,
            reader,
            started,
            days: wishes.days,
            seed: scenario.seed,
            moves: vec![],
            changes: 0,
            failures: 0,
            earned: vec![Earned::default()],
            overview: None,
            prune: vec![],
            forwards: 0,
        })
    }

    async fn play(
        &mut self,
        wishes: &DemoOptions,
        screen: &mut Screen,
        stop: &CancellationToken,
    ) -> Result<(), DemoError> {
        let step = self.config.book.node.fast_interval;
        let ends_at = self.started.plus(DAY * self.days);
        let mut framed_at = None;
        let mut pacer = screen::Pacer::new(wishes.speed);
        while !stop.is_cancelled() {
            self.cycle_once(stop).await?;
            #[cfg(feature = "web")]
            self.pulse.alive();
            let now = self.node.now();
            if framed_at.is_none_or(|at| now.since(at) >= FRAME_INTERVAL) || now >= ends_at {
                framed_at = Some(now);
                let lines = self.frame_lines(screen.rows()).await?;
                screen.show(&lines);
            }
            if now >= ends_at {
                return Ok(());
            }
            self.node.advance(step);
            let now = self.node.now();
            self.untouched.advance(now);
            pacer.keep_pace(step).await;
        }
        Ok(())
    }

    /// One turn of the daemon's cycle, and what is to be told of it.
    async fn cycle_once(&mut self, stop: &CancellationToken) -> Result<(), DemoError> {
        let orders = CycleOptions {
            layers: &self.config.book,
            observe_only: false,
            report_due: false,
        };
        let turn = match self.cycle.run(orders, stop).await {
            Ok(turn) => turn,
            // The simulated node has outages, which the daemon rides through.
            Err(CycleError::Node(error)) => {
                tracing::debug!(%error, "the simulated node is away");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.changes += turn.changed;
        self.failures += turn.failed;
        if turn.changed > 0 {
            self.note_moves().await?;
        }
        Ok(())
    }

    async fn note_moves(&mut self) -> Result<(), DemoError> {
        let now = self.node.now();
        let seen = self.node.observe();
        for (point, decision) in self.reader.last_decisions().await? {
            let (Verdict::Change { to }, true) = (decision.verdict, decision.at == now) else {
                continue;
            };
            let Some(channel) = seen.channels.get(&point) else {
                continue;
            };
            self.moves.push(Move {
                at: now,
                scid: channel.scid,
                peer: channel.peer_name(),
                from_ppm: decision.current.unwrap_or_default().outbound.0,
                to_ppm: to.outbound.0,
                why: decision.story(),
            });
        }
        Ok(())
    }

    /// The frame of this moment, and its place in the record of what was earned.
    async fn frame_lines(&mut self, rows: usize) -> Result<Vec<String>, DemoError> {
        let now = self.node.now();
        let overview = Overview::gather(&self.config.book, &self.reader, now).await?;
        let total = self.reader.total(self.started, now).await?;
        self.forwards = total.count;
        let earned = Earned {
            ours_msat: total.fees.0,
            untouched_msat: self.untouched.earned_msat,
        };
        self.earned.push(earned);
        self.prune = self.recommendations().await?;
        let frame = Frame {
            now,
            day: now.days_since(self.started),
            days: self.days,
            seed: self.seed,
            earned,
            forwards: total.count,
            changes: self.changes,
            channels: &overview.channels,
            moves: &self.moves,
            prune: &self.prune,
        };
        let lines = frame.lines(rows);
        self.overview = Some(overview);
        Ok(lines)
    }

    async fn recommendations(&self) -> Result<Vec<String>, DemoError> {
        let memory = self.reader.memory().await?;
        let seen = self.node.observe();
        let advised = seen.channels.values().filter_map(|channel| {
            let settings = self.config.book.resolve(channel, seen.tip, seen.at);
            let clocks = &memory.channels.get(&channel.point)?.prune;
            let advice = rules::advice(clocks, channel, &settings);
            matches!(advice, Advice::Prune(_)).then(|| {
                let advice = advice.words(&rfc3339);
                format!("{}: {advice}", channel.peer_name())
            })
        });
        Ok(advised.collect())
    }

    fn summary(&self, last_frame: &[String]) -> Summary {
        let channels = self.overview.as_ref().map_or(0, |seen| seen.channels.len());
        let earned = self.earned.last().copied().unwrap_or_default();
        #[allow(clippy::cast_precision_loss)]
        let channel_days = (channels as f64 * f64::from(self.days)).max(1.0);
        Summary {
            days: self.days,
            seed: self.seed,
            channels,
            earned_msat: earned.ours_msat,
            untouched_msat: earned.untouched_msat,
            forwards: self.forwards,
            untouched_forwards: self.untouched.forwards,
            changes: self.changes,
            failures: self.failures,
            #[allow(clippy::cast_precision_loss)]
            updates_per_channel_day: self.changes as f64 / channel_days,
            prune: self.prune.clone(),
            picture: picture::draw(last_frame, &self.earned, self.days),
        }
    }
}

fn scenario(wishes: &DemoOptions) -> Result<Scenario, DemoError> {
    let mut scenario = match &wishes.scenario {
        None => Scenario::parse(SCENARIO)?,
        Some(named) if Path::new(named).is_file() => {
            let text = std::fs::read_to_string(named)
                .map_err(|error| DemoError::File(format!("cannot read {named}"), error))?;
            Scenario::parse(&text)?
        }
        Some(named) => Scenario::named(named)?,
    };
    if let Some(seed) = wishes.seed {
        scenario.seed = seed;
    }
    Ok(scenario)
}
