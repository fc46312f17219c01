//! Laws every inbound discount keeps, whatever the node, the settings and the
//! operator do.

#![allow(clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sweetspot_core::decision::Verdict;
use sweetspot_core::engine::decide::decide;
use sweetspot_core::engine::ingest;
use sweetspot_core::limits::guard;
use sweetspot_core::settings::inbound::InboundRules;
use sweetspot_core::settings::values::{ChannelSettings, Mode, NodeSettings, StrategyName};
use sweetspot_core::signals::stock::stocked;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{
    Channel, ChannelIds, ChannelPoint, FeeParts, InboundFee, PeerId, Policy, Scid,
};
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{FeePpm, Msat, Sat};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const CHANNELS: usize = 4;

/// What the operator wants and what happens, turn by turn.
#[derive(Clone, Debug)]
struct Story {
    settings: ChannelSettings,
    rules: InboundRules,
    start_ppm: [u32; CHANNELS],
    turns: Vec<Shown>,
}

/// What the node shows at one turn.
#[derive(Clone, Debug)]
struct Shown {
    minutes_later: u32,
    /// One channel's new local share, and whether it sold something.
    moved: (usize, f64, bool),
    /// One channel's fees set by the operator; the inbound one not always.
    by_hand: Option<(usize, u32, Option<InboundFee>)>,
}

fn inbound_fee() -> impl Strategy<Value = InboundFee> {
    let base = prop_oneof![4 => Just(0), 1 => -2_000..2_000_i32];
    (base, -2_000..200_i32).prop_map(|(base_fee_msat, rate_ppm)| InboundFee {
        base_fee_msat,
        rate_ppm,
    })
}

fn shown() -> impl Strategy<Value = Shown> {
    let by_hand = (0..CHANNELS, 0..3_000_u32, prop::option::of(inbound_fee()));
    (
        1..3_000_u32,
        (0..CHANNELS, 0.0..=1.0_f64, any::<bool>()),
        prop::option::weighted(0.05, by_hand),
    )
        .prop_map(|(minutes_later, moved, by_hand)| Shown {
            minutes_later,
            moved,
            by_hand,
        })
}

fn rules() -> impl Strategy<Value = InboundRules> {
    (
        prop_oneof![0.0..=1.0_f64, Just(1.0)],
        0..2_000_u32,
        0.0..0.5_f64,
        1..100_u32,
        0..100_u32,
    )
        .prop_map(|(share, most, dead_zone, cooldown, expires)| InboundRules {
            discount: true,
            share,
            cheapest_ignored: 0.0,
            max_discount: FeePpm(most),
            dead_zone,
            cooldown: MINUTE * 60 * cooldown,
            expires_after: MINUTE * 60 * expires,
        })
}

fn settings() -> impl Strategy<Value = ChannelSettings> {
    (
        prop::sample::select(vec![StrategyName::Sweetspot, StrategyName::Classic]),
        0.0..=1.0_f64,
        (0..3_000_u32, 0..3_000_u32),
        prop::option::weighted(0.3, 0..1_500_u32),
    )
        .prop_map(|(strategy, target_ratio, (a, b), cost)| ChannelSettings {
            mode: Mode::Manage,
            target_ratio,
            min: FeePpm(a.min(b)),
            max: FeePpm(a.max(b)),
            cost_floor: FeePpm(cost.unwrap_or(0)),
            ..ChannelSettings::of(strategy)
        })
}

fn story() -> impl Strategy<Value = Story> {
    let start_ppm = prop::array::uniform4(0..3_000_u32);
    let turns = prop::collection::vec(shown(), 1..80);
    (settings(), rules(), start_ppm, turns).prop_map(|(settings, rules, start_ppm, turns)| Story {
        settings,
        rules,
        start_ppm,
        turns,
    })
}

/// A world of four channels, two of them with one peer, that carries out what
/// is decided.
struct World {
    memory: Memory,
    channels: BTreeMap<ChannelPoint, Channel>,
    ids: ChannelIds,
    now: Timestamp,
    node: NodeSettings,
    settings: ChannelSettings,
    sold: BTreeMap<ChannelPoint, Timestamp>,
}

/// An update that was decided and made.
struct Made {
    point: ChannelPoint,
    from: FeeParts,
    to: FeeParts,
    /// The channels as the decision saw them.
    seen: BTreeMap<ChannelPoint, Channel>,
}

fn point(n: usize) -> ChannelPoint {
    ChannelPoint {
        txid: [u8::try_from(n).expect("few"); 32],
        output_index: 0,
    }
}

