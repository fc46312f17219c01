//! LightningMate's fee autopilot (opensourceminers/lightningmate of 2026-07-01:
//! `feeRecommend.ts`, `outcomes.ts`, `autopilot.ts`, `fees.ts`, `channels.ts`),
//! every half hour.
//!
//! A curve over the distance from a target share, which the channel's role sets:
//! flat around it, down to the lowest rate when full, up to the highest when
//! empty. Factors follow for drain and idleness, for the node's own average, and
//! for how revenue answered earlier changes (`outcomes`). A channel that routes
//! is raised by two steps at most; one that routed nothing for 30 days goes down
//! three steps; an empty one in demand gets a floor. Of all moves beyond 25 ppm
//! and a fifth, the five largest are made, raises once in six hours.
//!
//! By its defaults two steps are 20 ppm and less than a move must be: what routes
//! is raised only once its revenue was seen to rise with the rate. That is the
//! source's, and kept. Left out: refills and the floor that their cost sets,
//! selling, opening and closing, and settings per channel. Roles come from all
//! forwards since it runs; LND's own counters also hold its own payments. It
//! prices unannounced channels too, and takes the base fee off.

mod outcomes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flows::Flows;
use crate::model::{Knob, Model, change, rate_ppm};
use outcomes::{Change, Outcomes};
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm};
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;

/// Its settings: `FeePolicy` and, where that is silent, `FeeRecConfig`.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Lowest rate, in ppm.
    pub min_ppm: f64,
    /// Highest rate, in ppm, but for floors.
    pub max_ppm: f64,
    /// The rate around the target share, in ppm.
    pub neutral_ppm: f64,
    /// What an empty channel in demand gets at least, in ppm.
    pub protect_ppm: f64,
    /// Rates are multiples of this, in ppm.
    pub step_ppm: f64,
    /// Smaller moves are not made, in ppm.
    pub least_move_ppm: f64,
    /// Nor are moves below this share of the rate.
    pub least_move_share: f64,
    /// Steps down per run of a channel that routed nothing.
    pub idle_steps: f64,
    /// Factor on the rate of a full channel that is idle.
    pub explore: f64,
    /// Distance from the target share that changes nothing.
    pub deadband: f64,
    /// Hours between raises of a channel.
    pub cooldown_hours: f64,
    /// Channels changed in a run, at most.
    pub most_changes: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            min_ppm: 25.0,
            max_ppm: 1_000.0,
            neutral_ppm: 80.0,
            protect_ppm: 350.0,
            step_ppm: 10.0,
            least_move_ppm: 25.0,
            least_move_share: 0.2,
            idle_steps: 3.0,
            explore: 0.85,
            deadband: 0.05,
            cooldown_hours: 6.0,
            most_changes: 5.0,
        }
    }
}

const RUN: Duration = Duration::from_secs(30 * 60);
const RECENT_DAYS: f64 = 14.0;
const LONG_DAYS: f64 = 30.0;
/// Shares of what left that make a sink, and a source.
const ROLES: (f64, f64) = (0.7, 0.3);
const NEW_DAYS: f64 = 3.0;
const NEW_FORWARDS: f64 = 3.0;
const NEW_LEAST_PPM: f64 = 80.0;
const BLOCKS_PER_DAY: f64 = 144.0;
/// Below this local share a channel is empty.
const EMPTY_SHARE: f64 = 0.1;
/// With fewer channels the node has no average.
const LEAST_CHANNELS: usize = 5;
/// The share of channels that are top earners.
const TOP: f64 = 0.2;
/// Bounds of all factors together.
const FACTORS: (f64, f64) = (0.7, 1.5);
/// Steps by which a channel that routes may rise.
const RISE_STEPS: f64 = 2.0;

/// A channel's forwards over a stretch.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    in_sat: f64,
    out_sat: f64,
    fees_sat: f64,
    forwards: f64,
}

/// The node's own average.
#[derive(Clone, Copy, Debug)]
struct Benchmarks {
    enough: bool,
    median_gross: f64,
    top_fees_sat: f64,
}

