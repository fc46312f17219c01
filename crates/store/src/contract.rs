//! Facts that hold of every store, run on each.

use super::fixtures::*;
use super::{MemoryStore, SqliteStore};
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::ports::{CycleRecord, Store};
use sweetspot_core::settings::alias_pins::{AliasPin, AliasPins};
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::testing::{channel, point};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::raw_forward::{OddForward, RawForward};
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
    a_forward_that_cannot_be_one_is_kept_aside_once,
    the_names_of_peers_are_those_stored_last,
    the_conditions_that_hold_are_those_stored_last,
    a_scid_means_the_channel_it_was_last_stored_for,
    what_cycles_leave_is_remembered,
    a_change_is_open_until_its_outcome_is_known,
    each_stage_of_a_change_is_remembered,
    a_change_that_was_never_intended_cannot_end,
    an_end_that_is_stored_again_and_one_of_what_was_never_sent_change_nothing,
    thinning_takes_nothing_needed_to_go_on,
);

/// Every forward in the order of its number, which may leave gaps.
async fn stored(store: &impl Store) -> Vec<Forward> {
    let all = store.forwards_after(0, u32::MAX).await.expect("reads");
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    all.into_iter().map(|row| row.forward).collect()
}

async fn open(store: &impl Store) -> Vec<(ChannelPoint, FeeChange)> {
    store.load().await.expect("loads").open_changes
}

async fn a_fresh_store_remembers_nothing(store: impl Store) {
    let loaded = store.load().await.expect("loads");
    assert_eq!(loaded.engine.memory(), &memory(&[], 0));
    assert_eq!(loaded.cursor, None);
    assert_eq!(loaded.open_changes, []);
    assert_eq!(stored(&store).await, []);
}

async fn a_store_belongs_to_the_node_it_met_first(store: impl Store) {
    store.bind_node("02aa").await.expect("meets");
    store.bind_node("02aa").await.expect("meets again");
    let refused = store.bind_node("03bb").await.expect_err("another node");
    assert!(refused.to_string().contains("02aa, not to"), "{refused}");
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
    let many: Vec<Forward> = (1..=2_500).map(forward).collect();
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

async fn a_forward_that_cannot_be_one_is_kept_aside_once(store: impl Store) {
    let odd = |fee_msat| {
        let raw = RawForward {
            settled_at_nanos: u64::MAX,
            fee_msat,
            ..RawForward::default()
        };
        raw.checked().expect_err("it cannot be one")
    };
    let (one, two) = (odd(1), odd(u64::MAX));
    let kept = async |odd: &[OddForward]| store.quarantine(odd).await.expect("stores");
    assert_eq!(kept(&[one]).await, [one]);
    assert_eq!(kept(&[one, two, two]).await, [two]);
    assert_eq!(kept(&[two, one]).await, []);
    assert_eq!(stored(&store).await, []);
}

async fn the_names_of_peers_are_those_stored_last(store: impl Store) {
    let pins = |names: &[(&str, u8)]| {
        AliasPins::of(names.iter().map(|(pattern, n)| {
            let pin = AliasPin {
                alias: format!("name {n}").into(),
                told: (*n > 1).then(|| "another".into()),
            };
            ((*pattern).to_owned(), channel(*n).peer, pin)
        }))
    };
    let loaded = async || store.load().await.expect("loads").names;
    assert_eq!(loaded().await, AliasPins::default());
    for names in [&[("a*", 1), ("a*", 2), ("", 1)][..], &[("a*", 2)], &[]] {
        store.save_names(&pins(names)).await.expect("stores");
        assert_eq!(loaded().await, pins(names));
    }
}

async fn the_conditions_that_hold_are_those_stored_last(store: impl Store) {
    let latches = |held: &[(&str, u8, bool)]| {
        let parts = held.iter().copied();
        Latches::of(parts.map(|(condition, n, holds)| (condition.to_owned(), point(n), holds)))
    };
    let loaded = async || store.load().await.expect("loads").latches;
    assert_eq!(loaded().await, Latches::default());
    for held in [
        &[
            ("max_local_ratio 0.1", 1, true),
            ("max_local_ratio 0.1", 2, false),
        ][..],
        &[
            ("max_local_ratio 0.1", 2, true),
            ("min_local_sat 5", 2, false),
        ],
        &[],
    ] {
        store.save_latches(&latches(held)).await.expect("stores");
        assert_eq!(loaded().await, latches(held));
    }
}

async fn a_scid_means_the_channel_it_was_last_stored_for(store: impl Store) {
    let alias = Scid(u64::MAX);
    store
        .add_ids(&[(alias, point(1)), (Scid(7), point(2))])
        .await
        .expect("stores");
    store.add_ids(&[(alias, point(2))]).await.expect("stores");
    let engine = store.load().await.expect("loads").engine;
    assert_eq!(engine.resolve(Scid(7)), Some(point(2)));
    assert_eq!(engine.resolve(alias), Some(point(2)));
    assert_eq!(engine.resolve(Scid(8)), None);
}

/// Runs cycles as the daemon does, and has the store take each.
struct Daemon<'a, S> {
    store: &'a S,
    engine: Engine,
    begins_anew: bool,
}

