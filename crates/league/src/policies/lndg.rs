//! LNDg's AutoFees (cryptosharks131/lndg v1.10.1, `af.py`, `jobs.py`).
//!
//! Channels that are active and public are judged together with their peer's
//! others, by three zones of the peer's local share: nearly empty (up, if many
//! HTLCs failed for lack of balance and nothing came in for a day), nearly full
//! (down, if idle or if it mostly feeds others), between (down if idle, up if
//! the week's net outflow exceeds the capacity). A channel is changed once a day.
//!
//! Off by default in the source, and so are its inbound fees, which are not
//! modelled. Failures are taken as the simulator reports them, without LNDg's
//! test of the amount against its own record of the balance.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flows::{self, Flows};
use crate::model::{Knob, Model, by_peer, owned_sat, post, rate_ppm};
use sweetspot_core::types::channel::{ChannelIds, ChannelPoint, PeerId};
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::htlc::HtlcOutcome;
use sweetspot_market::math;

/// Its settings, `AF-…` each.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Highest rate, in ppm.
    pub max_ppm: f64,
    /// Lowest rate, in ppm.
    pub min_ppm: f64,
    /// Rates are multiples of this, in ppm.
    pub increment_ppm: f64,
    /// Factor on every step.
    pub multiplier: f64,
    /// An empty channel is raised after more failed HTLCs than this.
    pub failed_htlcs: f64,
    /// Hours between changes of a channel.
    pub update_hours: f64,
    /// At or below this local share a peer counts as empty, in percent.
    pub low_percent: f64,
    /// At or above this local share a peer counts as full, in percent.
    pub excess_percent: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            max_ppm: 2_500.0,
            min_ppm: 0.0,
            increment_ppm: 5.0,
            multiplier: 5.0,
            failed_htlcs: 25.0,
            update_hours: 24.0,
            low_percent: 15.0,
            excess_percent: 95.0,
        }
    }
}

/// Forwards below this are not looked at.
const LEAST_SAT: f64 = 1_000.0;
const DAY: Duration = Duration::from_secs(86_400);

/// LNDg's AutoFees.
#[derive(Clone, Debug)]
pub struct Lndg {
    constants: Constants,
    flows: Flows,
    ids: ChannelIds,
    failures: Vec<(Timestamp, ChannelPoint)>,
    /// When each channel was first seen or last changed.
    changed: BTreeMap<ChannelPoint, Timestamp>,
}

impl Model for Lndg {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "multiplier",
            // A whole number in the source.
            grid: &[1.0, 2.0, 5.0, 10.0, 20.0],
            set: |c, value| c.multiplier = value,
        },
        Knob {
            name: "min_ppm",
            grid: &[
                0.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "failed_htlcs",
            grid: &[0.0, 1.0, 3.0, 10.0, 25.0, 100.0],
            set: |c, value| c.failed_htlcs = value,
        },
        Knob {
            name: "low_percent",
            grid: &[0.0, 5.0, 15.0, 25.0, 40.0, 60.0],
            set: |c, value| c.low_percent = value,
        },
        Knob {
            name: "excess_percent",
            grid: &[60.0, 75.0, 85.0, 95.0, 100.0],
            set: |c, value| c.excess_percent = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 1_000.0, 1_500.0, 2_500.0, 5_000.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "update_hours",
            grid: &[1.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0],
            set: |c, value| c.update_hours = value,
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            constants,
            flows: Flows::of_days(7.0),
            ids: ChannelIds::default(),
            failures: vec![],
            changed: BTreeMap::new(),
        }
    }
}

/// A peer's week.
#[derive(Clone, Copy, Debug, Default)]
struct Week {
    out_percent: f64,
    in_sat: f64,
    out_sat: f64,
    /// (out − in) over the capacity.
    net: f64,
    in_last_day_sat: f64,
    failed: f64,
    earned_sat: f64,
    assisted_sat: f64,
}

impl Constants {
    /// The step of a peer's rates, in ppm.
    fn step_ppm(&self, week: &Week) -> f64 {
        let idle = week.in_sat + week.out_sat == 0.0;
        let steps = if week.out_percent <= self.low_percent {
            match week.failed > self.failed_htlcs && week.in_last_day_sat == 0.0 {
                true => 5.0,
                false => 0.0,
            }
        } else if week.out_percent < self.excess_percent {
            match (idle, week.net > 1.0) {
                (true, _) => -3.0,
                (false, true) => 2.0 * (1.0 + week.net),
                _ => 0.0,
            }
        } else {
            let feeds_others = week.net < 0.0 && week.assisted_sat > week.earned_sat * 10.0;
            if idle || feeds_others { -5.0 } else { 0.0 }
        };
        steps * self.multiplier
    }
}

impl Lndg {
    fn learn(&mut self, tick: &Tick<'_>) {
        self.flows.learn(tick);
        for channel in tick.seen.channels.values() {
            self.ids.learn(channel);
            self.changed.entry(channel.point).or_insert(tick.seen.at);
        }
        for htlc in tick.htlcs {
            if let (HtlcOutcome::InsufficientBalance, Some(point)) =
                (htlc.outcome, self.ids.resolve(htlc.scid_out))
            {
                self.failures.push((htlc.at, point));
            }
        }
        let span = Duration::from_secs_f64(self.constants.update_hours * 3_600.0);
        let oldest = tick.seen.at.minus(span);
        self.failures.retain(|(at, _)| *at >= oldest);
    }

