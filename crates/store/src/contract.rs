//! Facts that hold of every store, run on each.

use super::fixtures::*;
use super::{MemoryStore, SqliteStore};
use sweetspot_core::ports::{CycleRecord, PendingWrite, Store, WriteId, WriteOutcome};
use sweetspot_core::testing::point;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::units::Msat;

macro_rules! facts_of_every_store {
    ($($fact:ident),+ $(,)?) => {
        mod on_disk {
            use super::SqliteStore;
            $(#[tokio::test]
            async fn $fact() {
                let directory = tempfile::tempdir().expect("a directory");
                let store = SqliteStore::open(directory.path().join("db")).await.expect("opens");
                super::$fact(store).await;
            })+
        }
        mod in_memory {
            use super::MemoryStore;
            $(#[tokio::test]
            async fn $fact() {
                super::$fact(MemoryStore::default()).await;
            })+
        }
    };
}

facts_of_every_store!(
    a_fresh_store_remembers_nothing,
    a_store_belongs_to_the_node_it_met_first,
    a_forward_read_twice_is_stored_once,
    a_late_forward_comes_after_those_stored_before_it,
    forwards_come_in_pages,
    the_widest_forward_reads_back_as_written,
    a_scid_means_the_channel_it_was_last_stored_for,
    a_cycle_leaves_its_memory_and_no_other,
    an_intent_is_pending_until_its_outcome_is_known,
    a_write_and_its_memory_are_stored_together,
    a_write_that_was_never_begun_cannot_end,
    thinning_takes_nothing_needed_to_go_on,
);

/// Every forward in the order of its number, which may leave gaps.
async fn stored(store: &impl Store) -> Vec<Forward> {
    let all = store.forwards_after(0, u32::MAX).await.expect("reads");
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    all.into_iter().map(|row| row.forward).collect()
}

async fn pending(store: &impl Store) -> Vec<PendingWrite> {
    store.load().await.expect("loads").pending
}

async fn a_fresh_store_remembers_nothing(store: impl Store) {
    let loaded = store.load().await.expect("loads");
    assert_eq!(loaded.memory, memory(&[], 0));
    assert_eq!(loaded.cursor, None);
    assert_eq!(loaded.ids, []);
    assert_eq!(loaded.pending, []);
    assert_eq!(stored(&store).await, []);
}

async fn a_store_belongs_to_the_node_it_met_first(store: impl Store) {
    store.bind_node("02aa").await.expect("meets");
    store.bind_node("02aa").await.expect("meets again");
    let refused = store.bind_node("03bb").await.expect_err("another node");
    assert!(refused.to_string().contains("02aa, not of"), "{refused}");
}

async fn a_forward_read_twice_is_stored_once(store: impl Store) {
    let page = [forward(10), forward(11)];
    store
        .add_forwards(&page, cursor(5, 11))
        .await
        .expect("stores");
    let overlapping = [forward(11), forward(12), forward(12)];
    store
        .add_forwards(&overlapping, cursor(5, 12))
        .await
        .expect("stores");
    let once = [forward(10), forward(11), forward(12)];
    assert_eq!(stored(&store).await, once);
    let loaded = store.load().await.expect("loads");
    assert_eq!(loaded.cursor, Some(cursor(5, 12)));
}

async fn a_late_forward_comes_after_those_stored_before_it(store: impl Store) {
    let page = [forward(20), forward(30)];
    store
        .add_forwards(&page, cursor(0, 30))
        .await
        .expect("stores");
    let before = store.forwards_after(0, 10).await.expect("reads");
    store
        .add_forwards(&[forward(10)], cursor(0, 30))
        .await
        .expect("stores");
    let new = store
        .forwards_after(before[1].seq, 10)
        .await
        .expect("reads");
    let new: Vec<Forward> = new.into_iter().map(|row| row.forward).collect();
    assert_eq!(new, [forward(10)]);
}

async fn forwards_come_in_pages(store: impl Store) {
    let many: Vec<Forward> = (0..2_500).map(forward).collect();
    store
        .add_forwards(&many, cursor(0, 2_500))
        .await
        .expect("stores");
    let (mut read, mut last) = (vec![], 0);
    loop {
        let page = store.forwards_after(last, 999).await.expect("reads");
        assert!(page.len() <= 999);
        let Some(newest) = page.last() else { break };
        last = newest.seq;
        read.extend(page.into_iter().map(|row| row.forward));
    }
    assert_eq!(read, many);
}

async fn the_widest_forward_reads_back_as_written(store: impl Store) {
    let all_bitcoin = Msat(2_100_000_000_000_000_000);
    let widest = Forward {
        scid_in: Scid(u64::MAX),
        scid_out: Scid(0),
        amount_in: all_bitcoin,
        amount_out: Msat(0),
        fee: all_bitcoin,
        ..forward(1)
    };
    store
        .add_forwards(&[widest], cursor(0, 1))
        .await
        .expect("stores");
    assert_eq!(stored(&store).await, [widest]);
}

