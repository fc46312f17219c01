//! What could have been had with hindsight: rates or levels per peer, sought by
//! running the same world again and again.
//!
//! First uniform values, then, peer by peer, moves up and down in natural-log
//! steps while that earns more, coarse steps first. The peers that earned most
//! come first, so that a search that may make few runs spends them where the money
//! is. The result is a lower bound of the best, found by trying; it is what others
//! are measured against.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::runner::Case;
use super::sweetspot_policy::SweetspotPolicy;
use sweetspot_core::settings::keys::channel::ChannelLayer;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::LevelChoice;
use sweetspot_core::types::channel::{ChannelPoint, FeeParts, PeerId};
use sweetspot_core::types::units::FeePpm;
use sweetspot_market::drive::{FeePolicy, FeeUpdate, Tick, drive};
use sweetspot_market::math;

/// Rates per peer, and for peers not named.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// For peers not named, in ppm.
    pub others_ppm: f64,
    /// By peer, in ppm.
    pub peers_ppm: BTreeMap<PeerId, f64>,
}

impl Rates {
    /// The same for all.
    pub fn uniform(ppm: f64) -> Self {
        Self {
            others_ppm: ppm,
            peers_ppm: BTreeMap::new(),
        }
    }

    /// With one peer's value moved by a natural-log step.
    fn moved(&self, peer: PeerId, ln_step: f64) -> Self {
        let mut rates = self.clone();
        let value = rates.peers_ppm.entry(peer).or_insert(self.others_ppm);
        *value = (*value * math::exp(ln_step)).clamp(1.0, 100_000.0);
        rates
    }

    fn of(&self, peer: &PeerId) -> FeePpm {
        FeePpm::rounded(self.peers_ppm.get(peer).copied().unwrap_or(self.others_ppm))
    }
}

/// A fixed rate for each peer.
#[derive(Clone, Debug)]
pub struct FixedRates(pub Rates);

impl FeePolicy for FixedRates {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        let channels = tick.seen.channels.values();
        let differing = channels.filter_map(|channel| {
            let on_node = channel.policy?.fees;
            let fees = FeeParts {
                outbound: self.0.of(&channel.peer),
                ..on_node
            };
            (fees != on_node).then_some(FeeUpdate {
                point: channel.point,
                fees,
            })
        });
        differing.collect()
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(3_600)
    }
}

/// The settings under which the sweet-spot strategy holds these levels.
pub fn with_levels(book: &SettingsLayers, rates: &Rates) -> SettingsLayers {
    let mut book = book.clone();
    let fixed = |ppm: f64| Some(LevelChoice::Fixed(FeePpm::rounded(ppm.max(1.0))));
    book.defaults.level_ppm = fixed(rates.others_ppm);
    for (peer, ppm) in &rates.peers_ppm {
        let layer = ChannelLayer {
            level_ppm: fixed(*ppm),
            ..ChannelLayer::default()
        };
        book.peers.insert(*peer, layer);
    }
    book
}

/// Where a search begins, how fine it ends, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The uniform values tried first, in ppm.
    pub uniform_ppm: &'static [f64],
    /// Natural-log steps, one pass over all peers each.
    pub ln_steps: &'static [f64],
    /// The most runs it makes.
    pub most_runs: usize,
}

impl Search {
    /// For fixed rates, a run of which is cheap.
    pub const RATES: Self = Self {
        uniform_ppm: &[100.0, 200.0, 350.0, 500.0, 700.0, 1_000.0, 1_400.0, 2_000.0],
        ln_steps: &[0.6, 0.3, 0.15],
        most_runs: 400,
    };
    /// For levels of our own law, a run of which takes ten times as long.
    pub const LEVELS: Self = Self {
        uniform_ppm: &[200.0, 350.0, 500.0, 700.0, 1_000.0, 1_400.0],
        ln_steps: &[0.5, 0.25],
        most_runs: 150,
    };
}

/// Notes whose channels are whose.
struct Noted<P> {
    pricer: P,
    peers: BTreeMap<ChannelPoint, PeerId>,
}

impl<P: FeePolicy> FeePolicy for Noted<P> {
    fn price(&mut self, tick: Tick<'_>) -> Vec<FeeUpdate> {
        for channel in tick.seen.channels.values() {
            self.peers.entry(channel.point).or_insert(channel.peer);
        }
        self.pricer.price(tick)
    }

    fn interval(&self) -> Duration {
        self.pricer.interval()
    }
}

