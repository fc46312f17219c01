//! What world to simulate: a TOML file, or one of the built-in names.
//!
//! Every key has a default, the standard world; a scenario says only where it
//! differs from it.

pub mod attack;
mod built_in;
mod check;
mod standard;

use std::path::PathBuf;

use serde::Deserialize;

use crate::math;
use attack::AttackRules;

pub use built_in::BUILT_IN;

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
    /// Factor on the fees of every other node.
    pub fee_scale: f64,
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
    /// Forwards per channel-day if every channel were liquid at 200 ppm times
    /// `fee_scale`; what settles is less.
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
    /// Whether the node sells at its start fees until the warm-up ends, and only
    /// then a policy takes over, with the forwards of that time as its history.
    pub take_over: bool,
    /// Somebody who means us harm.
    pub attack: Option<AttackRules>,
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
    /// The median amount, in sat; amounts are log-normal.
    pub amount_median_sat: f64,
    /// Standard deviation of the amount's natural logarithm.
    pub amount_ln_sd: f64,
    /// The share of tiny payments, around 1,500 sat (ln-sd 1.6).
    pub tiny: f64,
    /// Payments per session, mean.
    pub cluster: f64,
    /// Seconds between payments of a session, mean.
    pub cluster_gap_secs: f64,
    /// Whether each session is a stream: one amount, again and again, at equal intervals.
    pub regular: bool,
    /// Shape of the Gamma factor on all demand, drawn anew every six hours; 0
    /// means none.
    pub shock_shape: f64,
    /// The same for each receiver's own factor.
    pub receiver_shock_shape: f64,
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
    /// Standard deviation of the log-cost of the ways to us and from us over
    /// each peer (Ornstein-Uhlenbeck).
    pub peers_sd: f64,
    /// The correlation time of both, in days.
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

impl Scenario {
    /// How far a rival's log-cost can rise above the graph's: three standard
    /// deviations of all its noises, and every event's factor.
    pub fn largest_rise(&self) -> f64 {
        let rivals = &self.rivals;
        let noises = [rivals.sd, rivals.noise, rivals.peers_sd];
        let variance: f64 = noises.iter().map(|sd| sd * sd).sum();
        let of_events = self.events.iter().map(|event| math::ln(event.rivals));
        3.0 * variance.sqrt() + of_events.fold(0.0, f64::max)
    }

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
}

#[cfg(test)]
mod tests;
