//! Channels to test with.

use crate::decision::{Decision, Evidence, Terms, Trigger, Verdict};
use crate::types::channel::{Channel, ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid};
use crate::types::time::Timestamp;
use crate::types::units::{FeePpm, Msat, Sat};

/// A channel point told apart by `n`.
pub fn point(n: u8) -> ChannelPoint {
    ChannelPoint {
        txid: [n; 32],
        output_index: 0,
    }
}

/// A quiet, balanced, announced 1,000,000 sat channel opened by the peer,
/// with LND's default policy.
pub fn channel(n: u8) -> Channel {
    let mut key = [n; 33];
    key[0] = 2;
    Channel {
        point: point(n),
        scid: Scid((800_000 + u64::from(n)) << 40 | 1 << 16),
        other_scids: vec![],
        peer: PeerId(key),
        peer_alias: Some(format!("peer-{n}").into()),
        capacity: Sat(1_000_000),
        local_balance: Sat(500_000),
        remote_balance: Sat(500_000),
        pending_out: Sat(0),
        pending_in: Sat(0),
        local_reserve: Sat(10_000),
        max_in_flight: Some(Msat(990_000_000)),
        initiator: false,
        private: false,
        active: true,
        carries_assets: false,
        switched_off: false,
        policy: Some(Policy {
            fees: FeeParts {
                base_fee_msat: 1_000,
                outbound: FeePpm(100),
                inbound: InboundFee::default(),
            },
            time_lock_delta: 80,
            min_htlc: Msat(1_000),
            max_htlc: Msat(990_000_000),
            disabled: false,
            last_update_secs: 0,
        }),
        policy_error: None,
        peer_policy: None,
    }
}

/// A decision on channel `n` that is about nothing but its outcome.
pub fn decision(n: u8, at: Timestamp, trigger: Trigger, verdict: Verdict) -> Decision {
    Decision {
        at,
        point: point(n),
        trigger,
        evidence: Evidence::default(),
        terms: Terms::default(),
        current: None,
        wanted_before_ppm: 100.0,
        wanted_ppm: 120.0,
        limits: vec![],
        inbound: None,
        max_htlc: None,
        verdict,
    }
}
