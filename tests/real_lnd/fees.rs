//! What sweetspot writes, and what it leaves as others set it.

use std::time::Duration;

use sweetspot_core::types::fee_change::Stage;

use crate::daemon::{Sweetspot, pin};
use crate::network::{Network, wait_for_policy};
use crate::node::Policy;
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(30);

/// A managed fee follows the balance, and a pinned one its setting, into the graphs of the other
/// nodes; nothing else of the policy changes but a base fee that is to be zero.
pub fn only_managed_fields_change(network: &mut Network) {
    let far = network.bob_policy(&network.bob_carol);
    let near = network.bob_policy(&network.alice_bob);
    let (low, high) = (far.fee_ppm - 40, near.fee_ppm + 40);
    let mut sweetspot = Sweetspot::new(network, "fees");
    // Most of the channel to Carol is Bob's, so its fee falls; of the one to Alice hers, so it
    // rises; each to a bound.
    let managed =
        "mode = \"manage\"\nlaw = \"classic\"\nbalance_gain = 0.2\nevidence_forwards = 0\n";
    let bounds = format!(
        "[channel.\"{}\"]\nmin_ppm = {low}\nbase_fee_msat = \"keep\"\n\
         [channel.\"{}\"]\nmax_ppm = {high}\nbase_fee_msat = 0\n",
        network.bob_carol.point, network.alice_bob.point
    );
    sweetspot.settings(&format!("{managed}{bounds}"));
    sweetspot.start();
    let cheaper = Policy {
        fee_ppm: low,
        ..far.clone()
    };
    let dearer = Policy {
        fee_ppm: high,
        base_fee_msat: 0,
        ..near.clone()
    };
    let bob = network.bob.pubkey();
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &network.bob_carol, &bob, |seen| *seen == cheaper);
        wait_for_policy(node, &network.alice_bob, &bob, |seen| *seen == dearer);
    }
    assert_ne!(near.base_fee_msat, 0, "there was a base fee to remove");

    sweetspot.settings(&pin(&network.bob_carol, 333));
    sweetspot.reload();
    let pinned = Policy {
        fee_ppm: 333,
        ..far
    };
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &network.bob_carol, &bob, |seen| *seen == pinned);
    }
    assert_eq!(sweetspot.stop().code(), Some(0));
    assert!(!sweetspot.log().contains("WARN"), "{}", sweetspot.log());
}

/// A max HTLC goes with a fee into the graphs of the other nodes, as a power of two that the
/// balance carries, and is as it was when the fees of before are restored.
pub fn a_max_htlc_follows_the_balance_and_is_restored(network: &mut Network) {
    let channel = network.bob_carol.clone();
    let before = network.bob_policy(&channel);
    let mut sweetspot = Sweetspot::new(network, "max-htlc");
    let rate = before.fee_ppm + 21;
    sweetspot.settings(&format!("{}max_htlc = \"balance\"\n", pin(&channel, rate)));
    sweetspot.start();
    let bob = network.bob.pubkey();
    let follows = |seen: &Policy| {
        let sat = seen.max_htlc_msat / 1_000;
        let as_before = Policy {
            fee_ppm: rate,
            max_htlc_msat: seen.max_htlc_msat,
            ..before.clone()
        };
        *seen == as_before
            && seen.max_htlc_msat != before.max_htlc_msat
            && seen.max_htlc_msat % 1_000 == 0
            && sat.count_ones() == 1
    };
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &channel, &bob, follows);
    }
    let set = sweetspot.wait_until_confirmed(&channel, rate);
    assert!(set.max_htlc.is_some(), "{set:?}");
    let order = sweetspot.command(&["restore-original", "--yes"]);
    assert!(order.status.success(), "{order:?}");
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &channel, &bob, |seen| *seen == before);
    }
    assert_eq!(sweetspot.stop().code(), Some(0));
    assert!(!sweetspot.log().contains("WARN"), "{}", sweetspot.log());
}

/// A fee set by hand stays for the time of hands off, and is then where sweetspot goes on from.
pub fn a_fee_set_by_hand_is_respected(network: &mut Network) {
    const HANDS_OFF: Duration = Duration::from_secs(8);
    const BY_HAND: u32 = 777;
    let channel = network.bob_carol.clone();
    let before = network.bob_policy(&channel);
    let mut sweetspot = Sweetspot::new(network, "hands");
    let falling = |least: u32| {
        format!(
            "foreign_hands_off = \"{}s\"\nlaw = \"classic\"\nbalance_gain = 0.2\nevidence_forwards = 0\n\
             [channel.\"{}\"]\nmode = \"manage\"\nmin_ppm = {least}\nbase_fee_msat = \"keep\"\n",
            HANDS_OFF.as_secs(),
            channel.point
        )
    };
    sweetspot.settings(&falling(before.fee_ppm - 20));
    sweetspot.start();
    let own = sweetspot.wait_until_confirmed(&channel, before.fee_ppm - 20);

    let by_hand = Policy {
        fee_ppm: BY_HAND,
        base_fee_msat: 5,
        ..before
    };
    network.bob.set_policy(&channel.point, &by_hand);
    sweetspot.wait_for_line(&["hands off", "ppm=777"]);
    sweetspot.wait_for_turns(1);
    assert_eq!(network.bob_policy(&channel), by_hand);
    assert_eq!(sweetspot.last_write(&channel), Some(own.clone()));

    sweetspot.wait_for_line(&["starting point", "ppm=777"]);
    sweetspot.wait_for_line(&["fee changed", "from_ppm=777"]);
    let next = until("sweetspot goes on", LIMIT, || {
        let write = sweetspot.last_write(&channel).ok_or("no write")?;
        let ours = write.intended_at != own.intended_at && write.stage == Stage::Confirmed;
        ours.then_some(write).ok_or_else(|| "none yet".to_owned())
    });
    assert_eq!(next.to.base_fee_msat, 5, "the base fee is as set by hand");
    assert_eq!(sweetspot.stop().code(), Some(0));
}
