//! Reads the settings of channels: `[defaults]`, `[[rule]]`, `[peer."…"]`,
//! `[channel."…"]`.

use std::collections::BTreeMap;
use std::fmt::Display;

use toml::de::DeValue;

use super::reader::{Entry, Reader, Section};
use super::values;
use sweetspot_core::settings::keys::{CHANNEL_KEYS, Kind, Value, channel_conflicts, find};
use sweetspot_core::settings::layers::{GIVES_WAY, Layer, Rule};
use sweetspot_core::settings::matcher::{ChannelName, Matcher};
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::units::Sat;

/// Reads `[defaults]`.
pub(super) fn defaults<'t>(reader: &mut Reader<'t>, section: Section<'t>) -> Layer {
    layer(reader, section, &Layer::default())
}

/// Reads every `[[rule]]`.
pub(super) fn rules<'t>(
    reader: &mut Reader<'t>,
    sections: Vec<Section<'t>>,
    defaults: &Layer,
) -> Vec<Rule> {
    let mut rules = vec![];
    for mut section in sections {
        let (path, at) = (section.path.clone(), section.at);
        let faults_before = reader.fault_count();
        let label = label(reader, &mut section);
        let matcher = matcher(reader, &mut section);
        let layer = layer(reader, section, defaults);
        if reader.fault_count() == faults_before && !reader.is_damaged() {
            if matcher == Matcher::default() {
                let message = "matches every channel: give it a match, or write what it sets under [defaults]";
                reader.refuse(at, &path, message);
            }
            if layer.is_empty() {
                reader.refuse(at, &path, "sets nothing");
            }
        }
        rules.push(Rule {
            label,
            matcher,
            layer,
        });
    }
    rules
}

/// Reads every `[peer."<pubkey>"]`.
pub(super) fn peers<'t>(
    reader: &mut Reader<'t>,
    section: Section<'t>,
    defaults: &Layer,
) -> BTreeMap<PeerId, Layer> {
    named(reader, section, defaults, |name| {
        name.parse::<PeerId>().map_err(|error| error.to_string())
    })
}

/// Reads every `[channel."<name>"]`.
pub(super) fn channels<'t>(
    reader: &mut Reader<'t>,
    section: Section<'t>,
    defaults: &Layer,
) -> BTreeMap<ChannelName, Layer> {
    named(reader, section, defaults, values::channel_named)
}

/// Reads tables whose keys are names; two spellings of one name are one name.
fn named<'t, N: Ord + Display>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    defaults: &Layer,
    parse: impl Fn(&str) -> Result<N, String>,
) -> BTreeMap<N, Layer> {
    let mut layers = BTreeMap::new();
    for (text, entry) in section.named() {
        let (path, at) = (entry.path.clone(), entry.key_at);
        let layer = layer_of(reader, entry, defaults);
        match parse(&text) {
            Err(message) => reader.refuse(at, &path, message),
            Ok(name) if layers.contains_key(&name) => {
                reader.refuse(at, &path, format!("named twice: {name} has a table above"));
            }
            Ok(name) => {
                layers.insert(name, layer);
            }
        }
    }
    layers
}

fn layer_of<'t>(reader: &mut Reader<'t>, entry: Entry<'t>, defaults: &Layer) -> Layer {
    let section = entry.into_section(reader);
    layer(reader, section, defaults)
}

/// Reads the settings in `section`, which must go together with each other and
/// with `defaults`.
fn layer<'t>(reader: &mut Reader<'t>, mut section: Section<'t>, defaults: &Layer) -> Layer {
    let mut layer = Layer::default();
    let mut places = BTreeMap::new();
    for key in CHANNEL_KEYS {
        if key.kind == Kind::Mode {
            continue;
        }
        if let Some(entry) = section.take(key.name) {
            match values::of_kind(&entry.value, key.kind) {
                Ok(value) => {
                    layer.set(key, value);
                    places.insert(key.name, entry.at);
                }
                Err(message) => reader.refuse(entry.at, &entry.path, message),
            }
        }
    }
    let pin_at = section.place_of("pin_ppm");
    if let Some(mode) = mode(reader, &mut section)
        && let Some(key) = find(CHANNEL_KEYS, "mode")
    {
        layer.set(key, Value::Mode(mode));
        places.extend(pin_at.map(|at| ("pin_ppm", at)));
    }
    if !reader.is_damaged() {
        check_together(reader, &section.path, &places, defaults, &layer);
    }
    section.finish(reader);
    layer
}

