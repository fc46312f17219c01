use tempfile::TempDir;

use super::*;
use crate::DayBalance;
use crate::SqliteStore;
use crate::fixtures::*;
use crate::flows::ChannelFlow;
use sweetspot_core::ports::{CycleRecord, Store};
use sweetspot_core::testing::{channel, point};
use sweetspot_core::types::fee_change::Stage;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::units::{Msat, Sat};

async fn place() -> (TempDir, SqliteStore, StoreReader) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("db");
    let store = SqliteStore::open(&path).await.expect("opens");
    let reader = StoreReader::open(&path).await.expect("opens");
    (directory, store, reader)
}

async fn cycle(store: &SqliteStore, secs: i64, channels: &[u8], decisions: &[Decision]) {
    let record = CycleRecord {
        input: &input(secs, channels),
        decisions,
        market: &NodeMarket::default(),
        checkpoint: Some(&checkpoint(channels)),
    };
    store.record_cycle(record).await.expect("stores");
}

#[tokio::test]
async fn a_database_without_history_reads_as_empty() {
    let (_directory, _store, reader) = place().await;
    assert_eq!(reader.channels().await.expect("reads"), []);
    assert_eq!(reader.last_cycle().await.expect("reads"), None);
    assert_eq!(reader.cursor().await.expect("reads"), None);
    assert_eq!(reader.memory().await.expect("reads"), Memory::default());
    let nothing = Leg::default();
    assert_eq!(reader.total(at(0), at(9)).await.expect("reads"), nothing);
}

#[tokio::test]
async fn the_market_is_the_last_cycles() {
    let (_directory, store, reader) = place().await;
    for secs in [10, 20] {
        let market = NodeMarket {
            index_read_at: Some(at(secs)),
            ..NodeMarket::default()
        };
        let record = CycleRecord {
            input: &input(secs, &[1]),
            decisions: &[],
            market: &market,
            checkpoint: Some(&checkpoint(&[1])),
        };
        store.record_cycle(record).await.expect("stores");
        assert_eq!(reader.market().await.expect("reads"), market);
    }
}

#[tokio::test]
async fn a_channel_that_vanishes_is_closed_and_its_history_stays() {
    let (_directory, store, reader) = place().await;
    cycle(&store, 10, &[1, 2], &[hold(1, 10)]).await;
    cycle(&store, 20, &[2], &[]).await;
    let known = |n, first, last, open| KnownChannel {
        channel: channel(n),
        first_seen: at(first),
        last_seen: at(last),
        open,
    };
    let both = [known(2, 10, 20, true), known(1, 10, 10, false)];
    assert_eq!(reader.channels().await.expect("reads"), both);
    assert_eq!(
        reader.decisions(point(1), 5).await.expect("reads"),
        [hold(1, 10)]
    );
    let last = reader.last_cycle().await.expect("reads").expect("a cycle");
    assert_eq!((last.at, last.tip), (at(20), BlockHeight(850_000)));
    let remembered = store.load().await.expect("loads").engine.into_memory();
    assert!(remembered.channels.contains_key(&point(2)));
    assert_eq!(reader.memory().await.expect("reads"), remembered);
}

#[tokio::test]
async fn a_channel_is_shown_as_it_was_in_the_last_cycle() {
    let (_directory, store, reader) = place().await;
    cycle(&store, 10, &[1], &[]).await;
    let mut later = input(20, &[1]);
    for channel in later.seen.channels.values_mut() {
        channel.active = false;
    }
    let record = CycleRecord {
        input: &later,
        decisions: &[],
        market: &NodeMarket::default(),
        checkpoint: None,
    };
    store.record_cycle(record).await.expect("stores");
    let known = reader.channels().await.expect("reads").remove(0);
    assert!(!known.channel.active);
    assert_eq!((known.first_seen, known.last_seen), (at(10), at(20)));
}

#[tokio::test]
async fn a_channel_is_shown_as_it_came_where_the_last_cycle_is_unreadable() {
    let (_directory, store, reader) = place().await;
    cycle(&store, 10, &[1], &[]).await;
    let mut tx = store.begin().await.expect("begins");
    let damage = sqlx::query("update turns set given_whole = x'00ff'");
    let damage = damage.execute(&mut tx.connection).await;
    damage.expect("damages");
    tx.commit().await.expect("commits");
    let known = reader.channels().await.expect("reads");
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].channel, channel(1));
    assert_eq!(known[0].last_seen, at(10));
}

