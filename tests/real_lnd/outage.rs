//! The node goes away beneath a running sweetspot.

use crate::daemon::{Sweetspot, pin};
use crate::network::Network;
use crate::node::Policy;

/// While lnd is down and then locked, sweetspot lives, says what it waits for, and takes new
/// settings; once lnd is unlocked it goes on by itself.
pub fn a_locked_node_is_waited_for(network: &mut Network) {
    let channel = network.bob_carol.clone();
    let before = network.bob_policy(&channel);
    let near = network.bob_policy(&network.alice_bob);
    let mut sweetspot = Sweetspot::new(network, "outage");
    sweetspot.settings(&pin(&channel, 401));
    sweetspot.start();
    sweetspot.wait_until_confirmed(&channel, 401);

    network.bob.stop();
    network.bob.start();
    network.bob.wait_for_state("LOCKED");
    let line = sweetspot.wait_for_line(&["waiting for the node", "wallet is locked"]);
    assert!(line.contains("WARN"), "{line}");
    sweetspot.settings(&pin(&channel, 402));
    sweetspot.reload();
    sweetspot.wait_for_line(&["config reloaded", "401 → 402"]);
    assert!(sweetspot.lives());

    network.bob.unlock();
    sweetspot.wait_for_line(&["the node is ready"]);
    sweetspot.wait_until_confirmed(&channel, 402);
    network.wait_until_bob_can_forward();
    let pinned = Policy {
        fee_ppm: 402,
        ..before
    };
    assert_eq!(network.bob_policy(&channel), pinned);
    assert_eq!(network.bob_policy(&network.alice_bob), near);
    assert!(!sweetspot.log().contains("ERROR"), "{}", sweetspot.log());
    let outcomes = sweetspot.outcomes(&channel);
    let confirmed = |outcome: &&Option<String>| outcome.as_deref() == Some("confirmed");
    assert_eq!(outcomes.iter().filter(confirmed).count(), 2, "{outcomes:?}");
    assert_eq!(sweetspot.stop().code(), Some(0));
}
