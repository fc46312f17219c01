//! Rules by what a channel forwarded of late.

use super::*;

const IDLE: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 300\n\
    [[rule]]\nmatch.max_forwarded_out_sat = 0\nmode = \"pin\"\npin_ppm = 50\n";
const DAY: Duration = Duration::from_secs(86_400);

/// One forward over channel 1, by way of 2, so long ago.
fn sold(node: &FakeNode, ago: Duration) {
    node.tell(|inner| {
        let settled = inner.now.minus(ago);
        inner.forwards = vec![forward(settled, scid(2), scid(1))];
    });
}

#[tokio::test]
async fn a_channel_is_idle_once_it_sold_nothing_for_thirty_days() {
    let node = FakeNode::with_channels(1);
    sold(&node, DAY * 27);
    let mut daemon = Daemon::on(&node, IDLE).await;
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 300, "it sold something");
    daemon.run(DAY * 3, HOUR).await;
    assert_eq!(node.ppm(1), 50);
    let mut daemon = daemon.restart(IDLE).await;
    node.tell(|inner| inner.now = inner.now.plus(HOUR));
    sold(&node, MINUTE);
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 300, "what came back is seen after a restart");
}

#[tokio::test]
async fn nothing_is_called_idle_of_which_thirty_days_are_not_known() {
    let node = FakeNode::with_channels(1);
    let short = format!("[history]\nbackfill = \"10d\"\n{IDLE}");
    let mut daemon = Daemon::on(&node, &short).await;
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 300, "history is read for ten days only");

    let node = FakeNode::with_channels(1);
    node.tell(|inner| {
        let young = inner.channels.get_mut(&point(1)).expect("a channel");
        young.scid = Scid((800_000 - 29 * 144) << 40);
    });
    let mut daemon = Daemon::on(&node, IDLE).await;
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 300, "the channel is younger");
}
