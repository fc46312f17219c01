//! CLBOSS's channel fees (ksedgwic/clboss v0.16.3, `Boss/Mod/ChannelFeeManager`,
//! `FeeModderBySize`, `FeeModderByBalance`, `FeeModderByPriceTheory`,
//! `PeerCompetitorFeeMonitor`), hourly.
//!
//! The median by capacity of what others charge towards the peer, times three
//! factors: our size among the peer's other peers; 50^(½−x) of the balance, in 4
//! to 50 bins with random edges; and a price level learned by playing cards: five
//! levels around the centre, each for two connected days, the best earner being
//! the next centre.
//!
//! The capacities of the peer's other peers are not to be had here: our rank is
//! taken among our own peers instead, as a sample of the network's nodes. The
//! median base fee is not to be had either: the base fee stays as it is. A peer
//! towards which nobody else has an announced channel has no median and is left
//! alone, which is all that keeps it from unannounced channels.

use std::collections::BTreeMap;

use crate::model::{Knob, Model, by_peer, post};
use sweetspot_core::types::channel::{Channel, ChannelIds, PeerId};
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick};
use sweetspot_market::math;
use sweetspot_market::random::{Purpose, Random};

/// Its constants, which its users cannot set.
#[derive(Clone, Debug)]
pub struct Constants {
    /// Factor on the median; 1 in the source, here for the tuned variant only.
    pub median_factor: f64,
    /// Rates never fall below this, in ppm; 1 in the source.
    pub least_ppm: f64,
    /// Whether our size counts.
    pub by_size: bool,
    /// The balance factor's base.
    pub balance_base: f64,
    /// A bin's size, in sat.
    pub bin_sat: f64,
    /// Hours a card is played, counted while the peer is connected.
    pub card_hours: f64,
    /// Levels tried on either side of the centre.
    pub max_step: i32,
    /// A level up multiplies by this.
    pub level_up: f64,
    /// A level down multiplies by this.
    pub level_down: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Self {
            median_factor: 1.0,
            least_ppm: 1.0,
            by_size: true,
            balance_base: 50.0,
            bin_sat: 200_000.0,
            card_hours: 48.0,
            max_step: 2,
            level_up: 1.2,
            level_down: 0.8,
        }
    }
}

const BINS: (f64, f64) = (4.0, 50.0);

/// A card: a price level, how long it is still played, what it earned.
#[derive(Clone, Copy, Debug)]
struct Card {
    level: i32,
    hours_left: f64,
    earned_msat: u64,
}

#[derive(Clone, Debug, Default)]
struct Table {
    centre: i32,
    deck: Vec<Card>,
    played: Vec<Card>,
    in_play: Option<Card>,
}

#[derive(Clone, Copy, Debug)]
struct Bin {
    local_sat: f64,
    bin: f64,
}

/// CLBOSS.
#[derive(Clone, Debug)]
pub struct Clboss {
    constants: Constants,
    random: Random,
    ids: ChannelIds,
    peers: BTreeMap<sweetspot_core::types::channel::ChannelPoint, PeerId>,
    tables: BTreeMap<PeerId, Table>,
    bins: BTreeMap<PeerId, Bin>,
}

impl Model for Clboss {
    type Constants = Constants;

    const KNOBS: &'static [Knob<Constants>] = &[
        Knob {
            name: "median_factor",
            grid: &[0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0],
            set: |c, value| c.median_factor = value,
        },
        Knob {
            name: "least_ppm",
            grid: &[
                1.0, 100.0, 200.0, 350.0, 500.0, 600.0, 700.0, 850.0, 1_000.0, 1_400.0,
            ],
            set: |c, value| c.least_ppm = value,
        },
        Knob {
            // 0 is no.
            name: "by_size",
            grid: &[0.0, 1.0],
            set: |c, value| c.by_size = value > 0.0,
        },
        Knob {
            name: "balance_base",
            grid: &[1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0],
            set: |c, value| c.balance_base = value,
        },
        Knob {
            name: "card_hours",
            grid: &[12.0, 24.0, 48.0, 96.0, 192.0, 384.0],
            set: |c, value| c.card_hours = value,
        },
    ];

    fn new(constants: Constants, seed: u64) -> Self {
        Self {
            constants,
            random: Random::stream(seed, Purpose::Policy, 0xb055),
            ids: ChannelIds::default(),
            peers: BTreeMap::new(),
            tables: BTreeMap::new(),
            bins: BTreeMap::new(),
        }
    }
}

