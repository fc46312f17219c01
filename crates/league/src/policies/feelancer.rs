//! feelancer's PID controller (feelancer21/feelancer at 6534fbc,
//! `src/feelancer/pid/`, `lightning/chan_updates.py`), hourly.
//!
//! Outbound rate = margin + spread, inbound = −spread. Each peer's spread is the
//! time integral of a drift, of the error of its remote share, of the error's
//! moving average and of its decaying changes; a node-wide loop shifts all
//! spreads. Every gain is 0 by default, which would leave the fees alone; the
//! constants here are those of the sample the project ships
//! (`docker_demo/app/feelancer.toml`), of which its author says that they
//! illustrate.
//!
//! A peer with unannounced channels alone is left out; next to an announced one
//! they count and are set.
//!
//! The sample's pinned peer (a certain node) is not modelled; nor are outside
//! changes of fees, and spreads remembered over a closed channel. The margin
//! starts at the level it reverts to and is never changed, so it is constant. The
//! sample runs every 15 minutes; it publishes a peer at most hourly.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Knob, Model, by_peer, change, owned_sat, rate_ppm};
use sweetspot_core::types::channel::{Channel, ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;

/// The gains of one controller, per day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gains {
    /// Drift.
    pub k_t: f64,
    /// On the error.
    pub k_p: f64,
    /// On its moving average.
    pub k_i: f64,
    /// On its changes.
    pub k_d: f64,
    /// Decay of the average.
    pub alpha_i: f64,
    /// Decay of the changes.
    pub alpha_d: f64,
}

/// Its settings.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Of each peer's spread.
    pub gains: Gains,
    /// The error's range.
    pub error: (f64, f64),
    /// The remote shares at which the error ends.
    pub ratio: (f64, f64),
    /// The margin, in ppm.
    pub margin_ppm: f64,
    /// A peer's own margin: flat, then as a share of the spread, then bounds.
    pub own_margin: (f64, f64, f64, f64),
    /// Gain of the node-wide loop, in ppm per day.
    pub level_gain: f64,
    /// The deviation at which that loop's error ends, in ppm; 0 switches it off.
    pub level_deviation_ppm: f64,
    /// How much more the spread should be where liquidity is remote, in ppm.
    pub level_target_ppm: f64,
    /// Whether inbound fees are set.
    pub set_inbound: bool,
    /// Hours between updates of a peer.
    pub hours: f64,
    /// Bounds of the outbound rate, in ppm.
    pub bounds_ppm: (f64, f64),
    /// The least change up and down worth posting, outbound, in ppm.
    pub least_ppm: (f64, f64),
    /// The same, inbound.
    pub least_inbound_ppm: (f64, f64),
    /// The first rate of a new peer's channel we funded, and of one it funded.
    pub new_ppm: (f64, f64),
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            gains: Gains {
                k_t: 0.1,
                k_p: 1.0,
                k_i: 4.8,
                k_d: 2.4,
                alpha_i: 0.04,
                alpha_d: 1.0,
            },
            error: (-0.1, 1.0),
            ratio: (0.2, 0.8),
            margin_ppm: 50.0,
            own_margin: (-10.0, 0.05, -100.0, 100.0),
            level_gain: 20.0,
            level_deviation_ppm: 200.0,
            level_target_ppm: 100.0,
            set_inbound: true,
            hours: 1.0,
            bounds_ppm: (1.0, 2_121.0),
            least_ppm: (5.0, 1.0),
            least_inbound_ppm: (2.0, 5.0),
            new_ppm: (1_500.0, 250.0),
        }
    }
}

/// A new channel is younger than this.
const NEW_BLOCKS: u32 = 144;

/// The integral controller.
#[derive(Clone, Copy, Debug, Default)]
struct Controller {
    value: f64,
    error: f64,
    average: f64,
    residual: f64,
}

impl Controller {
    /// Integrates over `days`, in which the error went in a line to `error`; the
    /// gain.
    fn advance(&mut self, gains: &Gains, error: f64, days: f64) -> f64 {
        let rise = error - self.error;
        let mean = (error + self.error) / 2.0;
        let slope = rise / days;
        let (mut average, mut average_integral) = (0.0, 0.0);
        if gains.alpha_i != 0.0 {
            let keep = math::exp(-gains.alpha_i * days);
            let lag = slope / gains.alpha_i;
            let off = self.average + lag - self.error;
            average = error - lag + keep * off;
            average_integral = days * (mean - lag) + (1.0 - keep) * off / gains.alpha_i;
        }
        let (mut residual, mut residual_integral) = (0.0, 0.0);
        if gains.alpha_d != 0.0 {
            let keep = math::exp(-gains.alpha_d * days);
            let off = self.residual - slope;
            residual = slope + keep * off;
            residual_integral = rise + (1.0 - keep) * off / gains.alpha_d;
        }
        let gain = gains.k_t * days
            + gains.k_p * mean * days
            + gains.k_i * average_integral
            + gains.k_d * residual_integral;
        self.value += gain;
        self.error = error;
        self.average = average;
        self.residual = residual;
        gain
    }
}

