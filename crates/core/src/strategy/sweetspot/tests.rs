use super::*;
use crate::engine::ingest;
use crate::settings::values::NodeSettings;
use crate::state::memory::ForeignChange;
use crate::testing::channel;
use crate::types::time::Timestamp;
use crate::types::units::{FeePpm, Msat};

const HOUR: Duration = Duration::from_secs(3_600);

/// Channels under one settings, and what is remembered of them.
struct World {
    memory: Memory,
    channels: Vec<Channel>,
    settings: ChannelSettings,
    now: Timestamp,
}

impl World {
    /// `ratios` of channels of ten million sat, met an hour ago.
    fn of(ratios: &[f64]) -> Self {
        let channels = ratios.iter().zip(1..).map(|(ratio, n)| {
            let local = (ratio * 1e7) as u64;
            Channel {
                capacity: Sat(10_000_000),
                local_balance: Sat(local),
                remote_balance: Sat(10_000_000 - local),
                ..channel(n)
            }
        });
        let mut world = Self {
            memory: Memory::default(),
            channels: channels.collect(),
            settings: ChannelSettings {
                mode: Mode::Manage,
                level: LevelChoice::Fixed(FeePpm(100)),
                ..ChannelSettings::default()
            },
            now: Timestamp::from_secs(1_700_000_000),
        };
        world.look();
        world
    }

    fn seen(&self) -> Observation {
        Observation {
            at: self.now,
            channels: self.channels.iter().map(|c| (c.point, c.clone())).collect(),
            ..Observation::default()
        }
    }

    fn table(&self) -> BTreeMap<ChannelPoint, ChannelSettings> {
        let points = self.channels.iter().map(|c| c.point);
        points.map(|point| (point, self.settings)).collect()
    }

    /// The node is read an hour later.
    fn look(&mut self) {
        self.now = self.now.plus(HOUR);
        let (seen, table) = (self.seen(), self.table());
        ingest::newcomers(&mut self.memory, &seen, self.now);
        ingest::observation(&mut self.memory, &seen, &table, &NodeSettings::default());
    }

    fn market(&mut self, index: usize) -> &mut ChannelMarket {
        let point = self.channels[index].point;
        &mut self.memory.channels.get_mut(&point).expect("met").market
    }

    fn places(&self, tuning: &Tuning) -> Vec<Place> {
        let places = places(&self.memory, &self.seen(), &self.table(), tuning);
        self.channels.iter().map(|c| places[&c.point]).collect()
    }

    /// A mean forward out of a channel, at 100 ppm.
    fn forward(&self, index: usize, ago: Duration) -> Forward {
        Forward {
            settled_at: self.now.minus(ago),
            scid_in: self.channels[1 - index].scid,
            scid_out: self.channels[index].scid,
            amount_in: Msat(50_005_000),
            amount_out: Msat(50_000_000),
            fee: Msat(5_000),
        }
    }

    fn take_in(&mut self, forward: &Forward) {
        let points = [forward.scid_in, forward.scid_out].map(|scid| {
            let found = self.channels.iter().find(|c| c.scid == scid);
            found.map(|channel| channel.point)
        });
        sold(&mut self.memory, points, forward, &Tuning::default());
    }

    fn sell(&mut self, index: usize, ago: Duration) {
        self.take_in(&self.forward(index, ago));
    }
}

/// The levels of an announced and an unannounced channel, in ppm.
fn levels(memory: &Memory, tuning: &Tuning) -> [f64; 2] {
    Segment::ALL.map(|segment| libm::exp(memory.node.market.ln_level(segment, tuning)))
}

/// A rate of `short` against one of `long`, a day each, on firm evidence.
fn busy(market: &mut ChannelMarket, short: f64, long: f64) {
    market.exposure.short = Tally {
        sessions: short,
        liquid_days: 1.0,
    };
    market.exposure.long = Tally {
        sessions: long * 1_000.0,
        liquid_days: 1_000.0,
    };
}

#[test]
fn the_signs_follow_the_rules() {
    let mut world = World::of(&[0.7, 0.3, 0.5]);
    let places = world.places(&Tuning::default());
    assert!(places[0].balance < 0.0 && places[1].balance > 0.0);
    assert_eq!((places[2].balance, places[2].throughput), (0.0, 0.0));
    busy(world.market(1), 12.0, 20.0);
    busy(world.market(2), 30.0, 20.0);
    let places = world.places(&Tuning::default());
    assert!(places[1].throughput < 0.0 && places[2].throughput > 0.0);
}

#[test]
fn for_one_epoch_it_is_the_worked_example() {
    let undamped = Tuning {
        throughput: 1.0,
        evidence_sessions: 0.0,
        ..Tuning::default()
    };
    let mut world = World::of(&[0.5, 0.5]);
    // A tenth less than usual, prior half session included.
    busy(world.market(0), 900.0, 1_000.0);
    let market = world.market(0);
    market.exposure.short.liquid_days = 1.0;
    let place = world.places(&undamped)[0];
    let terms = place.terms(100.0);
    assert!(
        (100.0 * (1.0 + terms.sum()) - 90.0).abs() < 0.1,
        "{terms:?}"
    );
    assert_eq!((terms.balance, terms.level), (0.0, 0.0));
}

