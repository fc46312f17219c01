//! What is remembered: `channel_memory.body` and `node.body`, in format 1.
//!
//! Inbound fees, the market and its second level came later; each reads as
//! nothing known where it is missing.

use std::time::Duration;

use sweetspot_core::settings::windows::Windows;
use sweetspot_core::state::inbound::InboundMemory;
use sweetspot_core::state::memory::{
    BalanceSample, Bucket, ChannelMemory, FeeMemory, ForeignChange, NodeMemory,
};

use super::channel::FeePartsForm;
use super::fee_change::RememberedChangeForm;
use super::flow::FlowForm;
use super::market::{ChannelMarketForm, NodeMarketForm};
use super::prune::PruneMemoryForm;
use super::{default_of, form};

form! {
    /// Of a channel.
    struct ChannelMemoryForm of ChannelMemory {
        first_seen: i64,
        last_seen: i64,
        flow: FlowForm,
        recent: Vec<BalanceSampleForm>,
        fee: FeeMemoryForm,
        decided_at: Option<i64>,
        prune: PruneMemoryForm,
        #[serde(default)]
        market: ChannelMarketForm,
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
        wanted_ppm: Option<f64>,
        confirmed: Option<FeePartsForm>,
        foreign: Option<ForeignChangeForm>,
        #[serde(rename = "last_write")]
        last_change: Option<RememberedChangeForm>,
        written_at: Option<i64>,
        shown_at: Option<i64>,
        waiting_since: Option<i64>,
        retry: bool,
        writes: Vec<i64>,
        #[serde(default)]
        inbound: InboundMemoryForm,
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
        granted_ppm: Option<i32>,
        written_at: Option<i64>,
        shown_at: Option<i64>,
        unneeded_since: Option<i64>,
        waiting_since: Option<i64>,
    }
}

default_of!(InboundMemoryForm, InboundMemory);

form! {
    /// Of the node as a whole.
    struct NodeMemoryForm of NodeMemory {
        bucket: BucketForm,
        #[serde(rename = "absorbed_seq")]
        ingested_seq: i64,
        reported_at: Option<i64>,
        flow: FlowForm,
        windows: Option<WindowsForm>,
        #[serde(default)]
        market: NodeMarketForm,
    }
}

form! {
    /// The gossip budget.
    struct BucketForm of Bucket {
        tokens: f64,
        at: Option<i64>,
    }
}

form! {
    /// The time constants of flows.
    struct WindowsForm of Windows {
        current: Duration,
        history: Duration,
    }
}
