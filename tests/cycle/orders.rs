//! What the operator orders while the daemon runs.

use super::*;
use sweetspot_core::settings::orders::{Order, Verb};
use sweetspot_core::types::channel::ChannelPoint;

const MANAGED: &str = "[defaults]\nmode = \"manage\"\nlevel_ppm = 600\n";
const PIN: Verb = Verb::Pin(FeePpm(777));

impl Daemon {
    /// The operator orders something now.
    pub(super) fn order(&self, point: Option<ChannelPoint>, verb: Verb, for_hours: Option<u32>) {
        let given = self.orders_given.get() + 1;
        self.orders_given.set(given);
        self.store.order(Order {
            id: given,
            at: self.node.now(),
            point,
            verb,
            until: for_hours.map(|hours| self.node.now().plus(HOUR * hours)),
        });
    }

    /// Five minutes pass, and a cycle.
    async fn next(&mut self) {
        later(&self.node, MINUTE * 5);
        self.turn().await.expect("a good cycle");
    }

    fn last_reason(&self) -> Option<Hold> {
        match self.store.decisions().last()?.verdict {
            Verdict::Hold { reason } => Some(reason),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_pin_is_set_in_the_next_cycle_whatever_was_changed_before() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.run(HOUR * 2, MINUTE * 5).await;
    let before = node.ppm(1);
    assert!(before > 100, "it was raised a moment ago");
    daemon.order(Some(point(1)), Verb::Pin(FeePpm(50)), Some(3));
    daemon.next().await;
    assert_eq!(node.ppm(1), 50);
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!(node.ppm(1), 50);
    // Its time is over, and the cooldown too.
    daemon.run(HOUR * 24, MINUTE * 5).await;
    assert!(node.ppm(1) > 50, "back to the strategy");
}

#[tokio::test]
async fn a_pin_is_held_inside_the_bounds() {
    let node = FakeNode::with_channels(1);
    let settings = format!("{MANAGED}max_ppm = 300\n");
    let mut daemon = Daemon::on(&node, &settings).await;
    daemon.order(Some(point(1)), PIN, None);
    daemon.next().await;
    assert_eq!(node.ppm(1), 300);
}

#[tokio::test]
async fn an_order_lasts_over_a_restart() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.order(Some(point(1)), PIN, None);
    daemon.next().await;
    let mut daemon = daemon.restart(MANAGED).await;
    daemon.run(HOUR * 30, HOUR).await;
    assert_eq!(node.ppm(1), 777);
}

#[tokio::test]
async fn nothing_that_is_ordered_writes_in_observe_mode() {
    let restore = Verb::Restore {
        ppm: FeePpm(5),
        base_fee_msat: 0,
        max_htlc: None,
    };
    for observe_only in [true, false] {
        let node = FakeNode::with_channels(1);
        let settings = match observe_only {
            true => MANAGED,
            false => "[defaults]\nmode = \"observe\"\n",
        };
        let mut daemon = Daemon::on(&node, settings).await;
        daemon.observe_only = observe_only;
        for verb in [PIN, restore, Verb::Target(0.9), Verb::Release] {
            daemon.order(Some(point(1)), verb, None);
            daemon.run(HOUR * 2, MINUTE * 20).await;
        }
        if observe_only {
            daemon.order(Some(point(1)), Verb::Manage, None);
            daemon.run(HOUR * 2, MINUTE * 20).await;
        }
        assert!(node.tell(|inner| inner.written.is_empty()), "{settings}");
    }
}

#[tokio::test]
async fn a_release_takes_an_external_fee_as_the_start_at_once() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.run(HOUR * 30, HOUR).await;
    node.set_fees(1, fees(90));
    daemon.next().await;
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert_eq!(node.ppm(1), 90);
    assert!(matches!(daemon.last_reason(), Some(Hold::Foreign { .. })));
    daemon.order(Some(point(1)), Verb::Release, None);
    daemon.next().await;
    assert!(node.ppm(1) > 90, "it starts from there");
}

#[tokio::test]
async fn a_pin_takes_over_from_an_external_fee_that_no_cycle_saw_yet() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.run(HOUR * 2, HOUR).await;
    node.set_fees(1, fees(90));
    daemon.order(Some(point(1)), PIN, None);
    daemon.next().await;
    assert_eq!(node.ppm(1), 777);
}

#[tokio::test]
async fn an_external_fee_after_a_pin_is_left_alone() {
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.order(Some(point(1)), PIN, None);
    daemon.next().await;
    node.set_fees(1, fees(90));
    daemon.run(HOUR * 3, MINUTE * 5).await;
    assert_eq!(node.ppm(1), 90);
}

#[tokio::test]
async fn a_pause_writes_nothing_until_it_ends_but_what_is_restored() {
    let node = FakeNode::with_channels(2);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.order(None, Verb::Pause, Some(30));
    daemon.run(HOUR * 20, HOUR).await;
    assert!(node.tell(|inner| inner.written.is_empty()));
    assert!(matches!(daemon.last_reason(), Some(Hold::Paused { .. })));
    let restore = Verb::Restore {
        ppm: FeePpm(40),
        base_fee_msat: 1_000,
        max_htlc: None,
    };
    daemon.order(Some(point(1)), restore, None);
    daemon.next().await;
    assert_eq!((node.ppm(1), node.ppm(2)), (40, 100));
    assert_eq!(node.policy_of(1).fees, fees(40));
    daemon.run(HOUR * 20, HOUR).await;
    assert_eq!(node.ppm(1), 40);
    assert!(node.ppm(2) > 100, "the pause has ended");
}

#[tokio::test]
async fn all_fees_are_restored_at_once_without_a_safety_stop() {
    let node = FakeNode::with_channels(20);
    let mut daemon = Daemon::on(&node, MANAGED).await;
    daemon.run(HOUR * 30, MINUTE * 20).await;
    assert!((1..=20).all(|n| node.ppm(n) > 100));
    for n in 1..=20 {
        let restore = Verb::Restore {
            ppm: FeePpm(100),
            base_fee_msat: 1_000,
            max_htlc: None,
        };
        daemon.order(Some(point(n)), restore, None);
    }
    daemon.run(HOUR * 2, MINUTE * 5).await;
    assert!((1..=20).all(|n| node.policy_of(n).fees == fees(100)));
}

#[tokio::test]
async fn a_first_cycle_spreads_its_changes_over_the_hour_instead_of_a_safety_stop() {
    let node = FakeNode::with_channels(20);
    node.tell(|inner| {
        for (n, channel) in (0..).zip(inner.channels.values_mut()) {
            channel.peer.0[1] = n * 12;
        }
    });
    let mut daemon = Daemon::on(&node, PINNED).await;
    daemon.turn().await.expect("a good cycle");
    assert!(node.tell(|inner| inner.written.is_empty()));
    let paced = |d: &sweetspot_core::decision::Decision| {
        matches!(
            d.verdict,
            Verdict::Hold {
                reason: Hold::Paced { .. }
            }
        )
    };
    assert!(daemon.store.decisions().iter().all(paced));
    daemon.run(HOUR, MINUTE * 5).await;
    assert!((1..=20).all(|n| node.ppm(n) == 900));
}