/// The factor for our size: `worse` of the peer's `total` other peers are
/// smaller than we are.
fn size_factor(worse: f64, better: f64, total: f64) -> f64 {
    if total <= 0.0 || worse + better <= 0.0 {
        return 1.0;
    }
    let rank = worse / (worse + better);
    let root = if worse < better {
        let least = 0.5_f64.sqrt();
        least + 2.0 * rank * (1.0 - least)
    } else {
        let most = (16.0 - math::ln(total)).max(2.0);
        1.0 + (2.0 * rank - 1.0) * (most.sqrt() - 1.0)
    };
    root * root
}

impl Table {
    /// The level in play; draws a card if there is none.
    fn level(&mut self, c: &Constants, random: &mut Random) -> i32 {
        if self.in_play.is_none() {
            if self.deck.is_empty() {
                self.end_round(c, random);
            }
            self.in_play = self.deck.pop();
        }
        self.in_play.map_or(self.centre, |card| card.level)
    }

    fn end_round(&mut self, c: &Constants, random: &mut Random) {
        let mut played = std::mem::take(&mut self.played);
        played.sort_by_key(|card| std::cmp::Reverse(card.earned_msat));
        if let Some(best) = played.first().filter(|card| card.earned_msat > 0) {
            self.centre = best.level;
        }
        let mut levels: Vec<i32> = (-c.max_step..=c.max_step).collect();
        while !levels.is_empty() {
            let level = levels.swap_remove(random.below(levels.len()));
            self.deck.push(Card {
                level: self.centre + level,
                hours_left: c.card_hours,
                earned_msat: 0,
            });
        }
    }

    fn pass_hour(&mut self) {
        if let Some(card) = &mut self.in_play {
            card.hours_left -= 1.0;
            if card.hours_left <= 0.0 {
                self.played.extend(self.in_play.take());
            }
        }
    }
}

impl Clboss {
    fn learn(&mut self, tick: &Tick<'_>) {
        for channel in tick.seen.channels.values() {
            self.ids.learn(channel);
            self.peers.insert(channel.point, channel.peer);
        }
        for forward in tick.forwards {
            let point = self.ids.resolve(forward.scid_out);
            let peer = point.and_then(|point| self.peers.get(&point));
            let table = peer.and_then(|peer| self.tables.get_mut(peer));
            if let Some(card) = table.and_then(|table| table.in_play.as_mut()) {
                card.earned_msat += forward.fee.0;
            }
        }
    }

    /// 50^(½−x) at the middle of the channel's bin.
    fn balance_factor(&mut self, channel: &Channel) -> f64 {
        let c = &self.constants;
        let capacity = channel.capacity.as_f64();
        let bins = (capacity / c.bin_sat).round().clamp(BINS.0, BINS.1);
        let local_sat = channel.local_balance.as_f64();
        let place = local_sat / capacity * bins;
        let target = place.floor();
        let start = Bin {
            local_sat,
            bin: target.min(bins - 1.0),
        };
        let known = self.bins.entry(channel.peer).or_insert(start);
        if known.local_sat != local_sat && target != known.bin {
            // The edge between two bins is drawn anew each time.
            let luck = self.random.unit();
            known.bin = match target < known.bin {
                true if luck < 1.0 - (place - target) => target,
                true => target + 1.0,
                false if luck < place - target => target.min(bins - 1.0),
                false => (target - 1.0).min(bins - 1.0),
            };
            known.local_sat = local_sat;
        }
        let x = (1.0 + 2.0 * known.bin) / (2.0 * bins);
        math::pow(c.balance_base, 0.5 - x)
    }
}

