use proptest::prelude::*;

use super::*;
use crate::testing::channel;

const K: u64 = 1_000;

fn buckets(channel: &Channel, floor_sat: u64) -> Option<(Sat, Sat)> {
    let policy = channel.policy.expect("a policy");
    Room::of(channel, &policy, Sat(floor_sat)).buckets()
}

#[test]
fn a_bucket_is_the_largest_power_of_two_that_the_balance_carries() {
    let within = buckets(&channel(1), 65_536).expect("room");
    assert_eq!(within, (Sat(65_536), Sat(524_288)));
    let full = Msat(990_000_000);
    for (local, expected) in [
        (0, 65_536),
        (65_535, 65_536),
        (131_071, 65_536),
        (131_072, 131_072),
        (600 * K, 524_288),
        // The largest within what the peer lets be in flight.
        (990 * K, 524_288),
        (u64::MAX, 524_288),
    ] {
        assert_eq!(bucket(Sat(local), full, within), Sat(expected), "{local}");
    }
}

#[test]
fn a_bucket_is_left_a_quarter_of_its_edge_beyond_it() {
    let within = buckets(&channel(1), 1).expect("room");
    let on_node = Msat(131_072_000);
    for (local, expected) in [
        (131_072, 131_072),
        (98_304, 131_072),
        (98_303, 65_536),
        (262_144, 131_072),
        (327_679, 131_072),
        (327_680, 262_144),
    ] {
        assert_eq!(
            bucket(Sat(local), on_node, within),
            Sat(expected),
            "{local}"
        );
    }
    // What is no bucket has no edge.
    assert_eq!(bucket(Sat(130 * K), Msat(131_072_001), within), Sat(65_536));
    assert_eq!(bucket(Sat(130 * K), Msat(0), within), Sat(65_536));
}

#[test]
fn without_room_nothing_is_set() {
    let mut small = channel(1);
    small.capacity = Sat(65_535);
    assert_eq!(buckets(&small, 65_536), None);
    let mut unknown = channel(1);
    unknown.max_in_flight = None;
    assert_eq!(buckets(&unknown, 0), None);
    let mut narrow = channel(1);
    narrow.max_in_flight = Some(Msat(200_000_000));
    assert_eq!(buckets(&narrow, 65_536), Some((Sat(65_536), Sat(131_072))));
    let policy = narrow.policy.as_mut().expect("a policy");
    policy.min_htlc = Msat(131_072_001);
    assert_eq!(buckets(&narrow, 0), None);
    assert_eq!(buckets(&channel(1), u64::MAX), None);
}

#[test]
fn what_is_in_flight_moves_nothing() {
    let mut channel = channel(1);
    let before = sendable(&channel);
    (channel.local_balance.0, channel.pending_out) = (100_000, Sat(400_000));
    assert_eq!(sendable(&channel), before);
    channel.local_balance = Sat(u64::MAX);
    assert_eq!(sendable(&channel), Sat(u64::MAX - 10_000));
}

proptest! {
    #[test]
    fn a_bucket_is_a_power_of_two_within_what_may_be_set(
        local in any::<u64>(),
        now in any::<u64>(),
        capacity in 0..=u64::MAX,
        in_flight in any::<Option<u64>>(),
        min_htlc in any::<u64>(),
        floor in 0..=u64::MAX,
    ) {
        let mut channel = channel(1);
        channel.capacity = Sat(capacity);
        channel.max_in_flight = in_flight.map(Msat);
        let mut policy = channel.policy.expect("a policy");
        policy.min_htlc = Msat(min_htlc);
        if let Some(within) = Room::of(&channel, &policy, Sat(floor)).buckets() {
            let found = bucket(Sat(local), Msat(now), within).0;
            prop_assert!(found.is_power_of_two());
            prop_assert!(found <= capacity && found >= floor);
            let msat = u128::from(found) * 1_000;
            prop_assert!(msat >= u128::from(min_htlc));
            prop_assert!(msat <= u128::from(in_flight.unwrap_or(0)));
        }
    }

    #[test]
    fn more_balance_never_lowers_it(
        exponent in 0_u32..40, low in 0..1_u64 << 41, more in 0..1_u64 << 40,
    ) {
        let within = (Sat(1), Sat(1 << 39));
        for now in [Msat(0), Msat(1_000 << exponent)] {
            let found = |local| bucket(Sat(local), now, within);
            prop_assert!(found(low) <= found(low + more));
        }
    }

    #[test]
    fn a_balance_that_wanders_about_an_edge_makes_one_move(
        exponent in 4_u32..30,
        start in 0..=100_u64,
        steps in prop::collection::vec(0..200_u64, 1..100),
    ) {
        let within = (Sat(1), Sat(1 << 39));
        let edge = 1_u64 << exponent;
        let mut now = Msat((edge / 2 + edge * start / 100) * 1_000);
        let mut moves = 0;
        for step in steps {
            // Up to a fifth of the edge to both sides.
            let local = edge * 4 / 5 + edge * 2 / 5 * step / 200;
            let to = Msat(bucket(Sat(local), now, within).0 * 1_000);
            moves += u32::from(to != now);
            now = to;
        }
        prop_assert!(moves <= 1, "{}", moves);
    }

    #[test]
    fn what_it_moves_to_is_where_it_stays(
        local in any::<u64>(), now in any::<u64>(), least in 0_u32..63, above in 0_u32..63,
    ) {
        let most = (least + above).min(63);
        let within = (Sat(1 << least), Sat(1 << most));
        let to = bucket(Sat(local), Msat(now), within);
        if let Some(msat) = to.0.checked_mul(1_000) {
            prop_assert_eq!(bucket(Sat(local), Msat(msat), within), to);
        }
    }
}
