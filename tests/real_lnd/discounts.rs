//! Inbound discounts as real nodes see and use them.

use std::time::Duration;

use crate::daemon::Sweetspot;
use crate::network::{Network, forwards, pay, wait_for_policy};
use crate::node::{Policy, number};
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(20);

/// A discount on the channel that lacks flow appears in every node's graph with nothing else
/// changed, Alice pays that much less, and switched off it is taken back.
pub fn a_discount_is_given_used_and_taken_back(network: &mut Network) {
    const AMOUNT_SAT: u64 = 50_000;
    let near = network.bob_policy(&network.alice_bob);
    let far = network.bob_policy(&network.bob_carol);
    assert_eq!(near.inbound_fee_ppm, 0);
    let settings = |discount: bool| {
        format!(
            "law = \"classic\"\nbalance_gain = 0\nthroughput_gain = 0\nbase_fee_msat = \"keep\"\n\
             target_ratio = 1\n[channel.\"{}\"]\nmode = \"manage\"\n\
             [inbound]\ndiscount = {discount}\nshare = 0.3\n",
            network.alice_bob.point
        )
    };
    let mut sweetspot = Sweetspot::new(network, "discounts");
    sweetspot.settings(&settings(true));
    sweetspot.start();
    // All of it is missing that can count; half of the whole discount comes first.
    let full = near.fee_ppm.min(far.fee_ppm) * 3 / 10;
    let discount = full.div_ceil(2).max(10);
    let discounted = Policy {
        inbound_fee_ppm: -i32::try_from(discount).expect("small"),
        ..near.clone()
    };
    let bob = network.bob.pubkey();
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &network.alice_bob, &bob, |seen| *seen == discounted);
    }
    let explained = sweetspot.command(&["explain", &network.alice_bob.point]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    let told = format!("inbound 0 -> -{discount} ppm, confirmed");
    assert!(explained.contains(&told), "{explained}");

    let before = forwards(&network.bob).len();
    pay(&network.alice, &network.carol, AMOUNT_SAT);
    let event = until("bob's history has the new forward", LIMIT, || {
        let events = forwards(&network.bob);
        let new = events.get(before).cloned();
        new.ok_or_else(|| events.len().to_string())
    });
    let amount_msat = AMOUNT_SAT * 1_000;
    let outbound = u64::try_from(far.base_fee_msat).expect("none is negative")
        + amount_msat * u64::from(far.fee_ppm) / 1_000_000;
    let saved = (amount_msat + outbound) * u64::from(discount) / 1_000_000;
    assert_eq!(number::<u64>(&event["fee_msat"]), outbound - saved);

    sweetspot.settings(&settings(false));
    sweetspot.reload();
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &network.alice_bob, &bob, |seen| *seen == near);
    }
    assert_eq!(network.bob_policy(&network.bob_carol), far);
    assert_eq!(sweetspot.stop().code(), Some(0));
    assert!(!sweetspot.log().contains("WARN"), "{}", sweetspot.log());
}
