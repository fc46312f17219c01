use super::*;
use crate::settings::preparation::Purpose;
use crate::testing::point;
use crate::types::units::Sat;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_secs(hours * 3_600)
}

/// Orders on one channel, given an hour after the other.
fn orders(verbs: &[(Verb, Option<i64>)]) -> Orders {
    let numbered = (1..).zip(verbs);
    Orders(
        numbered
            .map(|(id, (verb, until))| Order {
                id,
                at: at(id),
                point: Some(point(1)),
                verb: *verb,
                until: until.map(at),
            })
            .collect(),
    )
}

fn laid_over(mode: Mode, orders: &Orders, hours: i64) -> ChannelSettings {
    let mut settings = ChannelSettings {
        mode,
        ..ChannelSettings::default()
    };
    orders.lay_over(&mut settings, point(1), at(hours));
    settings
}

const PIN: Verb = Verb::Pin(FeePpm(250));

#[test]
fn an_order_holds_from_when_it_is_given_until_its_end() {
    let pinned = orders(&[(PIN, Some(5))]);
    let mode = |hours| laid_over(Mode::Manage, &pinned, hours).mode;
    assert_eq!(mode(0), Mode::Manage);
    assert_eq!(mode(1), Mode::Pin(FeePpm(250)));
    assert_eq!(mode(4), Mode::Pin(FeePpm(250)));
    assert_eq!(mode(5), Mode::Manage);
}

#[test]
fn the_last_mode_holds_and_one_that_ended_gives_way_to_that_before() {
    let both = orders(&[(Verb::Ignore, None), (PIN, Some(5))]);
    let mode = |hours| laid_over(Mode::Manage, &both, hours).mode;
    assert_eq!(mode(2), Mode::Pin(FeePpm(250)));
    assert_eq!(mode(5), Mode::Ignore);
}

#[test]
fn only_manage_lifts_observe_mode() {
    let writes = |verbs: &[Verb], mode| {
        let verbs: Vec<_> = verbs.iter().map(|verb| (*verb, None)).collect();
        laid_over(mode, &orders(&verbs), 9).writes()
    };
    let restore = Verb::Restore {
        ppm: FeePpm(9),
        base_fee_msat: 0,
        max_htlc: None,
    };
    for held in [PIN, restore] {
        assert!(!writes(&[held], Mode::Observe));
        assert!(!writes(&[held], Mode::Ignore));
        assert!(writes(&[held], Mode::Manage));
        assert!(writes(&[Verb::Manage, held], Mode::Observe));
        assert!(!writes(&[Verb::Manage, Verb::Release, held], Mode::Observe));
    }
    assert!(!writes(&[Verb::Target(0.7)], Mode::Observe));
}

#[test]
fn manage_does_not_lift_a_daemon_that_only_observes() {
    let mut settings = ChannelSettings {
        observe_only: true,
        ..ChannelSettings::default()
    };
    orders(&[(Verb::Manage, None), (PIN, None)]).lay_over(&mut settings, point(1), at(9));
    assert!(!settings.writes());
}

#[test]
fn a_release_ends_everything_ordered_before_it() {
    let released = orders(&[
        (PIN, None),
        (Verb::Target(0.7), None),
        (Verb::Release, None),
    ]);
    assert_eq!(laid_over(Mode::Manage, &released, 2).target_ratio, 0.7);
    let after = laid_over(Mode::Manage, &released, 3);
    assert_eq!(after, laid_over(Mode::Manage, &Orders::default(), 3));
}

#[test]
fn while_fees_are_restored_no_inbound_rate_is_held() {
    let restore = Verb::Restore {
        ppm: FeePpm(9),
        base_fee_msat: 0,
        max_htlc: None,
    };
    let fixed = InboundRate::Fixed(FeePpm(50));
    for (verb, expected) in [(restore, InboundRate::Auto), (PIN, fixed)] {
        let mut settings = ChannelSettings {
            mode: Mode::Manage,
            inbound_rate: fixed,
            ..ChannelSettings::default()
        };
        orders(&[(verb, None)]).lay_over(&mut settings, point(1), at(1));
        assert_eq!(settings.inbound_rate, expected);
    }
}

