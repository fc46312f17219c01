//! Orders that are given while a daemon has the database open.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn ppm(node: &FakeNode, n: u8) -> u32 {
    node.ppm(n)
}

/// A daemon that keeps the database open between its cycles.
async fn daemon(home: &Home, node: &FakeNode) -> Cycle<FakeNode, FakeNode, SqliteStore, FakeNode> {
    let config = Config::load(&home.path("config.toml")).expect("good settings");
    let store = SqliteStore::open(&config.store).await.expect("a database");
    let from = node.now().minus(config.backfill);
    let cycle = Cycle::start(node.clone(), node.clone(), store, node.clone(), from);
    cycle.await.expect("a good store")
}

async fn cycles(
    home: &Home,
    node: &FakeNode,
    daemon: &mut Cycle<FakeNode, FakeNode, SqliteStore, FakeNode>,
    count: u32,
    step: Duration,
) {
    let config = Config::load(&home.path("config.toml")).expect("good settings");
    for _ in 0..count {
        node.tell(|inner| inner.now = inner.now.plus(step));
        let options = CycleOptions {
            layers: &config.book,
            observe_only: false,
            report_due: false,
        };
        let stop = CancellationToken::new();
        daemon.run(options, &stop).await.expect("a good cycle");
    }
}

/// A node whose clock is the machine's, as that of the commands is.
fn node_of_today() -> FakeNode {
    let node = node();
    let now = sweetspot::daemon::clock::SystemClock.now();
    node.tell(|inner| inner.now = now.minus(HOUR * 60));
    node
}

const STEP: Duration = Duration::from_secs(300);

#[tokio::test]
async fn a_pin_a_release_a_pause_and_a_rollback_reach_a_running_daemon() {
    let home = Home::new(&format!("{MANAGED}level_ppm = 600\n"));
    let node = node_of_today();
    let mut daemon = daemon(&home, &node).await;
    cycles(&home, &node, &mut daemon, 58, HOUR).await;
    let managed = ppm(&node, 1);
    assert!(managed > 100);

    let said = stdout(&home.run(&["pin", "700001x0x0", "250", "--until", "30d"]));
    for part in [
        "pin 250 ppm until",
        "before  mode manage",
        "after   mode pin 250 ppm",
    ] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let now = sweetspot::daemon::clock::SystemClock.now();
    node.tell(|inner| inner.now = now);
    cycles(&home, &node, &mut daemon, 1, STEP).await;
    assert_eq!(ppm(&node, 1), 250);
    assert!(stdout(&home.run(&["status"])).contains("pin"));
    let explained = stdout(&home.run(&["explain", "700001x0x0"]));
    assert!(explained.contains("order `pin 250 ppm`"), "{explained}");

    home.run(&["pause"]);
    home.run(&["release", "700001x0x0"]);
    cycles(&home, &node, &mut daemon, 15, STEP).await;
    assert_eq!(ppm(&node, 1), 250, "paused");
    assert!(stdout(&home.run(&["status"])).contains("PAUSED"));
    assert!(stdout(&home.run(&["plan"])).contains("the node is paused"));

    let shown = stdout(&home.run(&["restore-original"]));
    assert!(shown.contains("repeat with --yes"), "{shown}");
    cycles(&home, &node, &mut daemon, 1, STEP).await;
    assert_eq!(ppm(&node, 1), 250, "shown only");
    let ordered = home.run(&["restore-original", "--yes"]);
    assert!(ordered.status.success(), "{}", stderr(&ordered));
    cycles(&home, &node, &mut daemon, 2, STEP).await;
    assert_eq!((ppm(&node, 1), ppm(&node, 2)), (100, 100));

    home.run(&["release", "--all"]);
    home.run(&["resume"]);
    cycles(&home, &node, &mut daemon, 30, HOUR).await;
    assert!(ppm(&node, 1) > 100, "managed again");
    drop(daemon);
    let replayed = home.run(&["replay"]);
    assert!(
        stdout(&replayed).contains("0 differences"),
        "{}",
        stdout(&replayed)
    );
}

