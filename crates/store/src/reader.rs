//! Reading the database from beside the daemon: what `status`, `explain` and
//! `prune` show. It never writes, and a running daemon does not notice it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};
use tracing::warn;

use super::changes::ChangeRow;
use super::columns::{from_json, number, point, scid_column};
use super::fault::Fault;
use super::flows::{self, ChannelFlow, Leg};
use super::forms::{ChannelForm, DecisionForm, Form};
use super::journal::CycleLogReader;
use super::open::{self, OpenError};
use super::{alias_pins, changes, day_totals, decided, forwards, odd_forwards, recall};
use sweetspot_core::decision::Decision;
use sweetspot_core::ports::{HistoryCursor, StoreError};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::day_total::{DayTotal, NodeDayTotal};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::BlockHeight;

/// A database opened for reading only.
#[derive(Debug)]
pub struct StoreReader {
    pub(super) path: PathBuf,
    pub(super) connection: Mutex<SqliteConnection>,
}

/// A channel as last seen.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownChannel {
    /// What the node said of it then.
    pub channel: Channel,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// Whether it was there in the newest observation.
    pub open: bool,
}

/// When the last finished cycle looked at the node, and what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCycle {
    /// When.
    pub at: Timestamp,
    /// The chain tip then.
    pub tip: BlockHeight,
}

