//! Does the standard market look like a real node's?
//!
//! Measured: a CLN node of 65 to 86 channels over a year, and the operators
//! quoted beside it. Its fees were managed, so the market is looked at under a
//! plain balance rule; an untouched node would show its own depletion, not the
//! market's. Bands are wide where one node's figure is one draw among nodes.

use std::collections::BTreeMap;

use super::*;
use crate::math::{count, exp, float, ln, pow};
use crate::{load, survey};

/// 200 ppm at half, ten times as much empty, a tenth full; twice a day.
struct ByBalance;

impl FeePolicy for ByBalance {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let channels = tick.seen.channels.values();
        let updates = channels.filter_map(|channel| {
            let mut fees = channel.policy?.fees;
            let before = fees.outbound.as_f64();
            let ppm = 200.0 * pow(100.0, 0.5 - channel.local_ratio());
            fees.outbound = FeePpm::rounded(ppm);
            let moved = ln(fees.outbound.as_f64().max(1.0) / before.max(1.0)).abs();
            (moved > 0.1).then_some(FeeUpdate {
                point: channel.point,
                fees,
            })
        });
        updates.collect()
    }
}

#[derive(Default)]
struct Sample {
    amounts_sat: Vec<f64>,
    /// Forwards out of each channel on each day it was there.
    daily: Vec<Vec<f64>>,
    hourly: Vec<f64>,
    /// The same, in and out.
    daily_either: Vec<Vec<f64>>,
    ratios: Vec<f64>,
    soon_after: f64,
}

fn sample(node: u64) -> Sample {
    let mut scenario = Scenario::named("standard").expect("it is built in");
    (scenario.node, scenario.rate) = (node, 0.3);
    let network = load::network(&scenario.network).expect("generated");
    let map = survey::survey(&network, &scenario).expect("a map");
    let mut world = World::new(Arc::new(map), &scenario, node);
    let (mut sample, mut pricer, peers) = (Sample::default(), ByBalance, world.peers());
    let mut daily: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    let mut either: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    let mut last = world.started();
    let mut hour = 0;
    while world.now() < world.ends_at() {
        let seen = world.observe();
        if hour % 12 == 0 {
            let tick = Tick {
                seen: &seen,
                forwards: &[],
                htlcs: &[],
                peers: &peers,
            };
            for update in pricer.price(tick) {
                world.set_fees(update.point, update.fees).expect("open");
            }
        }
        world.step_until(world.now().plus(Duration::from_secs(3_600)));
        let forwards = world.drain_forwards();
        world.drain_htlc_events();
        hour += 1;
        if world.now() < world.warm_at() {
            continue;
        }
        sample.hourly.push(count(forwards.len()));
        for channel in seen.channels.values() {
            sample.ratios.push(channel.local_ratio());
            for days in [&mut daily, &mut either] {
                let days = days.entry(channel.scid).or_default();
                if hour % 24 == 0 || days.is_empty() {
                    days.push(0.0);
                }
            }
        }
        for forward in forwards {
            sample
                .amounts_sat
                .push(float(forward.amount_out.0) / 1_000.0);
            let note = |daily: &mut BTreeMap<_, Vec<f64>>, scid| {
                if let Some(today) = daily.get_mut(&scid).and_then(|days| days.last_mut()) {
                    *today += 1.0;
                }
            };
            note(&mut daily, forward.scid_out);
            note(&mut either, forward.scid_out);
            note(&mut either, forward.scid_in);
            if forward.settled_at.since(last) < Duration::from_secs(60) {
                sample.soon_after += 1.0;
            }
            last = forward.settled_at;
        }
    }
    sample.daily = daily.into_values().collect();
    sample.daily_either = either.into_values().collect();
    sample
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len()).max(1.0)
}

fn fano(counts: &[f64]) -> f64 {
    let mean = mean(counts);
    let squares: f64 = counts.iter().map(|n| (n - mean) * (n - mean)).sum();
    squares / count(counts.len()) / mean
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = crate::math::whole(share * count(sorted.len()));
    sorted[usize::try_from(at).unwrap_or(0)]
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    count(values.iter().filter(|value| holds(**value)).count()) / count(values.len())
}

