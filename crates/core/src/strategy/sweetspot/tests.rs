use std::time::Duration;

use super::*;
use crate::engine::ingest;
use crate::settings::values::Mode;
use crate::signals::fading::FadingWindows;
use crate::state::memory::ForeignChange;
use crate::testing::channel;
use crate::types::channel::{Channel, ChannelIds};
use crate::types::graph_visit::GraphVisit;
use crate::types::observation::Forward;
use crate::types::units::{BlockHeight, FeePpm, Msat, Sat};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// A typical forward.
const TYPICAL: u64 = 100_000_000;

/// Channels under one settings, and what is remembered of them.
struct World {
    memory: Memory,
    channels: Vec<Channel>,
    settings: ChannelSettings,
    node: NodeSettings,
    now: Timestamp,
    visit: Option<GraphVisit>,
}

impl World {
    /// `ratios` of channels of ten million sat.
    fn unmet(ratios: &[f64]) -> Self {
        let channels = ratios.iter().zip(1..).map(|(ratio, n)| {
            let local = (ratio * 1e7) as u64;
            Channel {
                capacity: Sat(10_000_000),
                local_balance: Sat(local),
                remote_balance: Sat(10_000_000 - local),
                ..channel(n)
            }
        });
        Self {
            memory: Memory::default(),
            channels: channels.collect(),
            settings: ChannelSettings {
                mode: Mode::Manage,
                level: LevelChoice::Fixed(FeePpm(100)),
                ..ChannelSettings::default()
            },
            node: NodeSettings::default(),
            now: Timestamp::from_secs(1_700_000_000),
            visit: None,
        }
    }

    /// The same, met.
    fn of(ratios: &[f64]) -> Self {
        let mut world = Self::unmet(ratios);
        world.look(HOUR);
        world
    }

    fn seen(&self) -> Observation {
        Observation {
            at: self.now,
            channels: self.channels.iter().map(|c| (c.point, c.clone())).collect(),
            graph_visit: self.visit,
            // Blocks of 100 days after the channels were opened.
            tip: BlockHeight(814_400),
        }
    }

    fn table(&self) -> BTreeMap<ChannelPoint, ChannelSettings> {
        let points = self.channels.iter().map(|c| c.point);
        points.map(|point| (point, self.settings)).collect()
    }

    /// The channels are met, so that their forwards find a place.
    fn meet(&mut self, history: Duration) {
        let seen = self.seen();
        ingest::newcomers(&mut self.memory, &seen, self.now.minus(history));
    }

    /// The node is read later.
    fn look(&mut self, later: Duration) -> Vec<LevelMove> {
        self.now = self.now.plus(later);
        self.meet(DAY * 60);
        let (seen, table) = (self.seen(), self.table());
        ingest::observation(&mut self.memory, &seen, &table, &self.node).1
    }

    /// A forward of `msat` out of a channel, at `ppm`.
    fn sell(&mut self, index: usize, ago: Duration, msat: u64, ppm: u64) {
        let mut ids = ChannelIds::default();
        for channel in &self.channels {
            ids.learn(channel);
        }
        let fee = Msat(msat / 1_000_000 * ppm);
        let forward = Forward {
            settled_at: self.now.minus(ago),
            scid_in: self.channels[self.channels.len() - 1].scid,
            scid_out: self.channels[index].scid,
            amount_in: Msat(msat).plus(fee),
            amount_out: Msat(msat),
            fee,
        };
        ingest::forwards(&mut self.memory, &ids, [forward]);
    }

    /// The places of those that are asked for under these settings, in order.
    fn places_under(&self, settings: &BTreeMap<ChannelPoint, ChannelSettings>) -> Vec<Place> {
        let seen = self.seen();
        let asks = Sweetspot.asks(&Market {
            fading: &FadingWindows::of(seen.at, self.node.windows()),
            due: &seen.channels.keys().copied().collect(),
            memory: &self.memory,
            seen: &seen,
            settings,
            node: &self.node,
        });
        let asked = self.channels.iter().filter_map(|c| asks.get(&c.point));
        let place = |ask: &Ask| match ask {
            Ask::Place(place) => *place,
            Ask::Move(_) => panic!("a place"),
        };
        asked.map(place).collect()
    }