impl<'a, S: Store> Daemon<'a, S> {
    fn new(store: &'a S) -> Self {
        Self {
            store,
            engine: Engine::default(),
            begins_anew: true,
        }
    }

    async fn cycle(&mut self, secs: i64, channels: &[u8]) {
        let checkpoint = self.begins_anew.then(|| self.engine.checkpoint(false));
        self.begins_anew = false;
        let mut counting = self.engine.begin(input(secs, channels));
        let counted = self.store.count_through(&mut counting, i64::MAX).await;
        counted.expect("counts");
        let outcome = counting.watch().decide();
        let record = CycleRecord {
            input: &outcome.input,
            decisions: &outcome.decisions,
            market: &self.engine.memory().node.market,
            checkpoint: checkpoint.as_ref(),
        };
        self.store.record_cycle(record).await.expect("stores");
    }

    async fn change(&mut self, change: &FeeChange) {
        self.engine.note(point(1), change);
        let stored = self.store.record_change(point(1), change).await;
        stored.expect("stores");
    }

    async fn is_remembered(&self) {
        let loaded = self.store.load().await.expect("loads");
        assert!(loaded.complete);
        assert_eq!(loaded.engine.memory(), self.engine.memory());
    }
}

async fn what_cycles_leave_is_remembered(store: impl Store) {
    let mut daemon = Daemon::new(&store);
    store.add_ids(&names(&[1, 2, 3])).await.expect("stores");
    for (secs, channels) in [(10, &[1, 2][..]), (310, &[2, 3]), (610, &[2]), (910, &[])] {
        let settled = [forward(secs - 3)];
        store
            .add_forwards(&settled, cursor(5, secs))
            .await
            .expect("stores");
        daemon.cycle(secs, channels).await;
        daemon.is_remembered().await;
        daemon.begins_anew = secs == 310;
    }
    assert!(!daemon.engine.memory().channels.is_empty());
}

async fn a_change_is_open_until_its_outcome_is_known(store: impl Store) {
    let record = async |n, change: &FeeChange| {
        let stored = store.record_change(point(n), change).await;
        stored.expect("stores");
    };
    let (first, second) = (intended(10), intended(11));
    record(1, &first).await;
    record(2, &second).await;
    assert_eq!(
        open(&store).await,
        [(point(1), first.clone()), (point(2), second.clone())]
    );
    let unanswered = first.ended(Stage::Sent, at(12), "");
    record(1, &unanswered).await;
    assert_eq!(open(&store).await.len(), 2);
    record(1, &unanswered.ended(Stage::NotApplied, at(12), "")).await;
    assert_eq!(open(&store).await, [(point(2), second.clone())]);
    record(2, &second.ended(Stage::Refused, at(13), "no")).await;
    assert_eq!(open(&store).await, []);
}

async fn each_stage_of_a_change_is_remembered(store: impl Store) {
    let mut daemon = Daemon::new(&store);
    daemon.cycle(10, &[1]).await;
    let change = intended(11);
    daemon.change(&change).await;
    daemon.is_remembered().await;
    daemon.cycle(310, &[1]).await;
    daemon.cycle(910, &[1]).await;
    // A later read found out: what is remembered has settled by the same.
    let settled = change.ended(Stage::NotApplied, at(910), "");
    let stored = store.record_change(point(1), &settled).await;
    stored.expect("stores");
    assert_eq!(open(&store).await, []);
    daemon.is_remembered().await;
    let change = intended(1_211);
    daemon.cycle(1_210, &[1]).await;
    daemon.change(&change).await;
    daemon
        .change(&change.ended(Stage::Refused, at(1_212), "no"))
        .await;
    daemon.is_remembered().await;
}