#[test]
fn opposite_signals_cancel_and_others_add_up() {
    let place = Place {
        balance: 0.2,
        throughput: -0.2,
        ln_level: libm::log(100.0),
        ..World::of(&[0.5]).places(&Tuning::default())[0]
    };
    assert!(place.terms(100.0).sum().abs() < 1e-12);
    let agreed = Place {
        throughput: 0.2,
        ..place
    };
    let up = agreed.terms(100.0);
    assert!((up.sum() - libm::expm1(0.4)).abs() < 1e-12);
    assert!(up.balance > 0.0 && up.throughput > 0.0);
    // From below the level, its pull is a part like the others.
    let from_below = place.terms(50.0);
    assert!((50.0 * (1.0 + from_below.sum()) - 100.0).abs() < 1e-9);
    assert!(from_below.balance > 0.0 && from_below.throughput < 0.0);
    assert!(from_below.level > 0.0);
}

#[test]
fn an_empty_channel_is_not_called_slow() {
    let mut world = World::of(&[0.001, 0.999]);
    busy(world.market(0), 1.0, 20.0);
    let place = world.places(&Tuning::default())[0];
    assert_eq!((place.throughput, place.censored), (0.0, true));
    busy(world.market(0), 40.0, 20.0);
    let place = world.places(&Tuning::default())[0];
    assert!(place.throughput > 0.0 && !place.censored);
}

#[test]
fn few_sessions_dampen_throughput() {
    let mut world = World::of(&[0.5, 0.5]);
    let thin = Tally {
        sessions: 1.0,
        liquid_days: 10.0,
    };
    world.market(0).exposure.long = thin;
    world.market(0).exposure.short = Tally {
        sessions: 1.0,
        liquid_days: 1.0,
    };
    let thin = world.places(&Tuning::default())[0];
    busy(world.market(0), 40.0, 20.0);
    let firm = world.places(&Tuning::default())[0];
    assert!(thin.dampening < 0.1 && firm.dampening > 0.99);
    assert!(thin.throughput < 0.2 * firm.throughput);
}

#[test]
fn targets_give_way_to_what_the_node_owns() {
    let world = World::of(&[0.2, 0.4]);
    let places = world.places(&Tuning::default());
    assert!((places[0].evidence.target_ratio - 0.3).abs() < 1e-9);
    assert!(places[0].balance > 0.0 && places[1].balance < 0.0);
}

#[test]
fn a_channel_is_let_down_only_after_long_and_only_where_sales_were_due() {
    let tuning = Tuning::default();
    let mut world = World::of(&[0.5, 0.5]);
    busy(world.market(0), 20.0, 20.0);
    let idle = |world: &mut World, days: f64| {
        world.market(1).exposure.idle_days = days;
        world.places(&tuning)[1].throughput
    };
    world.market(1).exposure.long.liquid_days = 10.0;
    assert_eq!(idle(&mut world, tuning.dead_after_days), 0.0);
    let down = idle(&mut world, tuning.dead_after_days + 10.0);
    assert!((down + 10.0 * tuning.dead_per_day).abs() < 0.1, "{down}");
    world.market(1).exposure.long.liquid_days = 0.1;
    assert_eq!(idle(&mut world, tuning.dead_after_days + 10.0), 0.0);
}

#[test]
fn parallel_channels_aim_alike() {
    let mut world = World::of(&[0.9, 0.1, 0.5]);
    world.channels[1].peer = world.channels[0].peer;
    let places = world.places(&Tuning::default());
    assert_eq!(places[0], places[1]);
    assert_eq!(places[0].balance, 0.0);
    world.settings.min = FeePpm(5);
    let mut table = world.table();
    let apart = world.channels[1].point;
    table.get_mut(&apart).expect("there").target_ratio = 0.9;
    let places = super::places(&world.memory, &world.seen(), &table, &Tuning::default());
    assert_ne!(places[&world.channels[0].point], places[&apart]);
}

#[test]
fn a_balance_counts_by_how_pressing_it_is() {
    let mut world = World::of(&[0.2, 0.8]);
    let turn = |world: &mut World, per_day: f64| {
        let tally = Tally {
            sessions: per_day * 1_000.0,
            liquid_days: 1_000.0,
        };
        for index in [0, 1] {
            let turnover = &mut world.market(index).exposure.turnover;
            (turnover.out, turnover.back) = (tally, tally);
        }
        let places = world.places(&Tuning::default());
        (places[0].balance, places[1].balance)
    };
    let (up, down) = turn(&mut world, 0.01);
    assert!(0.0 < up && up < 0.02 && -0.01 < down && down < 0.0);
    let (up, down) = turn(&mut world, 100.0);
    assert!((1.1..1.2).contains(&up) && (-0.6..-0.55).contains(&down));
}

