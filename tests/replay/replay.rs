//! What was decided is decided again.

use serde_json::{Value, json};
use sweetspot::daemon::cycle::{Cycle, CycleOptions};
use sweetspot_core::decision::{Decision, Hold, Verdict};
use sweetspot_core::ports::{Clock, Store};
use sweetspot_core::types::time::Timestamp;
use sweetspot_simnode::WriteFault;
use sweetspot_store::StoredTurn;

use tokio_util::sync::CancellationToken;

use crate::market::{DAY, node_after};
use crate::month::{Home, Living, OTHER_SETTINGS, SETTINGS, said};
use crate::node::{FakeNode, Writes};

fn differences(outcome: &Value) -> &Vec<Value> {
    outcome["differences"].as_array().expect("a list")
}

/// That everything comes out the same.
fn assert_same(home: &Home) -> Value {
    let shown = home.run(&["replay"]);
    assert!(shown.status.success(), "{}", said(&shown));
    let outcome = home.json(&["replay", "--json"]);
    assert_eq!(outcome["differences"], json!([]));
    outcome
}

#[tokio::test]
async fn a_month_is_decided_again_to_the_last_bit() {
    let home = Home::after_the_month();
    let outcome = assert_same(&home);
    let turns = home.turns().await;
    let decisions: usize = turns.iter().map(|turn| turn.decisions.len()).sum();
    assert!(decisions > 2_000, "{decisions}");
    assert_eq!(outcome["equal"].as_u64(), u64::try_from(decisions).ok());
    // What it held is dropped after a week, and decided again all the same.
    assert!(outcome["not_stored"].as_i64() > Some(3_000), "{outcome}");
    // It was locked for five.
    assert_eq!(outcome["turns"], 30 * 24 - 5);
    // At each beginning, over restarts.
    assert!(outcome["memories"].as_i64() > Some(25), "{outcome}");
    // Much went wrong with the writes; the month would prove little otherwise.
    for outcome in ["confirmed", "refused", "not_seen"] {
        let sql = format!("select count(*) from writes where outcome = '{outcome}'");
        assert!(home.number(&sql).await > 0, "no write was {outcome}");
    }
    let settled_later = "select count(*) from writes where outcome_turn_id > turn_id";
    assert!(
        home.number(settled_later).await > 0,
        "no write settled later"
    );
    assert!(turns.iter().any(|turn| !turn.input.node_ready));
    let rates = |turn: &StoredTurn| -> Vec<_> {
        let channels = turn.input.seen.channels.values();
        channels.filter_map(|channel| channel.policy).collect()
    };
    let ours = |turn: &StoredTurn| turn.changes.len();
    let by_hand = turns
        .windows(2)
        .any(|two| two.iter().map(ours).sum::<usize>() == 0 && rates(&two[0]) != rates(&two[1]));
    assert!(by_hand, "no fee set by hand");
}

#[tokio::test]
async fn the_journal_takes_no_more_than_the_readme_says() {
    let home = Home::after_the_month();
    let bytes = home
        .number(
            "select sum(coalesce(length(given), 0) + length(body)
                 + coalesce(length(given_whole) + length(beginning), 0))
             from turns join turn_decisions on turn_id = id",
        )
        .await;
    let channel_days = home.number("select count(*) from balances_by_day").await;
    assert!(channel_days > 200, "{channel_days}");
    assert!(bytes / channel_days < 2_000, "{}", bytes / channel_days);
}

#[tokio::test]
async fn a_part_of_the_month_can_be_named() {
    let home = Home::after_the_month();
    let all = home.json(&["replay", "--json"]);
    let days = home.json(&["replay", "--json", "--from", "3d", "--to", "1d"]);
    assert_eq!(days["turns"], 2 * 24 + 1);
    let seen = home.json(&["status", "--json"]);
    let one = home.json(&[
        "replay",
        "--json",
        "--channel",
        seen["channels"][0]["scid"].as_str().expect("text"),
    ]);
    assert!(one["equal"].as_i64() > Some(0));
    assert!(one["equal"].as_i64() < all["equal"].as_i64());
    let reversed = home.run(&["replay", "--from", "1d", "--to", "3d"]);
    assert_eq!(reversed.status.code(), Some(2), "{}", said(&reversed));
    let unknown = home.run(&["replay", "--channel", "nobody"]);
    assert_eq!(unknown.status.code(), Some(65), "{}", said(&unknown));
    let nothing = home.run(&["replay", "--to", "2020-01-01"]);
    assert!(nothing.status.success());
    assert!(said(&nothing).contains("No stored cycles in this time range"));
}