/// What a channel's target is made from.
#[derive(Clone, Copy, Debug)]
struct Facts {
    ppm: f64,
    local_share: f64,
    target_share: f64,
    age_days: Option<f64>,
    /// Out and in over the capacity, 14 days: sum and difference.
    gross: f64,
    net: f64,
    long: Flow,
    /// How revenue answered changes: above 1 if it rose with the rate.
    elasticity: f64,
}

/// LightningMate's fee autopilot.
#[derive(Clone, Debug)]
pub struct LightningMate {
    constants: Constants,
    flows: Flows,
    outcomes: Outcomes,
    /// What ever entered and left, in sat.
    totals: BTreeMap<ChannelPoint, (f64, f64)>,
    applied_at: BTreeMap<ChannelPoint, Timestamp>,
}

impl Model for LightningMate {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "min_ppm",
            grid: &[25.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "neutral_ppm",
            grid: &[80.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0],
            set: |c, value| c.neutral_ppm = value,
        },
        Knob {
            name: "step_ppm",
            grid: &[5.0, 10.0, 25.0, 50.0, 100.0],
            set: |c, value| c.step_ppm = value,
        },
        Knob {
            name: "protect_ppm",
            grid: &[350.0, 500.0, 700.0, 850.0, 1_000.0, 1_400.0],
            set: |c, value| c.protect_ppm = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 850.0, 1_000.0, 1_400.0, 2_000.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "least_move_ppm",
            grid: &[5.0, 10.0, 25.0, 50.0],
            set: |c, value| c.least_move_ppm = value,
        },
        Knob {
            name: "least_move_share",
            grid: &[0.0, 0.05, 0.1, 0.2, 0.4],
            set: |c, value| c.least_move_share = value,
        },
        Knob {
            name: "idle_steps",
            grid: &[0.0, 1.0, 3.0],
            set: |c, value| c.idle_steps = value,
        },
        Knob {
            name: "cooldown_hours",
            grid: &[1.0, 6.0, 24.0, 72.0],
            set: |c, value| c.cooldown_hours = value,
        },
        Knob {
            name: "deadband",
            grid: &[0.0, 0.05, 0.1, 0.2],
            set: |c, value| c.deadband = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            constants,
            flows: Flows::of_days(LONG_DAYS),
            outcomes: Outcomes::default(),
            totals: BTreeMap::new(),
            applied_at: BTreeMap::new(),
        }
    }
}

impl Constants {
    /// The curve over the local share.
    fn curve_ppm(&self, share: f64, target: f64) -> f64 {
        let off = share - target;
        let beyond = off.abs() - self.deadband;
        if beyond <= 0.0 {
            return self.neutral_ppm;
        }
        let (span, end) = match off > 0.0 {
            true => (1.0 - target - self.deadband, self.min_ppm),
            false => (target - self.deadband, self.max_ppm),
        };
        let way = (beyond / span.max(0.01)).min(1.0);
        self.neutral_ppm + way * (end - self.neutral_ppm)
    }

    /// What drain, the node's average and experience make of it.
    fn factor(&self, facts: &Facts, bench: &Benchmarks) -> f64 {
        let (gross, net) = (facts.gross, facts.net);
        let mut velocity = match () {
            () if gross >= 0.2 && net >= 0.1 => 1.1,
            () if gross >= 0.05 && net >= 0.03 => 1.05,
            () if gross < 0.01 && facts.local_share > facts.target_share + 0.2 => self.explore,
            () => 1.0,
        };
        let mut average = 1.0;
        if bench.enough && bench.median_gross > 0.0 {
            let top = facts.long.fees_sat > 0.0 && facts.long.fees_sat >= bench.top_fees_sat;
            let routes = facts.long.in_sat + facts.long.out_sat > 0.0;
            let full = facts.local_share > facts.target_share + 0.15;
            if gross >= bench.median_gross * 1.5 && net > 0.05 {
                average = 1.05;
            } else if top {
                velocity = velocity.max(1.0);
            } else if gross <= bench.median_gross * 0.5 && full && routes {
                average = 0.95;
            }
        }
        if facts.elasticity < 1.0 {
            velocity = velocity.min(1.0);
        }
        (velocity * average * facts.elasticity).clamp(FACTORS.0, FACTORS.1)
    }

