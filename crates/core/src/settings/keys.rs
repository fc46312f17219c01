//! Settings by name: each key of the settings file once, with the values it
//! may take and the field it sets. Reading a file, showing what is in force and
//! checking the example all walk these tables, so a key cannot be forgotten in
//! one of them.

use std::fmt;
use std::time::Duration;

use crate::settings::values::{
    BaseFee, ChannelSettings, LevelChoice, Mode, NodeSettings, StrategyName,
};
use crate::types::units::FeePpm;

/// The highest outbound rate that may be set: 10 %. More is a slip of the pen.
pub const MOST_PPM: u32 = 100_000;
/// The highest base fee that may be set: 1,000 sat.
pub const MOST_BASE_FEE_MSAT: u32 = 1_000_000;

/// The value of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A ratio, share, gain or rate; the key's name says which.
    Number(f64),
    /// A whole number; the key's name ends in its unit.
    Count(u32),
    /// An outbound rate.
    Ppm(FeePpm),
    /// An amount, in satoshis.
    Sat(u64),
    /// A span of time.
    Span(Duration),
    /// Yes or no.
    Flag(bool),
    /// What may be done to a channel.
    Mode(Mode),
    /// The base fee.
    BaseFee(BaseFee),
    /// The law.
    StrategyName(StrategyName),
    /// The price level.
    Level(LevelChoice),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Ppm(ppm) => write!(f, "{}", ppm.0),
            Self::Sat(sat) => write!(f, "{sat}"),
            Self::Span(span) => write!(f, "{}", humantime::format_duration(*span)),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Mode(Mode::Manage) => f.write_str("manage"),
            Self::Mode(Mode::Observe) => f.write_str("observe"),
            Self::Mode(Mode::Ignore) => f.write_str("ignore"),
            Self::Mode(Mode::Pin(ppm)) => write!(f, "pin at {ppm}"),
            Self::BaseFee(BaseFee::Set(msat)) => write!(f, "{msat}"),
            Self::BaseFee(BaseFee::Keep) => f.write_str("keep"),
            Self::StrategyName(StrategyName::Sweetspot) => f.write_str("sweetspot"),
            Self::StrategyName(StrategyName::Classic) => f.write_str("classic"),
            Self::Level(LevelChoice::Learned) => f.write_str("learned"),
            Self::Level(LevelChoice::Fixed(ppm)) => write!(f, "{}", ppm.0),
        }
    }
}

/// The values a key may take; bounds are inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number from the first to the second.
    Number(f64, f64),
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// An outbound rate up to [`MOST_PPM`].
    Ppm,
    /// An amount.
    Sat,
    /// A span of time from the first to the second.
    Span(Duration, Duration),
    /// Yes or no.
    Flag,
    /// What may be done to a channel.
    Mode,
    /// The base fee, up to [`MOST_BASE_FEE_MSAT`].
    BaseFee,
    /// A law's name.
    StrategyName,
    /// A rate up to [`MOST_PPM`], or the word for the learned one.
    Level,
}

/// A key that sets one field of `S`.
pub struct Key<S> {
    /// Its name in the file; the unit is part of the name.
    pub name: &'static str,
    /// The values it may take.
    pub kind: Kind,
    /// Reads the field.
    pub get: fn(&S) -> Value,
    /// Sets the field; a value of another kind changes nothing.
    pub set: fn(&mut S, Value),
}

