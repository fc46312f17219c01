//! What sweetspot reads: every forward once, and channels that it leaves alone.

use std::time::Duration;

use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_store::Leg;

use crate::daemon::{Sweetspot, pin};
use crate::network::{BOB_TO_ALICE, Network, forwards, pay, wait_for_policy};
use crate::node::{Policy, number};
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(20);

/// Over turns, a kill, downtime with payments in it, and a restart, the database has as many
/// forwards and fees as Bob's own history.
pub fn forwards_are_read_exactly_once(network: &mut Network) {
    let mut sweetspot = Sweetspot::new(network, "reading");
    sweetspot.settings("");
    sweetspot.start();
    let before = forwards(&network.bob).len();
    assert!(before > 0, "there is history to read");
    wait_until_read(network, &sweetspot, before);

    let pay = |amount_sat| pay(&network.alice, &network.carol, amount_sat);
    pay(1_000);
    pay(2_000);
    wait_until_read(network, &sweetspot, before + 2);
    sweetspot.wait_for_turns(2);
    sweetspot.kill();
    pay(3_000);
    pay(4_000);

    sweetspot.start();
    wait_until_read(network, &sweetspot, before + 4);
    pay(5_000);
    let all = wait_until_read(network, &sweetspot, before + 5);
    sweetspot.wait_for_turns(2);
    assert_eq!(stored(&sweetspot), all, "further turns add nothing");
    let status = sweetspot.json(&["status", "--json"]);
    assert_eq!(
        number::<u64>(&status["node"]["last_7_days"]["forwards"]),
        all.count
    );
    assert_eq!(sweetspot.stop().code(), Some(0));
}

/// A channel that is not announced is read like the others, but its fee is not touched unless
/// the settings name it.
pub fn a_private_channel_is_read_but_left_alone(network: &mut Network) {
    let private = &network.bob_alice_private;
    let mut sweetspot = Sweetspot::new(network, "private");
    let everywhere = "mode = \"pin\"\npin_ppm = 140\nbase_fee_msat = \"keep\"\n";
    sweetspot.settings(everywhere);
    sweetspot.start();
    sweetspot.wait_until_confirmed(&network.alice_bob, 140);
    sweetspot.wait_until_confirmed(&network.bob_carol, 140);
    sweetspot.wait_for_turns(2);
    assert_eq!(sweetspot.last_write(private), None);
    assert_eq!(network.bob_policy(private), BOB_TO_ALICE);
    let status = sweetspot.status();
    let line = &status[&private.point];
    assert_eq!(line["mode"], "ignore");
    assert_eq!(number::<u32>(&line["fee_ppm"]), BOB_TO_ALICE.fee_ppm);

    sweetspot.settings(&format!("{everywhere}{}", pin(private, 141)));
    sweetspot.reload();
    sweetspot.wait_until_confirmed(private, 141);
    let changed = Policy {
        fee_ppm: 141,
        ..BOB_TO_ALICE
    };
    let bob = network.bob.pubkey();
    wait_for_policy(&network.alice, private, &bob, |seen| *seen == changed);
    assert_eq!(sweetspot.stop().code(), Some(0));
}

/// Waits until Bob's history has `count` forwards and the database just these; gives their sums.
fn wait_until_read(network: &Network, sweetspot: &Sweetspot, count: usize) -> Leg {
    until("sweetspot has read Bob's history", LIMIT, || {
        let events = forwards(&network.bob);
        let sum = |key| Msat(events.iter().map(|event| number::<u64>(&event[key])).sum());
        let history = Leg {
            count: events.len() as u64,
            amount: sum("amt_out_msat"),
            fees: sum("fee_msat"),
        };
        let seen = stored(sweetspot);
        (events.len() == count && seen == history)
            .then_some(seen)
            .ok_or_else(|| format!("{seen:?} instead of {history:?}"))
    })
}

fn stored(sweetspot: &Sweetspot) -> Leg {
    let ever = Timestamp::from_nanos(i64::MAX);
    // Until the first start has made the database, there is none to read.
    sweetspot
        .try_read(async |db| db.total(Timestamp::EPOCH, ever).await)
        .unwrap_or_default()
}
