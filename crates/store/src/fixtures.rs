//! Values for the store's tests.

use std::collections::VecDeque;

use sweetspot_core::decision::discount::{Discount, DiscountHold};
use sweetspot_core::decision::max_htlc::{MaxHtlcHold, MaxHtlcPart};
use sweetspot_core::decision::{Decision, Evidence, Hold, Terms, Trigger, Verdict};
use sweetspot_core::engine::checkpoint::Checkpoint;
use sweetspot_core::engine::input::CycleInput;
use sweetspot_core::ports::HistoryCursor;
use sweetspot_core::settings::layers::SettingsLayers;
use sweetspot_core::signals::meter::Meter;
use sweetspot_core::state::memory::{ChannelMemory, FeeMemory, Memory, NodeMemory};
use sweetspot_core::state::prune::PruneMemory;
use sweetspot_core::testing::{channel, point};
use sweetspot_core::types::channel::{FeeParts, InboundFee, Scid};
use sweetspot_core::types::fee_change::{FeeChange, MaxHtlcChange};
use sweetspot_core::types::observation::{Forward, Observation};
use sweetspot_core::types::time::Timestamp;
use sweetspot_core::types::units::{BlockHeight, FeePpm, Msat, Sat};

pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// 1,000 sat for 1 sat, from channel 1 to channel 2.
pub(super) fn forward(secs: i64) -> Forward {
    Forward {
        settled_at: at(secs),
        scid_in: channel(1).scid,
        scid_out: channel(2).scid,
        amount_in: Msat(1_001_000),
        amount_out: Msat(1_000_000),
        fee: Msat(1_000),
    }
}

pub(super) fn cursor(from: i64, through: i64) -> HistoryCursor {
    HistoryCursor {
        from: at(from),
        through: at(through),
    }
}

/// Every name of the channels.
pub(super) fn names(channels: &[u8]) -> Vec<(Scid, sweetspot_core::types::channel::ChannelPoint)> {
    channels
        .iter()
        .map(|n| (channel(*n).scid, point(*n)))
        .collect()
}

/// A memory told apart by its wanted rate.
pub(super) fn channel_memory(wanted_ppm: f64) -> ChannelMemory {
    ChannelMemory {
        first_seen: at(1),
        last_seen: at(1),
        meter: Meter::new(at(1)),
        recent: VecDeque::new(),
        fee: FeeMemory {
            wanted_ppm: Some(wanted_ppm),
            ..FeeMemory::default()
        },
        decided_at: None,
        segment: Default::default(),
        prune: PruneMemory::default(),
    }
}

/// The memory of these channels after forward `ingested_seq`.
pub(super) fn memory(channels: &[u8], ingested_seq: i64) -> Memory {
    Memory {
        channels: channels
            .iter()
            .map(|n| (point(*n), channel_memory(f64::from(*n))))
            .collect(),
        node: NodeMemory {
            ingested_seq,
            ..NodeMemory::default()
        },
    }
}

/// A beginning at which these channels are remembered.
pub(super) fn checkpoint(channels: &[u8]) -> Checkpoint {
    Checkpoint {
        follows: true,
        memory: memory(channels, 0),
        names: names(channels),
    }
}

/// What a turn is given that sees these channels under built-in settings.
pub(super) fn input(secs: i64, channels: &[u8]) -> CycleInput {
    let seen = Observation {
        at: at(secs),
        tip: BlockHeight(850_000),
        channels: channels.iter().map(|n| (point(*n), channel(*n))).collect(),
        graph_visit: None,
    };
    CycleInput::new(seen, &SettingsLayers::default(), false, at(0))
}

pub(super) fn fees(ppm: u32) -> FeeParts {
    FeeParts {
        base_fee_msat: 1_000,
        outbound: FeePpm(ppm),
        inbound: InboundFee {
            base_fee_msat: -5,
            rate_ppm: -200,
        },
    }
}

pub(super) fn decision(n: u8, secs: i64, trigger: Trigger, verdict: Verdict) -> Decision {
    Decision {
        at: at(secs),
        point: point(n),
        trigger,
        evidence: Evidence {
            ratio: 0.1,
            target_ratio: 0.5,
            tpm: 0.2,
            tpm_history: 0.1 + 0.2,
            forwards: 7.0,
            stocked_share: 1.0,
        },
        terms: Terms::default(),
        current: Some(fees(100)),
        wanted_before_ppm: 100.0,
        wanted_ppm: 100.5,
        limits: vec![],
        inbound: Some(Discount {
            missing: 0.4,
            now: FeePpm(200),
            most: FeePpm(150),
            wanted: FeePpm(120),
            fixed: Some(FeePpm(130)),
            held: Some(DiscountHold::Cooldown { until: at(9) }),
        }),
        max_htlc: Some(MaxHtlcPart {
            local: Sat(600_000),
            now: Msat(990_000_000),
            wanted: Msat(524_288_000),
            held: Some(MaxHtlcHold::Riding { until: at(9) }),
        }),
        verdict,
    }
}

pub(super) fn hold(n: u8, secs: i64) -> Decision {
    let reason = Hold::AtRest;
    decision(n, secs, Trigger::Scheduled, Verdict::Hold { reason })
}

pub(super) fn change(n: u8, secs: i64) -> Decision {
    decision(
        n,
        secs,
        Trigger::Scheduled,
        Verdict::Change { to: fees(120) },
    )
}

/// A fee change from 100 to 120 ppm, and of the max HTLC.
pub(super) fn intended(secs: i64) -> FeeChange {
    let max_htlc = MaxHtlcChange {
        from: Msat(990_000_000),
        to: Msat(524_288_000),
    };
    FeeChange::intended(fees(100), fees(120), at(secs)).with_max_htlc(Some(max_htlc))
}
