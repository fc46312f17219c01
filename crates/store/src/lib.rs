//! The memory on disk: SQLite behind the `Store` port.
//!
//! One connection writes, each piece of work in one transaction that is on the
//! disk when it returns. A connection whose transaction did not come to its end
//! (an error, a cancelled future) is closed, which rolls it back, and the next
//! piece of work opens a new one: no half-known connection is ever reused.

mod alias_pins;
mod aside;
mod backup;
mod chain_fees;
mod changes;
mod columns;
#[cfg(test)]
mod contract;
mod costs;
mod cycle;
mod day_totals;
mod decided;
mod deflated;
mod failed_forwards;
mod fault;
#[cfg(test)]
mod fixtures;
mod flows;
mod forms;
mod forward_pack;
mod forward_packs;
mod forwards;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod heartbeat;
#[cfg(any(test, feature = "testing"))]
mod in_memory;
mod journal;
mod latches;
mod ledger;
mod marker;
mod market;
#[cfg(test)]
mod mishaps;
mod odd_forwards;
mod open;
mod orders;
mod page;
mod patch;
mod peers;
mod reader;
mod recall;
mod retention;
mod size;
mod state;
mod turns;

use std::fs::File;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};
use tokio::sync::{Mutex, MutexGuard};

use fault::Fault;
use journal::CycleLogReader;
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::ports::{
    CycleRecord, ForwardLog, Heartbeat, HistoryCursor, Loaded, Shrunk, Store, StoreError,
};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::settings::orders::Orders;
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::day_total::{DayRange, DayTotals};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::raw_forward::OddForward;
use sweetspot_core::types::time::Timestamp;

pub use backup::{RestoreError, Restored, restore};
pub use failed_forwards::FailedByReason;
pub use flows::{ChannelFlow, Leg};
pub use forms::{channel_memory_as_stored, node_memory_as_stored};
pub use health::{Health, TableSize};
#[cfg(any(test, feature = "testing"))]
pub use in_memory::MemoryStore;
pub use ledger::{DayBalance, Ledger, Sale};
pub use open::{OpenError, OpenFault};
pub use orders::{GiveError, NewOrder, give_orders};
pub use peers::PeerBook;
pub use reader::{KnownChannel, LastCycle, StoreReader};
pub use turns::{Journal, StoredTurn};

/// Packs of forwards made at once, once a day: a million forwards, two seconds. An earlier
/// version's, which are all rows, take some days.
const MOST_PACKS: u32 = 200;

/// The database of a running daemon. While it lives no other daemon can open
/// the same file; readers can.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// `None` after a transaction that did not come to its end.
    connection: Mutex<Option<SqliteConnection>>,
    /// Where the journal of turns stands; `None` while that is not known.
    log_reader: Mutex<Option<CycleLogReader>>,
    /// The orders read so far: none is ever changed or taken back.
    orders: Mutex<Orders>,
    lock: File,
    unclean: bool,
    /// Whether no work can be brought to its end: the disk is full, in a test.
    #[cfg(feature = "testing")]
    full: std::sync::atomic::AtomicBool,
}