#[tokio::test]
async fn what_changed_a_fee_is_found_when_the_turns_have_dropped_it() {
    let (_directory, store, reader) = place().await;
    let day = 86_400;
    cycle(&store, day, &[1], &[change(1, day)]).await;
    cycle(&store, day + 300, &[1], &[hold(1, day + 300)]).await;
    cycle(&store, 30 * day, &[1], &[hold(1, 30 * day)]).await;
    store.thin(at(30 * day)).await.expect("thins");
    let found = reader.decisions(point(1), 5).await.expect("reads");
    assert_eq!(found, [hold(1, 30 * day), change(1, day)]);
    let until = at(29 * day);
    let found = reader.decisions_until(point(1), until, 5).await;
    assert_eq!(found.expect("reads"), [change(1, day)]);
}

#[tokio::test]
async fn decisions_come_newest_first_with_every_term() {
    let (_directory, store, reader) = place().await;
    cycle(&store, 10, &[1, 2], &[hold(1, 10), change(2, 10)]).await;
    cycle(&store, 20, &[1, 2], &[change(1, 20)]).await;
    cycle(&store, 30, &[1, 2], &[hold(1, 30)]).await;
    assert_eq!(
        reader.decisions(point(1), 2).await.expect("reads"),
        [hold(1, 30), change(1, 20)]
    );
    let last = reader.last_decisions().await.expect("reads");
    let each = [(point(1), hold(1, 30)), (point(2), change(2, 10))];
    assert_eq!(last, BTreeMap::from(each));
}

#[tokio::test]
async fn the_last_fee_change_shows_how_it_ended() {
    let (_directory, store, reader) = place().await;
    let record = async |change: &FeeChange| {
        let stored = store.record_change(point(1), change).await;
        stored.expect("stores");
    };
    record(&intended(10)).await;
    let ended = intended(10).ended(Stage::Refused, at(11), "no edge");
    record(&ended).await;
    let last = async || reader.last_changes().await.expect("reads")[&point(1)].clone();
    assert_eq!(last().await, ended);
    record(&intended(20)).await;
    assert_eq!(last().await, intended(20));
}

#[tokio::test]
async fn fee_changes_are_counted_by_how_they_ended_in_the_time_in_which_they_began() {
    let (_directory, store, reader) = place().await;
    let ends = [
        None,
        Some(Stage::Confirmed),
        Some(Stage::Refused),
        Some(Stage::Confirmed),
        Some(Stage::Sent),
        Some(Stage::NotSent),
        Some(Stage::Confirmed),
    ];
    for (end, secs) in ends.into_iter().zip((10..).step_by(10)) {
        let change = intended(secs);
        store
            .record_change(point(1), &change)
            .await
            .expect("stores");
        if let Some(stage) = end {
            let ended = change.ended(stage, at(1_000), "");
            store.record_change(point(1), &ended).await.expect("stores");
        }
    }
    let counted = async |from, until| {
        let counted = reader.count_ended_changes(at(from), at(until)).await;
        counted.expect("counts")
    };
    assert_eq!(counted(0, 1_000).await, (3, 2));
    assert_eq!(counted(20, 70).await, (2, 2));
    assert_eq!(counted(30, 40).await, (0, 1));
    assert_eq!(counted(71, 1_000).await, (0, 0));
}

#[tokio::test]
async fn a_channel_earns_what_leaves_by_it_under_any_of_its_names() {
    let (_directory, store, reader) = place().await;
    let alias = Scid(u64::MAX - 1);
    store.add_ids(&names(&[1, 2])).await.expect("stores");
    store.add_ids(&[(alias, point(2))]).await.expect("stores");
    let stray = Scid(99);
    let forwards = [
        forward(9),
        forward(10),
        Forward {
            scid_out: alias,
            ..forward(11)
        },
        Forward {
            scid_out: stray,
            ..forward(12)
        },
        forward(20),
    ];
    store
        .add_forwards(&forwards, cursor(0, 20))
        .await
        .expect("stores");
    let leg = |count, amount, fees| Leg {
        count,
        amount: Msat(amount),
        fees: Msat(fees),
    };
    let flows = reader.ledger(at(10), at(20)).await.expect("reads").channels;
    let incoming = ChannelFlow {
        incoming: leg(3, 3_003_000, 3_000),
        ..ChannelFlow::default()
    };
    let outgoing = ChannelFlow {
        outgoing: leg(2, 2_000_000, 2_000),
        ..ChannelFlow::default()
    };
    let each = [(point(1), incoming), (point(2), outgoing)];
    assert_eq!(flows, BTreeMap::from(each));
    let total = reader.total(at(10), at(20)).await.expect("reads");
    assert_eq!(total, leg(3, 3_000_000, 3_000));
}

