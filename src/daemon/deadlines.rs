//! HTLCs that come near their time-out, looked for after each cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;

use sweetspot_core::types::channel::{Channel, ChannelPoint};
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

/// An HTLC: its channel, whether it came in, and its number among those. What else is
/// pending there, which a peer may choose, changes nothing about it.
type Key = (ChannelPoint, bool, u64);

/// An HTLC that is near its time-out.
#[derive(Clone, Copy, Debug)]
struct Hanging {
    since: Timestamp,
    logged: bool,
}

/// What is remembered of looking.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeMap<Key, Hanging>);

impl Deadlines {
    /// The channels with an HTLC that hangs near its time-out, the first of each in
    /// words.
    pub fn look(
        &mut self,
        deadlines: &BTreeMap<ChannelPoint, Vec<HtlcDeadline>>,
        seen: &Observation,
    ) -> BTreeMap<ChannelPoint, CleanText> {
        let before = std::mem::take(&mut self.0);
        let mut told = BTreeMap::new();
        for (point, pending) in deadlines {
            let Some(channel) = seen.channels.get(point) else {
                continue;
            };
            let left = |deadline: &HtlcDeadline| deadline.height.0.saturating_sub(seen.tip.0);
            let near = pending.iter().filter(|one| left(one) <= NEAR_BLOCKS);
            let mut near: Vec<&HtlcDeadline> = near.collect();
            near.sort_by_key(|deadline| deadline.height);
            for deadline in near {
                let key = (*point, deadline.incoming, deadline.index);
                let mut hanging = before.get(&key).copied().unwrap_or(Hanging {
                    since: seen.at,
                    logged: false,
                });
                if seen.at.since(hanging.since) >= HANGS_FOR {
                    let words = in_words(channel, deadline, left(deadline));
                    if !std::mem::replace(&mut hanging.logged, true) {
                        warn!(htlc = words, "an HTLC hangs near its time-out");
                    }
                    told.entry(*point).or_insert_with(|| words.into());
                }
                self.0.insert(key, hanging);
            }
        }
        told
    }
}

fn in_words(channel: &Channel, deadline: &HtlcDeadline, left: u32) -> String {
    format!(
        "{} {}: an HTLC of {} sat that {} times out in {left} blocks{}",
        channel.scid,
        channel.peer_name(),
        grouped(deadline.amount_sat),
        match deadline.incoming {
            true => "came in",
            false => "went out",
        },
        match channel.active {
            true => "",
            false => "; the peer is offline",
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::testing::{channel, point};
    use sweetspot_core::types::units::BlockHeight;

    /// What is told, `minutes` after the start, of HTLCs by number and height.
    fn told(looks: &mut Deadlines, minutes: u64, tip: u32, pending: &[(u64, u32)]) -> Vec<String> {
        let seen = Observation {
            at: Timestamp::from_secs(0).plus(Duration::from_secs(60 * minutes)),
            tip: BlockHeight(tip),
            channels: [(point(1), channel(1))].into(),
            ..Observation::default()
        };
        let deadline = |(index, height): &(u64, u32)| HtlcDeadline {
            index: *index,
            height: BlockHeight(*height),
            amount_sat: 50_000,
            incoming: false,
        };
        let pending = pending.iter().map(deadline).collect();
        let told = looks.look(&[(point(1), pending)].into(), &seen);
        told.values().map(ToString::to_string).collect()
    }

    #[test]
    fn an_htlc_that_hangs_near_its_time_out_is_told_and_one_that_passes_is_not() {
        let mut looks = Deadlines::default();
        assert!(told(&mut looks, 0, 800_000, &[(7, 800_040)]).is_empty());
        assert!(
            told(&mut looks, 20, 800_019, &[(7, 800_040)]).is_empty(),
            "far"
        );
        assert!(
            told(&mut looks, 25, 800_020, &[(7, 800_040)]).is_empty(),
            "new"
        );
        // Another one, as in a payment's last hop: its time begins anew.
        assert!(told(&mut looks, 36, 800_021, &[(8, 800_039)]).is_empty());
        let said = told(&mut looks, 46, 800_022, &[(8, 800_039)]);
        assert!(said[0].contains("50,000 sat that went out times out in 17 blocks"));
        assert!(told(&mut looks, 60, 800_050, &[(8, 800_039)])[0].contains("in 0 blocks"));
        assert!(
            told(&mut looks, 65, 800_050, &[(9, 800_100)]).is_empty(),
            "settled"
        );
    }

    #[test]
    fn payments_that_pass_hide_none_that_hangs() {
        let mut looks = Deadlines::default();
        let mut said = vec![];
        for n in 0..4 {
            // Each time another one that is due earlier.
            let passing = (100 + n, 800_015);
            said = told(&mut looks, 5 * n, 800_000, &[passing, (7, 800_019)]);
        }
        assert!(said[0].contains("times out in 19 blocks"), "{said:?}");
    }
}
