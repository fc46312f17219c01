//! What a constant of the sweetspot strategy is worth: the league with and without
//! it. `sweetspot throughput=0` is a policy's name like any other.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::results::{Sheet, mean};
use super::runner::{self, Plan, PlayError, Run};
use super::stats::{self, Ratio};
use super::sweetspot_policy::SweetspotPolicy;
use super::{Entrant, OURS, book};
use sweetspot_core::settings::tuning::Tuning;
use sweetspot_core::settings::values::StrategyName;

/// A constant's name, and what sets it.
type Constant = (&'static str, fn(&mut Tuning, f64));

macro_rules! constants {
    ($($field:ident),+ $(,)?) => {
        &[$((stringify!($field), |tuning, value| tuning.$field = value)),+]
    };
}

/// Every constant of [`Tuning`]. Whoever adds one there adds its name here; a test
/// says which are missing.
const CONSTANTS: &[Constant] = constants![
    balance_up,
    balance_down,
    throughput,
    announced_ppm,
    unannounced_ppm,
    index_exponent,
];

/// Why a text changes no constant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AblationError {
    /// Not `name=value`.
    #[error("`{0}` is not `name=value` with a number as its value")]
    Form(String),
    /// No constant has this name.
    #[error("the sweetspot strategy has no constant `{name}`; it has: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// The strategy's constants with these changes: `name=value`, separated by spaces.
pub fn changed(changes: &str) -> Result<Tuning, AblationError> {
    let mut tuning = Tuning::default();
    if changes.trim().is_empty() {
        return Err(AblationError::Form(String::new()));
    }
    for change in changes.split_whitespace() {
        let form = || AblationError::Form(change.to_owned());
        let (name, value) = change.split_once('=').ok_or_else(form)?;
        let value: f64 = value.parse().map_err(|_| form())?;
        if !value.is_finite() {
            return Err(form());
        }
        let (_, set) = CONSTANTS
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| AblationError::Unknown {
                name: name.to_owned(),
                known: names().join(", "),
            })?;
        set(&mut tuning, value);
    }
    Ok(tuning)
}

/// The constants' names.
pub fn names() -> Vec<&'static str> {
    CONSTANTS.iter().map(|(name, _)| *name).collect()
}

/// sweetspot with these changes to its constants.
pub fn entrant(changes: &str) -> Result<Entrant, AblationError> {
    let tuning = changed(changes)?;
    let name = format!("{} {changes}", OURS[0]);
    Ok(Entrant::new(&name, move |_| {
        let mut book = book(StrategyName::Sweetspot);
        book.node.tuning = tuning;
        SweetspotPolicy::new(book)
    }))
}

/// The policy that a name like `sweetspot throughput=0` means; `None` if it is not
/// such a name.
pub fn named(name: &str) -> Option<Result<Entrant, AblationError>> {
    let changes = name.strip_prefix(OURS[0])?;
    (changes.starts_with(' ') && changes.contains('=')).then(|| entrant(changes.trim()))
}

/// What some changes take or give.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The changes.
    pub changes: String,
    /// Income of sweetspot as it is over that with the changes, run by run.
    pub income: Option<Ratio>,
    /// The same in each scenario.
    pub by_scenario: Vec<Option<Ratio>>,
}

/// Everything an ablation found.
#[derive(Clone, Debug, Serialize)]
pub struct Ablation {
    /// What was played.
    pub about: String,
    /// The scenarios.
    pub scenarios: Vec<String>,
    /// The changes.
    pub rows: Vec<Row>,
    /// Each run.
    pub runs: Vec<Run>,
}

/// Plays sweetspot as it is, the first of these policies, against the others.
pub fn play(
    about: String,
    plan: &Plan,
    entrants: &[Entrant],
    threads: NonZeroUsize,
    tell: &(dyn Fn() + Sync),
) -> Result<Ablation, PlayError> {
    let runs = runner::play_all(plan, entrants, threads, tell)?;
    let scenarios: Vec<String> = plan.names().into_iter().map(str::to_owned).collect();
    let of_scenario = |name: &String| -> Vec<Run> {
        let own = runs.iter().filter(|run| run.scenario == *name);
        own.cloned().collect()
    };
    let by_scenario: Vec<Vec<Run>> = scenarios.iter().map(of_scenario).collect();
    let row = |entrant: &Entrant| {
        let over = |runs: &[Run]| stats::ratio(runs, OURS[0], &entrant.name);
        Row {
            changes: entrant.name.replacen(OURS[0], "", 1).trim().to_owned(),
            income: over(&runs),
            by_scenario: by_scenario.iter().map(|runs| over(runs)).collect(),
        }
    };
    let changed = entrants.iter().filter(|entrant| entrant.name != OURS[0]);
    Ok(Ablation {
        about,
        rows: changed.map(row).collect(),
        scenarios,
        runs,
    })
}