#[tokio::test]
async fn a_changed_decision_is_the_one_difference() {
    let home = Home::after_the_month();
    home.only_changes_are_kept().await;
    let id = home
        .number("select id from decisions where verdict = 'change' order by id limit 1 offset 50")
        .await;
    let sql = format!(
        "update decisions set body = json_set(body, '$.terms.balance', 0.123456) where id = {id}"
    );
    assert_eq!(home.alter(&sql).await, 1);
    let shown = home.run(&["replay"]);
    assert_eq!(shown.status.code(), Some(1), "{}", said(&shown));
    assert!(said(&shown).contains("terms.balance: 0.123456 stored, "));
    let outcome = home.json(&["replay", "--json"]);
    let found = differences(&outcome);
    assert_eq!(found.len(), 1, "{found:?}");
    let at = format!("select at_ns from decisions where id = {id}");
    assert_eq!(
        found[0]["at"],
        Timestamp::from_nanos(home.number(&at).await).to_string()
    );
    let terms = found[0]["what"]["decision"].as_array().expect("terms");
    assert_eq!(terms.len(), 1);
    assert_eq!(terms[0]["name"], "terms.balance");
}

#[tokio::test]
async fn a_decision_that_is_missing_or_extra_is_a_difference() {
    let home = Home::after_the_month();
    home.only_changes_are_kept().await;
    let id = "(select d.id from decisions d left join turn_decisions t on t.turn_id = d.turn_id
               where d.turn_id is not null and t.turn_id is null order by d.id desc limit 1)";
    home.alter(&format!(
        "insert into decisions (channel_id, at_ns, rhythm, verdict, body, turn_id)
         select channel_id, at_ns, rhythm, verdict, body, turn_id from decisions where id = {id}"
    ))
    .await;
    let outcome = home.json(&["replay", "--json"]);
    assert_eq!(differences(&outcome).len(), 1);
    assert_eq!(differences(&outcome)[0]["what"], "only_then");
    for _ in 0..2 {
        home.alter(&format!("delete from decisions where id = {id}"))
            .await;
    }
    let outcome = home.json(&["replay", "--json"]);
    assert_eq!(differences(&outcome).len(), 1);
    assert_eq!(differences(&outcome)[0]["what"], "only_now");
}

#[tokio::test]
async fn another_memory_of_a_channel_is_a_difference() {
    let home = Home::after_the_month();
    // As if the write had never been begun.
    let id = home
        .number("select max(id) from writes where outcome = 'confirmed'")
        .await;
    home.alter(&format!(
        "update writes set turn_id = null where id = {id} or turn_id > 300"
    ))
    .await;
    let outcome = home.json(&["replay", "--json"]);
    let remembered = |found: &&Value| found["what"]["memory"].is_array();
    assert!(differences(&outcome).iter().any(|d| remembered(&d)));
}

