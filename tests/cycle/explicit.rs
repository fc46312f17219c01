//! What the config says of one channel outranks a fee set by hand.

use super::*;

const RULE: &str = "[[rule]]\nmatch.channel = \"700001x0x0\"\n";

/// A daemon that has managed two channels for a while, both then set to 333 ppm by
/// hand.
async fn set_by_hand(settings: &str) -> (FakeNode, Daemon) {
    let node = FakeNode::with_channels(2);
    let mut daemon = Daemon::on(&node, settings).await;
    daemon.run(HOUR * 14, MINUTE * 30).await;
    node.set_fees(1, fees(333));
    node.set_fees(2, fees(333));
    later(&node, MINUTE * 5);
    daemon.turn().await.expect("a good cycle");
    (node, daemon)
}

#[tokio::test]
async fn a_pin_of_a_rule_is_back_at_once_and_a_pin_of_all_waits() {
    let rule = format!("{PINNED}{RULE}mode = \"pin\"\npin_ppm = 700\n");
    let (node, _) = set_by_hand(&rule).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (700, 333));
}

#[tokio::test]
async fn a_pin_given_while_a_fee_is_left_alone_holds_at_once() {
    for table in [
        RULE.to_owned(),
        format!("[channel.\"{}\"]\n", scid(1)),
        format!("[channel.\"{}\"]\n", point(1)),
    ] {
        let (node, daemon) = set_by_hand(PINNED).await;
        assert_eq!((node.ppm(1), node.ppm(2)), (333, 333));
        let settings = format!("{PINNED}{table}mode = \"pin\"\npin_ppm = 400\n");
        let mut daemon = daemon.restart(&settings).await;
        later(&node, MINUTE);
        daemon.turn().await.expect("a good cycle");
        assert_eq!((node.ppm(1), node.ppm(2)), (400, 333), "{table}");
    }
}

#[tokio::test]
async fn a_target_of_a_rule_takes_the_fee_set_by_hand_as_its_start() {
    let settings = format!("[defaults]\nmode = \"manage\"\n{RULE}target_ratio = 0.9\n");
    let (node, mut daemon) = set_by_hand(&settings).await;
    daemon.run(HOUR * 14, MINUTE * 30).await;
    assert!(node.ppm(1) > 333, "{}", node.ppm(1));
    assert_eq!(node.ppm(2), 333);
}

#[tokio::test]
async fn an_ignored_channel_is_never_written() {
    let settings = format!("{PINNED}{RULE}mode = \"ignore\"\n");
    let (node, mut daemon) = set_by_hand(&settings).await;
    daemon.run(HOUR * 72, HOUR).await;
    assert_eq!((node.ppm(1), node.ppm(2)), (333, 900));
}

#[tokio::test]
async fn the_daily_limit_holds_for_a_pin_that_is_undone_again_and_again() {
    let settings = format!("{RULE}mode = \"pin\"\npin_ppm = 700\n");
    let node = FakeNode::with_channels(1);
    let mut daemon = Daemon::on(&node, &settings).await;
    for _ in 0..48 {
        daemon.run(MINUTE * 30, MINUTE * 5).await;
        node.set_fees(1, fees(333));
    }
    let written = node.tell(|inner| inner.written.len());
    assert!((2..=4).contains(&written), "{written}");
}
