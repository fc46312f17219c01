//! Node-wide limits: the gossip budget and the stop on mass moves.
//!
//! Every policy update is gossip to the whole network; nodes limit how much of
//! it they relay. A token bucket spends the budget on those who have waited
//! longest, and keeps a reserve that only protective raises may use. When an
//! implausible share of all channels would move in one cycle, something is
//! wrong with what we see, and nothing moves.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::decision::{Decision, Hold, Trigger, Verdict};
use crate::engine::phase::next_due;
use crate::settings::values::NodeSettings;
use crate::state::memory::{Bucket, Memory};
use crate::types::channel::ChannelPoint;
use crate::types::observation::Observation;
use crate::types::time::{SECONDS_PER_DAY, Timestamp};
use crate::types::units::count;

const HOURS_PER_DAY: f64 = 24.0;

impl Bucket {
    /// The bucket as of `now`, refilled.
    fn refilled(self, now: Timestamp, settings: &NodeSettings) -> Self {
        let full = f64::from(settings.updates_per_hour);
        let tokens = match self.at {
            None => full,
            Some(at) => (self.tokens + now.days_since(at) * HOURS_PER_DAY * full).min(full),
        };
        Self {
            tokens,
            at: Some(now),
        }
    }

    /// When a full token above `reserve` will be there, and as many before it.
    fn token_after(
        self,
        ahead: usize,
        now: Timestamp,
        reserve: f64,
        settings: &NodeSettings,
    ) -> Timestamp {
        let per_hour = f64::from(settings.updates_per_hour);
        if per_hour < 1.0 {
            return now.plus(Duration::from_secs_f64(SECONDS_PER_DAY));
        }
        let missing = (1.0 + reserve + count(ahead) - self.tokens).max(0.0);
        now.plus(Duration::from_secs_f64(missing / per_hour * 3_600.0))
    }
}

/// Holds back the changes that node-wide limits forbid, in place.
///
/// On a `first_look` many channels are due at once, and that is no fault: what
/// would be written waits for each channel's own moment; what is only shown is
/// shown at once.
pub fn allot(
    decisions: &mut [Decision],
    memory: &mut Memory,
    settings: &NodeSettings,
    now: Timestamp,
    first_look: Option<&Observation>,
) {
    match (mass_move(decisions, memory, settings, now), first_look) {
        (Some(_), Some(seen)) => pace(decisions, memory, settings, seen),
        (Some(stop), None) => {
            for decision in decisions.iter_mut().filter(|d| moves(d)) {
                decision.verdict = Verdict::Hold { reason: stop };
            }
            return;
        }
        (None, _) => {}
    }
    let mut bucket = memory.node.bucket.refilled(now, settings);
    let (queue, mut held) = (queue(memory), 0);
    for index in longest_waiting_first(decisions, memory) {
        let decision = &mut decisions[index];
        let reserve = match decision.trigger {
            Trigger::Drain => 0.0,
            Trigger::Scheduled => f64::from(settings.reserved_for_protection),
        };
        if bucket.tokens >= 1.0 + reserve {
            bucket.tokens -= 1.0;
            continue;
        }
        let mut ahead = 0;
        if decision.trigger == Trigger::Scheduled {
            let turn = turn(decision.point, memory);
            ahead = held + queue.partition_point(|other| *other < turn);
            held += 1;
        }
        let until = bucket.token_after(ahead, now, reserve, settings);
        decision.verdict = Verdict::Hold {
            reason: Hold::Budget { until },
        };
        if let Some(channel) = memory.channels.get_mut(&decision.point) {
            channel.fee.queued = decision.trigger == Trigger::Scheduled;
        }
    }
    memory.node.bucket = bucket;
}

/// The channels whose turn in the queue has come: as many as the budget allows
/// changes now. The others wait unasked, however many they are.
pub fn next_in_queue(
    memory: &Memory,
    settings: &NodeSettings,
    now: Timestamp,
) -> BTreeSet<ChannelPoint> {
    let reserve = f64::from(settings.reserved_for_protection);
    let tokens = memory.node.bucket.refilled(now, settings).tokens - reserve;
    let mut asked = 0.0;
    let queue = queue(memory).into_iter().take_while(|_| {
        asked += 1.0;
        asked <= tokens
    });
    queue.map(|(_, _, point)| point).collect()
}

/// When a waiting channel's turn comes: the longest waiting first, of those the one
/// that was not written for longest.
type Turn = (Timestamp, Option<Timestamp>, ChannelPoint);

fn turn(point: ChannelPoint, memory: &Memory) -> Turn {
    let fee = memory.channels.get(&point).map(|channel| &channel.fee);
    let since = fee.and_then(|fee| fee.waiting_since);
    (
        since.unwrap_or(Timestamp::from_nanos(i64::MAX)),
        fee.and_then(|fee| fee.written_at),
        point,
    )
}

/// Those that the budget held back, in the order of their turns.
fn queue(memory: &Memory) -> Vec<Turn> {
    let channels = memory.channels.iter();
    let queued = channels.filter(|(_, channel)| channel.fee.queued);
    let mut queue: Vec<Turn> = queued.map(|(point, _)| turn(*point, memory)).collect();
    queue.sort_unstable();
    queue
}

/// Puts fresh changes off to the moments of their channels.
fn pace(decisions: &mut [Decision], memory: &Memory, settings: &NodeSettings, seen: &Observation) {
    for decision in decisions.iter_mut() {
        if let Verdict::Change { .. } = decision.verdict
            && let Some(channel) = seen.channels.get(&decision.point)
            && is_fresh(decision, memory, seen.at)
        {
            let until = next_due(&channel.peer, seen.at, settings.slow_interval);
            decision.verdict = Verdict::Hold {
                reason: Hold::Paced { until },
            };
        }
    }
}

/// Whether a move has not waited before.
fn is_fresh(decision: &Decision, memory: &Memory, now: Timestamp) -> bool {
    let channel = memory.channels.get(&decision.point);
    moves(decision) && channel.is_some_and(|channel| channel.fee.waiting_since == Some(now))
}

fn moves(decision: &Decision) -> bool {
    matches!(
        decision.verdict,
        Verdict::Change { .. } | Verdict::WouldChange { .. }
    )
}

/// Moves that have been waiting for the budget were plausible when they began.
fn mass_move(
    decisions: &[Decision],
    memory: &Memory,
    settings: &NodeSettings,
    now: Timestamp,
) -> Option<Hold> {
    let fresh = |decision: &&Decision| is_fresh(decision, memory, now);
    let moving = u32::try_from(decisions.iter().filter(fresh).count()).unwrap_or(u32::MAX);
    let channels = u32::try_from(memory.channels.len()).unwrap_or(u32::MAX);
    let implausible = moving > settings.max_moving_free
        && f64::from(moving) > settings.max_moving_share * f64::from(channels);
    implausible.then_some(Hold::MassMove { moving, channels })
}

/// The indices of the real changes: protective raises first, then by how long
/// each channel has waited.
fn longest_waiting_first(decisions: &[Decision], memory: &Memory) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..decisions.len())
        .filter(|index| matches!(decisions[*index].verdict, Verdict::Change { .. }))
        .collect();
    indices.sort_by_key(|index| {
        let decision = &decisions[*index];
        (
            decision.trigger == Trigger::Scheduled,
            turn(decision.point, memory),
        )
    });
    indices
}

#[cfg(test)]
mod tests;