    /// The rate a channel should have.
    fn target_ppm(&self, facts: &Facts, bench: &Benchmarks) -> f64 {
        let curve = self.curve_ppm(facts.local_share, facts.target_share);
        let mut target = curve * self.factor(facts, bench);
        let mut floor = 0.0_f64;
        let forwards = facts.long.forwards;
        if forwards > 0.0 && facts.elasticity <= 1.0 {
            let now = if facts.ppm > 0.0 {
                facts.ppm
            } else {
                self.neutral_ppm
            };
            target = target.min(now + RISE_STEPS * self.step_ppm);
        }
        let new = facts.age_days.is_some_and(|days| days < NEW_DAYS);
        if new && forwards < NEW_FORWARDS && target < NEW_LEAST_PPM {
            target = NEW_LEAST_PPM;
            floor = NEW_LEAST_PPM;
        }
        let empty = facts.local_share < EMPTY_SHARE;
        if empty && forwards > 0.0 {
            target = target.max(self.protect_ppm);
            floor = floor.max(self.protect_ppm);
        }
        if forwards == 0.0 && !empty && !new {
            let stepped = match facts.ppm > 0.0 {
                true => facts.ppm - self.idle_steps * self.step_ppm,
                false => self.neutral_ppm,
            };
            target = target.min(stepped).max(self.min_ppm);
            floor = 0.0;
        }
        let target = target.min(self.max_ppm.max(floor)).max(self.min_ppm);
        (target / self.step_ppm).round() * self.step_ppm
    }
}

fn local_share(channel: &Channel) -> f64 {
    let local = channel.local_balance.as_f64();
    let settled = local + channel.remote_balance.as_f64();
    if settled > 0.0 { local / settled } else { 0.0 }
}

/// The share wanted of a channel that received and sent so much.
fn target_share((received, sent): (f64, f64)) -> f64 {
    match sent / (received + sent) {
        share if share >= ROLES.0 => 0.55,
        share if share <= ROLES.1 => 0.45,
        _ => 0.5,
    }
}