impl World {
    fn of(story: &Story) -> Self {
        let mut ids = ChannelIds::default();
        let channels = story.start_ppm.iter().enumerate().map(|(n, ppm)| {
            let channel = Channel {
                point: point(n),
                scid: Scid((800_000 + n as u64) << 40),
                other_scids: vec![],
                peer: PeerId([u8::try_from(2 + n.min(2)).expect("few"); 33]),
                peer_alias: None,
                capacity: Sat(1_000_000),
                local_balance: Sat(500_000),
                remote_balance: Sat(500_000),
                pending_out: Sat(0),
                pending_in: Sat(0),
                local_reserve: Sat(10_000),
                initiator: false,
                private: false,
                active: true,
                policy: Some(Policy {
                    fees: FeeParts {
                        base_fee_msat: 0,
                        outbound: FeePpm(*ppm),
                        inbound: InboundFee::default(),
                    },
                    time_lock_delta: 80,
                    min_htlc: Msat(1),
                    max_htlc: Msat(1_000_000_000),
                    disabled: false,
                    last_update_secs: 0,
                }),
                peer_policy: None,
            };
            ids.learn(&channel);
            (channel.point, channel)
        });
        Self {
            channels: channels.collect(),
            ids,
            memory: Memory::default(),
            now: Timestamp::from_secs(1_700_000_000),
            node: NodeSettings {
                inbound: story.rules,
                ..NodeSettings::default()
            },
            settings: story.settings,
            sold: BTreeMap::new(),
        }
    }

    fn set(&mut self, point: ChannelPoint, fees: FeeParts) {
        let channel = self.channels.get_mut(&point).expect("known");
        channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    }

    fn fees(&self, point: ChannelPoint) -> FeeParts {
        self.channels[&point].policy.expect("a policy").fees
    }

    fn show(&mut self, shown: &Shown) {
        let before = self.now;
        self.now = self.now.plus(MINUTE * shown.minutes_later);
        let (n, share, sold) = shown.moved;
        let channel = self.channels.get_mut(&point(n)).expect("known");
        let local = (share * 1e6) as u64;
        channel.local_balance = Sat(local);
        channel.remote_balance = Sat(1_000_000 - local);
        let forward = sold.then_some(Forward {
            settled_at: before.plus(Duration::from_secs(1)),
            scid_in: Scid(1),
            scid_out: channel.scid,
            amount_in: Msat(50_000_001),
            amount_out: Msat(50_000_000),
            fee: Msat(1),
        });
        if let Some((n, ppm, inbound)) = shown.by_hand {
            let outbound = FeePpm(ppm);
            let inbound = inbound.unwrap_or(self.fees(point(n)).inbound);
            self.set(
                point(n),
                FeeParts {
                    base_fee_msat: 0,
                    outbound,
                    inbound,
                },
            );
        }
        let seen = self.seen();
        ingest::newcomers(&mut self.memory, &seen, self.now);
        ingest::forwards(&mut self.memory, &self.ids, &self.node, forward, self.now);
        if let Some(forward) = forward {
            self.sold.insert(point(n), forward.settled_at);
        }
    }

    fn seen(&self) -> Observation {
        Observation {
            at: self.now,
            channels: self.channels.clone(),
            ..Observation::default()
        }
    }

    fn turn(&mut self) -> Vec<Made> {
        let seen = self.seen();
        let points = self.channels.keys();
        let table = points.map(|point| (*point, self.settings)).collect();
        ingest::newcomers(&mut self.memory, &seen, self.now);
        ingest::observation(&mut self.memory, &seen, &table, &self.node);
        let decisions = decide(&mut self.memory, &seen, &table, &self.node, true);
        let mut made = vec![];
        for decision in decisions {
            if let Verdict::Change { to } = decision.verdict {
                let from = decision.current.expect("a policy");
                let remembered = self.memory.channels.get_mut(&decision.point);
                let fee = &mut remembered.expect("met").fee;
                let change = FeeChange::intended(from, to, self.now);
                guard::note(fee, &change.ended(Stage::Confirmed, self.now, ""));
                self.set(decision.point, to);
                made.push(Made {
                    point: decision.point,
                    from,
                    to,
                    seen: seen.channels.clone(),
                });
            }
        }
        made
    }

    /// The lowest rate of other peers' channels that have something to sell,
    /// of those that sold lately if there are any.
    fn fed_rate(&self, made: &Made) -> Option<FeePpm> {
        let peer = made.seen[&made.point].peer;
        let others = made.seen.values().filter(|c| c.peer != peer && stocked(c));
        let rate = |c: &&Channel| c.policy.expect("a policy").fees.outbound;
        let lately = |c: &&Channel| {
            let sold = self.sold.get(&c.point);
            sold.is_some_and(|at| self.now.since(*at) <= DAY * 14)
        };
        let selling = others.clone().filter(lately).map(|c| rate(&c)).min();
        selling.or_else(|| others.map(|c| rate(&c)).min())
    }
}

fn discount(fees: FeeParts) -> i64 {
    -i64::from(fees.inbound.rate_ppm)
}

/// In over the channel and out again over it costs something.
fn is_without_arbitrage(fees: FeeParts) -> bool {
    let (out, inbound) = (i64::from(fees.outbound.0), i64::from(fees.inbound.rate_ppm));
    1_000_000 * (out + inbound) + out * inbound >= 0
}

