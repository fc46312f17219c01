//! Which channels to recommend for pruning; nothing is ever closed by us.
//!
//! Four rules, each of which must hold without a break for a time we actually
//! watched: time offline, and time in which the whole node was quiet, counts
//! for nothing. Of channels idle for 30 days, 57 % forward again within 90
//! (measured on a real routing node), so the times are long.

use std::time::Duration;

use serde::Serialize;

use crate::settings::values::{ChannelSettings, Mode, PruneRules};
use crate::state::prune::{PruneMemory, Recommendation, Rule};
use crate::types::channel::Channel;
use crate::types::time::{TimeFormat, human_span};
use crate::types::units::FeePpm;

/// What the rules look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symptoms {
    /// The local ratio.
    pub ratio: f64,
    /// Typical forwards per minute, either way, by the historical window; where they are
    /// more than any rule asks for, so many.
    pub used_tpm: f64,
    /// Our outbound rate; `None` without a policy.
    pub fee: Option<FeePpm>,
}

/// What the rules say of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "prune")]
pub enum Advice {
    /// Worth pruning.
    Prune(Recommendation),
    /// Nothing against it.
    Keep,
    /// Too little was watched to say.
    NotEnoughHistory {
        /// Watched so far.
        watched: Duration,
        /// What it takes.
        needed: Duration,
    },
    /// Kept on purpose.
    Exempt(Exemption),
}

/// Why a channel is never recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exemption {
    /// `keep = true`.
    Kept,
    /// Private channels are left alone.
    Private,
    /// Its mode is `ignore`.
    Ignored,
    /// Smaller than the channels judged.
    Small,
    /// One of the small peers that are kept.
    SmallPeer,
}

impl Advice {
    /// In words, each moment as `time` writes it.
    pub fn words(&self, time: TimeFormat<'_>) -> String {
        match self {
            Self::Prune(found) => {
                format!("prune: {}, since {}", found.rule, time(found.since))
            }
            Self::Keep => "keep".to_owned(),
            Self::NotEnoughHistory { watched, needed } => format!(
                "not enough history: watched for {} of {}",
                human_span(*watched),
                human_span(*needed)
            ),
            Self::Exempt(why) => match why {
                Exemption::Kept => "exempt: keep = true, for future use",
                Exemption::SmallPeer => "exempt: one of the small peers that keep_small keeps",
                Exemption::Private => "exempt: unannounced channel, for future use",
                Exemption::Ignored => "exempt: mode ignore",
                Exemption::Small => "exempt: smaller than prune_ignore_below_sat",
            }
            .to_owned(),
        }
    }
}

/// What the rules say of a channel now.
pub fn advice(memory: &PruneMemory, channel: &Channel, settings: &ChannelSettings) -> Advice {
    let rules = &settings.prune;
    if let Some(exemption) = exemption(channel, settings) {
        return Advice::Exempt(exemption);
    }
    if memory.watched < rules.min_history {
        return Advice::NotEnoughHistory {
            watched: memory.watched,
            needed: rules.min_history,
        };
    }
    memory
        .held
        .iter()
        .filter(|(rule, held)| held.watched >= needed(**rule, rules))
        .min_by_key(|(_, held)| held.since)
        .map_or(Advice::Keep, |(rule, held)| {
            Advice::Prune(Recommendation {
                rule: *rule,
                since: held.since,
            })
        })
}

fn exemption(channel: &Channel, settings: &ChannelSettings) -> Option<Exemption> {
    if settings.keep {
        Some(Exemption::Kept)
    } else if channel.private {
        Some(Exemption::Private)
    } else if settings.mode == Mode::Ignore {
        Some(Exemption::Ignored)
    } else if channel.capacity.0 < settings.prune.ignore_below_sat {
        Some(Exemption::Small)
    } else if settings.kept_small {
        Some(Exemption::SmallPeer)
    } else {
        None
    }
}

