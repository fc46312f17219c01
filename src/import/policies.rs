//! charge-lnd's order in ours.
//!
//! There the first section that matches and has a strategy decides, with what the
//! matching ones without a strategy before it have set. Here every rule that
//! matches counts, and the later wins, key by key. So the sections come in the
//! opposite order, each sets all that it depends on, and where sections without a
//! strategy may or may not match, there is a rule for each case, the fuller ones
//! later.

use super::conditions::{Conditions, conditions, is_condition};
use super::ini::Section;
use super::notes::Notes;
use super::properties::{Properties, Property, left_alone, settings, used_by};
use super::rule::{Match, Rule, Value};

/// How many conditional sections without a strategy may meet in one rule: each
/// doubles the rules.
const MOST_MET: usize = 4;

/// The section that is for what nothing else matches.
const DEFAULT: &str = "default";

struct Policy<'a> {
    section: &'a Section,
    conditions: Conditions,
    strategy: Option<Property<'a>>,
}

/// Our tables, the first being `[defaults]`.
pub(super) fn rules(
    sections: &[Section],
    file: &dyn Fn(&str) -> Result<String, String>,
    notes: &mut Notes,
) -> Vec<Rule> {
    let mut read = |section| policy(section, file, notes);
    let (default, named): (Vec<&Section>, Vec<&Section>) =
        sections.iter().partition(|section| section.name == DEFAULT);
    let mut policies: Vec<Policy<'_>> = named.into_iter().map(&mut read).collect();
    let mut last = default.into_iter().map(&mut read).next();
    if let Some(default) = &mut last {
        for entry in &default.section.entries {
            if is_condition(&entry.key) {
                let why = "charge-lnd asks for no criterion in [default]";
                notes.add(entry.line, DEFAULT, &entry.key, why);
            }
        }
        default.conditions = Conditions::default();
    }
    // What matches everything is the default itself; nothing after it is reached.
    let all = policies
        .iter()
        .position(|p| p.strategy.is_some() && p.conditions.are_none());
    if let Some(place) = all {
        let unreached = policies.split_off(place + 1);
        for policy in unreached.iter().chain(&last) {
            let why = "is never reached, as a section before it matches everything";
            notes.add(policy.section.line, &policy.section.name, "", why);
            for entry in &policy.section.entries {
                notes.said(entry.line, &entry.key);
            }
        }
        last = policies.pop();
    }
    let mut rules = defaults(&policies, last.as_ref(), notes);
    for (place, policy) in policies.iter().enumerate().rev() {
        if policy.strategy.is_some() {
            rules.extend(cases(policy, &policies[..place], notes));
        }
    }
    rules
}

fn policy<'a>(
    section: &'a Section,
    file: &dyn Fn(&str) -> Result<String, String>,
    notes: &mut Notes,
) -> Policy<'a> {
    let strategy = section.get("strategy").map(|entry| {
        notes.said(entry.line, "strategy");
        Property {
            section: &section.name,
            line: entry.line,
            value: entry.value.as_str(),
        }
    });
    Policy {
        section,
        conditions: conditions(&section.name, &section.entries, file, notes),
        strategy: strategy.filter(|strategy| !strategy.value.is_empty()),
    }
}

/// `[defaults]`, and the same for unannounced channels, which ours leaves alone
/// unless a rule is about them.
fn defaults(policies: &[Policy<'_>], last: Option<&Policy<'_>>, notes: &mut Notes) -> Vec<Rule> {
    let Some(policy) = last.filter(|policy| policy.strategy.is_some()) else {
        return vec![Rule {
            name: None,
            matches: Match::default(),
            settings: left_alone(),
        }];
    };
    let mut rules = cases(policy, policies, notes);
    let Some(plain) = rules.first_mut().filter(|rule| rule.matches.0.is_empty()) else {
        return rules;
    };
    plain.name = None;
    if plain.settings != left_alone() {
        let mut unannounced = plain.clone();
        unannounced.name = Some(format!("{}, unannounced channels", policy.section.name));
        let private = ("private", Value::Flag(true));
        unannounced.matches = Match([private].into());
        rules.insert(1, unannounced);
    }
    rules
}

/// The rules for one section with a strategy: one for each set of sections without
/// a strategy before it that may match as well.
fn cases(policy: &Policy<'_>, before: &[Policy<'_>], notes: &mut Notes) -> Vec<Rule> {
    let Some(strategy) = policy.strategy else {
        return vec![];
    };
    let name = &policy.section.name;
    if policy.conditions.partly {
        let why = match policy.conditions.sayable.0.is_empty() {
            true => "left out: none of its criteria can be said, so later sections decide",
            false => "left alone: not all of its criteria can be said, so this may be about more",
        };
        notes.add(policy.section.line, name, "", why);
        return match policy.conditions.sayable.0.is_empty() {
            true => vec![],
            false => vec![Rule {
                name: Some(name.clone()),
                matches: policy.conditions.sayable.clone(),
                settings: left_alone(),
            }],
        };
    }
    let mut always = vec![];
    let mut sometimes = vec![];
    for other in before.iter().filter(|other| other.strategy.is_none()) {
        let adds =
            |key: &&str| other.section.get(key).is_some() && policy.section.get(key).is_none();
        if !used_by(strategy.value).iter().any(adds) {
            continue;
        }
        if other.conditions.are_none() {
            always.push(other);
        } else if other.conditions.partly {
            let why = "left out: not all of its criteria can be said";
            notes.add(other.section.line, &other.section.name, "", why);
        } else if sometimes.len() == MOST_MET {
            let why =
                format!("left out of [{name}]: {MOST_MET} others without a strategy meet there");
            notes.add(other.section.line, &other.section.name, "", why);
        } else {
            sometimes.push(other);
        }
    }
    let mut cases: Vec<u32> = (0..1 << sometimes.len()).collect();
    cases.sort_by_key(|case| case.count_ones());
    let rule = |case: u32| {
        let met = sometimes
            .iter()
            .enumerate()
            .filter(|(n, _)| case >> n & 1 == 1);
        let met: Vec<&Policy<'_>> = met.map(|(_, met)| *met).collect();
        let mut matches = policy.conditions.sayable.clone();
        let mut label = name.clone();
        for other in &met {
            matches = matches.and(&other.conditions.sayable)?;
            label = format!("{label}, {}", other.section.name);
        }
        // In the order of the file, each over those before it.
        let layers = before.iter().filter(|other| {
            let is = |one: &&Policy<'_>| std::ptr::eq(*one, *other);
            always.iter().any(is) || met.iter().any(is)
        });
        let mut properties = Properties::new();
        for layer in layers.chain([policy]) {
            for entry in &layer.section.entries {
                let property = Property {
                    section: &layer.section.name,
                    line: entry.line,
                    value: &entry.value,
                };
                properties.insert(&entry.key, property);
            }
        }
        Some(Rule {
            name: Some(label),
            matches,
            settings: settings(strategy, &properties, notes),
        })
    };
    cases.into_iter().filter_map(rule).collect()
}
