//! Worlds simple enough to be solved on paper.

use super::*;
use crate::math::{count, exp, float, ln, pow};

const LARGE_SAT: u64 = 100_000_000_000_000;
const MILLION: f64 = 1_000_000.0;

/// Unit payments out of and into a channel that holds ten.
fn share_of_time_empty(rate_in_over_out: f64) -> f64 {
    const UNIT_SAT: f64 = 100_000.0;
    let stream = |enter, leave, weight| Stream {
        enter,
        leave,
        weight,
        room_ppm: f64::INFINITY,
    };
    // 10.99 units beside reserves and commit fee: ten at any offset.
    let capacity = 1_125_000;
    let map = by_hand(
        &[LARGE_SAT, capacity],
        UNIT_SAT,
        &[stream(0, 1, 1.0), stream(1, 0, rate_in_over_out)],
    );
    let metrics = run(&map, &bare(10_000.0, 2, 15.0), Flat(0, 0));
    let small = metrics
        .channels
        .values()
        .find(|account| account.capacity_sat_days < 1.0e9);
    // Arrivals see time averages: the share refused is the share of time empty.
    1.0 - small.expect("the small channel").success()
}

#[test]
fn a_channel_is_empty_as_often_as_its_birth_death_chain() {
    // P(empty) = (1 − ρ) / (1 − ρ^11) with ρ = λ_in / λ_out, 1/11 at ρ = 1.
    near(share_of_time_empty(2.0 / 3.0), 0.3372, 0.012);
    near(share_of_time_empty(1.0), 1.0 / 11.0, 0.009);
}

/// Streams whose rooms are the quantiles of a demand curve.
fn curve(room_ppm: impl Fn(f64) -> f64) -> Arc<MarketMap> {
    const STEPS: usize = 400;
    let streams: Vec<Stream> = (0..STEPS)
        .map(|step| Stream {
            enter: 0,
            leave: 1,
            weight: 1.0,
            room_ppm: room_ppm((count(step) + 0.5) / count(STEPS)),
        })
        .collect();
    by_hand(&[LARGE_SAT, LARGE_SAT], MILLION, &streams)
}

fn revenue_sat(map: &Arc<MarketMap>, payments: f64, ppm: f64) -> f64 {
    let whole = FeePpm::rounded(ppm).0;
    let metrics = run(map, &bare(payments, 2, 1.0), Flat(whole, 0));
    float(metrics.total().fees_msat) / 1_000.0
}

/// The best of a grid of fees: the vertex of a parabola fitted to log revenue
/// over log fee, and the revenue there.
fn grid_optimum(map: &Arc<MarketMap>, payments: f64, around: f64) -> (f64, f64) {
    let steps: Vec<f64> = (-3..=3).map(|step| f64::from(step) * 0.08).collect();
    let revenue: Vec<f64> = steps
        .iter()
        .map(|step| ln(revenue_sat(map, payments, around * exp(*step))))
        .collect();
    let n = count(steps.len());
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        steps.iter().zip(&revenue).map(|(x, y)| f(*x, *y)).sum()
    };
    // The grid is symmetric, so odd moments vanish.
    let (x2, x4) = (sum(&|x, _| x * x), sum(&|x, _| x * x * x * x));
    let slope = sum(&|x, y| x * y) / x2;
    let bend = (sum(&|x, y| x * x * y) - x2 * sum(&|_, y| y) / n) / (x4 - x2 * x2 / n);
    let level = (sum(&|_, y| y) - bend * x2) / n;
    let vertex = -slope / (2.0 * bend);
    (around * exp(vertex), exp(level + slope * vertex / 2.0))
}

#[test]
fn the_best_fee_for_exponential_demand_is_its_scale() {
    // A e^(−f/θ): best at θ, where revenue is Aθ/e.
    let theta = 2_000.0;
    let map = curve(|share| -theta * ln(1.0 - share));
    let (best, revenue) = grid_optimum(&map, 30_000.0, theta);
    near(best / theta, 1.0, 0.02);
    near(revenue / (30_000.0 * theta / exp(1.0)), 1.0, 0.02);
}

#[test]
fn the_best_fee_for_log_logistic_demand_is_known() {
    // A / (1 + (f/m)^3): best at m · 2^(−1/3).
    let m = 2_000.0;
    let map = curve(|share| m * pow(share / (1.0 - share), 1.0 / 3.0));
    let want = m * pow(2.0, -1.0 / 3.0);
    let (best, _) = grid_optimum(&map, 30_000.0, want);
    near(best / want, 1.0, 0.02);
}

