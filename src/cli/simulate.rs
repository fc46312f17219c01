//! `simulate`: the league, its table and report, and the search that tunes the
//! rivals.

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
use sweetspot_league::tuning::{self, Family};
use sweetspot_league::{Entrant, ORACLES, REFERENCE, entrants, families, oracles, report};
use sweetspot_market::scenario::Scenario;

/// What to play.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Set of scenarios: training, validation or adversarial
    #[arg(long, default_value = "training", conflicts_with = "scenario")]
    set: String,

    /// Scenarios to play instead of a set: built-in names or TOML files
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Vec<String>,

    /// Play only these scenarios of the set
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Policies to play [default: all but the oracles]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    policies: Vec<String>,

    /// Also play the oracles, which find the best fees and price levels of each
    /// world by playing it hundreds of times
    #[arg(long)]
    oracles: bool,

    /// Nodes per scenario
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1000))]
    nodes: u32,

    /// Seeds per node
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,

    /// Simulated days; the warm-up scales with them
    #[arg(long, value_parser = days)]
    days: Option<f64>,

    /// Threads [default: number of cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,

    /// Tune this policy, or `all`, on the training set, and print the constants
    /// as TOML
    #[arg(long, value_name = "POLICY", conflicts_with_all = ["scenario", "set", "report", "json"])]
    tune: Option<String>,

    /// Also write a report with charts to one self-contained HTML file
    #[arg(long, value_name = "FILE")]
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
        Some(name) => tune(name, &plan, threads),
        None => play(what, &plan, threads),
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
    let set = Set::named(&what.set).ok_or_else(|| unknown("set", &what.set, sets()))?;
    let mut scenarios = match what.scenario.is_empty() {
        true => set
            .read()
            .map_err(|error| Failure::Other(error.to_string()))?,
        false => vec![],
    };
    for name in &what.scenario {
        scenarios.push((name.clone(), scenario(name).map_err(Failure::Other)?));
    }
    if !what.only.is_empty() {
        let names: Vec<String> = scenarios.iter().map(|(name, _)| name.clone()).collect();
        if let Some(name) = what.only.iter().find(|name| !names.contains(name)) {
            return Err(unknown("scenario of the set", name, names.into_iter()));
        }
        scenarios.retain(|(name, _)| what.only.contains(name));
    }
    for (_, scenario) in &mut scenarios {
        if let Some(days) = what.days {
            scenario.warm_up_days *= days / scenario.days;
            scenario.days = days;
        }
    }
    Ok(Plan {
        scenarios,
        nodes: numbers(set.first(), what.nodes),
        seeds: numbers(set.first(), what.seeds),
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

/// The policies asked for; the reference plays always, oracles only if asked for.
fn chosen(what: &Simulate, bar: &ProgressBar) -> Result<Vec<Entrant>, Failure> {
    let searched = bar.clone();
    let tell: Arc<dyn Fn() + Send + Sync> = Arc::new(move || searched.inc(1));
    let mut all = entrants();
    all.extend(oracles(&tell));
    let names: Vec<String> = all.iter().map(|entrant| entrant.name.clone()).collect();
    if let Some(name) = what.policies.iter().find(|name| !names.contains(name)) {
        return Err(unknown("policy", name, names.into_iter()));
    }
    all.retain(|entrant| {
        let name = &entrant.name;
        name == REFERENCE
            || what.policies.contains(name)
            || match searches(name) {
                0 => what.policies.is_empty(),
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
        true => format!("the {} set", what.set),
        false => "chosen scenarios".to_owned(),
    };
    let names: Vec<&str> = plan.scenarios.iter().map(|s| s.0.as_str()).collect();
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

fn render(results: &Results) -> String {
    let shown = |sheet: Sheet| {
        let header: Vec<&str> = sheet.header.iter().map(String::as_str).collect();
        let right: Vec<usize> = (1..header.len()).collect();
        let mut shown = table(&header, &right);
        sheet.rows.into_iter().for_each(|row| {
            shown.add_row(row);
        });
        shown.to_string()
    };
    let matrix = results.matrix().map(shown);
    let parts = [Some(results.about.clone()), Some(shown(results.sheet()))];
    let parts = parts.into_iter().chain([results.verdict(), matrix]);
    parts.flatten().collect::<Vec<String>>().join("\n")
}

fn tune(name: &str, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let mut families = families();
    let names: Vec<String> = families.iter().map(|f| f.name.to_owned()).collect();
    if name != "all" {
        families.retain(|family| family.name == name);
    }
    if families.is_empty() {
        return Err(unknown("policy that can be tuned", name, names.into_iter()));
    }
    for family in &families {
        tune_family(family, plan, threads)?;
    }
    Ok(())
}

fn tune_family(family: &Family, plan: &Plan, threads: NonZeroUsize) -> Result<(), Failure> {
    let bar = ProgressBar::new_spinner();
    let tuned = tuning::tune(family, plan, threads, &mut |settings, score| {
        let said = family.describe(settings).join(", ");
        bar.set_message(format!("{}: {score:.3} with {said}", family.name));
        bar.tick();
    })?;
    bar.finish_and_clear();
    let edge = match family.on_edge(&tuned.settings).join(", ") {
        none if none.is_empty() => none,
        some => format!("\n# at the end of its grid: {some}"),
    };
    print(&format!(
        "# {:.3} times {REFERENCE}; the defaults {:.3}; {} settings tried{edge}\n[{}]\n{}\n",
        tuned.after,
        tuned.before,
        tuned.tried,
        family.name,
        family.describe(&tuned.settings).join("\n"),
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    /// Names with a space in them are quoted, as for a shell.
    fn asked(line: &str) -> Simulate {
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        });
        let words = std::iter::once("simulate").chain(words);
        Line::try_parse_from(words).expect("a command").simulate
    }

    #[test]
    fn days_scale_the_warm_up() {
        let plan = plan(&asked("--only plain --days 30 --nodes 2 --seeds 3")).expect("a plan");
        let (name, scenario) = &plan.scenarios[0];
        assert_eq!((name.as_str(), scenario.days), ("plain", 30.0));
        assert_eq!(scenario.warm_up_days, 5.0);
        assert_eq!((plan.nodes.len(), plan.runs(5)), (2, 30));
    }

    #[test]
    fn what_was_played_is_said() {
        let asked = asked("--only plain,quiet --days 30 --nodes 1 --seeds 3");
        let about = about(&asked, &plan(&asked).expect("a plan"));
        let said = "the training set: 2 scenarios (plain, quiet), 1 node and 3 seeds each, 30 days";
        assert_eq!(about, said);
    }

    #[test]
    fn the_readmes_league_can_be_played() {
        let readme = include_str!("../../README.md").replace("\\\n", " ");
        let commands = readme.split("cargo run --release -- simulate ").skip(1);
        let commands: Vec<&str> = commands.filter_map(|c| c.lines().next()).collect();
        assert!(!commands.is_empty());
        for command in commands {
            let asked = asked(command);
            assert!(plan(&asked).is_ok() && chosen(&asked, &ProgressBar::hidden()).is_ok());
        }
    }

    #[test]
    fn unknown_names_are_refused_with_what_there_is() {
        let chosen = |what: &Simulate| chosen(what, &ProgressBar::hidden());
        let said = |line: &str| match plan(&asked(line)).and_then(|_| chosen(&asked(line))) {
            Ok(_) => String::new(),
            Err(fault) => fault.to_string(),
        };
        assert!(said("--set holdout").contains("validation"));
        assert!(said("--only calm").contains("plain"));
        assert!(said("--scenario calm").contains("reactive-rivals"));
        assert!(said("--policies best").contains("charge-lnd"));
        assert_eq!(said("--policies lit --scenario quiet"), "");
    }

    fn playing(line: &str) -> Vec<String> {
        let entrants = chosen(&asked(line), &ProgressBar::hidden()).expect("known");
        entrants.into_iter().map(|entrant| entrant.name).collect()
    }

    #[test]
    fn the_reference_always_plays() {
        assert_eq!(playing("--policies lit"), [REFERENCE, "lit"]);
    }

    #[test]
    fn oracles_play_when_asked_for() {
        let [(fixed, _), (levels, _)] = ORACLES;
        assert!(playing("").iter().all(|name| searches(name) == 0));
        let asked = playing("--oracles");
        assert!(asked.len() > 10 && asked.ends_with(&[fixed.to_owned(), levels.to_owned()]));
        let with = playing("--oracles --policies lit");
        assert_eq!(with, [REFERENCE, "lit", fixed, levels]);
        let named = playing(&format!("--policies \"{levels}\""));
        assert_eq!(named, [REFERENCE, levels]);
    }
}
