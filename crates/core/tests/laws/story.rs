//! What is drawn: the channels, what the operator wants of them, and turn by
//! turn what happens.

use std::f64::consts::FRAC_PI_2;
use std::time::Duration;

use proptest::prelude::*;
use sweetspot_core::settings::inbound::InboundRules;
use sweetspot_core::settings::values::{
    BaseFee, ChannelSettings, Gains, LevelChoice, Mode, NodeSettings, Pace, Protect, StrategyName,
};
use sweetspot_core::types::channel::InboundFee;
use sweetspot_core::types::units::FeePpm;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// One node's story.
#[derive(Clone, Debug)]
pub struct Story {
    pub node: NodeSettings,
    pub channels: Vec<Drawn>,
    pub turns: Vec<Turn>,
}

/// A channel at the beginning.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub peer: u8,
    pub private: bool,
    pub capacity_sat: u64,
    pub local_share: f64,
    pub start_ppm: u32,
    pub settings: ChannelSettings,
}

/// What happens until the node is read again, and what comes of the changes
/// decided then. Channels are named by number, of as many as there are.
#[derive(Clone, Debug)]
pub struct Turn {
    pub minutes: u32,
    pub sales: Vec<Sale>,
    /// A channel's balance moved by something else than forwards.
    pub shift: Option<(usize, f64)>,
    /// A channel's fees set by the operator; the inbound one not always.
    pub by_hand: Option<(usize, u32, Option<InboundFee>)>,
    /// A channel's peer goes, or comes back.
    pub flap: Option<usize>,
    pub ready: bool,
    pub look_again: bool,
    pub fates: [Fate; 3],
}

/// A forward that somebody tries.
#[derive(Clone, Copy, Debug)]
pub struct Sale {
    pub came_by: usize,
    pub left_by: usize,
    /// Of the channel's capacity.
    pub share: f64,
}

/// What comes of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Confirmed,
    Refused,
    NotSent,
    NotSeen,
    /// The node does it, but its answer is lost.
    AnswerLost,
    /// The node never hears of it, and we do not know.
    RequestLost,
    /// The node does it after a while.
    DoneLate,
    /// We die before we hear of it; the node does it.
    DiedAfter,
    /// We die before it is sent.
    DiedBefore,
}

pub fn fate() -> impl Strategy<Value = Fate> {
    use Fate::*;
    prop_oneof![
        16 => Just(Confirmed),
        8 => prop::sample::select(vec![
            Refused, NotSent, NotSeen, AnswerLost, RequestLost, DoneLate, DiedAfter, DiedBefore,
        ]),
    ]
}

/// A share as balances are found: mostly near one end, density
/// `1 / (π √(x (1 − x)))`, and sometimes at it.
pub fn skewed() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0.0..=1.0_f64).prop_map(|u| (FRAC_PI_2 * u).sin().powi(2)),
        1 => Just(0.0),
        1 => Just(1.0),
    ]
}

fn inbound_fee() -> impl Strategy<Value = InboundFee> {
    let base = prop_oneof![4 => Just(0), 1 => -2_000..2_000_i32];
    (base, -2_000..200_i32).prop_map(|(base_fee_msat, rate_ppm)| InboundFee {
        base_fee_msat,
        rate_ppm,
    })
}

