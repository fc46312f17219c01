//! Amounts and rates, each with its unit in its name.

use std::fmt;

use serde::Serialize;

use super::format::grouped;

/// An outbound fee rate in parts per million of the forwarded amount
/// (LND's `fee_rate_milli_msat`, BOLT 7's `fee_proportional_millionths`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct FeePpm(pub u32);

/// A rate of zero would stay zero under multiplication: the least
/// that does not round to it, nearly, in ppm.
pub const LEAST_PPM: f64 = 0.4;

impl FeePpm {
    /// The rate as a float, for the controller's arithmetic.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0)
    }

    /// A share of it, rounded down.
    pub fn share(self, share: f64) -> Self {
        Self::rounded((self.as_f64() * share).floor())
    }

    /// The nearest whole rate; anything not a number or below zero is zero.
    pub fn rounded(ppm: f64) -> Self {
        // `as` saturates and maps NaN to 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self(ppm.round() as u32)
    }
}

impl fmt::Display for FeePpm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", grouped(self.0.into()))
    }
}

/// Thousandths of a satoshi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Msat(pub u64);

impl Msat {
    /// In words: in sat where it is a whole number of them.
    pub fn told(self) -> String {
        match self.0 % 1_000 {
            0 => Sat(self.0 / 1_000).to_string(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Msat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} msat", grouped(self.0))
    }
}

/// Satoshis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sat(pub u64);

impl Msat {
    /// The amount in satoshis, as a float.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_sat(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// The amount as a float, for ratios.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Both together; the most there can be, where that is more.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sat {
    /// The amount as a float, for ratios.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }
}

impl Sat {
    /// The nearest whole amount; anything not a number or below zero is zero.
    pub fn rounded(sat: f64) -> Self {
        // `as` saturates and maps NaN to 0.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self(sat.round() as u64)
    }
}

impl fmt::Display for Sat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sat", grouped(self.0))
    }
}

/// A length or an index as a float.
#[allow(clippy::cast_precision_loss)]
pub fn count(n: usize) -> f64 {
    n as f64
}

/// A height in the block chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct BlockHeight(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_a_rate_never_leaves_the_whole_numbers() {
        assert_eq!(FeePpm::rounded(90.5), FeePpm(91));
        assert_eq!(FeePpm::rounded(-3.0), FeePpm(0));
        assert_eq!(FeePpm::rounded(f64::NAN), FeePpm(0));
        assert_eq!(FeePpm::rounded(f64::INFINITY), FeePpm(u32::MAX));
    }
}
