//! What is too small, and what is too soon.

use super::*;
use crate::settings::values::Protect;

/// Whether `to` ppm from `from` ppm is too small a change.
fn too_small(to: u32, from: u32, settings: &ChannelSettings) -> bool {
    deadband(FeePpm(to), FeePpm(from), settings).is_some()
}

#[test]
fn a_rate_on_a_bound_is_inside_and_one_beyond_it_comes_back_at_once() {
    let bounded = ChannelSettings {
        min: FeePpm(100),
        ..managed()
    };
    assert!(too_small(101, 100, &bounded));
    assert!(!too_small(100, 99, &bounded));
    assert!(too_small(2_499, 2_500, &bounded));
    assert!(!too_small(2_500, 2_501, &bounded));
}

#[test]
fn a_pinned_rate_knows_no_deadband() {
    let pinned = ChannelSettings {
        mode: Mode::Pin(FeePpm(1_001)),
        ..managed()
    };
    assert!(!too_small(1_001, 1_000, &pinned));
    assert!(too_small(1_001, 1_000, &managed()));
}

/// What holds an update after one of ours at hour 0.
fn held(
    (to, from): (FeeParts, FeeParts),
    trigger: Trigger,
    settings: &ChannelSettings,
    hours: u32,
) -> Option<Hold> {
    let mut fee = FeeMemory::default();
    note_write(&mut fee, at(0));
    too_small_or_too_soon(to, from, trigger, &fee, settings, at(hours))
}

#[test]
fn a_drain_waits_for_its_own_cooldown_only() {
    let raise = (rate(125), rate(100));
    let quick = ChannelSettings {
        protect: Protect {
            cooldown: HOUR * 2,
            ..managed().protect
        },
        ..managed()
    };
    let (until, raised) = (at(2), true);
    let expected = Hold::Cooldown {
        until,
        raise: raised,
    };
    assert_eq!(held(raise, Trigger::Drain, &quick, 1), Some(expected));
    assert_eq!(held(raise, Trigger::Drain, &quick, 2), None);
    assert!(held(raise, Trigger::Scheduled, &quick, 2).is_some());
}

#[test]
fn a_base_fee_alone_waits_as_a_cut_does() {
    let base = FeeParts {
        base_fee_msat: 1_000,
        ..rate(100)
    };
    let (until, raise) = (at(12), false);
    assert_eq!(
        held((rate(100), base), Trigger::Scheduled, &managed(), 6),
        Some(Hold::Cooldown { until, raise })
    );
}

#[test]
fn what_was_only_shown_holds_back_only_what_is_shown() {
    let observed = ChannelSettings {
        mode: Mode::Observe,
        ..managed()
    };
    let fee = FeeMemory {
        shown_at: Some(at(0)),
        ..FeeMemory::default()
    };
    let held = |settings: &ChannelSettings| {
        let (to, from) = (rate(120), rate(100));
        too_small_or_too_soon(to, from, Trigger::Scheduled, &fee, settings, at(1))
    };
    assert!(matches!(held(&observed), Some(Hold::Cooldown { .. })));
    assert_eq!(held(&managed()), None);
}

#[test]
fn an_inbound_fee_waits_for_the_channels_other_updates() {
    let mut fee = FeeMemory::default();
    note_write(&mut fee, at(0));
    let wait = |dearer, fee: &FeeMemory, hours| too_soon(dearer, fee, &managed(), at(hours));
    assert_eq!(wait(true, &fee, 5), Some(at(6)));
    assert_eq!(wait(true, &fee, 6), None);
    assert_eq!(wait(false, &fee, 6), Some(at(12)));
    assert_eq!(wait(false, &fee, 12), None);
    for hours in [1, 2, 3] {
        note_write(&mut fee, at(hours));
    }
    assert_eq!(wait(false, &fee, 16), Some(at(24)), "the day's limit");
}

#[test]
fn a_day_without_updates_allowed_names_its_own_end() {
    let none = Pace {
        max_updates_per_day: 0,
        ..managed().pace
    };
    let until = at(24);
    assert_eq!(
        daily_limit(&FeeMemory::default(), &none, at(0)),
        Some(Hold::DailyLimit { until })
    );
}

#[test]
fn an_unanswered_write_is_waited_for_ten_minutes() {
    let fees = FeeParts::default();
    let fee = FeeMemory {
        last_change: Some(FeeChange::intended(fees, fees, at(0))),
        ..FeeMemory::default()
    };
    let until = at(0).plus(Duration::from_secs(600));
    assert_eq!(
        hands_off(&channel(1), &fee, &managed(), true),
        Some(Hold::WriteUnresolved { until })
    );
}

#[test]
fn a_write_that_is_over_holds_nothing_back() {
    let fees = FeeParts::default();
    let over = FeeChange::intended(fees, fees, at(0)).ended(Stage::NotApplied, at(1), "");
    let fee = FeeMemory {
        last_change: Some(over),
        ..FeeMemory::default()
    };
    assert_eq!(hands_off(&channel(1), &fee, &managed(), true), None);
}
