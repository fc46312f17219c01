//! Reads a table of settings: asks the section for each of its keys and checks
//! that their values can stand together.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::reader::{Entry, Reader, Section};
use super::values;
use sweetspot_core::settings::built_in::BuiltIn;
use sweetspot_core::settings::keys::written::Written;
use sweetspot_core::settings::keys::{Conflict, Key, KeyReader, Layer};
use sweetspot_core::settings::values::{
    BaseFee, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName,
};
use sweetspot_core::types::units::FeePpm;

/// What the key `strategy` was called first; files that have it stay valid.
pub(super) const STRATEGY_ALIAS: &str = "law";
/// The rate that belongs to `mode = "pin"`.
const PIN_PPM: &str = "pin_ppm";

/// Reads the settings in `section`, which must go together with each other and
/// with those in `defaults`.
pub(super) fn layer<'t, L: Layer>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
    defaults: &L,
) -> L {
    let mut keys = SectionKeys {
        reader,
        section: &mut section,
        places: BTreeMap::new(),
    };
    let layer = L::read(&mut keys);
    let places = keys.places;
    if !reader.is_damaged() {
        check_together(reader, &section.path, &places, defaults, &layer);
    }
    section.finish(reader);
    layer
}

/// A section, and where the values of the keys read from it stand.
struct SectionKeys<'s, 't, K> {
    reader: &'s mut Reader<'t>,
    section: &'s mut Section<'t>,
    places: BTreeMap<K, usize>,
}

impl<'t, K: Key> SectionKeys<'_, 't, K> {
    fn read<T>(
        &mut self,
        key: K,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        let entry = self.section.take(key.name())?;
        self.value(key, &entry, read)
    }

    fn value<T>(
        &mut self,
        key: K,
        entry: &Entry<'t>,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<T> {
        match read(&entry.value) {
            Ok(value) => {
                self.places.insert(key, entry.at);
                Some(value)
            }
            Err(message) => {
                self.reader.refuse(entry.at, &entry.path, message);
                None
            }
        }
    }

    /// The rate to pin at, without which `mode` says nothing.
    fn pin_beside(&mut self, mode: &Entry<'t>, pin: Option<Entry<'t>>) -> Option<Entry<'t>> {
        if pin.is_none() && !self.reader.is_damaged() {
            let message = "mode = \"pin\" needs a fee rate: pin_ppm = ...";
            self.reader.refuse(mode.at, &mode.path, message);
        }
        pin
    }
}

impl<K: Key> KeyReader<K> for SectionKeys<'_, '_, K> {
    fn number(&mut self, key: K, allowed: RangeInclusive<f64>) -> Option<f64> {
        self.read(key, |value| values::number(value, allowed))
    }

    fn count(&mut self, key: K, allowed: RangeInclusive<u32>) -> Option<u32> {
        self.read(key, |value| values::whole(value, allowed))
    }

    fn ppm(&mut self, key: K) -> Option<FeePpm> {
        self.read(key, values::ppm)
    }

    fn sat(&mut self, key: K) -> Option<u64> {
        self.read(key, |value| values::whole(value, 0..=u64::MAX))
    }

    fn span(&mut self, key: K, allowed: RangeInclusive<Duration>) -> Option<Duration> {
        self.read(key, |value| values::span(value, allowed))
    }

    fn flag(&mut self, key: K) -> Option<bool> {
        self.read(key, values::flag)
    }

    fn measured(&mut self, key: K) -> Option<bool> {
        self.read(key, values::measured)
    }

    /// Reads `mode` and, beside `mode = "pin"`, `pin_ppm`.
    fn mode(&mut self, key: K) -> Option<Mode> {
        let mode = self.section.take(key.name());
        let pin = self.section.take(PIN_PPM);
        let word = match mode.as_ref().map(|entry| &entry.value) {
            Some(DeValue::String(word)) => word.as_ref(),
            _ => "",
        };
        if word == "pin" {
            let pin = self.pin_beside(mode.as_ref()?, pin)?;
            return self.value(key, &pin, values::ppm).map(Mode::Pin);
        }
        if let Some(pin) = pin {
            let message = "has no effect without mode = \"pin\"";
            self.reader.refuse(pin.key_at, &pin.path, message);
        }
        self.value(key, &mode?, values::mode_without_rate)
    }

    /// Reads `strategy`, or what it was called first.
    fn strategy(&mut self, key: K) -> Option<StrategyName> {
        let named = self.section.take(key.name());
        let alias = self.section.take_alias(STRATEGY_ALIAS);
        if let (Some(_), Some(alias)) = (&named, &alias) {
            let message = format!(
                "is another name of {}, which is set too; set only one of them",
                key.name()
            );
            self.reader.refuse(alias.key_at, &alias.path, message);
        }
        self.value(key, &named.or(alias)?, values::strategy)
    }

    fn level(&mut self, key: K) -> Option<LevelChoice> {
        self.read(key, values::level)
    }

    fn inbound_rate(&mut self, key: K) -> Option<InboundRate> {
        self.read(key, values::inbound_rate)
    }

    fn max_htlc(&mut self, key: K) -> Option<MaxHtlc> {
        self.read(key, values::max_htlc)
    }

    fn base_fee(&mut self, key: K) -> Option<BaseFee> {
        self.read(key, values::base_fee)
    }
}

/// Refuses what cannot stand together, if one of the two keys is in `layer`.
/// Which rules meet in a channel is not known here: see [`SettingsLayers`].
///
/// [`SettingsLayers`]: sweetspot_core::settings::layers::SettingsLayers
fn check_together<L: Layer>(
    reader: &mut Reader<'_>,
    path: &str,
    places: &BTreeMap<L::Key, usize>,
    defaults: &L,
    layer: &L,
) {
    let settings = L::Settings::laid_over(|settings| {
        defaults.lay_over(settings);
        layer.lay_over(settings);
    });
    let is_set = |key| layer.sets(key) || defaults.sets(key);
    for Conflict {
        keys,
        rule,
        gives_way,
    } in L::conflicts(&settings)
    {
        if gives_way.is_some_and(|key| !is_set(key)) {
            continue;
        }
        let Some((key, at)) = keys.iter().find_map(|key| places.get_key_value(key)) else {
            continue;
        };
        let described = keys.map(|key| {
            let (name, value) = as_written::<L>(&settings, key);
            let origin = if layer.sets(key) {
                ""
            } else if defaults.sets(key) {
                " in [defaults]"
            } else {
                " by default"
            };
            format!("{name} is {value}{origin}")
        });
        let message = format!("{rule} ({})", described.join(", "));
        let (name, _) = as_written::<L>(&settings, *key);
        reader.refuse(*at, &format!("{path}.{name}"), message);
    }
}

/// An effective value with the name of the key that the operator gave it by:
/// the rate of a pin has one of its own.
fn as_written<L: Layer>(settings: &L::Settings, key: L::Key) -> (&'static str, Written) {
    match L::written(settings, key) {
        Written::Pin(ppm) => (PIN_PPM, ppm.into()),
        value => (key.name(), value),
    }
}
