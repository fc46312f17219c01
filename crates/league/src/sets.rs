//! The league's scenarios, in sets that share no network, node or seed.
//!
//! Constants are tuned on the training set alone. The validation set is what
//! claims are made on. The worlds set plays the same constants where other nodes'
//! fees, the traffic or the node's size are far from those they were tuned at.
//! The take-overs set begins with small nodes that somebody else has priced. The
//! adversarial set holds worlds at the edge, attacks among them: nothing is tuned
//! for them, and nobody need win them, but nobody may break.
//!
//! The best level of price differs much from network to network, so each set has
//! several, and no single one decides. Scenarios of one name are one scenario in
//! several worlds: its nodes are dealt out among them in turn.

use sweetspot_market::scenario::{Scenario, ScenarioError};

/// A scenario of a set: its name, the seeds of its networks of 1,200 nodes, and
/// its text. A text that names a network has that one, with the same seed.
/// Entries of one name, one after the other, are one scenario, as is one on
/// several networks: its nodes are dealt out among all of these in turn.
type Entry = (&'static str, &'static [u64], &'static str);

const ALL_ADVERSARIAL: &[u64] = &[37, 38, 39];
const ALL_WORLDS: &[u64] = &[51, 52, 53];

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
    ("plain", &[11], ""),
    ("plain b", &[12], ""),
    ("plain c", &[13], ""),
    ("quiet", &[12], "rate = 0.1"),
    ("busy", &[13], "rate = 3.0"),
    ("small", &[11], "channels = 12"),
    ("large", &[12], "channels = 100\nrate = 0.3"),
    (
        "drifting",
        &[13],
        "demand = { drift_sd = 1.0, drift_days = 20 }",
    ),
    (
        "shocked",
        &[11],
        "events = [{ day = 50, demand = 0.3 }, { day = 85, demand = 1.5 }]",
    ),
    ("reactive", &[12], "rivals = { reaction = 0.1 }"),
    ("from 20 ppm", &[12], "start_fee = { ppm = 20 }"),
    ("from 2000 ppm", &[11], "start_fee = { ppm = 2000 }"),
];

const VALIDATION: &[Entry] = &[
    ("plain", &[23], ""),
    ("plain b", &[24], ""),
    ("plain c", &[25], ""),
    ("quiet", &[24], "rate = 0.15"),
    ("busy", &[25], "rate = 2.0"),
    ("small", &[23], "channels = 18"),
    ("large", &[24], "channels = 80"),
    (
        "drifting",
        &[25],
        "demand = { drift_sd = 0.9, drift_days = 15 }",
    ),
    (
        "shocked",
        &[23],
        "events = [{ day = 45, demand = 1.8 }, { day = 80, demand = 0.4 }]",
    ),
    (
        "price war",
        &[24],
        "events = [{ day = 55, rivals = 0.6 }]\nrivals = { sd = 0.3, noise = 0.25 }",
    ),
    ("reactive", &[25], "rivals = { reaction = 0.15 }"),
    (
        "flaky",
        &[23],
        "outages = { per_channel_year = 100, mean_hours = 8, node_per_year = 20 }",
    ),
    ("slow gossip", &[24], "gossip_mean_secs = 3600"),
    ("uninformed", &[25], "demand = { inbound_aware = 0.0 }"),
    ("from 60 ppm", &[25], "start_fee = { ppm = 60 }"),
    ("from 600 ppm", &[23], "start_fee = { ppm = 600 }"),
    ("from the graph", &[24], "start_fee = \"graph\""),
];

