//! What could have been had with hindsight: rates or levels per peer, sought by
//! running the same world again and again.
//!
//! Coordinate ascent on natural-log steps: each peer's rate is moved up and
//! down while that earns more, the step is halved, and so on. The result is a
//! lower bound of the best, found by trying; it is what others are measured
//! against.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::book::{Layer, SettingsBook};
use crate::domain::channel::{FeeParts, PeerId};
use crate::domain::keys::{CHANNEL_KEYS, Value, find};
use crate::domain::settings::LevelChoice;
use crate::domain::units::FeePpm;
use crate::sim::drive::{FeeUpdate, Pricer, Tick};
use crate::sim::math;

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

    fn of(&self, peer: &PeerId) -> FeePpm {
        FeePpm::rounded(self.peers_ppm.get(peer).copied().unwrap_or(self.others_ppm))
    }
}

/// A fixed rate for each peer.
#[derive(Clone, Debug)]
pub struct FixedRates(pub Rates);

impl Pricer for FixedRates {
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

/// The settings under which the sweet-spot law holds these levels.
pub fn with_levels(book: &SettingsBook, rates: &Rates) -> SettingsBook {
    let mut book = book.clone();
    let Some(key) = find(CHANNEL_KEYS, "level_ppm") else {
        return book;
    };
    let fixed = |ppm: f64| Value::Level(LevelChoice::Fixed(FeePpm::rounded(ppm.max(1.0))));
    book.defaults.set(key, fixed(rates.others_ppm));
    for (peer, ppm) in &rates.peers_ppm {
        let mut layer = Layer::default();
        layer.set(key, fixed(*ppm));
        book.peers.insert(*peer, layer);
    }
    book
}

/// Where a search begins and how fine it ends.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The uniform rates tried first, in ppm.
    pub uniform_ppm: &'static [f64],
    /// Natural-log steps, one pass over all peers each.
    pub ln_steps: &'static [f64],
}

impl Default for Search {
    fn default() -> Self {
        Self {
            uniform_ppm: &[50.0, 100.0, 200.0, 350.0, 500.0, 700.0, 1_000.0, 1_500.0],
            ln_steps: &[0.7, 0.4, 0.2],
        }
    }
}

/// The best rates found, and what they earn by `earned`.
pub fn best_rates(
    peers: &[PeerId],
    search: Search,
    earned: impl Fn(&Rates) -> f64,
) -> (Rates, f64) {
    let mut best = Rates::uniform(200.0);
    let mut most = f64::NEG_INFINITY;
    for ppm in search.uniform_ppm {
        let rates = Rates::uniform(*ppm);
        let earns = earned(&rates);
        if earns > most {
            (best, most) = (rates, earns);
        }
    }
    for step in search.ln_steps {
        for peer in peers {
            for direction in [1.0, -1.0] {
                let mut improved = false;
                loop {
                    let now = best.peers_ppm.get(peer).copied().unwrap_or(best.others_ppm);
                    let to = (now * math::exp(direction * step)).clamp(1.0, 100_000.0);
                    let mut rates = best.clone();
                    rates.peers_ppm.insert(*peer, to);
                    let earns = earned(&rates);
                    if earns <= most {
                        break;
                    }
                    (best, most, improved) = (rates, earns, true);
                }
                if improved {
                    break;
                }
            }
        }
    }
    (best, most)
}