impl StoreReader {
    /// Opens the database at `path` without changing it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        match open::for_reading(&path).await {
            Ok(connection) => Ok(Self {
                path,
                connection: Mutex::new(connection),
            }),
            Err(fault) => Err(OpenError { path, fault }),
        }
    }

    /// Writes a copy of the database as it is now to a new file, without the
    /// space that deleted rows left.
    pub async fn copy_to(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let path = path.as_ref().display().to_string();
        let done = sqlx::query("vacuum into ?")
            .bind(&path)
            .execute(&mut *self.connection.lock().await)
            .await;
        let done = done.map(|_| ()).map_err(Fault::from);
        self.named(&format!("cannot copy the database to {path}"), done)
    }

    /// Every channel ever seen, the open ones first, then by channel point.
    pub async fn channels(&self) -> Result<Vec<KnownChannel>, StoreError> {
        let found = known_channels(&mut *self.connection.lock().await).await;
        self.named("cannot read the channels", found)
    }

    /// The channels that `text` may mean: a channel point, a scid in either
    /// form, or the peer's alias (a whole alias before part of one, in any
    /// case). Empty if none does.
    pub async fn find(&self, text: &str) -> Result<Vec<KnownChannel>, StoreError> {
        let found = find(&mut *self.connection.lock().await, text).await;
        self.named("cannot look up a channel", found)
    }

    /// What the daemon remembers.
    pub async fn memory(&self) -> Result<Memory, StoreError> {
        let stored = recall::read(&mut *self.connection.lock().await).await;
        let stored = self.named("cannot read the stored state", stored)?;
        let recalled = stored.recall(self).await?;
        Ok(recalled.engine.into_memory())
    }

    /// The last finished cycle; `None` before the first.
    pub async fn last_cycle(&self) -> Result<Option<LastCycle>, StoreError> {
        let found = last_cycle(&mut *self.connection.lock().await).await;
        self.named("cannot read the last cycle", found)
    }

    /// How far the node's forwarding history was read.
    pub async fn cursor(&self) -> Result<Option<HistoryCursor>, StoreError> {
        let found = forwards::cursor(&mut *self.connection.lock().await).await;
        self.named("cannot read how far history goes", found)
    }

    /// Each open channel's newest decision.
    pub async fn last_decisions(&self) -> Result<BTreeMap<ChannelPoint, Decision>, StoreError> {
        let found = decided::last(&mut *self.connection.lock().await).await;
        self.named("cannot read the last decisions", found)
    }

    /// A channel's last `limit` decisions, newest first.
    pub async fn decisions(
        &self,
        point: ChannelPoint,
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError> {
        let ever = Timestamp::from_nanos(i64::MAX);
        self.decisions_until(point, ever, limit).await
    }

    /// A channel's last `limit` decisions up to `until`, newest first.
    pub async fn decisions_until(
        &self,
        point: ChannelPoint,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Decision>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = decided::of_channel(db, point, until, limit).await;
        self.named("cannot read decisions", found)
    }

    /// Each channel's newest fee change.
    pub async fn last_changes(&self) -> Result<BTreeMap<ChannelPoint, FeeChange>, StoreError> {
        let found = last_changes(&mut *self.connection.lock().await).await;
        self.named("cannot read the last fee changes", found)
    }

    /// The fee changes begun from `from` until before `until`, oldest first.
    pub async fn changes(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<(ChannelPoint, FeeChange)>, StoreError> {
        let found = changes::between(&mut *self.connection.lock().await, from, until).await;
        self.named("cannot read the fee changes", found)
    }

    /// A channel's last `limit` fee changes begun up to `until`, newest first.
    pub async fn channel_changes(
        &self,
        point: ChannelPoint,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<FeeChange>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = changes::of_channel(db, point, until, limit).await;
        self.named("cannot read the fee changes", found)
    }

    /// The forwards of each channel that settled from `from` until before
    /// `until`, by the scids known to mean it.
    pub async fn flows(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<ChannelPoint, ChannelFlow>, StoreError> {
        let found = flows::flows(&mut *self.connection.lock().await, from, until).await;
        self.named("cannot sum up the channels' forwards", found)
    }

    /// All forwards that settled from `from` until before `until`, each once,
    /// whether or not their channels are known; amounts are what went out.
    pub async fn total(&self, from: Timestamp, until: Timestamp) -> Result<Leg, StoreError> {
        let found = flows::total(&mut *self.connection.lock().await, from, until).await;
        self.named("cannot sum up all forwards", found)
    }

    /// What each scid forwarded on the UTC days from `from_day` until before
    /// `to_day`, by day, then scid.
    pub async fn day_totals(
        &self,
        from_day: i64,
        to_day: i64,
    ) -> Result<Vec<DayTotal>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = day_totals::of_channels(db, from_day, to_day).await;
        self.named("cannot read the channels' days", found)
    }

    /// What the whole node forwarded on these days, by day.
    pub async fn node_day_totals(
        &self,
        from_day: i64,
        to_day: i64,
    ) -> Result<Vec<NodeDayTotal>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = day_totals::of_node(db, from_day, to_day).await;
        self.named("cannot read the node's days", found)
    }

    /// The names by which rules know peers.
    pub async fn names(&self) -> Result<AliasPins, StoreError> {
        let found = alias_pins::load(&mut *self.connection.lock().await).await;
        self.named("cannot read the names of peers", found)
    }

    /// How many forwards were kept aside because they cannot be any.
    pub async fn quarantined(&self) -> Result<u64, StoreError> {
        let found = odd_forwards::count(&mut *self.connection.lock().await).await;
        self.named("cannot count the quarantined forwards", found)
    }

    /// The connection, for one read.
    pub(super) async fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        self.connection.lock().await
    }

    pub(super) fn named<T>(&self, action: &str, result: Result<T, Fault>) -> Result<T, StoreError> {
        result.map_err(|fault| StoreError {
            action: format!("{action} ({})", self.path.display()),
            reason: fault.to_string(),
            source: fault.into_source(),
        })
    }
}

async fn known_channels(db: &mut SqliteConnection) -> Result<Vec<KnownChannel>, Fault> {
    let rows: Vec<(i64, i64, bool, String)> = sqlx::query_as(
        "select first_seen_ns, last_seen_ns, is_open, seen from channels
         where seen is not null order by is_open desc, point",
    )
    .fetch_all(&mut *db)
    .await?;
    let mut channels = readable(rows.into_iter().map(|(first, last, open, body)| {
        Ok(KnownChannel {
            channel: from_json::<ChannelForm>("a channel", &body)?.into_core(),
            first_seen: Timestamp::from_nanos(first),
            last_seen: Timestamp::from_nanos(last),
            open,
        })
    }));
    // Their rows say how open channels were when they came.
    let log_reader = CycleLogReader::at_the_end(db).await?;
    if let Some(seen) = log_reader.last().map(|last| &last.seen) {
        for known in channels.iter_mut().filter(|known| known.open) {
            if let Some(channel) = seen.channels.get(&known.channel.point) {
                known.channel = channel.clone();
                known.last_seen = seen.at;
            }
        }
    }
    Ok(channels)
}

