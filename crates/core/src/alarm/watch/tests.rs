use super::super::standing::Turn;
use super::*;
use crate::testing::point;

fn at(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn channel(ratio: f64, active: bool) -> ChannelSight {
    ChannelSight {
        name: "1x1x1 bob".into(),
        local_ratio: Some(ratio),
        active,
    }
}

fn seen(ratio: f64, active: bool) -> CycleSight {
    CycleSight {
        channels: [(point(1), channel(ratio, active))].into(),
        ..CycleSight::default()
    }
}

fn watch() -> Watch {
    Watch::new(AlarmSettings::default())
}

/// A cycle that saw this, and what is told of it.
fn told(watch: &mut Watch, minutes: u64, sight: CycleSight) -> Vec<(AlarmKind, Turn)> {
    watch.hear(Sight::Done(sight), at(minutes));
    due(watch, minutes)
}

fn due(watch: &mut Watch, minutes: u64) -> Vec<(AlarmKind, Turn)> {
    let notices = watch.due(at(minutes));
    notices.iter().map(|told| (told.kind, told.turn)).collect()
}

#[test]
fn a_channel_that_empties_is_told_and_one_that_is_found_empty_is_not() {
    let mut watch = watch();
    for minute in 0..300 {
        assert_eq!(told(&mut watch, minute, seen(0.01, true)), []);
    }
    assert_eq!(told(&mut watch, 300, seen(0.5, true)), []);
    assert_eq!(told(&mut watch, 301, seen(0.01, true)), []);
    assert_eq!(told(&mut watch, 360, seen(0.01, true)), []);
    let drained = AlarmKind::ChannelDrained;
    let begins = [(drained, Turn::Begins)];
    assert_eq!(told(&mut watch, 361, seen(0.01, true)), begins);
    // A little is not enough to be filled again.
    assert_eq!(told(&mut watch, 362, seen(0.06, true)), []);
    let over = [(drained, Turn::Over)];
    assert_eq!(told(&mut watch, 363, seen(0.1, true)), over);
}

#[test]
fn a_peer_is_offline_after_a_day_and_not_if_it_came_back_meanwhile() {
    let mut watch = watch();
    for minute in (0..1_435).step_by(5) {
        assert_eq!(told(&mut watch, minute, seen(0.5, false)), []);
    }
    assert_eq!(told(&mut watch, 1_435, seen(0.5, true)), []);
    assert_eq!(told(&mut watch, 1_440, seen(0.5, false)), []);
    assert_eq!(told(&mut watch, 2_000, seen(0.5, false)), []);
    let offline = AlarmKind::PeerOffline;
    let begins = [(offline, Turn::Begins)];
    assert_eq!(told(&mut watch, 2_880, seen(0.5, false)), begins);
    let gone = CycleSight::default();
    assert_eq!(told(&mut watch, 2_885, gone), [(offline, Turn::Over)]);
}

#[test]
fn a_node_that_is_away_is_told_after_a_quarter_of_an_hour_and_when_it_is_back() {
    let mut watch = watch();
    watch.hear(Sight::Waiting, at(0));
    assert_eq!(due(&mut watch, 14), []);
    let unreachable = AlarmKind::NodeUnreachable;
    assert_eq!(due(&mut watch, 15), [(unreachable, Turn::Begins)]);
    watch.hear(Sight::NodeFailed("no".into()), at(0));
    watch.hear(Sight::Working, at(16));
    watch.hear(Sight::NodeFailed("no".into()), at(16));
    assert_eq!(due(&mut watch, 17), []);
    let over = [(unreachable, Turn::Over)];
    assert_eq!(told(&mut watch, 18, CycleSight::default()), over);
}

#[test]
fn a_database_that_fails_is_not_told_as_a_node_that_is_away() {
    let mut watch = watch();
    for minute in 0..20 {
        watch.hear(Sight::Waiting, at(minute));
        watch.hear(Sight::Working, at(minute));
        watch.hear(Sight::DatabaseFailed("full".into()), at(minute));
        watch.hear(Sight::Resting, at(minute));
        let expected = match minute {
            15 => vec![(AlarmKind::DatabaseFailing, Turn::Begins)],
            _ => vec![],
        };
        assert_eq!(due(&mut watch, minute), expected);
    }
}

#[test]
fn a_cycle_that_finds_no_end_is_told_though_the_daemon_says_nothing_more() {
    let mut watch = watch();
    watch.hear(Sight::Working, at(0));
    assert_eq!(due(&mut watch, 9), []);
    let begins = [(AlarmKind::NoProgress, Turn::Begins)];
    assert_eq!(due(&mut watch, 10), begins);
    watch.hear(Sight::Resting, at(11));
    assert_eq!(due(&mut watch, 11), [(AlarmKind::NoProgress, Turn::Over)]);
    assert_eq!(due(&mut watch, 500), [], "resting is no standstill");
}

#[test]
fn three_updates_that_fail_in_a_row_are_told_and_two_are_not() {
    let mut watch = watch();
    let failed = |failed| CycleSight {
        failed,
        ..CycleSight::default()
    };
    let updated = |updated| CycleSight {
        updated,
        ..CycleSight::default()
    };
    assert_eq!(told(&mut watch, 0, failed(2)), []);
    assert_eq!(told(&mut watch, 5, updated(1)), []);
    assert_eq!(told(&mut watch, 10, failed(2)), []);
    let failing = AlarmKind::UpdatesFailing;
    let begins = [(failing, Turn::Begins)];
    assert_eq!(told(&mut watch, 15, failed(1)), begins);
    assert_eq!(told(&mut watch, 20, failed(0)), []);
    assert_eq!(told(&mut watch, 25, updated(1)), [(failing, Turn::Over)]);
}

#[test]
fn income_is_told_of_if_it_fell_clearly_and_far() {
    let mut watch = watch();
    for (trend, change) in [
        (Trend::NotClear, Some(-0.9)),
        (Trend::Fell, Some(-0.2)),
        (Trend::Fell, None),
        (Trend::Rose, Some(0.9)),
    ] {
        watch.hear(Sight::Income(trend, change), at(0));
        assert_eq!(due(&mut watch, 0), [], "{trend:?} {change:?}");
    }
    watch.hear(Sight::Income(Trend::Fell, Some(-0.3)), at(1));
    let begins = [(AlarmKind::IncomeFell, Turn::Begins)];
    assert_eq!(due(&mut watch, 1), begins);
}

#[test]
fn a_force_close_goes_on_while_nobody_says_whether_it_does() {
    let mut watch = watch();
    let force = AlarmKind::ForceClose;
    let closing = |points: &[u8]| CycleSight {
        closing: Some(points.iter().map(|n| (point(*n), "x".into())).collect()),
        ..CycleSight::default()
    };
    assert_eq!(told(&mut watch, 0, closing(&[1])), [(force, Turn::Begins)]);
    assert_eq!(told(&mut watch, 5, CycleSight::default()), []);
    assert_eq!(told(&mut watch, 9, closing(&[])), [(force, Turn::Over)]);
}

#[test]
fn an_htlc_near_its_time_out_is_told_until_it_is_gone() {
    let mut watch = watch();
    let kind = AlarmKind::HtlcTimeout;
    let hanging = CycleSight {
        hanging: [(point(1), "an HTLC".into())].into(),
        ..CycleSight::default()
    };
    assert_eq!(told(&mut watch, 0, hanging), [(kind, Turn::Begins)]);
    let over = [(kind, Turn::Over)];
    assert_eq!(told(&mut watch, 5, CycleSight::default()), over);
}

#[test]
fn a_preparation_that_is_behind_is_told_until_it_is_on_its_way_again() {
    let mut watch = watch();
    let behind = AlarmKind::PrepareBehind;
    let late = || CycleSight {
        behind: Some("receive 5 sat".into()),
        ..CycleSight::default()
    };
    assert_eq!(told(&mut watch, 0, CycleSight::default()), []);
    assert_eq!(told(&mut watch, 5, late()), [(behind, Turn::Begins)]);
    assert_eq!(told(&mut watch, 10, late()), []);
    let over = [(behind, Turn::Over)];
    assert_eq!(told(&mut watch, 15, CycleSight::default()), over);
}

#[test]
fn events_of_a_cycle_are_told_and_a_kind_that_is_off_is_not() {
    let mut news = seen(0.5, true);
    news.closing = Some([(point(2), "2x2x2 eve".into())].into());
    news.external = vec![(point(1), "set".into())];
    news.prune = vec![(point(1), Some("worth closing".into()))];
    let all = told(&mut watch(), 0, news.clone());
    assert_eq!(
        all,
        [
            (AlarmKind::ForceClose, Turn::Begins),
            (AlarmKind::ExternalChange, Turn::Happened),
            (AlarmKind::Prune, Turn::Begins),
        ]
    );
    let settings = AlarmSettings {
        off: [AlarmKind::Prune, AlarmKind::ExternalChange].into(),
        ..AlarmSettings::default()
    };
    let some = told(&mut Watch::new(settings), 0, news);
    assert_eq!(some, [(AlarmKind::ForceClose, Turn::Begins)]);
}
