//! Which sender-receiver pairs could ever take us, and how often they pay.

use super::{BUDGET_BASE_MSAT, Party};
use crate::market_map::{AmountClass, MarketMap, Pair};
use crate::math;
use crate::payment::share_below;
use crate::routes;
use crate::scenario::Scenario;

/// Adds a class's pairs, weighed by popularity and the class's share.
pub fn add(
    map: &mut MarketMap,
    scenario: &Scenario,
    class: usize,
    around: &[Vec<f64>],
    rise: f64,
    sources: &[Party],
    sinks: &[Party],
) {
    let AmountClass {
        typical_sat,
        from_sat,
        below_sat,
    } = map.classes[class];
    let demand = &scenario.demand;
    let share = share_below(demand, below_sat) - share_below(demand, from_sat);
    let budget = routes::fee(BUDGET_BASE_MSAT, demand.budget_ppm, typical_sat);
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
    for (s, source) in sources.iter().enumerate() {
        let arrive = least(map.to_us.row(class, s));
        for (d, sink) in sinks.iter().enumerate() {
            let leave = least(map.from_us.row(class, d));
            let rival_msat = around[s][d].min(budget);
            if source.node != sink.node && arrive + leave < rival_msat * rise {
                map.pairs.push(Pair {
                    class,
                    source: s,
                    sink: d,
                    weight: source.weight * sink.weight * share,
                    rival_msat,
                });
            }
        }
    }
}

/// Scales the pairs of parties made by kind to their stated demand.
pub fn weigh_special(map: &mut MarketMap, sources: &[Party], sinks: &[Party]) {
    let chances = map.chances_at_reference();
    let open_at_start = math::count(map.open_at_start);
    let pairs = &mut map.pairs;
    let taken = |pairs: &[Pair], of: &dyn Fn(&Pair) -> bool| -> f64 {
        let pairs = pairs.iter().zip(&chances).filter(|(pair, _)| of(pair));
        pairs.map(|(pair, chance)| pair.weight * chance).sum()
    };
    let ordinary = taken(pairs, &|pair| {
        sources[pair.source].share.is_none() && sinks[pair.sink].share.is_none()
    });
    let mut scale = |share: f64, own: &dyn Fn(&Pair) -> bool| {
        let now = taken(pairs, own);
        if now > 0.0 {
            let factor = share * ordinary / open_at_start / now;
            for pair in pairs.iter_mut().filter(|pair| own(pair)) {
                pair.weight *= factor;
            }
        }
    };
    for (d, sink) in sinks.iter().enumerate() {
        if let Some(share) = sink.share {
            scale(share, &|pair| pair.sink == d);
        }
    }
    for (s, source) in sources.iter().enumerate() {
        if let Some(share) = source.share {
            scale(share, &|pair| pair.source == s);
        }
    }
}
