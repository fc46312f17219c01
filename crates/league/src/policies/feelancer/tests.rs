use super::super::trial::{Trial, channel};
use super::*;

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn a_constant_error_is_integrated_by_every_gain() {
    let gains = Gains {
        k_t: 0.5,
        k_p: 40.0,
        k_i: 80.0,
        k_d: 0.0,
        alpha_i: 0.1,
        alpha_d: 0.0,
    };
    let mut controller = Controller {
        error: 0.5,
        ..Controller::default()
    };
    controller.advance(&gains, 0.5, 2.0);
    // Drift 1, proportional 40; average 0.5(1 − e^−0.2), whose integral is
    // 0.5(2 − (1 − e^−0.2)/0.1) = 0.0936538.
    near(controller.average, 0.5 * (1.0 - libm::exp(-0.2)));
    let integral = 0.5 * (2.0 - (1.0 - libm::exp(-0.2)) / 0.1);
    near(controller.value, 1.0 + 40.0 + 80.0 * integral);
    // Steps of any size give the same.
    let mut in_steps = Controller {
        error: 0.5,
        ..Controller::default()
    };
    for _ in 0..8 {
        in_steps.advance(&gains, 0.5, 0.25);
    }
    near(in_steps.value, controller.value);
}

#[test]
fn a_change_of_the_error_decays() {
    let gains = Gains {
        k_d: 30.0,
        alpha_d: 0.9,
        ..Gains::default()
    };
    let mut controller = Controller::default();
    controller.advance(&gains, 0.2, 1.0);
    // Slope 0.2: the residual is 0.2(1 − e^−0.9), its integral
    // 0.2(1 − (1 − e^−0.9)/0.9).
    let decayed = 1.0 - libm::exp(-0.9);
    near(controller.residual, 0.2 * decayed);
    near(controller.value, 30.0 * 0.2 * (1.0 - decayed / 0.9));
}

#[test]
fn the_sources_own_case_comes_out_the_same() {
    let gains = Gains {
        k_t: 10.0,
        k_p: 120.0,
        k_i: 480.0,
        k_d: 240.0,
        alpha_i: 0.96,
        alpha_d: 24.0,
    };
    let mut controller = Controller {
        value: 1_500.0,
        ..Controller::default()
    };
    // Hours since the last call, and the error in eighths.
    let calls = [
        (1.0, 0.0),
        (2.0, -1.0),
        (3.0, -3.0),
        (4.0, -4.0),
        (5.0, -4.0),
        (5.0, -2.0),
        (14.0, -2.0),
        (1.0, 0.0),
        (147.0, 0.0),
    ];
    for (hours, eighths) in calls {
        controller.advance(&gains, eighths / 8.0, hours / 24.0);
    }
    assert!((controller.value - 1_310.515_301_310_8).abs() < 1e-7);
}

#[test]
fn the_error_is_linear_on_either_side_of_the_target() {
    let c = Constants::default();
    near(c.error(0.5, 0.5), 0.0);
    near(c.error(0.65, 0.5), 0.5);
    near(c.error(0.9, 0.5), 1.0);
    near(c.error(0.35, 0.5), -0.05);
    near(c.error(0.1, 0.5), -0.1);
}

#[test]
fn it_starts_at_the_rate_it_finds_and_gives_the_spread_as_a_discount() {
    let constants = Constants {
        gains: Gains {
            k_t: 24.0,
            ..Gains::default()
        },
        level_deviation_ppm: 0.0,
        ..Constants::default()
    };
    let mut trial = Trial::of([channel(1, 1_000_000, 500_000, 200)]);
    let mut policy = Feelancer::new(constants, 0);
    trial.price(&mut policy);
    // The spread for 200 ppm is (200 − 50 + 10)/1.05 = 152.38; an hour's
    // drift adds 1: 50 − 10 + 1.05 · 153.38 = 201.05, 1 ppm up: not posted.
    assert_eq!(trial.ppm(1), 200);
    assert_eq!(trial.fees(1).inbound.rate_ppm, -153);
    (0..4).for_each(|_| {
        trial.wait(1);
        trial.price(&mut policy);
    });
    // 40 + 1.05 · 157.38 = 205.25.
    assert_eq!(trial.ppm(1), 205);
}
