//! `prune`: every channel by what its capital earns and could earn on this node,
//! the least worth it first. Advice only.

mod own_past;

use std::time::Duration;

use serde::Serialize;

use crate::config::Config;
use crate::format::{ago, local_time, times};
use crate::json::{Ids, SCHEMA};
use crate::overview::NOTHING_YET;
use crate::peers::{PeerRecord, records};
use crate::report::{local_of, sat, yearly};
use crate::table::{Align, Plain};
use own_past::{closes_paid, idle_spells, median};
use sweetspot_core::money::chain_fees::{FeeRegime, dear_open_and_close_sat};
use sweetspot_core::money::worth::{ASSIST_SHARE, could_msat, worth_msat, yield_per_year};
use sweetspot_core::ports::StoreError;
use sweetspot_core::prune::cause::{Cause, PeerFees, cause};
use sweetspot_core::prune::judge::{Judgement, USUAL_CLOSE_SAT, Worth, judge};
use sweetspot_core::prune::rules::{self, Advice};
use sweetspot_core::types::format::grouped;
use sweetspot_core::types::time::{SECONDS_PER_DAY, Timestamp, human_span, rfc3339};
use sweetspot_core::types::units::{Msat, Sat};
use sweetspot_store::StoreReader;

/// Over how long a channel's income is looked at: idle times are long (of channels
/// without a forward for 30 days, 57 % forward again within 90).
const LOOKED_AT: Duration = Duration::from_secs(90 * 86_400);

/// The time between blocks, to tell a channel's age.
const BLOCK: Duration = Duration::from_secs(600);

/// One channel, and what its capital earns.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub(crate) ids: Ids,
    pub(crate) judgement: Judgement,
    /// Why, in words.
    pub(crate) reason: String,
    /// What the rules say, as a code: `prune`, `keep`, `not_enough_history` or
    /// `exempt` ...
    pub(crate) rules: &'static str,
    /// ... and in words.
    pub(crate) rules_words: String,
    #[serde(skip)]
    pub(crate) advice: Advice,
    pub(crate) capacity_sat: u64,
    pub(crate) local_ratio: f64,
    pub(crate) fee_ppm: Option<u32>,
    /// The local balance on average: what closing it would free.
    pub(crate) mean_local_sat: f64,
    pub(crate) earned_msat: u64,
    pub(crate) assist_msat: u64,
    pub(crate) worth_msat: f64,
    /// What its capital would have earned at the node's average.
    pub(crate) could_earn_msat: f64,
    pub(crate) yield_per_year: Option<f64>,
    pub(crate) used_tpm: f64,
    #[serde(serialize_with = "times")]
    pub(crate) last_forward: Option<Timestamp>,
    pub(crate) age_days: Option<f64>,
    /// `us` or `peer`.
    pub(crate) opened_by: &'static str,
    /// How long it was watched, and how long it takes until rules count.
    pub(crate) watched_days: f64,
    pub(crate) needed_days: f64,
    /// How the peer kept its channels.
    pub(crate) peer_record: PeerRecord,
    /// Why it looks dead, if that lies with the peer.
    pub(crate) cause: Option<Cause>,
    /// Whether it is there for what may come: unannounced, kept on purpose, or opened by
    /// a peer who never used it and binds nothing of ours.
    pub(crate) future_use: bool,
}

/// Every open channel, the least worth its capital first.
#[derive(Debug, Serialize)]
pub struct Ranking {
    pub(crate) schema: u32,
    /// Over how many days income is looked at.
    pub(crate) days: f64,
    pub(crate) assist_share: f64,
    /// What the node's local balances earned, as a share a year.
    pub(crate) node_yield_per_year: Option<f64>,
    /// What a close is taken to cost: the median of those that this node paid, and how
    /// many of them are known; a usual cost where none is.
    pub(crate) close_cost_sat: f64,
    pub(crate) closes_known: usize,
    /// How often a channel of this node was idle for 30 days, where it is known how that
    /// went on, and how often one forwarded again within 90 more.
    pub(crate) idle_spells_known: usize,
    pub(crate) idle_spells_ended: usize,
    /// What on-chain fees are like, if that is known.
    pub(crate) chain_fees: Option<ChainFeesNow>,
    /// What opening a channel anew and closing it costs in dear times.
    pub(crate) reopen_when_dear_sat: u64,
    pub(crate) channels: Vec<Line>,
}

/// The regime of on-chain fees that is in force.
#[derive(Debug, Serialize)]
pub struct ChainFeesNow {
    pub(crate) regime: FeeRegime,
    #[serde(serialize_with = "times")]
    pub(crate) since: Timestamp,
    pub(crate) sat_per_vb: f64,
}

