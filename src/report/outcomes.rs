//! What came of fee changes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::format::times;
use crate::json::Ids;
use sweetspot_core::money::outcome::{Change, Outcome, Sales, outcome};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{KnownChannel, StoreReader};

/// So long before and after a change is looked at, at most.
const OUTCOME_SPAN: Duration = Duration::from_secs(7 * 86_400);

/// A fee change and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeReport {
    /// The channel.
    #[serde(flatten)]
    pub ids: Ids,
    /// When.
    #[serde(serialize_with = "times")]
    pub at: Timestamp,
    /// The rate before.
    pub from_ppm: u32,
    /// The rate after.
    pub to_ppm: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// The same in words.
    pub outcome_words: String,
}

/// What came of the changes since `from` that were confirmed, the latest first.
pub async fn outcomes(
    store: &StoreReader,
    known: &[KnownChannel],
    from: Timestamp,
    now: Timestamp,
) -> Result<Vec<ChangeReport>, StoreError> {
    // An earlier change bounds nothing that is looked at.
    let all = store.changes(from.minus(OUTCOME_SPAN), now).await?;
    let mut by_channel: BTreeMap<ChannelPoint, Vec<FeeChange>> = BTreeMap::new();
    for (point, change) in all {
        if change.stage == Stage::Confirmed {
            by_channel.entry(point).or_default().push(change);
        }
    }
    let cursor = store.cursor().await?;
    let (known_from, through) = cursor.map_or((now, now), |c| (c.from, c.through));
    let sold = store.sales(from.minus(OUTCOME_SPAN), now).await?;
    let sold = sold
        .into_iter()
        .map(|(at, point, fee)| (at, point, fee.as_f64()));
    let sales = Sales::of(sold.collect());
    let mut found = vec![];
    for known in known {
        let point = known.channel.point;
        let changes = by_channel.remove(&point).unwrap_or_default();
        for (index, change) in changes.iter().enumerate() {
            let at = change.intended_at;
            let before = index.checked_sub(1).and_then(|last| changes.get(last));
            let after = changes.get(index + 1);
            if at < from || change.from.outbound == change.to.outbound {
                continue;
            }
            let judged = outcome(
                &sales,
                &Change {
                    point,
                    at,
                    before: before.map_or(known_from, |change| change.intended_at),
                    after: after.map_or(through.max(at), |change| change.intended_at),
                },
            );
            found.push(ChangeReport {
                ids: Ids::of(&known.channel),
                at,
                from_ppm: change.from.outbound.0,
                to_ppm: change.to.outbound.0,
                outcome: judged,
                outcome_words: judged.words(),
            });
        }
    }
    found.sort_by_key(|change| std::cmp::Reverse(change.at));
    Ok(found)
}
