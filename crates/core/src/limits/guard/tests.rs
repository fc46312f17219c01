use super::*;
use crate::settings::values::StrategyName;
use crate::state::memory::ForeignChange;
use crate::testing::channel;

mod notes;
mod waits;

const HOUR: Duration = Duration::from_secs(3_600);

fn managed() -> ChannelSettings {
    ChannelSettings {
        mode: Mode::Manage,
        max: FeePpm(2_500),
        ..ChannelSettings::of(StrategyName::Classic)
    }
}

fn at(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
}

fn rate(ppm: u32) -> FeeParts {
    FeeParts {
        outbound: FeePpm(ppm),
        ..FeeParts::default()
    }
}

fn judged(to: u32, from: u32, memory: &FeeMemory, hours: u32) -> Option<Hold> {
    too_small_or_too_soon(
        rate(to),
        rate(from),
        Trigger::Scheduled,
        memory,
        &managed(),
        at(hours),
    )
}

#[test]
fn what_stops_a_channel_is_named_in_order() {
    let fee = FeeMemory::default();
    let off = |c: &Channel, f: &FeeMemory, s: &ChannelSettings, ready| hands_off(c, f, s, ready);
    let ignored = ChannelSettings {
        mode: Mode::Ignore,
        ..managed()
    };
    let offline = Channel {
        active: false,
        ..channel(1)
    };
    let edgeless = Channel {
        policy: None,
        ..channel(1)
    };
    assert_eq!(off(&offline, &fee, &ignored, false), Some(Hold::Ignored));
    let nameless = ChannelSettings {
        name_unknown: true,
        ..managed()
    };
    assert_eq!(
        off(&offline, &fee, &nameless, false),
        Some(Hold::NameUnknown)
    );
    assert_eq!(
        off(&offline, &fee, &managed(), false),
        Some(Hold::NodeNotReady)
    );
    assert_eq!(off(&edgeless, &fee, &managed(), true), Some(Hold::NoPolicy));
    let unread = Channel {
        policy_error: Some("GetChanInfo: odd".into()),
        ..edgeless.clone()
    };
    assert_eq!(
        off(&unread, &fee, &managed(), true),
        Some(Hold::PolicyUnread)
    );
    assert_eq!(
        off(&offline, &fee, &managed(), true),
        Some(Hold::PeerOffline)
    );
    let disabled = Channel {
        switched_off: true,
        ..channel(1)
    };
    assert_eq!(off(&disabled, &fee, &managed(), true), Some(Hold::Disabled));
    assert_eq!(off(&channel(1), &fee, &managed(), true), None);

    let fees = FeeParts::default();
    let foreign = FeeMemory {
        foreign: Some(ForeignChange {
            fees,
            seen_at: at(0),
        }),
        ..fee.clone()
    };
    let until = at(48);
    assert_eq!(
        off(&channel(1), &foreign, &managed(), true),
        Some(Hold::Foreign { until })
    );

    let pending = FeeMemory {
        last_change: Some(FeeChange::intended(fees, fees, at(0))),
        ..foreign
    };
    assert!(matches!(
        off(&channel(1), &pending, &managed(), true),
        Some(Hold::WriteUnresolved { .. })
    ));
}

#[test]
fn a_step_is_confined_and_so_is_what_is_remembered() {
    let (wanted, limits) = confine(1_000.0, FeePpm(100), &managed());
    assert_eq!(
        (wanted, limits),
        (125.0, vec![Limit::Step { ppm: FeePpm(125) }])
    );
    let (wanted, _) = confine(0.0, FeePpm(1_000), &managed());
    assert_eq!(wanted, 850.0);
}

#[test]
fn bounds_win_over_the_step() {
    let (wanted, limits) = confine(4_900.0, FeePpm(5_000), &managed());
    assert_eq!(
        (wanted, limits),
        (2_500.0, vec![Limit::Maximum { ppm: FeePpm(2_500) }])
    );
    let (wanted, limits) = confine(-5.0, FeePpm(0), &managed());
    assert_eq!(
        (wanted, limits),
        (1.0, vec![Limit::Minimum { ppm: FeePpm(1) }])
    );
}

#[test]
fn what_liquidity_cost_holds_a_fee_up_and_is_named() {
    let costly = |floor| ChannelSettings {
        cost_floor: FeePpm(floor),
        ..managed()
    };
    let floor = |ppm| vec![Limit::CostFloor { ppm: FeePpm(ppm) }];
    assert_eq!(
        confine(80.0, FeePpm(90), &costly(85)),
        (85.0, floor(85)),
        "no lower than it"
    );
    assert_eq!(
        confine(80.0, FeePpm(90), &costly(400)),
        (400.0, floor(400)),
        "and up to it at once"
    );
    assert_eq!(deadband(FeePpm(400), FeePpm(399), &costly(400)), None);
    assert_eq!(
        confine(80.0, FeePpm(90), &costly(9_000)),
        (2_500.0, floor(2_500)),
        "as far as the maximum allows"
    );
    let (rate, limits) = pinned(FeePpm(30), &costly(85));
    let lifted = Limit::CostFloor { ppm: FeePpm(85) };
    assert_eq!(rate, 85.0);
    assert_eq!(limits, [Limit::Pinned { ppm: FeePpm(30) }, lifted]);
    let minimum = Limit::Minimum { ppm: FeePpm(1) };
    assert_eq!(
        confine(0.0, FeePpm(1), &costly(1)).1,
        [minimum],
        "a floor no higher than the minimum is not what holds"
    );
}

