use super::*;
use crate::decision::{Evidence, Terms, Trigger};
use crate::testing::point;
use crate::types::channel::FeeParts;
use crate::types::time::Timestamp;

fn fees(ppm: u32) -> FeeParts {
    FeeParts {
        outbound: FeePpm(ppm),
        ..FeeParts::default()
    }
}

fn decision(verdict: Verdict) -> Decision {
    Decision {
        at: Timestamp::EPOCH,
        point: point(1),
        trigger: Trigger::Scheduled,
        evidence: Evidence {
            ratio: 0.15,
            target_ratio: 0.26,
            tpm: 0.000_29,
            tpm_history: 0.000_30,
            forwards: 10.0,
            stocked_share: 1.0,
        },
        terms: Terms::default(),
        current: Some(fees(200)),
        wanted_before_ppm: 200.0,
        wanted_ppm: 300.0,
        limits: vec![],
        inbound: None,
        max_htlc: None,
        verdict,
    }
}

#[test]
fn a_change_is_told_with_all_that_led_to_it() {
    let to = fees(300);
    let mut decision = decision(Verdict::Change { to });
    // As the strategy scales them: a level of 600 ppm and a balance of 0.17.
    let (pull, balance) = (libm::log(3.0), 0.17);
    let scale = libm::expm1(pull + balance) / (pull + balance);
    (decision.terms.level, decision.terms.balance) = (pull * scale, balance * scale);
    decision.limits = vec![Limit::Step { ppm: to.outbound }];
    insta::assert_snapshot!(decision.story(), @"local 15% (target 26%): +34%; demand 2.9/week (usual 3.0/week): 0%; price level 600 ppm: +221%; limited to 300 ppm (+50%, largest raise per update)");
    insta::assert_snapshot!(decision.outcome(&rfc3339), @"change to 300 ppm");
}

#[test]
fn the_level_is_read_back_wherever_the_fee_stands() {
    for (fee, level, rest) in [
        (1.0, 600.0, 0.3),
        (900.0, 600.0, -0.1),
        (5_000.0, 40.0, 0.0),
    ] {
        let mut decision = decision(Verdict::Change { to: fees(1) });
        decision.wanted_before_ppm = fee;
        let pull = libm::log(level / fee);
        let scale = libm::expm1(pull + rest) / (pull + rest);
        (decision.terms.level, decision.terms.throughput) = (pull * scale, rest * scale);
        let read = decision.level_ppm().expect("a level");
        assert!((read / level - 1.0).abs() < 1e-9, "{read} for {level}");
    }
}

#[test]
fn a_hold_says_why_and_until_when() {
    let until = Timestamp::from_secs(86_400);
    let shown: Vec<String> = [
        Hold::AtRest,
        Hold::Deadband {
            wanted: FeePpm(153),
            needed_ppm: 54,
        },
        Hold::Cooldown {
            until,
            raise: false,
        },
        Hold::Foreign { until },
        Hold::MassMove {
            moving: 10,
            channels: 13,
        },
    ]
    .map(|reason| decision(Verdict::Hold { reason }).outcome(&rfc3339))
    .to_vec();
    insta::assert_snapshot!(shown.join("\n"), @"
    no change: at target fee
    no change: 200 -> 153 ppm is less than the smallest change (54 ppm)
    no change: cooldown: next cut possible at 1970-01-02T00:00:00Z
    no change: external fee change: hands off until 1970-01-02T00:00:00Z
    no change: safety stop: 10 of 13 channels would change at once (max_moving_share); no fee was changed
    ");
}

#[test]
fn a_limit_names_the_key_or_the_step() {
    let ppm = FeePpm(2_500);
    let shown = [
        Limit::Minimum { ppm }.words(None),
        Limit::Maximum { ppm }.words(None),
        Limit::Pinned { ppm }.words(None),
        Limit::Step { ppm }.words(Some(FeePpm(3_731))),
        Limit::Step { ppm }.words(Some(FeePpm(0))),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    limited to 2,500 ppm (min_ppm)
    limited to 2,500 ppm (max_ppm)
    pinned to 2,500 ppm (pin_ppm)
    limited to 2,500 ppm (-33%, largest cut per update)
    limited to 2,500 ppm (largest raise per update)
    ");
}