/// Ranks the open channels as of `now`.
pub async fn rank(
    config: &Config,
    store: &StoreReader,
    now: Timestamp,
) -> Result<Ranking, StoreError> {
    let memory = store.memory().await?;
    let windows = memory.node.windows.unwrap_or_default();
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let seen_at = cycle.map_or(now, |cycle| cycle.at);
    let known_from = store.cursor().await?.map_or(now, |cursor| cursor.from);
    let from = now.minus(LOOKED_AT).max(known_from);
    let days = now.days_since(from);
    let ledger = store.ledger(from, now).await?;
    let locals = store.mean_local_sat(from, now).await?;
    let records = records(store).await?;
    let known = store.channels().await?;
    let open: Vec<_> = known.iter().filter(|known| known.open).collect();
    let capital: f64 = open.iter().map(|known| local_of(&locals, known)).sum();
    let node_msat = ledger.node.fees.as_f64();
    let closes = closes_paid(store).await?;
    let points = open.iter().map(|known| known.channel.point).collect();
    let idle = idle_spells(store, &points, now).await?;
    let close_cost_sat = median(&closes).unwrap_or(USUAL_CLOSE_SAT);
    let channels = open.iter().map(|known| &known.channel);
    let settings_of = config.book.resolve_all(channels.clone(), tip, now);
    let peer_fees = PeerFees::of(channels);
    let history = store.chain_fees().await?;
    let bounds = &config.chain_fees.bounds;
    let last = history.last().filter(|_| config.chain_fees.is_told());
    let chain_fees = last.map(|change| ChainFeesNow {
        regime: change.regime,
        since: change.at,
        sat_per_vb: change.sat_per_vb,
    });
    let mut lines = vec![];
    for known in open {
        let channel = &known.channel;
        let Some(remembered) = memory.channels.get(&channel.point) else {
            continue;
        };
        let Some(settings) = settings_of.get(&channel.point).copied() else {
            continue;
        };
        let advice = rules::advice(&remembered.prune, channel, &settings);
        let flow = ledger.channels.get(&channel.point).copied();
        let flow = flow.unwrap_or_default();
        let (earned, assist): (Msat, Msat) = (flow.outgoing.fees, flow.incoming.fees);
        let local = local_of(&locals, known);
        let worth = Worth {
            msat: worth_msat(earned, assist),
            could_msat: could_msat(local, node_msat, capital),
            days,
            close_sat: close_cost_sat,
        };
        let (judgement, reason) = judge(&advice, &worth);
        let cause = match &advice {
            Advice::Prune(found) => cause(found.rule, channel, &peer_fees),
            _ => None,
        };
        let last_forward = remembered.meter.last_forward();
        let binds_nothing = !channel.initiator && channel.spendable() == Sat(0);
        let unused = last_forward.is_none() && binds_nothing;
        let age = channel
            .age_blocks(tip)
            .map(|blocks| BLOCK.saturating_mul(blocks));
        let in_days = |span: Duration| span.as_secs_f64() / SECONDS_PER_DAY;
        lines.push(Line {
            ids: Ids::of(channel),
            judgement,
            reason: reason.to_owned(),
            rules: code(&advice),
            rules_words: advice.words(&rfc3339),
            advice,
            capacity_sat: channel.capacity.0,
            local_ratio: channel.local_ratio(),
            fee_ppm: channel.policy.map(|policy| policy.fees.outbound.0),
            mean_local_sat: local,
            earned_msat: earned.0,
            assist_msat: assist.0,
            worth_msat: worth.msat,
            could_earn_msat: worth.could_msat,
            yield_per_year: yield_per_year(worth.msat, local, days),
            used_tpm: remembered.meter.used_tpm(seen_at, windows),
            last_forward,
            age_days: age.map(in_days),
            opened_by: if channel.initiator { "us" } else { "peer" },
            watched_days: in_days(remembered.prune.watched),
            needed_days: in_days(settings.prune.min_history),
            cause,
            future_use: channel.private || settings.keep || unused,
            peer_record: records.get(&channel.peer).cloned().unwrap_or_default(),
        });
    }
    // Within a judgement, what could be gained by closing comes first.
    let gain = |line: &Line| line.could_earn_msat - line.worth_msat;
    lines.sort_by(|a, b| {
        let by_judgement = a.judgement.cmp(&b.judgement);
        by_judgement.then(gain(b).total_cmp(&gain(a)))
    });
    Ok(Ranking {
        schema: SCHEMA,
        days,
        assist_share: ASSIST_SHARE,
        node_yield_per_year: yield_per_year(node_msat, capital, days),
        close_cost_sat,
        closes_known: closes.len(),
        idle_spells_known: idle.known,
        idle_spells_ended: idle.ended,
        chain_fees,
        reopen_when_dear_sat: Sat::rounded(dear_open_and_close_sat(&history, bounds)).0,
        channels: lines,
    })
}

fn code(advice: &Advice) -> &'static str {
    match advice {
        Advice::Prune(_) => "prune",
        Advice::Keep => "keep",
        Advice::NotEnoughHistory { .. } => "not_enough_history",
        Advice::Exempt(_) => "exempt",
    }
}

