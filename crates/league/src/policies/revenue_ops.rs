//! cl_revenue_ops (lightning-goats/cl_revenue_ops as of July 2026:
//! `modules/fee_controller.py`, `modules/config.py`, and the rails and the cycle
//! of its Rust port), every half hour.
//!
//! What a channel earned in the last half hour teaches a belief about which rate
//! earns what (`posterior`); a rate drawn from it (Thompson sampling, slowly
//! forgetting) is multiplied by 0.5 to 2 for the balance (a PI controller). The
//! result is held below what competitors charge towards the peer once the belief
//! is firm, below what past revenue speaks for, and within bounds that fall while
//! nothing is sold; then approached by 20 to 60 %, blocked or cut by 15 % during
//! silence, and written if it moved 5 %. Every channel is priced, unannounced
//! ones too.
//!
//! Left out: floors from rebalances, chain fees and slow peers, and the learned
//! context (time of day, balance class; 20 % at most); congestion, which needs
//! slot limits; sleep in a steady market; low-fee exploration on command; the
//! bonus step above what revenue speaks for; `max_htlc`; the fleet it may belong
//! to. Its Kalman filter of flow is a plain week here; the rank that sets its
//! undercut of 3 to 20 % is not to be had, and 10 % is taken, as it does itself
//! without data.

mod matrix;
mod pid;
mod posterior;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, change, rate_ppm};
use pid::Pid;
use posterior::{LEAST_WINDOWS, Posterior};
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::random::{Purpose, Random};

/// Its settings and, where users cannot set them, its constants.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Lowest rate, in ppm.
    pub min_ppm: f64,
    /// Highest rate, in ppm.
    pub max_ppm: f64,
    /// The rate believed best before anything is known, in ppm.
    pub prior_ppm: f64,
    /// How unsure that is, in ppm.
    pub prior_std_ppm: f64,
    /// Weight of the smoothed imbalance in the balance factor.
    pub proportional: f64,
    /// Weight of its integral.
    pub integral: f64,
    /// What each window leaves of the belief's weight.
    pub gamma: f64,
    /// How far below competitors it stays: a share of their median.
    pub undercut: f64,
    /// The cut during silence, as a share of the rate.
    pub silence_cut: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            min_ppm: 10.0,
            max_ppm: 2_000.0,
            prior_ppm: 200.0,
            prior_std_ppm: 100.0,
            proportional: 2.0,
            integral: 0.1,
            gamma: 0.98,
            undercut: 0.10,
            silence_cut: 0.15,
        }
    }
}

const RUN: Duration = Duration::from_secs(30 * 60);
const RUN_HOURS: f64 = 0.5;
const FLOW_DAYS: f64 = 7.0;
/// Net outflow per capacity and day that makes a source, inflow a sink.
const SOURCE_PER_DAY: f64 = 0.05;
/// With fewer forwards a window is sparse, and forgets less.
const DENSE_FORWARDS: u64 = 3;
const SPARSE_GAMMA: f64 = 0.992;
/// A window without revenue and with less to spend tells nothing, in sat.
const ROUTABLE_SAT: f64 = 25_000.0;
/// Above this uncertainty competitors are not looked at, in ppm or as a share.
const EXPLORING: (f64, f64) = (100.0, 0.04);
/// Below this local share they are not undercut.
const UNDERCUT_SHARE: f64 = 0.35;
/// Highest rates above this fall after days without a forward, by these factors.
const IDLE_PPM: f64 = 500.0;
const IDLE: [(f64, f64); 2] = [(7.0, 0.5), (3.0, 0.75)];
/// How much of the way is gone, by the belief's uncertainty in ppm.
const BLEND: [(f64, f64); 4] = [(200.0, 0.20), (100.0, 0.30), (50.0, 0.45), (0.0, 0.60)];
/// A run moves a rate by this share, or this many ppm.
const STEP: (f64, f64) = (0.5, 100.0);
/// Windows without revenue before raises are blocked, and before cuts begin.
const GUARD_STREAK: f64 = 8.0;
const CUT_STREAK: f64 = 24.0;
/// Both stretch with the usual gap between sales, up to a week.
const GUARD_GAPS: f64 = 2.0;
const CUT_GAPS: f64 = 4.0;
const MOST_GAP_HOURS: f64 = 168.0;
/// Windows from one cut to the next.
const CUT_EVERY: f64 = 12.0;
/// Cuts stop at this share of where revenue was.
const CUT_FLOOR: f64 = 0.5;
/// Moves within this share of the last rate are not written.
const GATE: f64 = 0.05;

#[derive(Clone, Debug)]
struct State {
    belief: Posterior,
    pid: Pid,
    /// A move that was too small to write, in ppm.
    pending: Option<f64>,
    sold_at: Option<Timestamp>,
}

/// What a window brought.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    forwards: u64,
    fees_sat: f64,
}

