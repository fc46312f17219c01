//! The parts of a change, as fields of a line: only those that change.

use sweetspot_core::decision::Decision;
use sweetspot_core::types::channel::FeeParts;

/// The inbound rate that `to` sets, if it is another one.
pub fn inbound_set(decision: &Decision, to: FeeParts) -> Option<i32> {
    let before = decision.current.map(|fees| fees.inbound.rate_ppm);
    Some(to.inbound.rate_ppm).filter(|rate| before != Some(*rate))
}

/// The base fee before and after, in msat, if `to` sets another one.
pub fn base_set(decision: &Decision, to: FeeParts) -> (Option<u32>, Option<u32>) {
    let before = decision.current.map(|fees| fees.base_fee_msat);
    match before == Some(to.base_fee_msat) {
        true => (None, None),
        false => (before, Some(to.base_fee_msat)),
    }
}

/// The max HTLC before and after, in msat, if the decision sets another one.
pub fn max_htlc_set(decision: &Decision) -> (Option<u64>, Option<u64>) {
    let change = decision.max_htlc_change();
    (
        change.map(|change| change.from.0),
        change.map(|change| change.to.0),
    )
}
