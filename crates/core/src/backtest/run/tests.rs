use std::time::Duration;

use super::super::demand::msat;
use super::super::sales::Account;
use super::*;
use crate::settings::values::Mode;
use crate::signals::level::Level;
use crate::state::memory::Memory;
use crate::testing::{channel, point};
use crate::types::channel::ChannelIds;
use crate::types::observation::Observation;
use crate::types::time::Timestamp;
use crate::types::units::{FeePpm, Msat};

const HOUR: Duration = Duration::from_secs(3_600);

fn book(mode: Mode) -> SettingsLayers {
    let mut book = SettingsLayers::default();
    book.defaults.mode = Some(mode);
    book
}

fn start() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

/// Two channels whose fee is and stays `ppm`, seen `hours` after the start.
fn input(ppm: u32, hours: u32) -> CycleInput {
    let channels = [1, 2].map(|n| {
        let mut channel = channel(n);
        let policy = channel.policy.as_mut().expect("a policy");
        (policy.fees.base_fee_msat, policy.fees.outbound) = (0, FeePpm(ppm));
        (channel.point, channel)
    });
    let seen = Observation {
        at: start().plus(HOUR * hours),
        channels: channels.into(),
        ..Observation::default()
    };
    CycleInput::new(seen, &book(Mode::Observe), false, start())
}

/// A forward out of channel 2 in the first hour, which paid `ppm`.
fn forward(sat: u64, ppm: u64) -> Forward {
    let (amount, fee) = (sat * 1_000, sat * ppm / 1_000);
    Forward {
        settled_at: start().plus(HOUR / 2),
        scid_in: channel(1).scid,
        scid_out: channel(2).scid,
        amount_in: Msat(amount + fee),
        amount_out: Msat(amount),
        fee: Msat(fee),
    }
}

/// What channel 2 came to, posted at `then` ppm, with `tried` instead.
fn account_of(
    then: u32,
    tried: Mode,
    elasticities: &[f64],
    forwards: &[Forward],
) -> (Account, Backtest) {
    let elasticities = elasticities.iter().map(|e| Elasticity::new(*e));
    let elasticities: Vec<Elasticity> = elasticities.map(|e| e.expect("good")).collect();
    let checkpoint = Checkpoint::of(&Memory::default(), &ChannelIds::default(), true);
    let mut backtest = Backtest::new(checkpoint, book(tried), elasticities);
    for (hour, sold) in [(0, &[][..]), (1, forwards)] {
        let input = input(then, hour);
        let mut cycle = backtest.begin(input).watch();
        cycle.sell(sold);
        let outcome = cycle.decide();
        backtest.settle(outcome, &[]);
    }
    (backtest.sales().accounts()[&point(2)].clone(), backtest)
}

#[test]
fn a_dearer_price_earns_what_the_hand_computes() {
    let sold = [forward(100_000, 100)];
    let pinned = Mode::Pin(FeePpm(300));
    let (account, _) = account_of(100, pinned, &[0.0, 1.0, 1.5], &sold);
    assert_eq!(account.then, Msat(10_000));
    // 30,000 msat each: all of it, a fifth, 4 / 28.
    let expected = [30_000.0, 6_000.0, 30_000.0 / 7.0];
    for (earned, expected) in account.with_msat.iter().zip(expected) {
        assert!((earned - expected).abs() < 1e-6, "{earned} {expected}");
    }
    assert_eq!(account.moves_then, vec![]);
    let to = account.moves_with[0].rate();
    assert_eq!((account.moves_with.len(), to), (1, Some(FeePpm(300))));
    let (then, with) = account.mean_ppm().expect("an hour");
    assert!((then - 100.0).abs() < 1e-9 && (with - 300.0).abs() < 1e-9);
}

#[test]
fn what_is_sold_more_comes_out_of_what_the_channel_held() {
    // At a third of the price and elasticity 1, 1.8 times as much: 0.8 of
    // 400,000 sat more, of which 490,000 are there to be sold in all.
    let sold = [forward(400_000, 300), forward(400_000, 300)];
    let pinned = Mode::Pin(FeePpm(100));
    let (account, _) = account_of(300, pinned, &[0.0, 1.0], &sold);
    assert_eq!(account.then, Msat(240_000));
    let (unmoved, moved) = (account.with_msat[0], account.with_msat[1]);
    assert!((unmoved - 80_000.0).abs() < 1e-6);
    let in_all = 40_000.0 * 1.8 + 40_000.0 * (1.0 + 170_000.0 / 400_000.0);
    assert!((moved - in_all).abs() < 1e-6, "{moved} {in_all}");
}

#[test]
fn where_nothing_is_set_each_elasticity_gives_what_was_earned() {
    let sold = [forward(12_345, 77), forward(400_000, 300)];
    let (account, backtest) = account_of(250, Mode::Observe, &[0.3, 1.5], &sold);
    let earned = msat(account.then);
    assert_eq!(account.with_msat, [earned, earned]);
    assert_eq!(backtest.with.memory(), backtest.then.memory());
}

#[test]
fn the_level_is_that_of_then() {
    let checkpoint = Checkpoint::of(&Memory::default(), &ChannelIds::default(), true);
    let mut backtest = Backtest::new(checkpoint, book(Mode::Manage), vec![]);
    let market = |engine: &Engine| engine.memory().node.market;
    for hour in 0..3 {
        let outcome = backtest.begin(input(600, hour)).watch().decide();
        backtest.settle(outcome, &[]);
    }
    let mut memory = backtest.then.memory().clone();
    memory.node.market.announced.level = Some(Level {
        ln_ppm: 6.0,
        looked_at: start(),
    });
    backtest.then = Engine::new(memory, ChannelIds::default());
    assert_ne!(market(&backtest.with), market(&backtest.then));
    let outcome = backtest.begin(input(600, 3)).watch().decide();
    backtest.settle(outcome, &[]);
    assert_eq!(market(&backtest.with), market(&backtest.then));
}

#[test]
fn a_forward_from_before_the_stretch_or_of_no_known_channel_is_no_gain() {
    let before = Forward {
        settled_at: start(),
        ..forward(100_000, 100)
    };
    let stray = Forward {
        scid_out: crate::types::channel::Scid(9),
        ..forward(50_000, 100)
    };
    let pinned = Mode::Pin(FeePpm(300));
    let (account, backtest) = account_of(100, pinned, &[0.3, 1.0], &[before, stray]);
    assert_eq!(account.forwards, 0);
    assert_eq!(backtest.sales().elsewhere().then, Msat(5_000));
    assert_eq!(backtest.sales().elsewhere().with_msat, [5_000.0, 5_000.0]);
}