#[test]
fn with_scarce_inflow_the_best_fee_is_the_one_that_clears() {
    // Outward demand n (f/f0)^(−1.5), inflow a quarter of n whatever the fee:
    // below the clearing fee f0 · 4^(1/1.5) the channel is empty, above idle.
    const STEPS: usize = 400;
    let (floor, elasticity) = (400.0, 1.5);
    let mut streams: Vec<Stream> = (0..STEPS)
        .map(|step| Stream {
            enter: 0,
            leave: 1,
            weight: 1.0,
            room_ppm: floor * pow((count(step) + 0.5) / count(STEPS), -1.0 / elasticity),
        })
        .collect();
    streams.push(Stream {
        enter: 1,
        leave: 0,
        weight: count(STEPS) / 4.0,
        room_ppm: f64::INFINITY,
    });
    let map = by_hand(&[LARGE_SAT, 150_000_000], MILLION, &streams);
    let clearing = floor * pow(4.0, 1.0 / elasticity);
    let earned = |factor: f64| {
        let whole = FeePpm::rounded(clearing * factor).0;
        let metrics = run(&map, &bare(20_000.0, 2, 1.0), Flat(whole, 0));
        let small = metrics
            .channels
            .values()
            .find(|a| a.capacity_sat_days < 1e9);
        small.expect("the small channel").fees_msat
    };
    let best = [0.8, 0.9, 0.96, 1.0, 1.04, 1.1, 1.2]
        .into_iter()
        .max_by_key(|factor| earned(*factor));
    near(best.expect("a best"), 1.0, 0.02);
}

#[test]
fn where_nobody_minds_the_fee_the_highest_is_best() {
    let map = curve(|_| f64::INFINITY);
    let revenue =
        [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0].map(|ppm| revenue_sat(&map, 1_000.0, ppm));
    assert!(revenue.is_sorted_by(|a, b| a < b), "{revenue:?}");
}

#[test]
fn where_everyone_takes_the_cheapest_the_best_fee_is_just_below_the_rival() {
    let map = curve(|_| 500.0);
    let revenue = [400.0, 498.0, 499.0, 500.0, 501.0].map(|ppm| revenue_sat(&map, 1_000.0, ppm));
    assert!(revenue[..3].is_sorted_by(|a, b| a < b), "{revenue:?}");
    assert_eq!(revenue[3..], [0.0, 0.0]);
}

#[test]
fn a_pure_sink_sells_what_it_holds_and_no_more() {
    let stream = Stream {
        enter: 0,
        leave: 1,
        weight: 1.0,
        room_ppm: f64::INFINITY,
    };
    let map = by_hand(&[LARGE_SAT, 10_000_000], 100_000.0, &[stream]);
    let scenario = bare(1_000.0, 2, 2.0);
    let world = World::new(map.clone(), &scenario, scenario.seed);
    let small = |c: &sweetspot_core::types::channel::Channel| c.capacity.0 == 10_000_000;
    let held = world.channels().find(small).expect("the sink").spendable();
    let metrics = run(&map, &scenario, Flat(300, 0));
    let sold = metrics.total().volume_out_msat / 1_000;
    assert!(sold <= held.0 && sold + 100_000 > held.0);
    assert!(metrics.total().own_failures > 1_000);
    assert_eq!(metrics.total().fees_msat, sold * 1_000 * 300 / 1_000_000);
}

#[test]
fn a_pure_source_fills_up_and_then_gives_nothing() {
    let stream = Stream {
        enter: 1,
        leave: 0,
        weight: 1.0,
        room_ppm: f64::INFINITY,
    };
    let map = by_hand(&[LARGE_SAT, 10_000_000], 100_000.0, &[stream]);
    let metrics = run(&map, &bare(1_000.0, 2, 2.0), Flat(0, 0));
    let total = metrics.total();
    assert!(total.forwards_in <= 98);
    // What the peer could not send never reached us.
    assert_eq!(total.own_failures, 0);
    assert!(
        metrics
            .channels
            .values()
            .any(|account| account.full_share() > 0.5)
    );
}

#[test]
fn a_dead_channel_earns_nothing_at_any_fee() {
    let stream = |enter, leave| Stream {
        enter,
        leave,
        weight: 1.0,
        room_ppm: f64::INFINITY,
    };
    let streams = [stream(0, 1), stream(1, 0)];
    let map = by_hand(&[LARGE_SAT, LARGE_SAT, 5_000_000], 1_000.0, &streams);
    for ppm in [0, 1, 5_000] {
        let metrics = run(&map, &bare(1_000.0, 3, 1.0), Flat(ppm, 0));
        let dead = metrics
            .channels
            .values()
            .find(|a| a.capacity_sat_days < 1e9);
        let dead = dead.expect("the dead channel");
        assert_eq!((dead.forwards_out, dead.forwards_in), (0, 0));
        assert!(metrics.total().forwards_out > 900);
    }
}
