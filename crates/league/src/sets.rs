//! The league's scenarios, in three sets that share no network, node or seed.
//!
//! Constants are tuned on the training set alone. The validation set is what
//! claims are made on. The adversarial set holds worlds at the edge: nothing is
//! tuned for them, and nobody need win them, but nobody may break.
//!
//! The best level of price differs much from network to network, so each set has
//! several, and no single one decides.

use sweetspot_market::scenario::{Scenario, ScenarioError};

/// A scenario of a set: its name, the seed of its network of 1,200 nodes, and
/// its text. A text that names a network has that one, with the same seed.
type Entry = (&'static str, u64, &'static str);

/// A set of scenarios with networks, nodes and seeds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// The seeds of its networks; the first also keeps its nodes and seeds
    /// apart from other sets'.
    pub networks: &'static [u64],
    scenarios: &'static [Entry],
}

const TRAINING: &[Entry] = &[
    ("plain", 11, ""),
    ("plain b", 12, ""),
    ("plain c", 13, ""),
    ("quiet", 12, "rate = 0.1"),
    ("busy", 13, "rate = 3.0"),
    ("small", 11, "channels = 12"),
    ("large", 12, "channels = 100\nrate = 0.3"),
    (
        "drifting",
        13,
        "demand = { drift_sd = 1.0, drift_days = 20 }",
    ),
    (
        "shocked",
        11,
        "events = [{ day = 50, demand = 0.3 }, { day = 85, demand = 1.5 }]",
    ),
    ("reactive", 12, "rivals = { reaction = 0.1 }"),
    ("from 20 ppm", 12, "start_fee = { ppm = 20 }"),
    ("from 2000 ppm", 11, "start_fee = { ppm = 2000 }"),
];

const VALIDATION: &[Entry] = &[
    ("plain", 23, ""),
    ("plain b", 24, ""),
    ("plain c", 25, ""),
    ("quiet", 24, "rate = 0.15"),
    ("busy", 25, "rate = 2.0"),
    ("small", 23, "channels = 18"),
    ("large", 24, "channels = 80"),
    (
        "drifting",
        25,
        "demand = { drift_sd = 0.9, drift_days = 15 }",
    ),
    (
        "shocked",
        23,
        "events = [{ day = 45, demand = 1.8 }, { day = 80, demand = 0.4 }]",
    ),
    (
        "price war",
        24,
        "events = [{ day = 55, rivals = 0.6 }]\nrivals = { sd = 0.3, noise = 0.25 }",
    ),
    ("reactive", 25, "rivals = { reaction = 0.15 }"),
    (
        "flaky",
        23,
        "outages = { per_channel_year = 100, mean_hours = 8, node_per_year = 20 }",
    ),
    ("slow gossip", 24, "gossip_mean_secs = 3600"),
    ("uninformed", 25, "demand = { inbound_aware = 0.0 }"),
    ("from 60 ppm", 25, "start_fee = { ppm = 60 }"),
    ("from 600 ppm", 23, "start_fee = { ppm = 600 }"),
    ("from the graph", 24, "start_fee = \"graph\""),
];

