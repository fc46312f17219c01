//! Reading the database from beside the daemon: what `status`, `explain` and
//! `prune` show. It never writes, and a running daemon does not notice it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};
use tracing::warn;

use super::aside::aside;
use super::columns::{from_json, number, point, scid_column};
use super::fault::Fault;
use super::flows::{self, Leg};
use super::forms::{ChannelForm, DecisionForm, Form};
use super::journal::CycleLogReader;
use super::open::{self, OpenError};
use super::{
    alias_pins, changes, day_totals, decided, forwards, journal, latches, market, odd_forwards,
    recall,
};
use sweetspot_core::decision::Decision;
use sweetspot_core::money::costs::MEASURED_OVER;
use sweetspot_core::ports::{HistoryCursor, StoreError};
use sweetspot_core::settings::alias_pins::AliasPins;
use sweetspot_core::settings::latches::Latches;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::state::market::NodeMarket;
use sweetspot_core::state::memory::Memory;
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::day_total::{DayTotal, NodeDayTotal};
use sweetspot_core::types::fee_change::FeeChange;
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::BlockHeight;

/// A read of several statements.
type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A database opened for reading only.
#[derive(Debug)]
pub struct StoreReader {
    pub(super) path: PathBuf,
    pub(super) connection: Mutex<SqliteConnection>,
    /// Whether everything is read as it was at one moment.
    pub(super) frozen: AtomicBool,
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
                frozen: AtomicBool::new(false),
            }),
            Err(fault) => Err(OpenError { path, fault }),
        }
    }

    /// Adds to `layers` what is remembered beside the settings file: the names by
    /// which rules know peers, which conditions hold, what peers did, orders, and what
    /// moving liquidity has cost.
    pub async fn recall_into(
        &self,
        layers: &mut SettingsLayers,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        layers.remembered.names = self.names().await?;
        layers.remembered.latches = self.latches().await?;
        layers.remembered.marks = self.marks().await?;
        layers.orders = self.orders().await?;
        layers.moved_in = self.moved_in(now.minus(MEASURED_OVER), now).await?;
        Ok(())
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
        let found = known_channels(self).await;
        self.named("cannot read the channels", found)
    }

    /// The channels that `text` may mean: a channel point, a scid in either
    /// form, or the peer's alias (a whole alias before part of one, in any
    /// case). Empty if none does.
    pub async fn find(&self, text: &str) -> Result<Vec<KnownChannel>, StoreError> {
        let all = self.channels().await?;
        self.find_among(&all, text).await
    }

    /// The same among channels that were read already.
    pub async fn find_among(
        &self,
        all: &[KnownChannel],
        text: &str,
    ) -> Result<Vec<KnownChannel>, StoreError> {
        let found = find(&mut *self.connection.lock().await, all, text).await;
        self.named("cannot look up a channel", found)
    }

    /// What the daemon remembers.
    pub async fn memory(&self) -> Result<Memory, StoreError> {
        let stored = recall::read(&mut *self.connection.lock().await).await;
        let stored = self.named("cannot read the stored state", stored)?;
        let recalled = stored.recall(self).await?;
        Ok(recalled.engine.into_memory())
    }

    /// The node's part in the market, as remembered.
    pub async fn market(&self) -> Result<NodeMarket, StoreError> {
        let found = market::last(&mut *self.connection.lock().await).await;
        match self.named("cannot read the market", found)? {
            Some(market) => Ok(market),
            None => Ok(self.memory().await?.node.market),
        }
    }

    /// The last finished cycle; `None` before the first.
    pub async fn last_cycle(&self) -> Result<Option<LastCycle>, StoreError> {
        let found = last_cycle(&mut *self.connection.lock().await).await;
        self.named("cannot read the last cycle", found)
    }

    /// The public key of the node that the database is bound to; `None` before the first
    /// cycle.
    pub async fn bound_node(&self) -> Result<Option<String>, StoreError> {
        let found = sqlx::query_scalar("select pubkey from identity")
            .fetch_optional(&mut *self.connection.lock().await)
            .await;
        self.named(
            "cannot read whose database it is",
            found.map_err(Fault::from),
        )
    }

    /// How far the node's forwarding history was read.
    pub async fn cursor(&self) -> Result<Option<HistoryCursor>, StoreError> {
        let found = forwards::cursor(&mut *self.connection.lock().await).await;
        self.named("cannot read how far history goes", found)
    }

    /// Each open channel's newest decision.
    pub async fn last_decisions(&self) -> Result<BTreeMap<ChannelPoint, Decision>, StoreError> {
        let found = decided::last(self).await;
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
        let found = changes::last(&mut *self.connection.lock().await).await;
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

    /// How many fee changes begun from `from` until before `until` were confirmed, and how
    /// many came to another end.
    pub async fn count_ended_changes(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let found = changes::count_ended(&mut *self.connection.lock().await, from, until).await;
        self.named("cannot count the fee changes", found)
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

    /// All forwards that settled from `from` until before `until`, each once,
    /// whether or not their channels are known; amounts are what went out.
    pub async fn total(&self, from: Timestamp, until: Timestamp) -> Result<Leg, StoreError> {
        self.at_one_moment("cannot sum up all forwards", |db| {
            Box::pin(flows::total(db, from, until))
        })
        .await
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

    /// The UTC days from `from_day` on, on which something passed by each scid.
    pub async fn days_of_channels(
        &self,
        from_day: i64,
    ) -> Result<Vec<(Scid, Vec<i64>)>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = day_totals::days_of_channels(db, from_day).await;
        self.named("cannot read the days of forwards", found)
    }

    /// What one channel forwarded on these days, by day.
    pub async fn channel_day_totals(
        &self,
        point: ChannelPoint,
        from_day: i64,
        to_day: i64,
    ) -> Result<Vec<DayTotal>, StoreError> {
        let db = &mut *self.connection.lock().await;
        let found = day_totals::of_channel(db, point, from_day, to_day).await;
        self.named("cannot read the channel's days", found)
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

    /// Which conditions on balances hold.
    async fn latches(&self) -> Result<Latches, StoreError> {
        let found = latches::load(&mut *self.connection.lock().await).await;
        self.named("cannot read which conditions hold", found)
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

    /// Reads with several statements what was there at one moment: between two of them
    /// the daemon may pack forwards.
    pub(super) async fn at_one_moment<T, R>(&self, action: &str, read: R) -> Result<T, StoreError>
    where
        R: for<'a> FnOnce(&'a mut SqliteConnection) -> Reading<'a, T> + Send,
        T: Send,
    {
        let db = &mut *self.connection.lock().await;
        if self.frozen.load(Ordering::Relaxed) {
            return self.named(action, read(db).await);
        }
        let found = async {
            let mut moment = db.begin().await?;
            let found = read(&mut moment).await?;
            moment.commit().await?;
            Ok(found)
        };
        let found = found.await;
        self.named(action, found)
    }

    pub(super) fn named<T>(&self, action: &str, result: Result<T, Fault>) -> Result<T, StoreError> {
        result.map_err(|fault| StoreError {
            action: format!("{action} ({})", self.path.display()),
            reason: fault.to_string(),
            source: fault.into_source(),
        })
    }
}

async fn known_channels(store: &StoreReader) -> Result<Vec<KnownChannel>, Fault> {
    let mut db = store.connection().await;
    let turns = journal::since_last_beginning(&mut db, i64::MAX).await?;
    // What a row says of a channel is how it was when it came: of those that the last
    // cycle saw it need not be read, if that can be.
    let rows: Vec<(i64, i64, bool, String, Option<String>)> = sqlx::query_as(
        "select first_seen_ns, last_seen_ns, is_open, point, iif(is_open and ?, null, seen)
         from channels where seen is not null order by is_open desc, point",
    )
    .bind(!turns.is_empty())
    .fetch_all(&mut *db)
    .await?;
    drop(db);
    let log_reader = aside("the journal", move || CycleLogReader::after(&turns)).await?;
    let last = log_reader.last().map(|last| &last.seen);
    let mut channels = vec![];
    for (first, last_seen, open, name, body) in rows {
        let seen = last.filter(|_| open).and_then(|last| {
            let channel = last.channels.get(&name.parse().ok()?)?;
            Some((channel.clone(), last.at))
        });
        let known = match (seen, body) {
            (Some(seen), _) => Ok(seen),
            (None, body) => {
                let body = match body {
                    Some(body) => body,
                    None => seen_at_first(&mut *store.connection().await, &name).await?,
                };
                from_json::<ChannelForm>("a channel", &body)
                    .map(|form| (form.into_core(), Timestamp::from_nanos(last_seen)))
            }
        };
        let known = known.map(|(channel, last_seen)| KnownChannel {
            channel,
            first_seen: Timestamp::from_nanos(first),
            last_seen,
            open,
        });
        channels.extend(readable(std::iter::once(known)));
    }
    Ok(channels)
}

/// How a channel was when it came.
async fn seen_at_first(db: &mut SqliteConnection, name: &str) -> Result<String, Fault> {
    let body = sqlx::query_scalar("select seen from channels where point = ?")
        .bind(name)
        .fetch_one(db)
        .await?;
    Ok(body)
}

async fn find(
    db: &mut SqliteConnection,
    all: &[KnownChannel],
    text: &str,
) -> Result<Vec<KnownChannel>, Fault> {
    let those = |fits: &dyn Fn(&Channel) -> bool| -> Vec<KnownChannel> {
        let fits = all.iter().filter(|known| fits(&known.channel));
        fits.cloned().collect()
    };
    if let Ok(point) = text.parse::<ChannelPoint>() {
        return Ok(those(&|channel| channel.point == point));
    }
    if let Ok(scid) = text.parse::<Scid>()
        && let Some(point) = resolve(db, scid).await?
    {
        return Ok(those(&|channel| channel.point == point));
    }
    let wanted = CleanText::new(text).to_lowercase();
    let matching =
        |fits: &dyn Fn(&str) -> bool| those(&|channel| fits(&channel.peer_name().to_lowercase()));
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

#[cfg(test)]
mod tests;
