//! The whole proposal at once: what each fee is, what it should be, why, and what
//! the safety limits make of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::format::times;
use crate::json::{Ids, SCHEMA};
use crate::overview::NOTHING_YET;
use crate::table::{Align, Plain};
use sweetspot_core::decision::discount::Discount;
use sweetspot_core::decision::max_htlc::MaxHtlcPart;
use sweetspot_core::decision::{Decision, Verdict};
use sweetspot_core::engine::cycle::Engine;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::{ForwardLog, StoreError};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::types::channel::{Channel, ChannelIds, ChannelPoint, PeerId};
use sweetspot_core::types::format::{change, demand, grouped, grouped_signed};
use sweetspot_core::types::observation::{Observation, StoredForward};
use sweetspot_core::types::time::{Timestamp, human_span};
use sweetspot_core::types::units::FeePpm;
use sweetspot_store::StoreReader;

/// What is proposed for one channel.
#[derive(Debug, Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub(crate) ids: Ids,
    /// The mode lets sweetspot write.
    pub(crate) writes: bool,
    pub(crate) fee_ppm: Option<u32>,
    /// Where the fee should stand, within its bounds; null where nothing may be
    /// touched.
    pub(crate) proposed_ppm: Option<u32>,
    /// The first step there; null if none is made now.
    pub(crate) first_step_ppm: Option<u32>,
    /// The inbound rate that it should have; null where it is not managed.
    pub(crate) proposed_inbound_ppm: Option<i64>,
    /// The max HTLC that it should have; null where it is not managed.
    pub(crate) proposed_max_htlc_msat: Option<u64>,
    /// What becomes of it now, as a code.
    pub(crate) state_code: &'static str,
    /// What the safety limits make of it.
    pub(crate) limits: String,
    /// Why.
    pub(crate) reason: String,
}

