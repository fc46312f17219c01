use proptest::prelude::*;

use super::*;
use sweetspot_core::testing::channel;
use sweetspot_core::types::channel::{Channel, InboundFee, Policy};
use sweetspot_core::types::units::FeePpm;

const US: PeerId = PeerId([9; 33]);

fn with(n: u8, local: u64, ppm: u32, their_ppm: u32) -> Channel {
    let quiet = channel(n);
    let policy = |ppm| {
        quiet.policy.map(|policy| Policy {
            fees: FeeParts {
                base_fee_msat: 0,
                outbound: FeePpm(ppm),
                inbound: InboundFee::default(),
            },
            ..policy
        })
    };
    Channel {
        local_balance: Sat(local),
        remote_balance: Sat(1_000_000 - local),
        policy: policy(ppm),
        peer_policy: policy(their_ppm),
        ..quiet
    }
}

fn hop(from: u8, to: u8, ppm: u32) -> PublicHop {
    PublicHop {
        from: channel(from).peer,
        to: channel(to).peer,
        rate: FeePpm(ppm),
        base_fee: Msat(0),
        inbound: InboundFee::default(),
        least: Sat(1),
        most: Sat(1_000_000),
    }
}

fn search(channels: &[Channel], hops: &[PublicHop]) -> Found {
    let own: Vec<_> = channels
        .iter()
        .map(|channel| Own {
            node: US,
            channel,
            price: channel.policy.map(|policy| policy.fees.outbound),
            target_ratio: 0.5,
            sold_sat: 1e9,
        })
        .collect();
    find(&own, hops, &Tuning::default(), u64::MAX)
}

/// Too much at 50 ppm with the first peer, too little at 1,500 ppm with the second.
/// They charge 200 and 100 ppm on the way.
#[test]
fn a_walk_goes_out_where_there_is_too_much_and_in_where_there_is_too_little() {
    let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
    let found = search(&channels, &[hop(1, 2, 200)]);
    let moved: u64 = found.walks.iter().map(|walk| walk.amount_sat).sum();
    assert_eq!(moved, 400_000);
    for walk in &found.walks {
        assert_eq!(
            (walk.out, walk.into),
            (channels[0].point, channels[1].point)
        );
        assert_eq!(walk.over, [channels[0].peer, channels[1].peer]);
        // 100 ppm of the amount, then 200 ppm of that and the fee.
        let last = walk.amount_sat * 1_000 / 10_000;
        let first = (walk.amount_sat * 1_000 + last) * 200 / 1_000_000;
        assert_eq!(walk.cost_msat, last + first);
    }
    // 1,500 ppm over 0.4 of the capacity at 2.5: 379.3 sat; 50 ppm at 1.5, 27.4 sat.
    let worth: f64 = found.walks.iter().map(|walk| walk.worth_msat).sum();
    assert!((worth - 351_900.0).abs() < 200.0, "{worth}");
    assert!(search(&channels, &[hop(2, 1, 200)]).walks.is_empty());
    assert!(search(&channels, &[hop(1, 2, 1_500)]).walks.is_empty());
}

#[test]
fn what_leaves_by_one_of_our_nodes_may_come_in_by_another() {
    let other = channel(8).peer;
    let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
    // The two ends of a channel between the two: as full as it can be.
    let ends = [with(8, 1_000_000, 5_000, 0), with(9, 0, 5_000, 0)];
    let ours = |node, channel| Own {
        node,
        channel,
        price: channel.policy.map(|policy| policy.fees.outbound),
        target_ratio: 0.5,
        sold_sat: 1e9,
    };
    let own = [
        ours(channel(9).peer, &channels[0]),
        ours(channel(9).peer, &ends[0]),
        ours(other, &channels[1]),
        ours(other, &ends[1]),
    ];
    let hops = [hop(1, 2, 200), hop(1, 8, 0), hop(9, 2, 0)];
    let found = find(&own, &hops, &Tuning::default(), u64::MAX);
    assert_eq!(found.needs.len(), 2);
    let moved: u64 = found.walks.iter().map(|walk| walk.amount_sat).sum();
    assert_eq!(moved, 400_000);
    for walk in &found.walks {
        // Not over our own channels: the payment is from the one to the other.
        assert_eq!(walk.over, [channels[0].peer, channels[1].peer]);
    }
}

#[test]
fn discounts_of_peers_make_a_walk_that_was_too_dear() {
    let channels = [with(1, 900_000, 300, 10), with(2, 100_000, 700, 100)];
    assert!(search(&channels, &[hop(1, 2, 400)]).walks.is_empty());
    let mut discounted = channels.clone();
    let policy = discounted[0].peer_policy.as_mut().expect("a policy");
    policy.fees.inbound.rate_ppm = -390;
    let found = search(&discounted, &[hop(1, 2, 400)]);
    assert!(!found.walks.is_empty());
    // A discount makes a forward free at most.
    policy_of(&mut discounted, -5_000);
    let found = search(&discounted, &[hop(1, 2, 400)]);
    let walk = &found.walks[0];
    assert_eq!(walk.cost_msat, walk.amount_sat * 1_000 / 10_000);
}

fn policy_of(channels: &mut [Channel], rate_ppm: i32) {
    let policy = channels[0].peer_policy.as_mut().expect("a policy");
    policy.fees.inbound.rate_ppm = rate_ppm;
}

#[test]
fn a_cheaper_way_over_more_nodes_is_taken() {
    let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
    let found = search(&channels, &[hop(1, 2, 900), hop(1, 3, 5), hop(3, 2, 5)]);
    assert!(found.walks.iter().all(|walk| walk.over.len() == 3));
}

#[test]
fn nothing_that_the_graph_says_breaks_it() {
    let wild = PublicHop {
        base_fee: Msat(u64::MAX),
        most: Sat(u64::MAX),
        inbound: InboundFee {
            base_fee_msat: i32::MIN,
            rate_ppm: i32::MIN,
        },
        ..hop(1, 2, u32::MAX)
    };
    let channels = [with(1, 900_000, 50, 10), with(2, 100_000, 1_500, 100)];
    let found = search(&channels, &[wild, hop(1, 1, 0), hop(2, 2, 0)]);
    assert!(found.walks.len() < 9);
}

proptest! {
    #[test]
    fn every_walk_gains_and_no_channel_goes_beyond_its_target(
        locals in proptest::collection::vec(0..=1_000_000_u64, 4),
        rates in proptest::collection::vec(0..3_000_u32, 4),
        between in proptest::collection::vec((1..5_u8, 1..5_u8, 0..500_u32), 0..9),
    ) {
        let channels: Vec<_> = (1..=4_u8)
            .zip(locals.iter().zip(&rates))
            .map(|(n, (local, ppm))| with(n, *local, *ppm, 20))
            .collect();
        let hops: Vec<_> = between.iter().map(|(a, b, ppm)| hop(*a, *b, *ppm)).collect();
        let found = search(&channels, &hops);
        for channel in &channels {
            let sum = |of: fn(&Walk) -> ChannelPoint| {
                let own = found.walks.iter().filter(|walk| of(walk) == channel.point);
                own.map(|walk| walk.amount_sat).sum::<u64>()
            };
            let most = found.needs[&channel.point].most_sat();
            prop_assert!(sum(|walk| walk.out) <= most && sum(|walk| walk.into) <= most);
        }
        prop_assert!(found.walks.iter().all(|walk| walk.gain_msat() > 0.0));
    }
}
