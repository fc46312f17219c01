//! What world to simulate: a TOML file, or one of the built-in names.
//!
//! Every key has a default, the standard world; a scenario says only where it
//! differs from it.

use std::path::PathBuf;

use serde::Deserialize;

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, an unknown key or a wrong type.
    #[error("the scenario cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value outside its range.
    #[error("the scenario's `{key}` is {value}; it must be {must}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it says.
        value: f64,
        /// What it must be.
        must: &'static str,
    },
    /// No built-in scenario has this name.
    #[error("no built-in scenario is called `{name}`; there are: {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// A world and how long to run it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// The public graph around the node.
    pub network: NetworkChoice,
    /// Which of the network's nodes is ours: any number names one.
    pub node: u64,
    /// Channels open at the start.
    pub channels: usize,
    /// Seeds everything that happens; `node` and the network stay the same.
    pub seed: u64,
    /// The start of the simulated time, in Unix seconds.
    pub start_secs: i64,
    /// Simulated days.
    pub days: f64,
    /// Days at the start that no metric counts.
    pub warm_up_days: f64,
    /// Forwards per channel-day if every channel were liquid at 200 ppm; what
    /// settles is less.
    pub rate: f64,
    /// Factor on our channels' capacities.
    pub scale: f64,
    /// The outbound rate at the start and of new channels.
    pub start_fee: StartFee,
    /// The base fee at the start and of new channels, in msat.
    pub start_base_fee_msat: u32,
    /// Shares of peers of each kind; the rest are ordinary.
    pub peers: PeerMix,
    /// Payments.
    pub demand: DemandRules,
    /// Competing routes.
    pub rivals: RivalRules,
    /// HTLCs.
    pub htlcs: HtlcRules,
    /// Mean time before a sender knows a new policy, in seconds.
    pub gossip_mean_secs: f64,
    /// Opens and closes.
    pub churn: ChurnRules,
    /// Peers and the node offline.
    pub outages: OutageRules,
    /// Lasting changes of the market at given days.
    pub events: Vec<MarketEvent>,
}

/// Where the public graph comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum NetworkChoice {
    /// Generated, with this many nodes.
    Synthetic {
        /// Nodes.
        nodes: usize,
        /// Seeds the graph.
        seed: u64,
    },
    /// A file: `lncli describegraph` JSON or edge CSV, gzipped or plain.
    File(PathBuf),
}

/// A channel's first outbound rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum StartFee {
    /// This many ppm everywhere.
    Ppm(u32),
    /// What the graph's own node charges there.
    Graph,
}

/// Shares of peers, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerMix {
    /// Heavy senders.
    pub source: f64,
    /// Heavy receivers.
    pub sink: f64,
    /// Peers with a channel of 100,000 to 400,000 sat.
    pub small: f64,
    /// Peers no route leads over.
    pub dead: f64,
    /// Peers with an unannounced channel to us alone.
    pub private: f64,
    /// Channels doubled by a second one to the same peer.
    pub parallel: f64,
}

/// Payments.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DemandRules {
    /// Mean of the natural logarithm of the amount in sat.
    pub amount_ln_mean: f64,
    /// Standard deviation of the same.
    pub amount_ln_sd: f64,
    /// Payments per session, mean.
    pub cluster: f64,
    /// Seconds between payments of a session, mean.
    pub cluster_gap_secs: f64,
    /// Shape of the Gamma factor on each receiver's demand, drawn anew every
    /// six hours; 0 means none.
    pub shock_shape: f64,
    /// Standard deviation of the slow drift of each party's log-popularity.
    pub drift_sd: f64,
    /// Its correlation time, in days.
    pub drift_days: f64,
    /// Amplitude of the daily rhythm, 0 to 1.
    pub rhythm: f64,
    /// What a sender bears at most, all costs counted, in ppm (and 50 sat).
    pub budget_ppm: f64,
    /// The share of senders that sees inbound discounts.
    pub inbound_aware: f64,
}

/// Competing routes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RivalRules {
    /// Standard deviation of rivals' log-cost per receiver (Ornstein-Uhlenbeck).
    pub sd: f64,
    /// Its correlation time, in days.
    pub days: f64,
    /// Standard deviation of the log-noise in each payment's comparison.
    pub noise: f64,
    /// How strongly rivals undercut when they lose traffic to us; 0 means not.
    pub reaction: f64,
    /// How much senders weigh reliability against fees.
    pub reliability_weight: f64,
}

/// HTLCs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HtlcRules {
    /// How long one is pending, mean, in seconds.
    pub hold_mean_secs: f64,
    /// The share that hangs.
    pub hanging: f64,
    /// How long those are pending, mean, in hours.
    pub hanging_mean_hours: f64,
    /// The share of accepted HTLCs that fails further on.
    pub downstream_failure: f64,
}

/// Opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChurnRules {
    /// Closes per channel-year; each is followed by an open elsewhere.
    pub closes_per_channel_year: f64,
    /// Days from a close to the next open, mean.
    pub reopen_mean_days: f64,
    /// The share of opens that are zero-conf, known by an alias.
    pub zero_conf: f64,
    /// The share of opens that fail to fund or are abandoned.
    pub failed: f64,
}

/// Peers and the node offline.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutageRules {
    /// Per channel and year.
    pub per_channel_year: f64,
    /// Hours each, mean.
    pub mean_hours: f64,
    /// Of our own node, per year.
    pub node_per_year: f64,
    /// Hours each, mean.
    pub node_mean_hours: f64,
}

/// A lasting change of the market.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketEvent {
    /// When, in days from the start.
    pub day: f64,
    /// Factor on demand from then on.
    #[serde(default = "one")]
    pub demand: f64,
    /// Factor on rivals' costs from then on.
    #[serde(default = "one")]
    pub rivals: f64,
}

fn one() -> f64 {
    1.0
}

/// 2026-01-01T00:00:00Z.
const START_SECS: i64 = 1_767_225_600;

impl Default for Scenario {
    fn default() -> Self {
        Self {
            network: NetworkChoice::Synthetic {
                nodes: 1_200,
                seed: 1,
            },
            node: 1,
            channels: 40,
            seed: 1,
            start_secs: START_SECS,
            days: 120.0,
            warm_up_days: 20.0,
            rate: 0.5,
            scale: 1.0,
            start_fee: StartFee::Ppm(200),
            start_base_fee_msat: 0,
            peers: PeerMix::default(),
            demand: DemandRules::default(),
            rivals: RivalRules::default(),
            htlcs: HtlcRules::default(),
            gossip_mean_secs: 300.0,
            churn: ChurnRules::default(),
            outages: OutageRules::default(),
            events: vec![],
        }
    }
}

impl Default for PeerMix {
    fn default() -> Self {
        Self {
            source: 0.08,
            sink: 0.08,
            small: 0.08,
            dead: 0.08,
            private: 0.04,
            parallel: 0.04,
        }
    }
}

impl Default for DemandRules {
    fn default() -> Self {
        Self {
            amount_ln_mean: 10.38,
            amount_ln_sd: 1.92,
            cluster: 2.2,
            cluster_gap_secs: 20.0,
            shock_shape: 0.35,
            drift_sd: 0.5,
            drift_days: 30.0,
            rhythm: 0.4,
            budget_ppm: 5_000.0,
            inbound_aware: 0.5,
        }
    }
}

impl Default for RivalRules {
    fn default() -> Self {
        Self {
            sd: 0.2,
            days: 15.0,
            noise: 0.15,
            reaction: 0.0,
            reliability_weight: 1.0,
        }
    }
}

impl Default for HtlcRules {
    fn default() -> Self {
        Self {
            hold_mean_secs: 6.0,
            hanging: 0.005,
            hanging_mean_hours: 6.0,
            downstream_failure: 0.3,
        }
    }
}

impl Default for ChurnRules {
    fn default() -> Self {
        Self {
            closes_per_channel_year: 0.87,
            reopen_mean_days: 3.0,
            zero_conf: 0.1,
            failed: 0.05,
        }
    }
}

impl Default for OutageRules {
    fn default() -> Self {
        Self {
            per_channel_year: 12.0,
            mean_hours: 4.0,
            node_per_year: 2.0,
            node_mean_hours: 1.0,
        }
    }
}

/// The built-in scenarios: name and text.
pub const BUILT_IN: [(&str, &str); 13] = [
    ("standard", ""),
    ("quiet", "rate = 0.1"),
    ("busy", "rate = 3.0"),
    ("small-node", "channels = 12"),
    ("hub", "channels = 150"),
    ("drifting", "demand = { drift_sd = 1.0, drift_days = 20 }"),
    (
        "demand-shock",
        "events = [{ day = 50, demand = 0.3 }, { day = 85, demand = 1.5 }]",
    ),
    (
        "price-war",
        "events = [{ day = 50, rivals = 0.6 }]\nrivals = { sd = 0.3, noise = 0.3 }",
    ),
    ("reactive-rivals", "rivals = { reaction = 0.1 }"),
    ("no-bursts", "demand = { cluster = 1.0, shock_shape = 0.0 }"),
    ("uninformed-senders", "demand = { inbound_aware = 0.0 }"),
    ("slow-gossip", "gossip_mean_secs = 3600"),
    (
        "flaky",
        "outages = { per_channel_year = 100, mean_hours = 8, node_per_year = 20 }",
    ),
];

