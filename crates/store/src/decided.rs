//! Reading decisions: all of the last week from the journal, and what changed a fee,
//! or would have, from before.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;

use super::columns::{from_json, point};
use super::deflated::inflate;
use super::fault::Fault;
use super::forms::{DecisionForm, Form};
use super::reader::{parse_decisions, readable};
use sweetspot_core::decision::Decision;
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

    /// The next turns; empty at the end.
    async fn read(&mut self, db: &mut SqliteConnection) -> Result<Vec<Vec<Decision>>, Fault> {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select id, decided from turns
             where id < ? and at_ns <= ? and decided is not null order by id desc limit ?",
        )
        .bind(self.before)
        .bind(self.until_ns)
        .bind(TURNS_PER_READ)
        .fetch_all(db)
        .await?;
        self.before = rows.last().map_or(self.before, |(id, _)| *id);
        Ok(readable(rows.iter().map(|(_, bytes)| {
            let forms: Vec<DecisionForm> = from_json("decisions", &inflate(bytes)?)?;
            Ok(forms.into_iter().map(Form::into_core).collect())
        })))
    }
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
    while found.len() < limit {
        let turns = backwards.read(&mut *db).await?;
        if turns.is_empty() {
            break;
        }
        let decisions = turns.into_iter().flatten();
        found.extend(decisions.filter(|decision| decision.point == point));
    }
    found.truncate(limit);
    let missing = u32::try_from(limit - found.len()).unwrap_or(u32::MAX);
    let bodies: Vec<String> = sqlx::query_scalar(
        "select d.body from decisions d join channels c on c.id = d.channel_id
         where c.point = ? and d.at_ns <= ? and (d.turn_id is null or d.turn_id < ?)
         order by d.id desc limit ?",
    )
    .bind(point.to_string())
    .bind(until.nanos())
    .bind(backwards.before)
    .bind(missing)
    .fetch_all(db)
    .await?;
    found.extend(parse_decisions(bodies));
    Ok(found)
}

/// Each open channel's newest decision.
pub(super) async fn last(
    db: &mut SqliteConnection,
) -> Result<BTreeMap<ChannelPoint, Decision>, Fault> {
    let open: Vec<String> = sqlx::query_scalar("select point from channels where is_open = 1")
        .fetch_all(&mut *db)
        .await?;
    let open = open.iter().map(|text| point(text));
    let mut missing: BTreeSet<ChannelPoint> = open.collect::<Result<_, Fault>>()?;
    let mut found = BTreeMap::new();
    let mut backwards = Backwards::new(Timestamp::from_nanos(i64::MAX));
    let mut looked_at = 0;
    while !missing.is_empty() && looked_at < TURNS_LOOKED_AT {
        let turns = backwards.read(&mut *db).await?;
        if turns.is_empty() {
            break;
        }
        looked_at += turns.len();
        for decision in turns.into_iter().flatten() {
            if missing.remove(&decision.point) {
                found.insert(decision.point, decision);
            }
        }
    }
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
