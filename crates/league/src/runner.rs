//! Plays policies against each other: every policy on every scenario, node and
//! seed, on all cores, with results in a fixed order.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{Entrant, Maker};
use sweetspot_market::drive::drive;
use sweetspot_market::load::{self, LoadError};
use sweetspot_market::market_map::MarketMap;
use sweetspot_market::meter::Account;
use sweetspot_market::network::Network;
use sweetspot_market::scenario::{NetworkChoice, Scenario};
use sweetspot_market::survey::{SurveyError, survey};
use sweetspot_market::world::World;

/// Why the league cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// A network cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A network has no such node.
    #[error("scenario `{scenario}`, node {node}: {source}")]
    Survey {
        /// The scenario.
        scenario: String,
        /// The node.
        node: u64,
        /// Why not.
        source: SurveyError,
    },
}

/// What is played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Scenarios by name. Those of one name, one after the other, are one
    /// scenario in several worlds, among which its nodes are dealt out in turn.
    pub scenarios: Vec<(String, Scenario)>,
    /// Nodes; each scenario is played at each.
    pub nodes: Vec<u64>,
    /// Seeds; each node is played with each.
    pub seeds: Vec<u64>,
}

impl Plan {
    /// How many runs this is for so many policies.
    pub fn runs(&self, policies: usize) -> usize {
        self.names().len() * self.nodes.len() * self.seeds.len() * policies
    }

    /// The scenarios' names.
    pub fn names(&self) -> Vec<&str> {
        let names = self.scenarios.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = names.collect();
        names.dedup();
        names
    }

    /// Each scenario at each node.
    fn sites(&self) -> impl Iterator<Item = (&str, &Scenario, u64)> {
        let named = self.scenarios.chunk_by(|one, next| one.0 == next.0);
        named.flat_map(|worlds| {
            let dealt = self.nodes.iter().zip(worlds.iter().cycle());
            dealt.map(|(node, (name, scenario))| (name.as_str(), scenario, *node))
        })
    }
}

/// One world; oracles need to know it, others only its seed.
#[derive(Clone, Debug)]
pub struct Case {
    /// The market around the node.
    pub map: Arc<MarketMap>,
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The seed.
    pub seed: u64,
}

impl Case {
    /// The world at its start.
    pub fn world(&self) -> World {
        World::new(self.map.clone(), &self.scenario, self.seed)
    }
}

/// How a policy fared in one world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The scenario.
    pub scenario: String,
    /// The node.
    pub node: u64,
    /// The seed.
    pub seed: u64,
    /// The policy.
    pub policy: String,
    /// All channels together, since the warm-up.
    pub account: Account,
}

impl Run {
    /// The world it ran in.
    pub fn case(&self) -> (&str, u64, u64) {
        (&self.scenario, self.node, self.seed)
    }
}

/// What was found of one policy in one world.
#[derive(Clone, Debug, Serialize)]
pub struct Played<T> {
    /// The scenario.
    pub scenario: String,
    /// The node.
    pub node: u64,
    /// The seed.
    pub seed: u64,
    /// The policy.
    pub policy: String,
    /// What was found.
    #[serde(flatten)]
    pub found: T,
}

impl From<Played<Account>> for Run {
    fn from(played: Played<Account>) -> Self {
        Self {
            scenario: played.scenario,
            node: played.node,
            seed: played.seed,
            policy: played.policy,
            account: played.found,
        }
    }
}

/// A scenario at a node.
struct Site {
    scenario: String,
    rules: Arc<Scenario>,
    network: Arc<Network>,
    map: Mutex<Slot>,
}

/// A site's map, surveyed at the first run, and the runs it is kept for.
#[derive(Default)]
struct Slot {
    map: Option<Arc<MarketMap>>,
    runs_left: usize,
}