/// feelancer.
#[derive(Clone, Debug)]
pub struct Feelancer {
    constants: Constants,
    spreads: BTreeMap<PeerId, Controller>,
    level: Option<Controller>,
    known: BTreeSet<ChannelPoint>,
    last_run: Option<Timestamp>,
}

impl Model for Feelancer {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "margin_ppm",
            grid: &[
                0.0, 50.0, 150.0, 300.0, 500.0, 650.0, 800.0, 1_000.0, 1_200.0, 1_600.0,
            ],
            set: |c, value| c.margin_ppm = value,
        },
        Knob {
            // A factor on all three.
            name: "gain",
            grid: &[0.3, 1.0, 3.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0],
            set: |c, value| {
                let sample = Constants::default().gains;
                c.gains = Gains {
                    k_p: sample.k_p * value,
                    k_i: sample.k_i * value,
                    k_d: sample.k_d * value,
                    ..sample
                };
            },
        },
        Knob {
            name: "least_error",
            grid: &[-4.0, -2.0, -1.0, -0.5, -0.1, 0.0],
            set: |c, value| c.error.0 = value,
        },
        Knob {
            name: "level_target_ppm",
            grid: &[0.0, 50.0, 100.0, 200.0, 400.0],
            set: |c, value| c.level_target_ppm = value,
        },
        Knob {
            // 0 is no.
            name: "set_inbound",
            grid: &[0.0, 1.0],
            set: |c, value| c.set_inbound = value > 0.0,
        },
        Knob {
            name: "least_rate_ppm",
            grid: &[1.0, 100.0, 200.0, 350.0, 500.0, 700.0, 1_000.0],
            set: |c, value| c.bounds_ppm.0 = value,
        },
        Knob {
            name: "most_rate_ppm",
            grid: &[1_000.0, 1_500.0, 2_121.0, 3_000.0, 5_000.0],
            set: |c, value| c.bounds_ppm.1 = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            constants,
            spreads: BTreeMap::new(),
            level: None,
            known: BTreeSet::new(),
            last_run: None,
        }
    }
}

impl Constants {
    /// 0 when the remote share is at the target, piecewise linear up to the ends.
    fn error(&self, remote_share: f64, target: f64) -> f64 {
        let ((least, most), (from, to)) = (self.error, self.ratio);
        if remote_share >= to {
            most
        } else if remote_share <= from {
            least
        } else if remote_share >= target {
            most / (to - target) * (remote_share - target)
        } else {
            -least / (target - from) * (remote_share - target)
        }
    }

    fn own_margin_ppm(&self, spread: f64) -> f64 {
        let (flat, share, least, most) = self.own_margin;
        (flat + share * spread).max(least).min(most)
    }

    /// The spread at which the peer's rate is `ppm`.
    fn spread_for(&self, ppm: f64) -> f64 {
        (ppm - self.margin_ppm - self.own_margin.0) / (1.0 + self.own_margin.1)
    }

    fn is_change(old: f64, new: f64, least: (f64, f64), bounds: (f64, f64)) -> bool {
        let rise = new - old;
        let hits_bound = (rise < 0.0 && new == bounds.0) || (rise > 0.0 && new == bounds.1);
        hits_bound || rise >= least.0 || -rise >= least.1
    }
}

fn liquidity(channels: &[&Channel]) -> (f64, f64) {
    let each = channels.iter().map(|channel| owned_sat(channel));
    each.fold((0.0, 0.0), |sum, (ours, theirs)| {
        (sum.0 + ours, sum.1 + theirs)
    })
}

impl Feelancer {
    /// The first spread of a peer: from its lowest rate, or if all its channels
    /// are new, from the rate for new ones.
    fn first_spread(&self, tick: &Tick<'_>, channels: &[&Channel]) -> f64 {
        let c = &self.constants;
        let is_new = |channel: &&&Channel| {
            let age = channel.age_blocks(tick.seen.tip);
            !self.known.contains(&channel.point) && age.is_none_or(|blocks| blocks <= NEW_BLOCKS)
        };
        let old = channels.iter().filter(|channel| !is_new(channel));
        let lowest = old.map(|channel| rate_ppm(channel)).reduce(f64::min);
        let (ours, theirs) = liquidity(channels);
        let new_ppm = if ours > theirs {
            c.new_ppm.0
        } else {
            c.new_ppm.1
        };
        c.spread_for(lowest.unwrap_or(new_ppm))
    }

