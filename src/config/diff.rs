//! What changed between two settings files, key by key, for the log.

use std::collections::BTreeMap;

use toml::de::DeTable;
use toml::de::DeValue;

use super::keys::STRATEGY_ALIAS;
use super::values;
use sweetspot_core::settings::keys::Key;
use sweetspot_core::settings::keys::channel::ChannelKey;

/// The keys of a node whose values are never shown.
pub(super) const SECRETS: [&str; 2] = [HEX, LNDCONNECT];
/// One is the macaroon ...
pub(super) const HEX: &str = "macaroon_hex";
/// ... and the other has it within.
pub(super) const LNDCONNECT: &str = "lndconnect";

/// Whether a key is one of these, wherever it stands: a misplaced secret is one.
fn is_secret(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    SECRETS.contains(&name)
}

/// The keys and values of a document as an operator would write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys(BTreeMap<String, String>);

impl Keys {
    /// Every key in `text`, secrets hidden.
    pub(super) fn of(text: &str) -> Self {
        let mut keys = BTreeMap::new();
        let (root, _) = DeTable::parse_recoverable(text);
        flatten("", &DeValue::Table(root.into_inner()), &mut keys);
        Self(keys)
    }

    /// Whether a key is set.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// One line for each key that is new, gone or different.
    pub(super) fn changes_to(&self, new: &Self) -> Vec<String> {
        let unset = || "unset".to_owned();
        let mut lines = BTreeMap::new();
        for (key, old) in &self.0 {
            let new = new.0.get(key).cloned().unwrap_or_else(unset);
            if *old != new {
                lines.insert(key, format!("{key}: {old} → {new}"));
            }
        }
        for (key, new) in &new.0 {
            if !self.0.contains_key(key) {
                lines.insert(key, format!("{key}: {} → {new}", unset()));
            }
        }
        lines.into_values().collect()
    }
}

fn flatten(path: &str, value: &DeValue<'_>, keys: &mut BTreeMap<String, String>) {
    let under = |name: &str| {
        let name = if name == STRATEGY_ALIAS {
            ChannelKey::Strategy.name()
        } else {
            name
        };
        match path {
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        }
    };
    match value {
        DeValue::Table(table) => {
            for (name, value) in table {
                flatten(&under(name.get_ref()), value.get_ref(), keys);
            }
        }
        DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{path} {}", index + 1), item.get_ref(), keys);
            }
        }
        _ if is_secret(path) => {
            keys.insert(path.to_owned(), "(hidden)".to_owned());
        }
        _ => {
            keys.insert(path.to_owned(), values::shown(value));
        }
    }
}
