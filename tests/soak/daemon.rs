//! One story: the daemon is started, runs, dies and is started again, and at the
//! end everything is looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use sweetspot::config::Config;
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::ports::{Clock, ForwardLog, Heartbeat, Store};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_store::StoreReader;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::disk::{Disk, in_no_time};
use crate::settings::SETTINGS;
use crate::world::{HOUR, MINUTE, World, number, point};

/// As the daemon waits: between cycles, and after one that failed.
const STEP: Duration = MINUTE.saturating_mul(5);
const RETRY_PAUSE: Duration = Duration::from_secs(15);
const THIN_INTERVAL: Duration = HOUR.saturating_mul(24);

/// How long it is calm before everything must be settled.
const CALM: Duration = HOUR.saturating_mul(3);

type Living = Cycle<World, World, Disk, World>;

/// What a story was about.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub cycles: u64,
    pub deaths: u64,
    pub asked: usize,
    pub done: usize,
    pub forwards: usize,
    pub odd: u64,
    pub jumps: i64,
    pub digest: u64,
}

/// Tells the story of a seed.
pub fn tell(seed: u64, span: Duration) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime")
        .block_on(Story::tell(seed, span))
}

struct Story {
    seed: u64,
    world: World,
    folder: tempfile::TempDir,
    config: Config,
}

impl Story {
    async fn tell(seed: u64, span: Duration) -> Told {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("sweetspot.db");
        let store = format!("[store]\npath = {:?}\n", database.display().to_string());
        let inbound = format!("[inbound]\ndiscount = {}\n", seed.is_multiple_of(2));
        let classic = if seed.is_multiple_of(3) {
            "strategy = \"classic\"\nmin_ppm"
        } else {
            "min_ppm"
        };
        let settings = SETTINGS.replacen("min_ppm", classic, 1) + &inbound + &store;
        fs::write(folder.path().join("config.toml"), &settings).expect("writes");
        let story = Self {
            seed,
            world: World::of(seed),
            config: Config::parse(&settings, Some(folder.path())).expect("good settings"),
            folder,
        };
        let ends = Instant::now() + span;
        while Instant::now() < ends {
            story.one_life(ends).await;
        }
        story.world.calm();
        story.one_life(Instant::now() + CALM).await;
        story.look_at_everything().await
    }

    fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("sweetspot.db")
    }

    /// From a start of the daemon until it dies, is stopped, or the story ends.
    async fn one_life(&self, ends: Instant) {
        let world = &self.world;
        let calm = world.tell(|state| {
            state.event("the daemon starts");
            state.observe_only = ends > Instant::now() + CALM && state.chance.happens(0.15);
            state.calm
        });
        let disk = Disk::open(&self.database(), world).await;
        let backfill_from = world.now().minus(self.config.backfill);
        let cycle = Cycle::start(
            world.clone(),
            world.clone(),
            disk,
            world.clone(),
            backfill_from,
        );
        let mut cycle = cycle.await.expect("what was stored can be loaded");
        let mut thinned_at = None;
        while Instant::now() < ends {
            if !calm {
                world.something_happens(&self.database()).await;
            }
            let began = Instant::now();
            let turned = tokio::select! {
                biased;
                () = world.killed() => None,
                good = self.one_turn(&mut cycle, &mut thinned_at) => Some(good),
            };
            world.tell(|state| state.oracle.cycle_took(began.elapsed()));
            world.judge(self.seed);
            let Some(good) = turned else {
                drop(cycle);
                world.tell(|state| state.oracle.deaths += 1);
                self.away().await;
                return;
            };
            sleep(if good { STEP } else { RETRY_PAUSE }).await;
            if !calm && world.tell(|state| state.chance.below(400) == 0) {
                world.tell(|state| state.event("the daemon is stopped"));
                cycle.into_store().close().await;
                return;
            }
        }
        cycle.into_store().close().await;
    }

    /// Between two lives; sometimes the machine starts anew.
    async fn away(&self) {
        let (reboots, secs) = self
            .world
            .tell(|state| (state.chance.below(4) == 0, state.chance.between(1, 4_000)));
        sleep(Duration::from_secs(secs)).await;
        if reboots {
            self.world
                .tell(|state| state.event("the machine starts anew"));
            self.world.rebooted();
        }
    }

    /// As the daemon's loop does: a cycle, a sign of life, old rows once a day.
    async fn one_turn(&self, cycle: &mut Living, thinned_at: &mut Option<Timestamp>) -> bool {
        let options = CycleOptions {
            layers: &self.config.book,
            observe_only: self.world.tell(|state| state.observe_only),
            report_due: false,
        };
        let ran = cycle.run(options, &CancellationToken::new()).await;
        if let Err(error) = &ran {
            let folder = self.folder.path().display().to_string();
            let error = error.to_string().replace(&folder, "");
            self.world
                .tell(|state| state.event(format!("the cycle fails: {error}")));
        }
        self.world.tell(|state| state.is_bound |= ran.is_ok());
        let now = self.world.now();
        let beat = Heartbeat {
            version: "0.1.0".to_owned(),
            pid: 1,
            started_at: now,
            observe_only: options.observe_only,
            at: now,
            since: now,
            error: ran.as_ref().err().map(|error| error.to_string().into()),
        };
        let _ = cycle.store().beat(&beat).await;
        let due = |now: &Timestamp| thinned_at.is_none_or(|at| now.since(at) >= THIN_INTERVAL);
        if let Some(now) = cycle.undoubted_now().filter(due) {
            *thinned_at = Some(now);
            let _ = cycle.store().thin(now).await;
        }
        ran.is_ok()
    }

    async fn look_at_everything(self) -> Told {
        let disk = Disk::open(&self.database(), &self.world).await;
        let stored = in_no_time(disk.store().forwards_after(0, u32::MAX)).await;
        let stored: Vec<Forward> = stored.expect("reads").iter().map(|s| s.forward).collect();
        let loaded = in_no_time(disk.store().load()).await.expect("loads");
        disk.close().await;
        let reader = in_no_time(StoreReader::open(self.database()))
            .await
            .expect("opens");
        let far = Timestamp::from_nanos(i64::MAX);
        let changes = in_no_time(reader.changes(Timestamp::EPOCH, far)).await;
        let changes = changes.expect("reads");
        let odd = in_no_time(reader.quarantined()).await.expect("reads");
        drop(reader);
        if let Some(folder) = std::env::var_os("SWEETSPOT_KEEP") {
            let kept = Path::new(&folder).join("sweetspot.db");
            fs::copy(self.database(), kept).expect("copies");
            let events = Path::new(&folder).join("events");
            fs::write(events, self.world.events()).expect("writes");
        }
        self.forwards_are_complete(&stored, odd);
        self.counts_are_right(&loaded.engine, &stored);
        self.fees_are_as_told(&loaded.engine, &changes);
        self.world.tell(|state| state.oracle.settled(&changes));
        self.world.judge(self.seed);
        self.journal_replays();
        self.world.tell(|state| {
            let (done, asked) = state.oracle.weight();
            Told {
                cycles: state.oracle.cycles,
                deaths: state.oracle.deaths,
                asked,
                done,
                forwards: stored.len(),
                odd,
                jumps: state.oracle.jumps,
                digest: state.digest,
            }
        })
    }

    /// Each forward of the node once, and none that is not its. What settled on a clock
    /// that was ahead is there if it was told before the clock was set back.
    fn forwards_are_complete(&self, stored: &[Forward], odd: u64) {
        self.world.tell(|state| {
            let now = state.wall().nanos().unsigned_abs();
            let told = |at: &u64| *at <= now || i64::try_from(*at).is_err();
            let mut stored = stored.to_vec();
            stored.sort_by_key(|forward| forward.settled_at);
            let mut wanted: Vec<Forward> = vec![];
            let mut bad = 0..=0;
            for (at, raw) in &state.history {
                match raw.checked() {
                    Ok(forward) if told(at) || stored.contains(&forward) => wanted.push(forward),
                    Ok(_) => {}
                    Err(_) => {
                        bad = bad.start() + u64::from(told(at))..=bad.end() + 1;
                    }
                }
            }
            wanted.sort_by_key(|forward| forward.settled_at);
            if wanted != stored {
                let missing: Vec<_> = wanted.iter().filter(|f| !stored.contains(f)).collect();
                let first = missing.first().map(|forward| forward.settled_at);
                let (wanted, stored) = (wanted.len(), stored.len());
                state.oracle.finds(format!(
                    "{stored} forwards are stored of {wanted}; missing {}, first {first:?}",
                    missing.len()
                ));
            }
            if !bad.contains(&odd) {
                state
                    .oracle
                    .finds(format!("{odd} odd records are kept of {bad:?}"));
            }
        });
    }

    /// What was counted is what was forwarded, of the node and of each channel.
    fn counts_are_right(&self, engine: &sweetspot_core::engine::cycle::Engine, all: &[Forward]) {
        let from = self.world.now().minus(HOUR * 24 * 20);
        let recent = all
            .iter()
            .filter(|f| f.settled_at.utc_day() >= from.utc_day());
        let mut sold: BTreeMap<ChannelPoint, Msat> = BTreeMap::new();
        let (mut of_node, mut fees) = (0, 0);
        for forward in recent {
            (of_node, fees) = (of_node + forward.amount_out.0, fees + forward.fee.0);
            if let Some(point) = engine.resolve(forward.scid_out) {
                sold.entry(point).or_default().0 += forward.amount_out.0;
            }
        }
        let memory = engine.memory();
        let counted = memory.node.meter.volume.since_day_of(from);
        self.world.tell(|state| {
            if (counted.sold.0, counted.fees.0) != (of_node, fees) {
                let counted = (counted.sold.0, counted.fees.0);
                state
                    .oracle
                    .finds(format!("counted {counted:?} of {:?}", (of_node, fees)));
            }
            for (point, channel) in &memory.channels {
                let counted = channel
                    .meter
                    .volume
                    .since_day_of(from.max(channel.meter.since));
                let wanted = sold.get(point).copied().unwrap_or_default();
                if from > channel.meter.since && counted.sold != wanted {
                    let n = number(*point);
                    let counted = counted.sold;
                    state
                        .oracle
                        .finds(format!("counted {counted} of {wanted} sold by {n}"));
                }
            }
        });
    }

    /// The node has the fees that are remembered, unless somebody else set them.
    fn fees_are_as_told(
        &self,
        engine: &sweetspot_core::engine::cycle::Engine,
        changes: &[(ChannelPoint, FeeChange)],
    ) {
        self.world.tell(|state| {
            let mut found = vec![];
            for (n, channel) in &state.channels {
                let fees = channel.policy.map(|policy| policy.fees);
                let Some(memory) = engine.channel(point(*n)) else {
                    found.push(format!("{n} is not remembered"));
                    continue;
                };
                let foreign = memory.fee.foreign.map(|foreign| foreign.fees);
                if foreign.or(memory.fee.confirmed) != fees {
                    found.push(format!(
                        "{n} is remembered otherwise than it is: {memory:?}"
                    ));
                }
            }
            if changes.is_empty() && !state.oracle.is_paused() {
                found.push("nothing was ever changed".to_owned());
            }
            found.into_iter().for_each(|what| state.oracle.finds(what));
        });
    }

    /// Every stored cycle is decided again as it was.
    fn journal_replays(&self) {
        let config: &Path = &self.folder.path().join("config.toml");
        let mut command = Command::cargo_bin("sweetspot").expect("is built");
        let shown = command.arg("--config").arg(config).arg("replay").output();
        let shown = shown.expect("runs");
        let said = String::from_utf8_lossy(&shown.stdout);
        if !shown.status.success() {
            let said: String = said.chars().take(3_000).collect();
            let error = String::from_utf8_lossy(&shown.stderr);
            self.world
                .tell(|state| state.oracle.finds(format!("the replay: {said}{error}")));
        }
        self.world.judge(self.seed);
    }
}
