//! NodeGuard's fee engine (Elenpay/NodeGuard of 2026-08-20:
//! `FeeOptimizerService.cs`, `PeerCategorizationService.cs`,
//! `TargetRatioReevaluationJob.cs`, `ChannelFeeOptimizerJob.cs`,
//! `Constants.cs`), every half hour.
//!
//! A channel's target share is learned from its net flow of 21 days: a half plus
//! 0.7 of it, by 0.35 at most, smoothed. Its local share is smoothed too, and as
//! long as it is off the target by more than 3 points, each run moves the rate by
//! a gain times the distance times the baseline of its category (source, sink,
//! both), 50 ppm at most, from that baseline on; inbound discounts likewise.
//!
//! Channels under 10,000,000 sat are left alone by default, announced or not.
//! Surcharges on inbound are off by default and not modelled, nor are dry runs,
//! several nodes, and the rebalancer it shares the channels with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, change};
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, InboundFee};
use sweetspot_core::types::units::{BlockHeight, FeePpm};
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};

/// Its settings, `ROUTING_ENGINE_…` each.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Channels under this capacity are left alone, in sat.
    pub least_capacity_sat: f64,
    /// Factor on all baselines; 1 in the source, here for the tuned variant only.
    pub baseline_factor: f64,
    /// Gain of the outbound rate, per run.
    pub outbound_gain: f64,
    /// Gain of the inbound rate, per run.
    pub inbound_gain: f64,
    /// Distance from the target share that changes nothing.
    pub deadband: f64,
    /// The most a rate moves in a run, in ppm.
    pub max_step_ppm: f64,
    /// How far the target goes per net flow.
    pub target_gain: f64,
    /// Weight of a new local share in the smoothed one.
    pub ratio_weight: f64,
    /// Lowest outbound rate, in ppm.
    pub min_ppm: f64,
    /// Highest outbound rate, in ppm.
    pub max_ppm: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            least_capacity_sat: 10_000_000.0,
            baseline_factor: 1.0,
            outbound_gain: 0.8,
            inbound_gain: 0.5,
            deadband: 0.03,
            max_step_ppm: 50.0,
            target_gain: 0.7,
            ratio_weight: 0.08,
            min_ppm: 0.0,
            max_ppm: 3_000.0,
        }
    }
}

const RUN: Duration = Duration::from_secs(30 * 60);
/// The stretch of forwards looked at.
const FLOW_DAYS: f64 = 21.0;
/// A younger channel has no category.
const LEAST_AGE_BLOCKS: u32 = 3_024;
/// Nor has one that moved less in and out, in sat.
const LEAST_FLOW_SAT: f64 = 10_000_000.0;
/// Net flow that makes a source or a sink.
const CATEGORY_NET: f64 = 0.25;
/// Runs in a row before a category changes.
const FLIP_RUNS: u32 = 3;
const MAX_DRIFT: f64 = 0.35;
const TARGET_WEIGHT: f64 = 0.1;
/// Smaller moves are not written, in ppm.
const LEAST_MOVE_PPM: f64 = 5.0;
/// Steepest discount, in ppm.
const MIN_INBOUND_PPM: f64 = -2_000.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Category {
    #[default]
    Unknown,
    Source,
    Both,
    Sink,
}

impl Category {
    fn baseline_ppm(self) -> f64 {
        match self {
            Self::Source => 50.0,
            Self::Unknown | Self::Both => 1_500.0,
            Self::Sink => 2_500.0,
        }
    }

    fn of(net: f64, flow_sat: f64) -> Self {
        match () {
            () if flow_sat < LEAST_FLOW_SAT => Self::Unknown,
            () if net >= CATEGORY_NET => Self::Sink,
            () if net <= -CATEGORY_NET => Self::Source,
            () => Self::Both,
        }
    }
}

/// What is remembered of a channel.
#[derive(Clone, Copy, Debug)]
struct State {
    ratio: f64,
    target: f64,
    category: Category,
    /// Another category, and for how many runs in a row it was seen.
    pending: (Category, u32),
    /// The rates last written: outbound and inbound, in ppm.
    written: Option<(f64, f64)>,
}

/// NodeGuard's fee engine.
#[derive(Clone, Debug)]
pub struct NodeGuard {
    constants: Constants,
    flows: Flows,
    states: BTreeMap<ChannelPoint, State>,
}