proptest! {
    #[test]
    fn a_discount_is_one_and_within_every_bound(story in story()) {
        let mut world = World::of(&story);
        for shown in &story.turns {
            world.show(shown);
            for made in world.turn().iter().filter(|made| made.to.inbound != made.from.inbound) {
                let (before, after) = (discount(made.from), discount(made.to));
                prop_assert_eq!(made.from.inbound.base_fee_msat, 0);
                prop_assert_eq!(made.to.inbound.base_fee_msat, 0);
                prop_assert!(before >= 0 && after >= 0, "{} to {}", before, after);
                prop_assert!(after <= i64::from(story.rules.max_discount.0));
                prop_assert!(is_without_arbitrage(made.to), "{:?}", made.to);
                let fed = world.fed_rate(made).map_or(0.0, FeePpm::as_f64);
                let cost = story.settings.cost_floor.as_f64();
                let bears = (story.rules.share * fed).min((fed - cost).max(0.0));
                prop_assert!(after as f64 <= bears + 1e-6, "{} of {}", after, bears);
                let own = made.to.outbound.as_f64();
                prop_assert!(after <= before || after as f64 <= story.rules.share * own + 1e-6);
            }
        }
    }

    #[test]
    fn what_we_leave_on_the_node_pays_nobody_in_and_out_again(story in story()) {
        let mut world = World::of(&story);
        for shown in &story.turns {
            world.show(shown);
            for made in world.turn() {
                let remembered = &world.memory.channels[&made.point].fee.inbound;
                if remembered.is_ours(made.to.inbound) {
                    prop_assert!(is_without_arbitrage(made.to), "{:?}", made.to);
                }
            }
        }
    }

    #[test]
    fn a_discount_waits_for_its_cooldown_and_for_whoever_set_another(story in story()) {
        let mut world = World::of(&story);
        let mut changed: BTreeMap<ChannelPoint, Timestamp> = BTreeMap::new();
        let mut touched: BTreeMap<ChannelPoint, Timestamp> = BTreeMap::new();
        for shown in &story.turns {
            let before: Vec<_> = (0..CHANNELS).map(|n| world.fees(point(n))).collect();
            let met = !world.memory.channels.is_empty();
            world.show(shown);
            // What was so at first sight, nobody can tell from what always was.
            if let Some((n, ..)) = shown.by_hand && met && world.fees(point(n)) != before[n] {
                touched.insert(point(n), world.now);
            }
            for made in world.turn().iter().filter(|made| made.to.inbound != made.from.inbound) {
                let hands_off = story.settings.pace.foreign_hands_off;
                let by_hand = touched.get(&made.point);
                prop_assert!(by_hand.is_none_or(|at| world.now.since(*at) >= hands_off));
                // Too much of a discount goes at once: its outbound rate fell.
                let allowed = is_without_arbitrage(FeeParts { outbound: made.to.outbound, ..made.from })
                    && discount(made.from) <= i64::from(story.rules.max_discount.0);
                if let (Some(last), true) = (changed.insert(made.point, world.now), allowed) {
                    prop_assert!(world.now.since(last) >= story.rules.cooldown);
                }
            }
        }
    }

    #[test]
    fn off_nobodys_inbound_fee_is_written(story in story(), per_channel in any::<bool>()) {
        let mut story = story;
        if per_channel {
            story.settings.inbound_discount = false;
        } else {
            story.rules.discount = false;
        }
        let mut world = World::of(&story);
        for shown in &story.turns {
            world.show(shown);
            for made in world.turn() {
                prop_assert_eq!(made.to.inbound, made.from.inbound);
            }
        }
    }

    #[test]
    fn switched_off_what_was_given_is_back_within_days_and_nothing_else_is_touched(story in story()) {
        let mut world = World::of(&story);
        for shown in &story.turns {
            world.show(shown);
            world.turn();
        }
        world.node.inbound.discount = false;
        let before: Vec<_> = (0..CHANNELS).map(|n| {
            let remembered = world.memory.channels[&point(n)].fee.inbound;
            let inbound = world.fees(point(n)).inbound;
            (inbound, remembered.is_ours(inbound))
        }).collect();
        for _ in 0..24 * 4 {
            world.now = world.now.plus(MINUTE * 60);
            world.turn();
        }
        for (n, (inbound, ours)) in before.into_iter().enumerate() {
            let expected = if ours { InboundFee::default() } else { inbound };
            prop_assert_eq!(world.fees(point(n)).inbound, expected);
        }
    }
}

#[test]
fn these_stories_do_give_discounts_and_take_them_back() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut given, mut taken) = (0, 0);
    for _ in 0..50 {
        let tree = story().new_tree(&mut runner).expect("a story");
        let story = tree.current();
        let mut world = World::of(&story);
        for shown in &story.turns {
            world.show(shown);
            for made in world.turn() {
                given += usize::from(discount(made.to) > discount(made.from));
                taken += usize::from(discount(made.to) < discount(made.from));
            }
        }
    }
    assert!(given > 50 && taken > 20, "{given} given, {taken} taken");
}
