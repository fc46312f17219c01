//! `prepare`: what the node can receive and send now, a plan to be able to do more by
//! a day, and how the one that is ordered goes. docs/prepare.md says how.

use serde::Serialize;

use crate::config::Config;
use crate::explain::{WhichChannel, the_one};
use crate::format::{ago, local_time, times};
use crate::json::{Ids, SCHEMA};
use crate::orders::{OrderError, give};
use crate::report::Window;
use crate::table::{Align, Plain};
use sweetspot_advice::able::{Able, able, usable};
use sweetspot_advice::prepare::{
    Feasibility, Flow, Ground, Known, Progress, Proposal, progress, propose,
};
use sweetspot_core::settings::orders::Verb;
use sweetspot_core::settings::preparation::{Goal, Purpose, Ramp};
use sweetspot_core::types::channel::{Channel, ChannelPoint, PeerId};
use sweetspot_core::types::format::{grouped, grouped_signed};
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::{Msat, Sat};
use sweetspot_store::{KnownChannel, NewOrder, StoreReader};

/// How much past the drift is read from: long enough to even out weeks.
const PAST: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Receive or spend.
    pub purpose: Purpose,
    /// How much, in sat.
    pub sum: Sat,
    /// From when on.
    pub by: Timestamp,
    /// How long it is to stay possible.
    pub hold: std::time::Duration,
    /// Through whose channels: a public key, or what means one of its channels.
    pub peer: Option<String>,
}

/// Both ways at once.
#[derive(Clone, Copy, Debug, Serialize)]
struct Both {
    receive: Able,
    spend: Able,
}

#[derive(Debug, Serialize)]
struct Plan {
    purpose: Purpose,
    sum_sat: u64,
    #[serde(serialize_with = "times")]
    by: Timestamp,
    #[serde(serialize_with = "times")]
    until: Option<Timestamp>,
    peer_pubkey: Option<PeerId>,
    #[serde(skip)]
    goal: Goal,
}

#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    ids: Ids,
    local_ratio: f64,
    wanted_ratio: f64,
    move_sat: u64,
    drift_sat_per_day: f64,
    fee_ppm: Option<u32>,
    /// Whether the fee may be set: if not, nothing will come of it.
    writes: bool,
}