impl<S> fmt::Debug for Key<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The key named `name`.
pub fn find<S>(keys: &'static [Key<S>], name: &str) -> Option<&'static Key<S>> {
    keys.iter().find(|key| key.name == name)
}

macro_rules! keys {
    ($settings:ty: $( $name:ident: $kind:ident $(($least:expr, $most:expr))? => $($field:ident).+ ),* $(,)?) => {
        &[$( Key::<$settings> {
            name: stringify!($name),
            kind: Kind::$kind $(($least, $most))?,
            get: |settings| Value::$kind(settings.$($field).+),
            set: |settings, value| {
                if let Value::$kind(value) = value {
                    settings.$($field).+ = value;
                }
            },
        } ),*]
    };
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Ten years of 365.25 days.
const DECADE: Duration = Duration::from_secs(315_576_000);

/// What can be set for a channel, in the order in which it is shown.
pub const CHANNEL_KEYS: &[Key<ChannelSettings>] = keys! { ChannelSettings:
    mode: Mode => mode,
    law: StrategyName => strategy,
    level_ppm: Level => level,
    target_ratio: Number(0.0, 1.0) => target_ratio,
    min_ppm: Ppm => min,
    max_ppm: Ppm => max,
    cost_ppm: Ppm => cost.ppm,
    cost_sat: Sat => cost.sat,
    base_fee_msat: BaseFee => base_fee,
    keep: Flag => keep,
    inbound_discount: Flag => inbound_discount,

    balance_gain: Number(0.0, 1.0) => gains.balance,
    throughput_gain: Number(0.0, 1.0) => gains.throughput,
    evidence_forwards: Number(0.0, 1e6) => gains.evidence_forwards,
    balance_undamped_share: Number(0.0, 1.0) => gains.balance_undamped_share,

    max_raise: Number(0.01, 10.0) => pace.max_raise,
    max_cut: Number(0.01, 0.9) => pace.max_cut,
    step_floor_ppm: Count(0, MOST_PPM) => pace.step_floor_ppm,
    deadband_ppm: Count(0, MOST_PPM) => pace.deadband_ppm,
    deadband: Number(0.0, 1.0) => pace.deadband,
    cooldown_raise: Span(Duration::ZERO, DAY.saturating_mul(30)) => pace.cooldown_raise,
    cooldown_cut: Span(Duration::ZERO, DAY.saturating_mul(30)) => pace.cooldown_cut,
    max_updates_per_day: Count(1, 1_440) => pace.max_updates_per_day,
    foreign_hands_off: Span(Duration::ZERO, DECADE) => pace.foreign_hands_off,

    protect_drain_share: Number(0.01, 1.0) => protect.drain_share,
    protect_window: Span(SECOND, DAY) => protect.window,
    protect_low_ratio: Number(0.0, 1.0) => protect.low_ratio,
    protect_raise: Number(0.0, 10.0) => protect.raise,
    protect_cooldown: Span(Duration::ZERO, DAY.saturating_mul(30)) => protect.cooldown,

    prune_min_history: Span(Duration::ZERO, DECADE) => prune.min_history,
    prune_stuck_local_ratio: Number(0.0, 1.0) => prune.stuck_local_ratio,
    prune_stuck_fee_ppm: Ppm => prune.stuck_fee,
    prune_stuck_tpm: Number(0.0, 1e3) => prune.stuck_tpm,
    prune_stuck_for: Span(HOUR, DECADE) => prune.stuck_for,
    prune_drained_local_ratio: Number(0.0, 1.0) => prune.drained_local_ratio,
    prune_drained_for: Span(HOUR, DECADE) => prune.drained_for,
    prune_idle_tpm: Number(0.0, 1e3) => prune.idle_tpm,
    prune_idle_for: Span(HOUR, DECADE) => prune.idle_for,
    prune_floor_for: Span(HOUR, DECADE) => prune.floor_for,
    prune_ignore_below_sat: Sat => prune.ignore_below_sat,
    prune_quiet_node_share: Number(0.0, 1.0) => prune.quiet_node_share,
};

/// `[rhythm]`: how often the node is read and decided on, how far rates look
/// back.
pub const RHYTHM_KEYS: &[Key<NodeSettings>] = keys! { NodeSettings:
    fast_interval: Span(SECOND, HOUR) => fast_interval,
    slow_interval: Span(SECOND, DAY.saturating_mul(7)) => slow_interval,
    tpm_window: Span(SECOND, DECADE) => tpm_window,
    tpm_history: Span(SECOND, DECADE) => tpm_history,
};

/// `[budget]`: how much the whole node may move.
pub const BUDGET_KEYS: &[Key<NodeSettings>] = keys! { NodeSettings:
    updates_per_hour: Count(1, 3_600) => updates_per_hour,
    reserved_for_protection: Count(0, 3_600) => reserved_for_protection,
    max_moving_share: Number(0.0, 1.0) => max_moving_share,
    max_moving_free: Count(0, 100_000) => max_moving_free,
};

/// `[inbound]`: discounts for flow that refills a channel.
pub const INBOUND_KEYS: &[Key<NodeSettings>] = keys! { NodeSettings:
    discount: Flag => inbound.discount,
    share: Number(0.0, 1.0) => inbound.share,
    cheapest_ignored: Number(0.0, 1.0) => inbound.cheapest_ignored,
    max_discount_ppm: Ppm => inbound.max_discount,
    dead_zone: Number(0.0, 1.0) => inbound.dead_zone,
    cooldown: Span(HOUR, DAY.saturating_mul(30)) => inbound.cooldown,
    expires_after: Span(Duration::ZERO, DAY.saturating_mul(30)) => inbound.expires_after,
};

/// Two keys whose values cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The keys.
    pub keys: [&'static str; 2],
    /// The rule their values break.
    pub rule: &'static str,
}

/// Every pair of channel settings that cannot stand together.
pub fn channel_conflicts(settings: &ChannelSettings) -> Vec<Conflict> {
    let pace = &settings.pace;
    let pin = match settings.mode {
        Mode::Pin(ppm) => Some(ppm),
        _ => None,
    };
    broken([
        (
            settings.min > settings.max,
            ["min_ppm", "max_ppm"],
            "min_ppm must not be above max_ppm",
        ),
        (
            pin.is_some_and(|ppm| ppm < settings.min),
            ["pin_ppm", "min_ppm"],
            "pin_ppm must not be below min_ppm",
        ),
        (
            pin.is_some_and(|ppm| ppm > settings.max),
            ["pin_ppm", "max_ppm"],
            "pin_ppm must not be above max_ppm",
        ),
        (
            pace.max_raise <= pace.deadband,
            ["max_raise", "deadband"],
            "max_raise must be above deadband, or the fee could never rise",
        ),
        (
            pace.max_cut <= pace.deadband,
            ["max_cut", "deadband"],
            "max_cut must be above deadband, or the fee could never fall",
        ),
        (
            pace.step_floor_ppm < pace.deadband_ppm,
            ["step_floor_ppm", "deadband_ppm"],
            "step_floor_ppm must not be below deadband_ppm, or a low fee could never move",
        ),
    ])
}

/// Every pair of node settings that cannot stand together.
pub fn node_conflicts(settings: &NodeSettings) -> Vec<Conflict> {
    broken([
        (
            settings.fast_interval >= settings.slow_interval,
            ["fast_interval", "slow_interval"],
            "fast_interval must be shorter than slow_interval",
        ),
        (
            settings.tpm_window >= settings.tpm_history,
            ["tpm_window", "tpm_history"],
            "tpm_window must be shorter than tpm_history",
        ),
        (
            settings.reserved_for_protection >= settings.updates_per_hour,
            ["reserved_for_protection", "updates_per_hour"],
            "reserved_for_protection must be below updates_per_hour, or nothing else could be updated",
        ),
    ])
}

fn broken<const N: usize>(rules: [(bool, [&'static str; 2], &'static str); N]) -> Vec<Conflict> {
    rules
        .into_iter()
        .filter(|(is_broken, ..)| *is_broken)
        .map(|(_, keys, rule)| Conflict { keys, rule })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_settings_break_no_rule() {
        assert_eq!(channel_conflicts(&ChannelSettings::default()), vec![]);
        assert_eq!(node_conflicts(&NodeSettings::default()), vec![]);
    }

    #[test]
    fn a_key_reads_back_what_it_set_and_nothing_else_moves() {
        for key in CHANNEL_KEYS {
            let mut settings = ChannelSettings::default();
            let other = match (key.get)(&settings) {
                Value::Number(number) => Value::Number(number + 0.25),
                Value::Count(count) => Value::Count(count + 1),
                Value::Ppm(ppm) => Value::Ppm(FeePpm(ppm.0 + 1)),
                Value::Sat(sat) => Value::Sat(sat + 1),
                Value::Span(span) => Value::Span(span + SECOND),
                Value::Flag(flag) => Value::Flag(!flag),
                Value::Mode(_) => Value::Mode(Mode::Pin(FeePpm(7))),
                Value::BaseFee(_) => Value::BaseFee(BaseFee::Keep),
                Value::StrategyName(_) => Value::StrategyName(StrategyName::Classic),
                Value::Level(_) => Value::Level(LevelChoice::Fixed(FeePpm(7))),
            };
            (key.set)(&mut settings, other);
            for seen in CHANNEL_KEYS {
                let expected = if seen.name == key.name {
                    other
                } else {
                    (seen.get)(&ChannelSettings::default())
                };
                assert_eq!((seen.get)(&settings), expected, "{key:?} moved {seen:?}");
            }
        }
    }
}
