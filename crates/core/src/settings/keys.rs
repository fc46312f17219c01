//! The keys that can be set, each written down once.
//!
//! A table ([`channel`], [`node`]) lists every key with its name in the config,
//! the type of its value, the values it may take and the field it sets. From it
//! come the layer that holds some of the values, the reading of the layer, and
//! the effective settings shown to the operator: a key added to the table cannot
//! be forgotten in one of them, and a value of another type does not compile.

pub mod channel;
#[cfg(test)]
pub(super) mod drawn;
pub mod node;
pub mod written;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::settings::built_in::BuiltIn;
use crate::settings::keys::written::Written;
use crate::settings::values::{BaseFee, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName};
use crate::types::units::FeePpm;

/// The highest outbound rate that may be set: 10 %. More is a slip of the pen.
pub const MOST_PPM: u32 = 100_000;
/// The highest base fee that may be set: 1,000 sat.
pub const MOST_BASE_FEE_MSAT: u32 = 1_000_000;
/// Ratios and shares.
pub const RATIO: RangeInclusive<f64> = 0.0..=1.0;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// The longest wait that can be asked for.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
/// Ten years of 365.25 days: as good as never.
const DECADE: Duration = Duration::from_secs(315_576_000);

/// A key of a table, by its name in the config.
pub trait Key: Copy + Ord + fmt::Debug + 'static {
    /// Every key of the table, in the order in which they are shown.
    const ALL: &'static [Self];

    /// Its name in the config; the unit is part of the name.
    fn name(self) -> &'static str;
}

/// Values for some of the keys of a table.
pub trait Layer: Default + PartialEq {
    /// The keys.
    type Key: Key;
    /// What they set.
    type Settings: BuiltIn;

    /// Asks `reader` for every key.
    fn read(reader: &mut impl KeyReader<Self::Key>) -> Self;

    /// Lays its values over `settings`, whatever comes of it.
    fn lay_over(&self, settings: &mut Self::Settings);

    /// Whether it gives a value to `key`.
    fn sets(&self, key: Self::Key) -> bool;

    /// The effective value of `key`.
    fn written(settings: &Self::Settings, key: Self::Key) -> Written;

    /// Every pair of effective values that cannot stand together.
    fn conflicts(settings: &Self::Settings) -> Vec<Conflict<Self::Key>> {
        let _ = settings;
        vec![]
    }

    /// Whether it gives no key a value.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Gives values to keys, one method for each type of value. A key without a
/// value, or with one that was refused, has none.
pub trait KeyReader<K> {
    /// A ratio, share, gain or rate; the key's name says which.
    fn number(&mut self, key: K, allowed: RangeInclusive<f64>) -> Option<f64>;
    /// A whole number; the key's name ends in its unit.
    fn count(&mut self, key: K, allowed: RangeInclusive<u32>) -> Option<u32>;
    /// An outbound rate up to [`MOST_PPM`].
    fn ppm(&mut self, key: K) -> Option<FeePpm>;
    /// An amount, in satoshis.
    fn sat(&mut self, key: K) -> Option<u64>;
    /// A span of time.
    fn span(&mut self, key: K, allowed: RangeInclusive<Duration>) -> Option<Duration>;
    /// Yes or no.
    fn flag(&mut self, key: K) -> Option<bool>;
    /// Whether a cost is measured, or only what is given.
    fn measured(&mut self, key: K) -> Option<bool>;
    /// What may be done to a channel.
    fn mode(&mut self, key: K) -> Option<Mode>;
    /// The strategy.
    fn strategy(&mut self, key: K) -> Option<StrategyName>;
    /// A price level: the node's own, or a rate from 1 to [`MOST_PPM`].
    fn level(&mut self, key: K) -> Option<LevelChoice>;
    /// The base fee, up to [`MOST_BASE_FEE_MSAT`].
    fn base_fee(&mut self, key: K) -> Option<BaseFee>;
    /// What the inbound rate follows, from -[`MOST_PPM`] to 0 where it is fixed.
    fn inbound_rate(&mut self, key: K) -> Option<InboundRate>;
    /// What the max HTLC follows.
    fn max_htlc(&mut self, key: K) -> Option<MaxHtlc>;
}

/// Two keys whose values cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict<K> {
    /// The keys.
    pub keys: [K; 2],
    /// The rule their values break.
    pub rule: &'static str,
    /// The one of them whose value gives way when settings are resolved. Only
    /// a config that sets it itself is wrong.
    pub gives_way: Option<K>,
}

impl<K> Conflict<K> {
    /// `keys` break `rule` if `is_broken`.
    fn when(is_broken: bool, keys: [K; 2], rule: &'static str) -> Option<Self> {
        is_broken.then_some(Self {
            keys,
            rule,
            gives_way: None,
        })
    }

    /// The same, but the second key's value gives way.
    fn unless_it_gives_way(is_broken: bool, keys: [K; 2], rule: &'static str) -> Option<Self>
    where
        K: Copy,
    {
        let conflict = Self::when(is_broken, keys, rule)?;
        Some(Self {
            gives_way: Some(keys[1]),
            ..conflict
        })
    }
}

/// Makes a layer and its keys of a table with a row for each key:
/// `Variant key: Type = how it is read(values allowed) => field it sets`.
macro_rules! layer {
    (
        $(#[$about:meta])*
        $layer:ident by $keys:ident over $settings:ty $(, checked by $conflicts:ident)? {
            $( $variant:ident $key:ident: $value:ty
                = $read:ident ( $($allowed:expr)? ) => $($field:ident).+, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $layer {
            $(
                #[doc = concat!("The value of `", stringify!($key), "`.")]
                pub $key: Option<$value>,
            )*
        }

        #[doc = concat!("The keys of a [`", stringify!($layer), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $keys {
            $(
                #[doc = concat!("`", stringify!($key), "`")]
                $variant,
            )*
        }

        impl Key for $keys {
            const ALL: &'static [Self] = &[$( Self::$variant, )*];

            fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => stringify!($key), )*
                }
            }
        }

        impl Layer for $layer {
            type Key = $keys;
            type Settings = $settings;

            fn read(reader: &mut impl KeyReader<$keys>) -> Self {
                Self {
                    $( $key: reader.$read($keys::$variant $(, $allowed)?), )*
                }
            }

            fn lay_over(&self, settings: &mut $settings) {
                $(
                    if let Some(value) = self.$key {
                        settings.$($field).+ = value;
                    }
                )*
            }

            fn sets(&self, key: $keys) -> bool {
                match key {
                    $( $keys::$variant => self.$key.is_some(), )*
                }
            }

            fn written(settings: &$settings, key: $keys) -> Written {
                match key {
                    $( $keys::$variant => settings.$($field).+.into(), )*
                }
            }

            $(
                fn conflicts(settings: &$settings) -> Vec<Conflict<$keys>> {
                    $conflicts(settings)
                }
            )?
        }
    };
}
use layer;
