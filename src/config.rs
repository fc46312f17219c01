//! The settings file: TOML in, validated settings or every fault out.
//!
//! The document is walked key by key rather than given to serde, which stops
//! at the first fault and knows no rules between keys.

mod alarm;
mod chain_fees;
mod diff;
mod fault;
mod file;
mod keys;
mod layers;
mod ledger;
mod lndconnect;
mod node;
mod nodes;
mod own_nodes;
mod reader;
mod schedules;
mod values;
mod web;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;
use toml::de::DeValue;

pub use alarm::Alarms;
pub use chain_fees::ChainFeeSettings;
pub use fault::{ConfigError, Fault};
pub use file::SettingsFile;
pub use ledger::LedgerSettings;
pub use node::{Macaroon, NodeConnection, Tls};
pub use own_nodes::OwnDatabase;
pub use web::WebSettings;

use nodes::{For, NamedNode, own_nodes_of};
use reader::{Reader, Section};
use sweetspot_core::settings::keys::Layer;
use sweetspot_core::settings::keys::channel::ChannelLayer;
use sweetspot_core::settings::keys::node::{BudgetLayer, InboundLayer, RhythmLayer};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::NodeSettings;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::time::Timestamp;

/// The most that is read of a settings file: thousands of channels fit.
const MOST_BYTES: u64 = 1 << 20;

const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_BACKFILL: Duration = DAY.saturating_mul(90);
/// Ten years of 365.25 days.
const LONGEST_BACKFILL: Duration = Duration::from_secs(315_576_000);

/// Everything the settings file says.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the operator calls the node; `None` for `[node]`.
    pub name: Option<String>,
    /// What all nodes of the file are called.
    pub names: Vec<String>,
    /// Which node must answer; `None` takes any.
    pub pubkey: Option<PeerId>,
    /// How to reach the node.
    pub node: NodeConnection,
    /// The database.
    pub store: PathBuf,
    /// What the database is to take at most, in bytes.
    pub store_most_bytes: Option<u64>,
    /// How much forwarding history a first start reads.
    pub backfill: Duration,
    /// When the daily report is made.
    pub report: DailyReport,
    /// What the operator is called for, and how.
    pub alarms: Alarms,
    /// What beside forwards is kept book of.
    pub ledger: LedgerSettings,
    /// Where the operator's other nodes have their databases.
    pub own_databases: Vec<OwnDatabase>,
    /// What on-chain fees are like.
    pub chain_fees: ChainFeeSettings,
    /// Where the page and the metrics are served: those of the first node of several.
    pub web: WebSettings,
    /// What holds for the node and for each channel.
    pub book: SettingsLayers,
    keys: diff::Keys,
    section: String,
}

/// When the daily report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyReport {
    /// The time of day ...
    pub time: NaiveTime,
    /// ... on this clock.
    pub zone: Tz,
}

impl DailyReport {
    /// Whether the time of day has come between the `last` report and `now`.
    pub fn is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        let day = |at: Timestamp| {
            let local = at.utc().with_timezone(&self.zone).naive_local();
            local - self.time.signed_duration_since(NaiveTime::MIN)
        };
        last.is_none_or(|last| day(last).date() != day(now).date())
    }
}

