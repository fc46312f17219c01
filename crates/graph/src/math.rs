//! Transcendental functions that give the same bits on every machine.
//!
//! `f64::ln` and its like go through the platform's libm, whose last bit
//! differs between systems; one bit turned here is another market a month
//! later. The `libm` crate computes them in Rust. (`sqrt`, rounding and
//! arithmetic are exact by IEEE 754 and need no such care.)

pub use sweetspot_core::types::units::count;

/// The natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `e` to the power `x`.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `x` to the power `y`.
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// The cosine of `x` radians.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// The standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Whole part of a non-negative `x`; NaN and negatives give 0, too large the
/// largest number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn whole(x: f64) -> u64 {
    x as u64
}

/// `n` as a float (exact below 2⁵³).
#[allow(clippy::cast_precision_loss)]
pub fn float(n: u64) -> f64 {
    n as f64
}