impl Window {
    fn sat_per_hour(self) -> f64 {
        self.fees_sat / RUN_HOURS
    }
}

/// cl_revenue_ops.
#[derive(Clone, Debug)]
pub struct RevenueOps {
    constants: Constants,
    random: Random,
    flows: Flows,
    states: BTreeMap<ChannelPoint, State>,
    ran_at: Option<Timestamp>,
}

impl Model for RevenueOps {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "min_ppm",
            grid: &[10.0, 60.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "undercut",
            // Negative: so much above them.
            grid: &[-20.0, -5.0, -2.0, -1.0, -0.5, -0.2, 0.0, 0.1, 0.2],
            set: |c, value| c.undercut = value,
        },
        Knob {
            name: "prior_ppm",
            grid: &[100.0, 200.0, 350.0, 500.0, 700.0, 1_000.0],
            set: |c, value| c.prior_ppm = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 850.0, 1_000.0, 1_400.0, 2_000.0, 3_500.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "proportional",
            grid: &[0.0, 1.0, 2.0, 4.0, 8.0],
            set: |c, value| c.proportional = value,
        },
        Knob {
            name: "integral",
            grid: &[0.0, 0.05, 0.1, 0.3, 1.0],
            set: |c, value| c.integral = value,
        },
        Knob {
            name: "silence_cut",
            grid: &[0.0, 0.02, 0.05, 0.15, 0.3],
            set: |c, value| c.silence_cut = value,
        },
        Knob {
            name: "gamma",
            grid: &[0.95, 0.98, 0.992, 0.999],
            set: |c, value| c.gamma = value,
        },
    ];

    fn new(constants: Constants, seed: u64) -> Self {
        Self {
            constants,
            random: Random::stream(seed, Purpose::Policy, 0),
            flows: Flows::of_days(FLOW_DAYS),
            states: BTreeMap::new(),
            ran_at: None,
        }
    }
}

impl Constants {
    fn fresh(&self) -> State {
        State {
            belief: Posterior::new(self.prior_ppm, self.prior_std_ppm),
            pid: Pid::default(),
            pending: None,
            sold_at: None,
        }
    }

    /// The highest rate, lower while nothing is sold.
    fn ceiling_ppm(&self, ppm: f64, idle_days: Option<f64>) -> f64 {
        let long = |(days, _): &&(f64, f64)| idle_days.is_some_and(|idle| idle >= *days);
        let fallen = IDLE.iter().find(long).filter(|_| ppm >= IDLE_PPM);
        let ceiling = (self.max_ppm * fallen.map_or(1.0, |(_, factor)| *factor)).trunc();
        ceiling.max(self.min_ppm + 10.0)
    }

    /// Drawn towards competitors and below them, unless still exploring.
    fn below_competitors(&self, target: f64, median: f64, share: f64) -> f64 {
        let drawn = match target > 2.0 * median {
            true => 0.8 * target + 0.2 * median,
            false => target,
        };
        let undercut = (median * (1.0 - self.undercut)).trunc();
        match share >= UNDERCUT_SHARE && undercut > self.min_ppm {
            true => drawn.min(undercut),
            false => drawn,
        }
    }

    /// During silence: no raise, and a cut now and then.
    fn in_silence(&self, belief: &Posterior, ppm: f64, target: f64) -> f64 {
        let gaps = belief.gap_hours.min(MOST_GAP_HOURS) / RUN_HOURS;
        let guard = GUARD_STREAK.max((gaps * GUARD_GAPS).ceil());
        let cut = CUT_STREAK.max((gaps * CUT_GAPS).ceil()).max(guard);
        let streak = f64::from(belief.streak);
        if streak < guard {
            return target;
        }
        if streak < cut || (streak - cut) % CUT_EVERY != 0.0 {
            return target.min(ppm).max(self.min_ppm);
        }
        let supported = belief.supported_ppm(self.min_ppm);
        let most = (ppm * (1.0 - self.silence_cut)).floor();
        let most = supported.map_or(most, |supported| most.min(supported.trunc()));
        let anchor = belief
            .earning_ppm()
            .map_or(0.0, |earned| earned * CUT_FLOOR);
        target
            .min(most)
            .max(anchor.trunc().min(ppm))
            .max(self.min_ppm)
    }
}

/// Whether the belief is too vague for competitors to matter.
fn is_exploring(belief: &Posterior, ppm: f64) -> bool {
    belief.std > EXPLORING.0.max(EXPLORING.1 * ppm)
}

/// Part of the way to the target.
fn blended(from: f64, target: f64, std: f64) -> f64 {
    let blend = BLEND.iter().find(|(least, _)| std >= *least);
    let way = (target - from) * blend.map_or(1.0, |(_, share)| *share);
    match way.round_ties_even() {
        // At least 1 ppm, if there is any way to go.
        step if step == 0.0 && target != from => from + (target - from).signum(),
        step => from + step,
    }
}

