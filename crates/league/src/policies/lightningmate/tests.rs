use super::super::trial::{Trial, channel};
use super::*;
use sweetspot_core::testing::point;

fn facts(ppm: f64, local_share: f64) -> Facts {
    Facts {
        ppm,
        local_share,
        target_share: 0.5,
        age_days: Some(100.0),
        gross: 0.1,
        net: 0.0,
        long: Flow {
            in_sat: 1e5,
            out_sat: 1e5,
            fees_sat: 10.0,
            forwards: 9.0,
        },
        elasticity: 1.0,
    }
}

const NO_AVERAGE: Benchmarks = Benchmarks {
    enough: false,
    median_gross: 0.0,
    top_fees_sat: 0.0,
};

fn target(facts: &Facts) -> f64 {
    Constants::default().target_ppm(facts, &NO_AVERAGE)
}

#[test]
fn the_curve_is_flat_around_the_target_and_linear_beyond() {
    let curve = |share| Constants::default().curve_ppm(share, 0.5);
    assert_eq!(curve(0.54), 80.0);
    assert_eq!(curve(1.0), 25.0);
    assert_eq!(curve(0.0), 1_000.0);
    // Half of the way beyond the deadband: 0.5 ± 0.275.
    assert!((curve(0.775) - 52.5).abs() < 1e-9);
    assert!((curve(0.225) - 540.0).abs() < 1e-9);
}

#[test]
fn what_routes_rises_by_two_steps_at_most_unless_revenue_rose_with_the_rate() {
    assert_eq!(target(&facts(200.0, 0.2)), 220.0);
    let inelastic = Facts {
        elasticity: 1.1,
        ..facts(200.0, 0.2)
    };
    assert_eq!(target(&inelastic), 650.0);
}

#[test]
fn an_empty_channel_in_demand_has_a_floor_and_one_without_falls() {
    assert_eq!(target(&facts(100.0, 0.05)), 350.0);
    let idle = Facts {
        long: Flow::default(),
        ..facts(70.0, 0.5)
    };
    assert_eq!(target(&idle), 40.0);
    let new = Facts {
        age_days: Some(1.0),
        ..idle
    };
    assert_eq!(target(&new), 80.0);
}

#[test]
fn drain_nudges_up_and_idle_stock_down() {
    let factor = |facts: &Facts| Constants::default().factor(facts, &NO_AVERAGE);
    let draining = Facts {
        gross: 0.3,
        net: 0.2,
        ..facts(80.0, 0.5)
    };
    assert_eq!(factor(&draining), 1.1);
    let elastic = Facts {
        elasticity: 0.9,
        ..draining
    };
    assert_eq!(factor(&elastic), 0.9);
    let idle = Facts {
        gross: 0.0,
        ..facts(80.0, 0.8)
    };
    assert_eq!(factor(&idle), 0.85);
}

#[test]
fn the_five_largest_moves_are_made_first() {
    let mut trial = Trial::of((1..=7).map(|n| channel(n, 1_000_000, 500_000, 100 * u32::from(n))));
    let mut policy = LightningMate::new(Constants::default(), 0);
    assert_eq!(trial.price(&mut policy), 5);
    // Nothing routed: from 700 ppm to what the curve says, 80.
    assert_eq!((trial.ppm(7), trial.ppm(2)), (80, 200));
}

#[test]
fn raises_wait_six_hours_after_any_change() {
    let mut trial = Trial::of([
        channel(1, 1_000_000, 500_000, 80),
        channel(2, 1_000_000, 500_000, 300),
    ]);
    let mut policy = LightningMate::new(Constants::default(), 0);
    trial.price(&mut policy);
    assert_eq!(trial.ppm(2), 80);
    *trial.with(2) = channel(2, 1_000_000, 50_000, 80);
    trial.forward(1, 2, 50_000);
    trial.forward(2, 1, 50_000);
    trial.wait(5);
    trial.price(&mut policy);
    assert_eq!(trial.ppm(2), 80);
    trial.wait(1);
    trial.price(&mut policy);
    assert_eq!(trial.ppm(2), 350);
}

#[test]
fn a_base_fee_is_taken_off() {
    let mut dear = channel(1, 1_000_000, 500_000, 80);
    if let Some(policy) = &mut dear.policy {
        policy.fees.base_fee_msat = 1_000;
    }
    let mut trial = Trial::of([dear]);
    assert_eq!(
        trial.price(&mut LightningMate::new(Constants::default(), 0)),
        1
    );
    assert_eq!(trial.fees(1).base_fee_msat, 0);
}

/// A channel that earned so much a day before and after each of two raises,
/// beside one that always earns ten.
fn after_raises(before: f64, after: f64) -> Option<f64> {
    let day = |n: i64| Timestamp::from_secs(n * 86_400);
    let mut outcomes = Outcomes::default();
    for n in 0..60 {
        let fee = if (20..30).contains(&n) || n >= 40 {
            after
        } else {
            before
        };
        outcomes.earn(point(1), day(n), fee);
        outcomes.earn(point(2), day(n), 10.0);
    }
    let raise = |from_ppm| Change {
        point: point(1),
        from_ppm,
        to_ppm: from_ppm * 1.5,
    };
    outcomes.note(day(20), vec![raise(100.0)]);
    outcomes.note(day(40), vec![raise(150.0)]);
    outcomes.elasticities(day(60)).get(&point(1)).copied()
}

#[test]
fn revenue_that_rises_with_the_rate_speaks_for_more_and_the_reverse() {
    // Two samples have half their weight: 1 ± 0.5 · 0.5 · 0.5.
    assert_eq!(after_raises(10.0, 16.0), Some(1.13));
    assert_eq!(after_raises(10.0, 4.0), Some(0.88));
    assert_eq!(after_raises(10.0, 10.0), None);
    assert_eq!(after_raises(0.0, 10.0), None);
}