/// The forwards that a plan goes by, and since when they are complete.
#[derive(Clone, Copy)]
pub enum Past<'a> {
    /// Those that a daemon stored, with what it remembers.
    Stored(&'a StoreReader, Timestamp),
    /// These, in the order of settling.
    Read(&'a [StoredForward], Timestamp),
}

/// The proposal.
#[derive(Debug, Serialize)]
pub struct Plan {
    pub(crate) schema: u32,
    #[serde(serialize_with = "times")]
    pub(crate) at: Timestamp,
    /// Updates an hour, at most.
    pub(crate) updates_per_hour: u32,
    /// Each channel is decided once in so long.
    pub(crate) decided_every_secs: u64,
    /// Whether the node is paused; `status` has since when.
    #[serde(skip)]
    paused: bool,
    pub(crate) channels: Vec<Line>,
}

impl Plan {
    /// From what the daemon decided last; `None` before its first cycle.
    pub async fn gather(
        book: &SettingsLayers,
        store: &StoreReader,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(cycle) = store.last_cycle().await? else {
            return Ok(None);
        };
        let decisions = store.last_decisions().await?;
        let known = store.channels().await?;
        let open = known.iter().filter(|known| known.open);
        let open: Vec<&Channel> = open.map(|known| &known.channel).collect();
        let leaders = Leaders::of(&open, &decisions);
        let channels = open.iter().map(|channel| {
            let settings = book.resolve(channel, cycle.tip, now);
            let decision = decisions.get(&channel.point);
            Line::of(channel, &settings, decision, &leaders, now)
        });
        let plan = Self::new(book, channels.collect(), now);
        let beat = store.heartbeat().await?;
        let observes = beat.is_some_and(|beat| beat.observe_only) && store.daemon_lives();
        Ok(Some(if observes { plan.observed() } else { plan }))
    }

    /// From a read of the node made just now, as a daemon's first cycle would
    /// decide; what a daemon stored is taken into account, if there is any.
    pub async fn afresh(
        book: &SettingsLayers,
        seen: Observation,
        past: Past<'_>,
    ) -> Result<Self, StoreError> {
        let now = seen.at;
        let mut engine = Engine::default();
        if let Past::Stored(store, _) = past {
            let mut ids = ChannelIds::default();
            for (scid, point) in store.scids().await? {
                ids.insert(scid, point);
            }
            let mut memory = store.memory().await?;
            // What was only shown makes nothing wait.
            memory.node.seen_at = None;
            for channel in memory.channels.values_mut() {
                channel.fee.shown_at = None;
            }
            engine = Engine::new(memory, ids);
        }
        let (Past::Stored(_, history_from) | Past::Read(_, history_from)) = past;
        let mut input = CycleInput::new(seen, book, true, history_from);
        input.look_again = true;
        let mut counting = engine.begin(input);
        match past {
            Past::Stored(store, _) => store.count(&mut counting, i64::MAX, |_| ()).await?,
            Past::Read(forwards, _) => counting.count(forwards),
        }
        let outcome = counting.watch().decide();
        let seen = &outcome.input.seen;
        let open: Vec<&Channel> = seen.channels.values().collect();
        let decisions = outcome.decisions.iter();
        let decisions = decisions.map(|decision| (decision.point, decision.clone()));
        let decisions = decisions.collect();
        let leaders = Leaders::of(&open, &decisions);
        let channels = open.iter().map(|channel| {
            let settings = book.resolve(channel, seen.tip, now);
            let decision = decisions.get(&channel.point);
            Line::of(channel, &settings, decision, &leaders, now)
        });
        Ok(Self::new(book, channels.collect(), now))
    }

    fn new(book: &SettingsLayers, mut channels: Vec<Line>, at: Timestamp) -> Self {
        let node = &book.node;
        channels.sort_by_key(|line| (line.ids.peer_name(), line.ids.scid));
        Self {
            schema: SCHEMA,
            at,
            updates_per_hour: node.updates_per_hour,
            decided_every_secs: node.slow_interval.as_secs(),
            paused: book.orders.paused(at).is_some(),
            channels,
        }
    }

    /// Where each fee should stand; `None` where nothing may be touched.
    pub fn proposed(&self) -> BTreeMap<ChannelPoint, Option<FeePpm>> {
        let lines = self.channels.iter();
        let proposed = |line: &Line| (line.ids.channel_point, line.proposed_ppm.map(FeePpm));
        lines.map(proposed).collect()
    }

    /// The same, of a daemon that writes nothing.
    #[must_use]
    pub fn observed(mut self) -> Self {
        for line in &mut self.channels {
            line.writes = false;
        }
        self
    }

    /// Whether no channel may be written to.
    pub fn only_observes(&self) -> bool {
        self.channels.iter().all(|line| !line.writes)
    }

    /// As text in lines of at most `width` characters.
    pub fn render(&self, width: usize) -> String {
        if self.channels.is_empty() {
            return NOTHING_YET.to_owned();
        }
        let mut table = Plain::default();
        table.column("peer", Align::Left, 0, Some(12));
        table.column("channel", Align::Left, 0, None);
        table.column("now", Align::Right, 0, None);
        table.column("proposed", Align::Right, 0, None);
        table.column("safety limits", Align::Left, 0, Some(16));
        table.column("why", Align::Left, 0, Some(14));
        let ppm = |ppm: Option<u32>| ppm.map_or("-".to_owned(), |ppm| grouped(ppm.into()));
        for line in &self.channels {
            table.row(vec![
                line.ids.peer_name(),
                line.ids.scid.to_string(),
                ppm(line.fee_ppm),
                ppm(line.proposed_ppm),
                line.limits.clone(),
                line.reason.clone(),
            ]);
        }
        let moves = self
            .channels
            .iter()
            .filter(|line| line.proposed_ppm.is_some() && line.proposed_ppm != line.fee_ppm);
        let shown = match (self.paused, self.only_observes()) {
            (true, _) => " Nothing is written: the node is paused.",
            (false, true) => " Nothing is written: observe mode.",
            (false, false) => "",
        };
        format!(
            "{}\n\n{} of {} fees would move.{shown}\nEach channel is looked at once in {}, at a \
             minute of its own; the node makes at\nmost {} updates an hour. \
             `sweetspot explain CHANNEL` shows the sum.",
            table.fit(width),
            moves.count(),
            self.channels.len(),
            human_span(Duration::from_secs(self.decided_every_secs)),
            self.updates_per_hour,
        )
    }
}

impl Line {
    fn of(
        channel: &Channel,
        settings: &ChannelSettings,
        decision: Option<&Decision>,
        leaders: &Leaders<'_>,
        now: Timestamp,
    ) -> Self {
        let fee_ppm = channel.policy.map(|policy| policy.fees.outbound.0);
        let proposed = decision.and_then(|decision| {
            let leader = leaders.leader(channel, decision);
            proposed(decision, leader, settings)
        });
        let first_step = decision.and_then(|decision| match decision.verdict {
            Verdict::Change { to } | Verdict::WouldChange { to } => Some(to.outbound),
            Verdict::Hold { .. } => None,
        });
        let inbound = decision.and_then(|decision| decision.inbound);
        let max_htlc = decision.and_then(|decision| decision.max_htlc);
        Self {
            ids: Ids::of(channel),
            writes: settings.writes(),
            fee_ppm,
            proposed_ppm: proposed.map(|ppm| ppm.0),
            first_step_ppm: first_step.map(|ppm| ppm.0),
            proposed_inbound_ppm: inbound.map(|discount| -i64::from(discount.wanted.0)),
            proposed_max_htlc_msat: max_htlc.map(|part| part.wanted.0),
            state_code: decision.map_or("no_decision", Decision::code),
            limits: match (decision, first_step) {
                (None, _) => "no decision yet".to_owned(),
                (Some(decision), _) if decision.sets_only_max_htlc() => "max HTLC alone".to_owned(),
                (Some(_), Some(step)) if Some(step) == proposed => "set at once".to_owned(),
                (Some(_), Some(step)) => format!("first to {step}"),
                (Some(decision), None) => match decision.verdict {
                    Verdict::Hold { reason } => reason.brief(now),
                    _ => String::new(),
                },
            },
            reason: decision
                .map(|decision| {
                    let why = why(leaders.leader(channel, decision), settings);
                    why + &inbound_in_words(inbound) + &max_htlc_in_words(max_htlc)
                })
                .unwrap_or_default(),
        }
    }
}

/// An inbound discount that is to move.
fn inbound_in_words(discount: Option<Discount>) -> String {
    match discount.filter(|discount| discount.wanted != discount.now) {
        Some(discount) => format!(
            "; inbound {} -> {} ppm",
            grouped_signed(-i64::from(discount.now.0)),
            grouped_signed(-i64::from(discount.wanted.0))
        ),
        None => String::new(),
    }
}

/// A max HTLC that is to move.
fn max_htlc_in_words(part: Option<MaxHtlcPart>) -> String {
    match part.filter(|part| part.wanted != part.now) {
        Some(part) => format!("; max HTLC {} -> {}", part.now.told(), part.wanted.told()),
        None => String::new(),
    }
}

/// Decisions by peer: of channels that are priced as one, the first goes where the
/// sum leads, and the others go after it.
struct Leaders<'a>(BTreeMap<PeerId, Vec<&'a Decision>>);