    /// Each peer's flows of the week.
    fn weeks(&self, now: Timestamp) -> BTreeMap<PeerId, Week> {
        let mut weeks: BTreeMap<PeerId, Week> = BTreeMap::new();
        for flow in self.flows.iter().filter(|flow| flow.out_sat >= LEAST_SAT) {
            if let Some(peer) = flows::peer_in(flow) {
                let week = weeks.entry(peer).or_default();
                week.in_sat += flow.out_sat;
                week.assisted_sat += flow.fee_sat;
                if flow.at >= now.minus(DAY) {
                    week.in_last_day_sat += flow.out_sat;
                }
            }
            if let Some(peer) = flows::peer_out(flow) {
                let week = weeks.entry(peer).or_default();
                week.out_sat += flow.out_sat;
                week.earned_sat += flow.fee_sat;
            }
        }
        weeks
    }
}

impl FeePolicy for Lndg {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.learn(&tick);
        let now = tick.seen.at;
        let weeks = self.weeks(now);
        let mut updates = vec![];
        for (peer, mut channels) in by_peer(tick.seen) {
            channels.retain(|c| c.active && !c.private);
            let ours: f64 = channels.iter().map(|c| owned_sat(c).0).sum();
            let capacity: f64 = channels.iter().map(|c| c.capacity.as_f64()).sum();
            if capacity <= 0.0 {
                continue;
            }
            let failed = self.failures.iter();
            let failed = failed.filter(|(_, at)| channels.iter().any(|c| c.point == *at));
            let mut week = weeks.get(&peer).copied().unwrap_or_default();
            week.out_percent = ours / capacity * 100.0;
            week.net = (week.out_sat - week.in_sat) / capacity;
            week.failed = math::count(failed.count());
            let step = self.constants.step_ppm(&week);
            for channel in channels {
                let c = &self.constants;
                let since = now.days_since(self.changed[&channel.point]) * 24.0;
                if since < c.update_hours {
                    continue;
                }
                let ppm = (rate_ppm(channel) + step) / c.increment_ppm;
                let ppm = ppm.round_ties_even() * c.increment_ppm;
                let update = post(channel, ppm.max(c.min_ppm).min(c.max_ppm));
                if update.is_some() {
                    self.changed.insert(channel.point, now);
                }
                updates.extend(update);
            }
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;

    fn step(week: Week) -> f64 {
        Constants::default().step_ppm(&week)
    }

    #[test]
    fn each_zone_has_the_steps_of_the_source() {
        let busy = Week {
            in_sat: 5.0,
            out_sat: 5.0,
            ..Week::default()
        };
        let at = |out_percent, week: Week| Week {
            out_percent,
            ..week
        };
        // Empty: 5 · 5 after 26 failures, unless something came in.
        let starved = Week {
            failed: 26.0,
            ..busy
        };
        assert_eq!(step(at(15.0, starved)), 25.0);
        assert_eq!(
            step(at(
                15.0,
                Week {
                    failed: 25.0,
                    ..busy
                }
            )),
            0.0
        );
        let fed = Week {
            in_last_day_sat: 1.0,
            ..starved
        };
        assert_eq!(step(at(15.0, fed)), 0.0);
        // Between: −3 · 5 if idle; 2 · 5 · (1 + 1.5) when drained 1.5 times a week.
        assert_eq!(step(at(50.0, Week::default())), -15.0);
        assert_eq!(step(at(50.0, Week { net: 1.5, ..busy })), 25.0);
        assert_eq!(step(at(50.0, Week { net: 1.0, ..busy })), 0.0);
        // Full: −5 · 5 if idle or if it earns a tenth of what it brings in.
        assert_eq!(step(at(95.0, Week::default())), -25.0);
        let feeder = Week {
            net: -0.1,
            earned_sat: 1.0,
            assisted_sat: 11.0,
            ..busy
        };
        assert_eq!(step(at(95.0, feeder)), -25.0);
        assert_eq!(step(at(95.0, busy)), 0.0);
    }

    #[test]
    fn an_idle_channel_sinks_once_a_day_in_multiples_of_five() {
        let mut trial = Trial::of([channel(1, 1_000_000, 500_000, 203)]);
        let mut policy = Lndg::new(Constants::default(), 0);
        assert_eq!(trial.price(&mut policy), 0);
        trial.wait(24);
        assert_eq!(trial.price(&mut policy), 1);
        // 203 − 15 = 188, to 190.
        assert_eq!(trial.ppm(1), 190);
        trial.wait(23);
        assert_eq!(trial.price(&mut policy), 0);
        trial.with(1).active = false;
        trial.wait(1);
        assert_eq!(trial.price(&mut policy), 0);
    }

    #[test]
    fn failures_raise_an_empty_channel() {
        let mut trial = Trial::of([
            channel(1, 1_000_000, 100_000, 200),
            channel(2, 1_000_000, 900_000, 200),
        ]);
        let mut policy = Lndg::new(Constants::default(), 0);
        trial.price(&mut policy);
        trial.wait(20);
        for _ in 0..26 {
            trial.fail(2, 1, 200_000);
        }
        trial.wait(4);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 225);
    }
}
