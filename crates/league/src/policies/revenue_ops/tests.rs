use std::time::Duration;

use super::super::trial::{Trial, channel};
use super::*;

fn at(hours: f64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600).plus(Duration::from_secs_f64(hours * 3_600.0))
}

/// A belief after so many half hours; `earns` gives sat per hour by rate.
fn taught(windows: u32, rates: &[f64], earns: impl Fn(f64) -> f64) -> (Posterior, Timestamp) {
    let mut belief = Posterior::new(200.0, 100.0);
    let mut now = at(0.0);
    for (window, ppm) in (0..windows).zip(rates.iter().cycle()) {
        now = at(f64::from(window) * RUN_HOURS);
        belief.update(*ppm, earns(*ppm), RUN_HOURS, now);
    }
    (belief, now)
}

#[test]
fn the_belief_and_its_draws_lean_to_where_revenue_is() {
    let rates = [100.0, 300.0, 500.0, 700.0, 900.0];
    let leans = |top: f64| {
        let earns = |ppm: f64| 16.0 - (ppm - top) * (ppm - top) / 40_000.0;
        let (belief, now) = taught(199, &rates, earns);
        let mut random = Random::stream(1, Purpose::Policy, 0);
        let draws = (0..500).map(|_| belief.sample(&mut random, now));
        (belief.mean, draws.sum::<f64>() / 500.0)
    };
    let (low, high) = (leans(200.0), leans(800.0));
    assert!(low.0 + 200.0 < high.0, "{low:?} {high:?}");
    assert!(low.1 + 100.0 < high.1, "{low:?} {high:?}");
}

#[test]
fn before_five_windows_the_prior_is_drawn_from() {
    let (belief, now) = taught(4, &[900.0], |_| 50.0);
    let mut random = Random::stream(1, Purpose::Policy, 0);
    let draws = (0..2_000).map(|_| belief.sample(&mut random, now));
    let mean = draws.sum::<f64>() / 2_000.0;
    assert!((mean - 200.0).abs() < 10.0, "{mean}");
}

#[test]
fn without_revenue_lower_rates_are_imagined() {
    let (belief, _) = taught(3, &[500.0], |_| 0.0);
    assert!((belief.mean - 500.0).abs() < 1e-9);
    let (belief, _) = taught(12, &[500.0], |_| 0.0);
    assert!((450.0..490.0).contains(&belief.mean), "{}", belief.mean);
    assert_eq!((belief.streak, belief.real_windows()), (12, 12));
}

#[test]
fn past_revenue_bounds_the_rate_with_a_quarter_of_room() {
    let earns = |ppm: f64| if ppm < 500.0 { 40.0 } else { 0.0 };
    let (belief, _) = taught(40, &[300.0, 800.0], earns);
    assert_eq!(belief.supported_ppm(10.0), Some(375.0));
    // A rate that was imposed proves nothing: twice the floor may be tried.
    assert_eq!(belief.supported_ppm(300.0), Some(600.0));
    assert_eq!(Posterior::new(200.0, 100.0).supported_ppm(10.0), None);
}

#[test]
fn forgetting_widens_a_belief_up_to_a_bound() {
    let (mut belief, _) = taught(60, &[300.0], |_| 30.0);
    let before = belief.std;
    belief.discount(0.98);
    assert!((belief.std / before - 1.0 / 0.98_f64.sqrt()).abs() < 1e-9);
    (0..1_000).for_each(|_| belief.discount(0.98));
    assert!((belief.std - 200.0).abs() < 1e-9);
}

