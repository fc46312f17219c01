//! Every channel and the node, from the database alone: what `status` shows.

mod shown;
mod state;

use std::time::Duration;

use serde::Serialize;

use crate::format::times;
use crate::json::{Ids, SCHEMA};
use sweetspot_core::decision::Decision;
use sweetspot_core::ports::{Heartbeat, StoreError};
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::orders::Pause;
use sweetspot_core::settings::values::{LevelChoice, Mode};
use sweetspot_core::state::market::NodeMarket;
use sweetspot_core::strategy::peer_group::is_priced;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::segment::Segment;
use sweetspot_core::types::time::{Timestamp, rfc3339};
use sweetspot_core::types::units::{BlockHeight, FeePpm};
use sweetspot_store::{KnownChannel, Ledger, Leg, StoreReader};

pub use shown::{Sort, View, channels};
pub use state::{State, fees_now, max_htlc_now, update_in_words, what_to_do};

const DAY: Duration = Duration::from_secs(86_400);

/// What is said of an empty database.
pub const NOTHING_YET: &str =
    "No data yet. Is `sweetspot run` running, and is the node's wallet unlocked?";

/// What was earned over the last 24 hours, 7 and 30 days, all up to now.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spans {
    /// The last 24 hours.
    pub last_24_hours: Earned,
    /// The last 7 days.
    pub last_7_days: Earned,
    /// The last 30 days.
    pub last_30_days: Earned,
}

impl Spans {
    /// What two nodes earned.
    pub fn plus(self, other: Self) -> Self {
        Self {
            last_24_hours: self.last_24_hours.plus(other.last_24_hours),
            last_7_days: self.last_7_days.plus(other.last_7_days),
            last_30_days: self.last_30_days.plus(other.last_30_days),
        }
    }

    /// Each with its name in metrics.
    pub fn by_window(&self) -> [(&'static str, Earned); 3] {
        [
            ("1d", self.last_24_hours),
            ("7d", self.last_7_days),
            ("30d", self.last_30_days),
        ]
    }
}

/// What forwards out earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Earned {
    /// Their fees.
    pub earned_msat: u64,
    /// How many they were.
    pub forwards: u64,
}

impl Earned {
    fn plus(self, other: Self) -> Self {
        Self {
            earned_msat: self.earned_msat.saturating_add(other.earned_msat),
            forwards: self.forwards.saturating_add(other.forwards),
        }
    }
}

impl From<Leg> for Earned {
    fn from(leg: Leg) -> Self {
        Self {
            earned_msat: leg.fees.0,
            forwards: leg.count,
        }
    }
}

/// One channel's line.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Which it is.
    #[serde(flatten)]
    pub ids: Ids,
    /// Its capacity.
    pub capacity_sat: u64,
    /// Our balance.
    pub local_sat: u64,
    /// The share on our side.
    pub local_ratio: f64,
    /// The wanted share.
    pub target_ratio: f64,
    /// Forwards per minute, as of the last decision.
    pub tpm: f64,
    /// The same by its own history.
    pub tpm_history: f64,
    /// The outbound rate; `None` without a policy.
    pub fee_ppm: Option<u32>,
    /// The base fee.
    pub base_fee_msat: Option<u32>,
    /// The inbound rate; below 0, a discount.
    pub inbound_ppm: Option<i32>,
    /// The rate that the last decision arrived at.
    pub target_fee_ppm: Option<u32>,
    /// What it earned.
    #[serde(flatten)]
    pub spans: Spans,
    /// When we last changed it.
    #[serde(serialize_with = "times")]
    pub last_change: Option<Timestamp>,
    /// The last update, and what came of it.
    pub last_update: Option<String>,
    /// What may be done: `manage`, `observe`, `pin` or `ignore`.
    #[serde(serialize_with = "mode_code")]
    pub mode: Mode,
    /// What is ordered beside the config.
    pub orders: Vec<String>,
    /// Whether the peer is online.
    pub active: bool,
    /// The fee's state as a code ...
    pub state_code: &'static str,
    /// ... and in words.
    pub state: State,
}

/// A price level by which open channels are priced.
#[derive(Debug, Serialize)]
pub struct PriceLevel {
    /// Whose it is.
    pub segment: Segment,
    /// The level in force.
    pub ppm: f64,
    /// Where it goes.
    pub wanted_ppm: f64,
}

/// What the network charges, from which the levels follow.
#[derive(Debug, Serialize)]
pub struct NetworkPrices {
    /// Over what it charged on the day of reference.
    pub index: f64,
    /// How many nodes of the graph were read.
    pub nodes_read: u64,
    /// When one was last.
    #[serde(serialize_with = "times")]
    pub read_at: Option<Timestamp>,
}

