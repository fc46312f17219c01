//! Which sender-receiver pairs could ever take us, and how often they pay.

use super::{BUDGET_BASE_MSAT, Party};
use crate::math;
use crate::payment::share_below;
use crate::routes;
use crate::scenario::Scenario;
use crate::terrain::{AmountClass, Lane, Terrain};

/// Adds a class's pairs, weighed by popularity and the class's share.
pub fn add(
    terrain: &mut Terrain,
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
    } = terrain.classes[class];
    let demand = &scenario.demand;
    let share = share_below(demand, below_sat) - share_below(demand, from_sat);
    let budget = routes::fee(BUDGET_BASE_MSAT, demand.budget_ppm, typical_sat);
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
    for (s, source) in sources.iter().enumerate() {
        let arrive = least(terrain.to_us.row(class, s));
        for (d, sink) in sinks.iter().enumerate() {
            let leave = least(terrain.from_us.row(class, d));
            let rival_msat = around[s][d].min(budget);
            if source.node != sink.node && arrive + leave < rival_msat * rise {
                terrain.lanes.push(Lane {
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

/// Scales the lanes of parties made by kind to their stated demand.
pub fn weigh_special(terrain: &mut Terrain, sources: &[Party], sinks: &[Party]) {
    let chances = terrain.chances_at_reference();
    let open_at_start = math::count(terrain.open_at_start);
    let lanes = &mut terrain.lanes;
    let taken = |lanes: &[Lane], of: &dyn Fn(&Lane) -> bool| -> f64 {
        let pairs = lanes.iter().zip(&chances).filter(|(lane, _)| of(lane));
        pairs.map(|(lane, chance)| lane.weight * chance).sum()
    };
    let ordinary = taken(lanes, &|lane| {
        sources[lane.source].share.is_none() && sinks[lane.sink].share.is_none()
    });
    let mut scale = |share: f64, own: &dyn Fn(&Lane) -> bool| {
        let now = taken(lanes, own);
        if now > 0.0 {
            let factor = share * ordinary / open_at_start / now;
            for lane in lanes.iter_mut().filter(|lane| own(lane)) {
                lane.weight *= factor;
            }
        }
    };
    for (d, sink) in sinks.iter().enumerate() {
        if let Some(share) = sink.share {
            scale(share, &|lane| lane.sink == d);
        }
    }
    for (s, source) in sources.iter().enumerate() {
        if let Some(share) = source.share {
            scale(share, &|lane| lane.source == s);
        }
    }
}
