//! The journal of turns: what each was given, as little as tells it again.
//!
//! A decision follows from what is remembered, the forwards counted and what
//! the turn is given ([`CycleInput`]). Forwards are stored anyway. What is given is
//! stored whole now and then, together with what was remembered then; each turn
//! stores its difference from the turn before, which for a quiet node is next to
//! nothing. From such a beginning every later turn can be decided again, one after
//! the other: to go on after a restart, and to see why a fee is what it is.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row};
use tracing::warn;

use super::columns::{from_json, json};
use super::deflated::{deflate, deflate_json, inflate};
use super::fault::Fault;
use super::forms::{
    ChannelMemoryForm, CheckpointForm, CheckpointWritten, DecisionForm, Form, NodeMemoryForm,
};
use super::page::Page;
use sweetspot_core::decision::Decision;
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::CycleRecord;
use sweetspot_core::state::memory::{ChannelMemory, NodeMemory};
use sweetspot_core::types::time::Timestamp;

/// A row of the journal.
#[derive(Debug)]
pub(super) struct TurnRow {
    /// The turn's number.
    pub id: i64,
    /// When it was.
    pub at_ns: i64,
    given: Option<Vec<u8>>,
    given_whole: Option<Vec<u8>>,
    beginning: Option<Vec<u8>>,
    decided: Option<Vec<u8>>,
}

impl FromRow<'_, SqliteRow> for TurnRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            at_ns: row.try_get("at_ns")?,
            given: row.try_get("given")?,
            given_whole: row.try_get("given_whole")?,
            beginning: row.try_get("beginning")?,
            decided: row.try_get("decided")?,
        })
    }
}

impl TurnRow {
    /// A row with this for its difference, and that for everything else.
    #[cfg(feature = "fuzzing")]
    pub fn of(id: i64, given: Option<Vec<u8>>, rest: Option<Vec<u8>>) -> Self {
        Self {
            id,
            at_ns: 0,
            given,
            given_whole: rest.clone(),
            beginning: rest.clone(),
            decided: rest,
        }
    }

    /// What was remembered when it began, where that is stored.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Fault> {
        let read = |bytes: &Vec<u8>| {
            let text = inflate(bytes)?;
            let form: CheckpointForm = from_json("what was remembered", &text)?;
            Ok(form.into_core())
        };
        self.beginning.as_ref().map(read).transpose()
    }

    /// What was decided; `None` where that was dropped.
    pub fn decisions(&self) -> Result<Option<Vec<Decision>>, Fault> {
        let read = |bytes: &Vec<u8>| {
            let forms: Vec<DecisionForm> = from_json("decisions", &inflate(bytes)?)?;
            Ok(forms.into_iter().map(Form::into_core).collect())
        };
        self.decided.as_ref().map(read).transpose()
    }
}

/// Turns the pages of the journal, row by row.
#[derive(Debug, Default)]
pub(super) struct CycleLogReader {
    /// The turn read or written last, and what it was given.
    last: Option<(i64, Page)>,
}

impl CycleLogReader {
    /// What the last turn was given.
    pub fn last(&self) -> Option<&CycleInput> {
        self.last.as_ref().map(|(_, page)| page.input())
    }

    /// What the turn of a row was given. Rows must come one after the other, from one
    /// with a beginning on.
    pub fn read(&mut self, row: &TurnRow) -> Result<&CycleInput, Fault> {
        let at = Timestamp::from_nanos(row.at_ns);
        let before = self.last.take();
        let before = before.filter(|(id, _)| id.checked_add(1) == Some(row.id));
        let page = match (before, &row.given, &row.given_whole) {
            (Some((_, page)), Some(given), _) => page.turned(at, &inflate(given)?)?,
            (_, _, Some(whole)) => Page::whole(at, &inflate(whole)?)?,
            _ => {
                return Err(Fault::unreadable(
                    "a cycle's input",
                    "the cycle before it is missing",
                ));
            }
        };
        Ok(self.last.insert((row.id, page)).1.input())
    }

    /// At the end of what is stored; nowhere if that cannot be read.
    pub async fn at_the_end(db: &mut SqliteConnection) -> Result<Self, Fault> {
        Ok(Self::after(&since_last_beginning(db, i64::MAX).await?))
    }

    /// At the end of these rows, of which the first has a beginning; nowhere if they cannot
    /// be read.
    pub fn after(rows: &[TurnRow]) -> Self {
        let mut log_reader = Self::default();
        for row in rows {
            if let Err(fault) = log_reader.read(row) {
                warn!(turn = row.id, error = %fault, "a stored cycle is unreadable: replay cannot follow past it");
                return Self::default();
            }
        }
        log_reader
    }
}

