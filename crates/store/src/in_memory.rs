//! A store that forgets everything when the process ends: for the simulated
//! node and for tests of whole cycles. Clones share one memory, so that a test
//! can "restart" on what an earlier daemon stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::retention;
use super::writes::WriteRecord;
use sweetspot_core::decision::Decision;
use sweetspot_core::ports::{
    CycleRecord, HistoryCursor, Loaded, PendingWrite, Store, StoreError, StoredForward, WriteId,
    WriteIntent, WriteOutcome,
};
use sweetspot_core::state::memory::{ChannelMemory, Memory};
use sweetspot_core::types::channel::{ChannelPoint, Scid};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;

/// The store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    failure: Option<String>,
    node: Option<String>,
    memory: Memory,
    cursor: Option<HistoryCursor>,
    ids: BTreeMap<Scid, ChannelPoint>,
    settled: BTreeSet<Timestamp>,
    forwards: Vec<Forward>,
    decisions: Vec<Decision>,
    writes: Vec<WriteRecord>,
}

impl MemoryStore {
    /// From now on every call fails for this reason and changes nothing; with
    /// `None`, calls succeed again.
    pub fn fail(&self, reason: Option<&str>) {
        self.contents(|contents| contents.failure = reason.map(str::to_owned));
    }

    /// Every decision kept, oldest first.
    pub fn decisions(&self) -> Vec<Decision> {
        self.contents(|contents| contents.decisions.clone())
    }

    /// Every write, oldest first.
    pub fn writes(&self) -> Vec<WriteRecord> {
        self.contents(|contents| contents.writes.clone())
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
        })
    }
}

impl Store for MemoryStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.attempt("loading what was remembered", |contents| {
            let open =
                |write: &&WriteRecord| matches!(write.outcome, None | Some(WriteOutcome::Unknown));
            Ok(Loaded {
                memory: contents.memory.clone(),
                cursor: contents.cursor,
                ids: contents.ids.iter().map(|(s, p)| (*s, *p)).collect(),
                pending: contents
                    .writes
                    .iter()
                    .filter(open)
                    .map(|write| PendingWrite {
                        id: write.id,
                        intent: write.intent,
                    })
                    .collect(),
                checkpoint_at: None,
            })
        })
    }

    async fn bind_node(&self, pubkey: &str) -> Result<(), StoreError> {
        self.attempt("meeting the node", |contents| {
            let known = contents.node.get_or_insert_with(|| pubkey.to_owned());
            match known == pubkey {
                true => Ok(()),
                false => Err(format!(
                    "it holds the history of node {known}, not of {pubkey}"
                )),
            }
        })
    }

    async fn add_forwards(
        &self,
        forwards: &[Forward],
        cursor: HistoryCursor,
    ) -> Result<(), StoreError> {
        self.attempt("storing forwards", |contents| {
            for forward in forwards {
                if contents.settled.insert(forward.settled_at) {
                    contents.forwards.push(*forward);
                }
            }
            contents.cursor = Some(cursor);
            Ok(())
        })
    }

    async fn forwards_after(&self, seq: i64, limit: u32) -> Result<Vec<StoredForward>, StoreError> {
        self.attempt("reading forwards", |contents| {
            let numbered = (1..).zip(&contents.forwards);
            Ok(numbered
                .filter(|(number, _)| *number > seq)
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .map(|(seq, forward)| StoredForward {
                    seq,
                    forward: *forward,
                })
                .collect())
        })
    }

    async fn add_ids(&self, ids: &[(Scid, ChannelPoint)]) -> Result<(), StoreError> {
        self.attempt("storing scids", |contents| {
            contents.ids.extend(ids.iter().copied());
            Ok(())
        })
    }

    async fn record_cycle(&self, record: CycleRecord<'_>) -> Result<(), StoreError> {
        self.attempt("storing a cycle", |contents| {
            contents.decisions.extend_from_slice(record.decisions);
            contents.memory = record.memory.clone();
            Ok(())
        })
    }

    async fn begin_write(
        &self,
        intent: WriteIntent,
        memory: &ChannelMemory,
    ) -> Result<WriteId, StoreError> {
        self.attempt("storing the intent of a write", |contents| {
            let next = contents.writes.last().map_or(1, |write| write.id.0 + 1);
            let id = WriteId(next);
            contents.writes.push(WriteRecord {
                id,
                intent,
                outcome: None,
                outcome_at: None,
                detail: String::new(),
            });
            let remembered = &mut contents.memory.channels;
            remembered.insert(intent.point, memory.clone());
            Ok(id)
        })
    }

    async fn finish_write(
        &self,
        id: WriteId,
        at: Timestamp,
        outcome: WriteOutcome,
        detail: &str,
        memory: &ChannelMemory,
    ) -> Result<(), StoreError> {
        self.attempt("storing the outcome of a write", |contents| {
            let Some(write) = contents.writes.iter_mut().find(|write| write.id == id) else {
                return Err(format!("no write number {} was ever begun", id.0));
            };
            write.outcome = Some(outcome);
            write.outcome_at = Some(at);
            write.detail = detail.to_owned();
            let remembered = &mut contents.memory.channels;
            remembered.insert(write.intent.point, memory.clone());
            Ok(())
        })
    }

    async fn thin(&self, now: Timestamp) -> Result<(), StoreError> {
        self.attempt("thinning old history", |contents| {
            contents
                .decisions
                .retain(|decision| retention::keeps(decision, now));
            Ok(())
        })
    }
}