impl SqliteStore {
    /// Opens the database at `path`, creating it or bringing it up to date
    /// where needed; its directory must exist.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        match open::for_writing(&path).await {
            Ok(opened) => Ok(Self {
                path,
                options: opened.options,
                connection: Mutex::new(Some(opened.connection)),
                log_reader: Mutex::new(None),
                orders: Mutex::default(),
                lock: opened.lock,
                unclean: opened.unclean,
                #[cfg(feature = "testing")]
                full: Default::default(),
            }),
            Err(fault) => Err(OpenError { path, fault }),
        }
    }

    /// Whether the last daemon was killed on it. Nothing is lost by that: what it
    /// had begun is settled by the next cycles.
    pub fn was_left_unclean(&self) -> bool {
        self.unclean
    }

    /// Closes the file tidily: its write-ahead log is merged into it, and other
    /// users' programs can read it without write access. A store that is dropped
    /// instead loses nothing.
    pub async fn close(self) -> Result<(), StoreError> {
        let work = async {
            let connection = match self.connection.lock().await.take() {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            backup::close(connection).await?;
            let noted = marker::Left::Closed.note(&self.lock);
            noted.map_err(|error| sqlx::Error::Io(error).into())
        };
        work.await
            .map_err(|fault| self.error("cannot close the database", fault))
    }

    /// From now on all work fails when it is about to be stored, and is undone.
    #[cfg(feature = "testing")]
    pub fn fill_disk(&self, full: bool) {
        self.full.store(full, std::sync::atomic::Ordering::Relaxed);
    }

    async fn begin(&self) -> Result<Transaction<'_>, Fault> {
        let Lent {
            slot,
            mut connection,
        } = self.take().await?;
        connection.execute("begin immediate").await?;
        Ok(Transaction {
            slot,
            connection,
            #[cfg(feature = "testing")]
            full: self.full.load(std::sync::atomic::Ordering::Relaxed),
        })
    }

    /// For reading, and for a statement that is stored whole or not at all by itself:
    /// beginning and ending a transaction around it would take three times as long.
    async fn lend(&self) -> Result<Lent<'_>, Fault> {
        #[cfg(feature = "testing")]
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(storage_full());
        }
        self.take().await
    }

    async fn take(&self) -> Result<Lent<'_>, Fault> {
        let mut slot = self.connection.lock().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Lent { slot, connection })
    }

    fn error(&self, action: impl AsRef<str>, fault: Fault) -> StoreError {
        StoreError {
            action: format!("{} ({})", action.as_ref(), self.path.display()),
            reason: fault.to_string(),
            source: fault.into_source(),
        }
    }
}

#[cfg(feature = "testing")]
fn storage_full() -> Fault {
    sqlx::Error::Io(std::io::ErrorKind::StorageFull.into()).into()
}

/// The connection outside of a transaction. Work that is cut short takes it along.
struct Lent<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Lent<'_> {
    fn give_back(mut self) {
        *self.slot = Some(self.connection);
    }
}

/// A piece of work that is stored whole or not at all.
struct Transaction<'a> {
    slot: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
    #[cfg(feature = "testing")]
    full: bool,
}

impl Transaction<'_> {
    /// Returns once everything is on the disk.
    async fn commit(mut self) -> Result<(), Fault> {
        #[cfg(feature = "testing")]
        if self.full {
            return Err(storage_full());
        }
        self.connection.execute("commit").await?;
        *self.slot = Some(self.connection);
        Ok(())
    }
}

impl ForwardLog for SqliteStore {
    async fn forwards_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredForward>, StoreError> {
        let work = async {
            let mut lent = self.lend().await?;
            let found = forwards::after(&mut lent.connection, seq, limit).await?;
            lent.give_back();
            Ok(found)
        };
        work.await
            .map_err(|fault| self.error(format!("cannot read the forwards after {seq}"), fault))
    }

    async fn day_totals(&self, days: DayRange) -> Result<DayTotals, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let found = day_totals::read(&mut tx.connection, days).await?;
            tx.commit().await?;
            Ok(found)
        };
        work.await
            .map_err(|fault| self.error("cannot read the forwards by days", fault))
    }
}