#[test]
fn a_restored_base_fee_is_set_only_where_the_config_sets_one() {
    let restored = orders(&[(
        Verb::Restore {
            ppm: FeePpm(9),
            base_fee_msat: 700,
            max_htlc: None,
        },
        None,
    )]);
    let set = laid_over(Mode::Manage, &restored, 1);
    assert_eq!(set.base_fee, BaseFee::Set(700));
    let mut kept = ChannelSettings {
        mode: Mode::Manage,
        base_fee: BaseFee::Keep,
        ..ChannelSettings::default()
    };
    restored.lay_over(&mut kept, point(1), at(1));
    assert_eq!(kept.base_fee, BaseFee::Keep);
}

#[test]
fn a_pause_ends_by_a_resume_or_by_itself() {
    let of_node = |verb, id, until: Option<i64>| Order {
        id,
        at: at(id),
        point: None,
        verb,
        until: until.map(at),
    };
    let paused = Orders(vec![of_node(Verb::Pause, 1, Some(4))]);
    assert!(paused.paused(at(3)).is_some());
    assert!(paused.paused(at(4)).is_none());
    let resumed = Orders(vec![
        of_node(Verb::Pause, 1, None),
        of_node(Verb::Resume, 2, None),
    ]);
    assert!(resumed.paused(at(1)).is_some());
    assert!(resumed.paused(at(2)).is_none());
}

#[test]
fn a_pause_stops_every_write_but_of_what_is_restored() {
    let node = |verb, id| Order {
        id,
        at: at(id),
        point: None,
        verb,
        until: None,
    };
    let channel = |verb, id| Order {
        point: Some(point(1)),
        ..node(verb, id)
    };
    let restore = Verb::Restore {
        ppm: FeePpm(9),
        base_fee_msat: 0,
        max_htlc: None,
    };
    let mut orders = Orders(vec![node(Verb::Pause, 1), channel(PIN, 2)]);
    assert!(!laid_over(Mode::Manage, &orders, 5).writes());
    orders.0.push(channel(restore, 3));
    assert!(laid_over(Mode::Manage, &orders, 5).writes());
    orders.0.push(channel(PIN, 4));
    assert!(!laid_over(Mode::Manage, &orders, 5).writes());
}

#[test]
fn a_ramp_moves_the_target_until_it_is_cancelled() {
    let ramp = Verb::Ramp(Ramp {
        ratio: 0.1,
        by: at(11),
    });
    let goal = Goal {
        purpose: Purpose::Receive,
        sum: Sat(5),
        by: at(11),
        peer: None,
        able_at_start: Sat(1),
    };
    let mut orders = orders(&[(ramp, Some(41))]);
    let of_node = |verb, id| Order {
        id,
        at: at(id),
        point: None,
        verb,
        until: None,
    };
    orders.0.push(of_node(Verb::Prepare(goal), 2));
    let target = |orders: &Orders, hours| laid_over(Mode::Manage, orders, hours).target_ratio;
    assert!((target(&orders, 6) - 0.3).abs() < 1e-9);
    assert_eq!(target(&orders, 41), 0.5);
    assert_eq!(orders.preparing(at(9)).map(|(_, goal)| goal), Some(goal));
    orders.0.push(of_node(Verb::Cancel, 5));
    assert!((target(&orders, 4) - 0.38).abs() < 1e-9);
    assert_eq!(target(&orders, 6), 0.5);
    assert_eq!(orders.preparing(at(9)), None);
    // What is planned after it holds.
    orders.0.push(Order {
        point: Some(point(1)),
        ..of_node(ramp, 7)
    });
    assert!(target(&orders, 9) < 0.5);
}

#[test]
fn what_is_new_or_has_ended_is_fresh_once() {
    let orders = orders(&[(PIN, Some(5)), (Verb::Target(0.7), None)]);
    let fresh = |through, seen: i64, now| orders.fresh(through, Some(at(seen)), at(now));
    let news = |takes_over| {
        vec![Fresh {
            point: point(1),
            takes_over,
        }]
    };
    assert_eq!(fresh(0, 0, 2), news(true));
    assert_eq!(fresh(1, 0, 2), news(false));
    assert_eq!(fresh(2, 2, 4), []);
    assert_eq!(fresh(2, 4, 5), news(false));
    assert_eq!(fresh(2, 5, 6), []);
}
