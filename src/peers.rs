//! `peers`: how each peer kept its channels with us, and what it brought.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::json::SCHEMA;
use crate::report::{PeerReport, Report, by_peer, sat};
use crate::table::{Align, Plain};
use sweetspot_core::peers::ended::{EndedCounts, Mark, marks};
use sweetspot_core::peers::week::PeerSums;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::PeerId;
use sweetspot_core::types::time::{SECONDS_PER_DAY, Timestamp, human_span};
use sweetspot_store::{PeerBook, StoreReader};

/// How a peer kept its channels.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PeerRecord {
    /// What it did that it cannot undo.
    pub marks: BTreeSet<Mark>,
    /// Channels that are open: opened by us ...
    pub open_by_us: u64,
    /// ... and by the peer.
    pub open_by_peer: u64,
    /// Channels that ended.
    pub ended: EndedCounts,
    /// How long the node watched it while this daemon ran.
    pub watched_days: f64,
    /// The share of that in which it was online.
    pub uptime_share: Option<f64>,
    /// How often it went offline ...
    pub flaps: u64,
    /// ... a week.
    pub flaps_per_week: Option<f64>,
    /// How often it changed the fees of a channel with us ...
    pub policy_changes: u64,
    /// ... a week.
    pub policy_changes_per_week: Option<f64>,
    /// HTLCs that we offered it and that hung over several looks ...
    pub held_htlcs: u64,
    /// ... for how long, on average ...
    pub held_mean_secs: Option<u64>,
    /// ... and the longest of them, each at least.
    pub held_longest_secs: u64,
}

/// The records of all peers, past ones too.
pub async fn records(store: &StoreReader) -> Result<BTreeMap<PeerId, PeerRecord>, StoreError> {
    let book = store.peer_book().await?;
    let mut found: BTreeMap<PeerId, PeerRecord> = BTreeMap::new();
    for known in store.channels().await?.iter().filter(|known| known.open) {
        let record = found.entry(known.channel.peer).or_default();
        match known.channel.initiator {
            true => record.open_by_us += 1,
            false => record.open_by_peer += 1,
        }
    }
    let PeerBook { sums, ended } = book;
    for one in &ended {
        found.entry(one.peer).or_default().ended.count(one);
    }
    for (peer, marks) in marks(&ended) {
        found.entry(peer).or_default().marks = marks;
    }
    for (peer, sums) in sums {
        found.entry(peer).or_default().take(&sums);
    }
    Ok(found)
}

impl PeerRecord {
    fn take(&mut self, sums: &PeerSums) {
        self.watched_days = sums.watched.as_secs_f64() / SECONDS_PER_DAY;
        self.uptime_share = sums.uptime();
        self.flaps = sums.flaps;
        self.flaps_per_week = sums.a_week(sums.flaps);
        self.policy_changes = sums.fee_changes;
        self.policy_changes_per_week = sums.a_week(sums.fee_changes);
        self.held_htlcs = sums.held_htlcs;
        self.held_mean_secs = sums.held.as_secs().checked_div(sums.held_htlcs);
        self.held_longest_secs = sums.longest_held.as_secs();
    }

    /// What of it an operator should know who thinks of a channel with the peer;
    /// `None` if it is nothing.
    pub fn warning(&self) -> Option<String> {
        let ended = &self.ended;
        let times = |count: u64| match count {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let parts = [
            (ended.breached_by_peer > 0)
                .then(|| format!("breached {}", times(ended.breached_by_peer))),
            (ended.force_closed_by_peer > 0)
                .then(|| format!("force closed {}", times(ended.force_closed_by_peer))),
            self.uptime_share
                .filter(|share| *share < LITTLE_UPTIME && self.watched_days >= 1.0)
                .map(|share| format!("online {:.0}% of the time", share * 100.0)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// A routing node that is offline for more than this misses an hour a day.
const LITTLE_UPTIME: f64 = 0.95;

/// A peer, what it brought, and its record.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    income: PeerReport,
    record: PeerRecord,
}

/// Every peer, the one worth most first.
#[derive(Debug, Serialize)]
pub struct Peers {
    schema: u32,
    /// Over how many whole days income is summed.
    days: u32,
    peers: Vec<Line>,
}

/// Every peer as of `now`.
pub async fn peers(store: &StoreReader, now: Timestamp, days: u32) -> Result<Peers, StoreError> {
    let report = Report::gather(store, now, days).await?;
    let mut records = records(store).await?;
    let mut peers: Vec<Line> = by_peer(&report.channels)
        .into_iter()
        .map(|income| Line {
            record: records.remove(&income.peer_pubkey).unwrap_or_default(),
            income,
        })
        .collect();
    let past = records.into_iter().map(|(peer, record)| Line {
        income: PeerReport::of(peer),
        record,
    });
    peers.extend(past);
    Ok(Peers {
        schema: SCHEMA,
        days,
        peers,
    })
}

impl Peers {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        if self.peers.is_empty() {
            return "no peer is known yet".to_owned();
        }
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("open", Align::Right, 0, None);
        table.column("agreed", Align::Right, 2, None);
        table.column("we forced", Align::Right, 1, None);
        table.column("peer forced", Align::Right, 0, None);
        table.column("breach", Align::Right, 0, None);
        table.column("watched", Align::Right, 5, None);
        table.column("online", Align::Right, 0, None);
        table.column("flaps/week", Align::Right, 0, None);
        table.column("fees/week", Align::Right, 0, None);
        table.column("held", Align::Right, 3, None);
        table.column("longest", Align::Right, 4, None);
        table.column("worth sat", Align::Right, 0, None);
        for line in &self.peers {
            table.row(line.cells());
        }
        format!(
            "{}\n\nopen: channels, opened by us and by the peer. agreed, forced (closed by force),\n\
             breach: channels that ended, as the node remembers. online, flaps, changes of\n\
             fees: while this daemon ran. held: HTLCs offered to the peer that hung over\n\
             several looks; what lies beyond the peer may have held them. worth: over {}\n\
             days. Only the marks force_closed and breached can be matched by rules.\n\
             docs/peers.md says why.",
            table.fit(width),
            self.days
        )
    }
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let record = &self.record;
        let ended = &record.ended;
        let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.1}"));
        let span = |secs: u64| human_span(Duration::from_secs(secs));
        vec![
            self.income.name(),
            format!("{}+{}", record.open_by_us, record.open_by_peer),
            ended.closed_by_agreement.to_string(),
            ended.force_closed_by_us.to_string(),
            ended.force_closed_by_peer.to_string(),
            ended.breached_by_peer.to_string(),
            format!("{:.1} days", record.watched_days),
            record
                .uptime_share
                .map_or("-".to_owned(), |share| format!("{:.1}%", share * 100.0)),
            rate(record.flaps_per_week),
            rate(record.policy_changes_per_week),
            record.held_htlcs.to_string(),
            match record.held_longest_secs {
                0 => "-".to_owned(),
                secs => span(secs),
            },
            sat(sweetspot_core::types::units::Sat::rounded(self.income.worth_msat).0),
        ]
    }
}
