//! What charge-lnd's strategies set, in our keys.

use std::collections::BTreeMap;

use super::conditions::number;
use super::notes::Notes;
use super::rule::{Settings, Value};
use sweetspot_core::settings::keys::{MOST_BASE_FEE_MSAT, MOST_PPM};

/// What holds for a policy: its own keys over those of sections without a
/// strategy, each with the section and line it is from.
pub(super) type Properties<'a> = BTreeMap<&'a str, Property<'a>>;

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property<'a> {
    pub(super) section: &'a str,
    pub(super) line: usize,
    pub(super) value: &'a str,
}

/// The least change of charge-lnd's `proportional` where none is given, in ppm.
const PROPORTIONAL_DELTA_PPM: u32 = 10;
/// The least that `step_floor_ppm` is set to: our own default.
const STEP_FLOOR_PPM: u32 = 10;

/// The keys that a strategy of theirs goes by and ours can say.
pub(super) fn used_by(strategy: &str) -> &'static [&'static str] {
    match strategy {
        "static" | "match_peer" => &["base_fee_msat", "fee_ppm", "inbound_fee_ppm"],
        "proportional" => &[
            "base_fee_msat",
            "min_fee_ppm",
            "max_fee_ppm",
            "min_fee_ppm_delta",
            "sum_peer_chans",
            "inbound_fee_ppm",
        ],
        _ => &[],
    }
}

/// What `strategy` means in our config, where that can be said; if not, the channel
/// is left alone.
pub(super) fn settings(
    strategy: Property<'_>,
    properties: &Properties<'_>,
    notes: &mut Notes,
) -> Settings {
    let mut reader = Reader { properties, notes };
    let why = match strategy.value {
        "ignore" => return left_alone(),
        "static" => match reader.whole("fee_ppm", MOST_PPM) {
            Some(ppm) => return reader.pinned(ppm),
            None => "without fee_ppm it sets no fee rate, and no base fee is set without one",
        },
        "match_peer" => match reader.whole("fee_ppm", MOST_PPM) {
            Some(ppm) if properties.contains_key("base_fee_msat") => return reader.pinned(ppm),
            _ => "no fee follows the peer's",
        },
        "proportional" => match reader.proportional() {
            Some(settings) => {
                let why = "roughly: the fee stays between the same bounds and is their mean at \
                           half the channel, but demand moves it too, step by step, and a peer's \
                           channels have one fee";
                notes.add(strategy.line, strategy.section, "strategy", why);
                return settings;
            }
            None => "it needs min_fee_ppm and max_fee_ppm, the first not above the second",
        },
        "ignore_fees" => "HTLC limits and CLTV deltas are never changed",
        "disable" => "no channel is ever disabled: LND forgets it at a restart (docs/migration.md)",
        "cost" => "what a channel cost is not looked up; say it with cost_sat, as a floor",
        "onchain_fee" => "no fee follows the chain's fee rate",
        "use_config" => "import that file by itself",
        _ => "charge-lnd does not know this strategy, and leaves the channels alone",
    };
    let why = format!("left alone: {why}");
    notes.add(strategy.line, strategy.section, "strategy", why);
    left_alone()
}

/// Nothing is done to the channel.
pub(super) fn left_alone() -> Settings {
    vec![("mode", "ignore".into())]
}

struct Reader<'a, 'n> {
    properties: &'a Properties<'a>,
    notes: &'n mut Notes,
}

