//! A channel as the node showed it: `channels.seen`, and part of what a cycle
//! was given. What was added since the first version is left out where it says
//! nothing: such a row reads, and is written, as that version did.

use sweetspot_core::types::channel::{Channel, FeeParts, InboundFee, Policy};

use super::form;
use super::ids::{PeerForm, PointForm};

form! {
    /// An open channel. Amounts are in sat; the most in flight is in msat.
    struct ChannelForm of Channel {
        point: PointForm,
        scid: u64,
        other_scids: Vec<u64>,
        peer: PeerForm,
        peer_alias: Option<String>,
        capacity: u64,
        local_balance: u64,
        remote_balance: u64,
        pending_out: u64,
        pending_in: u64,
        local_reserve: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_in_flight: Option<u64>,
        initiator: bool,
        private: bool,
        active: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        carries_assets: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        switched_off: bool,
        policy: Option<PolicyForm>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy_error: Option<String>,
        peer_policy: Option<PolicyForm>,
    }
}

form! {
    /// One side's policy. The smallest and the largest HTLC are in msat.
    struct PolicyForm of Policy {
        fees: FeePartsForm,
        time_lock_delta: u32,
        min_htlc: u64,
        max_htlc: u64,
        disabled: bool,
        last_update_secs: u32,
    }
}

form! {
    /// What prices a forward; `outbound` is in ppm.
    struct FeePartsForm of FeeParts {
        base_fee_msat: u32,
        outbound: u32,
        inbound: InboundFeeForm,
    }
}

form! {
    /// An inbound fee.
    struct InboundFeeForm of InboundFee {
        base_fee_msat: i32,
        rate_ppm: i32,
    }
}