#[tokio::test]
async fn changed_settings_show_on_the_channel_they_are_for() {
    let home = Home::after_the_month();
    let start = home.number("select min(at_ns) from turns").await / 1_000_000_000;
    let at = |turn: u32| {
        let at = chrono::DateTime::from_timestamp(start + i64::from(turn) * 3_600, 0);
        at.expect("a time").to_rfc3339()
    };
    // What is remembered is taken up afresh within a day after the others ended.
    let same_before = at(OTHER_SETTINGS.0 - 1);
    let same_again = at(OTHER_SETTINGS.1 + 25);
    let present = |more: [&str; 2]| {
        let args = [&["replay", "--present-settings", "--json"][..], &more].concat();
        home.json(&args)
    };
    assert_eq!(differences(&present(["--to", &same_before])).len(), 0);
    assert_eq!(differences(&present(["--from", &same_again])).len(), 0);
    let between = present(["--from", &at(OTHER_SETTINGS.0)]);
    // By now only the changes are left to differ.
    assert!(!differences(&between).is_empty());

    let channels = home.json(&["status", "--json"])["channels"].clone();
    let channels = channels.as_array().expect("a list");
    let dearest = channels.iter().max_by_key(|c| c["fee_ppm"].as_u64());
    let scid = dearest.expect("a channel")["scid"].as_str().expect("text");
    let capped = format!("{SETTINGS}[channel.\"{scid}\"]\nmax_ppm = 50\n");
    home.set("config.toml", &capped);
    assert_eq!(differences(&home.json(&["replay", "--json"])).len(), 0);
    // Of the last week every decision is kept.
    let outcome = present(["--from", &at(29 * 24 - 6 * 24)]);
    let found = differences(&outcome);
    assert!(!found.is_empty());
    for difference in found {
        assert_eq!(difference["channel"], scid, "{difference}");
        let terms = difference["what"]["decision"].as_array().expect("terms");
        let bound = |term: &&Value| term["name"] == "limits";
        assert!(terms.iter().any(|term| bound(&term)), "{difference}");
    }
}

#[tokio::test]
async fn what_is_damaged_is_named() {
    let home = Home::after_the_month();
    for (damage, said_of_it) in [
        (
            "delete from turns where id = 50",
            "cycle before it is missing",
        ),
        (
            "update turns set given = x'00ff', given_whole = null, beginning = null where id = 40",
            "unreadable",
        ),
        (
            "update turns set beginning = x'0300' where id = 1",
            "unreadable",
        ),
    ] {
        assert_eq!(home.alter(damage).await, 1);
        let shown = home.run(&["replay"]);
        assert_eq!(shown.status.code(), Some(74), "{}", said(&shown));
        let said = said(&shown);
        assert!(said.contains("cannot read the cycle of 20"), "{said}");
        assert!(said.contains(said_of_it), "{said}");
    }
    // What comes after is as good as before.
    let later = home.run(&["replay", "--from", "10d"]);
    assert!(later.status.success(), "{}", said(&later));
}

#[tokio::test]
async fn retention_leaves_what_can_be_decided_again() {
    let home = Home::after_the_month();
    let last = home.number("select max(at_ns) from turns").await;
    let day_ns = 86_400_000_000_000;
    let now = last + 82 * day_ns;
    let store = home.store().await;
    let at = sweetspot_core::types::time::Timestamp::from_nanos(now);
    store.thin(at).await.expect("thins");
    drop(store);
    let first = home.number("select min(at_ns) from turns").await;
    assert!((now - 93 * day_ns..=now - 92 * day_ns).contains(&first));
    let outcome = assert_same(&home);
    let left = home.number("select count(*) from turns").await;
    assert_eq!(outcome["turns"].as_i64(), Some(left));
    // Holds are gone; changes stay.
    assert!(outcome["not_stored"].as_i64() > Some(1_000), "{outcome}");
    assert!(outcome["equal"].as_i64() > Some(10), "{outcome}");
}

#[tokio::test]
async fn an_empty_database_has_nothing_to_decide_again() {
    let home = Home::new(SETTINGS);
    home.store().await.close().await.expect("closes");
    let shown = home.run(&["replay"]);
    assert!(shown.status.success(), "{}", said(&shown));
    assert!(said(&shown).contains("No cycles stored yet"));
    assert_eq!(home.json(&["replay", "--json"])["turns"], 0);
}

#[tokio::test]
async fn work_that_could_not_be_stored_makes_a_new_beginning() {
    let mut daemon = Living::new(SETTINGS, node_after(DAY * 3)).await;
    daemon.turns(10).await;
    let full = "create trigger full before insert on turns
                begin select raise(abort, 'full'); end";
    daemon.home.alter(full).await;
    for _ in 0..3 {
        daemon.turn().await.expect_err("nothing can be stored");
        daemon.node.advance(DAY / 24);
    }
    daemon.home.alter("drop trigger full").await;
    daemon.turns(10).await;
    let outcome = assert_same(&daemon.home);
    assert_eq!(outcome["turns"], 20);
    let begun = "select count(*) from turns where beginning is not null";
    assert_eq!(daemon.home.number(begun).await, 2);
}