fn within(what: &str, have: f64, band: std::ops::RangeInclusive<f64>) {
    println!("{what}: {have:.3} in {band:?}");
    assert!(band.contains(&have), "{what}: {have} is outside {band:?}");
}

#[test]
fn the_standard_market_looks_like_a_real_node() {
    let samples: Vec<Sample> = (1..=3).map(sample).collect();
    let all = |part: &dyn Fn(&Sample) -> Vec<f64>| -> Vec<f64> {
        samples.iter().flat_map(part).collect()
    };

    let amounts = all(&|s| s.amounts_sat.clone());
    let logs: Vec<f64> = amounts.iter().map(|sat| ln(*sat)).collect();
    let sd = mean(&logs.iter().map(|x| x * x).collect::<Vec<_>>()) - mean(&logs) * mean(&logs);
    // Real: ln-mean 10.38, ln-sd 1.92; median 48.6k, mean 99k, p95 377k sat.
    // River's mean is 44.7k, Diamond Hands' 104k: nodes differ by half.
    within("median amount", exp(quantile(&logs, 0.5)), 35e3..=70e3);
    within("mean amount", mean(&amounts), 75e3..=130e3);
    within("p95 amount", quantile(&amounts, 0.95), 270e3..=500e3);
    within("sd of ln amount", sd.sqrt(), 1.6..=2.2);
    // Real: 9 % of the volume is in forwards below 50k sat.
    let small: f64 = amounts.iter().filter(|sat| **sat < 50e3).sum();
    within(
        "small volume",
        small / amounts.iter().sum::<f64>(),
        0.05..=0.14,
    );

    // Real: 40 % come within a minute of the one before.
    let soon: f64 = samples.iter().map(|s| s.soon_after).sum();
    within("within 60 s", soon / count(amounts.len()), 0.30..=0.50);
    // Real: hourly 6.15 for the node; daily 6.1 for busy channels, p10 2.6,
    // p90 13.9 (here: above half a forward a day).
    let hourly: Vec<f64> = samples.iter().map(|s| fano(&s.hourly)).collect();
    within("node's hourly Fano factor", mean(&hourly), 3.5..=8.0);
    let busy: Vec<f64> = samples
        .iter()
        .flat_map(|s| s.daily.iter())
        .filter(|days| days.len() > 60 && mean(days) > 0.5)
        .map(|days| fano(days))
        .collect();
    within(
        "busy channels' daily Fano factor",
        quantile(&busy, 0.5),
        3.5..=10.0,
    );

    // Real: 40 % of channel-months without a forward out, 24 % without any,
    // median 2, p95 28, at 0.21 a day.
    let months = |daily: &dyn Fn(&Sample) -> &Vec<Vec<f64>>| -> Vec<f64> {
        let days = samples.iter().flat_map(daily);
        let months = days.flat_map(|days| days.chunks_exact(30));
        months.map(|month| month.iter().sum()).collect()
    };
    let idle = share(&months(&|s| &s.daily_either), |n| n == 0.0);
    within("months without any forwards", idle, 0.14..=0.32);
    let months = months(&|s| &s.daily);
    within(
        "months without forwards out",
        share(&months, |n| n == 0.0),
        0.30..=0.55,
    );
    within("forwards a day", mean(&months) / 30.0, 0.1..=0.6);
    within("busiest months", quantile(&months, 0.95), 20.0..=70.0);

    // Real deciles of the local ratio: 0.16 and 0.19 at the ends, 0.04 to 0.16
    // between.
    let ratios = all(&|s| s.ratios.clone());
    within("nearly empty", share(&ratios, |r| r < 0.1), 0.10..=0.28);
    within("nearly full", share(&ratios, |r| r >= 0.9), 0.10..=0.30);
    for tenth in 1..9 {
        let low = f64::from(tenth) / 10.0;
        let inside = share(&ratios, |r| (low..low + 0.1).contains(&r));
        within("a decile between", inside, 0.02..=0.18);
    }
}
