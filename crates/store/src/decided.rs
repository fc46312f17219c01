//! Reading decisions: all of the last week from the journal, and what changed a fee,
//! or would have, from before.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::sqlite::SqliteConnection;

use super::StoreReader;
use super::aside::aside;
use super::columns::{from_json, point};
use super::deflated::inflate;
use super::fault::Fault;
use super::forms::{DecisionForm, Form, PointForm};
use super::reader::{parse_decisions, readable};
use sweetspot_core::decision::Decision;
use sweetspot_core::ports::StoreError;
use sweetspot_core::types::channel::ChannelPoint;
use sweetspot_core::types::time::Timestamp;

/// Turns read at once: a channel is decided every few.
const TURNS_PER_READ: u32 = 16;

/// The turns among which each channel's last decision is looked for: a day of them.
const TURNS_LOOKED_AT: usize = 300;

/// Turns with their decisions, newest first.
struct Backwards {
    /// The turn read last.
    before: i64,
    until_ns: i64,
}

impl Backwards {
    fn new(until: Timestamp) -> Self {
        Self {
            before: i64::MAX,
            until_ns: until.nanos(),
        }
    }

    /// The next turns, as they are stored; empty at the end.
    async fn read(&mut self, db: &mut SqliteConnection) -> Result<Vec<Vec<u8>>, Fault> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select turn_id, body from turn_decisions join turns on id = turn_id
             where turn_id < ? and at_ns <= ? order by turn_id desc limit ?",
        )
        .bind(self.before)
        .bind(self.until_ns)
        .bind(TURNS_PER_READ)
        .fetch_all(db)
        .await?;
        self.before = rows.last().map_or(self.before, |(id, _)| *id);
        Ok(rows.into_iter().map(|(_, bytes)| bytes).collect())
    }
}

/// Whose decision a text is.
#[derive(Deserialize)]
struct Whose {
    point: PointForm,
}

/// The decisions of a turn, as they are read out of its text; none of one that another
/// version wrote in a form that this one cannot read.
fn decisions_in(
    turn: &[u8],
    read: impl FnOnce(&str) -> Result<Vec<Decision>, Fault>,
) -> Vec<Decision> {
    let read = inflate(turn).and_then(|text| read(&text));
    let readable = readable(std::iter::once(read));
    readable.into_iter().flatten().collect()
}

/// The wanted ones of a turn's decisions.
fn wanted_in(text: &str, is_wanted: impl Fn(ChannelPoint) -> bool) -> Result<Vec<Decision>, Fault> {
    let what = "decisions";
    let all: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| Fault::unreadable(what, error))?;
    let mut found = vec![];
    for one in all {
        let whose: Whose = from_json(what, one.get())?;
        // Most are of other channels, and reading a whole one takes far longer.
        if is_wanted(whose.point.into_core()) {
            found.push(from_json::<DecisionForm>(what, one.get())?.into_core());
        }
    }
    Ok(found)
}

/// A channel's last `limit` decisions up to `until`, newest first.
pub(super) async fn of_channel(
    db: &mut SqliteConnection,
    point: ChannelPoint,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Decision>, Fault> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found: Vec<Decision> = vec![];
    let mut backwards = Backwards::new(until);
    // Most turns decide other channels only.
    let name = point.to_string();
    while found.len() < limit {
        let turns = backwards.read(&mut *db).await?;
        if turns.is_empty() {
            break;
        }
        let of_it = |text: &str| match text.contains(&name) {
            true => wanted_in(text, |other| other == point),
            false => Ok(vec![]),
        };
        let decisions = turns.iter().flat_map(|turn| decisions_in(turn, of_it));
        let left = limit - found.len();
        found.extend(decisions.take(left));
    }
    let missing = u32::try_from(limit - found.len()).unwrap_or(u32::MAX);
    let bodies: Vec<String> = sqlx::query_scalar(
        "select d.body from decisions d join channels c on c.id = d.channel_id
         where c.point = ? and d.at_ns <= ? and (d.turn_id is null or d.turn_id < ?)
         order by d.id desc limit ?",
    )
    .bind(name)
    .bind(until.nanos())
    .bind(backwards.before)
    .bind(missing)
    .fetch_all(db)
    .await?;
    found.extend(parse_decisions(bodies));
    Ok(found)
}

