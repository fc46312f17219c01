//! Reads the layers that are for some channels: `[[rule]]`, `[peer."…"]`,
//! `[channel."…"]`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use toml::de::DeValue;

use super::nodes::{For, known_name};
use super::reader::{Reader, Section};
use super::{keys, read_list, values};
use sweetspot_core::settings::keys::channel::ChannelLayer;
use sweetspot_core::settings::keys::{Layer, RATIO};
use sweetspot_core::settings::latches::{Quantity, Side, Threshold};
use sweetspot_core::settings::layers::Rule;
use sweetspot_core::settings::matcher::{ChannelName, Matcher};
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::units::Sat;

/// So many odd lines of a list are told at once.
const MOST_FAULTS: usize = 5;

/// All the bitcoin there will be, in sat.
const MOST_SAT: f64 = 2_100_000_000_000_000.0;

/// Reads every `[[rule]]`.
pub(super) fn rules<'t>(
    reader: &mut Reader<'t>,
    sections: Vec<Section<'t>>,
    defaults: &ChannelLayer,
    names: &[String],
) -> Vec<For<Rule>> {
    let mut rules = vec![];
    for mut section in sections {
        let (path, at) = (section.path.clone(), section.at);
        let faults_before = reader.fault_count();
        let label = label(reader, &mut section);
        let For {
            nodes,
            what: matcher,
        } = matcher(reader, &mut section, names);
        let layer = keys::layer(reader, section, defaults);
        if reader.fault_count() == faults_before && !reader.is_damaged() {
            if matcher == Matcher::default() && nodes.is_empty() {
                let message = "matches every channel; add a match, or move its keys to [defaults]";
                reader.refuse(at, &path, message);
            }
            if layer.is_empty() {
                reader.refuse(at, &path, "sets nothing");
            }
        }
        let what = Rule {
            label,
            matcher,
            layer,
        };
        rules.push(For { nodes, what });
    }
    rules
}

/// Reads every `[peer."<pubkey>"]`.
pub(super) fn peers<'t>(
    reader: &mut Reader<'t>,
    section: Section<'t>,
    defaults: &ChannelLayer,
) -> BTreeMap<PeerId, ChannelLayer> {
    named(reader, section, defaults, |name| {
        name.parse::<PeerId>().map_err(|error| error.to_string())
    })
}

/// Reads every `[channel."<name>"]`.
pub(super) fn channels<'t>(
    reader: &mut Reader<'t>,
    section: Section<'t>,
    defaults: &ChannelLayer,
) -> BTreeMap<ChannelName, ChannelLayer> {
    named(reader, section, defaults, values::channel_named)
}

/// Reads tables whose keys are names; two spellings of one name are one name.
fn named<'t, N: Ord + Display>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    defaults: &ChannelLayer,
    parse: impl Fn(&str) -> Result<N, String>,
) -> BTreeMap<N, ChannelLayer> {
    let mut layers = BTreeMap::new();
    for (text, entry) in section.named() {
        let (path, at) = (entry.path.clone(), entry.key_at);
        let section = entry.into_section(reader);
        let layer = keys::layer(reader, section, defaults);
        match parse(&text) {
            Err(message) => reader.refuse(at, &path, message),
            Ok(name) if layers.contains_key(&name) => {
                reader.refuse(
                    at,
                    &path,
                    format!("duplicate: {name} already has a table above"),
                );
            }
            Ok(name) => {
                layers.insert(name, layer);
            }
        }
    }
    layers
}

/// What the operator calls a rule or a schedule: its place among its kind and
/// its `name`.
pub(super) fn label<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> String {
    match section.read(reader, "name", values::text) {
        Some(name) => format!("{} \"{name}\"", section.path),
        None => section.path.clone(),
    }
}

/// Reads the conditions under `match`; `names` are those of the file's nodes.
pub(super) fn matcher<'t>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    names: &[String],
) -> For<Matcher> {
    let mut conditions = section.section(reader, "match");
    let sat = |value: &DeValue<'_>| values::whole(value, 0..=u64::MAX).map(Sat);
    let days = |value: &DeValue<'_>| values::whole(value, 0..=36_500);
    let known = |value: &DeValue<'_>| known_name(value, names);
    let nodes = list(reader, &mut conditions, "node", known);
    let matcher = Matcher {
        peers: listed(reader, &mut conditions, "peer", values::parsed),
        channels: listed(reader, &mut conditions, "channel", values::channel_name),
        aliases: list(reader, &mut conditions, "alias", values::text),
        private: conditions.read(reader, "private", values::flag),
        initiator: conditions.read(reader, "initiator", values::flag),
        min_capacity: conditions.read(reader, "min_capacity_sat", sat),
        max_capacity: conditions.read(reader, "max_capacity_sat", sat),
        min_age_days: conditions.read(reader, "min_age_days", days),
        max_age_days: conditions.read(reader, "max_age_days", days),
        thresholds: thresholds(reader, &mut conditions),
        record: list(reader, &mut conditions, "record", values::mark),
    };
    let empty = [
        crosses(matcher.min_capacity, matcher.max_capacity)
            .then_some("min_capacity_sat is above max_capacity_sat: no channel can match"),
        crosses(matcher.min_age_days, matcher.max_age_days)
            .then_some("min_age_days is above max_age_days: no channel can match"),
    ];
    for message in empty.into_iter().flatten() {
        reader.refuse(conditions.at, &conditions.path, message);
    }
    section.learn_from("match", &conditions);
    conditions.finish(reader);
    For {
        nodes,
        what: matcher,
    }
}