fn sale() -> impl Strategy<Value = Sale> {
    // Amounts spread over three orders of magnitude, up to a twentieth.
    (0..8_usize, 0..8_usize, -7.0..0.0_f64).prop_map(|(came_by, left_by, ln)| Sale {
        came_by,
        left_by,
        share: 0.05 * ln.exp(),
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let minutes = prop_oneof![
        6 => Just(5_u32),
        20 => 6..=120_u32,
        // The daemon was down.
        1 => 121..4_000_u32,
    ];
    let by_hand = (0..8_usize, 0..3_000_u32, prop::option::of(inbound_fee()));
    (
        minutes,
        prop::collection::vec(sale(), 0..5),
        prop::option::weighted(0.1, (0..8_usize, skewed())),
        prop::option::weighted(0.01, by_hand),
        prop::option::weighted(0.03, 0..8_usize),
        (prop::bool::weighted(0.97), prop::bool::weighted(0.01)),
        [fate(), fate(), fate()],
    )
        .prop_map(
            |(minutes, sales, shift, by_hand, flap, (ready, look_again), fates)| Turn {
                minutes,
                sales,
                shift,
                by_hand,
                flap,
                ready,
                look_again,
                fates,
            },
        )
}

fn inbound_rules() -> impl Strategy<Value = InboundRules> {
    (
        prop_oneof![0.0..=1.0_f64, Just(1.0)],
        0..2_000_u32,
        0.0..0.5_f64,
        (1..100_u32, 0..100_u32),
    )
        .prop_map(
            |(share, most, dead_zone, (cooldown, expires))| InboundRules {
                discount: true,
                share,
                cheapest_ignored: 0.0,
                max_discount: FeePpm(most),
                dead_zone,
                cooldown: HOUR * cooldown,
                expires_after: HOUR * expires,
            },
        )
}

fn node() -> impl Strategy<Value = NodeSettings> {
    (
        inbound_rules(),
        prop_oneof![Just(NodeSettings::default().updates_per_hour), 1..6_u32],
        0.0..0.5_f64,
        (0.3..=1.0_f64, 1..=3_u32),
    )
        .prop_map(
            |(inbound, updates_per_hour, reserved, (share, free))| NodeSettings {
                inbound,
                updates_per_hour,
                reserved_for_protection: FeePpm(updates_per_hour).share(reserved).0,
                max_moving_share: share,
                max_moving_free: free,
                ..NodeSettings::default()
            },
        )
}

fn pace() -> impl Strategy<Value = Pace> {
    (
        (0.0..1.0_f64, 0.0..1.0_f64, 0..50_u32),
        (0..50_u32, 0.0..0.5_f64),
        (0..24_u32, 0..24_u32, 1..10_u32),
        1..72_u32,
    )
        .prop_map(|(step, deadband, waits, hands_off)| Pace {
            max_raise: step.0,
            max_cut: step.1,
            step_floor_ppm: step.2,
            deadband_ppm: deadband.0,
            deadband: deadband.1,
            cooldown_raise: HOUR * waits.0,
            cooldown_cut: HOUR * waits.1,
            max_updates_per_day: waits.2,
            foreign_hands_off: HOUR * hands_off,
        })
}

fn gains() -> impl Strategy<Value = Gains> {
    (0.0..2.0_f64, 0.0..2.0_f64, 0.0..50.0_f64, 0.0..=1.0_f64).prop_map(
        |(balance, throughput, evidence_forwards, balance_undamped_share)| Gains {
            balance,
            throughput,
            evidence_forwards,
            balance_undamped_share,
        },
    )
}

fn protect() -> impl Strategy<Value = Protect> {
    (
        0.02..0.5_f64,
        10..=120_u32,
        0.0..0.5_f64,
        0.05..1.0_f64,
        10..=240_u32,
    )
        .prop_map(
            |(drain_share, window, low_ratio, raise, cooldown)| Protect {
                drain_share,
                window: MINUTE * window,
                low_ratio,
                raise,
                cooldown: MINUTE * cooldown,
            },
        )
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        14 => Just(Mode::Manage),
        2 => Just(Mode::Observe),
        2 => (0..3_000_u32).prop_map(|ppm| Mode::Pin(FeePpm(ppm))),
        1 => Just(Mode::Ignore),
    ]
}

/// Bounds as an operator would set them, or any.
fn bounds() -> impl Strategy<Value = (FeePpm, FeePpm)> {
    prop_oneof![
        Just((FeePpm(1), FeePpm(5_000))),
        (0..3_000_u32, 0..3_000_u32).prop_map(|(a, b)| (FeePpm(a.min(b)), FeePpm(a.max(b)))),
    ]
}

pub fn settings() -> impl Strategy<Value = ChannelSettings> {
    let level = prop_oneof![
        4 => Just(LevelChoice::Market),
        1 => (1..3_000_u32).prop_map(|ppm| LevelChoice::Fixed(FeePpm(ppm))),
    ];
    let half = 0.5;
    (
        (
            mode(),
            prop::sample::select(StrategyName::ALL.to_vec()),
            level,
        ),
        prop_oneof![Just(0.5), 0.0..=1.0_f64],
        (bounds(), prop::option::weighted(0.3, 0..2_000_u32)),
        prop_oneof![
            Just(BaseFee::Set(0)),
            Just(BaseFee::Set(1_000)),
            Just(BaseFee::Keep)
        ],
        (
            prop::option::weighted(half, gains()),
            prop::option::weighted(half, pace()),
            prop::option::weighted(half, protect()),
        ),
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(
                (mode, strategy, level),
                target_ratio,
                ((min, max), cost),
                base_fee,
                drawn,
                inbound,
            )| {
                let built_in = ChannelSettings::of(strategy);
                ChannelSettings {
                    mode,
                    level,
                    target_ratio,
                    min,
                    max,
                    cost_floor: FeePpm(cost.unwrap_or(0)),
                    base_fee,
                    gains: drawn.0.unwrap_or(built_in.gains),
                    pace: drawn.1.unwrap_or(built_in.pace),
                    protect: drawn.2.unwrap_or(built_in.protect),
                    inbound_discount: inbound,
                    ..built_in
                }
            },
        )
}

fn channels() -> impl Strategy<Value = Vec<Drawn>> {
    let drawn = (
        // Of five peers, so that of eight channels some are parallel.
        0..5_u8,
        prop::bool::weighted(0.25),
        prop::sample::select(vec![1_000_000_u64, 5_000_000, 20_000_000]),
        skewed(),
        prop_oneof![3 => 0..3_000_u32, 1 => Just(600_u32), 1 => Just(2_500_u32)],
        prop::bool::weighted(0.7),
    );
    // Two ways to be set for all, so that parallel channels often share one.
    (
        prop::collection::vec(drawn, 4..=8),
        (settings(), settings()),
    )
        .prop_map(|(drawn, settings)| {
            drawn
                .into_iter()
                .map(
                    |(peer, private, capacity_sat, local_share, start_ppm, first)| Drawn {
                        peer,
                        private,
                        capacity_sat,
                        local_share,
                        start_ppm,
                        settings: if first { settings.0 } else { settings.1 },
                    },
                )
                .collect()
        })
}

/// Any story: of hours, or of up to three weeks.
pub fn story() -> impl Strategy<Value = Story> {
    let turns = prop::collection::vec(turn(), 20..400);
    (node(), channels(), turns).prop_map(|(node, channels, turns)| Story {
        node,
        channels,
        turns,
    })
}
