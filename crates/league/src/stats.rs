//! From runs to figures: paired ratios with an interval clustered by node.
//!
//! Seeds of one node resemble each other far more than nodes do, so a node is
//! one observation: its mean log-ratio over scenarios and seeds. The interval is
//! Student's over nodes. Nodes of the same number on different networks are one
//! observation too: each then covers the same mix of scenarios.

use std::collections::BTreeMap;

use serde::Serialize;

use super::runner::Run;
use sweetspot_market::math;
use sweetspot_market::meter::Account;

/// Added to both sides of a ratio, in ppm of the capacity per year, so that a
/// node that earns nothing has a logarithm; far below what any policy earns.
const NOTHING_PPM: f64 = 0.1;

/// Student's t at 97.5 % for 1 to 30 degrees of freedom.
const T_975: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A geometric mean of paired ratios.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The mean.
    pub mean: f64,
    /// The lower end of the 95 % interval; the mean itself for a single node.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How a policy fared.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// The policy.
    pub policy: String,
    /// Net fees per capacity and year, in ppm, over all runs.
    pub fees_ppm_per_year: f64,
    /// Net fees over those of the reference, run by run.
    pub to_reference: Option<Ratio>,
    /// Net fees over those of each oracle, run by run.
    pub to_oracles: BTreeMap<String, Ratio>,
    /// Settled forwards among those and the HTLCs it had too little for.
    pub success: f64,
    /// Share of channel time with our side empty.
    pub depleted_share: f64,
    /// Share of channel time with our side empty after it once was not.
    pub sold_out_share: f64,
    /// Share of channel time with the peer's side empty.
    pub full_share: f64,
    /// Mean distance of the local ratio from the node's own.
    pub off_target: f64,
    /// Policy updates per channel-day.
    pub updates_per_channel_day: f64,
    /// The largest move of a rate within a day, as highest over lowest less 1.
    pub largest_daily_move: f64,
    /// Settled forwards per channel-day.
    pub forwards_per_channel_day: f64,
}

/// The geometric mean of `(node, ratio)` pairs; `None` if there are none.
pub fn geometric_mean(ratios: impl IntoIterator<Item = (u64, f64)>) -> Option<Ratio> {
    let mut nodes: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (node, ratio) in ratios {
        let (sum, n) = nodes.entry(node).or_default();
        *sum += math::ln(ratio);
        *n += 1.0;
    }
    let means: Vec<f64> = nodes.values().map(|(sum, n)| sum / n).collect();
    if means.is_empty() {
        return None;
    }
    let n = math::count(means.len());
    let mean = means.iter().sum::<f64>() / n;
    let squares: f64 = means.iter().map(|x| (x - mean) * (x - mean)).sum();
    let half = match means.len() {
        1 => 0.0,
        len => {
            let t = T_975.get(len - 2).copied().unwrap_or(1.96 + 2.4 / n);
            t * (squares / (n - 1.0) / n).sqrt()
        }
    };
    Some(Ratio {
        mean: math::exp(mean),
        low: math::exp(mean - half),
        high: math::exp(mean + half),
    })
}

/// The ratio of one policy's net fees to another's, in the runs both have.
pub fn ratio(runs: &[Run], policy: &str, other: &str) -> Option<Ratio> {
    geometric_mean(pairs(runs, policy, other))
}

/// One account's net fees over another's of the same world.
pub fn fees_ratio(account: &Account, other: &Account) -> f64 {
    (account.fees_ppm_per_year() + NOTHING_PPM) / (other.fees_ppm_per_year() + NOTHING_PPM)
}

/// Node, and one policy's net fees over another's, in each run that both have.
pub fn pairs(runs: &[Run], policy: &str, other: &str) -> Vec<(u64, f64)> {
    let of = |name: &str| -> BTreeMap<_, &Account> {
        let own = runs.iter().filter(|run| run.policy == name);
        own.map(|run| (run.case(), &run.account)).collect()
    };
    let others = of(other);
    let pairs = of(policy).into_iter().filter_map(|(case, account)| {
        let other = others.get(&case)?;
        Some((case.1, fees_ratio(account, other)))
    });
    pairs.collect()
}

/// The value below which a share of them lies, linear between neighbours; `None`
/// if there are none.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = share.clamp(0.0, 1.0) * math::count(sorted.len().checked_sub(1)?);
    let below = usize::try_from(math::whole(at)).unwrap_or(0);
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + (high - low) * (at - at.floor()))
}

/// How each of the policies fared, in their order.
pub fn standings(
    runs: &[Run],
    policies: &[String],
    reference: &str,
    oracles: &[String],
) -> Vec<Standing> {
    let standing = |policy: &String| {
        let mut total = Account::default();
        for run in runs.iter().filter(|run| run.policy == *policy) {
            total.add(&run.account);
        }
        let to_oracles = oracles.iter();
        Standing {
            policy: policy.clone(),
            fees_ppm_per_year: total.fees_ppm_per_year(),
            to_reference: ratio(runs, policy, reference),
            to_oracles: to_oracles
                .filter_map(|oracle| Some((oracle.clone(), ratio(runs, policy, oracle)?)))
                .collect(),
            success: total.success(),
            depleted_share: total.depleted_share(),
            sold_out_share: total.sold_out_share(),
            full_share: total.full_share(),
            off_target: total.off_target(),
            updates_per_channel_day: total.updates_per_channel_day(),
            largest_daily_move: total.largest_daily_move,
            forwards_per_channel_day: total.forwards_per_channel_day(),
        }
    };
    policies.iter().map(standing).collect()
}

