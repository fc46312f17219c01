//! The league's scenarios, in three sets that share no network, node or seed.
//!
//! Constants are tuned on the training set alone. The validation set is what
//! claims are made on. The adversarial set holds worlds at the edge: nothing is
//! tuned for them, and nobody need win them, but nobody may break.

use crate::sim::scenario::{Scenario, ScenarioError};

/// A set of scenarios with nodes and seeds of its own.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// The network's number; also keeps its nodes apart from other sets'.
    pub network: u64,
    /// Name and text of each scenario; a text without a network gets the set's
    /// own, of 1,200 nodes.
    pub scenarios: &'static [(&'static str, &'static str)],
}

const TRAINING: &[(&str, &str)] = &[
    ("plain", ""),
    ("quiet", "rate = 0.1"),
    ("busy", "rate = 3.0"),
    ("small", "channels = 12"),
    ("large", "channels = 100\nrate = 0.3"),
    ("drifting", "demand = { drift_sd = 1.0, drift_days = 20 }"),
    (
        "shocked",
        "events = [{ day = 50, demand = 0.3 }, { day = 85, demand = 1.5 }]",
    ),
    ("reactive", "rivals = { reaction = 0.1 }"),
    ("from 20 ppm", "start_fee = { ppm = 20 }"),
    ("from 2000 ppm", "start_fee = { ppm = 2000 }"),
];

const VALIDATION: &[(&str, &str)] = &[
    ("plain", ""),
    ("quiet", "rate = 0.15"),
    ("busy", "rate = 2.0"),
    ("small", "channels = 18"),
    ("large", "channels = 80"),
    ("drifting", "demand = { drift_sd = 0.9, drift_days = 15 }"),
    (
        "shocked",
        "events = [{ day = 45, demand = 1.8 }, { day = 80, demand = 0.4 }]",
    ),
    (
        "price war",
        "events = [{ day = 55, rivals = 0.6 }]\nrivals = { sd = 0.3, noise = 0.25 }",
    ),
    ("reactive", "rivals = { reaction = 0.15 }"),
    (
        "flaky",
        "outages = { per_channel_year = 100, mean_hours = 8, node_per_year = 20 }",
    ),
    ("slow gossip", "gossip_mean_secs = 3600"),
    ("uninformed", "demand = { inbound_aware = 0.0 }"),
    ("from 60 ppm", "start_fee = { ppm = 60 }"),
    ("from 600 ppm", "start_fee = { ppm = 600 }"),
    ("from the graph", "start_fee = \"graph\""),
];

const ADVERSARIAL: &[(&str, &str)] = &[
    ("silent", "rate = 0.05"),
    (
        "flood",
        "rate = 20.0\nchannels = 20\ndays = 60\nwarm_up_days = 10",
    ),
    ("tiny", "channels = 10"),
    (
        "giant",
        "network = { synthetic = { nodes = 4000, seed = 37 } }\nchannels = 500\nrate = 0.2\n\
         days = 60\nwarm_up_days = 10",
    ),
    ("from 1 ppm", "start_fee = { ppm = 1 }"),
    ("from 5000 ppm", "start_fee = { ppm = 5000 }"),
    ("fierce rivals", "rivals = { reaction = 0.5 }"),
    (
        "wild rivals",
        "rivals = { sd = 0.6, days = 5, noise = 0.4 }",
    ),
    ("careless senders", "rivals = { reliability_weight = 0.3 }"),
    ("careful senders", "rivals = { reliability_weight = 2.0 }"),
    ("stale gossip", "gossip_mean_secs = 21600"),
    (
        "blackouts",
        "outages = { per_channel_year = 200, mean_hours = 24, node_per_year = 100, \
         node_mean_hours = 6 }",
    ),
    ("dead wood", "peers = { dead = 0.5 }"),
    ("one way", "peers = { source = 0.35, sink = 0.35 }"),
    (
        "collapse",
        "events = [{ day = 40, demand = 0.1, rivals = 0.5 }, { day = 80, demand = 2, rivals = 2 }]",
    ),
    (
        "hanging",
        "htlcs = { hanging = 0.05, hanging_mean_hours = 24, downstream_failure = 0.6 }",
    ),
    ("churn", "churn = { closes_per_channel_year = 4 }"),
    (
        "fickle",
        "demand = { cluster = 6, shock_shape = 0.15, drift_sd = 1.5, drift_days = 7 }",
    ),
];

/// The sets.
pub const SETS: [Set; 3] = [
    Set {
        name: "training",
        network: 11,
        scenarios: TRAINING,
    },
    Set {
        name: "validation",
        network: 23,
        scenarios: VALIDATION,
    },
    Set {
        name: "adversarial",
        network: 37,
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
        let read = |(name, text): &(&str, &str)| {
            let text = match text.contains("network =") {
                true => (*text).to_owned(),
                false => {
                    let seed = self.network;
                    format!("network = {{ synthetic = {{ nodes = 1200, seed = {seed} }} }}\n{text}")
                }
            };
            Ok(((*name).to_owned(), Scenario::parse(&text)?))
        };
        self.scenarios.iter().map(read).collect()
    }

    /// The first of its nodes' numbers, and of its seeds.
    pub fn first(&self) -> u64 {
        self.network * SPAN
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
    use crate::sim::scenario::NetworkChoice;

    #[test]
    fn the_sets_share_no_network_node_or_seed() {
        let mut networks = BTreeSet::new();
        let mut all = BTreeSet::new();
        for set in SETS {
            assert!(networks.insert(set.network));
            for number in numbers(set.first(), u32::MAX) {
                assert!(all.insert(number));
            }
            for (name, scenario) in set.read().expect(set.name) {
                let NetworkChoice::Synthetic { seed, .. } = scenario.network else {
                    panic!("{name} needs a file");
                };
                assert_eq!(seed, set.network, "{name}");
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
