//! Eclair's peer scorer, its relay fees alone (ACINQ/eclair v0.14.1-17,
//! `profit/PeerScorer.scala`, `profit/PeerStatsTracker.scala`,
//! `reference.conf`), with its automatic updates switched on.
//!
//! Hourly, over buckets of three hours. The ten peers with the largest outflow of
//! the last day are raised by 500 ppm when the last two buckets beat the target
//! and the bucket before by a tenth, lowered when they fell by 15 % though there
//! is liquidity, and set back when the day's outflow sank after a change. Peers
//! idle for a week are lowered. All between 500 and 5,000 ppm.
//!
//! Of unannounced channels it leaves out only those with Phoenix wallets
//! (`PhoenixZeroReserve`), of which the market has none.
//! Its funding and closing of channels is not modelled.

use std::collections::{BTreeMap, BTreeSet};

use crate::flows::Flows;
use crate::model::{Knob, Model, by_peer, post, rate_ppm};
use sweetspot_core::types::channel::{Channel, PeerId};
use sweetspot_core::types::time::Timestamp;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;

/// Its settings.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Peers looked at.
    pub top_peers: usize,
    /// Lowest rate, in ppm.
    pub min_ppm: f64,
    /// Highest rate, in ppm.
    pub max_ppm: f64,
    /// A step, in ppm.
    pub step_ppm: f64,
    /// Outflow of a day that allows a raise, in sat.
    pub volume_sat: f64,
    /// The same, as a share of the capacity; the lower counts.
    pub volume_share: f64,
    /// Idle is a week with less in and out than this share of the capacity.
    pub idle_share: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            top_peers: 10,
            min_ppm: 500.0,
            max_ppm: 5_000.0,
            step_ppm: 500.0,
            volume_sat: 10_000_000.0,
            volume_share: 0.05,
            idle_share: 0.075,
        }
    }
}

const BUCKET_SECS: i64 = 3 * 3_600;
const PER_DAY: usize = 8;
const BUCKETS: usize = 7 * PER_DAY;

/// A change that may be taken back.
#[derive(Clone, Copy, Debug)]
struct Change {
    raised: bool,
    ppm: f64,
    day_out_sat: f64,
}

/// A peer as the scorer sees it; the latest bucket first.
#[derive(Clone, Debug)]
struct Peer<'a> {
    channels: Vec<&'a Channel>,
    out_sat: [f64; BUCKETS],
    in_sat: [f64; BUCKETS],
    capacity_sat: f64,
    can_send_sat: f64,
    ppm: f64,
    hours_since_update: f64,
}

impl Peer<'_> {
    fn day_out_sat(&self) -> f64 {
        self.out_sat[..PER_DAY].iter().sum()
    }
}

/// Eclair's peer scorer.
#[derive(Clone, Debug)]
pub struct Eclair {
    constants: Constants,
    flows: Flows,
    changes: BTreeMap<PeerId, Change>,
}

impl Model for Eclair {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "min_ppm",
            grid: &[
                100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.min_ppm = value,
        },
        Knob {
            name: "step_ppm",
            grid: &[10.0, 25.0, 50.0, 100.0, 200.0, 350.0, 500.0, 1_000.0],
            set: |c, value| c.step_ppm = value,
        },
        Knob {
            name: "volume_share",
            grid: &[0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
            set: |c, value| c.volume_share = value,
        },
        Knob {
            name: "idle_share",
            grid: &[0.0, 0.02, 0.075, 0.2, 0.4, 0.8],
            set: |c, value| c.idle_share = value,
        },
        Knob {
            name: "max_ppm",
            grid: &[700.0, 1_000.0, 1_500.0, 2_000.0, 5_000.0],
            set: |c, value| c.max_ppm = value,
        },
        Knob {
            name: "top_peers",
            grid: &[5.0, 10.0, 20.0, 40.0, 1_000.0],
            set: |c, value| c.top_peers = usize::try_from(math::whole(value)).unwrap_or(10),
        },
    ];

