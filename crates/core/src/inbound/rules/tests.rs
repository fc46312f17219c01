use crate::types::fee_change::{FeeChange, Stage};
use std::time::Duration;

use super::*;
use crate::engine::decide::decide;
use crate::engine::ingest;
use crate::engine::input::Readiness;
use crate::settings::values::NodeSettings;
use crate::state::memory::{ForeignChange, Memory};
use crate::testing::{channel, point};
use crate::types::channel::{ChannelPoint, Policy};
use crate::types::observation::Observation;
use crate::types::units::Sat;

mod fixed;

const HOUR: Duration = Duration::from_secs(3_600);

/// A node whose channels are all watched, the first one needing flow. Its
/// outbound rates stay where a fact puts them: the bounds hold them there.
struct World {
    memory: Memory,
    channels: Vec<Channel>,
    settings: ChannelSettings,
    node: NodeSettings,
    now: Timestamp,
}

impl World {
    /// Channels of 1,000,000 sat with these local balances and rates.
    fn of(channels: &[(u64, u32)]) -> Self {
        let channels = (1..).zip(channels).map(|(n, (local, ppm))| {
            let mut channel = channel(n);
            channel.local_balance = Sat(*local);
            channel.remote_balance = Sat(1_000_000 - local);
            channel.policy = channel.policy.map(|policy| Policy {
                fees: FeeParts {
                    base_fee_msat: 0,
                    outbound: FeePpm(*ppm),
                    ..FeeParts::default()
                },
                ..policy
            });
            channel
        });
        let mut node = NodeSettings::default();
        node.inbound.discount = true;
        node.inbound.share = 0.3;
        Self {
            memory: Memory::default(),
            channels: channels.collect(),
            settings: ChannelSettings {
                mode: Mode::Manage,
                // Whatever the law asks, the step leaves the rate alone.
                pace: crate::settings::values::Pace {
                    deadband_ppm: 100_000,
                    ..ChannelSettings::default().pace
                },
                max: FeePpm(100_000),
                min: FeePpm(0),
                ..ChannelSettings::default()
            },
            node,
            now: Timestamp::from_secs(1_700_000_000),
        }
    }

    fn turn_with(&mut self, of: impl Fn(ChannelPoint) -> ChannelSettings) -> Vec<Decision> {
        self.now = self.now.plus(HOUR);
        let seen = Observation {
            at: self.now,
            channels: self.channels.iter().map(|c| (c.point, c.clone())).collect(),
            ..Observation::default()
        };
        let points = self.channels.iter().map(|c| c.point);
        let table = points.map(|point| (point, of(point))).collect();
        ingest::newcomers(&mut self.memory, &seen, self.now);
        ingest::observation(&mut self.memory, &seen, &table, &self.node);
        let ready = Readiness {
            node: true,
            history: true,
            first_look: false,
        };
        let decisions = decide(&mut self.memory, &seen, &table, &self.node, ready);
        for decision in &decisions {
            if let Verdict::Change { to } = decision.verdict {
                self.set(decision.point, to);
                let memory = self.memory.channels.get_mut(&decision.point);
                let fee = &mut memory.expect("met").fee;
                let from = decision.current.expect("a policy");
                let change = FeeChange::intended(from, to, self.now);
                guard::note(fee, &change.ended(Stage::Confirmed, self.now, ""));
            }
        }
        decisions
    }

    /// An hour passes; every channel is decided.
    fn turn(&mut self) -> Vec<Decision> {
        let settings = self.settings;
        self.turn_with(|_| settings)
    }

    fn hours(&mut self, hours: u32) {
        (0..hours).for_each(|_| drop(self.turn()));
    }

    fn set(&mut self, point: ChannelPoint, fees: FeeParts) {
        let mut all = self.channels.iter_mut();
        let channel = all.find(|c| c.point == point).expect("known");
        channel.policy = channel.policy.map(|policy| Policy { fees, ..policy });
    }

    fn by_hand(&mut self, n: u8, rate_ppm: i32, base_fee_msat: i32) {
        let now = self.fees(n);
        let inbound = InboundFee {
            base_fee_msat,
            rate_ppm,
        };
        self.set(point(n), FeeParts { inbound, ..now });
    }

    fn spread(&mut self, locals: [u64; 3]) {
        for (channel, local) in self.channels.iter_mut().zip(locals) {
            channel.local_balance = Sat(local);
            channel.remote_balance = Sat(1_000_000 - local);
        }
    }

    fn fees(&self, n: u8) -> FeeParts {
        let policy = self.channels[usize::from(n) - 1].policy;
        policy.expect("a policy").fees
    }

    fn inbound(&self, n: u8) -> i32 {
        self.fees(n).inbound.rate_ppm
    }