/// Reads `mode` and, beside `mode = "pin"`, `pin_ppm`.
fn mode<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Option<Mode> {
    let mode = section.take("mode");
    let pin = section.take("pin_ppm");
    let word = match mode.as_ref().map(|entry| &entry.value) {
        Some(DeValue::String(word)) => word.as_ref(),
        _ => "",
    };
    if let (Some(pin), true) = (&pin, word != "pin") {
        let message = "means nothing without mode = \"pin\" beside it";
        reader.refuse(pin.key_at, &pin.path, message);
    }
    let mode = mode.as_ref()?;
    match word {
        "manage" => Some(Mode::Manage),
        "observe" => Some(Mode::Observe),
        "ignore" => Some(Mode::Ignore),
        "pin" => {
            let Some(pin) = pin else {
                if !reader.is_damaged() {
                    let message = "pin needs the rate to hold beside it: pin_ppm = ...";
                    reader.refuse(mode.at, &mode.path, message);
                }
                return None;
            };
            match values::ppm(&pin.value) {
                Ok(ppm) => Some(Mode::Pin(ppm)),
                Err(message) => {
                    reader.refuse(pin.at, &pin.path, message);
                    None
                }
            }
        }
        _ => {
            let message = format!(
                "must be \"manage\", \"observe\", \"pin\" or \"ignore\", not {}",
                values::shown(&mode.value)
            );
            reader.refuse(mode.at, &mode.path, message);
            None
        }
    }
}

/// Refuses what cannot stand together, if one of the two keys is in `layer`.
/// Which rules meet in a channel is not known here: see [`SettingsLayers`].
///
/// [`SettingsLayers`]: sweetspot_core::settings::layers::SettingsLayers
fn check_together(
    reader: &mut Reader<'_>,
    path: &str,
    places: &BTreeMap<&'static str, usize>,
    defaults: &Layer,
    layer: &Layer,
) {
    let settings = ChannelSettings::laid_over(|settings| {
        defaults.lay_over(settings);
        layer.lay_over(settings);
    });
    let is_set = |key: &str| places.contains_key(key) || defaults.sets(key);
    for conflict in channel_conflicts(&settings) {
        let gives_way = |key: &&str| GIVES_WAY.contains(key) && !is_set(key);
        if conflict.keys.iter().any(gives_way) {
            continue;
        }
        let Some((key, at)) = conflict
            .keys
            .iter()
            .find_map(|key| places.get_key_value(key))
        else {
            continue;
        };
        let described = conflict.keys.map(|key| {
            // A pinned rate is part of the mode.
            let set_by = if key == "pin_ppm" { "mode" } else { key };
            let value = match find(CHANNEL_KEYS, set_by).map(|key| (key.get)(&settings)) {
                Some(Value::Mode(Mode::Pin(ppm))) => ppm.0.to_string(),
                Some(value) => value.to_string(),
                None => String::new(),
            };
            let origin = if places.contains_key(key) {
                ""
            } else if defaults.sets(set_by) {
                " in [defaults]"
            } else {
                " by default"
            };
            format!("{key} is {value}{origin}")
        });
        let message = format!("{} ({})", conflict.rule, described.join(", "));
        reader.refuse(*at, &format!("{path}.{key}"), message);
    }
}

/// What the operator calls a rule or a schedule: its place among its kind and
/// its `name`.
pub(super) fn label<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> String {
    match section.read(reader, "name", values::text) {
        Some(name) => format!("{} \"{name}\"", section.path),
        None => section.path.clone(),
    }
}

/// Reads the conditions under `match`.
pub(super) fn matcher<'t>(reader: &mut Reader<'t>, section: &mut Section<'t>) -> Matcher {
    let mut conditions = section.section(reader, "match");
    let sat = |value: &DeValue<'_>| values::whole(value, 0..=u64::MAX).map(Sat);
    let days = |value: &DeValue<'_>| values::whole(value, 0..=36_500);
    let matcher = Matcher {
        peers: list(reader, &mut conditions, "peer", values::parsed),
        channels: list(reader, &mut conditions, "channel", values::channel_name),
        aliases: list(reader, &mut conditions, "alias", values::text),
        private: conditions.read(reader, "private", values::flag),
        initiator: conditions.read(reader, "initiator", values::flag),
        min_capacity: conditions.read(reader, "min_capacity_sat", sat),
        max_capacity: conditions.read(reader, "max_capacity_sat", sat),
        min_age_days: conditions.read(reader, "min_age_days", days),
        max_age_days: conditions.read(reader, "max_age_days", days),
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
    matcher
}

fn crosses<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    matches!((least, most), (Some(least), Some(most)) if least > most)
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
