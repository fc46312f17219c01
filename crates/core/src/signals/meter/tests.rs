use proptest::prelude::*;

use std::time::Duration;

use super::*;
use crate::testing::channel;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const WINDOWS: Windows = Windows {
    current: Duration::from_secs(3 * 86_400),
    history: Duration::from_secs(30 * 86_400),
};
/// Sat in a typical forward.
const TYPICAL: u64 = 100_000;

fn hour(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_700_000_000).plus(HOUR * hours)
}

/// A meter that has watched a stocked channel from hour 0 on.
fn watched() -> Meter {
    let mut meter = Meter::new(hour(0));
    meter.watch(&channel(1), hour(0), WINDOWS);
    meter
}

fn sell(meter: &mut Meter, hours: u32, sat: u64) {
    meter.count_sold(hour(hours), Msat(sat * 1_000), Msat(sat / 2));
}

fn per_day(tpm: f64) -> f64 {
    tpm * 1_440.0
}

#[test]
fn a_steady_flow_is_read_at_its_rate_from_the_start() {
    let mut meter = watched();
    for n in 0..30 * 24 {
        sell(&mut meter, n, TYPICAL);
        if n == 48 || n == 700 {
            let demand = meter.demand(hour(n + 1), WINDOWS);
            assert!((per_day(demand.current.tpm()) / 24.0 - 1.0).abs() < 0.02);
            assert!((per_day(demand.history.tpm()) / 24.0 - 1.0).abs() < 0.02);
        }
    }
}

#[test]
fn three_thousand_forwards_a_day_read_as_more_than_three() {
    let busy = |a_day: u32| {
        let mut meter = watched();
        for n in 0..10 * a_day {
            let at = hour(0).plus(DAY * n / a_day);
            meter.count_sold(at, Msat(TYPICAL * 1_000), Msat(0));
        }
        per_day(meter.demand(hour(240), WINDOWS).history.tpm())
    };
    for a_day in [3_u32, 100, 1_440, 3_000] {
        assert!(
            (busy(a_day) / f64::from(a_day) - 1.0).abs() < 0.05,
            "{a_day}: {}",
            busy(a_day)
        );
    }
}

#[test]
fn dust_counts_as_dust() {
    let mut meter = watched();
    for n in 0..8_000 {
        meter.count_sold(hour(n / 40), Msat(1_000), Msat(0));
    }
    let forwards = meter.demand(hour(200), WINDOWS).history.forwards;
    assert!(forwards < 8_000.0 / 100_000.0, "{forwards}");
}

#[test]
fn a_rate_fades_with_the_windows_that_are_set() {
    let mut meter = watched();
    sell(&mut meter, 0, TYPICAL);
    let current = |hours| meter.demand(hour(hours), WINDOWS).current.forwards;
    let history = |hours| meter.demand(hour(hours), WINDOWS).history.forwards;
    assert!((current(73) / current(1) - (-1.0_f64).exp()).abs() < 1e-9);
    assert!((history(721) / history(1) - (-1.0_f64).exp()).abs() < 1e-9);
    assert_eq!(current(16 * 24), 0.0);
}

#[test]
fn time_without_stock_is_no_time_without_demand() {
    let mut empty = channel(1);
    empty.local_balance = empty.local_reserve;
    let (mut always, mut half) = (watched(), watched());
    for n in 0..40 * 24 {
        if n % 24 < 12 {
            sell(&mut always, n, TYPICAL);
            sell(&mut half, n, TYPICAL);
            half.watch(&channel(1), hour(n), WINDOWS);
        } else {
            sell(&mut always, n, TYPICAL);
            half.watch(&empty, hour(n), WINDOWS);
        }
    }
    let rate = |meter: &Meter| meter.demand(hour(960), WINDOWS).history.tpm();
    assert!((rate(&half) / rate(&always) - 1.0).abs() < 0.05);
    let share = half.demand(hour(960), WINDOWS).history.stocked_share();
    assert!((share - 0.5).abs() < 0.05, "{share}");
}

