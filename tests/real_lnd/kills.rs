//! sweetspot killed with SIGKILL around a write: what the node shows is what holds.

use std::thread::sleep;
use std::time::Duration;

use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::fee_change::Stage;

use crate::channel::Channel;
use crate::daemon::{Sweetspot, pin};
use crate::line::SlowLine;
use crate::network::Network;
use crate::node::Policy;
use crate::process::until;

const LIMIT: Duration = Duration::from_secs(30);
/// Each call of a write then takes at least twice this, and a write is four calls.
const DELAY: Duration = Duration::from_millis(120);
/// Longer than an unanswered write is waited for.
const UNRESOLVED_SECS: i64 = 601;

/// Killed when the intent is stored and the update not sent: the old policy stays in force, the
/// channel is left alone until the update cannot come any more, and then gets its fee.
pub fn a_kill_before_the_update_leaves_the_old_policy(network: &mut Network) {
    let (channel, other) = (network.bob_carol.clone(), network.alice_bob.clone());
    let line = SlowLine::to(network.bob.rpc_address());
    let mut sweetspot = Sweetspot::new(network, "killed-before").with_address(line.address());
    let before = pinned_to(network, &mut sweetspot, &channel, 500);

    line.delay(DELAY);
    sweetspot.settings(&pin(&channel, 501));
    sweetspot.reload();
    wait_for_intent(&sweetspot, &channel, 501);
    sweetspot.kill();
    line.delay(Duration::ZERO);
    assert_eq!(sweetspot.outcomes(&channel).last(), Some(&None));
    assert_eq!(network.bob_policy(&channel), before);

    let near = network.bob_policy(&other);
    sweetspot.settings(&[pin(&channel, 501), pin(&other, near.fee_ppm + 1)].concat());
    sweetspot.start();
    sweetspot.wait_for_line(&["unconfirmed fee update from an earlier run", "to_ppm=501"]);
    sweetspot.wait_until_confirmed(&other, near.fee_ppm + 1);
    sweetspot.wait_for_turns(2);
    assert_eq!(sweetspot.outcomes(&channel).last(), Some(&None));
    assert_eq!(network.bob_policy(&channel), before);
    assert_eq!(sweetspot.stop().code(), Some(0));

    sweetspot.age_writes(UNRESOLVED_SECS);
    sweetspot.start();
    sweetspot.wait_for_line(&["unconfirmed fee update was not applied"]);
    sweetspot.wait_until_confirmed(&channel, 501);
    let [.., undone, done] = &sweetspot.outcomes(&channel)[..] else {
        panic!("two writes were begun");
    };
    assert_eq!(undone.as_deref(), Some("not_done"));
    assert_eq!(done.as_deref(), Some("confirmed"));
    let after = Policy {
        fee_ppm: 501,
        ..before
    };
    assert_eq!(network.bob_policy(&channel), after);
    assert_eq!(sweetspot.stop().code(), Some(0));
}

/// Killed when the node has the new policy and the database does not know: the fee is known for
/// our own after the restart, and not written again.
pub fn a_kill_after_the_update_is_found_done(network: &mut Network) {
    let channel = network.bob_carol.clone();
    let line = SlowLine::to(network.bob.rpc_address());
    let mut sweetspot = Sweetspot::new(network, "killed-after").with_address(line.address());
    let before = pinned_to(network, &mut sweetspot, &channel, 510);

    line.delay(DELAY);
    sweetspot.settings(&pin(&channel, 511));
    sweetspot.reload();
    until("Bob has the new fee", LIMIT, || {
        let seen = network.bob_policy(&channel).fee_ppm;
        (seen == 511).then_some(()).ok_or_else(|| seen.to_string())
    });
    sweetspot.kill();
    line.delay(Duration::ZERO);
    let begun = sweetspot.outcomes(&channel);
    assert_eq!(begun.last(), Some(&None), "killed before the outcome");

    sweetspot.start();
    sweetspot.wait_for_line(&["unconfirmed fee update was applied"]);
    let write = sweetspot.wait_until_confirmed(&channel, 511);
    sweetspot.wait_for_turns(2);
    assert_eq!(sweetspot.last_write(&channel), Some(write));
    assert_eq!(sweetspot.outcomes(&channel).len(), begun.len());
    let after = Policy {
        fee_ppm: 511,
        ..before
    };
    assert_eq!(network.bob_policy(&channel), after);
    let log = sweetspot.log();
    assert!(!log.contains("someone else"), "{log}");
    assert_eq!(sweetspot.stop().code(), Some(0));
}

