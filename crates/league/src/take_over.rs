//! What a take-over is worth to a node and its owner: the income after a policy
//! took over, against the same node's with its fees left alone. A mean hides
//! those who lost, so the lower end is told beside it.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::results::{Sheet, interval, mean};
use super::runner::{self, Plan, PlayError, Run};
use super::stats::{self, Ratio};
use super::{Entrant, LEFT_ALONE};
use sweetspot_market::math;

/// A policy's take-overs from one kind of start.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The scenario.
    pub start: String,
    /// The policy.
    pub policy: String,
    /// Income over that of the fees left alone, run by run.
    pub income: Option<Ratio>,
    /// The ratio that a tenth of the runs stayed below.
    pub tenth: Option<f64>,
    /// The share of runs that earned less than 0.8 of it.
    pub under_08: f64,
    /// The share of runs that earned less than half of it.
    pub under_05: f64,
}

/// Everything that was found about take-overs.
#[derive(Clone, Debug, Serialize)]
pub struct TakeOvers {
    /// What was played.
    pub about: String,
    /// Each policy from each start.
    pub rows: Vec<Row>,
    /// Each run.
    pub runs: Vec<Run>,
}

/// Plays a plan of take-overs; fees left alone must be among the policies. `tell`
/// is called after each run.
pub fn play(
    about: String,
    plan: &Plan,
    entrants: &[Entrant],
    threads: NonZeroUsize,
    tell: &(dyn Fn() + Sync),
) -> Result<TakeOvers, PlayError> {
    let runs = runner::play_all(plan, entrants, threads, tell)?;
    let mut rows = vec![];
    for start in plan.names() {
        let own = runs.iter().filter(|run| run.scenario == start).cloned();
        let own: Vec<Run> = own.collect();
        let others = entrants.iter().filter(|entrant| entrant.name != LEFT_ALONE);
        rows.extend(others.map(|entrant| row(start, &entrant.name, &own)));
    }
    Ok(TakeOvers { about, rows, runs })
}

fn row(start: &str, policy: &str, runs: &[Run]) -> Row {
    let pairs = stats::pairs(runs, policy, LEFT_ALONE);
    let ratios: Vec<f64> = pairs.iter().map(|(_, ratio)| *ratio).collect();
    let under = |bound: f64| {
        let losers = ratios.iter().filter(|ratio| **ratio < bound).count();
        math::count(losers) / math::count(ratios.len()).max(1.0)
    };
    Row {
        start: start.to_owned(),
        policy: policy.to_owned(),
        tenth: stats::quantile(&ratios, 0.1),
        under_08: under(0.8),
        under_05: under(0.5),
        income: stats::geometric_mean(pairs),
    }
}

impl TakeOvers {
    /// The table.
    pub fn sheet(&self) -> Sheet {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let row = |row: &Row| {
            vec![
                row.start.clone(),
                row.policy.clone(),
                row.income.map_or("-".to_owned(), mean),
                row.income.map_or("-".to_owned(), interval),
                row.tenth.map_or("-".to_owned(), |t| format!("{t:.2}")),
                percent(row.under_08),
                percent(row.under_05),
            ]
        };
        let header = [
            "start",
            "policy",
            "× fees left alone",
            "95 %",
            "10th percentile",
            "under 0.8",
            "under 0.5",
        ];
        Sheet {
            header: header.map(str::to_owned).to_vec(),
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;
    use sweetspot_market::meter::Account;
    use sweetspot_market::scenario::Scenario;

    fn run(policy: &str, node: u64, fees_msat: u64) -> Run {
        Run {
            scenario: "from 200 ppm".to_owned(),
            node,
            seed: 1,
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
    fn a_mean_gain_does_not_hide_who_lost() {
        let mut runs = vec![];
        for node in 1..=10 {
            runs.push(run(LEFT_ALONE, node, 10_000_000_000));
            let ours = [4_000_000_000, 7_000_000_000].get(usize::try_from(node - 1).unwrap_or(9));
            runs.push(run("ours", node, ours.copied().unwrap_or(20_000_000_000)));
        }
        let row = row("from 200 ppm", "ours", &runs);
        assert!(row.income.expect("pairs").mean > 1.4);
        assert_eq!((row.under_08, row.under_05), (0.2, 0.1));
        // A tenth of the way from the lowest to the next: 0.9 of it.
        assert!((row.tenth.expect("pairs") - 0.67).abs() < 1e-4);
    }

    #[test]
    fn each_start_and_policy_but_the_one_compared_with_is_a_row() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 6\nwarm_up_days = 2\nrate = 2.0\ntake_over = true";
        let plan = Plan {
            scenarios: vec![("tiny".to_owned(), Scenario::parse(text).expect("reads"))],
            nodes: vec![1, 2],
            seeds: vec![5],
        };
        let entrants = [LEFT_ALONE, "static 200"].map(|name| find(name).expect("known"));
        let found = play(
            "a test".to_owned(),
            &plan,
            &entrants,
            NonZeroUsize::MIN,
            &|| {},
        );
        let sheet = found.expect("plays").sheet();
        // Started at the 200 ppm that it then sets.
        assert_eq!(sheet.rows.len(), 1);
        assert_eq!(sheet.rows[0][..3], ["tiny", "static 200", "1.00"]);
    }
}