async fn find(db: &mut SqliteConnection, text: &str) -> Result<Vec<KnownChannel>, Fault> {
    let channels = known_channels(db).await?;
    let only = |point: ChannelPoint| {
        let mut found = channels.clone();
        found.retain(|known| known.channel.point == point);
        found
    };
    if let Ok(point) = text.parse::<ChannelPoint>() {
        return Ok(only(point));
    }
    if let Ok(scid) = text.parse::<Scid>()
        && let Some(point) = resolve(db, scid).await?
    {
        return Ok(only(point));
    }
    let wanted = CleanText::new(text).to_lowercase();
    let matching = |fits: &dyn Fn(&str) -> bool| {
        let mut found = channels.clone();
        found.retain(|known| fits(&known.channel.peer_name().to_lowercase()));
        found
    };
    let whole = matching(&|alias| alias == wanted);
    if whole.is_empty() && !wanted.is_empty() {
        return Ok(matching(&|alias| alias.contains(&wanted)));
    }
    Ok(whole)
}

async fn resolve(db: &mut SqliteConnection, scid: Scid) -> Result<Option<ChannelPoint>, Fault> {
    let text: Option<String> = sqlx::query_scalar(
        "select c.point from scids s join channels c on c.id = s.channel_id where s.scid = ?",
    )
    .bind(scid_column(scid))
    .fetch_optional(db)
    .await?;
    text.as_deref().map(point).transpose()
}

async fn last_cycle(db: &mut SqliteConnection) -> Result<Option<LastCycle>, Fault> {
    // Before the first cycle of this version, as an earlier one left it.
    let row: Option<(i64, i64)> = sqlx::query_as(
        "select * from (select at_ns, tip_height from turns order by id desc limit 1)
         union all select observed_at_ns, tip_height from node limit 1",
    )
    .fetch_optional(db)
    .await?;
    row.map(|(at, tip)| {
        Ok(LastCycle {
            at: Timestamp::from_nanos(at),
            tip: BlockHeight(number("a block height", tip)?),
        })
    })
    .transpose()
}

pub(super) fn parse_decisions(bodies: Vec<String>) -> Vec<Decision> {
    readable(bodies.into_iter().map(|body| {
        let form: DecisionForm = from_json("a decision", &body)?;
        Ok(form.into_core())
    }))
}

/// Passes over what another version wrote in a form that this one cannot read.
pub(super) fn readable<T>(rows: impl Iterator<Item = Result<T, Fault>>) -> Vec<T> {
    rows.filter_map(|row| {
        row.inspect_err(|fault| warn!(error = %fault, "skipping an unreadable row"))
            .ok()
    })
    .collect()
}

