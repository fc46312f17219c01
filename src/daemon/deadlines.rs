//! HTLCs that come near their time-out, looked for after each cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;

use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::observation::Observation;
use sweetspot_core::types::time::Timestamp;
use sweetspot_lnd::HtlcDeadline;

/// So many blocks before its time-out an HTLC is told: some three hours. LND closes by
/// force at the time-out of one that we offer, and ten blocks before that of one that
/// is offered to us and whose preimage it knows.
const NEAR_BLOCKS: u32 = 20;
/// A payment's last hop may be due within 18 blocks and settles in seconds: only what
/// hangs for so long is told.
const HANGS_FOR: Duration = Duration::from_secs(600);

/// What is remembered of looking: since when each HTLC is near its time-out.
#[derive(Debug, Default)]
pub struct Deadlines {
    near: BTreeMap<ChannelPoint, (HtlcDeadline, Timestamp)>,
}

impl Deadlines {
    /// The channels with an HTLC that hangs near its time-out, in words.
    pub fn look(
        &mut self,
        deadlines: &BTreeMap<ChannelPoint, HtlcDeadline>,
        seen: &Observation,
    ) -> BTreeMap<ChannelPoint, CleanText> {
        let is_near = |deadline: &HtlcDeadline| {
            deadline.height.0 <= seen.tip.0.saturating_add(NEAR_BLOCKS) && seen.tip.0 > 0
        };
        let near = deadlines.iter().filter(|(_, deadline)| is_near(deadline));
        let before = std::mem::take(&mut self.near);
        let mut told = BTreeMap::new();
        for (point, deadline) in near {
            let known = before.get(point).filter(|(known, _)| known == deadline);
            let since = known.map_or(seen.at, |(_, since)| *since);
            self.near.insert(*point, (*deadline, since));
            let Some(channel) = seen.channels.get(point) else {
                continue;
            };
            if seen.at.since(since) < HANGS_FOR {
                continue;
            }
            let left = deadline.height.0.saturating_sub(seen.tip.0);
            let words = format!(
                "{} {}: an HTLC of {} sat that {} times out in {left} blocks{}",
                channel.scid,
                channel.peer_name(),
                grouped(deadline.amount_sat),
                if deadline.incoming { "came in" } else { "went out" },
                if channel.active { "" } else { "; the peer is offline" },
            );
            if known.is_some_and(|_| before_was_silent(&before, point, seen.at)) {
                warn!(htlc = words, "an HTLC hangs near its time-out");
            }
            told.insert(*point, words.into());
        }
        told
    }
}

/// Whether what is told now was not told by the look before.
fn before_was_silent(
    before: &BTreeMap<ChannelPoint, (HtlcDeadline, Timestamp)>,
    point: &ChannelPoint,
    now: Timestamp,
) -> bool {
    let _ = now;
    before.contains_key(point)
}
