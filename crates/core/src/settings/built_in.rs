//! The settings that hold where the config says nothing, each with its reason.
//! "Training" is the league's set of simulated nodes that constants may be
//! chosen on.

use std::time::Duration;

use crate::settings::cost::Cost;
use crate::settings::inbound::InboundRules;
use crate::settings::tuning::Tuning;
use crate::settings::values::{
    BaseFee, ChannelSettings, Gains, InboundRate, LevelChoice, MaxHtlc, Mode, NodeSettings, Pace,
    Protect, PruneRules, StrategyName,
};
use crate::types::units::FeePpm;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Settings that stand without a config.
pub trait BuiltIn: Sized {
    /// The settings that `lay` makes of the built-in ones.
    fn laid_over(lay: impl Fn(&mut Self)) -> Self;
}

impl BuiltIn for NodeSettings {
    fn laid_over(lay: impl Fn(&mut Self)) -> Self {
        let mut settings = Self::default();
        lay(&mut settings);
        settings
    }
}

impl BuiltIn for ChannelSettings {
    /// What is built in depends on the strategy, which `lay` itself may choose.
    fn laid_over(lay: impl Fn(&mut Self)) -> Self {
        let built_in = Self::default();
        let mut settings = built_in;
        lay(&mut settings);
        if settings.strategy != built_in.strategy {
            settings = Self::of(settings.strategy);
            lay(&mut settings);
        }
        settings
    }
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self::of(StrategyName::Sweetspot)
    }
}

impl ChannelSettings {
    /// What is built in under a strategy.
    pub fn of(strategy: StrategyName) -> Self {
        Self {
            // Nothing is written until the operator asks for it.
            mode: Mode::Observe,
            observe_only: false,
            strategy,
            level: LevelChoice::Market,
            // LND's default of 1 ppm is a price that nobody set: a channel that
            // climbed from there by steps would sell out on the way.
            initial: LevelChoice::Market,
            // As much to sell as room to be refilled.
            target_ratio: 0.5,
            // Moves are shares of the fee: from 0 there would be no way up.
            min: FeePpm(1),
            // In training 2,500 ppm held back raises on scarce stock and on
            // unannounced channels, and with them 1 % of the fees.
            max: FeePpm(5_000),
            cost: Cost::default(),
            cost_floor: FeePpm(0),
            // A base fee makes small payments dear and cheapest routes hard to
            // find; 45 % of the public graph has none.
            base_fee: BaseFee::Set(0),
            // It tells the network something of a balance: the operator has to ask
            // for it.
            max_htlc: MaxHtlc::Off,
            // Below the typical forward of 100,000 sat: whether a channel is nearly or
            // quite empty helps few senders and is nobody else's business.
            max_htlc_min_sat: 65_536,
            gains: gains(),
            pace: pace(strategy),
            protect: protect(),
            prune: prune(),
            keep: false,
            kept_small: false,
            chain_is_cheap: false,
            inbound_discount: true,
            // A discount whatever the need costs income: the operator has to ask
            // for it.
            inbound_rate: InboundRate::Auto,
            paused: None,
            name_unknown: false,
            explicit: false,
        }
    }
}

/// Gains of the strategy `classic`, for each slow interval of an hour.
fn gains() -> Gains {
    Gains {
        // A channel all on one side moves by a quarter in a day (1.01^24).
        balance: 0.01,
        // Twice the usual demand moves the fee by as much in half a day.
        throughput: 0.02,
        // The dispersion of typical forwards: they come in bursts (a Fano factor of
        // 2.3 on a real node) and differ in amount (4.2 times the variance of equal
        // ones). So 10 of them tell what one independent forward would.
        evidence_forwards: 10.0,
        // A balance is known without any forward; what it is worth is not.
        balance_undamped_share: 0.5,
    }
}