    fn new(constants: Constants, _: u64) -> Self {
        Self {
            constants,
            flows: Flows::of_days(7.5),
            changes: BTreeMap::new(),
        }
    }
}

fn bucket(at: Timestamp) -> i64 {
    at.secs().div_euclid(BUCKET_SECS)
}

impl Eclair {
    fn peers<'a>(&self, tick: &Tick<'a>) -> BTreeMap<PeerId, Peer<'a>> {
        let now = tick.seen.at;
        let mut peers: BTreeMap<PeerId, Peer<'a>> = BTreeMap::new();
        for (id, channels) in by_peer(tick.seen) {
            let latest = channels.iter().filter_map(|c| Some((c, c.policy?)));
            let latest = latest.max_by_key(|(_, policy)| policy.last_update_secs);
            let Some((channel, policy)) = latest else {
                continue;
            };
            let updated = Timestamp::from_secs(i64::from(policy.last_update_secs));
            let sum = |of: fn(&Channel) -> f64| channels.iter().map(|c| of(c)).sum();
            let peer = Peer {
                out_sat: [0.0; BUCKETS],
                in_sat: [0.0; BUCKETS],
                capacity_sat: sum(|c| c.capacity.as_f64()),
                can_send_sat: sum(|c| c.spendable().as_f64()),
                ppm: rate_ppm(channel),
                hours_since_update: now.days_since(updated) * 24.0,
                channels,
            };
            peers.insert(id, peer);
        }
        for flow in self.flows.iter() {
            let Ok(age) = usize::try_from(bucket(now) - bucket(flow.at)) else {
                continue;
            };
            if age >= BUCKETS {
                continue;
            }
            if let Some(peer) = flow.enter.and_then(|(_, id)| peers.get_mut(&id)) {
                peer.in_sat[age] += flow.in_sat;
            }
            if let Some(peer) = flow.leave.and_then(|(_, id)| peers.get_mut(&id)) {
                peer.out_sat[age] += flow.out_sat;
            }
        }
        peers
    }

    /// The new rate of one of the top peers, if any, and what to remember.
    fn reprice(
        &self,
        id: PeerId,
        peer: &Peer<'_>,
        now: Timestamp,
    ) -> Option<(f64, Option<Change>)> {
        let c = &self.constants;
        let into_bucket = now.secs().rem_euclid(BUCKET_SECS);
        let into_bucket = math::float(u64::try_from(into_bucket).unwrap_or(0));
        // How many buckets the last two amount to by now, and how many days.
        let buckets = 1.0 + into_bucket / 10_800.0;
        let days = buckets / 8.0;
        let [recent, before, earlier] = [
            peer.out_sat[0] + peer.out_sat[1],
            peer.out_sat[2],
            peer.out_sat[3],
        ];
        let volume = c.volume_sat.min(peer.capacity_sat * c.volume_share);
        let settled = peer.hours_since_update >= 4.5;
        let change = |raised, ppm| {
            let record = Change {
                raised,
                ppm,
                day_out_sat: peer.day_out_sat(),
            };
            Some((ppm, Some(record)))
        };
        let beats = recent >= volume * days && before > 0.0 && recent / buckets > before * 1.1;
        if beats && settled && peer.ppm + c.step_ppm <= c.max_ppm {
            return change(true, peer.ppm + c.step_ppm);
        }
        let falls = before > 0.0 && recent <= before * 0.85 && before <= earlier;
        let able = peer.can_send_sat >= volume;
        if falls && able && settled && peer.ppm - c.step_ppm >= c.min_ppm {
            return change(false, peer.ppm - c.step_ppm);
        }
        let past = self.changes.get(&id)?;
        let share = if past.raised { 0.8 } else { 0.9 };
        let sank = peer.day_out_sat() < past.day_out_sat * share;
        let in_time = (6.0..=24.0).contains(&peer.hours_since_update);
        let step = if past.raised { -c.step_ppm } else { c.step_ppm };
        (peer.ppm == past.ppm && in_time && sank).then_some((peer.ppm + step, None))
    }

    fn is_idle(&self, peer: &Peer<'_>) -> bool {
        let c = &self.constants;
        let most = peer.capacity_sat * c.idle_share;
        peer.can_send_sat >= peer.capacity_sat * 0.2
            && peer.out_sat.iter().sum::<f64>() <= most
            && peer.in_sat.iter().sum::<f64>() <= most
            && peer.ppm > c.min_ppm
            && peer.hours_since_update >= 12.0
    }
}