#[tokio::test]
async fn a_rollback_leaves_what_someone_else_set() {
    let home = Home::new(&format!("{MANAGED}level_ppm = 600\n"));
    let node = node_of_today();
    let mut daemon = daemon(&home, &node).await;
    cycles(&home, &node, &mut daemon, 40, HOUR).await;
    node.set_fees(1, node::fees(77));
    cycles(&home, &node, &mut daemon, 2, HOUR).await;
    let shown = json(&home.run(&["restore-original", "--json"]));
    let of = |n: u8| {
        let channels = shown["channels"].as_array().expect("a list");
        let wanted = scid(n).to_string();
        let found = channels.iter().find(|line| line["scid"] == wanted);
        found.expect("listed").clone()
    };
    assert_eq!(shown["schema"], 1);
    assert_eq!(of(1)["outcome"], "set_by_someone_else");
    assert_eq!(of(2)["outcome"], "restore");
    assert_eq!(of(2)["then_ppm"], 100);
    assert_eq!(of(2)["chan_id"], scid(2).0.to_string());
}

#[tokio::test]
async fn a_rollback_holds_what_is_as_it_was_once_and_only_where_it_would_move() {
    let home = Home::new(&format!(
        "{MANAGED}level_ppm = 600\nbase_fee_msat = \"keep\"\n"
    ));
    let node = node_of_today();
    let mut daemon = daemon(&home, &node).await;
    cycles(&home, &node, &mut daemon, 40, HOUR).await;
    let outcome = || {
        let shown = json(&home.run(&["restore-original", "--json"]));
        let channels = shown["channels"].as_array().expect("a list");
        let wanted = scid(2).to_string();
        let found = channels.iter().find(|line| line["scid"] == wanted);
        found.map(|line| line["outcome"].as_str().expect("a text").to_owned())
    };
    assert_eq!(outcome().as_deref(), Some("restore"));
    home.run(&["pin", "700002x0x0", "100"]);
    cycles(&home, &node, &mut daemon, 2, HOUR).await;
    assert_eq!((ppm(&node, 2), outcome()), (100, None), "held already");
    home.run(&["release", "700002x0x0"]);
    assert_eq!(outcome().as_deref(), Some("as_it_was"));
    home.run(&["restore-original", "--yes"]);
    assert_eq!(outcome(), None);
    cycles(&home, &node, &mut daemon, 30, HOUR).await;
    assert_eq!(ppm(&node, 2), 100);
}

#[tokio::test]
async fn an_order_says_when_it_is_only_shown_and_when_no_daemon_runs() {
    let home = Home::watched("", &node(), 1).await;
    let said = stdout(&home.run(&["pin", "700001x0x0", "2500"]));
    assert!(said.contains("only shown"), "{said}");
    assert!(said.contains("No daemon runs"), "{said}");
    assert_eq!(home.run(&["pin", "nobody", "5"]).status.code(), Some(65));
    let past = home.run(&["pause", "--until", "2020-01-01"]);
    assert_eq!(past.status.code(), Some(2));
    assert_eq!(
        home.run(&["target", "700001x0x0", "1.5"]).status.code(),
        Some(2)
    );
}

/// Three channels with 500,000 sat on each side; the fourth is nearly all ours.
fn node_with_a_full_channel() -> FakeNode {
    let node = FakeNode::with_channels(4);
    let now = sweetspot::daemon::clock::SystemClock.now();
    node.tell(|inner| {
        inner.now = now.minus(HOUR * 30);
        let full = inner.channels.values_mut().last().expect("four");
        (full.local_balance, full.remote_balance) = (Sat(900_000), Sat(100_000));
        full.peer = PeerId([3; 33]);
    });
    node
}

