//! What the node has to sell, as seen by flow that enters: which of a fee the
//! channels it may leave by can do without.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decision::Decision;
use crate::settings::values::ChannelSettings;
use crate::signals::stock::stocked;
use crate::state::memory::Memory;
use crate::types::channel::{Channel, ChannelPoint, PeerId};
use crate::types::observation::Observation;
use crate::types::units::FeePpm;

/// A channel that sold within this time is one that flow leaves by.
const SELLS: Duration = Duration::from_secs(14 * 86_400);

/// The stock for sale, what bears the least discount first.
#[derive(Clone, Debug, Default)]
pub struct OutboundSupply(Vec<Offer>);

/// One channel's stock.
#[derive(Clone, Copy, Debug)]
struct Offer {
    peer: PeerId,
    /// The part of its rate that a discount may take.
    max_discount: FeePpm,
    stock_sat: f64,
    sells: bool,
}

impl OutboundSupply {
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
        let decided: BTreeMap<ChannelPoint, FeePpm> = decisions
            .iter()
            .filter_map(|decision| Some((decision.point, decision.rate()?)))
            .collect();
        let offer = |channel: &Channel| {
            let policy = channel.policy.filter(|policy| !policy.disabled)?;
            let on_node = policy.fees.outbound;
            let decided = decided.get(&channel.point).copied();
            let rate = on_node.min(decided.unwrap_or(on_node));
            let cost = settings.get(&channel.point).map(|s| s.cost_floor);
            let above_cost = rate.0.saturating_sub(cost.unwrap_or_default().0);
            let remembered = memory.channels.get(&channel.point);
            let sold = remembered.and_then(|known| known.meter.last_sold());
            stocked(channel).then_some(Offer {
                peer: channel.peer,
                max_discount: rate.share(share).min(FeePpm(above_cost)),
                stock_sat: channel.spendable().as_f64(),
                sells: sold.is_some_and(|at| seen.at.since(at) <= SELLS),
            })
        };
        let mut offers: Vec<Offer> = seen.channels.values().filter_map(offer).collect();
        offers.sort_by_key(|offer| offer.max_discount);
        Self(offers)
    }

    /// The discount that the channels which flow from `peer` leaves by can
    /// bear, but for the cheapest part of their stock; none if there are none.
    pub fn max_discount(&self, peer: PeerId, cheapest_ignored: f64) -> FeePpm {
        let fed = |sells: bool| {
            let others = self.0.iter().filter(move |offer| offer.peer != peer);
            others.filter(move |offer| offer.sells || !sells)
        };
        // Before anything was sold, whatever could be.
        let sells = fed(true).next().is_some();
        let ignored = fed(sells).map(|offer| offer.stock_sat).sum::<f64>() * cheapest_ignored;
        let (mut passed, mut max_discount) = (0.0, FeePpm(0));
        for offer in fed(sells) {
            passed += offer.stock_sat;
            max_discount = offer.max_discount;
            if passed > ignored {
                break;
            }
        }
        max_discount
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ingest;
    use crate::testing::channel;
    use crate::types::channel::Policy;
    use crate::types::time::Timestamp;
    use crate::types::units::Msat;

    #[test]
    fn the_least_able_stock_of_other_peers_that_sells_sets_the_bound() {
        let offer = |n: u8, max_discount, stock_sat, sells| Offer {
            peer: channel(n).peer,
            max_discount: FeePpm(max_discount),
            stock_sat,
            sells,
        };
        let supply = OutboundSupply(vec![
            offer(1, 5, 1e6, true),
            offer(2, 10, 9e6, false),
            offer(3, 100, 1e6, true),
            offer(4, 300, 4e6, true),
            offer(5, 900, 5e6, true),
        ]);
        let max_discount = |peer: u8, ignored| supply.max_discount(channel(peer).peer, ignored).0;
        assert_eq!(max_discount(1, 0.0), 100);
        assert_eq!(max_discount(9, 0.0), 5);
        assert_eq!(max_discount(1, 0.1), 300);
        assert_eq!(max_discount(1, 0.09), 100);
        assert_eq!(max_discount(1, 1.0), 900);
        let unsold = OutboundSupply(vec![offer(2, 10, 1e6, false), offer(3, 20, 1e6, false)]);
        assert_eq!(unsold.max_discount(channel(2).peer, 0.0), FeePpm(20));
        assert_eq!(
            OutboundSupply::default().max_discount(channel(2).peer, 0.0),
            FeePpm(0)
        );
    }

    #[test]
    fn flow_leaves_by_what_sold_within_two_weeks() {
        let max_discount = |days_ago: u64| {
            let priced = |n: u8, ppm: u32| {
                let mut channel = channel(n);
                if let Some(policy) = &mut channel.policy {
                    policy.fees.outbound = FeePpm(ppm);
                }
                (channel.point, channel)
            };
            let seen = Observation {
                at: Timestamp::from_secs(1_700_000_000),
                channels: BTreeMap::from([priced(1, 1_000), priced(2, 100)]),
                ..Observation::default()
            };
            let mut memory = Memory::default();
            ingest::newcomers(&mut memory, &seen, seen.at);
            let sold_at = seen.at.minus(Duration::from_secs(days_ago * 86_400));
            let sells = memory.channels.get_mut(&channel(1).point).expect("met");
            sells
                .meter
                .count_sold(sold_at, Msat(1_000_000), Msat(1_000));
            let supply = OutboundSupply::of(&memory, &seen, &BTreeMap::new(), &[], 0.5);
            supply.max_discount(PeerId([9; 33]), 0.0).0
        };
        assert_eq!(max_discount(13), 500);
        assert_eq!(max_discount(16), 50);
    }

    #[test]
    fn a_discount_takes_a_share_and_nothing_of_what_the_liquidity_cost() {
        let max_discount = |ppm: u32, cost: u32, change: fn(&mut Channel)| {
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
            let supply = OutboundSupply::of(&memory, &seen, &settings, &[], 0.3);
            supply.max_discount(PeerId([3; 33]), 0.0).0
        };
        assert_eq!(max_discount(500, 0, |_| ()), 150);
        assert_eq!(max_discount(500, 400, |_| ()), 100);
        assert_eq!(max_discount(500, 500, |_| ()), 0);
        assert_eq!(
            max_discount(500, 0, |c| c.local_balance = c.local_reserve),
            0
        );
        assert_eq!(max_discount(500, 0, |c| c.active = false), 0);
        let disable = |c: &mut Channel| {
            c.policy = c.policy.map(|policy| Policy {
                disabled: true,
                ..policy
            });
        };
        assert_eq!(max_discount(500, 0, disable), 0);
    }
}