impl Ranking {
    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize, now: Timestamp) -> String {
        if self.channels.is_empty() {
            return NOTHING_YET.to_owned();
        }
        let mut table = Plain::default();
        table.column("", Align::Left, 0, None);
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        table.column("earned", Align::Right, 0, None);
        table.column("assist", Align::Right, 0, None);
        table.column("could", Align::Right, 0, None);
        table.column("yield", Align::Right, 1, None);
        table.column("local sat", Align::Right, 2, None);
        table.column("fee ppm", Align::Right, 4, None);
        table.column("age", Align::Right, 5, None);
        table.column("by", Align::Left, 6, None);
        table.column("last forward", Align::Left, 3, None);
        table.column("history", Align::Left, 7, None);
        table.column("why", Align::Left, 0, Some(20));
        for line in &self.channels {
            table.row(line.cells(now));
        }
        format!(
            "{}\n\nIn sat over {:.0} days. could: what the local balance would have earned at the\n\
             node's average of {} a year. A channel's worth is half of what it earned and\n\
             half of its assist. Advice only; sweetspot never closes channels.\n{}\n\
             {}\nOpening such a channel anew and closing it would cost {} sat in dear times.{}",
            table.fit(width),
            self.days,
            yearly(self.node_yield_per_year),
            self.idle_in_words(),
            self.close_cost_in_words(),
            grouped(self.reopen_when_dear_sat),
            self.chain_fees_in_words(),
        )
    }
}

impl Ranking {
    fn chain_fees_in_words(&self) -> String {
        let Some(now) = &self.chain_fees else {
            return String::new();
        };
        let slow = match now.regime {
            FeeRegime::Cheap => ": the clock of idleness runs at half its pace",
            _ => "",
        };
        format!(
            "\nOn-chain fees are {} since {} ({:.1} sat/vB then){slow}.",
            now.regime.code(),
            local_time(now.since),
            now.sat_per_vb
        )
    }

    /// How often idle channels come back.
    pub fn idle_in_words(&self) -> String {
        let usual = "Of channels idle for 30 days, 57 % forward again within 90 on a node measured";
        match self.idle_spells_known {
            0 => format!("{usual};\nhere none is known yet."),
            known => format!("{usual};\nhere {} of {known} did.", self.idle_spells_ended),
        }
    }

    /// What a close is taken to cost, and how that is known.
    pub fn close_cost_in_words(&self) -> String {
        let cost = grouped(Sat::rounded(self.close_cost_sat).0);
        match self.closes_known {
            0 => format!("A close is taken to cost {cost} sat."),
            known => {
                format!("A close is taken to cost {cost} sat, the median of {known} paid for.")
            }
        }
    }
}

impl Line {
    fn cells(&self, now: Timestamp) -> Vec<String> {
        let rounded = |number: f64| Sat::rounded(number).0;
        vec![
            self.judged().to_owned(),
            self.ids.peer_name(),
            self.ids.scid.to_string(),
            sat(self.earned_msat),
            sat(self.assist_msat),
            grouped(rounded(self.could_earn_msat / 1_000.0)),
            yearly(self.yield_per_year),
            grouped(rounded(self.mean_local_sat)),
            self.fee_ppm
                .map_or("-".to_owned(), |ppm| grouped(ppm.into())),
            self.age_days.map_or("-".to_owned(), |days| {
                human_span(Duration::from_secs_f64(days * SECONDS_PER_DAY))
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }),
            self.opened_by.to_owned(),
            self.last_forward
                .map_or("none known".to_owned(), |at| ago(now, at)),
            self.watched(),
            self.why(),
        ]
    }

    /// The judgement in a word.
    pub fn judged(&self) -> &'static str {
        match self.judgement {
            Judgement::Close => "close",
            Judgement::Watch => "watch",
            Judgement::Keep => "keep",
        }
    }

    /// The reason for it, with times as they are here, and what the peer's record warns
    /// of.
    pub fn why(&self) -> String {
        let future_use = self.future_use && !matches!(self.advice, Advice::Exempt(_));
        let parts = [
            Some(self.why_judged()),
            future_use.then(|| "perhaps for the peer's future use".to_owned()),
            self.cause.as_ref().map(Cause::words),
            self.peer_record
                .warning()
                .map(|warning| format!("the peer {warning}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join("; ")
    }

    fn why_judged(&self) -> String {
        match &self.advice {
            Advice::Keep => self.reason.clone(),
            Advice::Exempt(_) => self.advice.words(&local_time),
            Advice::NotEnoughHistory { .. } => self.watched(),
            Advice::Prune(found) => {
                let since = local_time(found.since);
                let day = since.split(' ').next().unwrap_or_default();
                format!("{} since {day}; {}", found.rule, self.reason)
            }
        }
    }

    fn watched(&self) -> String {
        format!(
            "{:.0} of {:.0} days watched",
            self.watched_days.min(self.needed_days).floor(),
            self.needed_days
        )
    }
}
