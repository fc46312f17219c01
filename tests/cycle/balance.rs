//! Rules by a balance, which moves with every payment.

use super::*;
use sweetspot_core::types::units::Sat;

const DRAINED: &str = "[defaults]\nmode = \"pin\"\npin_ppm = 300\n\
    [[rule]]\nmatch.max_local_ratio = 0.2\nmode = \"pin\"\npin_ppm = 900\n";

/// From now on so much of channel 1 is ours, in per cent.
fn hold(node: &FakeNode, percent: u64) {
    node.tell(|inner| {
        let channel = inner.channels.get_mut(&point(1)).expect("a channel");
        let local = channel.capacity.0 / 100 * percent;
        channel.local_balance = Sat(local);
        channel.remote_balance = Sat(channel.capacity.0 - local);
    });
}

#[tokio::test]
async fn a_balance_that_swings_on_the_threshold_changes_the_fee_once() {
    let node = FakeNode::with_channels(1);
    hold(&node, 22);
    let mut daemon = Daemon::on(&node, DRAINED).await;
    daemon.turn().await.expect("a good cycle");
    assert_eq!(node.ppm(1), 300);
    for swing in 0..20 {
        hold(&node, if swing % 2 == 0 { 19 } else { 23 });
        daemon.run(HOUR * 13, HOUR).await;
        assert_eq!(node.ppm(1), 900, "swing {swing}");
    }
    let made = daemon.store.changes().len();
    assert!(made <= 2 * 3, "{made} entries for two changes");
    let mut daemon = daemon.restart(DRAINED).await;
    hold(&node, 23);
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 900, "it is remembered over a restart");
    hold(&node, 26);
    daemon.run(HOUR * 13, HOUR).await;
    assert_eq!(node.ppm(1), 300);
}
