//! `simulate`: the league, its table and report, and the search that tunes the
//! rivals.

mod experiments;
mod tune;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;
use super::output::{print, print_json};
use crate::table::table;
use sweetspot_league::results::{Results, Sheet};
use sweetspot_league::runner::{self, Plan, PlayError};
use sweetspot_league::sets::{SETS, Set, numbers};
use sweetspot_league::{
    Entrant, LEFT_ALONE, ORACLES, OURS, REFERENCE, ablation, entrants, oracles, report,
};
use sweetspot_market::scenario::Scenario;

/// What to play.
#[derive(Debug, Args)]
pub struct Simulate {
    /// What a take-over does to a small node's income: the first month of each
    /// policy against the same node's fees left alone
    #[arg(long)]
    take_over: bool,

    /// What attacks do to income and fees, and what they cost their author: each
    /// world with its attack against the same world without
    #[arg(long, conflicts_with = "take_over")]
    attacks: bool,

    /// What constants of the sweetspot strategy are worth: play it as it is
    /// against itself with these changes
    #[arg(long, value_name = "CONSTANT=VALUE", value_delimiter = ',',
        conflicts_with_all = ["take_over", "attacks", "policies"])]
    ablate: Vec<String>,

    /// Set of scenarios: training, validation, worlds (cheap and dear ones, busy
    /// and small nodes), take-overs or adversarial [default: training, or what the
    /// options above are about]
    #[arg(long, conflicts_with = "scenario")]
    set: Option<String>,

    /// Scenarios to play instead of a set: built-in names or TOML files
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Vec<String>,

    /// Play only these scenarios of the set
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Policies to play [default: all but the oracles; with --attacks, sweetspot].
    /// "sweetspot NAME=VALUE" is sweetspot with a constant changed
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    policies: Vec<String>,

    /// Also play the oracles, which find the best fees and price levels of each
    /// world by playing it hundreds of times
    #[arg(long)]
    oracles: bool,

    /// Nodes per scenario [default: 12; with --take-over, 24]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: Option<u32>,

    /// Seeds per node [default: 6; with --take-over, --attacks or --ablate, 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: Option<u32>,

    /// Simulated days; the warm-up scales with them
    #[arg(long, value_parser = days)]
    days: Option<f64>,

    /// Threads [default: number of cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,

    /// Tune this policy, or `all`, on the training set, and print the constants
    /// as TOML
    #[arg(long, value_name = "POLICY", conflicts_with_all =
        ["scenario", "set", "report", "json", "take_over", "attacks", "ablate"])]
    tune: Option<String>,

    /// Also write a report with charts to one self-contained HTML file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["take_over", "attacks", "ablate"])]
    report: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn days(text: &str) -> Result<f64, String> {
    let days: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (1.0..=3_650.0).contains(&days) {
        true => Ok(days),
        false => Err("must be from 1 to 3650".to_owned()),
    }
}

impl From<PlayError> for Failure {
    fn from(error: PlayError) -> Self {
        Self::Other(error.to_string())
    }
}

pub fn run(what: &Simulate) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = what.threads.unwrap_or(cores);
    let plan = plan(what)?;
    match &what.tune {
        Some(name) => tune::tune(name, &plan, threads),
        None if what.take_over => experiments::play_take_overs(what, &plan, threads),
        None if what.attacks => experiments::play_attacks(what, &plan, threads),
        None if !what.ablate.is_empty() => experiments::play_ablation(what, &plan, threads),
        None => play(what, &plan, threads),
    }
}

impl Simulate {
    /// The set to play unless scenarios are named.
    fn set(&self) -> &str {
        match &self.set {
            Some(set) => set,
            None if self.take_over => "take-overs",
            None if self.attacks => "adversarial",
            None => "training",
        }
    }

    fn nodes(&self) -> u32 {
        self.nodes.unwrap_or(if self.take_over { 24 } else { 12 })
    }

    fn seeds(&self) -> u32 {
        let paired = self.take_over || self.attacks || !self.ablate.is_empty();
        self.seeds.unwrap_or(if paired { 1 } else { 6 })
    }

    /// The policy that all are compared with.
    fn reference(&self) -> Option<&'static str> {
        match (self.take_over, self.attacks) {
            (true, _) => Some(LEFT_ALONE),
            (_, true) => None,
            _ => Some(REFERENCE),
        }
    }
}

fn unknown(kind: &str, name: &str, known: impl Iterator<Item = String>) -> Failure {
    let known: Vec<String> = known.collect();
    Failure::Other(format!(
        "unknown {kind} `{name}`; known: {}",
        known.join(", ")
    ))
}

fn plan(what: &Simulate) -> Result<Plan, Failure> {
    let sets = || SETS.iter().map(|set| set.name.to_owned());
    let set = Set::named(what.set()).ok_or_else(|| unknown("set", what.set(), sets()))?;
    let mut scenarios = match what.scenario.is_empty() {
        true => set
            .read()
            .map_err(|error| Failure::Other(error.to_string()))?,
        false => vec![],
    };
    for name in &what.scenario {
        scenarios.push((name.clone(), scenario(name).map_err(Failure::Other)?));
    }
    if what.attacks {
        scenarios.retain(|(_, scenario)| scenario.attack.is_some());
        if scenarios.is_empty() {
            return Err(Failure::Other("none of the scenarios has an attack".into()));
        }
    }
    if !what.only.is_empty() {
        let names: Vec<String> = scenarios.iter().map(|(name, _)| name.clone()).collect();
        if let Some(name) = what.only.iter().find(|name| !names.contains(name)) {
            return Err(unknown("scenario of the set", name, names.into_iter()));
        }
        scenarios.retain(|(name, _)| what.only.contains(name));
    }
    for (_, scenario) in &mut scenarios {
        scenario.take_over |= what.take_over;
        if let Some(days) = what.days {
            scenario.warm_up_days *= days / scenario.days;
            scenario.days = days;
        }
    }
    Ok(Plan {
        scenarios,
        nodes: numbers(set.first(), what.nodes()),
        seeds: numbers(set.first(), what.seeds()),
    })
}