impl Config {
    /// Reads and checks the settings file at `path`, which has one node.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        one_of(Self::load_all(path)?, path, None)
    }

    /// Reads and checks the settings file at `path`: what it says for each node.
    pub fn load_all(path: &Path) -> Result<Vec<Self>, ConfigError> {
        let text = read(path)?;
        let parsed = Self::parse_all(&text, std::env::home_dir().as_deref());
        parsed.map_err(|faults| ConfigError::Faulty {
            path: path.to_owned(),
            faults,
        })
    }

    /// Checks settings in TOML; `~/` in a path is `home`. Of several nodes, those of the
    /// first.
    pub fn parse(text: &str, home: Option<&Path>) -> Result<Self, Vec<Fault>> {
        let mut all = Self::parse_all(text, home)?;
        Ok(all.swap_remove(0))
    }

    /// Checks settings in TOML: what they say for each node, of which there is at least
    /// one.
    pub fn parse_all(text: &str, home: Option<&Path>) -> Result<Vec<Self>, Vec<Fault>> {
        let (mut reader, mut root) = Reader::parse(text);
        let r = &mut reader;
        let nodes = nodes::nodes(r, &mut root, home);
        let names = nodes.iter().filter_map(|node| node.name.clone());
        let names: Vec<String> = names.collect();
        let store = root.section(r, "store");
        let (store, store_most_bytes) = node::store(r, store, !names.is_empty(), home);
        let history = root.section(r, "history");
        let backfill = read_backfill(r, history);
        let report = root.section(r, "report");
        let report = read_report(r, report);
        let alarms = root.section(r, "alarm");
        let alarms = alarm::alarms(r, alarms, home);
        let web = root.section(r, "web");
        let web = web::web(r, web, home);

        let own_nodes = root.sections(r, "own_node");
        let own_nodes = own_nodes::own_nodes(r, own_nodes, home);
        let ledger = root.section(r, "ledger");
        let ledger = ledger::ledger(r, ledger);
        let chain_fees = root.section(r, "chain_fees");
        let chain_fees = chain_fees::chain_fees(r, chain_fees);
        let prune = root.section(r, "prune");
        let keep_small = read_keep_small(r, prune);
        let settings = read_node_settings(r, &mut root);
        let defaults = root.section(r, "defaults");
        let defaults = keys::layer(r, defaults, &ChannelLayer::default());
        let rules = root.sections(r, "rule");
        let peers = root.section(r, "peer");
        let channels = root.section(r, "channel");
        let schedules = root.sections(r, "schedule");
        let rules = layers::rules(r, rules, &defaults, &names);
        let peers = layers::peers(r, peers, &defaults);
        let channels = layers::channels(r, channels, &defaults);
        let schedules = schedules::schedules(r, schedules, &names);
        let book = SettingsLayers {
            node: settings,
            rules: vec![],
            peers,
            channels,
            schedules: vec![],
            own_nodes: Default::default(),
            remembered: Default::default(),
            orders: Default::default(),
            moved_in: Default::default(),
            chain_regime: None,
            keep_small,
            defaults,
        };
        root.finish(r);

        let faults = reader.into_faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        let keys = diff::Keys::of(text);
        let of = |(place, node): (usize, &NamedNode)| {
            let name = node.name.as_deref();
            let (own_nodes, own_databases) = own_nodes_of(node, &nodes, own_nodes.clone());
            Self {
                name: node.name.clone(),
                names: names.clone(),
                pubkey: node.pubkey,
                node: node.connection.clone(),
                store: node.database.clone().unwrap_or_else(|| store.clone()),
                store_most_bytes,
                backfill,
                report,
                alarms: alarms.clone(),
                ledger,
                own_databases,
                chain_fees,
                web: match place {
                    0 => web.clone(),
                    _ => WebSettings::default(),
                },
                book: SettingsLayers {
                    rules: For::node(&rules, name),
                    schedules: For::node(&schedules, name),
                    own_nodes,
                    ..book.clone()
                },
                keys: keys.clone(),
                section: node.section.clone(),
            }
        };
        Ok(nodes.iter().enumerate().map(of).collect())
    }

    /// What `new` says differently, one line for each key; secrets are not
    /// shown.
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let mut lines = self.keys.changes_to(&new.keys);
        let in_both = |key: &str| self.keys.has(key) && new.keys.has(key);
        let whole = |node: &NodeConnection| NodeConnection {
            socks5_proxy: None,
            ..node.clone()
        };
        for (key, changed) in [
            (diff::HEX, self.node.macaroon != new.node.macaroon),
            (diff::LNDCONNECT, whole(&self.node) != whole(&new.node)),
        ] {
            let key = format!("{}.{key}", self.section);
            if in_both(&key) && changed {
                lines.push(format!("{key}: changed (hidden)"));
            }
        }
        lines
    }
}

/// The one that is called `name`, or the only one.
fn one_of(mut all: Vec<Config>, path: &Path, name: Option<&str>) -> Result<Config, ConfigError> {
    let found = match name {
        Some(name) => all.iter().position(|one| one.name.as_deref() == Some(name)),
        None => (all.len() == 1).then_some(0),
    };
    match found {
        Some(place) => Ok(all.swap_remove(place)),
        None => Err(ConfigError::WhichNode {
            path: path.to_owned(),
            names: all.iter().filter_map(|one| one.name.clone()).collect(),
            asked: name.map(str::to_owned),
        }),
    }
}

/// Reads the whole file, if it is one that can be settings.
fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe would wait for someone to write to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(ConfigError::NoFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = vec![];
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_owned(),
            most_bytes: MOST_BYTES,
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigError::NotText {
            path: path.to_owned(),
            line: valid.iter().filter(|byte| **byte == b'\n').count() + 1,
        }
    })
}

/// The text of a regular file beside the settings that is not too large.
pub fn read_list(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if about.len() > MOST_BYTES {
        return Err(format!("it is larger than {MOST_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Reads `[history]`.
fn read_backfill<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> Duration {
    let backfill = section.read(reader, "backfill", |value| {
        values::span(value, Duration::ZERO..=LONGEST_BACKFILL)
    });
    section.finish(reader);
    backfill.unwrap_or(DEFAULT_BACKFILL)
}

/// Reads `[report]`.
fn read_report<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> DailyReport {
    let time = section.read(reader, "time", values::time_of_day);
    let zone = section.read(reader, "time_zone", values::time_zone);
    section.finish(reader);
    DailyReport {
        time: time.unwrap_or(NaiveTime::MIN),
        zone: zone.unwrap_or(Tz::UTC),
    }
}

/// Reads `[prune]`: the quota of small peers.
fn read_keep_small<'t>(reader: &mut Reader<'t>, mut section: Section<'t>) -> usize {
    let most = |value: &DeValue<'_>| values::whole(value, 0..=10_000_usize);
    let quota = section.read(reader, "keep_small", most);
    section.finish(reader);
    quota.unwrap_or(0)
}

/// Reads `[rhythm]`, `[budget]` and `[inbound]`.
fn read_node_settings<'t>(reader: &mut Reader<'t>, root: &mut Section<'t>) -> NodeSettings {
    let mut settings = NodeSettings::default();
    lay_over::<RhythmLayer>(reader, root, "rhythm", &mut settings);
    lay_over::<BudgetLayer>(reader, root, "budget", &mut settings);
    lay_over::<InboundLayer>(reader, root, "inbound", &mut settings);
    settings
}

fn lay_over<'t, L: Layer>(
    reader: &mut Reader<'t>,
    root: &mut Section<'t>,
    name: &'static str,
    settings: &mut L::Settings,
) {
    let section = root.section(reader, name);
    keys::layer(reader, section, &L::default()).lay_over(settings);
}

#[cfg(test)]
mod tests;
