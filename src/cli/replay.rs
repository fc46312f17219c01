//! `replay`: decides stored turns again and shows each difference.
//!
//! What was remembered is led from a stored beginning through every turn, by
//! the daemon's own steps. At each later beginning (one a day) it must be what
//! the daemon remembered then, over restarts as well; it is taken up afresh
//! there, so that one difference does not drag on.

use std::collections::BTreeSet;

use clap::Args;
use serde::Serialize;

use super::Failure;
use super::cycle_range::{CycleRange, NO_SUCH_TURNS, NO_TURNS};
use super::output::{print, print_json};
use super::terms::{Term, terms};
use crate::config::Config;
use crate::format::{local_time, times};
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::engine::input::{CycleInput, LAW};
use sweetspot_core::ports::ForwardLog;
use sweetspot_core::state::memory::{ChannelMemory, Memory};
use sweetspot_core::types::channel::{Channel, ChannelPoint, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::Timestamp;
use sweetspot_store::{StoreReader, StoredTurn, channel_memory_as_stored, node_memory_as_stored};

/// The differences that are shown as text.
const SHOWN: usize = 100;

/// What to decide again.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    stretch: CycleRange,
    /// Decide with the present config instead of the stored one
    #[arg(long)]
    present_settings: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came out.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    /// The first and the last cycle replayed.
    #[serde(serialize_with = "times")]
    from: Option<Timestamp>,
    #[serde(serialize_with = "times")]
    to: Option<Timestamp>,
    turns: u64,
    /// Decisions that are stored and came out the same.
    equal: u64,
    /// Decisions that came out again but are no longer stored.
    not_stored: u64,
    /// How often what was remembered was compared.
    memories: u64,
    /// Cycles that an earlier version of the strategies decided: this one would
    /// decide them otherwise.
    earlier_law: u64,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Difference {
    #[serde(serialize_with = "times")]
    at: Timestamp,
    /// `None`: in what was remembered of the node as a whole.
    channel: Option<Scid>,
    peer: CleanText,
    what: Found,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    /// Decided otherwise.
    Decision(Vec<Term>),
    /// Not decided now.
    OnlyThen,
    /// Not decided then.
    OnlyNow,
    /// Something else was remembered.
    Memory(Vec<Term>),
}

pub async fn run(config: &Config, store: &StoreReader, args: &ReplayArgs) -> Result<(), Failure> {
    store.freeze().await?;
    let replayed = replay(config, store, args).await?;
    let Some(outcome) = replayed else {
        return match args.json {
            true => print_json(&Outcome::default()),
            false => {
                print(NO_TURNS);
                Ok(())
            }
        };
    };
    match args.json {
        true => print_json(&outcome)?,
        false => print(&outcome.render()),
    }
    match outcome.differences.len() {
        0 => Ok(()),
        n => Err(Failure::Other(amount(counted(n), "difference"))),
    }
}

/// `None` if no turn is stored.
async fn replay(
    config: &Config,
    store: &StoreReader,
    args: &ReplayArgs,
) -> Result<Option<Outcome>, Failure> {
    let only = args.stretch.point(store).await?;
    let last = store.last_cycle().await?.map_or(Timestamp::EPOCH, |c| c.at);
    let (from, to) = args.stretch.bounds(last)?;
    let Some(mut journal) = store.journal(from).await? else {
        return Ok(None);
    };
    let mut outcome = Outcome::default();
    let mut engine: Option<Engine> = None;
    while let Some(mut turn) = store.next_turn(&mut journal).await? {
        if turn.input.seen.at > to {
            break;
        }
        let counts = turn.input.seen.at >= from;
        if counts && turn.input.law != LAW && !args.present_settings {
            outcome.earlier_law += 1;
            engine = None;
            continue;
        }
        if let Some(checkpoint) = turn.checkpoint.take() {
            let follows = checkpoint.follows && counts && !args.present_settings;
            let stored = match &engine {
                Some(led) => Engine::at_with_forwards(checkpoint, led),
                None => Engine::at(checkpoint),
            };
            if let Some(led) = engine.as_ref().filter(|_| follows) {
                outcome.compare_memory(led.memory(), stored.memory(), &turn, only);
            }
            engine = Some(stored);
        }
        let Some(engine) = &mut engine else {
            continue;
        };
        if args.present_settings {
            let observe_only = turn.input.settings.values().all(|s| s.observe_only);
            turn.input.settle(&config.book, observe_only);
        }
        let decisions = decide(store, engine, &turn.input).await?;
        for (point, change) in &turn.changes {
            engine.note(*point, change);
        }
        if counts {
            outcome.compare(&turn, decisions, only);
        }
    }
    Ok(Some(outcome))
}

async fn decide(
    store: &StoreReader,
    engine: &mut Engine,
    input: &CycleInput,
) -> Result<Vec<Decision>, Failure> {
    let mut counting = engine.begin(input.clone());
    let through = input.counted_through;
    store.count(&mut counting, through, |_| ()).await?;
    Ok(counting.watch().decide().decisions)
}

fn is_hold(decision: &Decision) -> bool {
    matches!(decision.verdict, Verdict::Hold { .. })
}

/// What is remembered of a channel, as far as every format of the database
/// tells it.
fn outline(memory: Option<&ChannelMemory>) -> Option<ChannelMemory> {
    let mut memory = memory?.clone();
    let last = &mut memory.fee.last_change;
    *last = last.take().map(|change| change.in_outline());
    Some(memory)
}

impl Outcome {
    /// Holds a turn's decisions against those stored.
    fn compare(&mut self, turn: &StoredTurn, now: Vec<Decision>, only: Option<ChannelPoint>) {
        let at = turn.input.seen.at;
        self.from = self.from.or(Some(at));
        self.to = Some(at);
        self.turns += 1;
        let meant = |decision: &&Decision| only.is_none_or(|point| point == decision.point);
        let mut then: Vec<&Decision> = turn.decisions.iter().filter(meant).collect();
        for decision in now.iter().filter(meant) {
            let place = then.iter().position(|then| then.point == decision.point);
            let what = match place.map(|place| then.remove(place)) {
                Some(stored) if stored == decision => {
                    self.equal += 1;
                    continue;
                }
                Some(stored) => Found::Decision(terms(stored, decision)),
                None if is_hold(decision) && !turn.has_holds => {
                    self.not_stored += 1;
                    continue;
                }
                None => Found::OnlyNow,
            };
            self.differ(turn, Some(decision.point), what);
        }
        for stored in then {
            self.differ(turn, Some(stored.point), Found::OnlyThen);
        }
    }

    fn compare_memory(
        &mut self,
        now: &Memory,
        then: &Memory,
        turn: &StoredTurn,
        only: Option<ChannelPoint>,
    ) {
        self.memories += 1;
        if then.node != now.node && only.is_none() {
            self.differ(
                turn,
                None,
                Found::Memory(terms(
                    &node_memory_as_stored(&then.node),
                    &node_memory_as_stored(&now.node),
                )),
            );
        }
        let points = then.channels.keys().chain(now.channels.keys());
        let points: BTreeSet<_> = points.copied().collect();
        for point in points {
            let (then, now) = (then.channels.get(&point), now.channels.get(&point));
            let (then, now) = (outline(then), outline(now));
            if then != now && only.is_none_or(|only| only == point) {
                self.differ(
                    turn,
                    Some(point),
                    Found::Memory(terms(
                        &then.as_ref().map(channel_memory_as_stored),
                        &now.as_ref().map(channel_memory_as_stored),
                    )),
                );
            }
        }
    }

    fn differ(&mut self, turn: &StoredTurn, point: Option<ChannelPoint>, what: Found) {
        let seen = &turn.input.seen;
        let channel = point.and_then(|point| seen.channels.get(&point));
        self.differences.push(Difference {
            at: seen.at,
            channel: channel.map(|channel| channel.scid),
            peer: match (channel, point) {
                (Some(channel), _) => Channel::peer_name(channel),
                (None, Some(point)) => point.to_string().into(),
                (None, None) => "the node".into(),
            },
            what,
        });
    }

    /// Decisions made in the replay.
    fn replayed(&self) -> u64 {
        let differs =
            |found: &&Difference| matches!(found.what, Found::Decision(_) | Found::OnlyNow);
        let differing = counted(self.differences.iter().filter(differs).count());
        self.equal + self.not_stored + differing
    }

    fn render(&self) -> String {
        let earlier = (self.earlier_law > 0).then(|| {
            format!(
                "{} passed over: decided by an earlier version of the strategies, which this \
                 program does not have",
                amount(self.earlier_law, "cycle")
            )
        });
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return earlier.unwrap_or_else(|| NO_SUCH_TURNS.to_owned());
        };
        let mut lines: Vec<String> = self.differences.iter().map(Difference::render).collect();
        if lines.len() > SHOWN {
            let more = counted(lines.len() - SHOWN);
            lines.truncate(SHOWN);
            lines.push(format!("... and {} more (--json shows all)", grouped(more)));
        }
        lines.extend(earlier);
        lines.push(format!(
            "replayed {} of {} from {} to {}: {} ({} expired; {} verified)",
            amount(self.replayed(), "decision"),
            amount(self.turns, "cycle"),
            local_time(from),
            local_time(to),
            amount(counted(self.differences.len()), "difference"),
            grouped(self.not_stored),
            amount(self.memories, "state checkpoint"),
        ));
        lines.join("\n")
    }
}

/// So many of something: `1 cycle`, `8,120 decisions`.
fn amount(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {of}{plural}", grouped(number))
}

/// How many, for `grouped`.
fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Difference {
    fn render(&self) -> String {
        let who = match self.channel {
            Some(scid) => format!("{scid} ({})", self.peer),
            None => self.peer.to_string(),
        };
        let listed = |terms: &[Term]| {
            let terms = terms.iter().map(Term::render);
            terms.collect::<Vec<_>>().join("; ")
        };
        let what = match &self.what {
            Found::Decision(terms) => listed(terms),
            Found::OnlyThen => "decided then, but not in the replay".to_owned(),
            Found::OnlyNow => "decided in the replay, but not then".to_owned(),
            Found::Memory(terms) => format!("state: {}", listed(terms)),
        };
        format!("{} {who}: {what}", local_time(self.at))
    }
}
