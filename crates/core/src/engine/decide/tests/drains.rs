//! Protective raises: what counts as a drain, and what becomes of it.

use super::*;

#[test]
fn a_quick_drain_is_answered_within_minutes_and_only_by_a_raise() {
    let mut world = World::of(vec![channel(1)], managed());
    world.round(at(0));
    world.channels[0].local_balance = Sat(250_000);
    world.channels[0].remote_balance = Sat(750_000);
    let decisions = world.round(at(0).plus(MINUTE * 5));
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].trigger, Trigger::Drain);
    assert_eq!(decisions[0].terms.dampening, 1.0, "not dampened");
    assert_eq!(world.ppm(0), 125);
    assert!(world.round(at(0).plus(MINUTE * 10)).is_empty());
}

#[test]
fn a_protective_raise_goes_from_the_rate_on_the_node() {
    let raised = |on_node, float| {
        let mut world = World::of(vec![channel(1)], managed());
        // Not confined to the step that it asks for.
        world.settings.pace.max_raise = 9.0;
        let fees = world.channels[0].policy.expect("a policy").fees;
        world.set_fees(
            point(1),
            FeeParts {
                outbound: FeePpm(on_node),
                ..fees
            },
        );
        world.round(at(0));
        let memory = world.memory.channels.get_mut(&point(1)).expect("known");
        memory.fee.wanted_ppm = Some(float);
        world.channels[0].local_balance = Sat(250_000);
        world.channels[0].remote_balance = Sat(750_000);
        world.round(at(0).plus(MINUTE * 5));
        world.ppm(0)
    };
    // Whatever has added up beside it.
    assert_eq!(raised(100, 109.0), 125);
    assert_eq!(raised(100, 92.0), 125);
    // A quarter of little is less than the least step.
    assert_eq!(raised(8, 8.0), 18);
}

#[test]
fn where_little_is_left_a_quarter_of_the_drain_counts() {
    // Ratios and shares that are exact in binary.
    let protect = |drain_share| Protect {
        drain_share,
        low_ratio: 0.25,
        ..managed().protect
    };
    let raises = |local, was_ratio, protect: Protect| {
        let channel = Channel {
            local_balance: Sat(local),
            remote_balance: Sat(1_000_000 - local),
            ..channel(1)
        };
        let mut world = World::of(vec![channel.clone()], managed());
        world.round(at(0));
        let memory = world.memory.channels.get_mut(&point(1)).expect("known");
        memory.recent.push_back(BalanceSample {
            at: at(0),
            ratio: was_ratio,
        });
        drain(&channel, memory, &protect) == protect.raise
    };
    assert!(raises(250_000, 0.5, protect(0.25)));
    assert!(!raises(250_000, 0.375, protect(0.25)));
    assert!(!raises(250_000, 0.3125, protect(0.25)));
    assert!(raises(125_000, 0.1875, protect(0.25)));
    assert!(!raises(125_000, 0.15625, protect(0.25)));
    // Nothing has gone.
    assert!(!raises(125_000, 0.125, protect(0.0)));
    assert!(raises(125_000, 0.15625, protect(0.0)));
}

#[test]
fn a_drain_that_cannot_be_answered_keeps_no_place_in_the_queue() {
    let mut world = World::of(vec![channel(1)], managed());
    world.round(at(0));
    world.channels[0].local_balance = Sat(250_000);
    world.channels[0].remote_balance = Sat(750_000);
    let now = at(0).plus(MINUTE * 5);
    let fee = &mut world.memory.channels.get_mut(&point(1)).expect("known").fee;
    (fee.queued, fee.waiting_since) = (true, Some(at(0)));
    fee.written_at = Some(at(0).plus(MINUTE * 4));
    let decisions = world.round(now);
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].trigger, Trigger::Scheduled);
    assert!(!world.memory.channels[&point(1)].fee.queued);
}

#[test]
fn a_drain_of_what_there_was_too_much_of_is_welcome() {
    let full = Channel {
        local_balance: Sat(990_000),
        remote_balance: Sat(10_000),
        ..channel(1)
    };
    let mut world = World::of(vec![full], managed());
    world.round(at(0));
    world.channels[0].local_balance = Sat(600_000);
    world.channels[0].remote_balance = Sat(400_000);
    assert!(world.round(at(0).plus(MINUTE * 5)).is_empty());
}
