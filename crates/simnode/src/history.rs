//! The forwarding log, with the quirks of LND's: keyed by settle time, paged by
//! an offset from the start of the range.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use sweetspot_core::types::channel::Scid;
use sweetspot_core::types::observation::Forward;
use sweetspot_core::types::time::Timestamp;

/// How long forwards are kept, so that a node left running stays small.
const KEPT: Duration = Duration::from_secs(180 * 86_400);
/// What LND returns if no number is asked for.
const DEFAULT_EVENTS: u32 = 100;

/// What to read of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// Unix seconds, inclusive.
    pub start_secs: u64,
    /// Unix seconds, inclusive at the full second exactly; `None` for up to now.
    pub end_secs: Option<u64>,
    pub offset: u32,
    /// 0 stands for 100.
    pub most: u32,
    /// Empty for any.
    pub scids_in: BTreeSet<Scid>,
    /// Empty for any.
    pub scids_out: BTreeSet<Scid>,
}

/// Every forward kept, by the settle time that the node's clock showed.
#[derive(Debug, Default)]
pub(super) struct History(BTreeMap<Timestamp, Forward>);

impl History {
    /// Stores a forward at its settle time, or the next free nanosecond.
    pub fn add(&mut self, forward: Forward) {
        let mut at = forward.settled_at;
        while self.0.contains_key(&at) {
            at = at.plus(Duration::from_nanos(1));
        }
        let settled_at = at;
        let stored = Forward {
            settled_at,
            ..forward
        };
        self.0.insert(at, stored);
    }

    /// Drops what is older than is kept.
    pub fn trim(&mut self, now: Timestamp) {
        self.purge(now.minus(KEPT));
    }

    /// Deletes everything up to and at `cutoff`.
    pub fn purge(&mut self, cutoff: Timestamp) {
        self.0 = self.0.split_off(&cutoff.plus(Duration::from_nanos(1)));
    }

    /// All forwards kept, in order.
    pub fn all(&self) -> impl Iterator<Item = &Forward> {
        self.0.values()
    }

    /// A page, as LND gives it.
    pub fn query(&self, query: &Query, now: Timestamp) -> Vec<Forward> {
        let start = seconds(query.start_secs);
        let end = query.end_secs.map_or(now, seconds);
        if start > end {
            return vec![];
        }
        let most = match query.most {
            0 => DEFAULT_EVENTS,
            most => most,
        };
        let any_or = |wanted: &BTreeSet<Scid>, scid| wanted.is_empty() || wanted.contains(&scid);
        let asked_for = |forward: &&Forward| {
            any_or(&query.scids_in, forward.scid_in) && any_or(&query.scids_out, forward.scid_out)
        };
        let within = self.0.range(start..=end).map(|(_, forward)| forward);
        within
            .filter(asked_for)
            .skip(usize::try_from(query.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .copied()
            .collect()
    }

    /// Fees earned in the `span` before `now`, in msat.
    pub fn fees_since(&self, now: Timestamp, span: Duration) -> u64 {
        let recent = self.0.range(now.minus(span)..);
        recent.map(|(_, forward)| forward.fee.0).sum()
    }
}

fn seconds(secs: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(secs).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sweetspot_core::types::units::Msat;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn forward(nanos: i64, scid_in: u64) -> Forward {
        Forward {
            settled_at: Timestamp::from_nanos(nanos),
            scid_in: Scid(scid_in),
            scid_out: Scid(9),
            amount_in: Msat(1_010),
            amount_out: Msat(1_000),
            fee: Msat(10),
        }
    }

    fn log(nanos: &[i64]) -> History {
        let mut log = History::default();
        nanos.iter().for_each(|at| log.add(forward(*at, 1)));
        log
    }

    fn times(found: &[Forward]) -> Vec<i64> {
        found.iter().map(|f| f.settled_at.nanos()).collect()
    }

    #[test]
    fn two_forwards_of_one_nanosecond_are_told_apart() {
        let log = log(&[5, 5, 5]);
        assert_eq!(times(&log.query(&Query::default(), NOW)), [5, 6, 7]);
    }

    #[test]
    fn a_range_includes_its_end_at_the_full_second_only() {
        let second = 1_000_000_000;
        let log = log(&[2 * second - 1, 2 * second, 3 * second, 3 * second + 1]);
        let query = Query {
            start_secs: 2,
            end_secs: Some(3),
            ..Query::default()
        };
        assert_eq!(times(&log.query(&query, NOW)), [2 * second, 3 * second]);
        let backwards = Query {
            start_secs: 3,
            end_secs: Some(2),
            ..Query::default()
        };
        assert_eq!(times(&log.query(&backwards, NOW)), [0_i64; 0]);
    }

    #[test]
    fn what_the_clock_has_not_reached_is_not_shown() {
        let log = log(&[1, 2_000_000_000_000]);
        assert_eq!(times(&log.query(&Query::default(), NOW)), [1]);
    }

    #[test]
    fn offsets_count_from_the_start_of_the_range_and_of_what_matches() {
        let mut log = log(&[1, 2, 3]);
        log.add(forward(4, 2));
        log.add(forward(5, 2));
        let query = Query {
            offset: 1,
            most: 2,
            ..Query::default()
        };
        assert_eq!(times(&log.query(&query, NOW)), [2, 3]);
        let only_two = Query {
            scids_in: [Scid(2)].into(),
            ..query
        };
        assert_eq!(times(&log.query(&only_two, NOW)), [5]);
    }

    #[test]
    fn a_hundred_events_are_given_if_no_number_is_asked_for() {
        let log = log(&(0..150).collect::<Vec<_>>());
        assert_eq!(log.query(&Query::default(), NOW).len(), 100);
    }

    #[test]
    fn a_purge_takes_the_cutoff_with_it() {
        let mut log = log(&[1, 2, 3]);
        log.purge(Timestamp::from_nanos(2));
        assert_eq!(log.all().count(), 1);
    }
}
