//! What a league run found, and its tables: the same rows on the terminal and in
//! the report.

use serde::Serialize;

use super::runner::Run;
use super::stats::{self, Duel, Ratio, Standing};
use super::{ORACLES, OURS, REFERENCE};

/// Everything a league run found.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// What was played.
    pub about: String,
    /// Every policy over all scenarios.
    pub standings: Vec<Standing>,
    /// SweetspotPolicy against the strongest of the others.
    pub duel: Option<Duel>,
    /// Every policy in every scenario.
    pub by_scenario: Vec<Cell>,
    /// Every run.
    pub runs: Vec<Run>,
}

/// A policy in one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The scenario.
    pub scenario: String,
    /// How the policy fared in it.
    pub standing: Standing,
}

/// A table of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// The columns' names.
    pub header: Vec<String>,
    /// The rows, each beginning with a policy.
    pub rows: Vec<Vec<String>>,
}

/// A column: its name, its meaning, a policy's cell.
struct Column {
    name: &'static str,
    means: &'static str,
    cell: fn(&Standing) -> String,
}

const COLUMNS: [Column; 11] = [
    Column {
        name: "fees ppm/y",
        means: "net fees per capacity and year, in ppm",
        cell: |s| format!("{:.0}", s.fees_ppm_per_year),
    },
    Column {
        name: "× static 200",
        means: "net fees over those of 200 ppm everywhere, run by run, geometric mean",
        cell: |s| s.to_reference.map_or("-".to_owned(), mean),
    },
    Column {
        name: "95 %",
        means: "its interval, clustered by node",
        cell: |s| s.to_reference.map_or("-".to_owned(), interval),
    },
    Column {
        name: "success",
        means: "settled forwards among those and the HTLCs it had too little for",
        cell: |s| format!("{:.2}", s.success),
    },
    Column {
        name: "depleted",
        means: "share of channel time with our side below 2 % or 50,000 sat",
        cell: |s| format!("{:.3}", s.depleted_share),
    },
    Column {
        name: "sold out",
        means: "of that, in channels whose side once held more: the rest never did",
        cell: |s| format!("{:.3}", s.sold_out_share),
    },
    Column {
        name: "full",
        means: "share of channel time with the peer's side below the same",
        cell: |s| format!("{:.3}", s.full_share),
    },
    Column {
        name: "off target",
        means: "mean distance of the local ratio from the node's own",
        cell: |s| format!("{:.3}", s.off_target),
    },
    Column {
        name: "upd/ch/d",
        means: "policy updates per channel and day",
        cell: |s| format!("{:.2}", s.updates_per_channel_day),
    },
    Column {
        name: "max move/d",
        means: "the most any channel's rate moved within a day, highest over lowest; a new \
                channel's way from the scenario's start rate counts",
        cell: |s| format!("×{:.1}", 1.0 + s.largest_daily_move),
    },
    Column {
        name: "fwd/ch/d",
        means: "settled forwards per channel and day",
        cell: |s| format!("{:.2}", s.forwards_per_channel_day),
    },
];

impl Results {
    /// What these runs say about these policies, in this order.
    pub fn of(about: String, runs: Vec<Run>, policies: &[String]) -> Self {
        let oracles: Vec<String> = policies.iter().filter(|p| is_oracle(p)).cloned().collect();
        let standing = |runs: &[Run]| stats::standings(runs, policies, REFERENCE, &oracles);
        let mut scenarios: Vec<&String> = runs.iter().map(|run| &run.scenario).collect();
        scenarios.dedup();
        let mut by_scenario = vec![];
        for scenario in scenarios {
            let own = runs.iter().filter(|run| run.scenario == *scenario).cloned();
            let own: Vec<Run> = own.collect();
            by_scenario.extend(standing(&own).into_iter().map(|standing| Cell {
                scenario: scenario.clone(),
                standing,
            }));
        }
        let standings = standing(&runs);
        let may = |name: &str| !OURS.contains(&name) && !is_oracle(name);
        Self {
            about,
            duel: stats::duel(&runs, &standings, OURS[0], may),
            standings,
            by_scenario,
            runs,
        }
    }

    /// Every policy over all scenarios.
    pub fn sheet(&self) -> Sheet {
        let oracles = self.standings.first().map(|first| &first.to_oracles);
        let oracles: Vec<&String> = oracles.into_iter().flat_map(|o| o.keys()).collect();
        let names = COLUMNS.iter().map(|column| column.name.to_owned());
        let over = oracles.iter().map(|oracle| format!("÷ {oracle}"));
        let row = |standing: &Standing| {
            let cells = COLUMNS.iter().map(|column| (column.cell)(standing));
            let over = oracles.iter().map(|oracle| {
                let ratio = standing.to_oracles.get(*oracle);
                ratio.map_or("-".to_owned(), |ratio| with_interval(*ratio))
            });
            std::iter::once(standing.policy.clone())
                .chain(cells)
                .chain(over)
                .collect()
        };
        Sheet {
            header: std::iter::once("policy".to_owned())
                .chain(names)
                .chain(over)
                .collect(),
            rows: self.standings.iter().map(row).collect(),
        }
    }