/// Whether a rule holds of what is seen.
pub fn holds(rule: Rule, seen: &Symptoms, settings: &ChannelSettings) -> bool {
    let rules = &settings.prune;
    let fee_at_most = |bound| seen.fee.is_some_and(|fee| fee <= bound);
    match rule {
        Rule::StuckLocal => {
            seen.ratio >= rules.stuck_local_ratio
                && seen.used_tpm < rules.stuck_tpm
                && fee_at_most(rules.stuck_fee)
        }
        Rule::StuckRemote => seen.ratio <= rules.drained_local_ratio,
        Rule::Idle => seen.used_tpm < rules.idle_tpm,
        // A pinned fee is where the operator wants it, however low. A fee held
        // up by its cost floor says nothing against a channel that sells at it.
        Rule::AtMinimum => {
            let held_up = settings.lowest() > settings.min;
            fee_at_most(settings.lowest())
                && !matches!(settings.mode, Mode::Pin(_))
                && (!held_up || seen.used_tpm < rules.stuck_tpm)
        }
    }
}

fn needed(rule: Rule, rules: &PruneRules) -> Duration {
    match rule {
        Rule::StuckLocal => rules.stuck_for,
        Rule::StuckRemote => rules.drained_for,
        Rule::Idle => rules.idle_for,
        Rule::AtMinimum => rules.floor_for,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::channel;
    use crate::types::time::Timestamp;
    use crate::types::units::Sat;

    const HOUR: Duration = Duration::from_secs(3_600);
    const HEALTHY: Symptoms = Symptoms {
        ratio: 0.5,
        used_tpm: 0.01,
        fee: Some(FeePpm(100)),
    };

    fn managed() -> ChannelSettings {
        ChannelSettings {
            mode: Mode::Manage,
            ..ChannelSettings::default()
        }
    }

    fn hour(n: u32) -> Timestamp {
        Timestamp::EPOCH.plus(HOUR * n)
    }

    /// What is advised after `days` of `seen`, watched hourly.
    fn after(days: u32, seen: Symptoms) -> Advice {
        advice(&watched(days, seen), &channel(1), &managed())
    }

    fn watched(days: u32, seen: Symptoms) -> PruneMemory {
        let mut memory = PruneMemory::default();
        for n in 0..=days * 24 {
            watch(
                &mut memory,
                n,
                if n == 0 { Duration::ZERO } else { HOUR },
                &seen,
                false,
            );
        }
        memory
    }

    fn watch(memory: &mut PruneMemory, n: u32, span: Duration, seen: &Symptoms, quiet: bool) {
        memory.watch(hour(n), span, quiet, false, |rule| {
            holds(rule, seen, &managed())
        });
    }

    fn pruned(rule: Rule) -> Advice {
        Advice::Prune(Recommendation {
            rule,
            since: hour(0),
        })
    }

    #[test]
    fn each_rule_takes_its_time() {
        let stuck = Symptoms {
            ratio: 0.9,
            used_tpm: 8e-5,
            fee: Some(FeePpm(8)),
        };
        assert_eq!(after(59, stuck), Advice::Keep);
        assert_eq!(after(60, stuck), pruned(Rule::StuckLocal));
        let drained = Symptoms {
            ratio: 0.05,
            ..HEALTHY
        };
        assert_eq!(after(59, drained), Advice::Keep);
        assert_eq!(after(60, drained), pruned(Rule::StuckRemote));
        let idle = Symptoms {
            used_tpm: 4e-5,
            ..HEALTHY
        };
        assert_eq!(after(30, idle), pruned(Rule::Idle));
        let floored = Symptoms {
            fee: Some(FeePpm(1)),
            ..HEALTHY
        };
        assert_eq!(after(30, floored), pruned(Rule::AtMinimum));
        assert_eq!(after(90, HEALTHY), Advice::Keep);
    }

    #[test]
    fn a_fresh_database_says_not_enough_history() {
        let dead = Symptoms {
            ratio: 0.0,
            used_tpm: 0.0,
            fee: Some(FeePpm(1)),
        };
        assert!(matches!(after(29, dead), Advice::NotEnoughHistory { .. }));
        assert!(matches!(
            advice(&PruneMemory::default(), &channel(1), &managed()),
            Advice::NotEnoughHistory { .. }
        ));
    }

    #[test]
    fn one_good_moment_starts_the_clock_again() {
        let idle = Symptoms {
            used_tpm: 4e-5,
            ..HEALTHY
        };
        let mut memory = watched(40, idle);
        watch(&mut memory, 961, HOUR, &HEALTHY, false);
        watch(&mut memory, 962, HOUR, &idle, false);
        assert_eq!(advice(&memory, &channel(1), &managed()), Advice::Keep);
    }

    #[test]
    fn while_the_chain_is_cheap_idleness_counts_half_and_a_drained_channel_whole() {
        let dead = Symptoms {
            ratio: 0.0,
            used_tpm: 0.0,
            fee: Some(FeePpm(100)),
        };
        let mut memory = PruneMemory::default();
        for n in 0..=24 * 40 {
            let span = if n == 0 { Duration::ZERO } else { HOUR };
            memory.watch(hour(n), span, false, true, |rule| {
                holds(rule, &dead, &managed())
            });
        }
        let days = |rule| memory.held[&rule].watched.as_secs() / 86_400;
        assert_eq!((days(Rule::Idle), days(Rule::StuckRemote)), (20, 40));
        assert_eq!(advice(&memory, &channel(1), &managed()), Advice::Keep);
    }

    #[test]
    fn a_quiet_node_proves_nothing_against_its_channels() {
        let idle = Symptoms {
            used_tpm: 0.0,
            ..HEALTHY
        };
        let mut memory = watched(30, HEALTHY);
        for n in 0..24 * 100 {
            watch(&mut memory, n, HOUR, &idle, true);
        }
        assert_eq!(advice(&memory, &channel(1), &managed()), Advice::Keep);
    }

    #[test]
    fn channels_kept_on_purpose_are_never_recommended() {
        let memory = watched(
            90,
            Symptoms {
                ratio: 0.0,
                used_tpm: 0.0,
                fee: Some(FeePpm(1)),
            },
        );
        let judged =
            |channel: &Channel, settings: &ChannelSettings| advice(&memory, channel, settings);
        let private = Channel {
            private: true,
            ..channel(1)
        };
        assert_eq!(
            judged(&private, &managed()),
            Advice::Exempt(Exemption::Private)
        );
        let kept = ChannelSettings {
            keep: true,
            ..managed()
        };
        assert_eq!(judged(&channel(1), &kept), Advice::Exempt(Exemption::Kept));
        let small = ChannelSettings {
            prune: PruneRules {
                ignore_below_sat: 2_000_000,
                ..managed().prune
            },
            ..managed()
        };
        assert_eq!(
            judged(&channel(1), &small),
            Advice::Exempt(Exemption::Small)
        );
        let large = Channel {
            capacity: Sat(2_000_000),
            ..channel(1)
        };
        assert!(matches!(judged(&large, &small), Advice::Prune(_)));
    }

    #[test]
    fn at_its_cost_floor_only_a_channel_that_does_not_sell_is_dead() {
        let costly = ChannelSettings {
            cost_floor: FeePpm(400),
            ..managed()
        };
        let at = |fee, used_tpm| Symptoms {
            fee: Some(FeePpm(fee)),
            used_tpm,
            ..HEALTHY
        };
        assert!(holds(Rule::AtMinimum, &at(400, 9e-5), &costly));
        assert!(!holds(Rule::AtMinimum, &at(400, 2e-4), &costly));
        assert!(!holds(Rule::AtMinimum, &at(401, 9e-5), &costly));
        assert!(holds(Rule::AtMinimum, &at(1, 2e-4), &managed()));
    }

    #[test]
    fn a_pinned_minimum_is_no_sign_of_death() {
        let pinned = ChannelSettings {
            mode: Mode::Pin(FeePpm(1)),
            ..managed()
        };
        let floored = Symptoms {
            fee: Some(FeePpm(1)),
            ..HEALTHY
        };
        assert!(!holds(Rule::AtMinimum, &floored, &pinned));
    }
}