fn age_days(channel: &Channel, tip: BlockHeight) -> Option<f64> {
    let blocks = channel.age_blocks(tip)?;
    Some(f64::from(blocks) / BLOCKS_PER_DAY)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

impl LightningMate {
    fn learn(&mut self, tick: &Tick<'_>) {
        let known = self.flows.iter().last().map(|flow| flow.at);
        self.flows.learn(tick);
        let new = self
            .flows
            .iter()
            .filter(|flow| known.is_none_or(|at| flow.at > at));
        for flow in new {
            if let Some((point, _)) = flow.enter {
                self.totals.entry(point).or_default().0 += flow.in_sat;
            }
            if let Some((point, _)) = flow.leave {
                self.totals.entry(point).or_default().1 += flow.out_sat;
                self.outcomes.earn(point, flow.at, flow.fee_sat);
            }
        }
    }

    fn flows_since(&self, at: Timestamp) -> BTreeMap<ChannelPoint, Flow> {
        let mut sums: BTreeMap<ChannelPoint, Flow> = BTreeMap::new();
        for flow in self.flows.since(at) {
            if let Some((point, _)) = flow.enter {
                sums.entry(point).or_default().in_sat += flow.in_sat;
            }
            if let Some((point, _)) = flow.leave {
                let sum = sums.entry(point).or_default();
                sum.out_sat += flow.out_sat;
                sum.fees_sat += flow.fee_sat;
                sum.forwards += 1.0;
            }
        }
        sums
    }

    fn may_raise(&self, point: ChannelPoint, now: Timestamp) -> bool {
        let applied = self.applied_at.get(&point);
        applied.is_none_or(|at| now.days_since(*at) * 24.0 >= self.constants.cooldown_hours)
    }

    /// The update a channel needs, and how far it moves the rate.
    fn wanted(&self, channel: &Channel, target: f64, now: Timestamp) -> Option<(f64, FeeUpdate)> {
        let c = &self.constants;
        let (ppm, fees) = (rate_ppm(channel), channel.policy?.fees);
        let moved = (target - ppm).abs();
        let least = c.least_move_ppm.max((ppm * c.least_move_share).round());
        let too_small = moved < least && fees.base_fee_msat == 0;
        let too_soon = target > ppm && !self.may_raise(channel.point, now);
        if !channel.active || too_small || too_soon {
            return None;
        }
        let to = FeeParts {
            base_fee_msat: 0,
            outbound: FeePpm::rounded(target),
            ..fees
        };
        Some((moved, change(channel, to)?))
    }
}

fn benchmarks(
    channels: &[&Channel],
    recent: impl Fn(&Channel) -> f64,
    fees_sat: impl Fn(&Channel) -> f64,
) -> Benchmarks {
    let active = channels.iter().filter(|channel| channel.active);
    let gross: Vec<f64> = active.clone().map(|channel| recent(channel)).collect();
    let mut fees: Vec<f64> = active.map(|channel| fees_sat(channel)).collect();
    fees.sort_by(|a, b| b.total_cmp(a));
    let count = fees.len();
    let top = math::whole((math::count(count) * TOP).ceil()).max(1) - 1;
    let top = usize::try_from(top).unwrap_or(0);
    Benchmarks {
        enough: count >= LEAST_CHANNELS,
        median_gross: median(gross),
        top_fees_sat: fees.get(top).copied().unwrap_or(0.0),
    }
}

impl FeePolicy for LightningMate {
    fn interval(&self) -> Duration {
        RUN
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.learn(&tick);
        let now = tick.seen.at;
        let recent = self.flows_since(now.minus(Duration::from_secs_f64(RECENT_DAYS * 86_400.0)));
        let long = self.flows_since(Timestamp::EPOCH);
        let channels: Vec<&Channel> = tick.seen.channels.values().collect();
        let of = |channel: &Channel| recent.get(&channel.point).copied().unwrap_or_default();
        let of_long = |channel: &Channel| long.get(&channel.point).copied().unwrap_or_default();
        let per_capacity = |channel: &Channel, sat: f64| sat / channel.capacity.as_f64().max(1.0);
        let gross = |channel: &Channel| {
            let flow = of(channel);
            per_capacity(channel, flow.out_sat + flow.in_sat)
        };
        let bench = benchmarks(&channels, gross, |channel| of_long(channel).fees_sat);
        let elasticities = self.outcomes.elasticities(now);
        let mut wanted: Vec<(f64, FeeUpdate)> = vec![];
        for channel in &channels {
            let flow = of(channel);
            let totals = self.totals.get(&channel.point);
            let facts = Facts {
                ppm: rate_ppm(channel),
                local_share: local_share(channel),
                target_share: target_share(totals.copied().unwrap_or_default()),
                age_days: age_days(channel, tick.seen.tip),
                gross: gross(channel),
                net: per_capacity(channel, flow.out_sat - flow.in_sat),
                long: of_long(channel),
                elasticity: elasticities.get(&channel.point).copied().unwrap_or(1.0),
            };
            let target = self.constants.target_ppm(&facts, &bench);
            wanted.extend(self.wanted(channel, target, now));
        }
        // The largest moves first; equal ones in the order of channels.
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let most = usize::try_from(math::whole(self.constants.most_changes)).unwrap_or(usize::MAX);
        wanted.truncate(most);
        let updates: Vec<FeeUpdate> = wanted.into_iter().map(|(_, update)| update).collect();
        self.note(&tick, &updates);
        updates
    }
}

impl LightningMate {
    fn note(&mut self, tick: &Tick<'_>, updates: &[FeeUpdate]) {
        let now = tick.seen.at;
        let changes = updates.iter().filter_map(|update| {
            let from = rate_ppm(tick.seen.channels.get(&update.point)?);
            Some(Change {
                point: update.point,
                from_ppm: from,
                to_ppm: update.fees.outbound.as_f64(),
            })
        });
        let changes: Vec<Change> = changes.collect();
        self.outcomes.note(now, changes);
        for update in updates {
            self.applied_at.insert(update.point, now);
        }
    }
}