#[test]
fn the_balance_is_walked_back_through_the_time_before_it_was_watched() {
    // 20 days: full until day 10, when all of it leaves; found empty on day 20.
    let mut empty = channel(1);
    empty.local_balance = empty.local_reserve;
    let mut meter = Meter::new(hour(0));
    sell(&mut meter, 240, 4_000_000);
    meter.watch(&empty, hour(480), WINDOWS);
    let tally = meter.demand(hour(480), WINDOWS).history;
    let share = tally.stocked_share();
    let faded = |days: f64| (-days / 30.0).exp();
    let expected = (faded(10.0) - faded(20.0)) / (1.0 - faded(20.0));
    assert!((share - expected).abs() < 0.01, "{share} is not {expected}");
    // Half as much is known of that time.
    assert!((tally.forwards / (40.0 * faded(10.0) * 0.5) - 1.0).abs() < 0.02);
}

#[test]
fn what_came_in_counts_as_use_and_not_as_sales() {
    let mut meter = watched();
    for n in 0..240 {
        meter.count_brought(hour(n), Msat(TYPICAL * 1_000));
    }
    assert_eq!(meter.demand(hour(240), WINDOWS).history.forwards, 0.0);
    assert!((per_day(meter.used_tpm(hour(240), WINDOWS)) / 24.0 - 1.0).abs() < 0.05);
}

#[test]
fn fees_are_told_by_the_day_and_rates_by_what_was_sold() {
    let mut meter = watched();
    // Hour 0 is the 22nd of its UTC day.
    sell(&mut meter, 1, 200);
    sell(&mut meter, 2, 400);
    sell(&mut meter, 25, 600);
    sell(&mut meter, 26, 1_000);
    sell(&mut meter, 74, 5_000);
    for settled in [hour(80), hour(24 * 20)] {
        let days = 3 + usize::try_from((settled.secs() - hour(80).secs()) / 86_400).expect("few");
        let fees = meter.volume.daily_fees(settled, days);
        assert_eq!(fees[..3], [Msat(500), Msat(500), Msat(0)]);
        let sold = meter.volume.since_day_of(hour(3));
        assert_eq!((sold.sold, sold.fees), (Msat(7_000_000), Msat(3_500)));
        meter.forget(hour(24 * 20), WINDOWS);
    }
}

#[test]
fn what_is_long_past_is_kept_by_days_and_reads_nearly_the_same() {
    let mut meter = watched();
    for n in 0..24 * 20 {
        sell(&mut meter, n, TYPICAL * u64::from(n % 7));
    }
    let now = hour(24 * 20);
    let by_hours = meter.demand(now, WINDOWS);
    meter.forget(now, WINDOWS);
    assert!(meter.volume.spans() < 24 * 10, "{}", meter.volume.spans());
    let by_days = meter.demand(now, WINDOWS);
    for (a, b) in [
        (by_days.current, by_hours.current),
        (by_days.history, by_hours.history),
    ] {
        assert!((a.tpm() / b.tpm() - 1.0).abs() < 0.01, "{a:?} is not {b:?}");
    }
}

#[test]
fn what_no_reading_looks_at_is_forgotten() {
    let mut meter = watched();
    sell(&mut meter, 1, TYPICAL);
    sell(&mut meter, 24 * 100, TYPICAL);
    meter.forget(hour(24 * 120), WINDOWS);
    let before = meter.demand(hour(24 * 152), WINDOWS);
    meter.forget(hour(24 * 152), WINDOWS);
    assert_eq!(meter.volume.spans(), 1);
    assert_eq!(meter.demand(hour(24 * 152), WINDOWS), before);
}

#[test]
fn a_year_that_never_was_is_no_trouble() {
    let mut meter = watched();
    for at in [i64::MIN, i64::MAX, 0] {
        let at = Timestamp::from_nanos(at);
        meter.count_sold(at, Msat(u64::MAX), Msat(u64::MAX));
        meter.count_sold(at, Msat(u64::MAX), Msat(u64::MAX));
        let demand = meter.demand(hour(5), WINDOWS);
        assert_eq!((demand.current.tpm(), demand.history.tpm()), (0.0, 0.0));
        assert!(meter.demand(at, WINDOWS).history.tpm().is_finite());
    }
}

/// Forwards: hour, sat, whether it left here.
fn forwards() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    let amount = prop_oneof![1_u64..100, 1_000_u64..500_000, 1_000_000_u64..9_000_000];
    proptest::collection::vec((0_u32..2_400, amount, any::<bool>()), 0..80)
}

