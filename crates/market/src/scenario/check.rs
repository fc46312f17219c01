//! Which values make sense.

use super::{Scenario, ScenarioError};
use crate::math;

impl Scenario {
    /// Refuses values outside their range.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        let shares = [
            ("peers.source", self.peers.source),
            ("peers.sink", self.peers.sink),
            ("peers.small", self.peers.small),
            ("peers.dead", self.peers.dead),
            ("peers.private", self.peers.private),
            ("peers.parallel", self.peers.parallel),
            ("demand.tiny", self.demand.tiny),
            ("demand.rhythm", self.demand.rhythm),
            ("demand.inbound_aware", self.demand.inbound_aware),
            ("htlcs.hanging", self.htlcs.hanging),
            ("htlcs.downstream_failure", self.htlcs.downstream_failure),
            ("churn.zero_conf", self.churn.zero_conf),
            ("churn.failed", self.churn.failed),
        ];
        let amounts = [
            ("days", self.days),
            ("warm_up_days", self.warm_up_days),
            ("rate", self.rate),
            ("gossip_mean_secs", self.gossip_mean_secs),
            ("demand.cluster_gap_secs", self.demand.cluster_gap_secs),
            ("demand.shock_shape", self.demand.shock_shape),
            (
                "demand.receiver_shock_shape",
                self.demand.receiver_shock_shape,
            ),
            ("demand.drift_sd", self.demand.drift_sd),
            ("demand.budget_ppm", self.demand.budget_ppm),
            ("rivals.sd", self.rivals.sd),
            ("rivals.peers_sd", self.rivals.peers_sd),
            ("rivals.noise", self.rivals.noise),
            ("rivals.reaction", self.rivals.reaction),
            ("rivals.reliability_weight", self.rivals.reliability_weight),
            ("htlcs.hold_mean_secs", self.htlcs.hold_mean_secs),
            ("htlcs.hanging_mean_hours", self.htlcs.hanging_mean_hours),
            (
                "churn.closes_per_channel_year",
                self.churn.closes_per_channel_year,
            ),
            ("churn.reopen_mean_days", self.churn.reopen_mean_days),
            ("outages.per_channel_year", self.outages.per_channel_year),
            ("outages.mean_hours", self.outages.mean_hours),
            ("outages.node_per_year", self.outages.node_per_year),
            ("outages.node_mean_hours", self.outages.node_mean_hours),
        ];
        let positive = [
            ("scale", self.scale),
            ("fee_scale", self.fee_scale),
            ("demand.amount_median_sat", self.demand.amount_median_sat),
            ("demand.amount_ln_sd", self.demand.amount_ln_sd),
            ("demand.drift_days", self.demand.drift_days),
            ("rivals.days", self.rivals.days),
            ("demand.cluster", self.demand.cluster),
            ("channels", math::count(self.channels)),
        ];
        let of_events = self
            .events
            .iter()
            .flat_map(|e| [("events.demand", e.demand), ("events.rivals", e.rivals)]);
        if let Some(attack) = &self.attack {
            let amounts = [
                ("attack.amount_sat", attack.amount_sat),
                ("attack.hold_secs", attack.hold_secs),
                ("attack.after_days", attack.after_days),
                ("attack.for_days", attack.for_days),
            ];
            within(amounts, "0 to 10,000,000", |v| (0.0..=1e7).contains(&v))?;
            // An attacker that never waits would never let time pass.
            within(
                [("attack.every_secs", attack.every_secs)],
                "1 to 10,000,000",
                |v| (1.0..=1e7).contains(&v),
            )?;
        }
        within(shares, "from 0 to 1", |v| (0.0..=1.0).contains(&v))?;
        within(amounts, "0 to 1,000,000", |v| (0.0..=1e6).contains(&v))?;
        within(positive, "above 0, at most 1,000,000", |v| {
            v > 0.0 && v <= 1e6
        })?;
        within(of_events, "from 0.01 to 100", |v| {
            (0.01..=100.0).contains(&v)
        })
    }
}

fn within(
    values: impl IntoIterator<Item = (&'static str, f64)>,
    must: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<(), ScenarioError> {
    match values.into_iter().find(|(_, value)| !holds(*value)) {
        Some((key, value)) => Err(ScenarioError::Range { key, value, must }),
        None => Ok(()),
    }
}