impl Store for SqliteStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let db = &mut tx.connection;
            let stored = recall::read(db).await?;
            let loaded = Loaded {
                engine: Engine::default(),
                complete: true,
                cursor: forwards::cursor(db).await?,
                open_changes: changes::open(db).await?,
                cycles_since_checkpoint: stored.cycles(),
                names: alias_pins::load(db).await?,
                latches: latches::load(db).await?,
            };
            tx.commit().await?;
            Ok((stored, loaded))
        };
        let (stored, loaded) = work
            .await
            .map_err(|fault| self.error("cannot load the stored state", fault))?;
        let recall::Recalled { engine, complete } = stored.recall(self).await?;
        Ok(Loaded {
            engine,
            complete,
            ..loaded
        })
    }

    async fn bind_node(&self, pubkey: &str) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            state::bind_node(&mut tx.connection, pubkey).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot bind the database to the node", fault))
    }

    async fn add_forwards(
        &self,
        forwards: &[Forward],
        cursor: HistoryCursor,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let new = forwards::insert(&mut tx.connection, forwards).await?;
            if !new.is_empty() {
                day_totals::add(&mut tx.connection, &new).await?;
            }
            forwards::move_cursor(&mut tx.connection, cursor, !new.is_empty()).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error(format!("cannot store {} forwards", forwards.len()), fault))
    }

    async fn save_latches(&self, latches: &Latches) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            latches::save(&mut tx.connection, latches).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store which conditions hold", fault))
    }

    async fn save_names(&self, names: &AliasPins) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            alias_pins::save(&mut tx.connection, names).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error("cannot store the names of peers", fault))
    }

    async fn orders(&self) -> Result<Orders, StoreError> {
        self.load_orders().await
    }

    async fn beat(&self, beat: &Heartbeat) -> Result<(), StoreError> {
        self.store_beat(beat).await
    }

    async fn quarantine(&self, odd: &[OddForward]) -> Result<Vec<OddForward>, StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            let new = odd_forwards::insert(&mut tx.connection, odd).await?;
            tx.commit().await?;
            Ok(new)
        };
        work.await
            .map_err(|fault| self.error(format!("cannot quarantine {} forwards", odd.len()), fault))
    }

    async fn add_ids(&self, ids: &[(Scid, ChannelPoint)]) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            state::insert_ids(&mut tx.connection, ids).await?;
            tx.commit().await
        };
        work.await
            .map_err(|fault| self.error(format!("cannot store {} scids", ids.len()), fault))
    }

    async fn record_cycle(&self, record: CycleRecord<'_>) -> Result<(), StoreError> {
        let work = async {
            let mut slot = self.log_reader.lock().await;
            let mut tx = self.begin().await?;
            let log_reader = cycle::record(&mut tx.connection, slot.take(), record).await?;
            tx.commit().await?;
            *slot = Some(log_reader);
            Ok(())
        };
        work.await.map_err(|fault| {
            self.error(
                format!("cannot store the cycle of {}", record.input.seen.at),
                fault,
            )
        })
    }

    async fn record_change(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut lent = self.lend().await?;
            changes::record(&mut lent.connection, point, change).await?;
            lent.give_back();
            Ok(())
        };
        work.await.map_err(|fault| {
            let what = match change.stage {
                Stage::Intended => "the intent",
                _ => "the end",
            };
            self.error(
                format!("cannot store {what} of a fee change of {point}"),
                fault,
            )
        })
    }

    async fn thin(&self, now: Timestamp) -> Result<(), StoreError> {
        let work = async {
            let mut tx = self.begin().await?;
            retention::thin(&mut tx.connection, now).await?;
            tx.commit().await?;
            for _ in 0..MOST_PACKS {
                let mut tx = self.begin().await?;
                let packed = forwards::pack_rows(&mut tx.connection).await?;
                tx.commit().await?;
                if !packed {
                    break;
                }
            }
            Ok(())
        };
        work.await
            .map_err(|fault| self.error("cannot delete old rows", fault))
    }

    async fn shrink(&self, now: Timestamp, most_bytes: u64) -> Result<Shrunk, StoreError> {
        let work = async {
            let mut dropped = 0;
            // A day at a time: whoever is killed meanwhile keeps what is done.
            loop {
                let mut tx = self.begin().await?;
                let making_room = dropped > 0;
                let day =
                    size::drop_oldest(&mut tx.connection, now, most_bytes, making_room).await?;
                tx.commit().await?;
                if day == 0 {
                    break;
                }
                dropped += day;
            }
            let mut slot = self.connection.lock().await;
            let connection = match slot.as_mut() {
                Some(connection) => connection,
                None => slot.insert(self.options.connect().await?),
            };
            let bytes = size::give_back(connection, most_bytes).await?;
            Ok(Shrunk { dropped, bytes })
        };
        work.await
            .map_err(|fault| self.error("cannot make the database smaller", fault))
    }
}
