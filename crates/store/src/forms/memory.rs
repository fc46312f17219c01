//! What is remembered: `channel_memory.body` and `node.body`, in format 2.
//!
//! Format 1 had decayed counts under `flow` and learned levels under `market`: of
//! the former this version reads since when forwards are known, of the latter the
//! levels. Inbound fees came later; they read as nothing known where they are
//! missing.

use std::time::Duration;

use sweetspot_core::settings::windows::Windows;
use sweetspot_core::state::inbound::InboundMemory;
use sweetspot_core::state::memory::{
    BalanceSample, Bucket, ChannelMemory, FeeMemory, ForeignChange, NodeMemory,
};

use super::channel::FeePartsForm;
use super::clock::ClockForm;
use super::fee_change::RememberedChangeForm;
use super::market::{EarlierMarketForm, NodeMarketForm, SegmentForm};
use super::max_htlc::MaxHtlcMemoryForm;
use super::meter::MeterForm;
use super::prune::PruneMemoryForm;
use super::{Form, default_of, form};

form! {
    /// Of a channel.
    struct ChannelMemoryForm of ChannelMemory {
        first_seen: i64,
        last_seen: i64,
        #[serde(rename = "flow")]
        meter: MeterForm,
        recent: Vec<BalanceSampleForm>,
        fee: FeeMemoryForm,
        #[serde(skip_serializing_if = "Option::is_none")]
        decided_at: Option<i64>,
        prune: PruneMemoryForm,
        #[serde(default)]
        segment: SegmentForm,
    }
}

form! {
    /// A balance at a moment.
    struct BalanceSampleForm of BalanceSample {
        at: i64,
        ratio: f64,
    }
}

form! {
    /// Of a channel's fee.
    struct FeeMemoryForm of FeeMemory {
        #[serde(skip_serializing_if = "Option::is_none")]
        wanted_ppm: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        confirmed: Option<FeePartsForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        foreign: Option<ForeignChangeForm>,
        #[serde(rename = "last_write", skip_serializing_if = "Option::is_none")]
        last_change: Option<RememberedChangeForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        written_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        shown_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting_since: Option<i64>,
        retry: bool,
        /// An older program looked at such a channel in every cycle.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        queued: bool,
        writes: Vec<i64>,
        #[serde(default)]
        inbound: InboundMemoryForm,
        /// Left out where it is not managed.
        #[serde(default, skip_serializing_if = "MaxHtlcMemoryForm::is_empty")]
        max_htlc: MaxHtlcMemoryForm,
    }
}

form! {
    /// Fees someone else set.
    struct ForeignChangeForm of ForeignChange {
        fees: FeePartsForm,
        seen_at: i64,
    }
}

form! {
    /// Of a channel's inbound fee.
    struct InboundMemoryForm of InboundMemory {
        #[serde(skip_serializing_if = "Option::is_none")]
        granted_ppm: Option<i32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        written_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        shown_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        unneeded_since: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting_since: Option<i64>,
    }
}

default_of!(InboundMemoryForm, InboundMemory);

/// Of the node as a whole.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct NodeMemoryForm {
    bucket: BucketForm,
    #[serde(rename = "absorbed_seq")]
    ingested_seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_at: Option<i64>,
    #[serde(rename = "flow")]
    meter: MeterForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<WindowsForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<NodeMarketForm>,
    /// What format 1 had in place of `prices`.
    #[serde(default, skip_serializing)]
    market: EarlierMarketForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<i64>,
    /// Missing where nothing has been ordered yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    orders_through: i64,
    /// An older program had none.
    #[serde(default)]
    clock: ClockForm,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Form<NodeMemory> for NodeMemoryForm {
    fn of(value: &NodeMemory) -> Self {
        let NodeMemory {
            bucket,
            ingested_seq,
            reported_at,
            meter,
            windows,
            market,
            seen_at,
            orders_through,
            clock,
        } = value;
        Self {
            bucket: Form::of(bucket),
            ingested_seq: *ingested_seq,
            reported_at: Form::of(reported_at),
            meter: Form::of(meter),
            windows: Form::of(windows),
            prices: Some(Form::of(market)),
            market: EarlierMarketForm::default(),
            seen_at: Form::of(seen_at),
            orders_through: *orders_through,
            clock: Form::of(clock),
        }
    }

    fn into_core(self) -> NodeMemory {
        let Self { prices, market, .. } = self;
        NodeMemory {
            bucket: self.bucket.into_core(),
            ingested_seq: self.ingested_seq,
            reported_at: self.reported_at.into_core(),
            meter: self.meter.into_core(),
            windows: self.windows.into_core(),
            market: prices.map_or_else(|| market.into_core(), Form::into_core),
            seen_at: self.seen_at.into_core(),
            orders_through: self.orders_through,
            clock: self.clock.into_core(),
        }
    }
}

form! {
    /// The gossip budget.
    struct BucketForm of Bucket {
        tokens: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<i64>,
    }
}

form! {
    /// How far rates look back.
    struct WindowsForm of Windows {
        current: Duration,
        history: Duration,
    }
}