/// Reads the conditions on what moves.
fn thresholds<'t>(reader: &mut Reader<'t>, conditions: &mut Section<'t>) -> Vec<Threshold> {
    let mut read = |quantity, [least, most]: [&'static str; 2], allowed: RangeInclusive<f64>| {
        let mut bound = |name, side| {
            let at = conditions.read(reader, name, |value| values::number(value, allowed.clone()));
            at.map(|at| Threshold { quantity, side, at })
        };
        let bounds = [bound(least, Side::AtLeast), bound(most, Side::AtMost)];
        if let [Some(least_at), Some(most_at)] = &bounds
            && least_at.at > most_at.at
        {
            let message = format!("{least} is above {most}: no channel can match");
            reader.refuse(conditions.at, &conditions.path, message);
        }
        bounds
    };
    let ratio = ["min_local_ratio", "max_local_ratio"];
    let local = ["min_local_sat", "max_local_sat"];
    let remote = ["min_remote_sat", "max_remote_sat"];
    let incoming = ["min_forwarded_in_sat", "max_forwarded_in_sat"];
    let outgoing = ["min_forwarded_out_sat", "max_forwarded_out_sat"];
    let found = [
        read(Quantity::LocalRatio, ratio, RATIO),
        read(Quantity::Local, local, 0.0..=MOST_SAT),
        read(Quantity::Remote, remote, 0.0..=MOST_SAT),
        read(Quantity::ForwardedIn, incoming, 0.0..=MOST_SAT),
        read(Quantity::ForwardedOut, outgoing, 0.0..=MOST_SAT),
    ];
    found.into_iter().flatten().flatten().collect()
}

fn crosses<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    matches!((least, most), (Some(least), Some(most)) if least > most)
}

/// Reads names, each given itself or on a line of a file, `"file:///path"`; what
/// follows a # there is a remark. A file is read when the settings are.
fn listed<'t, T>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    name: &'static str,
    read: impl Fn(&DeValue<'_>) -> Result<T, String>,
) -> Vec<T> {
    let in_file = |file: &str| -> Result<Vec<T>, String> {
        let text =
            read_list(Path::new(file)).map_err(|why| format!("cannot read {file}: {why}"))?;
        let (mut found, mut faults) = (vec![], vec![]);
        for (index, line) in text.lines().enumerate() {
            let item = line.split('#').next().unwrap_or_default().trim();
            match read(&DeValue::String(item.into())) {
                _ if item.is_empty() => {}
                Ok(item) => found.push(item),
                Err(_) if faults.len() == MOST_FAULTS => {}
                Err(message) => faults.push(format!("{file}:{}: {message}", index + 1)),
            }
        }
        match (faults.is_empty(), found.is_empty()) {
            (false, _) => Err(faults.join("; ")),
            (_, true) => Err(format!(
                "{file} lists nothing, which would match everything"
            )),
            _ => Ok(found),
        }
    };
    let one_or_many = |value: &DeValue<'t>| match value {
        DeValue::String(text) => match text.strip_prefix("file://") {
            Some(file) => in_file(file),
            None => Ok(vec![read(value)?]),
        },
        _ => Ok(vec![read(value)?]),
    };
    let found = list(reader, section, name, one_or_many);
    found.into_iter().flatten().collect()
}

/// Reads one value or a list of them; an empty list would ask for nothing.
pub(super) fn list<'t, T>(
    reader: &mut Reader<'t>,
    section: &mut Section<'t>,
    name: &'static str,
    read: impl Fn(&DeValue<'t>) -> Result<T, String>,
) -> Vec<T> {
    let Some(entry) = section.take(name) else {
        return vec![];
    };
    let (path, at) = (entry.path.clone(), entry.at);
    let items = entry.into_items();
    if items.is_empty() {
        reader.refuse(at, &path, "must not be an empty list");
    }
    let mut read_items = vec![];
    for (at, value) in items {
        match read(&value) {
            Ok(item) => read_items.push(item),
            Err(message) => reader.refuse(at, &path, message),
        }
    }
    read_items
}