#[tokio::test]
async fn an_outcome_found_later_was_not_known_before() {
    let often = "[rhythm]\nfast_interval = \"5m\"\nslow_interval = \"6m\"\n";
    let home = Home::new(&format!(
        "{often}[defaults]\nmode = \"pin\"\npin_ppm = 900\n"
    ));
    let node = FakeNode::with_channels(2);
    let (config, store) = (home.config(), home.store().await);
    let cycle = Cycle::start(node.clone(), node.clone(), store, node.clone(), node.now());
    let mut cycle = cycle.await.expect("a good store");
    // In 10 minutes an unanswered update counts as not made: two turns wait.
    let turns = [
        Writes::UndoneUnanswered,
        Writes::DoneUnanswered,
        Writes::Done,
    ];
    for writes in turns.into_iter().flat_map(|writes| [writes; 36]) {
        node.tell(|inner| inner.writes = writes);
        let orders = CycleOptions {
            layers: &config.book,
            observe_only: false,
            report_due: false,
        };
        let stop = CancellationToken::new();
        cycle.run(orders, &stop).await.expect("a good cycle");
        node.tell(|inner| inner.now = inner.now.plus(DAY / 288));
    }
    assert_same(&home);
    let not_done = "select count(*) from writes where outcome = 'not_done'";
    assert!(home.number(not_done).await >= 2);
    let waits = |decision: &Decision| {
        matches!(
            decision.verdict,
            Verdict::Hold {
                reason: Hold::WriteUnresolved { .. }
            }
        )
    };
    let turns = home.turns().await;
    assert!(turns.iter().flat_map(|turn| &turn.decisions).any(waits));
}

#[tokio::test]
async fn a_node_that_refuses_writes_makes_no_beginning_each_time() {
    let mut daemon = Living::new(SETTINGS, node_after(DAY * 3)).await;
    let node = daemon.node.clone();
    node.faults(|faults| faults.writes = WriteFault::Lost);
    // One is due at first, and one after 24 cycles.
    daemon.turns(30).await;
    let begun = "select count(*) from turns where beginning is not null";
    assert_eq!(daemon.home.number(begun).await, 2);
    assert_same(&daemon.home);
}

#[tokio::test]
async fn cycles_on_a_clock_that_is_set_are_decided_again_and_the_latest_is_shown() {
    let home = Home::new(
        "[[rule]]\nmatch.channel = \"700001x0x0\"\n\
         mode = \"pin\"\npin_ppm = 900\n",
    );
    let node = FakeNode::with_channels(2);
    let (config, mut store) = (home.config(), home.store().await);
    for by in [0, 3_600, -400, 40 * 86_400, -40 * 86_400] {
        node.set_clock(by);
        let cycle = Cycle::start(node.clone(), node.clone(), store, node.clone(), node.now());
        let mut cycle = cycle.await.expect("a good store");
        for _ in 0..20 {
            let orders = CycleOptions {
                layers: &config.book,
                observe_only: false,
                report_due: false,
            };
            let stop = CancellationToken::new();
            cycle.run(orders, &stop).await.expect("a good cycle");
            node.set_fees(1, crate::node::fees(100));
            node.tell(|inner| inner.now = inner.now.plus(DAY / 48));
        }
        drop(cycle);
        store = home.store().await;
    }
    drop(store);
    assert_same(&home);
    let turns = home.turns().await;
    let decisions = || turns.iter().flat_map(|turn| &turn.decisions);
    let waits = |decision: &&Decision| {
        matches!(
            decision.verdict,
            Verdict::Hold {
                reason: Hold::ClockSet { .. }
            }
        )
    };
    assert!(decisions().filter(waits).count() > 4);
    let of_first = |decision: &&Decision| decision.point.to_string().starts_with("01");
    let newest = decisions().rfind(of_first).expect("decided").at;
    let explained = home.json(&["explain", "700001x0x0", "--json"]);
    assert!(
        explained.to_string().contains(&newest.to_string()),
        "{newest}"
    );
}