impl Ablation {
    /// The table: above 1 is what the changes would lose.
    pub fn sheet(&self) -> Sheet {
        let row = |row: &Row| {
            let interval = row.income.filter(|income| income.low < income.high);
            let mut cells = vec![
                row.changes.clone(),
                row.income
                    .map_or("-".to_owned(), |r| format!("{:.3}", r.mean)),
                interval.map_or("-".to_owned(), |r| format!("{:.3}-{:.3}", r.low, r.high)),
            ];
            if self.scenarios.len() > 1 {
                let worlds = row.by_scenario.iter();
                cells.extend(worlds.map(|ratio| ratio.map_or("-".to_owned(), mean)));
            }
            cells
        };
        let mut header = ["with", "sweetspot over it", "95 %"]
            .map(str::to_owned)
            .to_vec();
        if self.scenarios.len() > 1 {
            header.extend(self.scenarios.iter().cloned());
        }
        Sheet {
            header,
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_market::scenario::Scenario;

    #[test]
    fn every_constant_can_be_changed_by_its_name_alone_or_with_others() {
        for (name, set) in CONSTANTS {
            let mut tuning = Tuning::default();
            set(&mut tuning, 77.0);
            assert_ne!(tuning, Tuning::default(), "{name}");
            assert_eq!(changed(&format!("{name}=77")), Ok(tuning));
        }
        let [one, other] = [CONSTANTS[0].0, CONSTANTS[1].0].map(|name| format!("{name}=77"));
        let both = changed(&format!("{one} {other}")).expect("known");
        assert!(changed(&one) != Ok(both) && changed(&other) != Ok(both));
    }

    #[test]
    fn no_constant_is_missing() {
        let mut group: Option<String> = None;
        let mut all = vec![];
        for line in format!("{:#?}", Tuning::default()).lines().skip(1) {
            let Some((name, value)) = line.trim().split_once(": ") else {
                group = None;
                continue;
            };
            if value.ends_with('{') {
                group = Some(name.to_owned());
            } else {
                let group = group.as_ref().map(|group| format!("{group}."));
                all.push(group.unwrap_or_default() + name);
            }
        }
        assert_eq!(names(), all);
    }

    #[test]
    fn what_is_no_change_is_refused_with_what_there_is() {
        let said = |name: &str| named(name).map(|found| found.map_err(|error| error.to_string()));
        let known = CONSTANTS[0].0;
        let unknown = said("sweetspot thruput=0").expect("a change");
        let unknown = unknown.expect_err("no such constant");
        assert!(unknown.contains("`thruput`") && unknown.contains(known));
        for wrong in ["=", "=nan", "=a", "=1 2"] {
            let wrong = format!("sweetspot {known}{wrong}");
            assert!(said(&wrong).expect("a change").is_err(), "{wrong}");
        }
        assert!(entrant("").is_err());
        for other in [
            "sweetspot with inbound discount",
            "sweetspot",
            "lit",
            "classic a=1",
        ] {
            assert!(named(other).is_none(), "{other}");
        }
    }

    #[test]
    fn changed_constants_play_and_are_compared_with_those_that_hold() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 8\n\
                    days = 20\nwarm_up_days = 1\nrate = 3.0";
        let plan = Plan {
            scenarios: vec![("tiny".to_owned(), Scenario::parse(text).expect("reads"))],
            nodes: vec![1],
            seeds: vec![5],
        };
        let all: Vec<String> = names().iter().map(|name| format!("{name}=7")).collect();
        let changes = all.join(" ");
        let ours = crate::find(OURS[0]).expect("known");
        let entrants = [ours, entrant(&changes).expect("known")];
        let found = play(
            "a test".to_owned(),
            &plan,
            &entrants,
            NonZeroUsize::MIN,
            &|| {},
        );
        let sheet = found.expect("plays").sheet();
        assert_eq!(sheet.rows.len(), 1);
        assert_eq!((&sheet.rows[0][0], &*sheet.rows[0][2]), (&changes, "-"));
        assert_ne!(sheet.rows[0][1], "1.000");
    }
}