impl Model for NodeGuard {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "least_capacity_sat",
            grid: &[0.0, 10_000_000.0],
            set: |c, value| c.least_capacity_sat = value,
        },
        Knob {
            name: "baseline_factor",
            grid: &[0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 1.0, 1.4],
            set: |c, value| c.baseline_factor = value,
        },
        Knob {
            name: "outbound_gain",
            grid: &[0.01, 0.03, 0.1, 0.3, 0.8, 1.6],
            set: |c, value| c.outbound_gain = value,
        },
        Knob {
            name: "inbound_gain",
            grid: &[0.0, 0.05, 0.2, 0.5, 1.0],
            set: |c, value| c.inbound_gain = value,
        },
        Knob {
            name: "min_ppm",
            grid: &[0.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 850.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "deadband",
            grid: &[0.01, 0.03, 0.08, 0.15, 0.25],
            set: |c, value| c.deadband = value,
        },
        Knob {
            name: "target_gain",
            grid: &[-0.7, -0.35, 0.0, 0.35, 0.7, 1.0],
            set: |c, value| c.target_gain = value,
        },
        Knob {
            name: "max_step_ppm",
            grid: &[10.0, 25.0, 50.0, 100.0, 200.0],
            set: |c, value| c.max_step_ppm = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            constants,
            flows: Flows::of_days(FLOW_DAYS),
            states: BTreeMap::new(),
        }
    }
}

/// Rounded away from zero at a half, within bounds.
fn bounded(ppm: f64, min: f64, max: f64) -> f64 {
    ppm.round().max(min).min(max)
}

impl Constants {
    /// The rates after a run; `None` if they stay.
    fn next_ppm(&self, state: &State) -> Option<(f64, f64)> {
        let baseline = state.category.baseline_ppm() * self.baseline_factor;
        let (outbound, inbound) = state.written.unwrap_or((baseline, 0.0));
        let off = state.ratio - state.target;
        if off.abs() <= self.deadband {
            return None;
        }
        let moved = |from: f64, wanted: f64| {
            let step = (wanted - from).clamp(-self.max_step_ppm, self.max_step_ppm);
            if step.abs() < LEAST_MOVE_PPM {
                from
            } else {
                from + step
            }
        };
        let wanted = outbound - self.outbound_gain * off * baseline;
        let next_outbound = moved(outbound, bounded(wanted, self.min_ppm, self.max_ppm));
        let wanted = (inbound + self.inbound_gain * off * baseline).min(0.0);
        let next_inbound = moved(inbound, bounded(wanted, MIN_INBOUND_PPM, 0.0));
        let next = (next_outbound, next_inbound);
        (next != (outbound, inbound)).then_some(next)
    }

    fn learn(&self, state: &mut State, ratio: f64, old: bool, in_sat: f64, out_sat: f64) {
        state.ratio += self.ratio_weight * (ratio - state.ratio);
        if !old {
            return;
        }
        let flow = in_sat + out_sat;
        let net = if flow > 0.0 {
            (out_sat - in_sat) / flow
        } else {
            0.0
        };
        let seen = Category::of(net, flow);
        if seen == state.category {
            state.pending = (seen, 0);
        } else {
            let runs = if state.pending.0 == seen {
                state.pending.1 + 1
            } else {
                1
            };
            state.pending = (seen, runs);
            if runs >= FLIP_RUNS {
                state.category = seen;
                state.pending = (seen, 0);
            }
        }
        let drift = match state.category {
            Category::Unknown => 0.0,
            _ => (self.target_gain * net).clamp(-MAX_DRIFT, MAX_DRIFT),
        };
        state.target += TARGET_WEIGHT * (0.5 + drift - state.target);
    }
}

fn ratio(channel: &Channel) -> f64 {
    let local = channel.local_balance.as_f64();
    local / (local + channel.remote_balance.as_f64()).max(1.0)
}

fn is_old(channel: &Channel, tip: BlockHeight) -> bool {
    let age = channel.age_blocks(tip);
    age.is_some_and(|blocks| blocks >= LEAST_AGE_BLOCKS)
}

fn to_fees(now: FeeParts, (outbound, inbound): (f64, f64)) -> FeeParts {
    let discount = i32::try_from(FeePpm::rounded(-inbound).0).unwrap_or(0);
    FeeParts {
        outbound: FeePpm::rounded(outbound),
        inbound: InboundFee {
            rate_ppm: -discount,
            ..now.inbound
        },
        ..now
    }
}