const ADVERSARIAL: &[Entry] = &[
    ("silent", &[37], "rate = 0.05"),
    (
        "flood",
        &[38],
        "rate = 20.0\nchannels = 20\ndays = 60\nwarm_up_days = 10",
    ),
    ("tiny", &[39], "channels = 10"),
    (
        "giant",
        &[37],
        "network = { synthetic = { nodes = 4000, seed = 37 } }\nchannels = 500\nrate = 0.2\n\
         days = 60\nwarm_up_days = 10",
    ),
    ("from 1 ppm", &[37], "start_fee = { ppm = 1 }"),
    ("from 5000 ppm", &[38], "start_fee = { ppm = 5000 }"),
    ("fierce rivals", &[39], "rivals = { reaction = 0.5 }"),
    (
        "wild rivals",
        &[37],
        "rivals = { sd = 0.6, days = 5, noise = 0.4 }",
    ),
    (
        "careless senders",
        &[38],
        "rivals = { reliability_weight = 0.3 }",
    ),
    (
        "careful senders",
        &[39],
        "rivals = { reliability_weight = 2.0 }",
    ),
    ("stale gossip", &[37], "gossip_mean_secs = 21600"),
    (
        "blackouts",
        &[38],
        "outages = { per_channel_year = 200, mean_hours = 24, node_per_year = 100, \
         node_mean_hours = 6 }",
    ),
    ("dead wood", &[39], "peers = { dead = 0.5 }"),
    ("one way", &[37], "peers = { source = 0.35, sink = 0.35 }"),
    (
        "collapse",
        &[38],
        "events = [{ day = 40, demand = 0.1, rivals = 0.5 }, { day = 80, demand = 2, rivals = 2 }]",
    ),
    (
        "hanging",
        &[39],
        "htlcs = { hanging = 0.05, hanging_mean_hours = 24, downstream_failure = 0.6 }",
    ),
    ("churn", &[37], "churn = { closes_per_channel_year = 4 }"),
    (
        "fickle",
        &[38],
        "demand = { cluster = 6, shock_shape = 0.15, drift_sd = 1.5, drift_days = 7 }",
    ),
    // 60 days of one attack, which `attacks` pairs with the same world in peace.
    (
        "keep-alive dust",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"dust\", every_secs = 100, targets = 3 }",
    ),
    (
        "mean poisoning",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"dust\", every_secs = 30 }",
    ),
    (
        "wash",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"wash\", every_secs = 14400, amount_sat = 100000 }",
    ),
    (
        "hanging HTLCs",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"hang\", every_secs = 3600, amount_sat = 10000000, \
         hold_secs = 43200, targets = 5 }",
    ),
    (
        "probing",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"probe\", every_secs = 600, amount_sat = 10000000, \
         hold_secs = 2, targets = 10 }",
    ),
    (
        "flapping peers",
        ALL_ADVERSARIAL,
        "days = 80\nattack = { kind = \"flap\", every_secs = 1800, hold_secs = 1500, targets = 3 }",
    ),
];

/// Worlds that are alike but for what their names say. Their channels are all
/// announced: what unannounced ones pay is another market, and would hide what
/// the price level does in this one.
const WORLDS: &[Entry] = &[
    (
        "fees x0.3",
        ALL_WORLDS,
        "fee_scale = 0.3\npeers = { private = 0 }",
    ),
    (
        "fees x0.45",
        ALL_WORLDS,
        "fee_scale = 0.45\npeers = { private = 0 }",
    ),
    ("fees x1", ALL_WORLDS, "peers = { private = 0 }"),
    (
        "fees x2.2",
        ALL_WORLDS,
        "fee_scale = 2.2\npeers = { private = 0 }",
    ),
    (
        "fees x3",
        ALL_WORLDS,
        "fee_scale = 3.0\npeers = { private = 0 }",
    ),
    // So much traffic takes small payments and large channels. The names say
    // about how many forwards a day each channel settles.
    (
        "200 a day",
        ALL_WORLDS,
        "rate = 400\nchannels = 12\nscale = 10\ndays = 40\nwarm_up_days = 10\n\
         demand = { amount_median_sat = 10000 }\npeers = { private = 0 }",
    ),
    (
        "1000 a day",
        ALL_WORLDS,
        "rate = 4500\nchannels = 8\nscale = 100\ndays = 8\nwarm_up_days = 2\n\
         demand = { amount_median_sat = 2000 }\npeers = { private = 0 }",
    ),
    (
        "3000 a day",
        ALL_WORLDS,
        "rate = 9000\nchannels = 6\nscale = 300\ndays = 6\nwarm_up_days = 1\n\
         demand = { amount_median_sat = 2000 }\npeers = { private = 0 }",
    ),
    // Wages and meters that are paid by the minute: an hour's stream of payments of
    // 800 sat each, so much of them as the plain world has of ordinary ones in sat.
    (
        "streams",
        ALL_WORLDS,
        "rate = 60\nchannels = 12\ndays = 40\nwarm_up_days = 10\npeers = { private = 0 }\n\
         demand = { amount_median_sat = 800, amount_ln_sd = 0.7, tiny = 0, cluster = 60, \
         cluster_gap_secs = 60, regular = true, shock_shape = 0, rhythm = 0.2 }",
    ),
    ("small", &[51], "channels = 8\npeers = { private = 0 }"),
    ("small", &[52], "channels = 12\npeers = { private = 0 }"),
    ("small", &[53], "channels = 15\npeers = { private = 0 }"),
];

