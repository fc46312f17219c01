//! What is remembered between cycles and over restarts.
//!
//! All of it can be lost without harm to a policy: the node is the truth about
//! fees, the forwarding history about flow. A lost memory costs evidence.

use std::collections::{BTreeMap, VecDeque};

use crate::settings::windows::Windows;
use crate::signals::meter::Meter;
use crate::state::clock::{Clock, ClockStep};
use crate::state::inbound::InboundMemory;
use crate::state::market::NodeMarket;
use crate::state::max_htlc::MaxHtlcMemory;
use crate::state::prune::PruneMemory;
use crate::types::channel::{ChannelPoint, FeeParts};
use crate::types::fee_change::FeeChange;
use crate::types::segment::Segment;
use crate::types::time::Timestamp;

/// A settled balance at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalanceSample {
    /// When it was read.
    pub at: Timestamp,
    /// The local ratio, 0 to 1.
    pub ratio: f64,
}

/// Fees someone else set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForeignChange {
    /// What they set.
    pub fees: FeeParts,
    /// When we first saw it.
    pub seen_at: Timestamp,
}

/// What is remembered about a channel's fee.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeeMemory {
    /// The float rate, in ppm: what small moves add up in. `None` before the
    /// first decision.
    pub wanted_ppm: Option<f64>,
    /// The fees last confirmed on the node, written or adopted by us.
    pub confirmed: Option<FeeParts>,
    /// The fees someone else set, while they are left alone.
    pub foreign: Option<ForeignChange>,
    /// The last change intended.
    pub last_change: Option<FeeChange>,
    /// When our last write was confirmed.
    pub written_at: Option<Timestamp>,
    /// In observe mode, when a change was last shown.
    pub shown_at: Option<Timestamp>,
    /// Since when a publishable change has been waiting.
    pub waiting_since: Option<Timestamp>,
    /// Whether the next cycle must look again without another step: the settings
    /// changed, or something was ordered.
    pub retry: bool,
    /// Whether the node's budget held a change back: it is looked at again, without
    /// another step, when its turn in the queue comes.
    pub queued: bool,
    /// Our writes of the last 24 hours, with those that the node may do yet.
    pub writes: VecDeque<Timestamp>,
    /// The inbound side.
    pub inbound: InboundMemory,
    /// The max HTLC.
    pub max_htlc: MaxHtlcMemory,
}

/// What is remembered about a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMemory {
    /// When this channel was first seen by us.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Its forwards, and the time it had stock.
    pub meter: Meter,
    /// Balances over the protection window.
    pub recent: VecDeque<BalanceSample>,
    /// Its fee.
    pub fee: FeeMemory,
    /// When the slow rhythm last decided on it.
    pub decided_at: Option<Timestamp>,
    /// How long each pruning rule has held.
    pub prune: PruneMemory,
    /// Where its buyers come from.
    pub segment: Segment,
}

/// The node-wide gossip budget: a token bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Updates that may be made now.
    pub tokens: f64,
    /// When that was computed; `None` means full.
    pub at: Option<Timestamp>,
}

/// Everything remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Per open channel.
    pub channels: BTreeMap<ChannelPoint, ChannelMemory>,
    /// Node-wide.
    pub node: NodeMemory,
}

/// What is remembered about the node as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeMemory {
    /// The gossip budget.
    pub bucket: Bucket,
    /// The sequence number of the last stored forward that the rates contain.
    pub ingested_seq: i64,
    /// When the daily report was last made.
    pub reported_at: Option<Timestamp>,
    /// All forwards of the node, over months: its income, and whether the market
    /// is quiet or a channel dead.
    pub meter: Meter,
    /// The windows by which the channels' meters forget.
    pub windows: Option<Windows>,
    /// What the sweetspot strategy knows of the node.
    pub market: NodeMarket,
    /// When the node was last read.
    pub seen_at: Option<Timestamp>,
    /// The number of the operator's last order that a cycle knew.
    pub orders_through: i64,
    /// The clock that limits hold on.
    pub clock: Clock,
}

impl FeeMemory {
    /// Every moment that a wait counts from.
    fn waits_from(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        let Self {
            foreign,
            last_change,
            written_at,
            shown_at,
            waiting_since,
            writes,
            inbound,
            max_htlc,
            ..
        } = self;
        [written_at, shown_at, waiting_since]
            .into_iter()
            .flatten()
            .chain(writes)
            .chain(inbound.waits_from())
            .chain(max_htlc.waits_from())
            .chain(foreign.iter_mut().map(|foreign| &mut foreign.seen_at))
            .chain(last_change.iter_mut().map(|last| &mut last.intended_at))
    }

    fn not_after(&mut self, now: Timestamp) {
        for at in self.waits_from() {
            *at = (*at).min(now);
        }
    }
}

impl ChannelMemory {
    /// Brings what lies in the future, by a clock that was wrong, back to `now`:
    /// otherwise waits would stand still for as long as it was ahead. What was
    /// forgotten of forwards then is to be counted again.
    pub fn not_after(&mut self, now: Timestamp) {
        self.fee.not_after(now);
        self.recent.retain(|sample| sample.at <= now);
    }
}

impl NodeMemory {
    /// The same of what is remembered of the node.
    pub fn not_after(&mut self, now: Timestamp) {
        self.bucket.at = self.bucket.at.map(|at| at.min(now));
    }
}

impl Memory {
    /// Takes the wall clock up anew: what has passed for a limit stays what it was.
    /// A clock that is doubted says nothing of how fast a balance moved.
    pub fn take_clock(&mut self, step: &ClockStep) {
        self.node.clock.take(step);
        let moved = step.moved_nanos;
        let move_on = |at: &mut Timestamp| *at = at.moved(moved);
        self.node.bucket.at.iter_mut().for_each(move_on);
        self.node.market.waits_from().for_each(move_on);
        for channel in self.channels.values_mut() {
            channel.fee.waits_from().for_each(move_on);
            channel.decided_at.iter_mut().for_each(move_on);
            if step.doubted_for.is_some() {
                channel.recent.clear();
            }
        }
    }

    /// The same without what is counted of forwards.
    #[must_use]
    pub fn without_forwards(&self) -> Self {
        let without = |channel: &ChannelMemory| ChannelMemory {
            meter: channel.meter.without_forwards(),
            recent: channel.recent.clone(),
            fee: channel.fee.clone(),
            prune: channel.prune.clone(),
            ..*channel
        };
        let channels = self.channels.iter();
        Self {
            channels: channels.map(|(point, c)| (*point, without(c))).collect(),
            node: NodeMemory {
                meter: self.node.meter.without_forwards(),
                ..self.node
            },
        }
    }

    /// Forgets every counted forward, to count them afresh from the store.
    pub fn forget_forwards(&mut self) {
        self.node.ingested_seq = 0;
        self.node.meter.forget_forwards();
        for channel in self.channels.values_mut() {
            channel.meter.forget_forwards();
        }
    }

    /// Takes over the forwards that `other`, which remembers the same channels, has
    /// counted; where it does not, all are to be counted again.
    pub fn take_over_forwards(&mut self, other: &Self) {
        if !self.channels.keys().eq(other.channels.keys()) {
            return;
        }
        self.node.ingested_seq = other.node.ingested_seq;
        self.node.meter.take_over_forwards(&other.node.meter);
        let pairs = self.channels.values_mut().zip(other.channels.values());
        for (channel, other) in pairs {
            channel.meter.take_over_forwards(&other.meter);
        }
    }
}