#[test]
fn a_sale_teaches_the_level_by_what_it_earned() {
    let mut world = World::of(&[0.5, 0.5]);
    let mut worth = |fee_msat: u64| {
        let forward = Forward {
            fee: Msat(fee_msat),
            ..world.forward(0, HOUR / 2)
        };
        world.take_in(&forward);
        let exposure = &mut world.market(0).exposure;
        let worth = exposure.watch(Some(HOUR), true, true);
        world.now = world.now.plus(HOUR);
        worth
    };
    // 50,000 sat, a mean forward, at the level of 600 ppm, at half, at 50 times.
    let level = Tuning::default().learning.prior_ppm;
    let paid = |ppm: f64| (ppm * 50.0) as u64;
    assert!((worth(paid(level)) - 1.0).abs() < 1e-6);
    assert!((worth(paid(level / 2.0)) - 0.5).abs() < 1e-6);
    assert!((worth(paid(level * 50.0)) - 5.0).abs() < 1e-6);
}

#[test]
fn only_fees_that_stand_where_they_should_teach_the_level() {
    let taught = |prepare: fn(&mut World)| {
        let mut world = World::of(&[0.5, 0.5]);
        world.settings.level = LevelChoice::Learned;
        let place = libm::exp(world.places(&Tuning::default())[0].ln_ppm());
        for channel in &mut world.channels {
            if let Some(policy) = &mut channel.policy {
                policy.fees.outbound = FeePpm::rounded(place);
                let met = world.memory.channels.get_mut(&channel.point);
                met.expect("met").fee.confirmed = Some(policy.fees);
            }
        }
        (0..24 * 4).for_each(|_| world.look());
        prepare(&mut world);
        world.sell(0, HOUR / 2);
        world.look();
        world.memory.node.market.level.sold()
    };
    assert!(taught(|_| ()) > 0.0);
    let off = |world: &mut World| {
        for channel in &mut world.channels {
            if let Some(policy) = &mut channel.policy {
                policy.fees.outbound = FeePpm(7);
            }
        }
    };
    assert_eq!(taught(off), 0.0);
    assert_eq!(
        taught(|world| {
            for channel in world.memory.channels.values_mut() {
                channel.fee.foreign = Some(ForeignChange {
                    fees: Default::default(),
                    seen_at: Timestamp::EPOCH,
                });
                channel.fee.confirmed = Some(Default::default());
            }
        }),
        0.0
    );
    assert_eq!(taught(|world| world.settings.mode = Mode::Observe), 0.0);
    assert_eq!(
        taught(|world| world.now = world.now.plus(HOUR * 24)),
        0.0,
        "downtime"
    );
}

#[test]
fn unannounced_channels_have_a_level_of_their_own() {
    let tuning = Tuning::default();
    let mut world = World::of(&[0.5, 0.5]);
    world.settings.level = LevelChoice::Learned;
    world.channels[1].private = true;
    world.look();
    for (place, learning) in world
        .places(&tuning)
        .iter()
        .zip([&tuning.learning, &tuning.unannounced])
    {
        assert_eq!(place.ln_level, libm::log(learning.prior_ppm));
    }
    for (channel, place) in world
        .channels
        .iter_mut()
        .zip(levels(&world.memory, &tuning))
    {
        if let Some(policy) = &mut channel.policy {
            policy.fees.outbound = FeePpm::rounded(place);
            let met = world.memory.channels.get_mut(&channel.point);
            met.expect("met").fee.confirmed = Some(policy.fees);
        }
    }
    (0..24 * 4).for_each(|_| world.look());
    world.sell(1, HOUR / 2);
    world.look();
    let market = &world.memory.node.market;
    assert_eq!(market.level_of(Segment::Announced).sold(), 0.0);
    assert!(market.level_of(Segment::Unannounced).sold() > 0.0);
}

#[test]
fn a_peer_with_an_announced_channel_too_is_of_the_public_market() {
    let mut world = World::of(&[0.5, 0.5]);
    world.settings.level = LevelChoice::Learned;
    world.channels[1].private = true;
    world.channels[1].peer = world.channels[0].peer;
    world.look();
    let places = world.places(&Tuning::default());
    assert_eq!(places[0].ln_level, places[1].ln_level);
    assert_eq!(
        places[0].ln_level,
        libm::log(Tuning::default().learning.prior_ppm)
    );
}

#[test]
fn a_forward_is_counted_once() {
    let mut world = World::of(&[0.5, 0.5]);
    world.sell(0, HOUR / 2);
    world.sell(0, HOUR / 2);
    world.look();
    assert_eq!(world.market(0).exposure.long.sessions, 1.0);
}
