//! What the node has to sell, as seen by flow that enters: which of a fee the
//! channels it may leave by can do without.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decision::Decision;
use crate::engine::ingest::stocked;
use crate::settings::values::ChannelSettings;
use crate::state::memory::Memory;
use crate::types::channel::{Channel, ChannelPoint, PeerId};
use crate::types::observation::Observation;
use crate::types::units::FeePpm;

/// A channel that sold within this time is one that flow leaves by.
const SELLS: Duration = Duration::from_secs(14 * 86_400);

/// The stock for sale, what bears the least discount first.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Vec<Lot>);

/// One channel's stock.
#[derive(Clone, Copy, Debug)]
struct Lot {
    peer: PeerId,
    /// The part of its rate that a discount may take.
    bears: FeePpm,
    stock_sat: f64,
    sells: bool,
}

impl Shelf {
    /// What lies there after this round: a rate about to fall counts as fallen,
    /// one about to rise not yet as risen. A discount may take `share` of a
    /// rate, but nothing of what the channel's liquidity cost.
    pub fn of(
        memory: &Memory,
        seen: &Observation,
        settings: &BTreeMap<ChannelPoint, ChannelSettings>,
        decisions: &[Decision],
        share: f64,
    ) -> Self {
        let lot = |channel: &Channel| {
            let policy = channel.policy.filter(|policy| !policy.disabled)?;
            let on_node = policy.fees.outbound;
            let decided = decisions.iter().find(|d| d.point == channel.point);
            let decided = decided.and_then(Decision::rate).unwrap_or(on_node);
            let rate = on_node.min(decided);
            let cost = settings.get(&channel.point).map(|s| s.cost_floor);
            let above_cost = rate.0.saturating_sub(cost.unwrap_or_default().0);
            let remembered = memory.channels.get(&channel.point);
            let sold = remembered.and_then(|known| known.market.exposure.last_sold());
            stocked(channel).then_some(Lot {
                peer: channel.peer,
                bears: rate.share(share).min(FeePpm(above_cost)),
                stock_sat: channel.spendable().as_f64(),
                sells: sold.is_some_and(|at| seen.at.since(at) <= SELLS),
            })
        };
        let mut lots: Vec<Lot> = seen.channels.values().filter_map(lot).collect();
        lots.sort_by_key(|lot| lot.bears);
        Self(lots)
    }

    /// The discount that the channels which flow from `peer` leaves by can
    /// bear, but for the cheapest part of their stock; none if there are none.
    pub fn bears(&self, peer: PeerId, cheapest_ignored: f64) -> FeePpm {
        let fed = |sells: bool| {
            let others = self.0.iter().filter(move |lot| lot.peer != peer);
            others.filter(move |lot| lot.sells || !sells)
        };
        // Before anything was sold, whatever could be.
        let sells = fed(true).next().is_some();
        let ignored = fed(sells).map(|lot| lot.stock_sat).sum::<f64>() * cheapest_ignored;
        let (mut passed, mut bears) = (0.0, FeePpm(0));
        for lot in fed(sells) {
            passed += lot.stock_sat;
            bears = lot.bears;
            if passed > ignored {
                break;
            }
        }
        bears
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ingest;
    use crate::testing::channel;
    use crate::types::channel::Policy;

    #[test]
    fn the_least_able_stock_of_other_peers_that_sells_sets_the_bound() {
        let lot = |n: u8, bears, stock_sat, sells| Lot {
            peer: channel(n).peer,
            bears: FeePpm(bears),
            stock_sat,
            sells,
        };
        let shelf = Shelf(vec![
            lot(1, 5, 1e6, true),
            lot(2, 10, 9e6, false),
            lot(3, 100, 1e6, true),
            lot(4, 300, 4e6, true),
            lot(5, 900, 5e6, true),
        ]);
        let bears = |peer: u8, ignored| shelf.bears(channel(peer).peer, ignored).0;
        assert_eq!(bears(1, 0.0), 100);
        assert_eq!(bears(9, 0.0), 5);
        assert_eq!(bears(1, 0.1), 300);
        assert_eq!(bears(1, 0.09), 100);
        assert_eq!(bears(1, 1.0), 900);
        let unsold = Shelf(vec![lot(2, 10, 1e6, false), lot(3, 20, 1e6, false)]);
        assert_eq!(unsold.bears(channel(2).peer, 0.0), FeePpm(20));
        assert_eq!(Shelf::default().bears(channel(2).peer, 0.0), FeePpm(0));
    }

    #[test]
    fn a_discount_takes_a_share_and_nothing_of_what_the_liquidity_cost() {
        let bears = |ppm: u32, cost: u32, change: fn(&mut Channel)| {
            let mut channel = channel(1);
            if let Some(policy) = &mut channel.policy {
                policy.fees.outbound = FeePpm(ppm);
            }
            change(&mut channel);
            let costly = ChannelSettings {
                cost_floor: FeePpm(cost),
                ..ChannelSettings::default()
            };
            let settings = BTreeMap::from([(channel.point, costly)]);
            let seen = Observation {
                channels: BTreeMap::from([(channel.point, channel)]),
                ..Observation::default()
            };
            let mut memory = Memory::default();
            ingest::newcomers(&mut memory, &seen, seen.at);
            let shelf = Shelf::of(&memory, &seen, &settings, &[], 0.3);
            shelf.bears(PeerId([3; 33]), 0.0).0
        };
        assert_eq!(bears(500, 0, |_| ()), 150);
        assert_eq!(bears(500, 400, |_| ()), 100);
        assert_eq!(bears(500, 500, |_| ()), 0);
        assert_eq!(bears(500, 0, |c| c.local_balance = c.local_reserve), 0);
        assert_eq!(bears(500, 0, |c| c.active = false), 0);
        let disable = |c: &mut Channel| {
            c.policy = c.policy.map(|policy| Policy {
                disabled: true,
                ..policy
            });
        };
        assert_eq!(bears(500, 0, disable), 0);
    }
}