impl FeePolicy for NodeGuard {
    fn interval(&self) -> Duration {
        RUN
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        let enter = flows::sum(self.flows.iter(), |f| Some(f.enter?.0), |f| f.in_sat);
        let leave = flows::sum(self.flows.iter(), |f| Some(f.leave?.0), |f| f.out_sat);
        let mut updates = vec![];
        for channel in tick.seen.channels.values() {
            let state = self.states.entry(channel.point).or_insert(State {
                ratio: ratio(channel),
                target: 0.5,
                category: Category::Unknown,
                pending: (Category::Unknown, 0),
                written: None,
            });
            if channel.active {
                let (in_sat, out_sat) = (
                    flows::of(&enter, channel.point),
                    flows::of(&leave, channel.point),
                );
                let old = is_old(channel, tick.seen.tip);
                self.constants
                    .learn(state, ratio(channel), old, in_sat, out_sat);
            }
            if channel.capacity.as_f64() < self.constants.least_capacity_sat {
                continue;
            }
            let (Some(next), Some(policy)) = (self.constants.next_ppm(state), channel.policy)
            else {
                continue;
            };
            state.written = Some(next);
            updates.extend(change(channel, to_fees(policy.fees, next)));
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;

    fn state(ratio: f64, written: Option<(f64, f64)>) -> State {
        State {
            ratio,
            target: 0.5,
            category: Category::Both,
            pending: (Category::Both, 0),
            written,
        }
    }

    #[test]
    fn a_run_moves_a_rate_by_gain_times_distance_times_baseline() {
        let c = Constants::default();
        // 0.8 · 0.03 · 1,500 is 36 ppm; discounts are never surcharges.
        let next = |ratio| c.next_ppm(&state(ratio, Some((1_000.0, 0.0))));
        assert_eq!(next(0.532), Some((962.0, 0.0)));
        assert_eq!(next(0.468), Some((1_038.0, -24.0)));
        assert_eq!(next(0.529), None);
        // 50 ppm at most.
        assert_eq!(next(0.0), Some((1_050.0, -50.0)));
        let cheap = c.next_ppm(&state(1.0, Some((20.0, -10.0))));
        assert_eq!(cheap, Some((0.0, 0.0)));
    }

    #[test]
    fn the_first_rate_is_next_to_the_categorys_baseline() {
        let c = Constants::default();
        assert_eq!(c.next_ppm(&state(1.0, None)), Some((1_450.0, 0.0)));
        assert_eq!(c.next_ppm(&state(0.5, None)), None);
    }

    #[test]
    fn the_target_follows_net_flow_after_three_runs() {
        let c = Constants::default();
        let mut sink = state(0.5, None);
        sink.category = Category::Unknown;
        for run in 1..=40 {
            c.learn(&mut sink, 0.5, true, 5e6, 15e6);
            let categorised = sink.category == Category::Sink;
            assert_eq!(categorised, run >= 3, "{run}");
        }
        assert!((sink.target - 0.85).abs() < 0.01, "{}", sink.target);
        let mut quiet = state(0.5, None);
        quiet.category = Category::Unknown;
        c.learn(&mut quiet, 0.5, true, 0.0, 9e6);
        assert_eq!((quiet.category, quiet.target), (Category::Unknown, 0.5));
    }

    #[test]
    fn small_channels_are_left_alone_unless_asked_for() {
        let node = || Trial::of([channel(1, 9_000_000, 8_900_000, 200)]);
        let mut trial = node();
        assert_eq!(trial.price(&mut NodeGuard::new(Constants::default(), 0)), 0);
        let all = Constants {
            least_capacity_sat: 0.0,
            ..Constants::default()
        };
        let mut trial = node();
        assert_eq!(trial.price(&mut NodeGuard::new(all, 0)), 1);
        assert_eq!(trial.ppm(1), 1_450);
    }

    #[test]
    fn a_drained_channel_gets_dearer_and_its_inbound_cheaper_run_by_run() {
        let mut trial = Trial::of([channel(1, 20_000_000, 1_000_000, 200)]);
        let mut policy = NodeGuard::new(Constants::default(), 0);
        for run in 1..=3 {
            assert_eq!(trial.price(&mut policy), 1);
            assert_eq!(trial.ppm(1), 1_500 + 50 * run);
        }
        assert_eq!(trial.fees(1).inbound.rate_ppm, -150);
    }
}
