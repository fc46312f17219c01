//! What the node earned over some days, against as many before: by day and by
//! channel, with what came of fee changes. UTC days, whole ones; today stands
//! apart.

mod daily;
mod outcomes;
mod own_nodes;
mod paid;
mod peers;
mod shown;
mod window;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::format::times;
use crate::json::{Ids, SCHEMA};
use sweetspot_core::money::change::{Trend, relative, trend};
use sweetspot_core::money::worth::{ASSIST_SHARE, worth_msat, yield_per_year};
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::Msat;
use sweetspot_store::{ChannelFlow, KnownChannel, Ledger, StoreReader};

pub use daily::{DailyNews, log as log_daily};
pub use outcomes::{ChangeReport, outcomes};
pub use own_nodes::{Group, OwnNode};
pub use paid::{ChannelPaid, Paid};
pub use peers::{PeerReport, by_peer};
pub use shown::{csv_field, sat, yearly};
pub use window::Window;

/// One UTC day of the node.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Day {
    /// Its first moment.
    #[serde(serialize_with = "times")]
    pub day: Timestamp,
    /// How many forwards.
    pub forwards: u64,
    /// What went out.
    pub sold_msat: u64,
    /// What it earned.
    pub earned_msat: u64,
}

/// What a period came to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sum {
    /// How many forwards.
    pub forwards: u64,
    /// What went out.
    pub sold_msat: u64,
    /// What that earned.
    pub earned_msat: u64,
}

impl Sum {
    /// What two nodes came to.
    pub fn plus(self, other: Self) -> Self {
        Self {
            forwards: self.forwards.saturating_add(other.forwards),
            sold_msat: self.sold_msat.saturating_add(other.sold_msat),
            earned_msat: self.earned_msat.saturating_add(other.earned_msat),
        }
    }
}

/// One channel over the period.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelReport {
    /// Which it is.
    #[serde(flatten)]
    pub ids: Ids,
    /// Whether it is open.
    pub open: bool,
    /// Forwards that left by it.
    pub forwards_out: u64,
    /// What left by it.
    pub sold_msat: u64,
    /// What that earned.
    pub earned_msat: u64,
    /// Forwards that came in by it.
    pub forwards_in: u64,
    /// What came in by it.
    pub brought_msat: u64,
    /// What those earned for the channels they left by.
    pub assist_msat: u64,
    /// Its part: of each forward, half for the way in and half for the way out.
    pub worth_msat: f64,
    /// The local balance, on average over the period.
    pub mean_local_sat: Option<f64>,
    /// Its part over that, as a share a year; null where it binds next to nothing.
    pub yield_per_year: Option<f64>,
    /// What it earned in the period before; null where that is not known.
    pub earned_before_msat: Option<u64>,
    /// What was paid for it, and what it could not serve.
    #[serde(flatten)]
    pub paid: ChannelPaid,
}

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema: u32,
    /// The first moment of the period ...
    #[serde(serialize_with = "times")]
    pub from: Timestamp,
    /// ... and the first after it.
    #[serde(serialize_with = "times")]
    pub until: Timestamp,
    /// Whole days in it.
    pub days: u32,
    /// From when on forwards are known.
    #[serde(serialize_with = "times")]
    pub known_from: Option<Timestamp>,
    /// The node over the period.
    pub node: Sum,
    /// The node over as many days before; null where they are not all known.
    pub before: Option<Sum>,
    /// The relative change; null where there is nothing to compare with.
    pub change: Option<f64>,
    /// What is to be said of it.
    pub trend: Trend,
    /// What the node's local balances earned, as a share a year.
    pub yield_per_year: Option<f64>,
    /// What was paid in the period.
    pub paid: Paid,
    /// What counts for the channel that a forward came in by.
    pub assist_share: f64,
    /// Today so far.
    pub today: Day,
    /// Each day of the period, the latest first.
    pub by_day: Vec<Day>,
    /// Each channel with a forward, and each open one; the best earner first.
    pub channels: Vec<ChannelReport>,
    /// The same by peer, for peers with more than one channel.
    pub peers: Vec<PeerReport>,
    /// All nodes of the operator as one, if there are others.
    pub group: Option<Group>,
    /// Fee changes confirmed in the period.
    pub changes_confirmed: u64,
    /// Fee updates that came to nothing in it.
    pub changes_failed: u64,
    /// Changes of which something can be said, the latest first.
    pub outcomes: Vec<ChangeReport>,
}

impl Report {
    /// Of the last `days` whole UTC days before `now`.
    pub async fn gather(
        store: &StoreReader,
        now: Timestamp,
        days: u32,
    ) -> Result<Self, StoreError> {
        let known = store.channels().await?;
        let mut report = Self::sums(store, &known, now, days).await?;
        report.outcomes = outcomes(store, &known, report.from, now).await?;
        Ok(report)
    }

