//! The real store, on a disk that fills up and loses power.

use std::future::Future;
use std::path::{Path, PathBuf};

use sweetspot_core::ports::{
    CycleRecord, ForwardLog, Heartbeat, HistoryCursor, Loaded, Store, StoreError,
};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::settings::orders::Orders;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::day_total::{DayRange, DayTotals};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::raw_forward::OddForward;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::SqliteStore;
use tokio::task::spawn_blocking;

use crate::world::{World, number};

/// Work in real time, for which virtual time stands still: without it, time would
/// run on to the next deadline whenever the database's thread is at work.
pub async fn in_no_time<T>(work: impl Future<Output = T>) -> T {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let still = spawn_blocking(move || wait.recv().is_err());
    let result = work.await;
    drop(done);
    let _ = still.await;
    result
}

/// The database at a path, in this world.
pub struct Disk {
    world: World,
    store: SqliteStore,
    path: PathBuf,
}

/// What becomes of a piece of work.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Good,
    /// Not even begun.
    Fails,
    /// Done, and rolled back.
    FailsMidway,
    /// Stored, though the caller hears otherwise.
    StoredUnheard,
    DiesBefore,
    DiesMidway,
    DiesAfter,
}

impl Disk {
    pub async fn open(path: &Path, world: &World) -> Self {
        let store = in_no_time(SqliteStore::open(path)).await;
        Self {
            world: world.clone(),
            store: store.expect("a database that was left by any means opens"),
            path: path.to_owned(),
        }
    }

    pub async fn close(self) {
        in_no_time(self.store.close()).await.expect("closes");
    }

    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    fn fault(&self) -> StoreError {
        StoreError {
            action: format!("cannot store ({})", self.path.display()),
            reason: "the disk is full".to_owned(),
            source: None,
        }
    }

    /// Does a piece of work and undoes it before it is stored.
    async fn undone<T>(&self, work: impl Future<Output = Result<T, StoreError>>) {
        self.store.fill_disk(true);
        let stored = in_no_time(work).await;
        self.store.fill_disk(false);
        assert!(stored.is_err(), "nothing is stored on a full disk");
    }

    async fn work<T>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fate = self.world.tell(|state| {
            let fate = if state.chance.happens(state.deadly) {
                let fates = [Fate::DiesBefore, Fate::DiesMidway, Fate::DiesAfter];
                state.chance.one_of(&fates)
            } else if state.chance.happens(state.trouble) {
                let fates = [Fate::Fails, Fate::FailsMidway, Fate::StoredUnheard];
                state.chance.one_of(&fates)
            } else {
                Fate::Good
            };
            match fate {
                Fate::Fails => state.event(format!("{what}: the disk is full")),
                Fate::FailsMidway => state.event(format!("{what}: rolled back")),
                Fate::StoredUnheard => state.event(format!("{what}: stored, but not heard of")),
                _ => {}
            }
            fate
        });
        match fate {
            Fate::Good => in_no_time(work).await,
            Fate::Fails => Err(self.fault()),
            Fate::FailsMidway => {
                self.undone(work).await;
                Err(self.fault())
            }
            Fate::StoredUnheard => {
                in_no_time(work).await?;
                Err(self.fault())
            }
            Fate::DiesBefore => self.world.die(&format!("before: {what}")).await,
            Fate::DiesMidway => {
                self.undone(work).await;
                self.world.die(&format!("within: {what}")).await
            }
            Fate::DiesAfter => {
                in_no_time(work).await?;
                self.world.die(&format!("after: {what}")).await
            }
        }
    }
}

impl ForwardLog for Disk {
    async fn forwards_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredForward>, StoreError> {
        self.work("read forwards", self.store.forwards_after(seq, limit))
            .await
    }

    async fn day_totals(&self, days: DayRange) -> Result<DayTotals, StoreError> {
        self.work("read days", self.store.day_totals(days)).await
    }
}

impl Store for Disk {
    async fn load(&self) -> Result<Loaded, StoreError> {
        in_no_time(self.store.load()).await
    }

    async fn bind_node(&self, pubkey: &str) -> Result<(), StoreError> {
        self.work("bind", self.store.bind_node(pubkey)).await
    }

    async fn add_forwards(
        &self,
        forwards: &[Forward],
        cursor: HistoryCursor,
    ) -> Result<(), StoreError> {
        self.work("store forwards", self.store.add_forwards(forwards, cursor))
            .await
    }

    async fn save_latches(&self, latches: &Latches) -> Result<(), StoreError> {
        self.work("store latches", self.store.save_latches(latches))
            .await
    }

    async fn save_names(&self, names: &AliasPins) -> Result<(), StoreError> {
        self.work("store names", self.store.save_names(names)).await
    }

    async fn orders(&self) -> Result<Orders, StoreError> {
        self.work("read orders", self.store.orders()).await
    }

    async fn beat(&self, beat: &Heartbeat) -> Result<(), StoreError> {
        self.work("beat", self.store.beat(beat)).await
    }

    async fn quarantine(&self, odd: &[OddForward]) -> Result<Vec<OddForward>, StoreError> {
        self.work("quarantine", self.store.quarantine(odd)).await
    }

    async fn add_ids(&self, ids: &[(Scid, ChannelPoint)]) -> Result<(), StoreError> {
        self.work("store scids", self.store.add_ids(ids)).await
    }

    async fn record_cycle(&self, record: CycleRecord<'_>) -> Result<(), StoreError> {
        let work = async {
            self.store.record_cycle(record).await?;
            self.world.tell(|state| {
                let seen = &record.input.seen;
                let with_policy = seen.channels.values().filter(|c| c.policy.is_some());
                let seen = with_policy.map(|channel| number(channel.point));
                state.oracle.recorded(seen);
            });
            Ok(())
        };
        self.work("record the cycle", work).await
    }

    async fn record_change(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
    ) -> Result<(), StoreError> {
        let work = async {
            self.store.record_change(point, change).await?;
            self.world
                .tell(|state| state.oracle.stored(point, change.clone()));
            Ok(())
        };
        let what = format!("store that {} is {}", number(point), change.stage);
        self.work(&what, work).await
    }

    async fn thin(&self, now: Timestamp) -> Result<(), StoreError> {
        self.work("thin", self.store.thin(now)).await
    }
}
