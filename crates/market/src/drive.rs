//! Runs a pricing policy in a world, hour by hour.

use std::collections::BTreeMap;
use std::time::Duration;

use sweetspot_core::types::channel::{ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::observation::{Forward, Observation};

use super::htlc::HtlcEvent;
use super::meter::Metrics;
use super::view::PeerInfo;
use super::world::World;

/// What a policy is told at a tick.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// The open channels, now.
    pub seen: &'a Observation,
    /// Forwards settled since the last tick.
    pub forwards: &'a [Forward],
    /// What befell HTLCs since the last tick.
    pub htlcs: &'a [HtlcEvent],
    /// What the graph tells about peers.
    pub peers: &'a BTreeMap<PeerId, PeerInfo>,
}

/// New fees for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeUpdate {
    /// The channel.
    pub point: ChannelPoint,
    /// Its fees from now on.
    pub fees: FeeParts,
}

/// A pricing policy.
pub trait FeePolicy {
    /// Which fees to change. Asked at the start and after each interval.
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate>;

    /// Time between ticks.
    fn interval(&self) -> Duration {
        Duration::from_secs(3_600)
    }
}

impl<P: FeePolicy + ?Sized> FeePolicy for Box<P> {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        (**self).price(tick)
    }

    fn interval(&self) -> Duration {
        (**self).interval()
    }
}

/// Fees are left as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untouched;

impl FeePolicy for Untouched {
    fn price(&mut self, _: Tick<'_>) -> Vec<FeeUpdate> {
        vec![]
    }
}

/// Runs the scenario's days; the warm-up counts for nothing. Ticks come at the
/// pricer's own interval, whenever the warm-up ends. A take-over's first tick is
/// the end of the warm-up and tells its forwards, but none of its HTLC events:
/// LND keeps the former alone.
pub fn drive(world: &mut World, pricer: &mut impl FeePolicy) -> Metrics {
    let peers = world.peers();
    let (mut warm_at, ends_at) = (Some(world.warm_at()), world.ends_at());
    let interval = pricer.interval().max(Duration::from_secs(1));
    let mut tick_at = world.now();
    if world.is_take_over() {
        tick_at = world.warm_at();
        world.step_until(tick_at);
        world.drain_htlc_events();
    }
    loop {
        if let Some(at) = warm_at.take_if(|at| *at <= tick_at) {
            world.step_until(at);
            world.reset_metrics();
        }
        world.step_until(tick_at);
        if tick_at >= ends_at {
            return world.metrics();
        }
        let (forwards, htlcs) = (world.drain_forwards(), world.drain_htlc_events());
        let seen = world.observe();
        let updates = pricer.price(Tick {
            seen: &seen,
            forwards: &forwards,
            htlcs: &htlcs,
            peers: &peers,
        });
        for update in updates {
            // A policy that names a channel closed meanwhile changes nothing.
            let _ = world.set_fees(update.point, update.fees);
        }
        tick_at = world.now().plus(interval).min(ends_at);
    }
}