impl Site {
    /// The map, for one run.
    fn enter(&self, keep: bool) -> Result<Arc<MarketMap>, PlayError> {
        let mut slot = lock(&self.map);
        let map = match &slot.map {
            Some(map) => map.clone(),
            None => {
                let made = survey(&self.network, &self.rules);
                Arc::new(made.map_err(|source| PlayError::Survey {
                    scenario: self.scenario.clone(),
                    node: self.rules.node,
                    source,
                })?)
            }
        };
        slot.runs_left = slot.runs_left.saturating_sub(1);
        slot.map = (keep || slot.runs_left > 0).then(|| map.clone());
        Ok(map)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Networks by what was asked for, each loaded once.
#[derive(Debug, Default)]
struct Networks(Vec<(NetworkChoice, Arc<Network>)>);

impl Networks {
    fn get(&mut self, choice: &NetworkChoice) -> Result<Arc<Network>, LoadError> {
        if let Some((_, network)) = self.0.iter().find(|(known, _)| known == choice) {
            return Ok(network.clone());
        }
        let network = Arc::new(load::network(choice)?);
        self.0.push((choice.clone(), network.clone()));
        Ok(network)
    }
}

/// One world of a plan.
pub fn case(name: &str, scenario: &Scenario, node: u64, seed: u64) -> Result<Case, PlayError> {
    let scenario = Arc::new(Scenario {
        node,
        ..scenario.clone()
    });
    let network = load::network(&scenario.network)?;
    let map = survey(&network, &scenario).map_err(|source| PlayError::Survey {
        scenario: name.to_owned(),
        node,
        source,
    })?;
    Ok(Case {
        map: Arc::new(map),
        scenario,
        seed,
    })
}

/// How a policy fares in a world.
pub fn play(case: &Case, maker: &Maker) -> Account {
    drive(&mut case.world(), &mut maker(case)).total()
}

/// Plays everything; `tell` is called after each run.
pub fn play_all(
    plan: &Plan,
    entrants: &[Entrant],
    threads: NonZeroUsize,
    tell: &(dyn Fn() + Sync),
) -> Result<Vec<Run>, PlayError> {
    Sites::of(plan)?.play(entrants, threads, tell)
}

/// The sites of a plan.
pub struct Sites {
    sites: Vec<Site>,
    seeds: Vec<u64>,
    keep: bool,
}

impl Sites {
    /// A plan's; a map is dropped after its last run.
    pub fn of(plan: &Plan) -> Result<Self, PlayError> {
        let mut networks = Networks::default();
        let mut sites = vec![];
        for (name, scenario, node) in plan.sites() {
            sites.push(Site {
                scenario: name.to_owned(),
                network: networks.get(&scenario.network)?,
                rules: Arc::new(Scenario {
                    node,
                    ..scenario.clone()
                }),
                map: Mutex::default(),
            });
        }
        Ok(Self {
            sites,
            seeds: plan.seeds.clone(),
            keep: false,
        })
    }

    /// The same, with every map kept: to play there again and again.
    pub fn kept(plan: &Plan) -> Result<Self, PlayError> {
        let sites = Self::of(plan)?;
        Ok(Self {
            keep: true,
            ..sites
        })
    }

    /// Plays these policies everywhere; `tell` is called after each run.
    pub fn play(
        &self,
        entrants: &[Entrant],
        threads: NonZeroUsize,
        tell: &(dyn Fn() + Sync),
    ) -> Result<Vec<Run>, PlayError> {
        let account = |case: &Case, entrant: &Entrant| play(case, &entrant.make);
        let played = self.play_as(entrants, threads, tell, &account)?;
        Ok(played.into_iter().map(Run::from).collect())
    }

    /// Has each of these policies tried in each world by `tried`; `tell` is called
    /// after each.
    pub fn play_as<T: Send>(
        &self,
        entrants: &[Entrant],
        threads: NonZeroUsize,
        tell: &(dyn Fn() + Sync),
        tried: &(dyn Fn(&Case, &Entrant) -> T + Sync),
    ) -> Result<Vec<Played<T>>, PlayError> {
        for site in &self.sites {
            lock(&site.map).runs_left = self.seeds.len() * entrants.len();
        }
        let jobs = self.sites.iter().flat_map(|site| {
            let worlds = self.seeds.iter().map(move |seed| (site, *seed));
            worlds.flat_map(|world| entrants.iter().map(move |entrant| (world, entrant)))
        });
        let jobs: Mutex<VecDeque<_>> = Mutex::new(jobs.enumerate().collect());
        let done: Mutex<Vec<(usize, Played<T>)>> = Mutex::new(vec![]);
        let work = || -> Result<(), PlayError> {
            loop {
                let Some((index, ((site, seed), entrant))) = lock(&jobs).pop_front() else {
                    return Ok(());
                };
                let entered = site.enter(self.keep);
                let map = entered.inspect_err(|_| lock(&jobs).clear())?;
                let case = Case {
                    map,
                    scenario: site.rules.clone(),
                    seed,
                };
                let played = Played {
                    scenario: site.scenario.clone(),
                    node: site.rules.node,
                    seed,
                    policy: entrant.name.clone(),
                    found: tried(&case, entrant),
                };
                lock(&done).push((index, played));
                tell();
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, played)| played).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    fn tiny() -> Plan {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 6\nwarm_up_days = 1\nrate = 2.0";
        let scenario = Scenario::parse(text).expect("a scenario");
        Plan {
            scenarios: vec![("tiny".to_owned(), scenario)],
            nodes: vec![1, 2],
            seeds: vec![5, 6],
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let entrants = [
            find("static 200").expect("known"),
            find("clboss").expect("known"),
        ];
        let on = |threads| {
            let threads = NonZeroUsize::new(threads).expect("some");
            play_all(&tiny(), &entrants, threads, &|| {}).expect("plays")
        };
        let runs = on(1);
        assert_eq!(runs, on(3));
        assert_eq!(runs.len(), 8);
        let order = runs.iter().map(|run| (run.node, run.seed, &*run.policy));
        assert!(order.clone().take(3).eq([
            (1, 5, "static 200"),
            (1, 5, "clboss"),
            (1, 6, "static 200")
        ]));
        assert!(runs.iter().any(|run| run.account.fees_msat > 0));
    }

    #[test]
    fn scenarios_of_one_name_share_its_nodes() {
        let mut plan = tiny();
        let mut busier = plan.scenarios[0].clone();
        busier.1.rate = 4.0;
        plan.scenarios.push(busier);
        plan.nodes = vec![1, 2, 3];
        let dealt: Vec<_> = plan.sites().map(|(_, s, node)| (s.rate, node)).collect();
        assert_eq!(dealt, [(2.0, 1), (4.0, 2), (2.0, 3)]);
        assert_eq!((plan.runs(5), plan.names()), (30, vec!["tiny"]));
    }

    #[test]
    fn a_node_too_large_for_its_network_is_an_error() {
        let mut plan = tiny();
        plan.scenarios[0].1.channels = 400;
        let entrants = [find("nothing").expect("known")];
        let fault = play_all(&plan, &entrants, NonZeroUsize::MIN, &|| {}).expect_err("too large");
        assert!(fault.to_string().contains("tiny"), "{fault}");
    }
}