/// A node that hangs in the midst of a write does not hold up a stop; the write is open then.
pub fn a_stop_does_not_wait_for_a_hung_node(network: &mut Network) {
    let channel = network.bob_carol.clone();
    let line = SlowLine::to(network.bob.rpc_address());
    let mut sweetspot = Sweetspot::new(network, "hung").with_address(line.address());
    let before = pinned_to(network, &mut sweetspot, &channel, 520);

    line.delay(DELAY);
    sweetspot.settings(&pin(&channel, 521));
    sweetspot.reload();
    wait_for_intent(&sweetspot, &channel, 521);
    line.delay(Duration::from_secs(3_600));
    assert_eq!(sweetspot.stop().code(), Some(0));
    sweetspot.wait_for_line(&["WARN", "a fee update did not finish in time"]);
    assert_eq!(sweetspot.outcomes(&channel).last(), Some(&None));
    assert_eq!(network.bob_policy(&channel), before);
}

/// Killed over and over within its writes: each policy is the old one or the new one in full,
/// what the database calls confirmed has happened, and in the end every fee is as wanted.
pub fn kills_at_any_moment_leave_nothing_wrong(network: &mut Network) {
    const ROUNDS: u32 = 10;
    /// A write then takes eight times as long: four calls there and back.
    const SHORT_DELAY: Duration = Duration::from_millis(30);
    let line = SlowLine::to(network.bob.rpc_address());
    line.delay(SHORT_DELAY);
    let channels = [network.bob_carol.clone(), network.alice_bob.clone()];
    let before = channels
        .each_ref()
        .map(|channel| network.bob_policy(channel));
    let mut sweetspot = Sweetspot::new(network, "killed-often").with_address(line.address());
    let wanted = |round: u32| channels.each_ref().map(|c| pin(c, 600 + round)).concat();
    let mut open = 0;
    for round in 0..ROUNDS {
        sweetspot.settings(&wanted(round));
        sweetspot.start();
        wait_for_intent(&sweetspot, &channels[(round % 2) as usize], 600 + round);
        sleep(SHORT_DELAY * round);
        sweetspot.kill();
        for (channel, before) in channels.iter().zip(&before) {
            let now = network.bob_policy(channel);
            let unmanaged = Policy {
                fee_ppm: now.fee_ppm,
                ..before.clone()
            };
            assert_eq!(now, unmanaged);
            if let Some(write) = sweetspot.last_write(channel) {
                open += u32::from(write.is_open());
                assert_consistent(&write, &now);
            }
        }
        sweetspot.age_writes(UNRESOLVED_SECS);
    }
    sweetspot.settings(&wanted(ROUNDS));
    sweetspot.start();
    for (channel, before) in channels.iter().zip(before) {
        sweetspot.wait_until_confirmed(channel, 600 + ROUNDS);
        let after = Policy {
            fee_ppm: 600 + ROUNDS,
            ..before
        };
        assert_eq!(network.bob_policy(channel), after);
        let outcomes = sweetspot.outcomes(channel);
        assert!(outcomes.iter().all(Option::is_some), "{outcomes:?}");
    }
    assert_eq!(sweetspot.stop().code(), Some(0));
    assert!(open > 0, "no kill fell into a write");
    let settled = channels.each_ref().map(|c| sweetspot.outcomes(c)).concat();
    let count = |name| settled.iter().flatten().filter(|o| *o == name).count();
    crate::say(&format!(
        "  {ROUNDS} kills left {open} writes open; of {} writes in all {} were confirmed, {} not done",
        settled.len(),
        count("confirmed"),
        count("not_done")
    ));
}

fn assert_consistent(write: &FeeChange, now: &Policy) {
    let [from, to] = [write.from, write.to].map(|fees| fees.outbound.0);
    match write.stage {
        Stage::Confirmed => assert_eq!(now.fee_ppm, to, "{write:?}"),
        _ => assert!([from, to].contains(&now.fee_ppm), "{now:?} after {write:?}"),
    }
}

/// Starts sweetspot and waits until it has pinned the rate; gives the policy it made of that.
fn pinned_to(network: &Network, sweetspot: &mut Sweetspot, channel: &Channel, ppm: u32) -> Policy {
    let before = network.bob_policy(channel);
    sweetspot.settings(&pin(channel, ppm));
    sweetspot.start();
    sweetspot.wait_until_confirmed(channel, ppm);
    let pinned = Policy {
        fee_ppm: ppm,
        ..before
    };
    assert_eq!(network.bob_policy(channel), pinned);
    pinned
}

/// Waits until a write to `ppm` is begun.
fn wait_for_intent(sweetspot: &Sweetspot, channel: &Channel, ppm: u32) {
    until(&format!("a write to {ppm} ppm is begun"), LIMIT, || {
        let write = sweetspot.last_write(channel).ok_or("no write")?;
        let seen = write.to.outbound.0;
        (seen == ppm).then_some(()).ok_or_else(|| seen.to_string())
    });
}
