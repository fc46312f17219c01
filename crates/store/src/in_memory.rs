//! A store that forgets everything when the process ends, for tests of whole
//! cycles. Clones share one memory, so that a test
//! can "restart" on what an earlier daemon stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::fault::no_such_change;
use super::retention;
use sweetspot_core::decision::Decision;
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::ports::{
    CycleRecord, ForwardLog, Heartbeat, HistoryCursor, Loaded, Store, StoreError,
};
use sweetspot_core::recall::{StoredCycle, follow};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::settings::orders::{Order, Orders};
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::day_total::{DayRange, DayTotals};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::{Forward, StoredForward};
use sweetspot_core::types::raw_forward::OddForward;
use sweetspot_core::types::time::Timestamp;

/// The store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    failure: Option<String>,
    unheard: bool,
    node: Option<String>,
    cycles: Vec<(StoredCycle, Option<Checkpoint>)>,
    cursor: Option<HistoryCursor>,
    ids: BTreeMap<Scid, ChannelPoint>,
    settled: BTreeSet<Timestamp>,
    forwards: Vec<StoredForward>,
    odd: Vec<OddForward>,
    names: AliasPins,
    latches: Latches,
    decisions: Vec<Decision>,
    changes: Vec<(ChannelPoint, FeeChange)>,
    orders: Orders,
    beat: Option<Heartbeat>,
}

impl MemoryStore {
    /// From now on every call fails for this reason and changes nothing; with
    /// `None`, calls succeed again.
    pub fn fail(&self, reason: Option<&str>) {
        self.contents(|contents| contents.failure = reason.map(str::to_owned));
    }

    /// How far the next fee change has come is stored, and the call fails all the same.
    pub fn leave_a_change_unheard(&self) {
        self.contents(|contents| contents.unheard = true);
    }

    /// Every decision kept, oldest first.
    pub fn decisions(&self) -> Vec<Decision> {
        self.contents(|contents| contents.decisions.clone())
    }

    /// Every write, oldest first.
    pub fn changes(&self) -> Vec<(ChannelPoint, FeeChange)> {
        self.contents(|contents| contents.changes.clone())
    }

    /// The operator orders something.
    pub fn order(&self, order: Order) {
        self.contents(|contents| contents.orders.0.push(order));
    }

    /// The daemon's last sign of life.
    pub fn last_beat(&self) -> Option<Heartbeat> {
        self.contents(|contents| contents.beat.clone())
    }

    /// Every forward kept aside.
    pub fn odd_forwards(&self) -> Vec<OddForward> {
        self.contents(|contents| contents.odd.clone())
    }

    fn contents<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn attempt<T>(
        &self,
        action: &str,
        work: impl FnOnce(&mut Contents) -> Result<T, String>,
    ) -> Result<T, StoreError> {
        self.contents(|contents| match &contents.failure {
            Some(reason) => Err(reason.clone()),
            None => work(contents),
        })
        .map_err(|reason| StoreError {
            action: format!("{action} (in memory)"),
            reason,
            source: None,
        })
    }
}

impl ForwardLog for MemoryStore {
    async fn forwards_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredForward>, StoreError> {
        self.attempt("cannot read forwards", |contents| {
            let later = contents.forwards.iter().filter(|stored| stored.seq > seq);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(later.take(limit).copied().collect())
        })
    }

    async fn day_totals(&self, days: DayRange) -> Result<DayTotals, StoreError> {
        self.attempt("cannot read the forwards by days", |contents| {
            Ok(DayTotals::of(&contents.forwards, days))
        })
    }
}