#[test]
fn a_shortage_makes_dearer_and_a_surplus_cheaper_within_bounds() {
    let c = Constants::default();
    let settled = |local: u64, out_per_day: f64| {
        let channel = channel(1, 1_000_000, local, 200);
        let mut pid = Pid::default();
        (0..500)
            .map(|_| pid.factor(&c, &channel, out_per_day))
            .last()
    };
    let about = |have: Option<f64>, want: f64| {
        assert!(
            have.is_some_and(|have| (have - want).abs() < 1e-3),
            "{have:?} {want}"
        );
    };
    // At 1 Msat the gains count 1 / log2(3); the integral ends at 3 share-hours.
    about(settled(500_000, 0.0), 1.0);
    about(
        settled(100_000, 0.0),
        1.5_f64.powf((2.0 * 0.4 + 0.3) * 0.630_93),
    );
    about(
        settled(900_000, 0.0),
        1.5_f64.powf((2.0 * -0.4 - 0.3) * 0.630_93),
    );
    // What drains is to hold 70 %.
    about(settled(700_000, 0.1), 1.0);
    about(settled(300_000, -0.1), 1.0);
}

#[test]
fn competitors_are_undercut_by_a_tenth_while_there_is_stock() {
    let c = Constants::default();
    assert_eq!(c.below_competitors(500.0, 300.0, 0.5), 270.0);
    assert_eq!(c.below_competitors(200.0, 300.0, 0.5), 200.0);
    assert_eq!(c.below_competitors(500.0, 300.0, 0.3), 500.0);
    // Far above them: a fifth of the way.
    assert_eq!(c.below_competitors(1_000.0, 300.0, 0.3), 860.0);
}

#[test]
fn silence_blocks_raises_then_cuts_every_six_hours() {
    let c = Constants::default();
    let next = |windows: u32| {
        let (belief, _) = taught(windows, &[400.0], |_| 0.0);
        c.in_silence(&belief, 400.0, 600.0)
    };
    assert_eq!([7, 8, 23].map(next), [600.0, 400.0, 400.0]);
    assert_eq!([24, 25, 35, 36].map(next), [340.0, 400.0, 400.0, 340.0]);
}

#[test]
fn the_ceiling_falls_after_days_without_a_forward() {
    let c = Constants::default();
    let ceiling = |ppm, days| c.ceiling_ppm(ppm, days);
    assert_eq!(ceiling(600.0, Some(2.0)), 2_000.0);
    assert_eq!(ceiling(600.0, Some(3.0)), 1_500.0);
    assert_eq!(ceiling(600.0, Some(8.0)), 1_000.0);
    assert_eq!(ceiling(400.0, Some(8.0)), 2_000.0);
    assert_eq!(ceiling(600.0, None), 2_000.0);
}

#[test]
fn the_surer_the_belief_the_more_of_the_way_is_gone() {
    assert_eq!(blended(200.0, 300.0, 250.0), 220.0);
    assert_eq!(blended(200.0, 300.0, 120.0), 230.0);
    assert_eq!(blended(200.0, 300.0, 20.0), 260.0);
    assert_eq!(blended(200.0, 202.0, 250.0), 201.0);
}

#[test]
fn the_first_run_only_looks_and_a_base_fee_goes() {
    let mut dear = channel(1, 1_000_000, 500_000, 200);
    if let Some(policy) = &mut dear.policy {
        policy.fees.base_fee_msat = 1_000;
    }
    let mut trial = Trial::of([dear]);
    let mut policy = RevenueOps::new(Constants::default(), 1);
    assert_eq!(trial.price(&mut policy), 0);
    trial.now = trial.now.plus(RUN);
    assert_eq!(trial.price(&mut policy), 1);
    assert_eq!(trial.fees(1).base_fee_msat, 0);
}

#[test]
fn a_quiet_channel_comes_down_run_by_run_and_no_run_by_more_than_half() {
    let mut trial = Trial::of([channel(1, 1_000_000, 900_000, 1_500)]);
    let mut policy = RevenueOps::new(Constants::default(), 3);
    let mut last = 1_500;
    for _ in 0..200 {
        trial.now = trial.now.plus(RUN);
        trial.price(&mut policy);
        let ppm = trial.ppm(1);
        assert!(
            ppm.abs_diff(last) <= last.div_ceil(2).max(100),
            "{last} {ppm}"
        );
        last = ppm;
    }
    assert!(last < 600, "{last}");
}
