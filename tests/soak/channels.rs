//! The channels of a story, by their number.

use sweetspot_core::types::channel::{
    Channel, ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid,
};
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

/// The channels at the beginning.
pub const FIRST_CHANNELS: u16 = 12;

/// The chain tip at the beginning.
pub const TIP: u32 = 800_000;

/// The fees that LND gives a new channel.
pub const LND_DEFAULT: FeeParts = FeeParts {
    base_fee_msat: 1_000,
    outbound: FeePpm(1),
    inbound: InboundFee {
        base_fee_msat: 0,
        rate_ppm: 0,
    },
};

pub fn point(n: u16) -> ChannelPoint {
    let mut txid = [0; 32];
    txid[..2].copy_from_slice(&n.to_be_bytes());
    ChannelPoint {
        txid,
        output_index: 0,
    }
}

pub fn number(point: ChannelPoint) -> u16 {
    u16::from_be_bytes([point.txid[0], point.txid[1]])
}

/// Those that are there from the beginning are old.
pub fn scid(n: u16) -> Scid {
    let block = if n <= FIRST_CHANNELS { 600_000 } else { TIP };
    Scid(u64::from(block + u32::from(n)) << 40)
}

pub fn peer(n: u16) -> PeerId {
    let mut key = [2; 33];
    key[1..3].copy_from_slice(&n.to_be_bytes());
    PeerId(key)
}

/// Channel `n` of a peer that calls itself `alias`.
pub fn channel(n: u16, fees: FeeParts, local_sat: u64) -> Channel {
    let capacity = 2_000_000;
    Channel {
        point: point(n),
        scid: scid(n),
        other_scids: match n % 5 {
            0 => vec![Scid((16_000_000 + u64::from(n)) << 40)],
            _ => vec![],
        },
        // Eight and nine are parallel.
        peer: peer(if n == 9 { 8 } else { n }),
        peer_alias: Some(alias(n).as_str().into()),
        capacity: Sat(capacity),
        local_balance: Sat(local_sat),
        remote_balance: Sat(capacity - local_sat),
        pending_out: Sat(0),
        pending_in: Sat(0),
        local_reserve: Sat(20_000),
        max_in_flight: Some(Msat(capacity * 990)),
        initiator: n.is_multiple_of(2),
        private: n == 6,
        active: true,
        carries_assets: false,
        switched_off: false,
        policy: Some(Policy {
            fees,
            time_lock_delta: 60 + u32::from(n),
            min_htlc: Msat(1_000),
            max_htlc: Msat(capacity * 990),
            disabled: false,
            last_update_secs: 0,
        }),
        policy_error: None,
        peer_policy: None,
    }
}

fn alias(n: u16) -> String {
    match n {
        1 => "ACINQ".to_owned(),
        5 => "excluded by name".to_owned(),
        n => format!("peer {n}"),
    }
}
