//! charge-lnd's criteria (`chan.…`, `node.…`, `onchain.…`) as ours under `match`.

use super::ini::Entry;
use super::notes::Notes;
use super::rule::{Match, Value};
use sweetspot_core::settings::latches::FORWARDED_DAYS;
use sweetspot_core::types::channel::{PeerId, Scid};

/// Blocks in a day, as our ages count.
const BLOCKS_PER_DAY: f64 = 144.0;

/// What becomes of one criterion.
enum Meaning {
    /// A flag, under this key of ours.
    Flag(&'static str),
    /// A number in the same unit.
    Number(&'static str),
    /// Blocks, which ours has in days.
    Blocks(&'static str),
    /// Channels, listed or in a file.
    Channels,
    /// Public keys, listed or in a file.
    Peers,
    /// A sum of what was forwarded, if it is over as many days as ours.
    Forwarded(&'static str),
    /// How the sums are taken: part of the criteria that go by them.
    OfForwarded,
    /// Nothing we can match by, and why.
    Unsayable(&'static str),
}

fn meaning(key: &str) -> Meaning {
    use Meaning::{Blocks, Channels, Flag, Forwarded, Number, OfForwarded, Peers, Unsayable};
    match key {
        "chan.id" => Channels,
        "chan.initiator" => Flag("initiator"),
        "chan.private" => Flag("private"),
        "chan.min_capacity" => Number("min_capacity_sat"),
        "chan.max_capacity" => Number("max_capacity_sat"),
        "chan.min_age" => Blocks("min_age_days"),
        "chan.max_age" => Blocks("max_age_days"),
        "chan.min_ratio" => Number("min_local_ratio"),
        "chan.max_ratio" => Number("max_local_ratio"),
        "chan.min_local_balance" => Number("min_local_sat"),
        "chan.max_local_balance" => Number("max_local_sat"),
        "chan.min_remote_balance" => Number("min_remote_sat"),
        "chan.max_remote_balance" => Number("max_remote_sat"),
        "chan.min_sats_in" => Forwarded("min_forwarded_in_sat"),
        "chan.max_sats_in" => Forwarded("max_forwarded_in_sat"),
        "chan.min_sats_out" => Forwarded("min_forwarded_out_sat"),
        "chan.max_sats_out" => Forwarded("max_forwarded_out_sat"),
        "chan.activity_period" | "chan.activity_period_ignore_channel_age" => OfForwarded,
        "node.id" => Peers,
        "chan.disabled" => Unsayable(
            "charge-lnd fails on every channel that it looks at by this, and leaves it alone",
        ),
        _ if key.starts_with("onchain.") => {
            Unsayable("no rule goes by the chain's fee rate or sync")
        }
        _ if key.contains("shared") => Unsayable("no rule goes by what else is open with a peer"),
        _ if key.contains("pending") => Unsayable("no rule goes by pending HTLCs"),
        _ if PEERS_OWN.contains(&key) => {
            Unsayable("no rule goes by what the peer sets for nothing")
        }
        _ if KNOWN.contains(&key) => Unsayable("no rule goes by this"),
        _ => Unsayable("charge-lnd does not know this criterion, and leaves the channels alone"),
    }
}

/// What charge-lnd asks of the peer's own policy and of its part in the graph.
const PEERS_OWN: &[&str] = &[
    "chan.min_base_fee_msat",
    "chan.max_base_fee_msat",
    "chan.min_fee_ppm",
    "chan.max_fee_ppm",
    "node.min_channels",
    "node.max_channels",
    "node.min_capacity",
    "node.max_capacity",
];

/// The other criteria that charge-lnd knows.
const KNOWN: &[&str] = &[
    "chan.min_htlcs_in",
    "chan.max_htlcs_in",
    "chan.min_htlcs_out",
    "chan.max_htlcs_out",
    "chan.min_htlcs_ratio",
    "chan.max_htlcs_ratio",
    "chan.min_sats_ratio",
    "chan.max_sats_ratio",
];

/// The criteria of a section.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    /// Those that we can match by.
    pub(super) sayable: Match,
    /// Whether there are others.
    pub(super) partly: bool,
}

impl Conditions {
    pub(super) fn are_none(&self) -> bool {
        self.sayable.0.is_empty() && !self.partly
    }
}

/// Whether a key is a criterion.
pub(super) fn is_condition(key: &str) -> bool {
    key.contains('.')
}

/// Reads the criteria among `entries`; `file` reads a list named as `file://…`.
pub(super) fn conditions(
    section: &str,
    entries: &[Entry],
    file: &dyn Fn(&str) -> Result<String, String>,
    notes: &mut Notes,
) -> Conditions {
    let mut found = Conditions::default();
    for entry in entries.iter().filter(|entry| is_condition(&entry.key)) {
        let (line, key) = (entry.line, entry.key.as_str());
        let mut note = |why: String| notes.add(line, section, key, why);
        let read = match meaning(key) {
            Meaning::Unsayable(why) => Err(why.to_owned()),
            Meaning::Flag(ours) => flag(&entry.value).map(|flag| (ours, Value::Flag(flag))),
            Meaning::Number(ours) => number(&entry.value).map(|n| (ours, Value::Number(n))),
            Meaning::Blocks(ours) => number(&entry.value).map(|blocks| {
                let days = blocks / BLOCKS_PER_DAY;
                if days.fract() != 0.0 {
                    note(format!("roughly: {} days", days.ceil()));
                }
                (ours, Value::Number(days.ceil()))
            }),
            Meaning::Forwarded(ours) => sum(entries, &entry.value).map(|sat| {
                note("roughly: over whole days, and with a margin before it ends".to_owned());
                (ours, Value::Number(sat))
            }),
            Meaning::OfForwarded if entries.iter().any(is_forwarded) => {
                notes.said(line, key);
                continue;
            }
            Meaning::OfForwarded => Err("nothing in this section goes by it".to_owned()),
            Meaning::Channels => {
                list(&entry.value, file, &mut note, channel_id).map(|list| ("channel", list))
            }
            Meaning::Peers => {
                list(&entry.value, file, &mut note, node_id).map(|list| ("peer", list))
            }
        };
        match read {
            Ok((ours, value)) => {
                found.sayable.0.insert(ours, value);
                notes.said(line, key);
            }
            Err(why) => {
                note(why);
                found.partly = true;
            }
        }
    }
    found
}

fn is_forwarded(entry: &Entry) -> bool {
    matches!(meaning(&entry.key), Meaning::Forwarded(_))
}

/// A bound on a sum, if `entries` have it taken as ours are: over 30 days, of channels
/// that are at least so old.
fn sum(entries: &[Entry], value: &str) -> Result<f64, String> {
    let of = |key| entries.iter().find(|entry| entry.key == key);
    let period = of("chan.activity_period").map(|entry| entry.value.as_str());
    let unit = |unit| period?.strip_suffix(unit)?.trim().parse::<f64>().ok();
    let seconds = [
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("m", 60.0),
        ("s", 1.0),
        ("", 1.0),
    ];
    let seconds = seconds
        .iter()
        .find_map(|(name, long)| Some(unit(name)? * long));
    if seconds != Some(f64::from(FORWARDED_DAYS) * 86_400.0) {
        return Err(format!(
            "rules here go by what {FORWARDED_DAYS} days forwarded"
        ));
    }
    let heeds_age = of("chan.activity_period_ignore_channel_age")
        .is_none_or(|entry| flag(&entry.value) == Ok(true));
    match heeds_age {
        true => number(value),
        false => Err(format!(
            "rules here go by no channel younger than {FORWARDED_DAYS} days"
        )),
    }
}

/// `true` or `false`, as Python's `getboolean` reads it.
pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(format!("is neither true nor false: {value:?}")),
    }
}

/// A number of at least 0, as Python reads it: `1_000` is 1000.
pub(super) fn number(value: &str) -> Result<f64, String> {
    let plain: String = value.chars().filter(|c| *c != '_').collect();
    let number = plain.parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| format!("is no number of at least 0: {value:?}"))
}

/// The items of a list. What charge-lnd would pass over is passed over too, and
/// told.
fn list(
    value: &str,
    file: &dyn Fn(&str) -> Result<String, String>,
    note: &mut impl FnMut(String),
    item: fn(&str) -> Option<String>,
) -> Result<Value, String> {
    let mut items = vec![];
    let mut take = |text: &str, note: &mut dyn FnMut(String)| match item(text) {
        Some(item) if items.contains(&item) => {}
        Some(item) => items.push(item),
        None => note(format!("names nothing, here as there: {text:?}")),
    };
    for text in value.split(',').map(str::trim) {
        let Some(path) = text.strip_prefix("file://") else {
            take(text, note);
            continue;
        };
        let listed = file(path).map_err(|why| format!("cannot read {path:?}: {why}"))?;
        note(format!(
            "the list {path:?} as it is now; a rule of ours can name the file, too"
        ));
        for item in listed.lines().flat_map(list_items) {
            take(&item, note);
        }
    }
    match items.is_empty() {
        true => Err("lists nothing that can match".to_owned()),
        false => Ok(Value::List(items)),
    }
}

/// The items on one line of a list.
pub(super) fn list_items(line: &str) -> Vec<String> {
    let items = line.split('#').next().unwrap_or_default().split(',');
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}

/// The channel that charge-lnd takes `text` for, as ours has it.
pub(super) fn channel_id(text: &str) -> Option<String> {
    let scid = text.parse::<Scid>().ok().filter(|scid| *scid != Scid(0));
    scid.map(|scid| scid.to_string())
}

/// The public key that `text` is.
pub(super) fn node_id(text: &str) -> Option<String> {
    let peer = text.parse::<PeerId>().ok();
    peer.map(|peer| peer.to_string())
}