#[derive(Debug, Serialize)]
struct Proposed {
    #[serde(flatten)]
    plan: Plan,
    able_sat: u64,
    missing_sat: u64,
    not_by_fees_sat: u64,
    needed_sat_per_day: f64,
    past_days: f64,
    drift_sat_per_day: f64,
    gross_sat_per_day: f64,
    feasibility: Feasibility,
    forgone_msat_at_most: f64,
    channels: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Standing {
    #[serde(flatten)]
    plan: Plan,
    #[serde(serialize_with = "times")]
    ordered_at: Timestamp,
    able_at_start_sat: u64,
    #[serde(flatten)]
    progress: Progress,
}

/// What `prepare` shows.
#[derive(Debug, Serialize)]
pub struct Prepare {
    schema: u32,
    #[serde(serialize_with = "times")]
    seen_at: Option<Timestamp>,
    able_now: Both,
    standing: Option<Standing>,
    proposed: Option<Proposed>,
    /// Whether the proposal was ordered.
    ordered: bool,
}

/// Looks at what is possible, and works out what is wished for.
pub async fn gather(
    config: &Config,
    store: &StoreReader,
    wish: Option<&Wish>,
    now: Timestamp,
) -> Result<Prepare, OrderError> {
    let known = store.channels().await?;
    let open: Vec<&Channel> = known
        .iter()
        .filter(|known| known.open)
        .map(|known| &known.channel)
        .collect();
    let both = Both {
        receive: able(open.iter().copied(), Purpose::Receive, None),
        spend: able(open.iter().copied(), Purpose::Spend, None),
    };
    let standing = config.book.orders.preparing(now);
    let standing = standing.map(|(order, goal)| Standing {
        plan: Plan::of(goal, order.until),
        ordered_at: order.at,
        able_at_start_sat: goal.able_at_start.0,
        progress: progress(open.iter().copied(), &goal, order.at, now),
    });
    let proposed = match wish {
        Some(wish) => Some(propose_for(config, store, &known, wish, now).await?),
        None => None,
    };
    Ok(Prepare {
        schema: SCHEMA,
        seen_at: store.last_cycle().await?.map(|cycle| cycle.at),
        able_now: both,
        standing,
        proposed,
        ordered: false,
    })
}

async fn propose_for(
    config: &Config,
    store: &StoreReader,
    known: &[KnownChannel],
    wish: &Wish,
    now: Timestamp,
) -> Result<Proposed, OrderError> {
    let peer = match &wish.peer {
        Some(text) => Some(the_peer(store, text).await?),
        None => None,
    };
    let open: Vec<&Channel> = known
        .iter()
        .filter(|known| known.open)
        .map(|known| &known.channel)
        .collect();
    let goal = Goal {
        purpose: wish.purpose,
        sum: wish.sum,
        by: wish.by,
        peer,
        able_at_start: Sat(able(open.iter().copied(), wish.purpose, peer).total_sat),
    };
    let past = Window::known(store, PAST, now).await?;
    let (from, past_days) = (past.from, past.days);
    let ledger = store.ledger(from, now).await?;
    let per_day = |amount: f64| {
        if past_days > 0.0 {
            amount / past_days
        } else {
            0.0
        }
    };
    let flow_of = |point: ChannelPoint| {
        let flow = ledger.channels.get(&point).copied().unwrap_or_default();
        Flow {
            in_sat_per_day: per_day(flow.incoming.amount.as_sat()),
            out_sat_per_day: per_day(flow.outgoing.amount.as_sat()),
            earned_msat_per_day: per_day(flow.outgoing.fees.as_f64()),
        }
    };
    let with_flows = open.iter().map(|channel| Known {
        channel,
        flow: flow_of(channel.point),
    });
    let ground = Ground {
        now,
        past_days,
        gain: config.book.node.tuning.balance_down,
    };
    let with_flows: Vec<_> = with_flows.collect();
    let found = propose(&with_flows, &goal, &ground);
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let beat = store.heartbeat().await?;
    let observes = beat.is_some_and(|beat| beat.observe_only) && store.daemon_lives();
    let line = |channel: &Channel, found: &Proposal| {
        let moves = found.moves.iter();
        let mut of = moves.filter(|one| one.channel_point == channel.point);
        let one = of.next()?;
        let settings = config.book.resolve(channel, tip, now);
        Some(Line {
            ids: Ids::of(channel),
            local_ratio: one.ratio,
            wanted_ratio: one.wanted_ratio,
            move_sat: one.move_sat,
            drift_sat_per_day: one.drift_sat_per_day,
            fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
            writes: settings.writes() && !observes,
        })
    };
    Ok(Proposed {
        plan: Plan::of(goal, Some(wish.by.plus(wish.hold))),
        able_sat: found.able_sat,
        missing_sat: found.missing_sat,
        not_by_fees_sat: found.not_by_fees_sat,
        needed_sat_per_day: found.needed_sat_per_day,
        past_days,
        drift_sat_per_day: found.drift_sat_per_day,
        gross_sat_per_day: found.gross_sat_per_day,
        feasibility: found.feasibility,
        forgone_msat_at_most: found.forgone_msat_at_most,
        channels: usable(open, goal.purpose, peer)
            .iter()
            .filter_map(|(channel, _)| line(channel, &found))
            .collect(),
    })
}

/// The peer that `text` means: by its key, or by one of its channels.
async fn the_peer(store: &StoreReader, text: &str) -> Result<PeerId, OrderError> {
    if let Ok(peer) = text.parse::<PeerId>() {
        return Ok(peer);
    }
    let found = store.find(text).await?;
    let open = found.iter().filter(|known| known.open);
    let mut peers: Vec<PeerId> = open.map(|known| known.channel.peer).collect();
    peers.sort_unstable();
    peers.dedup();
    match peers[..] {
        [peer] => Ok(peer),
        [] => Err(WhichChannel(format!("no open channel is with `{text}`")).into()),
        _ => Ok(the_one(found, text)?.channel.peer),
    }
}

impl Plan {
    fn of(goal: Goal, until: Option<Timestamp>) -> Self {
        Self {
            purpose: goal.purpose,
            sum_sat: goal.sum.0,
            by: goal.by,
            until,
            peer_pubkey: goal.peer,
            goal,
        }
    }
}

/// Orders what was proposed: the goal of the node, and each channel's ramp.
pub async fn order(
    config: &Config,
    mut shown: Prepare,
    given_by: &str,
    now: Timestamp,
) -> Result<Prepare, OrderError> {
    let Some(proposed) = &shown.proposed else {
        return Ok(shown);
    };
    let new = |point, verb, until| NewOrder {
        at: now,
        point,
        verb,
        until,
        given_by: given_by.to_owned(),
    };
    let Plan { goal, until, .. } = proposed.plan;
    // What was prepared for before is over.
    let mut orders = vec![
        new(None, Verb::Cancel, None),
        new(None, Verb::Prepare(goal), until),
    ];
    let back = until.map(|until| until.plus(goal.by.since(now)));
    orders.extend(proposed.channels.iter().map(|line| {
        let ramp = Ramp {
            ratio: line.wanted_ratio,
            by: goal.by,
        };
        new(Some(line.ids.channel_point), Verb::Ramp(ramp), back)
    }));
    give(&config.store, &orders).await?;
    shown.ordered = true;
    Ok(shown)
}

/// Ends what is prepared for.
pub async fn cancel(config: &Config, given_by: &str, now: Timestamp) -> Result<(), OrderError> {
    let order = NewOrder {
        at: now,
        point: None,
        verb: Verb::Cancel,
        until: None,
        given_by: given_by.to_owned(),
    };
    give(&config.store, &[order]).await
}

/// How a standing preparation goes, in one line.
pub fn progress_words(goal: &Goal, found: &Progress) -> String {
    format!(
        "{goal} by {}: {} sat possible now, {} due by now",
        local_time(goal.by),
        grouped(found.able_sat),
        grouped(found.due_sat)
    )
}

impl Prepare {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize, now: Timestamp) -> String {
        let mut lines = vec![];
        if let Some(at) = self.seen_at {
            lines.push(format!("As the node was read {}:", ago(now, at)));
        }
        for (name, able) in [
            ("receive", self.able_now.receive),
            ("send   ", self.able_now.spend),
        ] {
            lines.push(format!(
                "  can {name} {:>14} sat over {} channels; largest single part {} sat",
                grouped(able.total_sat),
                able.channels,
                grouped(able.largest_sat)
            ));
        }
        if let Some(standing) = &self.standing {
            let words = progress_words(&standing.plan.goal, &standing.progress);
            lines.push(format!(
                "\nOrdered {}: {words}",
                local_time(standing.ordered_at)
            ));
            if standing.progress.behind {
                lines.push("WARNING: behind; as it goes it will not be met.".to_owned());
            }
        }
        if let Some(proposed) = &self.proposed {
            lines.push(String::new());
            lines.extend(proposed.lines(width, now));
        }
        lines.join("\n")
    }