fn count(meter: &mut Meter, forwards: &[(u32, u64, bool)]) {
    for (hours, sat, sold) in forwards {
        if *sold {
            sell(meter, *hours, *sat);
        } else {
            meter.count_brought(hour(*hours), Msat(sat * 1_000));
        }
    }
}

/// Balances as they were seen: hour, and whether there was stock.
fn sights() -> impl Strategy<Value = Vec<(u32, bool)>> {
    proptest::collection::vec((1_u32..96, any::<bool>()), 1..40)
}

/// Watches from `from` on, and tells the last hour watched.
fn watch(meter: &mut Meter, from: u32, sights: &[(u32, bool)]) -> u32 {
    let mut empty = channel(1);
    empty.local_balance = empty.local_reserve;
    let mut now = from;
    for (later, stocked) in sights {
        let channel = if *stocked { channel(1) } else { empty.clone() };
        meter.watch(&channel, hour(now), WINDOWS);
        now += later;
    }
    now
}

proptest! {
    #[test]
    fn one_more_forward_never_lowers_a_rate(
        told in forwards(), sights in sights(), more in (0_u32..2_400, 1_u64..1_000_000),
    ) {
        let mut meter = Meter::new(hour(0));
        count(&mut meter, &told);
        let now = watch(&mut meter, 0, &sights).max(2_400);
        let mut with = meter.clone();
        sell(&mut with, more.0, more.1);
        let (a, b) = (meter.demand(hour(now), WINDOWS), with.demand(hour(now), WINDOWS));
        prop_assert!(b.current.tpm() >= a.current.tpm());
        prop_assert!(b.history.tpm() >= a.history.tpm());
        let fading = FadingWindows::of(hour(now), WINDOWS);
        let used = meter.used_tpm(hour(now), WINDOWS);
        for enough in [used / 2.0, used, used * 2.0 + 1e-9] {
            let found = meter.used_tpm_up_to(enough, &fading);
            prop_assert_eq!(found < enough, used < enough);
            prop_assert!(found >= enough || found == used);
        }
        prop_assert!(with.used_tpm(hour(now), WINDOWS) >= meter.used_tpm(hour(now), WINDOWS));
        prop_assert!(with.last_sold() >= meter.last_sold());
    }

    #[test]
    fn many_forwards_count_as_one_of_their_whole_amount(
        told in forwards(), at in 0_u32..2_400, parts in proptest::collection::vec(1_u64..50_000, 1..40),
    ) {
        let mut split = watched();
        count(&mut split, &told);
        let mut whole = split.clone();
        parts.iter().for_each(|sat| split.count_sold(hour(at), Msat(*sat), Msat(0)));
        whole.count_sold(hour(at), Msat(parts.iter().sum()), Msat(0));
        prop_assert_eq!(split, whole);
    }

    #[test]
    fn counted_again_in_any_order_it_is_the_same_to_the_bit(
        told in forwards(), sights in sights(), at in 0_usize..80, first in 0_u32..2_400,
    ) {
        let mut kept = Meter::new(hour(0));
        let (early, late) = told.split_at(at.min(told.len()));
        count(&mut kept, early);
        let now = watch(&mut kept, first, &sights);
        count(&mut kept, late);
        let mut rebuilt = kept.clone();
        rebuilt.forget_forwards();
        let mut backwards = told.clone();
        backwards.reverse();
        count(&mut rebuilt, &backwards);
        rebuilt.forget(hour(now), WINDOWS);
        kept.forget(hour(now), WINDOWS);
        prop_assert_eq!(rebuilt.demand(hour(now), WINDOWS), kept.demand(hour(now), WINDOWS));
        prop_assert_eq!(&rebuilt, &kept);
    }

    #[test]
    fn a_reading_is_a_number_and_stock_no_more_than_the_time(
        told in forwards(), sights in sights(), first in 0_u32..2_400, now in 0_u32..9_000,
    ) {
        let mut meter = Meter::new(hour(0));
        count(&mut meter, &told);
        watch(&mut meter, first, &sights);
        let demand = meter.demand(hour(now), WINDOWS);
        for tally in [demand.current, demand.history] {
            prop_assert!(tally.tpm().is_finite() && tally.tpm() >= 0.0);
            prop_assert!((0.0..=1.0).contains(&tally.stocked_share()));
            prop_assert!(tally.stocked_minutes <= tally.minutes);
        }
    }
}