async fn last_changes(
    db: &mut SqliteConnection,
) -> Result<BTreeMap<ChannelPoint, FeeChange>, Fault> {
    let rows: Vec<ChangeRow> = sqlx::query_as(
        "select w.*, c.point from channels c join writes w on w.id = (
             select max(id) from writes where channel_id = c.id)",
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(ChangeRow::change).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::SqliteStore;
    use crate::fixtures::*;
    use sweetspot_core::ports::{CycleRecord, Store};
    use sweetspot_core::testing::{channel, point};
    use sweetspot_core::types::fee_change::Stage;
    use sweetspot_core::types::observation::Forward;
    use sweetspot_core::types::units::Msat;

    async fn place() -> (TempDir, SqliteStore, StoreReader) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("db");
        let store = SqliteStore::open(&path).await.expect("opens");
        let reader = StoreReader::open(&path).await.expect("opens");
        (directory, store, reader)
    }

    async fn cycle(store: &SqliteStore, secs: i64, channels: &[u8], decisions: &[Decision]) {
        let record = CycleRecord {
            input: &input(secs, channels),
            decisions,
            checkpoint: Some(&checkpoint(channels)),
        };
        store.record_cycle(record).await.expect("stores");
    }

    #[tokio::test]
    async fn a_database_without_history_reads_as_empty() {
        let (_directory, _store, reader) = place().await;
        assert_eq!(reader.channels().await.expect("reads"), []);
        assert_eq!(reader.last_cycle().await.expect("reads"), None);
        assert_eq!(reader.cursor().await.expect("reads"), None);
        assert_eq!(reader.memory().await.expect("reads"), Memory::default());
        let nothing = Leg::default();
        assert_eq!(reader.total(at(0), at(9)).await.expect("reads"), nothing);
    }

    #[tokio::test]
    async fn a_channel_that_vanishes_is_closed_and_its_history_stays() {
        let (_directory, store, reader) = place().await;
        cycle(&store, 10, &[1, 2], &[hold(1, 10)]).await;
        cycle(&store, 20, &[2], &[]).await;
        let known = |n, first, last, open| KnownChannel {
            channel: channel(n),
            first_seen: at(first),
            last_seen: at(last),
            open,
        };
        let both = [known(2, 10, 20, true), known(1, 10, 10, false)];
        assert_eq!(reader.channels().await.expect("reads"), both);
        assert_eq!(
            reader.decisions(point(1), 5).await.expect("reads"),
            [hold(1, 10)]
        );
        let last = reader.last_cycle().await.expect("reads").expect("a cycle");
        assert_eq!((last.at, last.tip), (at(20), BlockHeight(850_000)));
        let remembered = store.load().await.expect("loads").engine.into_memory();
        assert!(remembered.channels.contains_key(&point(2)));
        assert_eq!(reader.memory().await.expect("reads"), remembered);
    }

    #[tokio::test]
    async fn a_channel_is_shown_as_it_was_in_the_last_cycle() {
        let (_directory, store, reader) = place().await;
        cycle(&store, 10, &[1], &[]).await;
        let mut later = input(20, &[1]);
        for channel in later.seen.channels.values_mut() {
            channel.active = false;
        }
        let record = CycleRecord {
            input: &later,
            decisions: &[],
            checkpoint: None,
        };
        store.record_cycle(record).await.expect("stores");
        let known = reader.channels().await.expect("reads").remove(0);
        assert!(!known.channel.active);
        assert_eq!((known.first_seen, known.last_seen), (at(10), at(20)));
    }

    #[tokio::test]
    async fn what_changed_a_fee_is_found_when_the_turns_have_dropped_it() {
        let (_directory, store, reader) = place().await;
        let day = 86_400;
        cycle(&store, day, &[1], &[change(1, day)]).await;
        cycle(&store, day + 300, &[1], &[hold(1, day + 300)]).await;
        cycle(&store, 30 * day, &[1], &[hold(1, 30 * day)]).await;
        store.thin(at(30 * day)).await.expect("thins");
        let found = reader.decisions(point(1), 5).await.expect("reads");
        assert_eq!(found, [hold(1, 30 * day), change(1, day)]);
        let until = at(29 * day);
        let found = reader.decisions_until(point(1), until, 5).await;
        assert_eq!(found.expect("reads"), [change(1, day)]);
    }

    #[tokio::test]
    async fn decisions_come_newest_first_with_every_term() {
        let (_directory, store, reader) = place().await;
        cycle(&store, 10, &[1, 2], &[hold(1, 10), change(2, 10)]).await;
        cycle(&store, 20, &[1, 2], &[change(1, 20)]).await;
        cycle(&store, 30, &[1, 2], &[hold(1, 30)]).await;
        assert_eq!(
            reader.decisions(point(1), 2).await.expect("reads"),
            [hold(1, 30), change(1, 20)]
        );
        let last = reader.last_decisions().await.expect("reads");
        let each = [(point(1), hold(1, 30)), (point(2), change(2, 10))];
        assert_eq!(last, BTreeMap::from(each));
    }

    #[tokio::test]
    async fn the_last_fee_change_shows_how_it_ended() {
        let (_directory, store, reader) = place().await;
        let record = async |change: &FeeChange| {
            let stored = store.record_change(point(1), change).await;
            stored.expect("stores");
        };
        record(&intended(10)).await;
        let ended = intended(10).ended(Stage::Refused, at(11), "no edge");
        record(&ended).await;
        let last = async || reader.last_changes().await.expect("reads")[&point(1)].clone();
        assert_eq!(last().await, ended);
        record(&intended(20)).await;
        assert_eq!(last().await, intended(20));
    }

    #[tokio::test]
    async fn a_channel_earns_what_leaves_by_it_under_any_of_its_names() {
        let (_directory, store, reader) = place().await;
        let alias = Scid(u64::MAX - 1);
        store.add_ids(&names(&[1, 2])).await.expect("stores");
        store.add_ids(&[(alias, point(2))]).await.expect("stores");
        let stray = Scid(99);
        let forwards = [
            forward(9),
            forward(10),
            Forward {
                scid_out: alias,
                ..forward(11)
            },
            Forward {
                scid_out: stray,
                ..forward(12)
            },
            forward(20),
        ];
        store
            .add_forwards(&forwards, cursor(0, 20))
            .await
            .expect("stores");
        let leg = |count, amount, fees| Leg {
            count,
            amount: Msat(amount),
            fees: Msat(fees),
        };
        let flows = reader.flows(at(10), at(20)).await.expect("reads");
        let incoming = ChannelFlow {
            incoming: leg(3, 3_003_000, 3_000),
            ..ChannelFlow::default()
        };
        let outgoing = ChannelFlow {
            outgoing: leg(2, 2_000_000, 2_000),
            ..ChannelFlow::default()
        };
        let each = [(point(1), incoming), (point(2), outgoing)];
        assert_eq!(flows, BTreeMap::from(each));
        let total = reader.total(at(10), at(20)).await.expect("reads");
        assert_eq!(total, leg(3, 3_000_000, 3_000));
    }

    #[tokio::test]
    async fn a_sum_that_no_number_holds_is_the_largest() {
        let (_directory, store, reader) = place().await;
        store.add_ids(&names(&[1, 2])).await.expect("stores");
        let all_bitcoin = Msat(2_100_000_000_000_000_000);
        let forwards: Vec<Forward> = (1..=20)
            .map(|secs| Forward {
                amount_in: all_bitcoin,
                amount_out: all_bitcoin,
                fee: Msat(3),
                ..forward(secs)
            })
            .collect();
        let stored = store.add_forwards(&forwards, cursor(0, 20)).await;
        stored.expect("stores");
        let total = async |until| reader.total(at(1), at(until)).await.expect("reads");
        let within = total(6).await;
        assert_eq!(within.amount, Msat(5 * all_bitcoin.0));
        let beyond = total(21).await;
        assert_eq!((beyond.count, beyond.amount), (20, Msat(u64::MAX)));
        assert_eq!(beyond.fees, Msat(60));
        let flows = reader.flows(at(1), at(21)).await.expect("reads");
        assert_eq!(flows[&point(1)].incoming.amount, Msat(u64::MAX));
    }

    #[tokio::test]
    async fn a_channel_is_found_by_each_of_its_names() {
        let (_directory, store, reader) = place().await;
        let alias = Scid(16_000_000 << 40);
        store.add_ids(&names(&[1, 2, 11])).await.expect("stores");
        store.add_ids(&[(alias, point(2))]).await.expect("stores");
        cycle(&store, 10, &[1, 2, 11], &[]).await;
        let found = async |text: &str| -> Vec<ChannelPoint> {
            let found = reader.find(text).await.expect("reads");
            found.into_iter().map(|known| known.channel.point).collect()
        };
        assert_eq!(found(&point(2).to_string()).await, [point(2)]);
        assert_eq!(found("800002x1x0").await, [point(2)]);
        assert_eq!(found(&alias.0.to_string()).await, [point(2)]);
        assert_eq!(found("PEER-1").await, [point(1)]);
        assert_eq!(found("eer-1").await, [point(1), point(11)]);
        assert_eq!(found("nobody").await, []);
        assert_eq!(found("").await, []);
    }
}