    fn places(&self) -> Vec<Place> {
        self.places_under(&self.table())
    }

    fn ppm(&self, index: usize) -> f64 {
        libm::exp(self.places()[index].ln_ppm())
    }

    fn levels(&self) -> [f64; 2] {
        let market = &self.memory.node.market;
        Segment::ALL.map(|segment| libm::exp(market.ln_level(segment, &self.node.tuning)))
    }
}

fn near(a: f64, b: f64) {
    assert!((a / b - 1.0).abs() < 0.01, "{a} is not {b}");
}

/// Sells a typical forward `a_day` over the days from `from` to `until` ago.
fn trade(world: &mut World, index: usize, a_day: u32, from: u32, until: u32, ppm: u64) {
    for n in 0..(from - until) * a_day {
        world.sell(index, DAY * until + DAY * n / a_day, TYPICAL, ppm);
    }
}

#[test]
fn the_worked_example_comes_out() {
    // Two channels that own 45 % together, so that both targets are 45 %.
    let mut world = World::of(&[0.2, 0.7]);
    world.settings.level = LevelChoice::Fixed(FeePpm(550));
    near(world.ppm(0), 550.0 * libm::exp(2.5 * 0.25));
    near(world.ppm(1), 550.0 * libm::exp(-1.5 * 0.25));
    assert!((world.ppm(0) - 1_027.5).abs() < 1.0);
}

#[test]
fn the_signs_follow_the_rules() {
    let mut world = World::of(&[0.7, 0.3, 0.5]);
    let places = world.places();
    assert!(places[0].balance < 0.0 && places[1].balance > 0.0);
    assert_eq!((places[2].balance, places[2].throughput), (0.0, 0.0));
    trade(&mut world, 0, 4, 30, 3, 100);
    trade(&mut world, 1, 4, 30, 0, 100);
    trade(&mut world, 1, 40, 3, 0, 100);
    world.look(HOUR);
    let places = world.places();
    assert!(places[0].throughput < 0.0, "{}", places[0].throughput);
    assert!(places[1].throughput > 0.0, "{}", places[1].throughput);
}

#[test]
fn opposite_signals_cancel() {
    let place = Place {
        balance: -0.1,
        throughput: 0.1,
        ..World::of(&[0.5]).places().remove(0)
    };
    near(libm::exp(place.ln_ppm()), 100.0);
}

#[test]
fn demand_moves_a_fee_by_no_more_than_a_fifth() {
    let mut world = World::of(&[0.5, 0.5, 0.5]);
    trade(&mut world, 0, 200, 45, 15, 100);
    trade(&mut world, 1, 1, 30, 3, 100);
    trade(&mut world, 1, 2_000, 3, 0, 100);
    world.look(HOUR);
    let places = world.places();
    assert_eq!((places[0].throughput, places[1].throughput), (-0.2, 0.2));
}

#[test]
fn few_forwards_dampen_demand() {
    let throughput = |a_day: u32| {
        let mut world = World::of(&[0.5, 0.5]);
        trade(&mut world, 0, a_day, 4, 0, 100);
        world.look(HOUR);
        world.places()[0]
    };
    let (few, many) = (throughput(1), throughput(20));
    assert!(few.dampening < 0.2 && many.dampening > 0.7);
    assert!(few.throughput.abs() < many.throughput.abs());
}

#[test]
fn as_many_forwards_as_the_dispersion_weigh_half_and_without_one_all_weigh_all() {
    let dampening = |forwards: f64, evidence_forwards: f64| {
        let mut demand = Demand::default();
        demand.history.forwards = forwards;
        let mut settings = ChannelSettings::default();
        settings.gains.evidence_forwards = evidence_forwards;
        throughput(&demand, &settings, &Tuning::default()).0
    };
    assert_eq!(dampening(10.0, 10.0), 0.5);
    assert_eq!(dampening(30.0, 10.0), 0.75);
    assert_eq!((dampening(0.0, 10.0), dampening(0.0, 0.0)), (0.0, 1.0));
}

#[test]
fn low_demand_without_stock_is_no_evidence() {
    let mut world = World::of(&[0.5, 0.5]);
    trade(&mut world, 0, 20, 30, 3, 100);
    world.look(HOUR);
    let before = world.places()[0];
    assert!(!before.censored && before.throughput < 0.0);
    world.channels[0].local_balance = Sat(20_000);
    world.look(HOUR);
    let place = world.places()[0];
    assert!(place.censored && place.throughput == 0.0);
}