#[test]
fn a_pinned_rate_stays_within_the_bounds_and_says_so_only_beyond_them() {
    let bounded = ChannelSettings {
        min: FeePpm(10),
        max: FeePpm(500),
        ..managed()
    };
    let pinned = |ppm| {
        let (rate, limits) = pinned(FeePpm(ppm), &bounded);
        (rate, limits[1..].to_vec())
    };
    let (min, max) = (FeePpm(10), FeePpm(500));
    assert_eq!(pinned(9), (10.0, vec![Limit::Minimum { ppm: min }]));
    assert_eq!(pinned(10), (10.0, vec![]));
    assert_eq!(pinned(500), (500.0, vec![]));
    assert_eq!(pinned(501), (500.0, vec![Limit::Maximum { ppm: max }]));
}

#[test]
fn a_fee_of_a_few_ppm_is_not_locked_by_the_deadband() {
    let strict = ChannelSettings {
        pace: Pace {
            step_floor_ppm: 0,
            deadband_ppm: 50,
            ..managed().pace
        },
        ..managed()
    };
    let (wanted, _) = confine(1_000.0, FeePpm(4), &strict);
    assert_eq!(wanted, 54.0);
    assert_eq!(deadband(FeePpm(54), FeePpm(4), &strict), None);
}

#[test]
fn small_changes_wait_except_onto_a_bound() {
    let fee = FeeMemory::default();
    assert_eq!(
        judged(104, 100, &fee, 0),
        Some(Hold::Deadband {
            wanted: FeePpm(104),
            needed_ppm: 5
        })
    );
    assert_eq!(
        judged(1_030, 1_000, &fee, 0),
        Some(Hold::Deadband {
            wanted: FeePpm(1_030),
            needed_ppm: 40
        })
    );
    assert_eq!(judged(105, 100, &fee, 0), None);
    assert_eq!(judged(1, 3, &fee, 0), None);
    assert!(judged(2_500, 2_499, &fee, 0).is_some());
    assert_eq!(judged(2_500, 2_501, &fee, 0), None);
}

#[test]
fn raises_and_cuts_cool_down_apart_and_from_our_own_writes() {
    let mut fee = FeeMemory::default();
    note_write(&mut fee, at(0));
    let waits = |until, raise| Some(Hold::Cooldown { until, raise });
    assert_eq!(judged(120, 100, &fee, 5), waits(at(6), true));
    assert_eq!(judged(120, 100, &fee, 6), None);
    assert_eq!(judged(90, 100, &fee, 6), waits(at(12), false));
    assert_eq!(judged(90, 100, &fee, 12), None);
}

#[test]
fn a_base_fee_that_is_not_as_it_should_be_is_worth_an_update() {
    let fee = FeeMemory::default();
    let judged = |base_fee_msat| {
        let from = FeeParts {
            base_fee_msat,
            ..rate(100)
        };
        too_small_or_too_soon(rate(100), from, Trigger::Scheduled, &fee, &managed(), at(0))
    };
    assert_eq!(judged(0), Some(Hold::AtRest));
    assert_eq!(judged(1_000), None);
}

#[test]
fn a_day_takes_only_so_many_updates() {
    let mut fee = FeeMemory::default();
    for hours in [0, 6, 12, 18] {
        note_write(&mut fee, at(hours));
    }
    let quick = ChannelSettings {
        pace: Pace {
            cooldown_raise: HOUR,
            ..managed().pace
        },
        ..managed()
    };
    let judged = |hours| {
        too_small_or_too_soon(
            rate(120),
            rate(100),
            Trigger::Scheduled,
            &fee,
            &quick,
            at(hours),
        )
    };
    assert_eq!(judged(23), Some(Hold::DailyLimit { until: at(24) }));
    assert_eq!(judged(24), None);
}

#[test]
fn only_what_we_manage_is_written() {
    let current = FeeParts {
        base_fee_msat: 700,
        outbound: FeePpm(100),
        inbound: crate::types::channel::InboundFee {
            base_fee_msat: -1,
            rate_ppm: -30,
        },
    };
    let kept = ChannelSettings {
        base_fee: BaseFee::Keep,
        ..managed()
    };
    let expected = FeeParts {
        outbound: FeePpm(90),
        ..current
    };
    assert_eq!(fees_to_write(FeePpm(90), current, &kept), expected);
    let zero_base = FeeParts {
        base_fee_msat: 0,
        ..expected
    };
    assert_eq!(fees_to_write(FeePpm(90), current, &managed()), zero_base);
}