/// Adds a turn; returns its number and where the journal then stands. Without
/// the turn before it or a beginning a turn tells nothing and is left out.
pub(super) async fn add(
    db: &mut SqliteConnection,
    log_reader: CycleLogReader,
    record: CycleRecord<'_>,
) -> Result<(Option<i64>, CycleLogReader), Fault> {
    let CycleRecord {
        input,
        decisions,
        checkpoint,
        ..
    } = record;
    let written = match Written::of(log_reader, input, decisions, checkpoint) {
        Ok(Some(written)) => written,
        Ok(None) => return Ok((None, CycleLogReader::default())),
        Err(fault) => {
            warn!(error = %fault, "cannot store this cycle: after a restart, what is remembered begins anew");
            return Ok((None, CycleLogReader::default()));
        }
    };
    let id = sqlx::query_scalar(
        "insert into turns (at_ns, tip_height, given, given_whole, beginning)
         values (?, ?, ?, ?, ?) returning id",
    )
    .bind(input.seen.at.nanos())
    .bind(input.seen.tip.0)
    .bind(written.given)
    .bind(written.given_whole)
    .bind(written.beginning)
    .fetch_one(&mut *db)
    .await?;
    sqlx::query("insert or replace into turn_decisions (turn_id, body) values (?, ?)")
        .bind(id)
        .bind(written.decided)
        .execute(db)
        .await?;
    let last = Some((id, written.page));
    Ok((Some(id), CycleLogReader { last }))
}

/// A row to be.
struct Written {
    page: Page,
    given: Option<Vec<u8>>,
    decided: Vec<u8>,
    given_whole: Option<Vec<u8>>,
    beginning: Option<Vec<u8>>,
}

impl Written {
    fn of(
        log_reader: CycleLogReader,
        input: &CycleInput,
        decisions: &[Decision],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Option<Self>, Fault> {
        let before = log_reader.last.map(|(_, page)| page);
        if before.is_none() && checkpoint.is_none() {
            return Ok(None);
        }
        let (mut page, mut given) = (None, None);
        if let Some(before) = before {
            let (next, difference) = before.next(input)?;
            (page, given) = (Some(next), Some(deflate(&difference)?));
        }
        let (mut given_whole, mut beginning) = (None, None);
        if let Some(checkpoint) = checkpoint {
            given_whole = Some(page.get_or_insert_with(|| Page::of(input)).told_whole()?);
            beginning = Some(remembered(checkpoint)?);
        }
        let decided = deflate(&decided(decisions))?;
        Ok(page.map(|page| Self {
            page,
            given,
            decided,
            given_whole,
            beginning,
        }))
    }
}

/// What was remembered, as deflated JSON. What would not read back (JSON has no word for
/// a float that is not a number) begins anew, and alone.
fn remembered(checkpoint: &Checkpoint) -> Result<Vec<u8>, Fault> {
    let deflated = |checkpoint: &Checkpoint| {
        deflate_json::<CheckpointForm>("a state", &CheckpointWritten::of(checkpoint))
    };
    deflated(checkpoint).or_else(|fault| {
        warn!(error = %fault, "cannot store all that is remembered: some of it begins anew after a restart");
        let mut sound = checkpoint.clone();
        let is_sound = |channel: &ChannelMemory| {
            json("a state", &ChannelMemoryForm::of(channel)).is_ok()
        };
        sound.memory.channels.retain(|_, channel| is_sound(channel));
        if json("a state", &NodeMemoryForm::of(&sound.memory.node)).is_err() {
            sound.memory.node = NodeMemory::default();
        }
        deflated(&sound)
    })
}

/// Decisions as one JSON text; one that would not read back is left out.
fn decided(decisions: &[Decision]) -> String {
    let texts = decisions.iter().filter_map(|decision| {
        let text = json("a decision", &DecisionForm::of(decision));
        text.inspect_err(|fault| {
            warn!(channel = %decision.point, error = %fault, "cannot store this decision; skipping it");
        })
        .ok()
    });
    let texts: Vec<String> = texts.collect();
    format!("[{}]", texts.join(","))
}

/// The turn with a beginning that is the last at or before `at`.
pub(super) async fn last_beginning(
    db: &mut SqliteConnection,
    at: Timestamp,
) -> Result<Option<i64>, Fault> {
    let id =
        sqlx::query_scalar("select max(id) from turns where beginning is not null and at_ns <= ?")
            .bind(at.nanos())
            .fetch_one(db)
            .await?;
    Ok(id)
}

/// The first turn with a beginning.
pub(super) async fn first_beginning(db: &mut SqliteConnection) -> Result<Option<i64>, Fault> {
    let id = sqlx::query_scalar("select min(id) from turns where beginning is not null")
        .fetch_one(db)
        .await?;
    Ok(id)
}

/// Up to `limit` rows with numbers above `id`, ascending.
pub(super) async fn rows_after(
    db: &mut SqliteConnection,
    id: i64,
    limit: u32,
) -> Result<Vec<TurnRow>, Fault> {
    let rows = sqlx::query_as(
        "select id, at_ns, given, given_whole, beginning, d.body as decided
         from turns left join turn_decisions d on d.turn_id = id
         where id > ? order by id limit ?",
    )
    .bind(id)
    .bind(limit)
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The rows from the last one with a beginning below number `before` on, without
/// their decisions; none if there is none.
pub(super) async fn since_last_beginning(
    db: &mut SqliteConnection,
    before: i64,
) -> Result<Vec<TurnRow>, Fault> {
    let rows = sqlx::query_as(
        "select id, at_ns, given, given_whole, beginning, null as decided from turns
         where id >= (select max(id) from turns where beginning is not null and id < ?)
         order by id",
    )
    .bind(before)
    .fetch_all(db)
    .await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{at, hold, input};
    use sweetspot_core::state::memory::{BalanceSample, Memory};
    use sweetspot_core::testing::{channel, point};
    use sweetspot_core::types::channel::{Channel, Policy, Scid};
    use sweetspot_core::types::units::Sat;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            follows: true,
            memory: Memory::default(),
            names: vec![],
        }
    }