/// A small node that a policy takes over after two months: enough history for any
/// policy, and a month to judge it by.
macro_rules! take_over {
    ($channels:literal, $start:literal) => {
        concat!(
            "take_over = true\ndays = 90\nwarm_up_days = 60\npeers = { private = 0 }\n",
            "channels = ",
            $channels,
            "\nstart_fee = ",
            $start
        )
    };
}

const TAKE_OVERS: &[Entry] = &[
    ("from 200 ppm", &[61], take_over!(8, "{ ppm = 200 }")),
    ("from 200 ppm", &[62], take_over!(12, "{ ppm = 200 }")),
    ("from 200 ppm", &[63], take_over!(15, "{ ppm = 200 }")),
    ("from 200 ppm", &[61], take_over!(14, "{ ppm = 200 }")),
    ("from 200 ppm", &[62], take_over!(9, "{ ppm = 200 }")),
    ("from 200 ppm", &[63], take_over!(11, "{ ppm = 200 }")),
    ("from the graph's fees", &[61], take_over!(8, "\"graph\"")),
    ("from the graph's fees", &[62], take_over!(12, "\"graph\"")),
    ("from the graph's fees", &[63], take_over!(15, "\"graph\"")),
    ("from the graph's fees", &[61], take_over!(14, "\"graph\"")),
    ("from the graph's fees", &[62], take_over!(9, "\"graph\"")),
    ("from the graph's fees", &[63], take_over!(11, "\"graph\"")),
];

/// The sets.
pub const SETS: [Set; 5] = [
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
        name: "worlds",
        networks: ALL_WORLDS,
        scenarios: WORLDS,
    },
    Set {
        name: "take-overs",
        networks: &[61, 62, 63],
        scenarios: TAKE_OVERS,
    },
    Set {
        name: "adversarial",
        networks: ALL_ADVERSARIAL,
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

    /// Its scenarios, by name; one on several networks once for each.
    pub fn read(&self) -> Result<Vec<(String, Scenario)>, ScenarioError> {
        let mut read = vec![];
        for (name, networks, text) in self.scenarios {
            for seed in *networks {
                let network = match text.contains("network =") {
                    true => String::new(),
                    false => {
                        format!("network = {{ synthetic = {{ nodes = 1200, seed = {seed} }} }}\n")
                    }
                };
                let scenario = Scenario::parse(&format!("{network}{text}"))?;
                read.push(((*name).to_owned(), scenario));
            }
        }
        Ok(read)
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
    fn a_sets_scenarios_differ_in_world_and_those_of_one_name_stand_together() {
        for set in SETS {
            let read = set.read().expect(set.name);
            let mut names: Vec<&String> = read.iter().map(|(name, _)| name).collect();
            names.dedup();
            let distinct: BTreeSet<&&String> = names.iter().collect();
            assert_eq!(distinct.len(), names.len(), "{}", set.name);
            for (index, (name, scenario)) in read.iter().enumerate() {
                let mut others = read[..index].iter();
                assert!(others.all(|(_, other)| scenario != other), "{name}");
            }
        }
    }

    #[test]
    fn prices_busy_nodes_and_small_ones_have_worlds_of_announced_channels() {
        let worlds = Set::named("worlds").expect("a set").read().expect("reads");
        let mut scales: Vec<f64> = worlds.iter().map(|(_, s)| s.fee_scale).collect();
        scales.dedup();
        assert_eq!(scales, [0.3, 0.45, 1.0, 2.2, 3.0, 1.0]);
        assert!(worlds.iter().all(|(_, s)| s.peers.private == 0.0));
        let small = worlds.iter().filter(|(name, _)| name == "small");
        let sizes: Vec<usize> = small.map(|(_, s)| s.channels).collect();
        assert_eq!(sizes, [8, 12, 15]);
    }
}
