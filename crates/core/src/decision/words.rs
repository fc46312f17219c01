//! What a decision says to people: one wording for the log, `status`,
//! `explain` and `backtest`.

use super::{Decision, Hold, Limit, Verdict};
use crate::types::channel::FeeParts;
use crate::types::fee_change::MaxHtlcChange;
use crate::types::format::{change, demand, grouped};
use crate::types::time::{TimeFormat, rfc3339};
use crate::types::units::FeePpm;
use crate::types::units::LEAST_PPM;

/// What a fee is made of: `level · e^balance · e^throughput`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// The price level, in ppm.
    pub level_ppm: f64,
    /// The exponent by the balance.
    pub balance: f64,
    /// The exponent by throughput.
    pub throughput: f64,
}

impl Limit {
    /// What limited the fee, `current` being the outbound rate before.
    pub fn words(self, current: Option<FeePpm>) -> String {
        match self {
            Self::Minimum { ppm } => format!("limited to {ppm} (min_ppm)"),
            Self::CostFloor { ppm } => format!("limited to {ppm} (cost floor)"),
            Self::Maximum { ppm } => format!("limited to {ppm} (max_ppm)"),
            Self::Step { ppm } => format!("limited to {ppm} ({})", step(current, ppm)),
            Self::NewChannel { ppm } => {
                format!("new channel with LND's default fee: starts at {ppm} (initial_ppm)")
            }
            Self::Pinned { ppm } => format!("pinned to {ppm} (pin_ppm)"),
            Self::Depleted => "low demand ignored: the channel had nothing to send".to_owned(),
        }
    }
}

/// A step as a share of the fee it starts from, and which one it is.
fn step(current: Option<FeePpm>, to: FeePpm) -> String {
    let from = current.unwrap_or_default();
    let kind = if to < from { "cut" } else { "raise" };
    if from.0 == 0 {
        return format!("largest {kind} per update");
    }
    let share = to.as_f64() / from.as_f64() - 1.0;
    format!("{}, largest {kind} per update", change(share))
}

impl Hold {
    /// Why nothing was changed, `current` being the outbound rate, and each
    /// moment as `time` writes it.
    pub fn words(self, current: Option<FeePpm>, time: TimeFormat<'_>) -> String {
        match self {
            Self::Ignored => "mode ignore".to_owned(),
            Self::NodeNotReady => "the node is not synced to the chain".to_owned(),
            Self::PeerOffline => "the peer is offline".to_owned(),
            Self::NoPolicy => "the node has no policy for this channel".to_owned(),
            Self::Disabled => {
                "the channel is disabled on the node (lncli updatechanstatus)".to_owned()
            }
            Self::NameUnknown => {
                "the peer's alias is unknown, and a rule that matches by alias may \
                                  be about it: match the peer by its key"
                    .to_owned()
            }
            Self::PolicyUnread => "the channel's policy could not be read".to_owned(),
            Self::HistoryUnread => {
                "the forwarding history could not be read (ForwardingHistory failed)".to_owned()
            }
            Self::Foreign { until } => {
                format!("external fee change: hands off until {}", time(until))
            }
            Self::ClockSet { until } => format!(
                "the machine's clock was set: no fee updates until {}",
                time(until)
            ),
            Self::WriteUnresolved { until } => {
                format!("unconfirmed fee update: waiting until {}", time(until))
            }
            Self::AtRest => "at target fee".to_owned(),
            Self::Deadband { wanted, needed_ppm } => format!(
                "{} -> {wanted} is less than the smallest change ({} ppm)",
                grouped(current.unwrap_or_default().0.into()),
                grouped(needed_ppm.into())
            ),
            Self::Cooldown { until, raise } => {
                let kind = if raise { "raise" } else { "cut" };
                format!("cooldown: next {kind} possible at {}", time(until))
            }
            Self::DailyLimit { until } => {
                format!("daily update limit reached: next update at {}", time(until))
            }
            Self::Budget { until } => format!(
                "the node's hourly update budget is used up: next update at {}",
                time(until)
            ),
            Self::Paused { until: None } => "paused (sweetspot resume ends it)".to_owned(),
            Self::Paused { until: Some(until) } => format!("paused until {}", time(until)),
            Self::Paced { until } => format!(
                "first look: changes are spread over the hour; its turn is at {}",
                time(until)
            ),
            Self::MassMove { moving, channels } => format!(
                "safety stop: {moving} of {channels} channels would change at once \
                 (max_moving_share); no fee was changed"
            ),
        }
    }
}