    /// The shift that keeps spreads higher where liquidity is remote.
    fn level_shift(
        &mut self,
        peers: &BTreeMap<PeerId, Vec<&Channel>>,
        target: f64,
        days: f64,
    ) -> f64 {
        let c = &self.constants;
        if c.level_deviation_ppm <= 0.0 {
            return 0.0;
        }
        let (mut by_target, mut by_remote, mut targets, mut remotes) = (0.0, 0.0, 0.0, 0.0);
        for (id, channels) in peers {
            let spread = self.spreads[id].value.max(-c.margin_ppm);
            let (ours, theirs) = liquidity(channels);
            by_target += spread * (ours + theirs) * target;
            targets += (ours + theirs) * target;
            by_remote += spread * theirs;
            remotes += theirs;
        }
        if targets <= 0.0 || remotes <= 0.0 {
            return 0.0;
        }
        let most = c.level_deviation_ppm;
        let off = by_remote / remotes - by_target / targets - c.level_target_ppm;
        let error = off.clamp(-most, most) / (2.0 * most);
        let first = Controller {
            error,
            ..Controller::default()
        };
        let gains = Gains {
            k_p: c.level_gain,
            ..Gains::default()
        };
        self.level.get_or_insert(first).advance(&gains, error, days)
    }

    fn publish(
        &self,
        tick: &Tick<'_>,
        id: PeerId,
        channels: &[&Channel],
        force: bool,
    ) -> Vec<FeeUpdate> {
        let c = &self.constants;
        let spread = self.spreads[&id].value;
        let ppm = (c.margin_ppm + c.own_margin_ppm(spread) + spread).max(0.0);
        let ppm = ppm.trunc().min(c.bounds_ppm.1).max(c.bounds_ppm.0);
        let inbound = (-spread).trunc().clamp(-99_999.0, 0.0);
        let policies = channels.iter().filter_map(|channel| channel.policy);
        let last = policies.clone().map(|p| p.last_update_secs).max();
        let last = Timestamp::from_secs(i64::from(last.unwrap_or(0)));
        if !force && tick.seen.at.days_since(last) * 24.0 < c.hours {
            return vec![];
        }
        let moves_out = policies.clone().any(|policy| {
            let old = policy.fees.outbound.as_f64();
            Constants::is_change(old, ppm, c.least_ppm, c.bounds_ppm)
        });
        let moves_in = c.set_inbound
            && policies.clone().any(|policy| {
                let old = f64::from(policy.fees.inbound.rate_ppm);
                Constants::is_change(old, inbound, c.least_inbound_ppm, (-99_999.0, 0.0))
            });
        let updates = channels.iter().filter_map(|channel| {
            let mut fees: FeeParts = channel.policy?.fees;
            if moves_out {
                fees.outbound = FeePpm::rounded(ppm);
            }
            if moves_in {
                let discount = i32::try_from(math::whole(-inbound)).unwrap_or(0);
                fees.inbound.rate_ppm = -discount;
            }
            change(channel, fees)
        });
        updates.collect()
    }
}

impl FeePolicy for Feelancer {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let now = tick.seen.at;
        let days = self
            .last_run
            .map_or(1.0 / 24.0, |last| now.days_since(last));
        self.last_run = Some(now);
        if days <= 0.0 {
            return vec![];
        }
        let mut peers = by_peer(tick.seen);
        peers.retain(|_, channels| !channels.iter().all(|channel| channel.private));
        self.spreads.retain(|id, _| peers.contains_key(id));
        let (ours, theirs) = peers.values().fold((0.0, 0.0), |sum, channels| {
            let (ours, theirs) = liquidity(channels);
            (sum.0 + ours, sum.1 + theirs)
        });
        let target = if ours + theirs > 0.0 {
            theirs / (ours + theirs)
        } else {
            0.5
        };
        let mut forced = BTreeSet::new();
        for (id, channels) in &peers {
            if channels.iter().any(|c| !self.known.contains(&c.point)) {
                forced.insert(*id);
            }
            if !self.spreads.contains_key(id) {
                let value = self.first_spread(&tick, channels);
                let first = Controller {
                    value,
                    ..Controller::default()
                };
                self.spreads.insert(*id, first);
            }
            let (ours, theirs) = liquidity(channels);
            let error = match ours + theirs > 0.0 {
                true => self.constants.error(theirs / (ours + theirs), target),
                false => 0.0,
            };
            if let Some(spread) = self.spreads.get_mut(id) {
                spread.advance(&self.constants.gains, error, days);
            }
        }
        let shift = self.level_shift(&peers, target, days);
        for spread in self.spreads.values_mut() {
            spread.value += shift;
        }
        self.known = tick.seen.channels.keys().copied().collect();
        let publish = |(id, channels): (&PeerId, &Vec<&Channel>)| {
            self.publish(&tick, *id, channels, forced.contains(id))
        };
        peers.iter().flat_map(publish).collect()
    }
}

#[cfg(test)]
mod tests;
