//! HTLCs on their way over us, and what befalls them.

use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;

/// What befell an HTLC, as LND's HTLC events tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HtlcOutcome {
    /// Offered to the next peer.
    Forwarded,
    /// Settled: the forward is in the history too.
    Settled,
    /// Failed further on.
    FailedDownstream,
    /// Refused by us: less than our fee.
    FeeInsufficient,
    /// Refused by us: too little on our side (missed demand).
    InsufficientBalance,
    /// Refused by us: the next peer is offline.
    PeerOffline,
}

/// One event of an HTLC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtlcEvent {
    /// When.
    pub at: Timestamp,
    /// Tells HTLCs apart; all events of one carry the same.
    pub id: u64,
    /// The channel it came by.
    pub scid_in: Scid,
    /// The channel it was to leave by.
    pub scid_out: Scid,
    /// What came in.
    pub amount_in: Msat,
    /// What was to go out.
    pub amount_out: Msat,
    /// What befell it.
    pub outcome: HtlcOutcome,
}

/// A pending HTLC and the one it is forwarded as.
#[derive(Clone, Copy, Debug)]
pub struct Htlc {
    /// The slot of the channel it entered by.
    pub enter: usize,
    /// The slot of the channel it left by.
    pub leave: usize,
    /// What came in, in msat.
    pub amount_in: u64,
    /// What went out, in msat.
    pub amount_out: u64,
    /// When it resolves.
    pub until: Timestamp,
    /// Whether it settles then.
    pub settles: bool,
    /// Whether the attacker offered it.
    pub by_attacker: bool,
}
