//! What channels forwarded of late, for rules that go by it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Cycle;
use sweetspot_core::ports::{Clock, Node, PolicyWriter, Store, StoreError};
use sweetspot_core::settings::latches::{FORWARDED_DAYS, Forwarded};
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::day_total::DayRange;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;

/// History read through so long ago still tells of [`FORWARDED_DAYS`].
const STALE_AFTER: Duration = Duration::from_secs(86_400);

/// Blocks in [`FORWARDED_DAYS`], at ten minutes each.
const BLOCKS: u32 = FORWARDED_DAYS * 144;

impl<N: Node, W: PolicyWriter, S: Store, C: Clock> Cycle<N, W, S, C> {
    /// What each channel forwarded today and on the days before. Nothing is known of
    /// a channel that is younger, and of none while history does not reach so far.
    pub(super) async fn forwarded(
        &self,
        seen: &Observation,
    ) -> Result<BTreeMap<ChannelPoint, Forwarded>, StoreError> {
        let today = seen.at.utc_day();
        let from = today.saturating_sub(i64::from(FORWARDED_DAYS) - 1);
        let read = self.known.history_read_at;
        let is_fresh = read.is_some_and(|at| seen.at.since(at) <= STALE_AFTER);
        if !is_fresh || self.cursor.from > Timestamp::of_utc_day(from) {
            return Ok(BTreeMap::new());
        }
        let days = DayRange {
            channels_from: from,
            node_from: from,
            until: today.saturating_add(1),
        };
        let old = seen.channels.values();
        let old = old.filter(|channel| {
            channel
                .age_blocks(seen.tip)
                .is_some_and(|age| age >= BLOCKS)
        });
        let mut forwarded: BTreeMap<ChannelPoint, Forwarded> = old
            .map(|channel| (channel.point, Forwarded::default()))
            .collect();
        for total in self.store.day_totals(days).await?.channels {
            let point = self.engine.resolve(total.scid);
            if let Some(sum) = point.and_then(|point| forwarded.get_mut(&point)) {
                sum.add(&total);
            }
        }
        Ok(forwarded)
    }
}