impl FeePolicy for Clboss {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        self.learn(&tick);
        let ours: f64 = tick
            .seen
            .channels
            .values()
            .map(|c| c.capacity.as_f64())
            .sum();
        let known = tick.peers.values().map(|peer| peer.capacity.as_f64());
        let worse = math::count(known.clone().filter(|capacity| *capacity < ours).count());
        let better = math::count(known.filter(|capacity| *capacity > ours).count());
        let smaller_share = worse / (worse + better).max(1.0);
        let mut updates = vec![];
        for (id, channels) in by_peer(tick.seen) {
            if channels.iter().any(|channel| channel.active) {
                self.tables.entry(id).or_default().pass_hour();
            }
            let Some((peer, median)) = tick
                .peers
                .get(&id)
                .and_then(|peer| Some((peer, peer.competitor_fee?)))
            else {
                continue;
            };
            let total = math::count(peer.channels);
            let by_size = match self.constants.by_size {
                true => size_factor(total * smaller_share, total * (1.0 - smaller_share), total),
                false => 1.0,
            };
            let by_balance = channels.first().map_or(1.0, |c| self.balance_factor(c));
            let c = &self.constants;
            let level = self
                .tables
                .entry(id)
                .or_default()
                .level(c, &mut self.random);
            let step = if level < 0 { c.level_down } else { c.level_up };
            let by_theory = math::pow(step, f64::from(level.abs()));
            let median = FeePpm::as_f64(median) * c.median_factor;
            let ppm = (median * by_size * by_balance * by_theory).round();
            let ppm = ppm.max(c.least_ppm).max(1.0);
            updates.extend(channels.iter().filter_map(|channel| post(channel, ppm)));
        }
        updates
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Trial, channel};
    use super::*;
    use sweetspot_core::types::units::Sat;
    use sweetspot_market::view::PeerInfo;

    #[test]
    fn size_counts_from_half_to_nearly_sixteen_times() {
        assert_eq!(size_factor(0.0, 0.0, 0.0), 1.0);
        assert!((size_factor(0.0, 10.0, 10.0) - 0.5).abs() < 1e-12);
        assert!((size_factor(5.0, 5.0, 10.0) - 1.0).abs() < 1e-12);
        // 16 − ln 10 = 13.697
        assert!((size_factor(10.0, 0.0, 10.0) - 13.6974).abs() < 1e-4);
        // Half-way up: (1 + ½(√13.697 − 1))² = 5.525
        assert!((size_factor(7.5, 2.5, 10.0) - 5.5250).abs() < 1e-3);
    }

    #[test]
    fn the_balance_factor_is_that_of_the_middle_of_its_bin() {
        let mut policy = Clboss::new(Constants::default(), 1);
        // 1 M sat has 5 bins; empty is the middle of the first, x = 0.1.
        let empty = policy.balance_factor(&channel(1, 1_000_000, 0, 5));
        assert!((empty - 4.7818).abs() < 1e-3, "{empty}");
        let full = policy.balance_factor(&channel(2, 1_000_000, 1_000_000, 5));
        assert!((full - 1.0 / 4.7818).abs() < 1e-3, "{full}");
        // A small move within the bin changes nothing.
        let same = policy.balance_factor(&channel(1, 1_000_000, 150_000, 5));
        assert_eq!(same, empty);
    }

    #[test]
    fn five_cards_are_played_two_days_each_and_the_best_earner_is_the_centre() {
        let (c, mut random) = (
            Constants::default(),
            Random::stream(1, Purpose::Policy, 0xb055),
        );
        let mut table = Table::default();
        let mut levels = vec![];
        for _ in 0..5 {
            let level = table.level(&c, &mut random);
            levels.push(level);
            if level == 2 {
                table.in_play.as_mut().expect("a card").earned_msat = 7;
            }
            (0..48).for_each(|_| table.pass_hour());
        }
        levels.sort_unstable();
        assert_eq!(levels, [-2, -1, 0, 1, 2]);
        table.level(&c, &mut random);
        assert_eq!(table.centre, 2);
        // Nothing earned: the centre stays.
        (0..5 * 48).for_each(|_| {
            table.level(&c, &mut random);
            table.pass_hour();
        });
        table.level(&c, &mut random);
        assert_eq!(table.centre, 2);
    }

    #[test]
    fn the_rate_is_the_median_times_all_factors() {
        let mut trial = Trial::of([channel(1, 1_000_000, 500_000, 5)]);
        let id = trial.with(1).peer;
        let peer = PeerInfo {
            alias: String::new(),
            channels: 10,
            capacity: Sat(10),
            competitor_fee: Some(FeePpm(100)),
        };
        trial.peers.insert(id, peer);
        let constants = Constants {
            max_step: 0,
            ..Constants::default()
        };
        trial.price(&mut Clboss::new(constants, 1));
        // Balanced: the middle bin's 1; larger than every peer: 13.697.
        assert_eq!(trial.ppm(1), 1_370);
    }
}
