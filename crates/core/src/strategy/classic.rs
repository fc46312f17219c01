//! The classic law: the founding rules, taken literally.
//!
//! Local balance above target lowers the fee, remote balance above target
//! raises it; tpm below the channel's own history lowers it, above raises it.
//! Both signals are relative and add up, so opposite ones cancel. Few forwards
//! are weak evidence and dampen both: the throughput signal wholly, the balance
//! signal in part (a balance is a fact, but moving a fee that hardly anyone
//! sees tells nothing).

use std::collections::BTreeMap;

use super::ask::{Ask, Move};
use super::{FeeStrategy, Market};
use crate::decision::{Evidence, Limit, Terms};
use crate::settings::values::{Gains, StrategyName};
use crate::signals::stock::stocked;
use crate::types::channel::{Channel, ChannelPoint};

/// With less of the current window in stock its rate is no rate yet: a fifth of a
/// day in the shortest window that makes sense.
const LEAST_STOCKED_SHARE: f64 = 0.1;

/// The strategy, by name `classic`.
#[derive(Clone, Copy, Debug)]
pub struct Classic;

impl FeeStrategy for Classic {
    fn asks(&self, market: &Market<'_>) -> BTreeMap<ChannelPoint, Ask> {
        let settings = market.settings;
        let ours = |point| {
            let settings = settings.get(point);
            settings.is_some_and(|settings| settings.strategy == StrategyName::Classic)
        };
        let channels = market.due_channels().filter(|(point, _)| ours(point));
        channels
            .filter_map(|(point, channel)| Some((*point, ask(market, channel)?)))
            .collect()
    }
}

/// What the rules ask for this channel, whether it is theirs or not; `None` for
/// one that is not known yet.
pub fn ask(market: &Market<'_>, channel: &Channel) -> Option<Ask> {
    let settings = market.settings.get(&channel.point)?;
    let memory = market.memory.channels.get(&channel.point)?;
    let demand = memory.meter.demand_by(market.fading);
    let evidence = Evidence {
        ratio: channel.local_ratio(),
        target_ratio: settings.target_ratio,
        tpm: demand.current.tpm(),
        tpm_history: demand.history.tpm(),
        forwards: demand.history.forwards,
        stocked_share: demand.current.stocked_share(),
    };
    let (terms, limit) = terms(&evidence, stocked(channel), &settings.gains);
    Some(Ask::Move(Move {
        evidence,
        terms,
        limit,
        adds_up: settings.strategy == StrategyName::Classic,
    }))
}

/// The relative moves the rules ask for in one slow interval, and what was
/// left out of account.
pub fn terms(seen: &Evidence, stocked_now: bool, gains: &Gains) -> (Terms, Option<Limit>) {
    let dampening = dampening(seen.forwards, gains.evidence_forwards);
    let literal = relative_deviation(seen.tpm, seen.tpm_history);
    let fair = demand_deviation(literal, seen, stocked_now);
    let undamped = gains.balance_undamped_share;
    let terms = Terms {
        balance: gains.balance
            * balance_deviation(seen.ratio, seen.target_ratio)
            * (undamped + (1.0 - undamped) * dampening),
        throughput: gains.throughput * fair * dampening,
        level: 0.0,
        protection: 0.0,
        dampening,
    };
    (terms, (fair > literal).then_some(Limit::Depleted))
}

/// How far the balance is from its target, as a share of the way to that end:
/// 1 when everything is remote, -1 when everything is local, 0 on target.
fn balance_deviation(ratio: f64, target: f64) -> f64 {
    let deviation = if ratio < target {
        (target - ratio) / target
    } else if ratio > target {
        (target - ratio) / (1.0 - target)
    } else {
        0.0
    };
    deviation.clamp(-1.0, 1.0)
}

/// How far `now` is from `history`, relative to it, within ±1; without a
/// history there is nothing to compare with.
fn relative_deviation(now: f64, history: f64) -> f64 {
    if history <= 0.0 {
        return 0.0;
    }
    (now / history - 1.0).clamp(-1.0, 1.0)
}

/// The deviation of tpm that says something about demand. Both rates are per minute
/// with stock; a channel without any cannot forward, and while it has none, or had
/// hardly any of late, low tpm tells nothing.
fn demand_deviation(literal: f64, seen: &Evidence, stocked_now: bool) -> f64 {
    if stocked_now && seen.stocked_share >= LEAST_STOCKED_SHARE {
        literal
    } else {
        literal.max(0.0)
    }
}