impl Scenario {
    /// Reads a scenario file's text.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// A built-in scenario.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => Err(ScenarioError::Unknown {
                name: name.to_owned(),
                known: BUILT_IN.map(|(known, _)| known).join(", "),
            }),
        }
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let shares = [
            ("peers.source", self.peers.source),
            ("peers.sink", self.peers.sink),
            ("peers.small", self.peers.small),
            ("peers.dead", self.peers.dead),
            ("peers.private", self.peers.private),
            ("peers.parallel", self.peers.parallel),
            ("demand.rhythm", self.demand.rhythm),
            ("demand.inbound_aware", self.demand.inbound_aware),
            ("htlcs.hanging", self.htlcs.hanging),
            ("htlcs.downstream_failure", self.htlcs.downstream_failure),
            ("churn.zero_conf", self.churn.zero_conf),
            ("churn.failed", self.churn.failed),
        ];
        let amounts = [
            ("days", self.days),
            ("warm_up_days", self.warm_up_days),
            ("rate", self.rate),
            ("gossip_mean_secs", self.gossip_mean_secs),
            ("demand.amount_ln_mean", self.demand.amount_ln_mean),
            ("demand.amount_ln_sd", self.demand.amount_ln_sd),
            ("demand.cluster_gap_secs", self.demand.cluster_gap_secs),
            ("demand.shock_shape", self.demand.shock_shape),
            ("demand.drift_sd", self.demand.drift_sd),
            ("demand.budget_ppm", self.demand.budget_ppm),
            ("rivals.sd", self.rivals.sd),
            ("rivals.noise", self.rivals.noise),
            ("rivals.reaction", self.rivals.reaction),
            ("rivals.reliability_weight", self.rivals.reliability_weight),
            ("htlcs.hold_mean_secs", self.htlcs.hold_mean_secs),
            ("htlcs.hanging_mean_hours", self.htlcs.hanging_mean_hours),
            (
                "churn.closes_per_channel_year",
                self.churn.closes_per_channel_year,
            ),
            ("churn.reopen_mean_days", self.churn.reopen_mean_days),
            ("outages.per_channel_year", self.outages.per_channel_year),
            ("outages.mean_hours", self.outages.mean_hours),
            ("outages.node_per_year", self.outages.node_per_year),
            ("outages.node_mean_hours", self.outages.node_mean_hours),
        ];
        let positive = [
            ("scale", self.scale),
            ("demand.drift_days", self.demand.drift_days),
            ("rivals.days", self.rivals.days),
            ("demand.cluster", self.demand.cluster),
            ("channels", super::math::count(self.channels)),
        ];
        let of_events = self
            .events
            .iter()
            .flat_map(|e| [("events.demand", e.demand), ("events.rivals", e.rivals)]);
        within(shares, "from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
        within(amounts, "0 to 1,000,000", |v| (0.0..=1e6).contains(&v))?;
        within(positive, "above 0, at most 1,000,000", |v| {
            v > 0.0 && v <= 1e6
        })?;
        within(of_events, "from 0.01 to 100", |v| {
            (0.01..=100.0).contains(&v)
        })
    }
}

fn within(
    values: impl IntoIterator<Item = (&'static str, f64)>,
    must: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<(), ScenarioError> {
    match values.into_iter().find(|(_, value)| !holds(*value)) {
        Some((key, value)) => Err(ScenarioError::Range { key, value, must }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_reads_and_differs_from_the_standard() {
        for (name, _) in BUILT_IN {
            let scenario = Scenario::named(name).expect(name);
            assert_eq!(scenario == Scenario::default(), name == "standard");
        }
        let unknown = Scenario::named("calm").expect_err("no such scenario");
        assert!(unknown.to_string().contains("reactive-rivals"));
    }

    #[test]
    fn an_unknown_key_and_a_value_out_of_range_are_refused() {
        let unknown = Scenario::parse("ratee = 1.0").expect_err("unknown key");
        assert!(unknown.to_string().contains("ratee"));
        for (text, key) in [
            ("peers = { dead = 1.5 }", "peers.dead"),
            ("scale = 0.0", "scale"),
            ("rate = nan", "rate"),
            ("channels = 0", "channels"),
            ("events = [{ day = 1, demand = 0.0 }]", "events.demand"),
        ] {
            let fault = Scenario::parse(text).expect_err(text).to_string();
            assert!(fault.contains(key), "{fault}");
        }
    }

    #[test]
    fn a_network_is_generated_or_a_file() {
        let read = |text| Scenario::parse(text).map(|s| s.network).ok();
        assert_eq!(
            read("network = { file = \"graph.json\" }"),
            Some(NetworkChoice::File("graph.json".into()))
        );
        assert_eq!(
            read("network = { synthetic = { nodes = 300, seed = 4 } }"),
            Some(NetworkChoice::Synthetic {
                nodes: 300,
                seed: 4
            })
        );
    }
}
