//! Whose clock is followed.

use crate::node;
use crate::running::Running;

#[tokio::test]
async fn the_clock_of_a_real_node_is_never_followed() {
    let node = node(1);
    let daemon = Running::prepare(&node, crate::PINNED);
    for (network, why) in [
        ("mainnet", "network is mainnet"),
        ("testnet", "network is testnet"),
        ("testnet4", "network is testnet4"),
        ("signet", "network is signet"),
        ("", "network is unknown"),
        ("regtest", "tells of no clock"),
    ] {
        node.world().network = network.to_owned();
        let output = daemon.command(&["--clock", "node"]).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains(why), "{said}");
    }
    assert!(node.world().updates.is_empty());
    assert!(!daemon.path("sweetspot.db").exists());
}