/// Each open channel's newest decision.
pub(super) async fn last(store: &StoreReader) -> Result<BTreeMap<ChannelPoint, Decision>, Fault> {
    let open: Vec<String> = sqlx::query_scalar("select point from channels where is_open = 1")
        .fetch_all(&mut *store.connection().await)
        .await?;
    let open = open.iter().map(|text| point(text));
    let mut search = Search {
        missing: open.collect::<Result<_, Fault>>()?,
        found: BTreeMap::new(),
    };
    let mut backwards = Backwards::new(Timestamp::from_nanos(i64::MAX));
    let mut looked_at = 0;
    while !search.missing.is_empty() && looked_at < TURNS_LOOKED_AT {
        let turns = backwards.read(&mut *store.connection().await).await?;
        if turns.is_empty() {
            break;
        }
        looked_at += turns.len();
        search = aside("decisions", move || search.among(&turns)).await?;
    }
    let Search { missing, mut found } = search;
    let db = &mut *store.connection().await;
    for point in missing {
        let body: Option<String> = sqlx::query_scalar(
            "select d.body from decisions d join channels c on c.id = d.channel_id
             where c.point = ? order by d.id desc limit 1",
        )
        .bind(point.to_string())
        .fetch_optional(&mut *db)
        .await?;
        let older = parse_decisions(body.into_iter().collect());
        found.extend(older.into_iter().map(|decision| (point, decision)));
    }
    Ok(found)
}

/// Each channel's newest decision, as far as it was found.
struct Search {
    missing: BTreeSet<ChannelPoint>,
    found: BTreeMap<ChannelPoint, Decision>,
}

impl Search {
    /// What is found in these turns, newest first, and what is still missing.
    fn among(mut self, turns: &[Vec<u8>]) -> Self {
        for turn in turns {
            if self.missing.is_empty() {
                break;
            }
            let is_wanted = |point| self.missing.contains(&point);
            for decision in decisions_in(turn, |text| wanted_in(text, is_wanted)) {
                if self.missing.remove(&decision.point) {
                    self.found.insert(decision.point, decision);
                }
            }
        }
        self
    }
}

/// The decisions that led to the fee changes begun from `from` until before `until`, by
/// channel and the moment of the change; only those of one channel, if it is named.
async fn behind_changes(
    db: &mut SqliteConnection,
    of: Option<ChannelPoint>,
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<(ChannelPoint, Timestamp), Decision>, Fault> {
    let changes: Vec<(i64, String, i64)> = sqlx::query_as(
        "select w.turn_id, c.point, w.at_ns from writes w join channels c on c.id = w.channel_id
         where w.at_ns >= ?1 and w.at_ns < ?2 and w.turn_id is not null
             and (?3 is null or c.point = ?3)",
    )
    .bind(from.nanos())
    .bind(until.nanos())
    .bind(of.map(|point| point.to_string()))
    .fetch_all(&mut *db)
    .await?;
    let mut by_turn: BTreeMap<i64, BTreeMap<ChannelPoint, Timestamp>> = BTreeMap::new();
    for (turn, text, at) in changes {
        let of_turn = by_turn.entry(turn).or_default();
        of_turn.insert(point(&text)?, Timestamp::from_nanos(at));
    }
    let mut found = BTreeMap::new();
    for (turn, changed) in by_turn {
        let is_wanted = |point| changed.contains_key(&point);
        for decision in of_turn(&mut *db, turn, is_wanted).await? {
            if let Some(at) = changed.get(&decision.point) {
                found.insert((decision.point, *at), decision);
            }
        }
    }
    Ok(found)
}

/// The wanted ones of a turn's decisions, as far as they are kept.
async fn of_turn(
    db: &mut SqliteConnection,
    turn: i64,
    is_wanted: impl Fn(ChannelPoint) -> bool,
) -> Result<Vec<Decision>, Fault> {
    let whole: Option<Vec<u8>> =
        sqlx::query_scalar("select body from turn_decisions where turn_id = ?")
            .bind(turn)
            .fetch_optional(&mut *db)
            .await?;
    let Some(bytes) = whole else {
        let bodies = sqlx::query_scalar("select body from decisions where turn_id = ?");
        let mut found = parse_decisions(bodies.bind(turn).fetch_all(db).await?);
        found.retain(|decision| is_wanted(decision.point));
        return Ok(found);
    };
    Ok(decisions_in(&bytes, |text| wanted_in(text, is_wanted)))
}

impl StoreReader {
    /// The decisions that led to the fee changes begun from `from` until before `until`,
    /// by channel and the moment of the change, as far as they are kept; only those of
    /// one channel, if it is named.
    pub async fn decisions_behind_changes(
        &self,
        of: Option<ChannelPoint>,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<BTreeMap<(ChannelPoint, Timestamp), Decision>, StoreError> {
        let db = &mut *self.connection().await;
        let found = behind_changes(db, of, from, until).await;
        self.named("cannot read decisions", found)
    }
}
