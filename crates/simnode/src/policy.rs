//! UpdateChannelPolicy as LND does it: what is checked first, what is replaced,
//! what is kept.

use tonic::Status;

use sweetspot_core::types::channel::{FeeParts, InboundFee, Policy};
use sweetspot_core::types::units::{FeePpm, Msat};
use sweetspot_lnd::LndVersion;
use sweetspot_lnd::proto::PolicyUpdateRequest;

const MAX_CLTV_DELTA: u32 = 2_016;
const CLTV_DELTA_RAISED: LndVersion = LndVersion {
    major: 0,
    minor: 21,
    patch: 0,
};
const PPM_PER_UNIT: f64 = 1e6;

/// The smallest CLTV delta that a release takes.
pub(super) fn min_cltv_delta(release: LndVersion) -> u32 {
    if release >= CLTV_DELTA_RAISED { 24 } else { 18 }
}

/// An update that passed the checks made before any channel is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub base_fee_msat: u32,
    pub outbound: FeePpm,
    /// `None` keeps what is.
    pub inbound: Option<InboundFee>,
    pub time_lock_delta: u32,
    /// `None` keeps what is, within what the channel allows.
    pub max_htlc: Option<Msat>,
    /// `None` keeps what is.
    pub min_htlc: Option<Msat>,
}

/// What the channel's two sides agreed on when it was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub min_htlc: Msat,
    pub max_pending: Msat,
}

impl Update {
    pub fn of(order: &PolicyUpdateRequest, release: LndVersion) -> Result<Self, Status> {
        let update = Self {
            outbound: FeePpm(rate(order)?),
            base_fee_msat: base_fee(order.base_fee_msat)?,
            inbound: order.inbound_fee.map(|fee| InboundFee {
                base_fee_msat: fee.base_fee_msat,
                rate_ppm: fee.fee_rate_ppm,
            }),
            time_lock_delta: order.time_lock_delta,
            max_htlc: (order.max_htlc_msat != 0).then_some(Msat(order.max_htlc_msat)),
            min_htlc: order
                .min_htlc_msat_specified
                .then_some(Msat(order.min_htlc_msat)),
        };
        update.check(release)?;
        Ok(update)
    }

    pub fn check(&self, release: LndVersion) -> Result<(), Status> {
        let (delta, least) = (self.time_lock_delta, min_cltv_delta(release));
        if delta < least {
            return Err(Status::unknown(format!(
                "time lock delta of {delta} is too small, minimum supported is {least}"
            )));
        }
        if release >= CLTV_DELTA_RAISED && delta > MAX_CLTV_DELTA {
            return Err(Status::unknown(format!(
                "time lock delta of {delta} exceeds max-cltv-expiry of {MAX_CLTV_DELTA}"
            )));
        }
        let positive = |what: &str, value: i32| {
            Err(Status::unknown(format!(
                "positive values for inbound {what} are not supported: {value}"
            )))
        };
        match self.inbound {
            Some(fee) if fee.base_fee_msat > 0 => positive("base fee msat", fee.base_fee_msat),
            Some(fee) if fee.rate_ppm > 0 => positive("fee rate ppm", fee.rate_ppm),
            _ => Ok(()),
        }
    }

    /// The policy after the update, its time apart; or why this channel cannot
    /// have it.
    pub fn applied_to(&self, policy: Policy, limits: Limits) -> Result<Policy, String> {
        let max_htlc = self
            .max_htlc
            .unwrap_or(policy.max_htlc.min(limits.max_pending));
        let min_htlc = self.min_htlc.unwrap_or(policy.min_htlc);
        if min_htlc < limits.min_htlc {
            return Err(format!(
                "min htlc amount of {} mSAT is below min htlc parameter of {} mSAT",
                min_htlc.0, limits.min_htlc.0
            ));
        }
        if max_htlc > limits.max_pending {
            return Err(format!(
                "max htlc size of {} mSAT is above max pending amount of {} mSAT",
                max_htlc.0, limits.max_pending.0
            ));
        }
        if min_htlc > max_htlc {
            return Err(format!(
                "min_htlc {} mSAT greater than max_htlc {} mSAT",
                min_htlc.0, max_htlc.0
            ));
        }
        Ok(Policy {
            fees: FeeParts {
                base_fee_msat: self.base_fee_msat,
                outbound: self.outbound,
                inbound: self.inbound.unwrap_or(policy.fees.inbound),
            },
            time_lock_delta: self.time_lock_delta,
            min_htlc,
            max_htlc,
            ..policy
        })
    }
}

fn rate(order: &PolicyUpdateRequest) -> Result<u32, Status> {
    let fraction = order.fee_rate;
    if fraction != 0.0 && order.fee_rate_ppm != 0 {
        return Err(Status::invalid_argument(
            "cannot set both FeeRate and FeeRatePpm at the same time",
        ));
    }
    if fraction == 0.0 {
        return Ok(order.fee_rate_ppm);
    }
    if fraction.is_nan() || fraction < 1.0 / PPM_PER_UNIT {
        return Err(Status::unknown(format!(
            "fee rate of {fraction} is too small, min fee rate is 1e-06"
        )));
    }
    Ok(FeePpm::rounded(fraction * PPM_PER_UNIT).0)
}

