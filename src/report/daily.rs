//! The daily report: one line of the log.

use std::collections::BTreeMap;

use tracing::{info, warn};

use super::Report;
use crate::config::Config;
use sweetspot_core::decision::Verdict;
use sweetspot_core::money::change::{Trend, relative};
use sweetspot_core::ports::StoreError;
use sweetspot_core::prune::rules::{self, Advice};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::types::channel::Channel;
use sweetspot_core::types::format::change;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_store::StoreReader;

/// What the line says.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyNews {
    /// The income of yesterday (UTC), in sat.
    pub yesterday_sat: u64,
    /// Its forwards.
    pub yesterday_forwards: u64,
    /// The income of the last 7 whole days, in sat.
    pub week_sat: u64,
    /// Against the 7 before, where those are known.
    pub week_change: Option<String>,
    /// What is to be said of the last 14 days against the 14 before.
    pub trend: Trend,
    /// By how much they differ, as a share; `None` with nothing to compare with.
    pub trend_change: Option<f64>,
    /// Fee changes confirmed in the last 24 hours.
    pub changes: u64,
    /// Updates that came to nothing in them.
    pub failures: u64,
    /// How many channels wait, and for what: `cooldown 4, at_target 7`.
    pub waits: String,
    /// Channels recommended for pruning.
    pub prune: u64,
}

impl DailyNews {
    /// As of `now`.
    pub async fn gather(
        book: &SettingsLayers,
        store: &StoreReader,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let week = Report::gather(store, now, 7).await?;
        let fortnight = Report::gather(store, now, 14).await?;
        let yesterday = week.by_day.first();
        let day_ago = now.minus(std::time::Duration::from_secs(86_400));
        let (changes, failures) = store.count_ended_changes(day_ago, now).await?;
        Ok(Self {
            yesterday_sat: yesterday.map_or(0, |day| day.earned_msat / 1_000),
            yesterday_forwards: yesterday.map_or(0, |day| day.forwards),
            week_sat: week.node.earned_msat / 1_000,
            week_change: week
                .before
                .and_then(|before| relative(Msat(before.earned_msat), Msat(week.node.earned_msat)))
                .map(change),
            trend: fortnight.trend,
            trend_change: fortnight.change,
            changes,
            failures,
            waits: waits(store).await?,
            prune: recommended(book, store, now).await?,
        })
    }
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What open channels wait for, the most frequent first.
async fn waits(store: &StoreReader) -> Result<String, StoreError> {
    let decisions = store.last_decisions().await?;
    let known = store.channels().await?;
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for known in known.iter().filter(|known| known.open) {
        let decision = decisions.get(&known.channel.point);
        if let Some(Verdict::Hold { reason }) = decision.map(|decision| decision.verdict) {
            *counts.entry(reason.code()).or_default() += 1;
        }
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    let each = counts.iter().map(|(code, count)| format!("{code} {count}"));
    Ok(each.collect::<Vec<_>>().join(", "))
}

async fn recommended(
    book: &SettingsLayers,
    store: &StoreReader,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let memory = store.memory().await?;
    let tip = store.last_cycle().await?.map(|cycle| cycle.tip);
    let known = store.channels().await?;
    let open = known.iter().filter(|known| known.open);
    let open = open.map(|known| &known.channel);
    let settings = book.resolve_all(open.clone(), tip.unwrap_or_default(), now);
    let is_recommended = |channel: &&Channel| {
        let memory = memory.channels.get(&channel.point);
        let settings = settings.get(&channel.point);
        memory.zip(settings).is_some_and(|(memory, settings)| {
            let advice = rules::advice(&memory.prune, channel, settings);
            matches!(advice, Advice::Prune(_))
        })
    };
    Ok(counted(open.filter(is_recommended).count()))
}

/// Writes it to the log, and returns how the last 14 days stand against the 14 before.
/// That it cannot be made stops nothing.
pub async fn log(config: &Config, now: Timestamp) -> Option<(Trend, Option<f64>)> {
    let store = match StoreReader::open(&config.store).await {
        Ok(store) => store,
        Err(error) => {
            warn!(%error, "cannot make the daily report");
            return None;
        }
    };
    let mut book = config.book.clone();
    let gathered = async {
        store.recall_into(&mut book, now).await?;
        DailyNews::gather(&book, &store, now).await
    };
    let news = match gathered.await {
        Ok(news) => news,
        Err(error) => {
            warn!(%error, "cannot make the daily report");
            return None;
        }
    };
    let DailyNews {
        yesterday_sat,
        yesterday_forwards,
        week_sat,
        week_change,
        trend,
        trend_change,
        changes,
        failures,
        waits,
        prune,
    } = news;
    info!(
        yesterday_sat,
        yesterday_forwards,
        week_sat,
        week_change,
        fee_changes = changes,
        failures,
        waits,
        prune,
        "daily report"
    );
    if trend == Trend::Fell {
        warn!(
            week_sat,
            week_change, "income has clearly fallen over 14 days: see `sweetspot report --days 14`"
        );
    }
    Some((trend, trend_change))
}