    fn whole(input: &CycleInput) -> (Page, String) {
        let page = Page::of(input);
        let told = page.told_whole().expect("readable");
        (page, inflate(&told).expect("reads"))
    }

    fn row(id: i64, at_ns: i64, written: &Written) -> TurnRow {
        TurnRow {
            id,
            at_ns,
            given: written.given.clone(),
            given_whole: written.given_whole.clone(),
            beginning: written.beginning.clone(),
            decided: Some(written.decided.clone()),
        }
    }

    /// What turns may be given: channels that come, go and change.
    fn inputs() -> impl Strategy<Value = Vec<(CycleInput, bool)>> {
        let channels = proptest::collection::btree_set(1..6_u8, 0..5);
        let one = (channels, 0..4_u64, any::<bool>(), any::<bool>());
        proptest::collection::vec(one, 1..8).prop_map(|told| {
            let told = told.into_iter().zip(1..);
            told.map(|((channels, moved, look_again, whole), n)| {
                let channels: Vec<u8> = channels.into_iter().collect();
                let mut input = input(n * 300, &channels);
                for channel in input.seen.channels.values_mut() {
                    channel.local_balance = Sat(channel.local_balance.0 - moved);
                    channel.policy = channel.policy.filter(|_| moved != 3);
                }
                for settings in input.settings.values_mut() {
                    settings.target_ratio = 0.1 + 0.2 * f64::from(moved == 2);
                }
                input.look_again = look_again;
                (input, whole)
            })
            .collect()
        })
    }

    proptest! {
        #[test]
        fn turns_read_back_from_their_differences_and_from_each_beginning(told in inputs()) {
            let mut log_reader = CycleLogReader::default();
            let mut rows = vec![];
            for ((input, whole), id) in told.iter().zip(1_i64..) {
                let begins = (*whole || id == 1).then(checkpoint);
                let written = Written::of(log_reader, input, &[hold(1, 1)], begins.as_ref());
                let written = written.expect("readable").expect("not left out");
                rows.push(row(id, input.seen.at.nanos(), &written));
                let last = Some((id, written.page));
                log_reader = CycleLogReader { last };
            }
            for first in (0..rows.len()).filter(|n| rows[*n].beginning.is_some()) {
                let mut log_reader = CycleLogReader::default();
                for (row, (input, _)) in rows.iter().zip(&told).skip(first) {
                    prop_assert_eq!(log_reader.read(row).expect("reads"), input);
                    prop_assert_eq!(row.decisions().expect("reads"), Some(vec![hold(1, 1)]));
                }
            }
        }
    }