/// Whether the daemon works.
#[derive(Debug, Serialize)]
pub struct DaemonState {
    /// Whether one has the database open.
    pub running: bool,
    /// The version of the last.
    pub version: Option<String>,
    /// Its process id.
    pub pid: Option<u32>,
    /// When it started.
    #[serde(serialize_with = "times")]
    pub started_at: Option<Timestamp>,
    /// Whether it was told to write nothing.
    pub observe_only: Option<bool>,
    /// When it last tried a cycle.
    #[serde(serialize_with = "times")]
    pub tried_at: Option<Timestamp>,
    /// Whether that cycle came to its end.
    pub works: Option<bool>,
    /// Since when they come out like that.
    #[serde(serialize_with = "times")]
    pub since: Option<Timestamp>,
    /// Why it did not.
    pub error: Option<String>,
}

impl DaemonState {
    fn of(beat: Option<Heartbeat>, running: bool) -> Self {
        Self {
            running,
            version: beat.as_ref().map(|beat| beat.version.clone()),
            pid: beat.as_ref().map(|beat| beat.pid),
            started_at: beat.as_ref().map(|beat| beat.started_at),
            observe_only: beat.as_ref().map(|beat| beat.observe_only),
            tried_at: beat.as_ref().map(|beat| beat.at),
            works: beat.as_ref().map(|beat| beat.error.is_none()),
            since: beat.as_ref().map(|beat| beat.since),
            error: beat.and_then(|beat| Some(beat.error?.to_string())),
        }
    }
}

/// Every open channel, and the node.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// The version of this form.
    pub schema: u32,
    /// When the node was last read.
    #[serde(serialize_with = "times")]
    pub seen_at: Option<Timestamp>,
    /// Whether the daemon works.
    pub daemon: DaemonState,
    /// Whether the operator has paused the node.
    #[serde(serialize_with = "times")]
    pub paused: Option<Pause>,
    /// What the node earned: each forward once, also of closed channels.
    pub node: Spans,
    /// The price levels in use.
    pub levels: Vec<PriceLevel>,
    /// What the network charges.
    pub network: NetworkPrices,
    /// How far the levels have given way, for income had fallen; 0 not at all.
    pub given_way: f64,
    /// Forwards kept aside because they cannot be any.
    pub quarantined_forwards: u64,
    /// What lies in channels to the operator's other nodes, each counted at this end.
    pub own_nodes: OwnBalances,
    /// The channels, by peer.
    pub channels: Vec<Line>,
}

/// The balances of channels between the operator's own nodes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OwnBalances {
    /// How many channels.
    pub channel_count: usize,
    /// On our side.
    pub local_sat: u64,
    /// On the other node's side, which is ours as well.
    pub remote_sat: u64,
}

impl OwnBalances {
    /// Of the `open` channels.
    pub fn of<'a>(book: &SettingsLayers, open: impl Iterator<Item = &'a KnownChannel>) -> Self {
        let own = open.map(|known| &known.channel);
        let own = own.filter(|channel| book.own_nodes.contains(channel.peer));
        own.fold(Self::default(), |sum, channel| Self {
            channel_count: sum.channel_count + 1,
            local_sat: sum.local_sat.saturating_add(channel.local_balance.0),
            remote_sat: sum.remote_sat.saturating_add(channel.remote_balance.0),
        })
    }
}

impl Overview {
    /// All that `store` knows, as of `now`.
    pub async fn gather(
        book: &SettingsLayers,
        store: &StoreReader,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let cycle = store.last_cycle().await?;
        let market = store.market().await?;
        let spans = [1, 7, 30].map(|days| now.minus(DAY * days));
        let told_by_rows = async {
            let changes = store.last_changes().await?;
            Ok((changes, store.ledgers(&spans, now).await?))
        };
        // What has to be unfolded is, while the next is read.
        let (known, mut decisions, (mut changes, earned)) =
            tokio::try_join!(store.channels(), store.last_decisions(), told_by_rows)?;
        let sources = Sources {
            book,
            market: &market,
            earned: &earned,
            tip: cycle.map(|cycle| cycle.tip).unwrap_or_default(),
            now,
        };
        let open = known.iter().filter(|known| known.open);
        let own_nodes = OwnBalances::of(book, open.clone());
        let levels = sources.levels(open.clone());
        let lines = open.map(|known| {
            let point = &known.channel.point;
            sources.line(known, decisions.remove(point), changes.remove(point))
        });
        let mut channels: Vec<Line> = lines.collect();
        channels.sort_by_cached_key(|line| (line.ids.peer_name(), line.ids.scid));
        Ok(Self {
            schema: SCHEMA,
            seen_at: cycle.map(|cycle| cycle.at),
            daemon: DaemonState::of(store.heartbeat().await?, store.daemon_lives()),
            paused: book.orders.paused(now),
            node: sources.spans(|ledger| ledger.node),
            levels,
            own_nodes,
            network: NetworkPrices {
                index: market.index.value(),
                nodes_read: market.index.visits,
                read_at: market.index_read_at,
            },
            given_way: market.take_over.map_or(0.0, |then| then.given_way),
            quarantined_forwards: store.quarantined().await?,
            channels,
        })
    }
}