/// LND takes any base fee, and sends a wrapped one to its peers.
fn base_fee(msat: i64) -> Result<u32, Status> {
    let refused = |_| Status::unknown(format!("a base fee of {msat} msat fits no channel update"));
    u32::try_from(msat).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_lnd::check_version;
    use sweetspot_lnd::proto;

    const LIMITS: Limits = Limits {
        min_htlc: Msat(1),
        max_pending: Msat(990_000_000),
    };

    fn release(text: &str) -> LndVersion {
        check_version(text).expect("supported")
    }

    fn order() -> PolicyUpdateRequest {
        PolicyUpdateRequest {
            time_lock_delta: 80,
            ..Default::default()
        }
    }

    fn refused(order: PolicyUpdateRequest) -> String {
        let refused = Update::of(&order, release("0.21.2")).expect_err("refused");
        refused.message().to_owned()
    }

    fn policy() -> Policy {
        Policy {
            fees: FeeParts {
                base_fee_msat: 1_000,
                outbound: FeePpm(250),
                inbound: InboundFee {
                    base_fee_msat: -5,
                    rate_ppm: -30,
                },
            },
            time_lock_delta: 80,
            min_htlc: Msat(1_000),
            max_htlc: Msat(900_000_000),
            disabled: true,
            last_update_secs: 7,
        }
    }

    fn applied(order: PolicyUpdateRequest) -> Result<Policy, String> {
        let update = Update::of(&order, release("0.21.2")).expect("good");
        update.applied_to(policy(), LIMITS)
    }

    #[test]
    fn base_fee_rate_and_cltv_are_replaced_and_the_rest_is_kept() {
        let after = applied(PolicyUpdateRequest {
            time_lock_delta: 40,
            ..order()
        })
        .expect("applied");
        let expected = Policy {
            fees: FeeParts {
                base_fee_msat: 0,
                outbound: FeePpm(0),
                ..policy().fees
            },
            time_lock_delta: 40,
            ..policy()
        };
        assert_eq!(after, expected);
    }

    #[test]
    fn a_given_inbound_fee_replaces_both_parts() {
        let after = applied(PolicyUpdateRequest {
            inbound_fee: Some(proto::InboundFee {
                base_fee_msat: 0,
                fee_rate_ppm: -1,
            }),
            ..order()
        });
        let inbound = after.expect("applied").fees.inbound;
        assert_eq!((inbound.base_fee_msat, inbound.rate_ppm), (0, -1));
    }

    #[test]
    fn cltv_bounds_go_by_release() {
        let delta = |delta, text| {
            let order = PolicyUpdateRequest {
                time_lock_delta: delta,
                ..order()
            };
            Update::of(&order, release(text)).is_ok()
        };
        assert!(delta(24, "0.21.2-beta") && !delta(23, "0.21.2-beta"));
        assert!(delta(18, "0.20.3-beta") && !delta(17, "0.20.3-beta"));
        assert!(delta(2_016, "0.21.2-beta") && !delta(2_017, "0.21.2-beta"));
    }

    #[test]
    fn positive_inbound_fees_are_refused() {
        let with = |base_fee_msat, fee_rate_ppm| PolicyUpdateRequest {
            inbound_fee: Some(proto::InboundFee {
                base_fee_msat,
                fee_rate_ppm,
            }),
            ..order()
        };
        assert!(refused(with(1, 0)).contains("base fee msat are not supported"));
        assert!(refused(with(-1, 2)).contains("fee rate ppm are not supported"));
    }

    #[test]
    fn a_rate_is_given_once_as_a_fraction_or_in_ppm() {
        let with = |fee_rate, fee_rate_ppm| PolicyUpdateRequest {
            fee_rate,
            fee_rate_ppm,
            ..order()
        };
        let rate = |order| applied(order).expect("applied").fees.outbound;
        assert_eq!(rate(with(0.000_123, 0)), FeePpm(123));
        assert_eq!(rate(with(0.0, 123)), FeePpm(123));
        assert!(refused(with(0.1, 1)).contains("cannot set both"));
        assert!(refused(with(1e-7, 0)).contains("too small"));
        assert!(refused(with(f64::NAN, 0)).contains("too small"));
    }

    #[test]
    fn htlc_limits_stay_within_what_was_agreed() {
        let max = |max_htlc_msat| {
            applied(PolicyUpdateRequest {
                max_htlc_msat,
                ..order()
            })
        };
        assert_eq!(max(0).map(|p| p.max_htlc), Ok(Msat(900_000_000)));
        assert_eq!(max(5_000).map(|p| p.max_htlc), Ok(Msat(5_000)));
        assert!(max(990_000_001).is_err_and(|e| e.contains("above max pending amount")));
        let min = |min_htlc_msat| {
            applied(PolicyUpdateRequest {
                min_htlc_msat,
                min_htlc_msat_specified: true,
                ..order()
            })
        };
        assert_eq!(min(2).map(|p| p.min_htlc), Ok(Msat(2)));
        assert!(min(0).is_err_and(|e| e.contains("below min htlc parameter")));
        assert!(min(900_000_001).is_err_and(|e| e.contains("greater than max_htlc")));
        let update = Update::of(&order(), release("0.21.2")).expect("good");
        let too_high = Policy {
            max_htlc: Msat(1_000_000_000),
            ..policy()
        };
        let clamped = update.applied_to(too_high, LIMITS).map(|p| p.max_htlc);
        assert_eq!(clamped, Ok(LIMITS.max_pending));
    }
}
