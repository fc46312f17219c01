//! A channel over time: its fee, its ratio and target.

use std::collections::BTreeMap;

use super::reason;
use crate::explain::Explanation;
use crate::format::local_time;
use crate::web::chart::{Chart, Mark, Scale, Series};
use crate::web::page::percent;
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{DayBalance, StoreReader};

/// Fee changes drawn at most.
const CHANGES: u32 = 400;

/// What is known of a channel over a span.
pub struct Past {
    from: Timestamp,
    until: Timestamp,
    /// Those behind fee changes, and the last ones, by time.
    decisions: BTreeMap<Timestamp, Decision>,
    /// Confirmed, the oldest first.
    changes: Vec<FeeChange>,
    days: Vec<DayBalance>,
}

impl Past {
    pub async fn gather(
        store: &StoreReader,
        told: &Explanation,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Self, StoreError> {
        let point = told.ids.channel_point;
        let behind = store
            .decisions_behind_changes(Some(point), from, until)
            .await?;
        let last = told.decisions.iter().filter(|decision| decision.at >= from);
        let decisions = behind.into_values().chain(last.cloned());
        let mut changes = store.channel_changes(point, until, CHANGES).await?;
        changes.retain(|change| change.stage == Stage::Confirmed && change.intended_at >= from);
        changes.reverse();
        Ok(Self {
            from,
            until,
            decisions: decisions.map(|decision| (decision.at, decision)).collect(),
            changes,
            days: store.day_balances(point, from.utc_day()).await?,
        })
    }

    fn in_order(&self, mut points: Vec<(Timestamp, f64)>) -> Vec<(Timestamp, f64)> {
        points.retain(|(at, _)| *at >= self.from && *at <= self.until);
        points.sort_by_key(|(at, _)| *at);
        points
    }

    /// The fee rate: as each day began, as changes left it, and as it is now.
    pub fn fee_chart(&self, told: &Explanation) -> Chart<'static> {
        let rate = |fees: FeeParts| fees.outbound.as_f64();
        let days = self.days.iter();
        let mut points: Vec<_> = days
            .filter_map(|day| Some((Timestamp::of_utc_day(day.day), day.fee?.as_f64())))
            .collect();
        for change in &self.changes {
            // Before it, too: someone else may have set the fee since the day began.
            points.push((change.intended_at, rate(change.from)));
            points.push((change.intended_at, rate(change.to)));
        }
        points.extend(told.fees.map(|fees| (self.until, rate(fees))));
        let marks = self.decisions.values().filter_map(|decision| {
            let fees = match decision.verdict {
                Verdict::Change { to } => Some(to),
                _ => decision.current,
            };
            Some(Mark {
                at: decision.at,
                value: rate(fees?),
                says: format!("{}: {}", local_time(decision.at), reason(decision)),
                changed: matches!(decision.verdict, Verdict::Change { .. }),
            })
        });
        Chart {
            title: "Fee rate, ppm",
            says: format!("{} fee changes", self.changes.len()),
            from: self.from,
            until: self.until,
            scale: Scale::Whole,
            bars: vec![],
            bar_secs: 0.0,
            marks: marks.collect(),
            lines: vec![Series {
                class: "one",
                points: self.in_order(points),
                steps: true,
            }],
        }
    }

    /// The local ratio and its target: as each day began, at each decision, and now.
    pub fn ratio_chart(&self, told: &Explanation) -> Chart<'static> {
        let of_decisions = |of: fn(&Decision) -> f64| {
            let decisions = self.decisions.values();
            decisions.map(move |decision| (decision.at, of(decision)))
        };
        let days = self.days.iter().map(|day| {
            let (local, both) = (day.local.as_f64(), day.local.as_f64() + day.remote.as_f64());
            (Timestamp::of_utc_day(day.day), local / both.max(1.0))
        });
        let ratios = days
            .chain(of_decisions(|decision| decision.evidence.ratio))
            .chain([(self.until, told.local_ratio)]);
        let targets = of_decisions(|decision| decision.evidence.target_ratio);
        let line = |class, points, steps| Series {
            class,
            points: self.in_order(points),
            steps,
        };
        Chart {
            title: "Local ratio and target",
            says: format!(
                "local {}, target {} now",
                percent(told.local_ratio),
                percent(told.settings.target_ratio)
            ),
            from: self.from,
            until: self.until,
            scale: Scale::Share,
            bars: vec![],
            bar_secs: 0.0,
            lines: vec![
                line("one", ratios.collect(), false),
                line("two", targets.collect(), true),
            ],
            marks: vec![],
        }
    }
}