impl Store for MemoryStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let (mut loaded, cycles, ids) =
            self.attempt("cannot load the stored state", |contents| {
                let changes = contents.changes.iter();
                let loaded = Loaded {
                    complete: true,
                    cursor: contents.cursor,
                    open_changes: changes.filter(|(_, c)| c.is_open()).cloned().collect(),
                    names: contents.names.clone(),
                    latches: contents.latches.clone(),
                    ..Loaded::default()
                };
                Ok((loaded, contents.cycles.clone(), contents.ids.clone()))
            })?;
        let mut cycles = cycles.into_iter().peekable();
        if let Some(checkpoint) = cycles.peek().and_then(|(_, checkpoint)| checkpoint.clone()) {
            loaded.engine = Engine::at(checkpoint);
        }
        for (scid, point) in ids {
            loaded.engine.learn(scid, point);
        }
        loaded.cycles_since_checkpoint = u32::try_from(cycles.len()).ok().filter(|n| *n > 0);
        for (cycle, _) in cycles {
            follow(&mut loaded.engine, self, cycle).await?;
        }
        Ok(loaded)
    }

    async fn bind_node(&self, pubkey: &str) -> Result<(), StoreError> {
        self.attempt("cannot bind the database to the node", |contents| {
            let known = contents.node.get_or_insert_with(|| pubkey.to_owned());
            match known == pubkey {
                true => Ok(()),
                false => Err(format!("it belongs to node {known}, not to {pubkey}")),
            }
        })
    }

    async fn add_forwards(
        &self,
        forwards: &[Forward],
        cursor: HistoryCursor,
    ) -> Result<(), StoreError> {
        self.attempt("cannot store forwards", |contents| {
            for forward in forwards {
                if contents.settled.insert(forward.settled_at) {
                    let last = contents.forwards.last().map_or(0, |stored| stored.seq);
                    contents.forwards.push(StoredForward {
                        seq: forward.settled_at.nanos().max(last.saturating_add(1)),
                        forward: *forward,
                    });
                }
            }
            contents.cursor = Some(cursor);
            Ok(())
        })
    }

    async fn save_latches(&self, latches: &Latches) -> Result<(), StoreError> {
        self.attempt("cannot store which conditions hold", |contents| {
            contents.latches = latches.clone();
            Ok(())
        })
    }

    async fn save_names(&self, names: &AliasPins) -> Result<(), StoreError> {
        self.attempt("cannot store the names of peers", |contents| {
            contents.names = names.clone();
            Ok(())
        })
    }

    async fn orders(&self) -> Result<Orders, StoreError> {
        self.attempt("cannot read orders", |contents| Ok(contents.orders.clone()))
    }

    async fn beat(&self, beat: &Heartbeat) -> Result<(), StoreError> {
        self.attempt("cannot store a sign of life", |contents| {
            contents.beat = Some(beat.clone());
            Ok(())
        })
    }

    async fn quarantine(&self, odd: &[OddForward]) -> Result<Vec<OddForward>, StoreError> {
        self.attempt("cannot quarantine forwards", |contents| {
            let mut new = vec![];
            for one in odd {
                if !contents.odd.contains(one) {
                    contents.odd.push(*one);
                    new.push(*one);
                }
            }
            Ok(new)
        })
    }

    async fn add_ids(&self, ids: &[(Scid, ChannelPoint)]) -> Result<(), StoreError> {
        self.attempt("cannot store scids", |contents| {
            contents.ids.extend(ids.iter().copied());
            Ok(())
        })
    }

    async fn record_cycle(&self, record: CycleRecord<'_>) -> Result<(), StoreError> {
        self.attempt("cannot store a cycle", |contents| {
            contents.decisions.extend_from_slice(record.decisions);
            let cycle = StoredCycle {
                input: record.input.clone(),
                changes: vec![],
            };
            if record.checkpoint.is_some() {
                contents.cycles.clear();
            }
            contents.cycles.push((cycle, record.checkpoint.cloned()));
            Ok(())
        })
    }

    async fn record_change(
        &self,
        point: ChannelPoint,
        change: &FeeChange,
    ) -> Result<(), StoreError> {
        self.attempt("cannot store a fee change", |contents| {
            let unheard = std::mem::take(&mut contents.unheard);
            let last = contents.cycles.last_mut();
            let mut of_cycle = last.map(|(cycle, _)| &mut cycle.changes);
            let kept = &mut contents.changes;
            if change.stage == Stage::Intended {
                kept.push((point, change.clone()));
                if let Some(changes) = &mut of_cycle {
                    changes.push((point, change.clone()));
                }
            } else {
                let same = |(of, kept): &&mut (ChannelPoint, FeeChange)| {
                    *of == point && kept.is_open() && kept.intended_at == change.intended_at
                };
                let ended = kept.iter().any(|(of, kept)| {
                    *of == point && !kept.is_open() && kept.intended_at == change.intended_at
                });
                let Some((_, open)) = kept.iter_mut().rev().find(same) else {
                    return match ended || change.stage == Stage::NotSent {
                        true => Ok(()),
                        false => Err(no_such_change(point, change.intended_at)),
                    };
                };
                // What only a later cycle finds was not known to this one.
                let same = |(of, kept): &&mut (ChannelPoint, FeeChange)| {
                    *of == point && kept.intended_at == change.intended_at
                };
                if let Some((_, kept)) = of_cycle.and_then(|c| c.iter_mut().rev().find(same)) {
                    *kept = change.clone();
                }
                *open = change.clone();
            }
            match unheard {
                true => Err("not heard of".to_owned()),
                false => Ok(()),
            }
        })
    }

    async fn thin(&self, now: Timestamp) -> Result<(), StoreError> {
        self.attempt("cannot delete old rows", |contents| {
            contents
                .decisions
                .retain(|decision| retention::keeps(decision, now));
            Ok(())
        })
    }
}