fn pace(strategy: StrategyName) -> Pace {
    let (deadband, max_raise, max_cut) = match strategy {
        // This strategy aims at a price and goes there in few large steps that
        // undo each other (1.5 · 0.67). How closely it is followed hardly matters: in
        // training a deadband of 5 to 20 % earned the same within a percent, 27 %
        // 1.4 % less, and 15 % takes a quarter fewer updates than 10 %.
        StrategyName::Sweetspot => (0.15, 0.5, 0.33),
        // This one adds up many small moves. Stock that was sold cheaply is
        // gone, so cuts are smaller than raises.
        StrategyName::Classic => (0.04, 0.25, 0.15),
    };
    Pace {
        max_raise,
        max_cut,
        // Twice the deadband in ppm: a low fee can always cross it.
        step_floor_ppm: 10,
        // Half a satoshi on a forward of 100,000: no update is worth less.
        deadband_ppm: 5,
        deadband,
        // LND gives no grace to senders that still know the old fee: after a
        // raise their payments fail until gossip has reached them.
        cooldown_raise: HOUR * 6,
        // In training cutting later than raising took fewer updates at the
        // same income.
        cooldown_cut: HOUR * 12,
        // What the cooldown of raises leaves room for.
        max_updates_per_day: 4,
        // Whoever sets a fee by hand wants to see what it does.
        foreign_hands_off: HOUR * 48,
    }
}

fn protect() -> Protect {
    Protect {
        // At this speed a balanced channel is empty in two and a half hours,
        // long before the cooldown of raises would let its fee answer.
        drain_share: 0.2,
        window: HOUR,
        // Here a quarter of that is already half of what is left.
        low_ratio: 0.1,
        // Two of them are about one largest raise.
        raise: 0.25,
        // A whole window at the new fee, after an hour for gossip to spread.
        cooldown: HOUR * 2,
    }
}

/// Idle is not dead: of a real node's channels, 57 % of those idle for 30 days
/// forwarded again within 90, and 42 % of those idle for 60. Advice is therefore
/// slow, and a human decides.
fn prune() -> PruneRules {
    PruneRules {
        // The shortest time for which such a figure is known.
        min_history: DAY * 30,
        // Four fifths are ours, and nobody buys them.
        stuck_local_ratio: 0.8,
        // At a tenth of the public graph's median (105 ppm) it is not the price
        // that keeps buyers away.
        stuck_fee: FeePpm(10),
        // One forward in a week.
        stuck_tpm: 1.0e-4,
        stuck_for: DAY * 60,
        // Nine tenths are the peer's, and nothing comes back.
        drained_local_ratio: 0.1,
        drained_for: DAY * 60,
        // One forward in two weeks ...
        idle_tpm: 1.0 / 20_160.0,
        // ... for two such spans.
        idle_for: DAY * 28,
        // Two weeks at the lowest price, and still no reason to raise it.
        floor_for: DAY * 14,
        // No channel is small on purpose unless the operator says so.
        ignore_below_sat: 0,
        // Below half of what is usual it is the market that is quiet.
        quiet_node_share: 0.5,
    }
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            // Three calls to the node: cheap, and a quick drain is seen early.
            fast_interval: Duration::from_secs(300),
            // Far shorter than any cooldown, so deciding is never what waits.
            slow_interval: HOUR,
            // Evens out day and night, and of the weekend enough. With three days
            // against thirty demand told something on every kind of network, with
            // one against fourteen only on synthetic ones.
            tpm_window: DAY * 3,
            // A real channel has two forwards in a median month: less history
            // would be no history.
            tpm_history: DAY * 30,
            // Peers forward gossip of a channel at one update a minute in
            // bursts of ten: an update every 150 s stays far below.
            updates_per_hour: 24,
            // A quarter, so that routine never keeps a drain waiting.
            reserved_for_protection: 6,
            // Most of a node does not move at once unless a reading is wrong.
            max_moving_share: 0.5,
            // Half of a small node is soon reached by chance.
            max_moving_free: 5,
            inbound: InboundRules::default(),
            tuning: Tuning::default(),
        }
    }
}