impl<'a> Leaders<'a> {
    fn of(channels: &[&Channel], decisions: &'a BTreeMap<ChannelPoint, Decision>) -> Self {
        let mut by_peer: BTreeMap<PeerId, Vec<&Decision>> = BTreeMap::new();
        let mut points: Vec<(ChannelPoint, PeerId)> = channels
            .iter()
            .map(|channel| (channel.point, channel.peer))
            .collect();
        points.sort_unstable();
        for (point, peer) in points {
            by_peer
                .entry(peer)
                .or_default()
                .extend(decisions.get(&point));
        }
        Self(by_peer)
    }

    fn leader<'d>(&'d self, channel: &Channel, decision: &'d Decision) -> &'d Decision {
        let parallel = self.0.get(&channel.peer).into_iter().flatten();
        let mut same = parallel.filter(|other| {
            other.evidence == decision.evidence && other.at == decision.at && !other.is_untouched()
        });
        same.next().copied().unwrap_or(decision)
    }
}

/// Where the fee should stand, without steps and waits; `None` where nothing may be
/// touched.
fn proposed(decision: &Decision, leader: &Decision, settings: &ChannelSettings) -> Option<FeePpm> {
    if decision.is_untouched() {
        return None;
    }
    let asked = match settings.mode {
        Mode::Pin(rate) => rate,
        _ => FeePpm::rounded(leader.asked_ppm()),
    };
    Some(asked.max(settings.lowest()).min(settings.max))
}

/// The reasons in a few words, the weightiest first.
fn why(decision: &Decision, settings: &ChannelSettings) -> String {
    if let Mode::Pin(rate) = settings.mode {
        return format!("pinned to {rate}");
    }
    let (seen, terms) = (&decision.evidence, &decision.terms);
    let mut parts = vec![format!(
        "local {:.0} of {:.0}%",
        seen.ratio * 100.0,
        seen.target_ratio * 100.0
    )];
    if let Some(level) = decision.level_ppm() {
        parts.push(format!(
            "level {}",
            grouped(FeePpm::rounded(level).0.into())
        ));
    }
    if terms.throughput.abs() >= 0.005 {
        let [now, usual] = demand(seen.tpm, seen.tpm_history);
        let share = change(terms.throughput);
        parts.push(format!("demand {now}, usual {usual}: {share}"));
    }
    if terms.protection > 0.0 {
        parts.push("drains fast".to_owned());
    }
    parts.join("; ")
}