async fn a_scid_means_the_channel_it_was_last_stored_for(store: impl Store) {
    let alias = Scid(u64::MAX);
    store
        .add_ids(&[(alias, point(1)), (Scid(7), point(2))])
        .await
        .expect("stores");
    store.add_ids(&[(alias, point(2))]).await.expect("stores");
    let mut ids = store.load().await.expect("loads").ids;
    ids.sort();
    assert_eq!(ids, [(Scid(7), point(2)), (alias, point(2))]);
}

async fn a_cycle_leaves_its_memory_and_no_other(store: impl Store) {
    for (secs, channels, seq) in [(10, &[1, 2][..], 4), (20, &[2, 3][..], 9)] {
        let record = CycleRecord {
            input: &input(secs, channels),
            decisions: &[hold(2, secs)],
            memory: &memory(channels, seq),
            checkpoint: None,
        };
        store.record_cycle(record).await.expect("stores");
        let loaded = store.load().await.expect("loads");
        assert_eq!(loaded.memory, memory(channels, seq));
    }
}

async fn an_intent_is_pending_until_its_outcome_is_known(store: impl Store) {
    let remembered = channel_memory(1.0);
    let first = store
        .begin_write(intent(1, 10), &remembered)
        .await
        .expect("stores");
    let second = store
        .begin_write(intent(2, 11), &remembered)
        .await
        .expect("stores");
    let both = [(first, intent(1, 10)), (second, intent(2, 11))]
        .map(|(id, intent)| PendingWrite { id, intent });
    assert_eq!(pending(&store).await, both);
    for (outcome, left) in [(WriteOutcome::Unknown, 2), (WriteOutcome::NotDone, 1)] {
        store
            .finish_write(first, at(12), outcome, "", &remembered)
            .await
            .expect("stores");
        assert_eq!(pending(&store).await, both[2 - left..]);
    }
    store
        .finish_write(second, at(13), WriteOutcome::Refused, "no", &remembered)
        .await
        .expect("stores");
    assert_eq!(pending(&store).await, []);
}

async fn a_write_and_its_memory_are_stored_together(store: impl Store) {
    let remembered = async || store.load().await.expect("loads").memory.channels;
    let id = store
        .begin_write(intent(1, 10), &channel_memory(1.5))
        .await
        .expect("stores");
    assert_eq!(remembered().await[&point(1)], channel_memory(1.5));
    let confirmed = WriteOutcome::Confirmed;
    store
        .finish_write(id, at(11), confirmed, "", &channel_memory(2.5))
        .await
        .expect("stores");
    assert_eq!(remembered().await[&point(1)], channel_memory(2.5));
}

async fn a_write_that_was_never_begun_cannot_end(store: impl Store) {
    let confirmed = WriteOutcome::Confirmed;
    let error = store
        .finish_write(WriteId(8), at(11), confirmed, "", &channel_memory(2.5))
        .await
        .expect_err("no such write");
    assert_eq!(error.reason, "no write number 8 was ever begun");
    assert_eq!(store.load().await.expect("loads").memory, memory(&[], 0));
}

async fn thinning_takes_nothing_needed_to_go_on(store: impl Store) {
    store.add_ids(&names(&[1, 2])).await.expect("stores");
    store
        .add_forwards(&[forward(10)], cursor(5, 10))
        .await
        .expect("stores");
    let record = CycleRecord {
        input: &input(10, &[1]),
        decisions: &[hold(1, 10), change(1, 10)],
        memory: &memory(&[1], 1),
        checkpoint: None,
    };
    store.record_cycle(record).await.expect("stores");
    store
        .begin_write(intent(1, 10), &channel_memory(1.0))
        .await
        .expect("stores");
    let before = format!("{:?}", store.load().await.expect("loads"));
    let ten_years = at(10 * 365 * 86_400);
    store.thin(ten_years).await.expect("thins");
    assert_eq!(format!("{:?}", store.load().await.expect("loads")), before);
    assert_eq!(stored(&store).await, [forward(10)]);
}

#[tokio::test]
async fn a_failing_memory_store_changes_nothing() {
    let store = MemoryStore::default();
    store.fail(Some("disk full"));
    let error = store
        .add_forwards(&[forward(1)], cursor(0, 1))
        .await
        .expect_err("fails");
    assert_eq!(error.to_string(), "storing forwards (in memory): disk full");
    assert!(
        store
            .begin_write(intent(1, 1), &channel_memory(1.0))
            .await
            .is_err()
    );
    store.fail(None);
    assert_eq!(stored(&store).await, []);
    assert_eq!(store.writes(), []);
}