const ADVERSARIAL: &[Entry] = &[
    ("silent", 37, "rate = 0.05"),
    (
        "flood",
        38,
        "rate = 20.0\nchannels = 20\ndays = 60\nwarm_up_days = 10",
    ),
    ("tiny", 39, "channels = 10"),
    (
        "giant",
        37,
        "network = { synthetic = { nodes = 4000, seed = 37 } }\nchannels = 500\nrate = 0.2\n\
         days = 60\nwarm_up_days = 10",
    ),
    ("from 1 ppm", 37, "start_fee = { ppm = 1 }"),
    ("from 5000 ppm", 38, "start_fee = { ppm = 5000 }"),
    ("fierce rivals", 39, "rivals = { reaction = 0.5 }"),
    (
        "wild rivals",
        37,
        "rivals = { sd = 0.6, days = 5, noise = 0.4 }",
    ),
    (
        "careless senders",
        38,
        "rivals = { reliability_weight = 0.3 }",
    ),
    (
        "careful senders",
        39,
        "rivals = { reliability_weight = 2.0 }",
    ),
    ("stale gossip", 37, "gossip_mean_secs = 21600"),
    (
        "blackouts",
        38,
        "outages = { per_channel_year = 200, mean_hours = 24, node_per_year = 100, \
         node_mean_hours = 6 }",
    ),
    ("dead wood", 39, "peers = { dead = 0.5 }"),
    ("one way", 37, "peers = { source = 0.35, sink = 0.35 }"),
    (
        "collapse",
        38,
        "events = [{ day = 40, demand = 0.1, rivals = 0.5 }, { day = 80, demand = 2, rivals = 2 }]",
    ),
    (
        "hanging",
        39,
        "htlcs = { hanging = 0.05, hanging_mean_hours = 24, downstream_failure = 0.6 }",
    ),
    ("churn", 37, "churn = { closes_per_channel_year = 4 }"),
    (
        "fickle",
        38,
        "demand = { cluster = 6, shock_shape = 0.15, drift_sd = 1.5, drift_days = 7 }",
    ),
];

/// The sets.
pub const SETS: [Set; 3] = [
    Set {
        name: "training",
        networks: &[11, 12, 13],
        scenarios: TRAINING,
    },
    Set {
        name: "validation",
        networks: &[23, 24, 25],
        scenarios: VALIDATION,
    },
    Set {
        name: "adversarial",
        networks: &[37, 38, 39],
        scenarios: ADVERSARIAL,
    },
];

/// How far the numbers of one network's nodes and seeds reach.
const SPAN: u64 = 1_000;

impl Set {
    /// A set by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SETS.iter().find(|set| set.name == name)
    }

    /// Its scenarios, by name.
    pub fn read(&self) -> Result<Vec<(String, Scenario)>, ScenarioError> {
        let read = |(name, seed, text): &Entry| {
            let text = match text.contains("network =") {
                true => (*text).to_owned(),
                false => {
                    format!("network = {{ synthetic = {{ nodes = 1200, seed = {seed} }} }}\n{text}")
                }
            };
            Ok(((*name).to_owned(), Scenario::parse(&text)?))
        };
        self.scenarios.iter().map(read).collect()
    }

    /// The first of its nodes' numbers, and of its seeds.
    pub fn first(&self) -> u64 {
        self.networks.first().copied().unwrap_or(0) * SPAN
    }
}

/// `count` numbers from `first` on.
pub fn numbers(first: u64, count: u32) -> Vec<u64> {
    (first..first.saturating_add(u64::from(count).min(SPAN))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use sweetspot_market::scenario::NetworkChoice;

    #[test]
    fn the_sets_share_no_network_node_or_seed() {
        let mut networks = BTreeSet::new();
        let mut all = BTreeSet::new();
        for set in SETS {
            for network in set.networks {
                assert!(networks.insert(network));
            }
            for number in numbers(set.first(), u32::MAX) {
                assert!(all.insert(number));
            }
            for (name, scenario) in set.read().expect(set.name) {
                let NetworkChoice::Synthetic { seed, .. } = scenario.network else {
                    panic!("{name} needs a file");
                };
                assert!(set.networks.contains(&seed), "{name}");
            }
        }
    }

    #[test]
    fn no_network_decides_a_set_alone() {
        for set in SETS {
            let scenarios = set.read().expect(set.name);
            for seed in set.networks {
                let on = scenarios.iter().filter(|(_, scenario)| {
                    matches!(scenario.network, NetworkChoice::Synthetic { seed: s, .. } if s == *seed)
                });
                let share = on.count() * 100 / scenarios.len();
                assert!((20..=45).contains(&share), "{} {seed}: {share} %", set.name);
            }
        }
    }

    #[test]
    fn a_sets_scenarios_differ_in_name_and_world() {
        for set in SETS {
            let read = set.read().expect(set.name);
            for (index, (name, scenario)) in read.iter().enumerate() {
                for (other_name, other) in &read[..index] {
                    assert!(name != other_name && scenario != other, "{name}");
                }
            }
        }
    }
}
