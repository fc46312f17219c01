//! Gives each rival its best constants, found on the training set alone.
//!
//! A coordinate search: constant by constant, every value of its grid is played
//! and the best one kept, round after round until a round improves nothing. What
//! is maximised is the geometric mean of net fees over all worlds, so that a
//! large node counts no more than a small one. What was found is kept in
//! `tuned.toml`, in the form in which the search prints it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::model::Model;
use super::runner::{Plan, PlayError, play_all};
use super::{Entrant, REFERENCE, find, stats};

/// Values set over a family's defaults, by index of the constant.
pub type Settings = BTreeMap<usize, f64>;

/// A fee manager whose constants can be searched.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its constants: name and values tried.
    pub knobs: Vec<(&'static str, &'static [f64])>,
    make: fn(&str, &Settings) -> Entrant,
}

impl Family {
    /// That of a model.
    pub fn of<M: Model>(name: &'static str) -> Self {
        Self {
            name,
            knobs: M::KNOBS.iter().map(|knob| (knob.name, knob.grid)).collect(),
            make: |name, settings| {
                let mut constants = M::Constants::default();
                for (knob, value) in settings {
                    (M::KNOBS[*knob].set)(&mut constants, *value);
                }
                Entrant::of::<M>(name, constants)
            },
        }
    }

    /// The policy with these settings.
    pub fn entrant(&self, name: &str, settings: &Settings) -> Entrant {
        (self.make)(name, settings)
    }

    /// The settings as lines of TOML.
    pub fn describe(&self, settings: &Settings) -> Vec<String> {
        let said = settings.iter();
        said.map(|(knob, value)| format!("{} = {value}", self.knobs[*knob].0))
            .collect()
    }

    /// The settings that were found for it; `None` if it was never tuned.
    pub fn tuned(&self) -> Option<Settings> {
        let found = found().remove(self.name)?;
        let index = |name: &str| self.knobs.iter().position(|knob| knob.0 == name);
        let settings = found.iter();
        Some(
            settings
                .filter_map(|(name, value)| Some((index(name)?, *value)))
                .collect(),
        )
    }
}

/// Constants by policy and name.
type Found = BTreeMap<String, BTreeMap<String, f64>>;

fn found() -> Found {
    toml::from_str(include_str!("tuned.toml")).unwrap_or_default()
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The best constants, as far as they are not the defaults.
    pub settings: Settings,
    /// Net fees over the reference's, geometric mean, with the defaults.
    pub before: f64,
    /// The same with the best constants.
    pub after: f64,
}

/// A search must gain so much to move a constant: less is noise.
const LEAST_GAIN: f64 = 1.002;
/// Rounds over all constants.
const MOST_ROUNDS: usize = 3;

/// Searches a family's constants; `tell` hears of each improvement.
pub fn tune(
    family: &Family,
    plan: &Plan,
    threads: NonZeroUsize,
    tell: &mut dyn FnMut(&Settings, f64),
) -> Result<Tuned, PlayError> {
    let reference: Vec<Entrant> = find(REFERENCE).into_iter().collect();
    let mut runs = play_all(plan, &reference, threads, &|| {})?;
    let known = runs.len();
    let mut scored: BTreeMap<Vec<String>, f64> = BTreeMap::new();
    let mut scores = |tried: &[Settings]| -> Result<Vec<f64>, PlayError> {
        let names: Vec<Vec<String>> = tried.iter().map(|s| family.describe(s)).collect();
        let new = names.iter().zip(tried);
        let new = new.filter(|(name, _)| !scored.contains_key(*name));
        let new: Vec<(&Vec<String>, Entrant)> = new
            .map(|(name, settings)| (name, family.entrant(&name.join(", "), settings)))
            .collect();
        let (new, entrants): (Vec<_>, Vec<_>) = new.into_iter().unzip();
        runs.truncate(known);
        runs.extend(play_all(plan, &entrants, threads, &|| {})?);
        for (name, entrant) in new.into_iter().zip(&entrants) {
            let ratio = stats::ratio(&runs, &entrant.name, REFERENCE);
            scored.insert(name.clone(), ratio.map_or(0.0, |ratio| ratio.mean));
        }
        Ok(names.iter().map(|name| scored[name]).collect())
    };
    let mut settings = Settings::new();
    let before = scores(&[Settings::new()])?[0];
    let mut best = before;
    tell(&settings, best);
    for _ in 0..MOST_ROUNDS {
        let at_start = best;
        for (knob, (_, grid)) in family.knobs.iter().enumerate() {
            let with = |value: &f64| {
                let mut tried = settings.clone();
                tried.insert(knob, *value);
                tried
            };
            let tried: Vec<Settings> = grid.iter().map(with).collect();
            let scored = scores(&tried)?.into_iter().zip(tried);
            let (score, found) = scored.fold((best, None), |leader, (score, tried)| {
                match score > leader.0.max(best * LEAST_GAIN) {
                    true => (score, Some(tried)),
                    false => leader,
                }
            });
            if let Some(found) = found {
                settings = found;
                best = score;
                tell(&settings, best);
            }
        }
        if best <= at_start {
            break;
        }
    }
    Ok(Tuned {
        settings,
        before,
        after: best,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::league::families;
    use crate::sim::scenario::Scenario;

    #[test]
    fn the_search_finds_a_better_rate_and_says_so() {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 6\nwarm_up_days = 1\nrate = 3.0";
        let plan = Plan {
            scenarios: vec![("tiny".to_owned(), Scenario::parse(text).expect("reads"))],
            nodes: vec![1],
            seeds: vec![5],
        };
        let families = families();
        let family = families.iter().find(|f| f.name == "static").expect("known");
        let mut steps = vec![];
        let tuned = tune(family, &plan, NonZeroUsize::MIN, &mut |_, score| {
            steps.push(score);
        });
        let tuned = tuned.expect("plays");
        assert!(
            (tuned.before - 1.0).abs() < 1e-12,
            "static 200 is the reference"
        );
        assert!(tuned.after > 1.0 && steps.is_sorted());
        assert!(family.describe(&tuned.settings)[0].starts_with("ppm = "));
    }

    #[test]
    fn what_was_found_names_policies_and_constants_that_exist() {
        let found: Found = toml::from_str(include_str!("tuned.toml")).expect("TOML");
        let families = families();
        for (name, constants) in &found {
            let family = families.iter().find(|family| family.name == name);
            let settings = family.and_then(Family::tuned).expect(name);
            assert_eq!(settings.len(), constants.len(), "{name}");
        }
    }

    #[test]
    fn every_tuning_range_is_a_rising_grid() {
        for family in families() {
            for (knob, grid) in family.knobs {
                assert!(grid.len() > 1 && grid.is_sorted(), "{} {knob}", family.name);
            }
        }
    }
}