#[tokio::test]
async fn a_sum_that_no_number_holds_is_the_largest() {
    let (_directory, store, reader) = place().await;
    store.add_ids(&names(&[1, 2])).await.expect("stores");
    let all_bitcoin = Msat(2_100_000_000_000_000_000);
    let forwards: Vec<Forward> = (1..=20)
        .map(|secs| Forward {
            amount_in: all_bitcoin,
            amount_out: all_bitcoin,
            fee: Msat(3),
            ..forward(secs)
        })
        .collect();
    let stored = store.add_forwards(&forwards, cursor(0, 20)).await;
    stored.expect("stores");
    let total = async |until| reader.total(at(1), at(until)).await.expect("reads");
    let within = total(6).await;
    assert_eq!(within.amount, Msat(5 * all_bitcoin.0));
    let beyond = total(21).await;
    assert_eq!((beyond.count, beyond.amount), (20, Msat(u64::MAX)));
    assert_eq!(beyond.fees, Msat(60));
    let flows = reader.ledger(at(1), at(21)).await.expect("reads").channels;
    assert_eq!(flows[&point(1)].incoming.amount, Msat(u64::MAX));
}

#[tokio::test]
async fn a_channel_is_found_by_each_of_its_names() {
    let (_directory, store, reader) = place().await;
    let alias = Scid(16_000_000 << 40);
    store.add_ids(&names(&[1, 2, 11])).await.expect("stores");
    store.add_ids(&[(alias, point(2))]).await.expect("stores");
    cycle(&store, 10, &[1, 2, 11], &[]).await;
    let found = async |text: &str| -> Vec<ChannelPoint> {
        let found = reader.find(text).await.expect("reads");
        found.into_iter().map(|known| known.channel.point).collect()
    };
    assert_eq!(found(&point(2).to_string()).await, [point(2)]);
    assert_eq!(found("800002x1x0").await, [point(2)]);
    assert_eq!(found(&alias.0.to_string()).await, [point(2)]);
    assert_eq!(found("PEER-1").await, [point(1)]);
    assert_eq!(found("eer-1").await, [point(1), point(11)]);
    assert_eq!(found("nobody").await, []);
    assert_eq!(found("").await, []);
}

#[tokio::test]
async fn a_change_is_told_with_the_decision_behind_it_however_old() {
    let (_directory, store, reader) = place().await;
    let day = 86_400;
    for secs in [day, 30 * day] {
        let decided = [change(1, secs), hold(2, secs)];
        cycle(&store, secs, &[1, 2], &decided).await;
        let changed = intended(secs + 7);
        let stored = store.record_change(point(1), &changed).await;
        stored.expect("stores");
    }
    store.thin(at(30 * day)).await.expect("thins");
    let behind = async |of: Option<ChannelPoint>, from| {
        let found = reader.decisions_behind_changes(of, at(from), at(31 * day));
        found.await.expect("reads").into_iter().collect::<Vec<_>>()
    };
    let old = ((point(1), at(day + 7)), change(1, day));
    let new = ((point(1), at(30 * day + 7)), change(1, 30 * day));
    assert_eq!(behind(Some(point(2)), 0).await, []);
    assert_eq!(behind(None, 0).await, [old.clone(), new.clone()]);
    assert_eq!(behind(Some(point(1)), 0).await, [old, new.clone()]);
    assert_eq!(behind(None, 2 * day).await, [new]);
}

#[tokio::test]
async fn a_channels_days_are_as_it_was_first_read_on_each() {
    let (_directory, store, reader) = place().await;
    let day = 86_400;
    for (secs, gone) in [(day, 0), (day + 300, 7), (3 * day, 9)] {
        let mut seen = input(secs, &[1, 2]);
        for channel in seen.seen.channels.values_mut() {
            channel.local_balance.0 -= gone;
        }
        let record = CycleRecord {
            input: &seen,
            decisions: &[],
            market: &NodeMarket::default(),
            checkpoint: Some(&checkpoint(&[1, 2])),
        };
        store.record_cycle(record).await.expect("stores");
    }
    let usual = channel(1);
    let of = |day, gone| DayBalance {
        day,
        local: Sat(usual.local_balance.0 - gone),
        remote: usual.remote_balance,
        fee: usual.policy.map(|policy| policy.fees.outbound),
    };
    let first = at(day).utc_day();
    let all = reader.day_balances(point(1), first).await.expect("reads");
    assert_eq!(all, [of(first, 0), of(first + 2, 9)]);
    let late = reader.day_balances(point(1), first + 1).await;
    assert_eq!(late.expect("reads"), [of(first + 2, 9)]);
}
