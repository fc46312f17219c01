//! A decision in a few words, for tables; and its reason as a code, for programs.

use super::{Decision, Hold, Verdict};
use crate::types::time::{Timestamp, human_span};

impl Hold {
    /// The reason as a code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::NodeNotReady => "node_not_ready",
            Self::PeerOffline => "peer_offline",
            Self::NoPolicy => "no_policy",
            Self::Disabled => "disabled",
            Self::NameUnknown => "name_unknown",
            Self::PolicyUnread => "policy_unread",
            Self::HistoryUnread => "history_unread",
            Self::ClockSet { .. } => "clock_set",
            Self::Foreign { .. } => "external_change",
            Self::WriteUnresolved { .. } => "update_unconfirmed",
            Self::AtRest => "at_target",
            Self::Deadband { .. } => "deadband",
            Self::Cooldown { .. } => "cooldown",
            Self::DailyLimit { .. } => "daily_limit",
            Self::Budget { .. } => "budget",
            Self::Paused { .. } => "paused",
            Self::Paced { .. } => "paced",
            Self::MassMove { .. } => "safety_stop",
        }
    }

    /// The reason in a few words, as of `now`.
    pub fn brief(self, now: Timestamp) -> String {
        let left = |until: Timestamp| {
            let span = human_span(until.since(now));
            span.split(' ').next().unwrap_or_default().to_owned()
        };
        match self {
            Self::Ignored => "ignored".to_owned(),
            Self::NodeNotReady => "node not synced".to_owned(),
            Self::PeerOffline => "peer offline".to_owned(),
            Self::NoPolicy => "no policy".to_owned(),
            Self::Disabled => "disabled".to_owned(),
            Self::NameUnknown => "alias unknown".to_owned(),
            Self::PolicyUnread => "policy unread".to_owned(),
            Self::HistoryUnread => "history unread".to_owned(),
            Self::ClockSet { until } => format!("clock set, {}", left(until)),
            Self::Foreign { until } => format!("set by hand, {}", left(until)),
            Self::WriteUnresolved { .. } => "unconfirmed".to_owned(),
            Self::AtRest => "at target fee".to_owned(),
            Self::Deadband { .. } => "near target fee".to_owned(),
            Self::Cooldown { until, raise: true } => format!("raise in {}", left(until)),
            Self::Cooldown { until, .. } => format!("cut in {}", left(until)),
            Self::DailyLimit { until } => format!("day's limit, {}", left(until)),
            Self::Budget { until } => format!("budget, {}", left(until)),
            Self::Paused { .. } => "paused".to_owned(),
            Self::Paced { until } => format!("its turn in {}", left(until)),
            Self::MassMove { .. } => "safety stop".to_owned(),
        }
    }
}

impl Decision {
    /// What became of it, as a code.
    pub fn code(&self) -> &'static str {
        match self.verdict {
            Verdict::Change { .. } => "change",
            Verdict::WouldChange { .. } => "would_change",
            Verdict::Hold { reason } => reason.code(),
        }
    }

    /// Whether it ended before a fee was worked out.
    pub fn is_untouched(&self) -> bool {
        matches!(
            self.verdict,
            Verdict::Hold {
                reason: Hold::Ignored
                    | Hold::NodeNotReady
                    | Hold::PeerOffline
                    | Hold::NoPolicy
                    | Hold::Disabled
                    | Hold::NameUnknown
                    | Hold::PolicyUnread
                    | Hold::HistoryUnread
                    | Hold::ClockSet { .. }
                    | Hold::Foreign { .. }
                    | Hold::Paused { .. }
                    | Hold::WriteUnresolved { .. }
            }
        )
    }

    /// What its terms ask for before any limit, in ppm.
    pub fn asked_ppm(&self) -> f64 {
        self.wanted_before_ppm * (1.0 + self.terms.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_says_for_how_long_in_one_unit() {
        let now = Timestamp::from_secs(1_000_000);
        let in_hours = |hours: u64| now.plus(std::time::Duration::from_secs(hours * 3_600 + 120));
        let said = |hold: Hold| hold.brief(now);
        let (until, raise) = (in_hours(3), true);
        assert_eq!(said(Hold::Cooldown { until, raise }), "raise in 3h");
        let until = in_hours(30);
        assert_eq!(said(Hold::Foreign { until }), "set by hand, 1d");
    }
}