/// A policy and the strongest of its rivals, in the runs both have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duel {
    /// The policy.
    pub policy: String,
    /// The rival with the largest mean ratio to the reference.
    pub rival: String,
    /// The policy's net fees over the rival's.
    pub ratio: Ratio,
}

/// A policy against the strongest of the rivals that `may` be one.
pub fn duel(
    runs: &[Run],
    standings: &[Standing],
    policy: &str,
    may: impl Fn(&str) -> bool,
) -> Option<Duel> {
    let rivals = standings.iter().filter(|s| may(&s.policy));
    let strengths = rivals.filter_map(|s| Some((s, s.to_reference?.mean)));
    let (strongest, _) = strengths.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Duel {
        policy: policy.to_owned(),
        rival: strongest.policy.clone(),
        ratio: ratio(runs, policy, &strongest.policy)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(policy: &str, node: u64, seed: u64, fees_msat: u64) -> Run {
        Run {
            scenario: "calm".to_owned(),
            node,
            seed,
            policy: policy.to_owned(),
            account: Account {
                fees_msat,
                // A year of 1 BTC: 1 sat is 0.01 ppm.
                capacity_sat_days: 365.0 * 1e8,
                ..Account::default()
            },
        }
    }

    #[test]
    fn the_mean_is_geometric_and_its_interval_is_over_nodes() {
        let ratios = [(1, 2.0), (1, 8.0), (2, 1.0)];
        let mean = geometric_mean(ratios).expect("ratios");
        // Node means in logs: ln 4 and 0; their mean is ln 2, half their
        // distance 0.6931 is also the standard error; t = 12.706.
        assert!((mean.mean - 2.0).abs() < 1e-12);
        let half = 12.706 * std::f64::consts::LN_2;
        assert!((math::ln(mean.high / mean.mean) - half).abs() < 1e-9);
        assert!((math::ln(mean.mean / mean.low) - half).abs() < 1e-9);
        let one = geometric_mean([(1, 2.0), (1, 8.0)]).expect("ratios");
        assert_eq!((one.low, one.high), (one.mean, one.mean));
        assert_eq!(geometric_mean([]), None);
    }

    #[test]
    fn runs_are_compared_with_their_own_pair_only() {
        let runs = [
            run("a", 1, 1, 10_000_000_000),
            run("b", 1, 1, 5_000_000_000),
            run("a", 2, 1, 2_000_000_000),
            run("b", 2, 1, 1_000_000_000),
            run("b", 3, 1, 9_000_000_000),
        ];
        let ratio = ratio(&runs, "a", "b").expect("pairs");
        assert!((ratio.mean - 2.0).abs() < 1e-4);
        let names = ["a".to_owned(), "b".to_owned()];
        let table = standings(&runs, &names, "b", &["a".to_owned()]);
        assert_eq!(table[0].fees_ppm_per_year, 60_000.0);
        assert!((table[1].to_reference.expect("itself").mean - 1.0).abs() < 1e-12);
        assert!((table[1].to_oracles["a"].mean - 0.5).abs() < 1e-4);
    }

    #[test]
    fn a_duel_is_with_the_strongest_that_may_be_a_rival() {
        let runs = [
            run("ours", 1, 1, 12_000_000_000),
            run("base", 1, 1, 2_000_000_000),
            run("weak", 1, 1, 3_000_000_000),
            run("strong", 1, 1, 6_000_000_000),
            run("oracle", 1, 1, 9_000_000_000),
        ];
        let names = ["ours", "base", "weak", "strong", "oracle"].map(str::to_owned);
        let standings = standings(&runs, &names, "base", &[]);
        let may = |name: &str| !["ours", "oracle"].contains(&name);
        let found = duel(&runs, &standings, "ours", may).expect("a rival");
        assert_eq!(found.rival, "strong");
        assert!((found.ratio.mean - 2.0).abs() < 1e-4);
        assert_eq!(duel(&runs, &standings, "ours", |_| false), None);
        assert_eq!(duel(&runs, &standings, "absent", may), None);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), Some(2.5));
        assert!((quantile(&values, 0.1).expect("some") - 1.3).abs() < 1e-12);
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_node_that_earns_nothing_does_not_break_the_mean() {
        let runs = [run("a", 1, 1, 0), run("b", 1, 1, 1_000_000_000)];
        let ratio = ratio(&runs, "a", "b").expect("a pair");
        assert!(ratio.mean > 0.0 && ratio.mean < 1e-3);
    }
}