    /// Every policy's ratio to the reference in every scenario, if there are
    /// several.
    pub fn matrix(&self) -> Option<Sheet> {
        let mut scenarios: Vec<&String> = self.by_scenario.iter().map(|c| &c.scenario).collect();
        scenarios.dedup();
        if scenarios.len() < 2 {
            return None;
        }
        let row = |standing: &Standing| {
            let cells = self.by_scenario.iter().map(|cell| &cell.standing);
            let own = cells.filter(|own| own.policy == standing.policy);
            let ratios = own.map(|own| own.to_reference.map_or("-".to_owned(), mean));
            std::iter::once(standing.policy.clone())
                .chain(ratios)
                .collect()
        };
        Some(Sheet {
            header: std::iter::once(format!("× {REFERENCE}"))
                .chain(scenarios.into_iter().cloned())
                .collect(),
            rows: self.standings.iter().map(row).collect(),
        })
    }

    /// SweetspotPolicy against the strongest of the others, in a sentence.
    pub fn verdict(&self) -> Option<String> {
        let duel = self.duel.as_ref()?;
        Some(format!(
            "{} earned {} times what the strongest of the others did, {}.",
            duel.policy,
            with_interval(duel.ratio),
            duel.rival
        ))
    }

    /// What each column of the sheet means.
    pub fn legend() -> impl Iterator<Item = (&'static str, &'static str)> {
        COLUMNS.iter().map(|column| (column.name, column.means))
    }
}

fn is_oracle(policy: &str) -> bool {
    ORACLES.iter().any(|(name, _)| *name == policy)
}

pub(crate) fn mean(ratio: Ratio) -> String {
    format!("{:.2}", ratio.mean)
}

pub(crate) fn interval(ratio: Ratio) -> String {
    match ratio.low < ratio.high {
        true => format!("{:.2}-{:.2}", ratio.low, ratio.high),
        false => "-".to_owned(),
    }
}

fn with_interval(ratio: Ratio) -> String {
    match ratio.low < ratio.high {
        true => format!("{} ({})", mean(ratio), interval(ratio)),
        false => mean(ratio),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_market::meter::Account;

    fn run(policy: &str, scenario: &str, node: u64, fees_msat: u64) -> Run {
        Run {
            scenario: scenario.to_owned(),
            node,
            seed: 1,
            policy: policy.to_owned(),
            account: Account {
                fees_msat,
                days: 100.0,
                depleted_days: 25.0,
                sold_out_days: 5.0,
                // A year of 1 BTC: 1 sat is 0.01 ppm.
                capacity_sat_days: 365.0 * 1e8,
                ..Account::default()
            },
        }
    }

    fn played(scenarios: &[&str]) -> Results {
        let policies = ["static 200", "sweetspot", "lit", "oracle static"].map(str::to_owned);
        let mut runs = vec![];
        for scenario in scenarios {
            for node in [1, 2, 3] {
                for (policy, fees) in policies.iter().zip([10, 40, 19 + node, 50]) {
                    runs.push(run(policy, scenario, node, fees * 100_000_000));
                }
            }
        }
        Results::of("a test".to_owned(), runs, &policies)
    }

    #[test]
    fn the_sheet_names_every_column_and_measures_against_oracles_that_played() {
        let sheet = played(&["calm"]).sheet();
        assert_eq!(sheet.header.len(), COLUMNS.len() + 2);
        assert!(sheet.rows.iter().all(|row| row.len() == sheet.header.len()));
        assert_eq!(sheet.header.last().expect("one"), "÷ oracle static");
        let ours = sheet.rows[1].join(" | ");
        insta::assert_snapshot!(ours, @"sweetspot | 40000 | 4.00 | 4.00-4.00 | 0.00 | 0.250 | 0.050 | 0.000 | 0.000 | 0.00 | ×1.0 | 0.00 | 0.80");
    }

    #[test]
    fn the_verdict_is_about_ours_and_the_strongest_other_never_an_oracle() {
        let results = played(&["calm"]);
        insta::assert_snapshot!(results.verdict().expect("a duel"), @"sweetspot earned 1.91 (1.69-2.15) times what the strongest of the others did, lit.");
    }

    #[test]
    fn scenarios_have_a_table_of_their_own_if_there_are_several() {
        assert_eq!(played(&["calm"]).matrix(), None);
        let matrix = played(&["calm", "wild"]).matrix().expect("several");
        assert_eq!(matrix.header, ["× static 200", "calm", "wild"]);
        assert_eq!(matrix.rows[1], ["sweetspot", "4.00", "4.00"]);
    }
}
