//! The machine's clock is set while limits count: they go on as if it had not been.

use super::*;
use sweetspot_core::decision::Decision;

const DAY: i64 = 86_400;
const STEP: Duration = Duration::from_secs(300);

/// The channel's pin outranks what is set by hand.
const WANTS_ALWAYS: &str = "[[rule]]\nmatch.channel = \"700001x0x0\"\nmode = \"pin\"\n\
    pin_ppm = 700\n";

/// When updates were asked for, on a clock that nobody sets.
#[derive(Default)]
struct Asked(Vec<Timestamp>);

impl Asked {
    /// One cycle some minutes later; then the fee is set by hand again, so that the
    /// next wants to write.
    async fn turn(&mut self, daemon: &mut Daemon) {
        later(&daemon.node, STEP);
        daemon.turn().await.expect("a good cycle");
        let node = &daemon.node;
        let written = node.tell(|inner| inner.written.len());
        let now = node.tell(|inner| inner.now.moved(-inner.set_by_nanos));
        while self.0.len() < written {
            self.0.push(now);
        }
        node.set_fees(1, fees(100));
    }

    /// No more than four in any day, no two within the cooldown. What is passed over
    /// as a correction of the clock is allowed for.
    fn keeps_the_limits(&self, case: impl std::fmt::Debug) {
        let tolerance = Duration::from_secs(30);
        for pair in self.0.windows(2) {
            let span = pair[1].since(pair[0]) + tolerance;
            assert!(
                span >= HOUR * 6,
                "{case:?}: two within {span:?}: {:?}",
                self.0
            );
        }
        for five in self.0.windows(5) {
            let span = five[4].since(five[0]) + tolerance;
            assert!(
                span >= HOUR * 24,
                "{case:?}: five within {span:?}: {:?}",
                self.0
            );
        }
    }
}

fn waits_for_the_clock(decision: &Decision) -> bool {
    matches!(
        decision.verdict,
        Verdict::Hold {
            reason: Hold::ClockSet { .. }
        }
    )
}

#[tokio::test]
async fn without_a_jump_a_fee_is_set_as_often_as_the_limits_allow() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
    let mut asked = Asked::default();
    for _ in 0..(3 * 288) {
        asked.turn(&mut daemon).await;
    }
    asked.keeps_the_limits(());
    assert!(asked.0.len() >= 9, "{:?}", asked.0);
    assert!(!daemon.store.decisions().iter().any(waits_for_the_clock));
}

#[tokio::test]
async fn six_jumps_of_a_day_and_back_give_no_update_more() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
    let mut asked = Asked::default();
    asked.turn(&mut daemon).await;
    assert_eq!(asked.0.len(), 1);
    for _ in 0..6 {
        for by in [DAY, -DAY] {
            node.set_clock(by);
            for _ in 0..3 {
                asked.turn(&mut daemon).await;
            }
        }
    }
    assert_eq!(asked.0.len(), 1, "{:?}", asked.0);
    for _ in 0..(3 * 288) {
        asked.turn(&mut daemon).await;
    }
    asked.keeps_the_limits(());
    assert!(asked.0.len() >= 5, "writing goes on: {:?}", asked.0);
}