#[test]
fn wanted_ratios_give_way_to_what_the_node_owns() {
    let world = World::of(&[0.9, 0.9]);
    let places = world.places();
    assert_eq!(
        (places[0].evidence.target_ratio, places[0].balance),
        (0.8, -1.5 * (0.9 - 0.8))
    );
    let world = World::of(&[0.6, 0.2]);
    near(world.places()[0].evidence.target_ratio, 0.4);
}

#[test]
fn what_others_decide_counts_in_what_the_node_can_have_but_for_unannounced_channels() {
    let target = |ignored: &[(f64, bool)]| {
        let ratios: Vec<f64> = ignored.iter().map(|(ratio, _)| *ratio).collect();
        let mut world = World::of(&[&[0.6], ratios.as_slice()].concat());
        let mut table = world.table();
        for (channel, (_, private)) in world.channels.iter_mut().skip(1).zip(ignored) {
            channel.private = *private;
            table.get_mut(&channel.point).expect("there").mode = Mode::Ignore;
        }
        let places = world.places_under(&table);
        assert_eq!(places.len(), 1);
        places[0].evidence.target_ratio
    };
    near(target(&[]), 0.6);
    near(target(&[(0.2, false)]), 0.4);
    near(target(&[(0.2, true)]), 0.6);
}

#[test]
fn a_node_without_capacity_has_a_place_all_the_same() {
    let mut world = World::of(&[0.5]);
    world.channels[0].capacity = Sat(0);
    let place = world.places()[0];
    assert_eq!((place.evidence.target_ratio, place.balance), (0.5, 0.0));
}

#[test]
fn parallel_channels_have_one_place() {
    let mut world = World::of(&[0.9, 0.1, 0.5]);
    world.channels[1].peer = world.channels[0].peer;
    let places = world.places();
    assert_eq!(places[0], places[1]);
    assert_eq!(places[0].balance, 0.0);
}

#[test]
fn a_node_that_sold_nothing_begins_at_the_level() {
    let mut world = World::unmet(&[0.5, 0.5]);
    let moves = world.look(HOUR);
    assert_eq!(moves.len(), 2);
    assert_eq!(moves[0].reason, LevelReason::Begun { sold_ppm: None });
    near(world.levels()[0], 550.0);
    near(world.levels()[1], 3_500.0);
}

#[test]
fn a_node_that_sells_begins_at_what_it_sells_at_and_goes_by_a_twentieth_a_day() {
    let mut world = World::unmet(&[0.5, 0.5]);
    world.meet(DAY * 60);
    trade(&mut world, 0, 2, 30, 0, 450);
    world.look(HOUR);
    near(world.levels()[0], 450.0);
    near(world.levels()[1], 3_500.0);
    let moves = world.look(DAY);
    assert_eq!((moves.len(), moves[0].reason), (1, LevelReason::Follows));
    near(world.levels()[0], 472.5);
    (0..4).for_each(|_| drop(world.look(DAY)));
    near(world.levels()[0], 550.0);
}

#[test]
fn too_few_sales_and_free_ones_are_no_rate_to_begin_from() {
    let begun = |sales: u32, ppm: u64| {
        let mut world = World::unmet(&[0.5, 0.5]);
        world.meet(DAY * 60);
        for n in 0..sales {
            world.sell(0, DAY * n, TYPICAL, ppm);
        }
        world.look(HOUR);
        world.levels()[0]
    };
    near(begun(4, 400), 550.0);
    near(begun(5, 400), 400.0);
    near(begun(20, 0), 550.0);
}

#[test]
fn the_level_follows_the_root_of_what_the_network_charges() {
    let mut world = World::of(&[0.5]);
    world.visit = Some(GraphVisit {
        ln_ppm: libm::log(4.0 * 114.0),
        weight: 4.0,
    });
    (0..9_000).for_each(|_| drop(world.look(Duration::from_secs(300))));
    let index = world.memory.node.market.index.value();
    near(index, 3.9);
    let wanted = 550.0 * libm::sqrt(index);
    assert!((world.levels()[0] / wanted - 1.0).abs() < 0.02);
    assert_eq!(world.memory.node.market.index_read_at, Some(world.now));
}