async fn a_change_that_was_never_intended_cannot_end(store: impl Store) {
    let ended = intended(10).ended(Stage::Confirmed, at(11), "");
    let stored = store.record_change(point(1), &ended).await;
    let error = stored.expect_err("no such change");
    let expected = format!(
        "no fee change of {} intended at {} is open",
        point(1),
        at(10)
    );
    assert_eq!(error.reason, expected);
    assert_eq!(open(&store).await, []);
}

async fn an_end_that_is_stored_again_and_one_of_what_was_never_sent_change_nothing(
    store: impl Store,
) {
    let record = async |change: &FeeChange| {
        let stored = store.record_change(point(1), change).await;
        stored.expect("stores");
    };
    let change = intended(10);
    let not_sent = change.clone().ended(Stage::NotSent, at(11), "");
    record(&not_sent).await;
    record(&change).await;
    assert_eq!(open(&store).await, [(point(1), change)]);
    record(&not_sent).await;
    assert_eq!(open(&store).await, []);
    record(&not_sent).await;
    assert_eq!(open(&store).await, []);
}

async fn thinning_takes_nothing_needed_to_go_on(store: impl Store) {
    store.add_ids(&names(&[1, 2])).await.expect("stores");
    store
        .add_forwards(&[forward(10)], cursor(5, 10))
        .await
        .expect("stores");
    let mut daemon = Daemon::new(&store);
    daemon.cycle(10, &[1]).await;
    daemon.cycle(310, &[1]).await;
    daemon.change(&intended(310)).await;
    let before = format!("{:?}", store.load().await.expect("loads"));
    let ten_years = at(10 * 365 * 86_400);
    store.thin(ten_years).await.expect("thins");
    assert_eq!(format!("{:?}", store.load().await.expect("loads")), before);
    assert_eq!(stored(&store).await, [forward(10)]);
}

async fn damage(store: &SqliteStore, sql: &'static str) {
    let mut tx = store.begin().await.expect("begins");
    let done = sqlx::query(sql).execute(&mut tx.connection).await;
    assert_eq!(done.expect("executes").rows_affected(), 1);
    tx.commit().await.expect("commits");
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_made_again_from_the_one_before() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("db")).await;
    let store = store.expect("opens");
    let mut daemon = Daemon::new(&store);
    for (secs, begins) in [(10, true), (310, false), (610, true), (910, false)] {
        daemon.begins_anew = begins;
        daemon.cycle(secs, &[1, 2]).await;
    }
    let last = "update turns set beginning = x'00ff' where id = 3";
    damage(&store, last).await;
    daemon.is_remembered().await;
    damage(&store, "update turns set beginning = x'00ff' where id = 1").await;
    let loaded = store.load().await.expect("loads");
    assert!(!loaded.complete);
    assert_eq!(loaded.engine.memory(), &memory(&[], 0));
}

#[tokio::test]
async fn a_cycle_that_cannot_be_read_frees_no_limit() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(directory.path().join("db")).await;
    let store = store.expect("opens");
    let mut daemon = Daemon::new(&store);
    daemon.cycle(10, &[1]).await;
    daemon.cycle(310, &[1]).await;
    daemon.cycle(610, &[1]).await;
    let change = intended(611);
    daemon.change(&change).await;
    daemon
        .change(&change.ended(Stage::Confirmed, at(612), ""))
        .await;
    damage(&store, "update turns set given = x'00ff' where id = 2").await;
    let loaded = store.load().await.expect("loads");
    assert!(!loaded.complete);
    let known = loaded.engine.channel(point(1)).expect("remembered");
    let lived = daemon.engine.channel(point(1)).expect("remembered");
    assert_eq!(known.fee.written_at, lived.fee.written_at);
    assert_eq!(known.fee.writes, lived.fee.writes);
    assert!(known.fee.written_at.is_some());
}

#[tokio::test]
async fn a_failing_memory_store_changes_nothing() {
    let store = MemoryStore::default();
    store.fail(Some("disk full"));
    let error = store
        .add_forwards(&[forward(1)], cursor(0, 1))
        .await
        .expect_err("fails");
    assert_eq!(
        error.to_string(),
        "cannot store forwards (in memory): disk full"
    );
    assert!(store.record_change(point(1), &intended(1)).await.is_err());
    store.fail(None);
    assert_eq!(stored(&store).await, []);
    assert_eq!(store.changes(), []);
}
