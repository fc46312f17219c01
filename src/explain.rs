//! `explain`: a channel's last decisions as sums that can be checked by hand, the
//! limits that applied, what came of fee changes, and when the next is possible.

mod told;

use serde::Serialize;

use crate::config::Config;
use crate::format::{local_time, times};
use crate::json::{DecisionJson, Ids, SCHEMA, by_key};
use crate::overview::{fees_now, max_htlc_now};
use crate::report::{ChangeReport, outcomes};
use sweetspot_core::decision::Decision;
use sweetspot_core::engine::phase::next_due;
use sweetspot_core::ports::StoreError;
use sweetspot_core::settings::alias_pins::Renamed;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::settings::values::{ChannelSettings, Mode};
use sweetspot_core::strategy::peer_group::is_priced;
use sweetspot_core::types::channel::{Channel, FeeParts, Scid};
use sweetspot_core::types::clean_text::CleanText;
use sweetspot_core::types::fee_change::{FeeChange, Stage};
use sweetspot_core::types::time::{Timestamp, rfc3339};
use sweetspot_core::types::units::{BlockHeight, FeePpm};
use sweetspot_store::{KnownChannel, StoreReader};

/// Changes of which the outcome is told.
const OUTCOMES: usize = 5;
/// Changes among which they are looked for: some fail.
const CHANGES_READ: u32 = 20;

/// Why nothing can be said of a channel.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No one channel is meant.
    #[error(transparent)]
    Which(#[from] WhichChannel),
}

/// That a text means no channel, or more than one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WhichChannel(pub String);

/// A channel and its last decisions.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub(crate) schema: u32,
    #[serde(flatten)]
    pub(crate) ids: Ids,
    pub(crate) capacity_sat: u64,
    pub(crate) local_sat: u64,
    pub(crate) remote_sat: u64,
    pub(crate) local_ratio: f64,
    pub(crate) active: bool,
    #[serde(serialize_with = "fees_or_null")]
    pub(crate) fees: Option<FeeParts>,
    pub(crate) max_htlc_msat: Option<u64>,
    pub(crate) policy_error: Option<CleanText>,
    #[serde(serialize_with = "by_key")]
    pub(crate) settings: ChannelSettings,
    pub(crate) lowest_ppm: u32,
    pub(crate) settings_from: Vec<String>,
    pub(crate) orders: Vec<String>,
    #[serde(skip)]
    pub(crate) orders_local: Vec<String>,
    #[serde(serialize_with = "times")]
    pub(crate) seen_at: Timestamp,
    #[serde(serialize_with = "times")]
    pub(crate) next_change_possible: Option<Timestamp>,
    /// The rate that the last decision arrived at, rounded as it is written.
    pub(crate) target_fee_ppm: Option<u32>,
    /// Other channels with the peer that are priced as one with this.
    pub(crate) peer_group: Vec<Ids>,
    #[serde(serialize_with = "as_json")]
    pub(crate) decisions: Vec<Decision>,
    pub(crate) last_update: Option<LastChange>,
    pub(crate) outcomes: Vec<ChangeReport>,
    #[serde(skip)]
    pub(crate) renamed: Option<Renamed>,
}

fn as_json<S: serde::Serializer>(decisions: &[Decision], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(decisions.iter().map(DecisionJson::from))
}

fn fees_or_null<S: serde::Serializer>(
    fees: &Option<FeeParts>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match fees {
        Some(fees) => crate::json::fees(fees, serializer),
        None => serializer.serialize_none(),
    }
}

impl Explanation {
    /// As text; `at` if it is of an earlier moment.
    pub fn render(&self, now: Timestamp, at: Option<Timestamp>) -> String {
        told::render(self, now, at)
    }

    /// Only the last decision, as text.
    pub fn render_last(&self, now: Timestamp) -> String {
        told::render_last(self, now)
    }

