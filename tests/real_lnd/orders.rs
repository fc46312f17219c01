//! Orders that are given beside a running daemon.

use std::time::Duration;

use crate::daemon::Sweetspot;
use crate::network::Network;
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(30);

/// A pin reaches the node in the next cycle, a pause keeps a release from it, and the
/// fees of before come back.
pub fn orders_reach_a_running_daemon(network: &mut Network) {
    let before = network.bob_policy(&network.bob_carol);
    let channel = network.bob_carol.clone();
    let mut sweetspot = Sweetspot::new(network, "orders");
    let rate = before.fee_ppm + 60;
    // Without waits between updates, so that minutes need not pass.
    sweetspot.settings(&format!(
        "mode = \"pin\"\npin_ppm = {rate}\nbase_fee_msat = \"keep\"\n"
    ));
    sweetspot.start();
    sweetspot.wait_until_confirmed(&channel, rate);
    let order = |args: &[&str]| {
        let output = sweetspot.command(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let pinned = rate + 33;
    order(&["pin", &channel.point, &pinned.to_string(), "--until", "1h"]);
    sweetspot.wait_until_confirmed(&channel, pinned);
    let explained = order(&["explain", &channel.point]);
    assert!(explained.contains("ordered"), "{explained}");

    order(&["pause"]);
    order(&["release", &channel.point]);
    sweetspot.wait_for_turns(2);
    assert_eq!(network.bob_policy(&channel).fee_ppm, pinned, "paused");

    let shown = order(&["restore-original"]);
    assert!(shown.contains("repeat with --yes"), "{shown}");
    order(&["restore-original", "--yes"]);
    until("the fee of before is back", LIMIT, || {
        let now = network.bob_policy(&channel);
        (now == before)
            .then_some(())
            .ok_or_else(|| format!("{now:?}"))
    });
    assert_eq!(sweetspot.stop().code(), Some(0));
}