    /// The same without what came of each fee change, which takes most of the time.
    pub async fn sums(
        store: &StoreReader,
        known: &[KnownChannel],
        now: Timestamp,
        days: u32,
    ) -> Result<Self, StoreError> {
        let today = now.utc_day();
        let first = today - i64::from(days);
        let (from, until) = (Timestamp::of_utc_day(first), Timestamp::of_utc_day(today));
        let earlier = Timestamp::of_utc_day(first - i64::from(days));
        let cursor = store.cursor().await?;
        let known_from = cursor.map(|cursor| cursor.from);
        let known_before = known_from.is_some_and(|known| known <= earlier);
        let ledger = store.ledger(from, until).await?;
        let before = match known_before {
            true => Some(store.ledger(earlier, from).await?),
            false => None,
        };
        let locals = store.mean_local_sat(from, now).await?;
        let by_day = days_of(store, first, today).await?;
        let days_before = match known_before {
            true => days_of(store, first - i64::from(days), first).await?,
            false => vec![],
        };
        let fees =
            |days: &[Day]| -> Vec<Msat> { days.iter().map(|day| Msat(day.earned_msat)).collect() };
        let node = Sum::of(&ledger);
        let node_before = before.as_ref().map(Sum::of);
        let capital: f64 = known
            .iter()
            .filter(|known| known.open)
            .map(|known| local_of(&locals, known))
            .sum();
        let paid = paid::Books::gather(store, from, until).await?;
        let period = Period {
            paid: &paid,
            days: f64::from(days),
            ledger: &ledger,
            before: before.as_ref(),
            locals: &locals,
        };
        let mut channels: Vec<ChannelReport> = known
            .iter()
            .filter_map(|known| period.channel(known))
            .collect();
        channels.sort_by(|a, b| b.worth_msat.total_cmp(&a.worth_msat));
        let (changes_confirmed, changes_failed) = store.count_ended_changes(from, now).await?;
        Ok(Self {
            schema: SCHEMA,
            from,
            until,
            days,
            known_from,
            node,
            before: node_before,
            change: node_before
                .and_then(|before| relative(Msat(before.earned_msat), Msat(node.earned_msat))),
            trend: trend(&fees(&days_before), &fees(&by_day)),
            yield_per_year: yield_per_year(Msat(node.earned_msat).as_f64(), capital, period.days),
            paid: paid.of_node(node.earned_msat),
            assist_share: ASSIST_SHARE,
            today: days_of(store, today, today + 1)
                .await?
                .pop()
                .unwrap_or_else(|| Day::empty(today)),
            by_day,
            peers: several(&channels),
            channels,
            group: None,
            changes_confirmed,
            changes_failed,
            outcomes: vec![],
        })
    }
}

/// The last `count` whole UTC days before `now`, the latest first.
pub async fn days_before(
    store: &StoreReader,
    now: Timestamp,
    count: u32,
) -> Result<Vec<Day>, StoreError> {
    let today = now.utc_day();
    days_of(store, today - i64::from(count), today).await
}

/// Each day from `first` until before `after`, the latest first; those without a
/// forward too.
async fn days_of(store: &StoreReader, first: i64, after: i64) -> Result<Vec<Day>, StoreError> {
    let found = store.node_day_totals(first, after).await?;
    let mut days: BTreeMap<i64, Day> = (first..after).map(|day| (day, Day::empty(day))).collect();
    for total in found {
        days.insert(
            total.day,
            Day {
                day: Timestamp::of_utc_day(total.day),
                forwards: total.forwards,
                sold_msat: total.sold.0,
                earned_msat: total.fees.0,
            },
        );
    }
    Ok(days.into_values().rev().collect())
}

impl Day {
    fn empty(day: i64) -> Self {
        Self {
            day: Timestamp::of_utc_day(day),
            forwards: 0,
            sold_msat: 0,
            earned_msat: 0,
        }
    }
}

impl Sum {
    fn of(ledger: &Ledger) -> Self {
        Self {
            forwards: ledger.node.count,
            sold_msat: ledger.node.amount.0,
            earned_msat: ledger.node.fees.0,
        }
    }
}

/// The peers with more than one channel: of others, the channel's line says it all.
fn several(channels: &[ChannelReport]) -> Vec<PeerReport> {
    let mut peers = by_peer(channels);
    peers.retain(|peer| peer.channel_count > 1);
    peers
}

/// What a channel held on our side, on average; as it is now, where no balance of
/// the period is known.
pub fn local_of(locals: &BTreeMap<ChannelPoint, f64>, known: &KnownChannel) -> f64 {
    let now = known.channel.local_balance.as_f64();
    locals.get(&known.channel.point).copied().unwrap_or(now)
}

struct Period<'a> {
    paid: &'a paid::Books,
    days: f64,
    ledger: &'a Ledger,
    before: Option<&'a Ledger>,
    locals: &'a BTreeMap<ChannelPoint, f64>,
}

impl Period<'_> {
    /// `None` for a closed channel without a forward.
    fn channel(&self, known: &KnownChannel) -> Option<ChannelReport> {
        let point = known.channel.point;
        let flow = self.ledger.channels.get(&point).copied();
        if flow.is_none() && !known.open {
            return None;
        }
        let ChannelFlow { incoming, outgoing } = flow.unwrap_or_default();
        let local = self.locals.get(&point).copied();
        let worth = worth_msat(outgoing.fees, incoming.fees);
        let capital = local_of(self.locals, known);
        Some(ChannelReport {
            ids: Ids::of(&known.channel),
            open: known.open,
            forwards_out: outgoing.count,
            sold_msat: outgoing.amount.0,
            earned_msat: outgoing.fees.0,
            forwards_in: incoming.count,
            brought_msat: incoming.amount.0,
            assist_msat: incoming.fees.0,
            worth_msat: worth,
            mean_local_sat: local,
            yield_per_year: yield_per_year(worth, capital, self.days),
            earned_before_msat: self.before.map(|before| {
                let flow = before.channels.get(&point).copied();
                flow.unwrap_or_default().outgoing.fees.0
            }),
            paid: self.paid.of_channel(point, worth, capital, self.days),
        })
    }
}
