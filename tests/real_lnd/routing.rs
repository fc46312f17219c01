//! What the scenarios with sweetspot take for granted of the network itself.

use std::time::Duration;

use crate::network::{BOB_TO_CAROL, Network, forwards, pay, wait_for_policy};
use crate::node::{Policy, number};
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(20);

/// Payments from Alice to Carol appear in Bob's forwarding history, at the price he set.
pub fn bob_forwards_what_alice_pays_carol(network: &mut Network) {
    const PAYMENTS_SAT: [u64; 4] = [10_000, 20_000, 30_000, 40_000];
    for amount_sat in PAYMENTS_SAT {
        pay(&network.alice, &network.carol, amount_sat);
    }

    let events = until("bob's history is complete", LIMIT, || {
        let events = forwards(&network.bob);
        (events.len() == PAYMENTS_SAT.len())
            .then_some(events)
            .ok_or_else(|| "other number of forwards".to_owned())
    });
    for (event, amount_sat) in events.iter().zip(PAYMENTS_SAT) {
        let amount_msat = amount_sat * 1_000;
        let fee_msat = 700 + amount_msat * 250 / 1_000_000;
        assert_eq!(number::<u64>(&event["chan_id_in"]), network.alice_bob.scid);
        assert_eq!(number::<u64>(&event["chan_id_out"]), network.bob_carol.scid);
        assert_eq!(number::<u64>(&event["amt_out_msat"]), amount_msat);
        assert_eq!(number::<u64>(&event["fee_msat"]), fee_msat);
    }
}

/// A fee Bob sets by hand is soon in the graph of his peers.
pub fn a_new_fee_reaches_the_other_nodes(network: &mut Network) {
    let dearer = Policy {
        fee_ppm: BOB_TO_CAROL.fee_ppm + 60,
        ..BOB_TO_CAROL
    };
    set_on_bob_and_wait(network, &dearer);
    set_on_bob_and_wait(network, &BOB_TO_CAROL);
}

/// After a restart Bob answers nothing until unlocked; then he forwards by the same policy.
pub fn a_restarted_bob_is_locked_until_unlocked(network: &mut Network) {
    let before = forwards(&network.bob).len();
    network.bob.stop();
    network.bob.start();
    network.bob.wait_for_state("LOCKED");
    let refusal = network.bob.try_lncli(&["getinfo"]).unwrap_err();
    assert!(refusal.contains("wallet is encrypted"), "{refusal}");

    network.bob.unlock();
    network.bob.wait_for_state("SERVER_ACTIVE");
    network.wait_until_bob_can_forward();
    pay(&network.alice, &network.carol, 50_000);
    until("bob's history has the new forward", LIMIT, || {
        let now = forwards(&network.bob).len();
        (now == before + 1)
            .then_some(())
            .ok_or_else(|| now.to_string())
    });
    let bob = network.bob.pubkey();
    let policy = network.bob.policy(&network.bob_carol.point, &bob);
    assert_eq!(policy, Some(BOB_TO_CAROL));
}

/// A macaroon for a few calls allows those and no others.
pub fn a_baked_macaroon_allows_no_more_than_it_names(network: &mut Network) {
    let macaroon = network.dir().join("channels.macaroon");
    let bob = &network.bob;
    bob.bake_macaroon(&macaroon, &["uri:/lnrpc.Lightning/ListChannels"]);

    let channels = bob.lncli_with(&macaroon, &["listchannels"]).unwrap();
    assert_eq!(channels["channels"].as_array().map(Vec::len), Some(3));
    let refusal = bob.lncli_with(&macaroon, &["addinvoice"]).unwrap_err();
    assert!(refusal.contains("permission denied"), "{refusal}");
}

fn set_on_bob_and_wait(network: &Network, policy: &Policy) {
    let bob = network.bob.pubkey();
    network.bob.set_policy(&network.bob_carol.point, policy);
    for node in [&network.alice, &network.carol] {
        wait_for_policy(node, &network.bob_carol, &bob, |seen| seen == policy);
    }
}