#[tokio::test]
async fn what_is_prepared_for_moves_the_target_there_and_back_and_replays_alike() {
    let home = Home::new(&format!("{MANAGED}level_ppm = 600\n"));
    let node = node_with_a_full_channel();
    let mut daemon = daemon(&home, &node).await;
    cycles(&home, &node, &mut daemon, 30, HOUR).await;
    let before = ppm(&node, 4);
    let asked = [
        "prepare",
        "--receive",
        "500000",
        "--by",
        "4d",
        "--from",
        "peer-4",
    ];
    let shown = stdout(&home.run(&asked));
    assert!(shown.contains("repeat with --yes"), "{shown}");
    cycles(&home, &node, &mut daemon, 1, STEP).await;
    assert_eq!(cycle_target(&home).await, 0.5, "shown only");
    let ordered = json(&home.run(&[&asked[..], &["--yes", "--json"]].concat()));
    let plan = &ordered["proposed"];
    // 90,000 above the peer's reserve; 525,000 are aimed at, of 1,000,000.
    assert_eq!(
        (ordered["ordered"].as_bool(), plan["able_sat"].as_u64()),
        (Some(true), Some(90_000))
    );
    assert_eq!(plan["channels"][0]["move_sat"], 435_000);
    assert_eq!(plan["feasibility"], "unknown", "nothing was ever forwarded");
    let now = sweetspot::daemon::clock::SystemClock.now();
    node.tell(|inner| inner.now = now);
    cycles(&home, &node, &mut daemon, 48, HOUR).await;
    // Half of the way from 50 % to 46.5 %.
    assert!((cycle_target(&home).await - 0.4825).abs() < 0.001);
    cycles(&home, &node, &mut daemon, 48, HOUR).await;
    assert!(ppm(&node, 4) <= before);
    assert!((cycle_target(&home).await - 0.465).abs() < 0.001);
    let (_, goal) = daemon.preparing().expect("one");
    assert_eq!(goal.sum, Sat(500_000));
    // A day to hold, four for the way back.
    cycles(&home, &node, &mut daemon, 124, HOUR).await;
    assert_eq!(cycle_target(&home).await, 0.5);
    assert_eq!(daemon.preparing(), None);
    drop(daemon);
    let replayed = stdout(&home.run(&["replay"]));
    assert!(replayed.contains("0 differences"), "{replayed}");
}

/// The target of the fourth channel in the last stored cycle.
async fn cycle_target(home: &Home) -> f64 {
    let config = Config::load(&home.path("config.toml")).expect("good settings");
    let reader = sweetspot_store::StoreReader::open(&config.store).await;
    let reader = reader.expect("opens");
    let journal = reader.journal(Default::default()).await.expect("reads");
    let mut journal = journal.expect("cycles");
    let mut last = None;
    while let Some(turn) = reader.next_turn(&mut journal).await.expect("reads") {
        last = turn.input.settings.get(&node::point(4)).copied();
    }
    last.expect("a cycle").target_ratio
}

#[tokio::test]
async fn what_fees_cannot_bring_is_said_and_a_plan_is_cancelled() {
    let home = Home::watched(MANAGED, &node_with_a_full_channel(), 30).await;
    let shown = stdout(&home.run(&["prepare", "--receive", "3000000", "--by", "4d"]));
    assert!(shown.contains("fees cannot bring"), "{shown}");
    assert!(
        shown.contains("can receive      1,560,000 sat over 4 channels"),
        "{shown}"
    );
    let said = stdout(&home.run(&["prepare", "--cancel"]));
    assert!(said.contains("Nothing is prepared for"), "{said}");
    let args = [
        "prepare",
        "--receive",
        "500000",
        "--by",
        "4d",
        "--from",
        "peer-4",
        "--yes",
    ];
    assert!(stdout(&home.run(&args)).contains("Ordered."));
    let standing = stdout(&home.run(&["prepare"]));
    assert!(
        standing.contains("receive 500,000 sat through"),
        "{standing}"
    );
    assert!(stdout(&home.run(&["explain", "peer-4"])).contains("prepare: target to"));
    assert!(stdout(&home.run(&["prepare", "--cancel"])).contains("Cancelled"));
    assert!(!stdout(&home.run(&["explain", "peer-4"])).contains("prepare: target to"));
    for wrong in [
        &["prepare", "--receive", "5"][..],
        &["prepare", "--yes"],
        &["prepare", "--by", "1d"],
        &["prepare", "--receive", "5", "--by", "2020-01-01"],
        &["prepare", "--spend", "5", "--by", "1d", "--from", "peer-4"],
    ] {
        assert_eq!(home.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let nobody = [
        "prepare",
        "--receive",
        "5",
        "--by",
        "1d",
        "--from",
        "nobody",
    ];
    assert_eq!(home.run(&nobody).status.code(), Some(65));
}
