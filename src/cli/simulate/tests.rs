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
fn the_leagues_of_the_documents_can_be_played() {
    let documents = [
        include_str!("../../../docs/league.md"),
        include_str!("../../../docs/attacks.md"),
    ];
    for document in documents {
        let document = document.replace("\\\n", " ");
        let commands = document.split("cargo run --release -- simulate ").skip(1);
        let commands: Vec<&str> = commands.filter_map(|c| c.lines().next()).collect();
        assert!(!commands.is_empty());
        for command in commands {
            let asked = asked(command);
            assert!(plan(&asked).is_ok() && chosen(&asked, &ProgressBar::hidden()).is_ok());
        }
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
    assert!(said("--policies \"sweetspot thruput=0\"").contains(ablation::names()[0]));
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
fn a_take_over_is_compared_with_fees_left_alone_on_many_small_nodes() {
    let plan = plan(&asked("--take-over --days 30")).expect("a plan");
    assert_eq!(plan.names(), ["from 200 ppm", "from the graph's fees"]);
    assert_eq!(plan.runs(1), 48);
    let sizes = plan.scenarios.iter().map(|(_, s)| s.channels);
    assert!(sizes.into_iter().all(|size| (8..=15).contains(&size)));
    assert_eq!(playing("--take-over --policies lit"), [LEFT_ALONE, "lit"]);
    let others = super::plan(&asked("--take-over --scenario quiet")).expect("a plan");
    assert!(others.scenarios[0].1.take_over);
}

#[test]
fn attacks_are_played_on_sweetspot_unless_others_are_named() {
    let attacked = plan(&asked("--attacks --nodes 3")).expect("a plan");
    assert_eq!(attacked.names().len(), 6);
    assert!(attacked.scenarios.iter().all(|(_, s)| s.attack.is_some()));
    assert_eq!(playing("--attacks"), [OURS[0]]);
    assert_eq!(playing("--attacks --policies lit"), ["lit"]);
    assert!(plan(&asked("--attacks --scenario quiet")).is_err());
}

#[test]
fn a_constant_can_be_changed_as_a_policy_or_for_a_comparison() {
    let [one, other] = [ablation::names()[0], ablation::names()[1]];
    let changed = format!("sweetspot {one}=0 {other}=2");
    let asked_for = playing(&format!("--policies \"{changed},lit\""));
    assert_eq!(asked_for, [REFERENCE, "lit", &changed]);
    let ablated = experiments::ablated(&asked(&format!("--ablate {one}=0,{other}=2")));
    let ablated = ablated.expect("known").into_iter();
    let names: Vec<String> = ablated.map(|entrant| entrant.name).collect();
    let expected = [format!("sweetspot {one}=0"), format!("sweetspot {other}=2")];
    assert_eq!(names[0], "sweetspot");
    assert_eq!(names[1..], expected);
    assert!(experiments::ablated(&asked("--ablate thruput=0")).is_err());
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
