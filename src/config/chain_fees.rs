//! Reads `[chain_fees]`: what on-chain fees are like, and from where that is known.

use super::reader::{Reader, Section};
use super::values;
use sweetspot_core::money::chain_fees::FeeBounds;
use sweetspot_lnd::CHAIN_FEES_URI;

/// Rates that may be set, in sat/vB.
const RATES: std::ops::RangeInclusive<f64> = 0.1..=10_000.0;

/// What on-chain fees are like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChainFeeSettings {
    /// Whether the node is asked.
    pub estimate: bool,
    /// The rate that the operator gives, in sat/vB.
    pub given_sat_per_vb: Option<f64>,
    /// From where on they are cheap and dear.
    pub bounds: FeeBounds,
}

impl ChainFeeSettings {
    /// Whether anybody says what they are like.
    pub fn is_told(&self) -> bool {
        self.estimate || self.given_sat_per_vb.is_some()
    }

    /// The RPC it takes, as a macaroon URI, with what is lost without it.
    pub fn needs(&self) -> Option<(&'static str, &'static str)> {
        let lost = "what on-chain fees are like is not known";
        self.estimate.then_some((CHAIN_FEES_URI, lost))
    }
}

/// Reads `[chain_fees]`.
pub(super) fn chain_fees<'t>(
    reader: &mut Reader<'t>,
    mut section: Section<'t>,
) -> ChainFeeSettings {
    let (path, at) = (section.path.clone(), section.at);
    let estimate = section.read(reader, "estimate", values::flag);
    let rate = |value: &toml::de::DeValue<'_>| values::number(value, RATES);
    let given_sat_per_vb = section.read(reader, "sat_per_vb", rate);
    let mut bounds = FeeBounds::default();
    for (name, bound) in [
        ("cheap_sat_per_vb", &mut bounds.cheap_sat_per_vb),
        ("dear_sat_per_vb", &mut bounds.dear_sat_per_vb),
    ] {
        *bound = section.read(reader, name, rate).unwrap_or(*bound);
    }
    section.finish(reader);
    let estimate = estimate.unwrap_or(false);
    if estimate && given_sat_per_vb.is_some() {
        let message = "estimate and sat_per_vb say the same: set one of them";
        reader.refuse(at, &path, message);
    }
    // Else the margins, within which a regime stays, would meet.
    if bounds.cheap_sat_per_vb * 3.0 > bounds.dear_sat_per_vb {
        let message = "dear_sat_per_vb must be at least three times cheap_sat_per_vb";
        reader.refuse(at, &path, message);
    }
    ChainFeeSettings {
        estimate,
        given_sat_per_vb,
        bounds,
    }
}
