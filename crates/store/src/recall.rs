//! What the daemon remembers, from what is stored.
//!
//! A cycle that cannot be read costs what it and those after it would have taught,
//! never the daemon its start, nor the limits what was written: the node is the truth
//! about fees.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use tracing::warn;

use super::fault::Fault;
use super::journal::{self, CycleLogReader, TurnRow};
use super::{state, turns};
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::ports::{FORWARDS_PER_READ, ForwardLog, StoreError};
use sweetspot_core::recall::{StoredCycle, follow};
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{ChannelIds, ChannelPoint, Scid};
use sweetspot_core::types::fee_change::FeeChange;

/// What is stored of it.
pub(super) struct Stored {
    names: Vec<(Scid, ChannelPoint)>,
    /// What an earlier version remembered, until the first cycle of this one.
    earlier: Memory,
    /// What was remembered at the last place where that can be read ...
    checkpoint: Option<Checkpoint>,
    /// ... and the turns from there on.
    rows: Vec<TurnRow>,
    /// Whether there was such a place, but none can be read.
    lost: bool,
    changes: BTreeMap<i64, Vec<(ChannelPoint, FeeChange)>>,
}

/// What is remembered, and whether that is all that was stored.
pub(super) struct Recalled {
    pub engine: Engine,
    pub complete: bool,
}

/// Reads what is needed, at one moment.
pub(super) async fn read(db: &mut SqliteConnection) -> Result<Stored, Fault> {
    let mut rows = journal::since_last_beginning(&mut *db, i64::MAX).await?;
    let mut lost = false;
    let checkpoint = loop {
        let Some(first) = rows.first() else {
            break None;
        };
        match first.checkpoint() {
            Ok(checkpoint) => {
                lost = false;
                break checkpoint;
            }
            Err(fault) => {
                warn!(turn = first.id, error = %fault, "what was remembered is unreadable: looking further back");
                lost = true;
                rows = journal::since_last_beginning(&mut *db, first.id).await?;
            }
        }
    };
    let first = rows.first().map_or(0, |row| row.id);
    Ok(Stored {
        checkpoint,
        lost,
        names: state::ids(&mut *db).await?,
        earlier: state::load_earlier(&mut *db).await?,
        changes: turns::changes(&mut *db, first, i64::MAX).await?,
        rows,
    })
}

impl Stored {
    /// How many cycles there are from the last checkpoint on; `None` without one.
    pub fn cycles(&self) -> Option<u32> {
        let cycles = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        (cycles > 0).then_some(cycles)
    }

    /// Leads what is remembered through every cycle since it was stored whole.
    pub async fn recall<L: ForwardLog>(mut self, log: &L) -> Result<Recalled, StoreError> {
        let mut recalled = self.begin();
        if self.rows.is_empty() {
            count_all(&mut recalled.engine, log).await?;
        }
        let mut reader = CycleLogReader::default();
        for row in self.rows.iter().filter(|_| recalled.complete) {
            let input = match reader.read(row) {
                Ok(input) => input.clone(),
                Err(fault) => {
                    warn!(turn = row.id, error = %fault, "a stored cycle is unreadable: what it and later ones taught is forgotten, but for what was written");
                    recalled.complete = false;
                    self.note_writes(&mut recalled.engine);
                    break;
                }
            };
            let changes = self.changes.remove(&row.id).unwrap_or_default();
            follow(&mut recalled.engine, log, StoredCycle { input, changes }).await?;
        }
        Ok(recalled)
    }

    fn begin(&mut self) -> Recalled {
        let complete = !self.lost;
        let engine = match self.checkpoint.take() {
            Some(checkpoint) => {
                let mut engine = Engine::at(checkpoint);
                for (scid, point) in &self.names {
                    engine.learn(*scid, *point);
                }
                engine
            }
            None => Engine::new(std::mem::take(&mut self.earlier), self.names()),
        };
        Recalled { engine, complete }
    }

    /// Notes what is left of changes: limits on writing hold for them, too.
    fn note_writes(&self, engine: &mut Engine) {
        for (point, change) in self.changes.values().flatten() {
            engine.note(*point, change);
        }
    }

    fn names(&self) -> ChannelIds {
        let mut names = ChannelIds::default();
        for (scid, point) in &self.names {
            names.insert(*scid, *point);
        }
        names
    }
}

/// What an earlier version remembered lacks every forward.
async fn count_all<L: ForwardLog>(engine: &mut Engine, log: &L) -> Result<(), StoreError> {
    let seen_at = engine.memory().node.seen_at;
    if let Some(days) = seen_at.and_then(|at| engine.days_to_count(at)) {
        engine.count_days(&log.day_totals(days).await?, days);
    }
    loop {
        let after = engine.counted_through();
        let chunk = log.forwards_after(after, FORWARDS_PER_READ).await?;
        if chunk.is_empty() {
            return Ok(());
        }
        engine.count(&chunk);
    }
}
