//! Gives each rival its best constants, found on the training set alone.
//!
//! A coordinate search: constant by constant, every value of its grid is played
//! and the best one kept. In later rounds, until one improves nothing, a constant
//! climbs from where it is to the neighbouring value. What is maximised is the
//! geometric mean of net fees over all worlds, so that a large node counts no more
//! than a small one. What was found is kept in `tuned.toml`, in the form in which
//! the search prints it.
//!
//! Grids are wide: they end where a source allows no more, or well beyond where
//! the search has ever gone. A constant that ends on the edge of its grid is said.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::model::Model;
use super::runner::{Plan, PlayError, Run, Sites};
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

    /// The constants set to the least or most of their grid.
    pub fn on_edge(&self, settings: &Settings) -> Vec<&'static str> {
        let ends = settings.iter().filter(|(knob, value)| {
            let grid = self.knobs[**knob].1;
            // Of two, both are ends.
            grid.len() > 2 && (grid.first() == Some(value) || grid.last() == Some(value))
        });
        ends.map(|(knob, _)| self.knobs[*knob].0).collect()
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
    /// How many settings were played.
    pub tried: usize,
}

/// A search must gain so much to move a constant: less is noise.
const LEAST_GAIN: f64 = 1.002;
/// Rounds over the constants.
const MOST_ROUNDS: usize = 6;
/// Rounds in which those that have stayed at their default are tried too.
const ROUNDS_OVER_ALL: usize = 2;

/// The league as a function of a family's settings.
struct Scorer<'a> {
    family: &'a Family,
    sites: Sites,
    threads: NonZeroUsize,
    reference: Vec<Run>,
    known: BTreeMap<Vec<String>, f64>,
}

impl<'a> Scorer<'a> {
    fn new(family: &'a Family, plan: &Plan, threads: NonZeroUsize) -> Result<Self, PlayError> {
        let reference: Vec<Entrant> = find(REFERENCE).into_iter().collect();
        let sites = Sites::kept(plan)?;
        Ok(Self {
            family,
            reference: sites.play(&reference, threads, &|| {})?,
            sites,
            threads,
            known: BTreeMap::new(),
        })
    }

    fn scores(&mut self, tried: &[Settings]) -> Result<Vec<f64>, PlayError> {
        let names: Vec<_> = tried.iter().map(|s| self.family.describe(s)).collect();
        let new = names.iter().zip(tried);
        let new = new.filter(|(name, _)| !self.known.contains_key(*name));
        let (new, entrants): (Vec<_>, Vec<_>) = new
            .map(|(name, settings)| (name, self.family.entrant(&name.join(", "), settings)))
            .unzip();
        let mut runs = self.sites.play(&entrants, self.threads, &|| {})?;
        runs.extend_from_slice(&self.reference);
        for (name, entrant) in new.into_iter().zip(&entrants) {
            let ratio = stats::ratio(&runs, &entrant.name, REFERENCE);
            let mean = ratio.map_or(0.0, |ratio| ratio.mean);
            self.known.insert(name.clone(), mean);
        }
        Ok(names.iter().map(|name| self.known[name]).collect())
    }

    /// The best of the `tried`, if it beats `best` by enough.
    fn better(
        &mut self,
        tried: Vec<Settings>,
        best: f64,
    ) -> Result<Option<(Settings, f64)>, PlayError> {
        let scored = self.scores(&tried)?.into_iter().zip(tried);
        let leader = scored.fold((best * LEAST_GAIN, None), |leader, (score, tried)| {
            match score > leader.0 {
                true => (score, Some(tried)),
                false => leader,
            }
        });
        Ok(leader.1.map(|settings| (settings, leader.0)))
    }
}

/// The values next to the one set; the whole grid if none is.
fn neighbours(grid: &[f64], set: Option<f64>) -> Vec<f64> {
    let Some(set) = set else {
        return grid.to_vec();
    };
    let below = grid.iter().rev().find(|value| **value < set);
    let above = grid.iter().find(|value| **value > set);
    below.into_iter().chain(above).copied().collect()
}

/// Searches a family's constants; `tell` hears of each improvement.
pub fn tune(
    family: &Family,
    plan: &Plan,
    threads: NonZeroUsize,
    tell: &mut dyn FnMut(&Settings, f64),
) -> Result<Tuned, PlayError> {
    let mut scorer = Scorer::new(family, plan, threads)?;
    let mut settings = Settings::new();
    let before = scorer.scores(&[Settings::new()])?[0];
    let mut best = before;
    tell(&settings, best);
    for round in 0..MOST_ROUNDS {
        let at_start = best;
        for (knob, (_, grid)) in family.knobs.iter().enumerate() {
            loop {
                let set = settings.get(&knob).copied();
                if set.is_none() && round >= ROUNDS_OVER_ALL {
                    break;
                }
                let values = neighbours(grid, set);
                let tried = values.into_iter().map(|value| {
                    let mut tried = settings.clone();
                    tried.insert(knob, value);
                    tried
                });
                let Some((found, score)) = scorer.better(tried.collect(), best)? else {
                    break;
                };
                (settings, best) = (found, score);
                tell(&settings, best);
                if set.is_none() {
                    break;
                }
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
        tried: scorer.known.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;
    use sweetspot_market::scenario::Scenario;

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
    fn a_constant_never_set_meets_its_whole_grid_then_climbs_from_value_to_value() {
        let grid = [1.0, 2.0, 5.0, 10.0];
        assert_eq!(neighbours(&grid, None), grid);
        assert_eq!(neighbours(&grid, Some(2.0)), [1.0, 5.0]);
        assert_eq!(neighbours(&grid, Some(10.0)), [5.0]);
    }

    #[test]
    fn a_value_at_the_end_of_its_grid_is_said() {
        let families = families();
        let family = families.iter().find(|f| f.name == "static").expect("known");
        let (name, grid) = family.knobs[0];
        let at = |value: f64| family.on_edge(&Settings::from([(0, value)]));
        assert_eq!(at(grid[0]), [name]);
        assert!(at(grid[1]).is_empty());
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