/// How far to trust `forwards` events: `n / (n + k)`. A `k` of 0 switches
/// dampening off.
fn dampening(forwards: f64, half_trusted_at: f64) -> f64 {
    if half_trusted_at <= 0.0 {
        return 1.0;
    }
    forwards / (forwards + half_trusted_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ingest;
    use crate::settings::values::{ChannelSettings, NodeSettings};
    use crate::signals::fading::FadingWindows;
    use crate::state::memory::Memory;
    use crate::testing::channel;
    use crate::types::observation::Observation;
    use crate::types::time::Timestamp;
    use crate::types::units::BlockHeight;

    const LITERAL: Gains = Gains {
        balance: 1.0,
        throughput: 1.0,
        evidence_forwards: 0.0,
        balance_undamped_share: 1.0,
    };

    fn on_target() -> Evidence {
        Evidence {
            ratio: 0.5,
            target_ratio: 0.5,
            tpm: 0.001,
            tpm_history: 0.001,
            forwards: 20.0,
            stocked_share: 1.0,
        }
    }

    fn asked(seen: Evidence) -> Terms {
        terms(&seen, true, &LITERAL).0
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn it_decides_the_due_channels_that_are_its_own() {
        let at = Timestamp::from_secs(1_700_000_000);
        let channels = [1, 2, 3].map(channel);
        let points = channels.clone().map(|channel| channel.point);
        let seen = Observation {
            at,
            channels: channels.into_iter().map(|c| (c.point, c)).collect(),
            graph_visit: None,
            tip: BlockHeight(900_000),
        };
        let of = |strategy| ChannelSettings {
            strategy,
            ..ChannelSettings::default()
        };
        let strategies = [
            StrategyName::Classic,
            StrategyName::Sweetspot,
            StrategyName::Classic,
        ];
        let settings = points.into_iter().zip(strategies.map(of)).collect();
        let mut memory = Memory::default();
        ingest::newcomers(&mut memory, &seen, at);
        let node = NodeSettings::default();
        let asks = Classic.asks(&Market {
            fading: &FadingWindows::of(at, node.windows()),
            due: &points[..2].iter().copied().collect(),
            memory: &memory,
            seen: &seen,
            settings: &settings,
            node: &node,
        });
        assert_eq!(asks.keys().collect::<Vec<_>>(), [&points[0]]);
    }

    #[test]
    fn the_signs_follow_the_rules() {
        assert!(
            asked(Evidence {
                ratio: 0.6,
                ..on_target()
            })
            .balance
                < 0.0
        );
        assert!(
            asked(Evidence {
                ratio: 0.4,
                ..on_target()
            })
            .balance
                > 0.0
        );
        assert!(
            asked(Evidence {
                tpm: 0.0009,
                ..on_target()
            })
            .throughput
                < 0.0
        );
        assert!(
            asked(Evidence {
                tpm: 0.0011,
                ..on_target()
            })
            .throughput
                > 0.0
        );
        assert_eq!(asked(on_target()).sum(), 0.0);
    }

    #[test]
    fn opposite_signals_cancel_and_others_add_up() {
        let busier_but_local = Evidence {
            ratio: 0.55,
            tpm: 0.0011,
            ..on_target()
        };
        assert!(close(asked(busier_but_local).sum(), 0.0));
        let busier_and_slightly_local = Evidence {
            ratio: 0.525,
            tpm: 0.0011,
            ..on_target()
        };
        assert!(close(asked(busier_and_slightly_local).sum(), 0.05));
    }

    #[test]
    fn the_balance_signal_is_full_at_either_end_of_any_target() {
        for target in [0.0, 0.2, 0.5, 0.9, 1.0] {
            assert!(balance_deviation(0.0, target) == f64::from(u8::from(target > 0.0)));
            assert!(balance_deviation(1.0, target) == -f64::from(u8::from(target < 1.0)));
        }
    }

    #[test]
    fn little_activity_dampens_every_move() {
        let gains = ChannelSettings::default().gains;
        let few = Evidence {
            ratio: 0.2,
            tpm: 0.002,
            forwards: 1.0,
            ..on_target()
        };
        let many = Evidence {
            forwards: 500.0,
            ..few
        };
        let (weak, strong) = (terms(&few, true, &gains).0, terms(&many, true, &gains).0);
        assert!(weak.throughput < 0.1 * strong.throughput);
        assert!(weak.balance < 0.6 * strong.balance && weak.balance > 0.5 * strong.balance);
    }

    #[test]
    fn low_tpm_of_an_empty_channel_is_not_low_demand() {
        let idle = Evidence {
            tpm: 0.0,
            ..on_target()
        };
        let (asked, limit) = terms(&idle, false, &LITERAL);
        assert_eq!((asked.throughput, limit), (0.0, Some(Limit::Depleted)));

        let hardly_stocked = Evidence {
            stocked_share: 0.05,
            ..idle
        };
        let (asked, limit) = terms(&hardly_stocked, true, &LITERAL);
        assert_eq!((asked.throughput, limit), (0.0, Some(Limit::Depleted)));

        // Rates are per minute with stock: they compare whatever the share of it.
        let slow_all_the_same = Evidence {
            tpm: 0.0008,
            stocked_share: 0.5,
            ..on_target()
        };
        let (asked, limit) = terms(&slow_all_the_same, true, &LITERAL);
        assert!(close(asked.throughput, -0.2) && limit.is_none());
    }

    #[test]
    fn an_empty_channel_still_counts_high_tpm() {
        let busy = Evidence {
            tpm: 0.0012,
            stocked_share: 0.1,
            ..on_target()
        };
        assert!(close(terms(&busy, false, &LITERAL).0.throughput, 0.2));
    }

    #[test]
    fn no_history_asks_for_nothing() {
        let fresh = Evidence {
            tpm: 0.5,
            tpm_history: 0.0,
            ..on_target()
        };
        assert_eq!(asked(fresh).throughput, 0.0);
    }

    #[test]
    fn a_balance_deviates_by_its_share_of_the_way_to_the_end_where_it_leans() {
        for (ratio, target, deviates) in [
            (0.5, 0.5, 0.0),
            (0.25, 0.5, 0.5),
            (0.0, 0.5, 1.0),
            (0.75, 0.5, -0.5),
            (1.0, 0.5, -1.0),
            (0.375, 0.75, 0.5),
            (0.875, 0.75, -0.5),
            (0.5, 0.0, -0.5),
            (0.5, 1.0, 0.5),
        ] {
            assert_eq!(
                balance_deviation(ratio, target),
                deviates,
                "{ratio} of {target}"
            );
        }
    }
}