impl Decision {
    /// The outbound rate on the node when this was decided.
    fn current_ppm(&self) -> Option<FeePpm> {
        self.current.map(|fees| fees.outbound)
    }

    /// What became of it, in one phrase: `no change: the peer is offline`.
    pub fn outcome(&self, time: TimeFormat<'_>) -> String {
        match self.verdict {
            Verdict::Change { to } => self.change_in_words(to),
            Verdict::WouldChange { to } => {
                format!("would {} (observe mode)", self.change_in_words(to))
            }
            Verdict::Hold { reason } => {
                format!("no change: {}", reason.words(self.current_ppm(), time))
            }
        }
    }

    /// `change to 600 ppm, max HTLC 524,288 sat`.
    fn change_in_words(&self, to: FeeParts) -> String {
        let told = MaxHtlcChange::told_with(self.max_htlc_change(), to, self.current);
        format!("change to {told}")
    }

    /// Why nothing was changed; `None` if something was, or would have been.
    pub fn reason(&self, time: TimeFormat<'_>) -> Option<String> {
        match self.verdict {
            Verdict::Hold { reason } => Some(reason.words(self.current_ppm(), time)),
            Verdict::Change { .. } | Verdict::WouldChange { .. } => None,
        }
    }

    /// What limited the fee, in words.
    pub fn limits_in_words(&self) -> impl Iterator<Item = String> {
        let current = self.current_ppm();
        self.limits.iter().map(move |limit| limit.words(current))
    }

    /// The price level that the decision reckoned with, in ppm; `None` where
    /// none pulled. It is read back from the terms, whose level part is the
    /// logarithmic way from the fee to the level, scaled as they all are. For a
    /// channel that follows a parallel one it is the level that leads to that
    /// one's rate.
    pub fn level_ppm(&self) -> Option<f64> {
        let terms = &self.terms;
        if terms.level == 0.0 || terms.protection > 0.0 {
            return None;
        }
        let pull = terms.level / self.per_exponent();
        Some(self.wanted_before_ppm.max(LEAST_PPM) * libm::exp(pull))
    }

    /// The factors by which the fee asked for can be worked out by hand; `None`
    /// where no level pulled.
    pub fn factors(&self) -> Option<Factors> {
        let (terms, scale) = (&self.terms, self.per_exponent());
        Some(Factors {
            level_ppm: self.level_ppm()?,
            balance: terms.balance / scale,
            throughput: terms.throughput / scale,
        })
    }

    /// What a unit of an exponent is in the relative terms.
    fn per_exponent(&self) -> f64 {
        let way = libm::log1p(self.terms.sum());
        if way.abs() > 1e-9 {
            self.terms.sum() / way
        } else {
            1.0
        }
    }

    /// Everything that led to it, in one line:
    /// `local 15% (target 26%): +38%; demand 2.9/week (usual 3.0/week): 0%`.
    pub fn story(&self) -> String {
        let (seen, terms) = (&self.evidence, &self.terms);
        let [now, usual] = demand(seen.tpm, seen.tpm_history);
        let mut parts = vec![
            format!(
                "local {:.0}% (target {:.0}%): {}",
                seen.ratio * 100.0,
                seen.target_ratio * 100.0,
                change(terms.balance)
            ),
            format!("demand {now} (usual {usual}): {}", change(terms.throughput)),
        ];
        if let Some(level) = self.level_ppm() {
            let level = FeePpm::rounded(level);
            parts.push(format!("price level {level}: {}", change(terms.level)));
        }
        if terms.protection > 0.0 {
            parts.push(format!("fast drain: {}", change(terms.protection)));
        }
        parts.extend(self.limits_in_words());
        if let Some(discount) = &self.inbound {
            parts.push(format!("inbound discount {}", discount.words(&rfc3339)));
        }
        if let Some(part) = self.max_htlc.filter(|_| self.max_htlc_change().is_some()) {
            parts.push(format!("max HTLC {}", part.words(&rfc3339)));
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests;