/// What a pricer earns in a world, by peer, in msat.
fn earned(case: &Case, pricer: impl FeePolicy) -> BTreeMap<PeerId, u64> {
    let mut noted = Noted {
        pricer,
        peers: BTreeMap::new(),
    };
    let metrics = drive(&mut case.world(), &mut noted);
    let mut earned = BTreeMap::new();
    for (point, peer) in &noted.peers {
        let account = metrics.channels.get(point);
        *earned.entry(*peer).or_default() += account.map_or(0, |account| account.fees_msat);
    }
    earned
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The best values.
    pub rates: Rates,
    /// What they earn, in msat.
    pub msat: u64,
    /// How many runs it took.
    pub runs: usize,
}

/// The values under which what `pricer` makes of them earns most in a world;
/// `tell` is called after each run.
pub fn search<P: FeePolicy>(
    case: &Case,
    how: Search,
    pricer: impl Fn(&Rates) -> P,
    tell: &dyn Fn(),
) -> Found {
    let runs = Cell::new(0);
    let run = |rates: &Rates| {
        let earned = earned(case, pricer(rates));
        runs.set(runs.get() + 1);
        tell();
        (earned.values().sum::<u64>(), earned)
    };
    let mut best = Rates::uniform(200.0);
    let (mut msat, mut by_peer) = (0, BTreeMap::new());
    for ppm in how.uniform_ppm {
        let rates = Rates::uniform(*ppm);
        let (earns, earned) = run(&rates);
        if earns > msat || by_peer.is_empty() {
            (best, msat, by_peer) = (rates, earns, earned);
        }
    }
    let mut peers: Vec<(PeerId, u64)> = by_peer.into_iter().collect();
    peers.sort_by_key(|(_, msat)| std::cmp::Reverse(*msat));
    for step in how.ln_steps {
        for (peer, _) in &peers {
            for direction in [1.0, -1.0] {
                let before = msat;
                while runs.get() < how.most_runs {
                    let rates = best.moved(*peer, direction * step);
                    let (earns, _) = run(&rates);
                    if earns <= msat {
                        break;
                    }
                    (best, msat) = (rates, earns);
                }
                if msat > before {
                    break;
                }
            }
        }
    }
    Found {
        rates: best,
        msat,
        runs: runs.get(),
    }
}

/// The best fixed rates in a world.
pub fn best_rates(case: &Case, how: Search, tell: &dyn Fn()) -> Found {
    search(case, how, |rates| FixedRates(rates.clone()), tell)
}

/// The best levels in a world for our law under these settings.
pub fn best_levels(case: &Case, book: &SettingsLayers, how: Search, tell: &dyn Fn()) -> Found {
    search(
        case,
        how,
        |rates| SweetspotPolicy::new(with_levels(book, rates)),
        tell,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{book, runner};
    use sweetspot_core::settings::values::StrategyName;
    use sweetspot_market::scenario::Scenario;

    const TINY: Search = Search {
        uniform_ppm: &[100.0, 400.0, 1_200.0],
        ln_steps: &[0.5],
        most_runs: 40,
    };

    fn tiny() -> Case {
        let text = "network = { synthetic = { nodes = 150, seed = 3 } }\nchannels = 6\n\
                    days = 5\nwarm_up_days = 1\nrate = 3.0\n\
                    churn = { closes_per_channel_year = 0 }";
        let scenario = Scenario::parse(text).expect("a scenario");
        runner::case("tiny", &scenario, 1, 5).expect("surveyed")
    }

    fn total(case: &Case, pricer: impl FeePolicy) -> u64 {
        earned(case, pricer).values().sum()
    }

    #[test]
    fn no_uniform_fixed_rate_tried_beats_the_best_fixed_rates() {
        let case = tiny();
        let told = Cell::new(0);
        let found = best_rates(&case, TINY, &|| told.set(told.get() + 1));
        assert_eq!(total(&case, FixedRates(found.rates.clone())), found.msat);
        for ppm in TINY.uniform_ppm {
            let uniform = FixedRates(Rates::uniform(*ppm));
            assert!(found.msat > total(&case, uniform), "{ppm} ppm");
        }
        assert!(found.runs <= TINY.most_runs && found.runs == told.get());
    }

    #[test]
    fn no_uniform_level_tried_beats_the_best_levels() {
        let case = tiny();
        let book = book(StrategyName::Sweetspot);
        let found = best_levels(&case, &book, TINY, &|| {});
        let held = |rates: &Rates| total(&case, SweetspotPolicy::new(with_levels(&book, rates)));
        assert_eq!(held(&found.rates), found.msat);
        for ppm in TINY.uniform_ppm {
            assert!(found.msat > held(&Rates::uniform(*ppm)), "{ppm} ppm");
        }
    }

    #[test]
    fn a_search_that_may_make_few_runs_ends_with_the_best_of_them() {
        let case = tiny();
        let few = Search {
            most_runs: 3,
            ..TINY
        };
        let found = best_rates(&case, few, &|| {});
        assert_eq!((found.runs, found.rates.peers_ppm.len()), (3, 0));
    }
}
