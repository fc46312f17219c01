//! What a fee manager is to the league: a pricer built from constants, some of
//! which the training search may move, and the few words they all share.

use std::collections::BTreeMap;

use sweetspot_core::types::channel::{Channel, FeeParts, PeerId};
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate};
use sweetspot_market::math;

/// A constant that the training search may move, over a documented range.
#[derive(Debug)]
pub struct Knob<C> {
    /// Its name in reports.
    pub name: &'static str,
    /// The values tried.
    pub grid: &'static [f64],
    /// Sets it.
    pub set: fn(&mut C, f64),
}

/// A fee manager, modelled.
pub trait Model: FeePolicy + 'static {
    /// Its settings; the default is its source's.
    type Constants: Clone + Default + Send + Sync + 'static;

    /// What may be tuned.
    const KNOBS: &'static [Knob<Self::Constants>];

    /// A fresh instance; `seed` feeds whatever it leaves to chance.
    fn new(constants: Self::Constants, seed: u64) -> Self;
}

/// A base fee from a knob's value, in msat.
pub fn msat(value: f64) -> u32 {
    u32::try_from(math::whole(value)).unwrap_or(u32::MAX)
}

/// The update to these fees, unless they already hold.
pub fn change(channel: &Channel, fees: FeeParts) -> Option<FeeUpdate> {
    let now = channel.policy?.fees;
    (now != fees).then_some(FeeUpdate {
        point: channel.point,
        fees,
    })
}

/// The update to this outbound rate (rounded), unless it already holds.
pub fn post(channel: &Channel, ppm: f64) -> Option<FeeUpdate> {
    let fees = channel.policy?.fees;
    let outbound = FeePpm::rounded(ppm);
    change(channel, FeeParts { outbound, ..fees })
}

/// The channel's outbound rate, in ppm.
pub fn rate_ppm(channel: &Channel) -> f64 {
    channel
        .policy
        .map_or(0.0, |policy| policy.fees.outbound.as_f64())
}

/// A channel's balances with pending HTLCs at whoever offered them, in sat:
/// ours and the peer's.
pub fn owned_sat(channel: &Channel) -> (f64, f64) {
    (
        channel.local_balance.as_f64() + channel.pending_out.as_f64(),
        channel.remote_balance.as_f64() + channel.pending_in.as_f64(),
    )
}

/// The open channels of each peer.
pub fn by_peer(seen: &Observation) -> BTreeMap<PeerId, Vec<&Channel>> {
    let mut peers: BTreeMap<PeerId, Vec<&Channel>> = BTreeMap::new();
    for channel in seen.channels.values() {
        peers.entry(channel.peer).or_default().push(channel);
    }
    peers
}