    #[test]
    fn a_memory_that_is_no_number_spoils_no_other() {
        let mut spoilt = crate::fixtures::checkpoint(&[1, 2]);
        let sound = spoilt.clone();
        let channel = spoilt.memory.channels.values_mut().next();
        channel.expect("one").recent.push_back(BalanceSample {
            at: Timestamp::EPOCH,
            ratio: f64::NAN,
        });
        spoilt.memory.node.bucket.tokens = f64::INFINITY;
        let text = inflate(&remembered(&spoilt).expect("readable")).expect("reads");
        let form: CheckpointForm = from_json("a state", &text).expect("reads");
        let kept = form.into_core().memory;
        assert_eq!(kept.node, NodeMemory::default());
        let others = sound.memory.channels.iter().skip(1);
        assert!(kept.channels.iter().eq(others));
    }

    #[test]
    fn a_turn_whose_predecessor_is_missing_is_not_made_up() {
        let first = Written::of(
            CycleLogReader::default(),
            &input(10, &[1]),
            &[],
            Some(&checkpoint()),
        );
        let first = first.expect("readable").expect("not left out");
        let log_reader = CycleLogReader {
            last: Some((1, first.page.clone())),
        };
        let next = Written::of(log_reader, &input(20, &[1, 2]), &[], None);
        let next = next.expect("readable").expect("not left out");
        let mut reader = CycleLogReader::default();
        reader.read(&row(1, 10_000_000_000, &first)).expect("reads");
        let skipped = row(3, 20_000_000_000, &next);
        assert!(reader.read(&skipped).is_err());
        let none = Written::of(CycleLogReader::default(), &input(20, &[1]), &[], None);
        assert!(none.expect("readable").is_none());
    }

    #[test]
    fn a_channel_of_which_everything_changed_reads_back() {
        let page = Page::of(&input(10, &[1]));
        let mut next = input(20, &[1]);
        let before = next.seen.channels[&point(1)].clone();
        let policy = before.policy.expect("one");
        let after = Channel {
            point: before.point,
            scid: Scid(77),
            other_scids: vec![Scid(78)],
            peer: channel(9).peer,
            peer_alias: Some("another".into()),
            capacity: Sat(before.capacity.0 + 1),
            local_balance: Sat(before.local_balance.0 + 1),
            remote_balance: Sat(before.remote_balance.0 + 2),
            pending_out: Sat(before.pending_out.0 + 3),
            pending_in: Sat(before.pending_in.0 + 4),
            local_reserve: Sat(before.local_reserve.0 + 5),
            max_in_flight: None,
            initiator: !before.initiator,
            private: !before.private,
            active: !before.active,
            carries_assets: !before.carries_assets,
            switched_off: !before.switched_off,
            policy: None,
            policy_error: Some("unread".into()),
            peer_policy: Some(Policy {
                disabled: !policy.disabled,
                ..policy
            }),
        };
        next.seen.channels.insert(point(1), after);
        let (turned, text) = page.clone().next(&next).expect("readable");
        assert_eq!(turned.input(), &next);
        assert_eq!(
            page.clone().turned(next.seen.at, &text).expect("reads"),
            turned
        );
        // And back: what was there is gone again.
        let (back, text) = turned.clone().next(&input(20, &[1])).expect("readable");
        assert_eq!(turned.turned(at(20), &text).expect("reads"), back);
        assert_eq!(back.input(), &input(20, &[1]));
    }

    #[test]
    fn what_a_quiet_turn_was_given_takes_a_few_bytes() {
        let many: Vec<u8> = (1..=200).collect();
        let (page, whole) = whole(&input(10, &many));
        let (_, quiet) = page.clone().next(&input(20, &many)).expect("readable");
        assert_eq!(quiet, "{}");
        assert!(whole.len() > 100_000);
    }

    #[test]
    fn a_setting_that_is_no_number_is_not_told() {
        let mut spoilt = input(10, &[1]);
        for settings in spoilt.settings.values_mut() {
            settings.target_ratio = f64::NAN;
        }
        assert!(Page::of(&spoilt).told_whole().is_err());
    }

    #[test]
    fn a_setting_that_was_not_known_then_is_the_built_in_one() {
        let (page, whole) = whole(&input(10, &[1]));
        let mut older: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
        let settings = older["settings"]["0"].as_object_mut().expect("an object");
        settings.remove("target_ratio").expect("known now");
        let node = older["cycle"]["node"].as_object_mut().expect("an object");
        node.remove("max_moving_free").expect("known now");
        let read = Page::whole(page.input().seen.at, &older.to_string()).expect("reads");
        assert_eq!(read, page);
    }
}