impl RevenueOps {
    /// The rate to write, if any.
    fn next_ppm(
        &mut self,
        channel: &Channel,
        window: Window,
        out_per_day: f64,
        median: Option<f64>,
        now: Timestamp,
    ) -> Option<f64> {
        let c = &self.constants;
        let raw = rate_ppm(channel);
        let ppm = if raw > 0.0 { raw } else { c.min_ppm };
        let state = self.states.get_mut(&channel.point)?;
        let belief = &mut state.belief;
        let rate = window.sat_per_hour();
        let sparse = belief.real_windows() < LEAST_WINDOWS || window.forwards < DENSE_FORWARDS;
        let spendable = channel.spendable().as_f64();
        if raw > 0.0 && (rate > 0.0 || spendable >= ROUTABLE_SAT) {
            belief.update(raw, rate, RUN_HOURS, now);
        }
        belief.discount(if sparse {
            SPARSE_GAMMA.max(c.gamma)
        } else {
            c.gamma
        });
        let idle_days = state.sold_at.map(|at| now.days_since(at));
        let (floor, ceiling) = (c.min_ppm, c.ceiling_ppm(ppm, idle_days));
        let drawn = belief.sample(&mut self.random, now);
        let drawn = drawn.max(floor).min(ceiling).trunc();
        let share = channel.local_ratio();
        let factor = state.pid.factor(c, channel, out_per_day);
        let mut target = (drawn * factor).trunc();
        let exploring = is_exploring(belief, ppm);
        if let Some(median) = median.filter(|median| *median > floor) {
            if !exploring {
                target = c.below_competitors(target, median, share);
            } else if sparse {
                belief.advise(median, 0.15, now);
            }
        }
        if let Some(supported) = belief.supported_ppm(floor) {
            target = target.min(supported.trunc().max(1.0));
        }
        let target = target.min(ceiling).max(floor);
        let on_way = |pending: &f64| {
            let (low, high) = (ppm.min(target), ppm.max(target));
            (target - ppm).abs() > ppm * GATE && (low..=high).contains(pending)
        };
        let from = state.pending.filter(on_way).unwrap_or(ppm);
        let std = match belief.real_windows() < LEAST_WINDOWS {
            true => belief.std.max(200.0),
            false => belief.std,
        };
        let mut next = blended(from, target, std);
        if !belief.is_meaningful(rate, now) {
            next = c.in_silence(belief, ppm, next);
        }
        let step = (ppm * STEP.0).ceil().max(STEP.1);
        next = next.clamp(ppm - step, ppm + step);
        let least = if ppm < 100.0 {
            1.0
        } else {
            (ppm * 0.03).ceil().max(5.0)
        };
        let moved = (next - raw).abs();
        let written = raw <= 0.0 || (moved >= least && moved > raw * GATE);
        state.pending = (!written && next != ppm).then_some(next);
        written.then_some(next)
    }
}

impl FeePolicy for RevenueOps {
    fn interval(&self) -> Duration {
        RUN
    }

    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        let now = tick.seen.at;
        let ran_at = self.ran_at.replace(now);
        let mut windows: BTreeMap<ChannelPoint, Window> = BTreeMap::new();
        // History from before the first run is no window at its rates.
        for flow in ran_at.into_iter().flat_map(|at| self.flows.since(at)) {
            if let Some((point, _)) = flow.leave {
                let window = windows.entry(point).or_default();
                window.forwards += 1;
                window.fees_sat += flow.fee_sat;
            }
        }
        let enter = flows::sum(self.flows.iter(), |f| Some(f.enter?.0), |f| f.in_sat);
        let leave = flows::sum(self.flows.iter(), |f| Some(f.leave?.0), |f| f.out_sat);
        let mut updates = vec![];
        for channel in tick.seen.channels.values() {
            let point = channel.point;
            let known = self.states.contains_key(&point);
            let fresh = self.constants.fresh();
            let state = self.states.entry(point).or_insert(fresh);
            let window = windows.get(&point).copied().unwrap_or_default();
            if window.forwards > 0 {
                state.sold_at = Some(now);
            }
            if !known || ran_at.is_none() {
                continue;
            }
            let net = flows::of(&leave, point) - flows::of(&enter, point);
            let out_per_day = net / channel.capacity.as_f64().max(1.0) / FLOW_DAYS;
            let peer = tick.peers.get(&channel.peer);
            let median = peer.and_then(|peer| peer.competitor_fee);
            let median = median.map(FeePpm::as_f64);
            let next = self.next_ppm(channel, window, out_per_day, median, now);
            let Some(policy) = channel.policy else {
                continue;
            };
            let outbound = next.map_or(policy.fees.outbound, FeePpm::rounded);
            let fees = FeeParts {
                base_fee_msat: 0,
                outbound,
                ..policy.fees
            };
            updates.extend(change(channel, fees));
        }
        updates
    }
}