    /// Whether there is something to order.
    pub fn proposes(&self) -> bool {
        self.proposed.is_some()
    }
}

impl Proposed {
    fn lines(&self, width: usize, now: Timestamp) -> Vec<String> {
        let goal = &self.plan.goal;
        let mut lines = vec![format!(
            "To {goal} by {} (in {}): {} sat possible now, {} missing",
            local_time(goal.by),
            human_span(goal.by.since(now)),
            grouped(self.able_sat),
            grouped(self.missing_sat)
        )];
        lines.extend(self.verdict());
        if self.channels.is_empty() {
            return lines;
        }
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        table.column("local", Align::Right, 0, None);
        table.column("wanted", Align::Right, 0, None);
        table.column("move sat", Align::Right, 0, None);
        table.column("drift a day", Align::Right, 1, None);
        table.column("fee ppm", Align::Right, 2, None);
        table.column("", Align::Left, 0, None);
        for line in &self.channels {
            table.row(line.cells());
        }
        lines.push(table.fit(width));
        lines.push(format!(
            "It takes {} sat a day. In the last {:.0} days {} sat a day went that way, {} net.",
            grouped(Sat::rounded(self.needed_sat_per_day).0),
            self.past_days,
            grouped(Sat::rounded(self.gross_sat_per_day).0),
            signed(self.drift_sat_per_day)
        ));
        lines.push(format!(
            "Fees forgone: {} sat at most.",
            grouped(Sat::rounded(Msat(self.forgone_msat()).as_sat()).0)
        ));
        lines
    }

    fn forgone_msat(&self) -> u64 {
        Sat::rounded(self.forgone_msat_at_most).0
    }

    fn verdict(&self) -> Vec<String> {
        let purpose = self.plan.purpose;
        let said = match self.feasibility {
            Feasibility::AbleNow => "Possible now: nothing has to move.".to_owned(),
            Feasibility::ByDrift => "The drift of the past is enough.".to_owned(),
            Feasibility::ByFees => {
                "As much went that way in the past, but more came back: fees have to turn it."
                    .to_owned()
            }
            Feasibility::Doubtful => {
                "WARNING: less went that way in the past than is wanted. It will hardly be met."
                    .to_owned()
            }
            Feasibility::Unknown => "The past is too short to say whether it will do.".to_owned(),
            Feasibility::NotByFees => {
                let lacking = grouped(self.not_by_fees_sat);
                let how = match purpose {
                    Purpose::Receive => {
                        "spend or swap out as much, or have a channel opened to you"
                    }
                    Purpose::Spend => "receive or swap in as much, or open a channel",
                };
                format!(
                    "WARNING: fees cannot bring {lacking} sat of it: forwards move balances \
                     between channels.\n  To get there: {how}."
                )
            }
        };
        vec![said]
    }
}

impl Line {
    fn cells(&self) -> Vec<String> {
        let percent = |ratio: f64| format!("{:.0}%", ratio * 100.0);
        vec![
            self.ids.peer_name(),
            self.ids.scid.to_string(),
            percent(self.local_ratio),
            percent(self.wanted_ratio),
            grouped(self.move_sat),
            signed(self.drift_sat_per_day),
            self.fee_ppm
                .map_or("-".to_owned(), |ppm| grouped(ppm.into())),
            match self.writes {
                true => String::new(),
                false => "only shown".to_owned(),
            },
        ]
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "rounded, and `as` saturates"
)]
fn signed(sat: f64) -> String {
    grouped_signed(sat.round() as i64)
}