impl Reader<'_, '_> {
    /// A whole number up to `most`; a larger one becomes that, and is told.
    fn whole(&mut self, key: &str, most: u32) -> Option<u32> {
        let property = self.properties.get(key)?;
        let mut note = |why| self.notes.add(property.line, property.section, key, why);
        let read = number(property.value);
        match read {
            Ok(number) if number > f64::from(most) => {
                note(format!("more than can be set; {most} it is"));
                Some(most)
            }
            // Not above a u32, not negative.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Ok(number) if number.fract() == 0.0 => {
                self.notes.said(property.line, key);
                Some(number as u32)
            }
            Ok(_) => {
                note("is no whole number".to_owned());
                None
            }
            Err(why) => {
                note(why);
                None
            }
        }
    }

    /// The base fee: theirs stays as it is where none is given.
    fn base_fee(&mut self) -> (&'static str, Value) {
        let base = self.whole("base_fee_msat", MOST_BASE_FEE_MSAT);
        ("base_fee_msat", base.map_or("keep".into(), Value::from))
    }

    /// The inbound rate: theirs stays as it is where none is given.
    fn inbound(&mut self) -> (&'static str, Value) {
        let rate = self.discount().map(|rate| Value::Number(rate.into()));
        ("inbound_ppm", rate.unwrap_or("auto".into()))
    }

    /// An inbound rate from -[`MOST_PPM`] to 0, in ppm; any other is told.
    fn discount(&mut self) -> Option<i32> {
        let key = "inbound_fee_ppm";
        let property = self.properties.get(key)?;
        let plain: String = property.value.chars().filter(|c| *c != '_').collect();
        let why = match plain.parse::<i32>() {
            Ok(rate) if rate <= 0 && rate.unsigned_abs() <= MOST_PPM => {
                self.notes.said(property.line, key);
                return Some(rate);
            }
            Ok(1..) => "only inbound fees of 0 and below are set",
            Ok(_) => "is a larger discount than can be set",
            Err(_) => "is no whole number",
        };
        self.notes.add(property.line, property.section, key, why);
        None
    }

    /// The fee is held at `ppm`. The bounds are set as well: those of other rules
    /// for the same channel must not move it.
    fn pinned(&mut self, ppm: u32) -> Settings {
        if let Some(delta) = self.properties.get("min_fee_ppm_delta") {
            let why = "a fixed fee is set however small the difference";
            self.notes
                .add(delta.line, delta.section, "min_fee_ppm_delta", why);
        }
        vec![
            ("mode", "pin".into()),
            ("pin_ppm", ppm.into()),
            ("min_ppm", ppm.into()),
            ("max_ppm", ppm.into()),
            self.base_fee(),
            self.inbound(),
        ]
    }

    fn proportional(&mut self) -> Option<Settings> {
        let least = self.whole("min_fee_ppm", MOST_PPM)?;
        let most = self.whole("max_fee_ppm", MOST_PPM)?;
        if least > most {
            return None;
        }
        let delta = self.whole("min_fee_ppm_delta", MOST_PPM);
        let delta = delta.unwrap_or(PROPORTIONAL_DELTA_PPM);
        if let Some(sum) = self.properties.get("sum_peer_chans") {
            self.notes.said(sum.line, "sum_peer_chans");
        }
        Some(vec![
            ("mode", "manage".into()),
            ("min_ppm", least.into()),
            ("max_ppm", most.into()),
            ("level_ppm", least.midpoint(most).max(1).into()),
            ("target_ratio", Value::Number(0.5)),
            self.base_fee(),
            self.inbound(),
            ("deadband_ppm", delta.into()),
            ("step_floor_ppm", delta.max(STEP_FLOOR_PPM).into()),
        ])
    }
}

/// Why a property that no strategy took is not in our config.
pub(super) fn why_not(key: &str) -> &'static str {
    match key {
        "min_htlc_msat" => "the min HTLC is never changed",
        "max_htlc_msat" | "max_htlc_msat_ratio" => {
            "no fixed max HTLC can be set; max_htlc = \"balance\" has it follow the balance"
        }
        "time_lock_delta" => "CLTV deltas are never changed",
        "inbound_base_fee_msat" => "inbound base fees are never changed",
        "inbound_level_ppm" => "no inbound fee follows the outbound one; inbound_ppm fixes it",
        "min_inbound_fee_ppm_delta" => "changes of discounts wait for [inbound] cooldown instead",
        _ if key.starts_with("cb_") => "circuitbreaker is a program of its own",
        "config_file" | "cost_factor" | "onchain_fee_btc" | "onchain_fee_numblocks" => {
            "belongs to a strategy that is not carried over"
        }
        "base_fee_msat" | "fee_ppm" | "inbound_fee_ppm" | "min_fee_ppm" | "max_fee_ppm"
        | "min_fee_ppm_delta" | "sum_peer_chans" => {
            "has no effect here: no strategy that is carried over goes by it"
        }
        _ => "charge-lnd does not know this key either",
    }
}