    /// What was last said of the first channel's discount.
    fn said(&mut self) -> Option<Discount> {
        let decisions = self.turn();
        decisions.iter().find(|d| d.point == point(1))?.inbound
    }
}

/// One channel has nothing, two have plenty: all targets give way to 0.53.
fn needy() -> World {
    World::of(&[(0, 1_000), (800_000, 300), (800_000, 500)])
}

#[test]
fn in_and_out_again_is_never_paid() {
    assert_eq!(without_arbitrage(FeePpm(0)), FeePpm(0));
    assert_eq!(without_arbitrage(FeePpm(1_000)), FeePpm(999));
    assert_eq!(without_arbitrage(FeePpm(500_000)), FeePpm(333_333));
    for rate in [1, 7, 999, 2_500, 100_000, u32::MAX] {
        let most = without_arbitrage(FeePpm(rate));
        let (out, back) = (f64::from(rate) / 1e6, most.as_f64() / 1e6);
        assert!(out - back - out * back >= -1e-12);
        let more = back + 1e-6;
        assert!(out - more - out * more < 0.0, "no more would do: {rate}");
    }
}

#[test]
fn a_discount_grows_by_halves_to_what_the_fed_channels_bear() {
    let mut world = needy();
    // 0.3 of 300 ppm is less than 0.3 of the channel's own 1,000; all of it,
    // for 0.53 is missing, and half of that first.
    let said = world.said().expect("judged");
    assert_eq!((said.most, said.wanted), (FeePpm(90), FeePpm(45)));
    assert!((said.missing - 8.0 / 15.0).abs() < 1e-9);
    assert_eq!(world.inbound(1), -45);
    world.hours(47);
    assert_eq!(world.inbound(1), -45);
    world.hours(1);
    assert_eq!(world.inbound(1), -90);
    world.hours(480);
    assert_eq!((world.inbound(1), world.inbound(2)), (-90, 0));
    assert_eq!(world.fees(1).outbound, FeePpm(1_000));
}

#[test]
fn half_the_need_asks_for_half() {
    // 0.3 missing: (0.3 - 0.1) / 0.4 of 0.3 of 400 ppm, the channel's own.
    let mut world = World::of(&[(200_000, 400), (650_000, 700), (650_000, 900)]);
    let said = world.said().expect("judged");
    assert!((said.missing - 0.3).abs() < 1e-9);
    assert_eq!((said.most, said.wanted), (FeePpm(210), FeePpm(60)));
    world.hours(100);
    assert_eq!(world.inbound(1), -60, "and no more");
}

#[test]
fn nobody_is_fed_by_a_parallel_channel() {
    let mut world = World::of(&[(0, 1_000), (900_000, 300)]);
    world.channels[1].peer = world.channels[0].peer;
    world.settings.strategy = crate::settings::values::StrategyName::Classic;
    let said = world.said().expect("judged");
    assert_eq!((said.most, said.wanted), (FeePpm(0), FeePpm(0)));
}

#[test]
fn a_discount_outlasts_a_short_recovery_and_expires_with_the_need() {
    let mut world = needy();
    world.hours(100);
    assert_eq!(world.inbound(1), -90);
    // 0.533 is wanted.
    world.spread([440_000, 580_000, 580_000]);
    world.hours(23);
    assert_eq!(world.inbound(1), -90);
    world.spread([0, 800_000, 800_000]);
    world.hours(1);
    world.spread([440_000, 580_000, 580_000]);
    let said = world.said().expect("judged");
    assert!(matches!(said.held, Some(DiscountHold::Expiring { .. })));
    world.hours(23);
    assert_eq!(world.inbound(1), -90);
    world.hours(1);
    assert_eq!(world.inbound(1), 0);
    assert_eq!(
        world.memory.channels[&point(1)].fee.inbound.granted_ppm,
        None
    );
}

#[test]
fn what_the_settings_end_is_taken_back_within_the_channels_own_pace() {
    type Ends = fn(&mut World);
    let ends: [Ends; 3] = [
        |world| world.node.inbound.discount = false,
        |world| world.settings.inbound_discount = false,
        |world| world.settings.mode = Mode::Pin(FeePpm(1_000)),
    ];
    for end in ends {
        let mut world = needy();
        world.hours(1);
        assert_eq!(world.inbound(1), -45);
        end(&mut world);
        let settings = world.settings;
        let others = ChannelSettings {
            mode: Mode::Ignore,
            ..settings
        };
        let of = |at| if at == point(1) { settings } else { others };
        for _ in 0..5 {
            world.turn_with(of);
            assert_eq!(world.inbound(1), -45);
        }
        world.turn_with(of);
        assert_eq!(world.inbound(1), 0);
        for _ in 0..100 {
            let decisions = world.turn_with(of);
            assert!(decisions.iter().all(|d| d.inbound.is_none()));
        }
    }
}