/// A built-in scenario or a file.
fn scenario(name: &str) -> Result<Scenario, String> {
    let path = PathBuf::from(name);
    if !path.is_file() {
        return Scenario::named(name).map_err(|error| error.to_string());
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("cannot read the scenario file {name}: {error}"))?;
    Scenario::parse(&text).map_err(|error| format!("{name}: {error}"))
}

/// The policies asked for; the one that all are compared with plays always,
/// oracles only if asked for.
fn chosen(what: &Simulate, bar: &ProgressBar) -> Result<Vec<Entrant>, Failure> {
    let searched = bar.clone();
    let tell: Arc<dyn Fn() + Send + Sync> = Arc::new(move || searched.inc(1));
    let mut all = entrants();
    all.extend(oracles(&tell));
    let names: Vec<String> = all.iter().map(|entrant| entrant.name.clone()).collect();
    let others = what.policies.iter().filter(|name| !names.contains(name));
    for name in others {
        let changed = ablation::named(name);
        let changed = changed.ok_or_else(|| unknown("policy", name, names.iter().cloned()))?;
        all.push(changed.map_err(|error| Failure::Other(error.to_string()))?);
    }
    let all_by_default = what.policies.is_empty() && !what.attacks;
    let ours_by_default = what.policies.is_empty() && what.attacks;
    all.retain(|entrant| {
        let name = &entrant.name;
        what.reference() == Some(name)
            || what.policies.contains(name)
            || (ours_by_default && name == OURS[0])
            || match searches(name) {
                0 => all_by_default,
                _ => what.oracles,
            }
    });
    Ok(all)
}

/// The most runs a policy makes in a world before it plays.
fn searches(policy: &str) -> usize {
    let oracle = ORACLES.iter().find(|(name, _)| *name == policy);
    oracle.map_or(0, |(_, runs)| *runs)
}

fn progress(runs: usize) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let bar = ProgressBar::with_draw_target(u64::try_from(runs).ok(), target);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn play(what: &Simulate, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let bar = progress(0);
    let entrants = chosen(what, &bar)?;
    let names: Vec<String> = entrants.iter().map(|e| e.name.clone()).collect();
    let searched: usize = names.iter().map(|name| searches(name)).sum();
    let most_runs = plan.runs(entrants.len() + searched);
    bar.set_length(u64::try_from(most_runs).unwrap_or(u64::MAX));
    let runs = runner::play_all(plan, &entrants, threads, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let results = Results::of(about(what, plan), runs, &names);
    if let Some(path) = &what.report {
        write_report(path, plan, &entrants, &results)?;
    }
    match what.json {
        true => print_json(&results)?,
        false => print(&render(&results)),
    }
    Ok(())
}

fn about(what: &Simulate, plan: &Plan) -> String {
    let set = match what.scenario.is_empty() {
        true => format!("the {} set", what.set()),
        false => "chosen scenarios".to_owned(),
    };
    let names = plan.names();
    let days = what.days.map(|days| format!(", {days} days"));
    format!(
        "{set}: {} ({}), {} and {} each{}",
        count(names.len(), "scenario"),
        names.join(", "),
        count(plan.nodes.len(), "node"),
        count(plan.seeds.len(), "seed"),
        days.unwrap_or_default()
    )
}

fn count(n: usize, of: &str) -> String {
    format!("{n} {of}{}", if n == 1 { "" } else { "s" })
}

fn write_report(
    path: &PathBuf,
    plan: &Plan,
    entrants: &[Entrant],
    results: &Results,
) -> Result<(), Failure> {
    let (Some((name, scenario)), Some(node), Some(seed)) = (
        plan.scenarios.first(),
        plan.nodes.first(),
        plan.seeds.first(),
    ) else {
        return Ok(());
    };
    let case = runner::case(name, scenario, *node, *seed)?;
    let reference = entrants.iter().find(|entrant| entrant.name == REFERENCE);
    let channel = reference.and_then(|entrant| report::busiest_channel(&case, entrant));
    // An oracle would search anew.
    let drawn = entrants.iter().filter(|e| searches(&e.name) == 0);
    let bar = progress(entrants.len());
    let mut courses = vec![];
    for entrant in drawn {
        courses.push((
            entrant.name.clone(),
            report::course(&case, entrant, channel),
        ));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let charts = format!("Scenario `{name}`, node {node}, seed {seed}.");
    let page = report::page(results, &charts, case.scenario.warm_up_days, &courses);
    std::fs::write(path, page).map_err(|error| {
        Failure::Other(format!(
            "cannot write the report {}: {error}",
            path.display()
        ))
    })
}

/// A sheet as a table; figures, unlike names, are aligned to the right.
fn shown(sheet: Sheet) -> String {
    let header: Vec<&str> = sheet.header.iter().map(String::as_str).collect();
    let names = usize::from(header.contains(&"policy") && header.first() != Some(&"policy"));
    let right: Vec<usize> = (1 + names..header.len()).collect();
    let mut shown = table(&header, &right);
    sheet.rows.into_iter().for_each(|row| {
        shown.add_row(row);
    });
    shown.to_string()
}

fn render(results: &Results) -> String {
    let matrix = results.matrix().map(shown);
    let parts = [Some(results.about.clone()), Some(shown(results.sheet()))];
    let parts = parts.into_iter().chain([results.verdict(), matrix]);
    parts.flatten().collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests;
