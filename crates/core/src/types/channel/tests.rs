use super::*;
use crate::testing::channel;

#[test]
fn channel_points_are_in_the_order_of_their_bytes_then_of_their_outputs() {
    let point = |changed: &[(usize, u8)], output_index| {
        let mut txid = [7; 32];
        for (at, byte) in changed {
            txid[*at] = *byte;
        }
        ChannelPoint { txid, output_index }
    };
    let ascending = [
        point(&[(0, 6), (1, 255), (31, 255)], 9),
        point(&[(7, 6), (31, 255)], 9),
        point(&[(8, 6)], 9),
        point(&[(31, 6)], 9),
        point(&[], 0),
        point(&[], 1),
        point(&[(7, 200), (31, 0)], 0),
        point(&[(0, 200)], 0),
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!((a.cmp(b), a == b), (i.cmp(&j), i == j), "{i} and {j}");
        }
    }
}

#[test]
fn pending_htlcs_and_the_commit_fee_do_not_move_the_ratio() {
    let settled = Channel {
        initiator: true,
        local_balance: Sat(597_000),
        remote_balance: Sat(400_000),
        ..channel(1)
    };
    assert_eq!(settled.local_ratio(), 0.6);
    let hanging = Channel {
        local_balance: Sat(395_000),
        remote_balance: Sat(300_000),
        pending_out: Sat(200_000),
        pending_in: Sat(100_000),
        ..settled
    };
    assert_eq!(hanging.local_ratio(), 0.6);
}

#[test]
fn the_ratio_stays_between_zero_and_one_whatever_the_node_says() {
    for (local, remote, capacity) in [(0, 0, 0), (9, 9, 3), (u64::MAX, u64::MAX, 1)] {
        let odd = Channel {
            local_balance: Sat(local),
            remote_balance: Sat(remote),
            capacity: Sat(capacity),
            ..channel(1)
        };
        assert!((0.0..=1.0).contains(&odd.local_ratio()));
    }
}

#[test]
fn fees_are_told_with_every_part_that_changes() {
    let before = FeeParts {
        base_fee_msat: 2_500,
        outbound: FeePpm(600),
        inbound: InboundFee::default(),
    };
    let told = |fees: FeeParts| fees.told_after(Some(before));
    assert_eq!(told(before), "600 ppm");
    let no_base = FeeParts {
        base_fee_msat: 0,
        ..before
    };
    assert_eq!(told(no_base), "600 ppm with 0 msat base");
    let inbound = InboundFee {
        rate_ppm: -1_030,
        ..InboundFee::default()
    };
    let both = FeeParts { inbound, ..no_base };
    assert_eq!(
        told(both),
        "600 ppm with 0 msat base and -1,030 ppm inbound"
    );
    assert_eq!(
        before.told_after(Some(no_base)),
        "600 ppm with 2,500 msat base"
    );
    assert_eq!(both.told_after(None), "600 ppm");
}

#[test]
fn ids_read_back_as_written() {
    let text = format!("{}:7", "ab".repeat(32));
    assert_eq!(
        text.parse::<ChannelPoint>().map(|p| p.to_string()),
        Ok(text)
    );
    let scid: Scid = "850000x12x1".parse().expect("a scid");
    assert_eq!(scid.0.to_string().parse(), Ok(scid));
    assert_eq!(scid.to_string(), "850000x12x1");
    assert_eq!(scid.block(), Some(BlockHeight(850_000)));
    assert!("850000x12".parse::<Scid>().is_err());
    assert!("99999999x1x1".parse::<Scid>().is_err());
    assert!("04".repeat(33).parse::<PeerId>().is_err());
}

#[test]
fn an_alias_tells_no_block_height() {
    let alias: Scid = "16000000x0x5".parse().expect("a scid");
    assert_eq!(alias.block(), None);
    let zero_conf = Channel {
        scid: alias,
        other_scids: vec!["850000x12x1".parse().expect("a scid")],
        ..channel(1)
    };
    assert_eq!(zero_conf.age_blocks(BlockHeight(850_100)), Some(100));
    let mut ids = ChannelIds::default();
    ids.learn(&zero_conf);
    assert_eq!(ids.resolve(alias), Some(zero_conf.point));
}