struct Sources<'a> {
    book: &'a SettingsLayers,
    market: &'a NodeMarket,
    /// Of 1, 7 and 30 days.
    earned: &'a [Ledger],
    tip: BlockHeight,
    now: Timestamp,
}

impl Sources<'_> {
    fn spans(&self, leg: impl Fn(&Ledger) -> Leg) -> Spans {
        let mut legs = self.earned.iter().map(|ledger| leg(ledger).into());
        let mut next = || legs.next().unwrap_or_default();
        Spans {
            last_24_hours: next(),
            last_7_days: next(),
            last_30_days: next(),
        }
    }

    /// The levels that price any of the channels, or would.
    fn levels<'k>(&self, open: impl Iterator<Item = &'k KnownChannel> + Clone) -> Vec<PriceLevel> {
        let (market, tuning) = (self.market, &self.book.node.tuning);
        let is_in_use = |segment: &Segment| {
            let mut of_it = open
                .clone()
                .filter(|known| Segment::of(&known.channel) == *segment);
            of_it.any(|known| {
                let settings = self.book.resolve(&known.channel, self.tip, self.now);
                is_priced(&settings) && settings.level == LevelChoice::Market
            })
        };
        let in_use = Segment::ALL.into_iter().filter(is_in_use);
        in_use
            .map(|segment| PriceLevel {
                segment,
                ppm: market.ln_level(segment, tuning).exp(),
                wanted_ppm: market.ln_wanted(segment, tuning).exp(),
            })
            .collect()
    }

    fn line(
        &self,
        known: &KnownChannel,
        decision: Option<Decision>,
        change: Option<FeeChange>,
    ) -> Line {
        let channel = &known.channel;
        let point = channel.point;
        let settings = self.book.resolve(channel, self.tip, self.now);
        let evidence = decision.as_ref().map(|decision| decision.evidence);
        let wanted_ppm = decision.as_ref().map(|decision| decision.wanted_ppm);
        let changed = change
            .as_ref()
            .filter(|change| change.stage == Stage::Confirmed);
        let orders = self.book.orders.on(point, self.now).into_iter();
        let fees = fees_now(known, change.as_ref());
        let last_change = changed.map(|change| change.intended_at);
        let last_update = change.as_ref().map(update_in_words);
        let state = State::new(channel, decision, change, self.now);
        Line {
            ids: Ids::of(channel),
            capacity_sat: channel.capacity.0,
            local_sat: channel.local_balance.0,
            local_ratio: channel.local_ratio(),
            target_ratio: settings.target_ratio,
            tpm: evidence.map_or(0.0, |evidence| evidence.tpm),
            tpm_history: evidence.map_or(0.0, |evidence| evidence.tpm_history),
            fee_ppm: fees.map(|fees| fees.outbound.0),
            base_fee_msat: fees.map(|fees| fees.base_fee_msat),
            inbound_ppm: fees.map(|fees| fees.inbound.rate_ppm),
            target_fee_ppm: wanted_ppm.map(|ppm| FeePpm::rounded(ppm).0),
            spans: self.spans(|ledger| {
                let flow = ledger.channels.get(&point).copied();
                flow.unwrap_or_default().outgoing
            }),
            last_change,
            mode: settings.mode,
            orders: orders.map(|order| order.words(&rfc3339)).collect(),
            active: channel.active,
            last_update,
            state_code: state.code(),
            state,
        }
    }
}

/// A mode in a word.
pub fn mode_name(mode: Mode) -> String {
    match mode {
        Mode::Pin(rate) => format!("pin {rate}"),
        other => mode_word(other).to_owned(),
    }
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Manage => "manage",
        Mode::Observe => "observe",
        Mode::Pin(_) => "pin",
        Mode::Ignore => "ignore",
    }
}

fn mode_code<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode_word(*mode))
}