/// A node that sold at 200 ppm for 30 days, and sells `a_day` under our fees for 14.
fn taken_over(a_day: u32) -> (World, Vec<LevelMove>) {
    let mut world = World::unmet(&[0.5, 0.5]);
    world.meet(DAY * 60);
    trade(&mut world, 0, 20, 30, 0, 200);
    world.look(HOUR);
    let mut moves = vec![];
    for _ in 0..14 {
        world.now = world.now.plus(DAY - HOUR);
        trade(&mut world, 0, a_day, 1, 0, 400);
        moves.extend(world.look(HOUR));
    }
    (world, moves)
}

fn fell(moves: &[LevelMove]) -> usize {
    let fell = |found: &&LevelMove| matches!(found.reason, LevelReason::IncomeFell { .. });
    moves.iter().filter(fell).count()
}

#[test]
fn a_level_gives_way_when_income_has_clearly_fallen() {
    let (mut world, moves) = taken_over(2);
    assert_eq!(fell(&moves), 1, "{moves:?}");
    let market = world.memory.node.market;
    assert_eq!(market.take_over.expect("taken over").given_way, 0.5);
    // Half way, as ratios go, between 550 and the 200 under which it earned.
    let wanted = libm::exp(market.ln_wanted(Segment::Announced, &world.node.tuning));
    near(wanted, libm::sqrt(550.0 * 200.0));
    // A fortnight later it gives way again.
    let gave_way_at = market.take_over.expect("taken over").gave_way_at;
    let fortnight = DAY * 14 - world.now.since(gave_way_at.expect("gave way"));
    assert_eq!(fell(&world.look(fortnight - Duration::from_secs(1))), 0);
    assert_eq!(fell(&world.look(Duration::from_secs(1))), 1);
    assert_eq!(
        world
            .memory
            .node
            .market
            .take_over
            .expect("taken over")
            .given_way,
        0.75
    );
}

#[test]
fn after_ninety_days_a_fall_is_the_markets() {
    let at = |later: Duration| {
        let mut world = World::unmet(&[0.5, 0.5]);
        world.meet(DAY * 60);
        trade(&mut world, 0, 20, 30, 0, 200);
        world.look(HOUR);
        fell(&world.look(later))
    };
    let second = Duration::from_secs(1);
    assert_eq!((at(DAY * 90), at(DAY * 90 + second)), (1, 0));
    assert_eq!(at(DAY * 200), 0);
}

#[test]
fn income_that_holds_moves_nothing_back() {
    let (world, moves) = taken_over(12);
    assert_eq!(fell(&moves), 0);
    assert_eq!(
        world
            .memory
            .node
            .market
            .take_over
            .expect("taken over")
            .given_way,
        0.0
    );
}

#[test]
fn keep_alive_dust_moves_nothing() {
    let mut world = World::of(&[0.5, 0.5]);
    trade(&mut world, 0, 8, 30, 0, 500);
    world.look(HOUR);
    let before = world.places();
    for n in 0..8_000 {
        world.sell(0, DAY * 3 * n / 8_000, 1_000, 0);
    }
    let after = world.places();
    near(after[0].ln_ppm(), before[0].ln_ppm());
    assert_eq!(after[1], before[1]);
}

#[test]
fn a_channel_with_three_thousand_forwards_a_day_is_no_idle_one() {
    let mut world = World::of(&[0.5, 0.5]);
    trade(&mut world, 0, 3_000, 30, 0, 500);
    world.look(HOUR);
    let place = world.places()[0];
    assert!((place.evidence.tpm * 1_440.0 / 3_000.0 - 1.0).abs() < 0.03);
    assert!(place.throughput >= 0.0, "{}", place.throughput);
}

#[test]
fn someone_elses_fee_is_of_no_concern_to_the_level() {
    let mut world = World::of(&[0.5]);
    let point = world.channels[0].point;
    let before = world.levels();
    world
        .memory
        .channels
        .get_mut(&point)
        .expect("met")
        .fee
        .foreign = Some(ForeignChange {
        fees: Default::default(),
        seen_at: world.now,
    });
    world.look(DAY);
    assert_eq!(world.levels(), before);
}
