//! Sessions: one sender's payments to one receiver.
//!
//! A session is a geometric number of payments, seconds apart (shards, repeated
//! orders: the burst scale of a minute), under one view of the market. Amounts
//! are log-normal with a share of tiny ones, which together fit the measured
//! quantiles; no single log-normal does.

use std::time::Duration;

use sweetspot_core::types::time::Timestamp;

use super::market_map::AmountClass;
use super::math;
use super::random::Random;
use super::scenario::{DemandRules, Scenario};

/// No sender's knowledge is older than this many mean gossip delays.
pub const OLDEST_LAG: f64 = 8.0;
/// Tiny payments: median in sat and standard deviation of the logarithm.
const TINY: (f64, f64) = (1_500.0, 1.6);

/// One payment that might take our node.
#[derive(Clone, Copy, Debug)]
pub struct Payment {
    /// When it is first tried.
    pub at: Timestamp,
    /// Index into the map's pairs.
    pub pair: usize,
    /// What leaves our node, in msat.
    pub amount_msat: u64,
    /// Factor on the rival's cost in this sender's eyes at this moment.
    pub rival_factor: f64,
    /// Whether the sender sees inbound discounts.
    pub inbound_aware: bool,
    /// How old the sender's knowledge of our policies is.
    pub lag: Duration,
    /// How long its HTLCs are pending.
    pub hold: Duration,
    /// Whether it fails beyond our node.
    pub fails_downstream: bool,
}

/// One sender's payments over one pair, under one view of the market.
pub fn session(
    mut at: Timestamp,
    pair: usize,
    class: AmountClass,
    rivals: f64,
    scenario: &Scenario,
    random: &mut Random,
    payments: &mut Vec<Payment>,
) {
    let rivals = (rivals + scenario.rivals.noise * random.normal()).min(scenario.largest_rise());
    let rival_factor = math::exp(rivals);
    let inbound_aware = random.chance(scenario.demand.inbound_aware);
    let lag = random.exponential(1.0).min(OLDEST_LAG) * scenario.gossip_mean_secs;
    let fails_downstream = random.chance(scenario.htlcs.downstream_failure);
    let regular = scenario.demand.regular;
    let mut streamed_sat = None;
    for _ in 0..random.geometric(scenario.demand.cluster) {
        let amount_sat = match streamed_sat {
            Some(sat) => sat,
            None => amount(class, scenario, random),
        };
        streamed_sat = regular.then_some(amount_sat);
        let hold_secs = match random.chance(scenario.htlcs.hanging) {
            true => random.exponential(scenario.htlcs.hanging_mean_hours * 3_600.0),
            false => random.exponential(scenario.htlcs.hold_mean_secs),
        };
        payments.push(Payment {
            at,
            pair,
            amount_msat: math::whole(amount_sat * 1_000.0).max(1_000),
            rival_factor,
            inbound_aware,
            lag: seconds(lag),
            hold: seconds(hold_secs),
            fails_downstream,
        });
        let gap_secs = scenario.demand.cluster_gap_secs;
        at = at.plus(seconds(match regular {
            true => gap_secs,
            false => random.exponential(gap_secs),
        }));
    }
}

/// An amount of its class, in sat.
fn amount(class: AmountClass, scenario: &Scenario, random: &mut Random) -> f64 {
    if class.from_sat >= class.below_sat {
        return class.from_sat;
    }
    let rules = &scenario.demand;
    for _ in 0..1_000 {
        let (median, ln_sd) = match random.chance(rules.tiny) {
            true => TINY,
            false => (rules.amount_median_sat, rules.amount_ln_sd),
        };
        let sat = median * math::exp(ln_sd * random.normal());
        if (class.from_sat..class.below_sat).contains(&sat) {
            return sat;
        }
    }
    class.typical_sat
}

/// The share of payments below an amount.
pub fn share_below(rules: &DemandRules, sat: f64) -> f64 {
    let below = |(median, ln_sd): (f64, f64)| math::normal_cdf(math::ln(sat / median) / ln_sd);
    let ordinary = (rules.amount_median_sat, rules.amount_ln_sd);
    rules.tiny * below(TINY) + (1.0 - rules.tiny) * below(ordinary)
}

/// A span of seconds, to the nanosecond.
pub fn seconds(secs: f64) -> Duration {
    Duration::from_nanos(math::whole(secs * 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_pays_one_amount_at_equal_intervals_and_another_session_does_not() {
        let class = AmountClass {
            from_sat: 0.0,
            below_sat: f64::MAX,
            typical_sat: 1_000.0,
        };
        let payments = |regular: bool| {
            let text =
                format!("demand = {{ cluster = 60, cluster_gap_secs = 60, regular = {regular} }}");
            let scenario = Scenario::parse(&text).expect("reads");
            let mut random = Random::stream(7, super::super::random::Purpose::Network, 0);
            let mut payments = vec![];
            let start = Timestamp::EPOCH;
            session(start, 0, class, 0.0, &scenario, &mut random, &mut payments);
            payments
        };
        let alike = |payments: &[Payment]| {
            payments.windows(2).all(|pair| {
                let gap = pair[1].at.since(pair[0].at);
                pair[0].amount_msat == pair[1].amount_msat && gap == Duration::from_secs(60)
            })
        };
        let stream = payments(true);
        assert!(stream.len() > 2 && alike(&stream), "{stream:?}");
        assert!(!alike(&payments(false)));
    }
}