impl FeePolicy for Eclair {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.flows.learn(&tick);
        let peers = self.peers(&tick);
        let mut busiest: Vec<_> = peers
            .iter()
            .filter(|(_, p)| p.day_out_sat() > 0.0)
            .collect();
        busiest.sort_by(|a, b| b.1.day_out_sat().total_cmp(&a.1.day_out_sat()));
        busiest.truncate(self.constants.top_peers);
        let mut rates = BTreeMap::new();
        let mut done = BTreeSet::new();
        for (id, peer) in busiest {
            if let Some((ppm, record)) = self.reprice(*id, peer, tick.seen.at) {
                rates.insert(*id, ppm);
                done.insert(*id);
                match record {
                    Some(change) => self.changes.insert(*id, change),
                    None => self.changes.remove(id),
                };
            }
        }
        for (id, peer) in peers.iter().filter(|(id, _)| !done.contains(id)) {
            if self.is_idle(peer) {
                let ppm = (peer.ppm - self.constants.step_ppm).max(self.constants.min_ppm);
                rates.insert(*id, ppm);
                let change = Change {
                    raised: false,
                    ppm,
                    day_out_sat: peer.day_out_sat(),
                };
                self.changes.insert(*id, change);
            }
        }
        let updates = rates.iter().flat_map(|(id, ppm)| {
            let channels = peers[id].channels.iter();
            channels.filter_map(|channel| post(channel, *ppm))
        });
        updates.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;

    /// A node whose first peer sold `sat` in each of the last buckets, oldest
    /// first, the last of them half an hour ago.
    fn sold(ppm: u32, buckets: &[u64]) -> (Trial, Eclair) {
        let mut trial = Trial::of([
            channel(1, 10_000_000, 5_000_000, ppm),
            channel(2, 10_000_000, 5_000_000, 500),
        ]);
        let mut policy = Eclair::new(Constants::default(), 0);
        trial.price(&mut policy);
        for sat in buckets {
            if *sat > 0 {
                trial.forward(2, 1, *sat);
            }
            trial.wait(3);
        }
        (trial, policy)
    }

    #[test]
    fn growing_sales_above_the_target_raise_by_500() {
        // Now is the start of a bucket: the last two amount to one bucket's time.
        // The target is 5 % of 10 M sat a day, an eighth of it here: 62,500.
        let (mut trial, mut policy) = sold(500, &[0, 60_000, 80_000]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 1_000);
        let (mut trial, mut policy) = sold(500, &[0, 60_000, 62_000]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 500, "below the target");
        let (mut trial, mut policy) = sold(500, &[0, 75_000, 80_000]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 500, "not a tenth more");
        let (mut trial, mut policy) = sold(4_800, &[0, 60_000, 80_000]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 4_800, "above the bound");
    }

    #[test]
    fn falling_sales_lower_and_a_change_that_sank_the_day_is_taken_back() {
        let (mut trial, mut policy) = sold(1_500, &[90_000, 80_000, 60_000]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 1_000);
        // The day's outflow sinks from 230,000 to 60,000 within 24 h.
        trial.wait(18);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 1_500);
    }

    #[test]
    fn a_week_idle_lowers_to_the_least_rate() {
        let (mut trial, mut policy) = sold(700, &[0; 4]);
        trial.price(&mut policy);
        assert_eq!(trial.ppm(1), 500);
        assert_eq!(trial.price(&mut policy), 0);
    }
}