#[tokio::test]
async fn no_jump_restart_or_reboot_in_any_order_frees_a_limit() {
    for seed in 1..=24_u64 {
        let mut random = seed;
        let mut draw = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let node = FakeNode::with_channels(1);
        let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
        let mut asked = Asked::default();
        for _ in 0..600 {
            let secs = [20, 45, 3_000, 30_000, DAY, 9 * DAY, 400 * DAY][draw(7) as usize];
            let either = [secs, -secs][draw(2) as usize];
            match draw(60) {
                0 => node.set_clock(either),
                1 => daemon = daemon.restart(WANTS_ALWAYS).await,
                2 => {
                    node.set_clock(either);
                    daemon = daemon.restart(WANTS_ALWAYS).await;
                }
                3 => {
                    node.reboot(MINUTE * u32::try_from(draw(300)).expect("small"));
                    node.set_clock([0, either][draw(2) as usize]);
                    daemon = daemon.restart(WANTS_ALWAYS).await;
                }
                4 => node.tell(|inner| inner.jump_on_write = Some(either * 1_000_000_000)),
                _ => {}
            }
            asked.turn(&mut daemon).await;
        }
        asked.keeps_the_limits(seed);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_within_a_cycle_frees_nothing() {
    for by in [DAY, -DAY, 3_000, -3_000] {
        let node = FakeNode::with_channels(1);
        let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
        let mut asked = Asked::default();
        node.tell(|inner| inner.jump_on_write = Some(by * 1_000_000_000));
        for _ in 0..(3 * 288) {
            asked.turn(&mut daemon).await;
        }
        asked.keeps_the_limits(by);
        assert!(asked.0.len() >= 3, "{by}: {:?}", asked.0);
    }
}

#[tokio::test]
async fn a_jump_pauses_writing_and_writing_goes_on_when_the_clock_has_proved_itself() {
    for by in [3_600, -3_600] {
        let node = FakeNode::with_channels(1);
        let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
        later(&node, STEP);
        daemon.turn().await.expect("a good cycle");
        daemon.run(HOUR * 13, STEP).await;
        node.set_clock(by);
        node.set_fees(1, fees(100));
        let before = daemon.store.decisions().len();
        daemon.run(MINUTE * 55, STEP).await;
        let during = daemon.store.decisions();
        assert!(during.len() > before, "{by}");
        assert!(during[before..].iter().all(waits_for_the_clock), "{by}");
        assert_eq!(node.ppm(1), 100, "{by}");
        daemon.run(MINUTE * 10, STEP).await;
        assert_eq!(node.ppm(1), 700, "{by}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_or_forgotten_on_a_clock_in_doubt() {
    let node = FakeNode::with_channels(2);
    let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
    daemon.run(HOUR, STEP).await;
    assert!(daemon.cycle.undoubted_now().is_some());
    let gone = node.tell(|inner| inner.channels.remove(&point(2)));
    node.set_clock(30 * DAY);
    let unseen = daemon.cycle.undoubted_now();
    assert_eq!(unseen, None, "before any cycle saw it");
    daemon.run(HOUR, STEP).await;
    assert_eq!(daemon.cycle.undoubted_now(), None);
    let known = daemon.store.load().await.expect("a good store");
    assert!(known.engine.channel(point(2)).is_some());
    node.set_clock(-30 * DAY);
    let back = gone.map(|channel| (point(2), channel));
    node.tell(|inner| inner.channels.extend(back));
    daemon.run(HOUR * 25, STEP).await;
    assert!(daemon.cycle.undoubted_now().is_some());
}

#[tokio::test]
async fn rates_are_what_they_were_when_the_clock_is_right_again() {
    let mut said = vec![];
    for jumps in [vec![], vec![40 * DAY, -40 * DAY], vec![-3 * DAY, 3 * DAY]] {
        let node = FakeNode::with_channels(1);
        let start = node.now();
        let forwards = (1..900).map(|n| Forward {
            amount_in: Msat(50_000_010_000),
            amount_out: Msat(50_000_000_000),
            fee: Msat(10_000),
            ..forward(start.plus(MINUTE * n * 10), Scid(9), scid(1))
        });
        node.tell(|inner| inner.forwards = forwards.collect());
        let mut daemon = Daemon::on(&node, "[defaults]\nmode = \"manage\"\n").await;
        daemon.run(HOUR * 72, MINUTE * 30).await;
        for by in jumps {
            node.set_clock(by);
            daemon.run(HOUR, MINUTE * 30).await;
        }
        let until = start.plus(HOUR * 110);
        daemon.run(until.since(node.now()), MINUTE * 30).await;
        let last = daemon.store.decisions().pop().expect("some");
        assert!(!waits_for_the_clock(&last));
        said.push((last.evidence.tpm, last.evidence.tpm_history));
    }
    let (tpm, history) = said[0];
    assert!(tpm > 0.01);
    for (now, usual) in &said {
        assert!((now / tpm - 1.0).abs() < 0.05, "{said:?}");
        assert!((usual / history - 1.0).abs() < 0.05, "{said:?}");
    }
}

#[tokio::test]
async fn a_forward_settled_on_a_wrong_clock_is_found_when_the_clock_is_right_again() {
    for restarts in [false, true] {
        let node = FakeNode::with_channels(1);
        let start = node.now();
        node.tell(|inner| inner.forwards = vec![forward(start, scid(1), Scid(9))]);
        let mut daemon = Daemon::on(&node, WANTS_ALWAYS).await;
        daemon.run(HOUR, STEP).await;
        node.set_clock(-3 * DAY);
        daemon.run(HOUR, STEP).await;
        later(&node, MINUTE);
        let unread = forward(node.now(), scid(1), Scid(9));
        node.tell(|inner| inner.forwards.insert(0, unread));
        node.set_clock(3 * DAY);
        if restarts {
            daemon = daemon.restart(WANTS_ALWAYS).await;
        }
        daemon.run(STEP, STEP).await;
        assert!(stored(&daemon).await.contains(&unread.settled_at));
    }
}
