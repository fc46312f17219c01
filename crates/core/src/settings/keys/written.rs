//! Effective values in the words of the config.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::settings::values::{BaseFee, InboundRate, LevelChoice, MaxHtlc, Mode, StrategyName};
use crate::types::units::FeePpm;

/// An effective value, as the config would have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Written {
    /// A number.
    Number(f64),
    /// A whole number.
    Whole(u64),
    /// A whole number that may be below zero.
    Signed(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A word, or a span of time.
    Text(String),
    /// `"pin"` at this rate, which has a key of its own: `pin_ppm`.
    Pin(FeePpm),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Signed(signed) => write!(f, "{signed}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) => f.write_str(text),
            Self::Pin(ppm) => write!(f, "pin {}", ppm.0),
        }
    }
}

impl From<f64> for Written {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Written {
    fn from(whole: u32) -> Self {
        Self::Whole(whole.into())
    }
}

impl From<u64> for Written {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl From<FeePpm> for Written {
    fn from(ppm: FeePpm) -> Self {
        ppm.0.into()
    }
}

impl From<Duration> for Written {
    fn from(span: Duration) -> Self {
        Self::Text(humantime::format_duration(span).to_string())
    }
}

impl From<bool> for Written {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<&str> for Written {
    fn from(word: &str) -> Self {
        Self::Text(word.to_owned())
    }
}

impl From<Mode> for Written {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Manage => "manage".into(),
            Mode::Observe => "observe".into(),
            Mode::Ignore => "ignore".into(),
            Mode::Pin(ppm) => Self::Pin(ppm),
        }
    }
}

impl From<StrategyName> for Written {
    fn from(strategy: StrategyName) -> Self {
        strategy.name().into()
    }
}

impl From<LevelChoice> for Written {
    fn from(level: LevelChoice) -> Self {
        match level {
            LevelChoice::Market => "market".into(),
            LevelChoice::Fixed(ppm) => ppm.into(),
        }
    }
}

impl From<InboundRate> for Written {
    fn from(inbound: InboundRate) -> Self {
        match inbound {
            InboundRate::Auto => "auto".into(),
            InboundRate::Fixed(discount) => Self::Signed(-i64::from(discount.0)),
        }
    }
}

impl From<MaxHtlc> for Written {
    fn from(max_htlc: MaxHtlc) -> Self {
        match max_htlc {
            MaxHtlc::Off => "off".into(),
            MaxHtlc::Balance => "balance".into(),
            MaxHtlc::Restored(was) => Self::Text(format!("restored to {}", was.told())),
        }
    }
}

impl From<BaseFee> for Written {
    fn from(base_fee: BaseFee) -> Self {
        match base_fee {
            BaseFee::Set(msat) => msat.into(),
            BaseFee::Keep => "keep".into(),
        }
    }
}