#[test]
fn what_is_missing_within_the_dead_zone_is_no_need() {
    let mut world = needy();
    let said = world.said().expect("judged");
    world.node.inbound.dead_zone = said.missing;
    let said = world.said().expect("judged");
    assert!(matches!(said.held, Some(DiscountHold::Expiring { .. })));
    // Without a discount there is none to expire.
    let mut world = World::of(&[(500_000, 500), (500_000, 500)]);
    let held = world.said().and_then(|said| said.held);
    assert_eq!(held, Some(DiscountHold::AtRest));
}

#[test]
fn a_change_of_less_than_two_fifths_is_not_worth_an_update() {
    for (fed_ppm, held) in [
        (240, Some(DiscountHold::Deadband { needed_ppm: 36 })),
        (184, Some(DiscountHold::Deadband { needed_ppm: 36 })),
        (180, None),
    ] {
        let mut world = needy();
        world.hours(480);
        assert_eq!(world.inbound(1), -90);
        let fed = FeeParts {
            outbound: FeePpm(fed_ppm),
            ..world.fees(2)
        };
        world.set(point(2), fed);
        assert_eq!(world.said().and_then(|said| said.held), held, "{fed_ppm}");
    }
}

#[test]
fn a_discount_that_is_not_needed_goes_however_small_it_is() {
    let mut world = World::of(&[(500_000, 500), (500_000, 500)]);
    world.settings.pace.foreign_hands_off = Duration::ZERO;
    world.by_hand(1, -9, 0);
    world.hours(30);
    assert_eq!(world.inbound(1), 0);
}

#[test]
fn an_inbound_fee_that_is_the_operators_is_left_alone() {
    for (rate_ppm, base_fee_msat) in [(5, 0), (0, 1_000), (-200, -1)] {
        let mut world = needy();
        world.by_hand(1, rate_ppm, base_fee_msat);
        world.hours(200);
        assert_eq!(world.inbound(1), rate_ppm);
        let held = world.said().and_then(|said| said.held);
        assert_eq!(held, Some(DiscountHold::ByHand));
    }
}

#[test]
fn a_discount_set_by_hand_is_left_alone_then_taken_as_the_start() {
    let mut world = needy();
    world.by_hand(1, -200, 0);
    // First seen in the first hour.
    world.hours(48);
    assert_eq!(world.inbound(1), -200);
    world.hours(1);
    assert_eq!(world.inbound(1), -90);
    world.by_hand(1, -30, 0);
    world.hours(48);
    assert_eq!(world.inbound(1), -30);
    world.hours(4);
    assert_eq!(world.inbound(1), -75);
}

#[test]
fn with_discounts_off_nobodys_inbound_fee_is_touched() {
    let mut world = needy();
    world.node.inbound.discount = false;
    world.by_hand(1, -200, 0);
    world.by_hand(2, 7, 3);
    for _ in 0..100 {
        assert!(world.turn().iter().all(|d| d.inbound.is_none()));
    }
    assert_eq!((world.inbound(1), world.inbound(2)), (-200, 7));
}

#[test]
fn a_fee_someone_else_set_keeps_hands_off_the_discount_too() {
    let mut world = needy();
    world.hours(1);
    let now = world.fees(1);
    let by_hand = FeeParts {
        outbound: FeePpm(900),
        ..now
    };
    world.set(point(1), by_hand);
    world.hours(47);
    assert_eq!(world.fees(1), by_hand);
    let foreign: Option<ForeignChange> = world.memory.channels[&point(1)].fee.foreign;
    assert!(foreign.is_some());
    world.hours(3);
    assert_eq!(world.inbound(1), -90, "still ours, and grown");
}

#[test]
fn a_cut_of_the_outbound_rate_takes_too_large_a_discount_along() {
    let mut world = needy();
    world.node.inbound.share = 1.0;
    world.hours(100);
    assert_eq!(world.inbound(1), -300);
    // By hand, and adopted: 100 ppm bear 99.
    let low = FeeParts {
        outbound: FeePpm(100),
        ..world.fees(1)
    };
    world.settings.pace.foreign_hands_off = Duration::ZERO;
    world.set(point(1), low);
    world.hours(2);
    assert_eq!(world.inbound(1), -99);
}

#[test]
fn observing_shows_a_discount_once_per_cooldown() {
    let mut world = needy();
    world.settings.mode = Mode::Observe;
    let shown = |d: &Decision| matches!(d.verdict, Verdict::WouldChange { to } if to.inbound.rate_ppm == -45);
    let times = (0..96).filter(|_| world.turn().iter().any(shown)).count();
    assert_eq!(times, 2);
    assert_eq!(world.inbound(1), 0);
}