    /// The channel that this one goes after, if it does.
    fn leader(&self) -> Option<Scid> {
        let first = self.peer_group.iter().min_by_key(|ids| ids.channel_point)?;
        (first.channel_point < self.ids.channel_point).then_some(first.scid)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct LastChange {
    #[serde(serialize_with = "times")]
    pub(crate) at: Timestamp,
    pub(crate) from_ppm: u32,
    pub(crate) to_ppm: u32,
    pub(crate) from_base_fee_msat: u32,
    pub(crate) to_base_fee_msat: u32,
    pub(crate) from_inbound_ppm: i32,
    pub(crate) to_inbound_ppm: i32,
    pub(crate) from_max_htlc_msat: Option<u64>,
    pub(crate) to_max_htlc_msat: Option<u64>,
    pub(crate) outcome: String,
    pub(crate) detail: CleanText,
}

impl From<&FeeChange> for LastChange {
    fn from(change: &FeeChange) -> Self {
        Self {
            at: change.intended_at,
            from_ppm: change.from.outbound.0,
            to_ppm: change.to.outbound.0,
            from_base_fee_msat: change.from.base_fee_msat,
            to_base_fee_msat: change.to.base_fee_msat,
            from_inbound_ppm: change.from.inbound.rate_ppm,
            to_inbound_ppm: change.to.inbound.rate_ppm,
            from_max_htlc_msat: change.max_htlc.map(|change| change.from.0),
            to_max_htlc_msat: change.max_htlc.map(|change| change.to.0),
            outcome: match change.is_open() {
                true => "unconfirmed".to_owned(),
                false => change.stage.to_string(),
            },
            detail: change.detail.clone(),
        }
    }
}

/// Explains the one channel that `wanted` means, with its `last` decisions: as of
/// now, or as it was decided at an earlier moment.
pub async fn gather(
    config: &Config,
    store: &StoreReader,
    now: Timestamp,
    wanted: &str,
    earlier: Option<Timestamp>,
    last: u32,
) -> Result<Explanation, ExplainError> {
    let at = earlier.unwrap_or(now);
    // The daemon's clock may have been ahead.
    let until = earlier.unwrap_or(Timestamp::from_nanos(i64::MAX));
    let all = store.channels().await?;
    let known = the_one(store.find_among(&all, wanted).await?, wanted)?;
    let cycle = store.last_cycle().await?;
    let tip = cycle.map(|cycle| cycle.tip).unwrap_or_default();
    let (channel, point) = (&known.channel, known.channel.point);
    let settings = config.book.resolve(channel, tip, at);
    let decisions = store.decisions_until(point, until, last.max(1)).await?;
    let changes = store.channel_changes(point, until, CHANGES_READ).await?;
    let orders = config.book.orders.on(point, at);
    Ok(Explanation {
        schema: SCHEMA,
        ids: Ids::of(channel),
        capacity_sat: channel.capacity.0,
        local_sat: channel.local_balance.0,
        remote_sat: channel.remote_balance.0,
        local_ratio: channel.local_ratio(),
        active: channel.active,
        fees: fees_now(&known, changes.first()),
        max_htlc_msat: max_htlc_now(&known, changes.first()).map(|amount| amount.0),
        policy_error: channel.policy_error.clone(),
        lowest_ppm: settings.lowest().0,
        settings_from: config.book.sources(channel, tip, at),
        orders: orders.iter().map(|order| order.words(&rfc3339)).collect(),
        orders_local: orders
            .iter()
            .map(|order| order.words(&local_time))
            .collect(),
        seen_at: known.last_seen,
        next_change_possible: decisions.first().and_then(|newest| {
            next_change(newest, &settings, || {
                next_due(&channel.peer, now, config.book.node.slow_interval)
            })
        }),
        target_fee_ppm: decisions
            .first()
            .map(|newest| FeePpm::rounded(newest.wanted_ppm).0),
        peer_group: peer_group(&config.book, &all, channel, &settings, tip, at),
        last_update: changes.first().map(Into::into),
        outcomes: last_outcomes(store, &known, &changes, now).await?,
        renamed: config.book.remembered.names.renamed([channel]).pop(),
        decisions,
        settings,
    })
}

/// What came of the channel's last changes.
async fn last_outcomes(
    store: &StoreReader,
    known: &KnownChannel,
    changes: &[FeeChange],
    now: Timestamp,
) -> Result<Vec<ChangeReport>, StoreError> {
    let confirmed = changes.iter().filter(|change| {
        change.stage == Stage::Confirmed && change.from.outbound != change.to.outbound
    });
    let Some(first) = confirmed.take(OUTCOMES).last() else {
        return Ok(vec![]);
    };
    let known = std::slice::from_ref(known);
    outcomes(store, known, first.intended_at, now).await
}

/// The other channels that are priced as one with `channel`.
fn peer_group(
    book: &SettingsLayers,
    all: &[KnownChannel],
    channel: &Channel,
    settings: &ChannelSettings,
    tip: BlockHeight,
    at: Timestamp,
) -> Vec<Ids> {
    let parallel = all.iter().filter(|known| {
        let other = &known.channel;
        known.open
            && other.peer == channel.peer
            && other.point != channel.point
            && is_priced(settings)
            && book.resolve(other, tip, at) == *settings
    });
    parallel.map(|known| Ids::of(&known.channel)).collect()
}

/// The one channel that `wanted` means.
pub fn the_one(mut found: Vec<KnownChannel>, wanted: &str) -> Result<KnownChannel, WhichChannel> {
    if found.len() > 1 && found.iter().filter(|known| known.open).count() == 1 {
        found.retain(|known| known.open);
    }
    match (found.pop(), found.len()) {
        (Some(known), 0) => Ok(known),
        (None, _) => Err(WhichChannel(format!(
            "no channel matches `{wanted}`; `sweetspot status` lists all channels"
        ))),
        (Some(last), _) => {
            let names: Vec<String> = found
                .iter()
                .chain([&last])
                .map(|known| format!("{} ({})", known.channel.scid, known.channel.peer_name()))
                .collect();
            Err(WhichChannel(format!(
                "`{wanted}` matches {}; name one by its scid",
                names.join(", ")
            )))
        }
    }
}

/// When the fee may next change: the end of a wait, or else the slow rhythm's
/// next moment; never for a channel that is left alone.
fn next_change(
    newest: &Decision,
    settings: &ChannelSettings,
    due: impl Fn() -> Timestamp,
) -> Option<Timestamp> {
    if settings.mode == Mode::Ignore {
        return None;
    }
    Some(
        newest
            .waits_until()
            .map_or_else(&due, |until| until.max(due())),
    )
}
