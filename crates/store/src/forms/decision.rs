//! A decision with every term: `decisions.body`.
//!
//! The price level's term and the inbound part came later: where they are
//! missing, the level asked for nothing, and there was no inbound part.

use sweetspot_core::decision::{Decision, Evidence, Hold, Limit, Terms, Trigger, Verdict};

use super::channel::FeePartsForm;
use super::discount::DiscountForm;
use super::ids::PointForm;
use super::max_htlc::MaxHtlcPartForm;
use super::{form, form_enum};

form! {
    /// One decision on one channel.
    struct DecisionForm of Decision {
        at: i64,
        point: PointForm,
        #[serde(rename = "rhythm")]
        trigger: TriggerForm,
        evidence: EvidenceForm,
        terms: TermsForm,
        current: Option<FeePartsForm>,
        wanted_before_ppm: f64,
        wanted_ppm: f64,
        limits: Vec<LimitForm>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inbound: Option<DiscountForm>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_htlc: Option<MaxHtlcPartForm>,
        verdict: VerdictForm,
    }
}

form_enum! {
    /// What asked for the decision; also the column `decisions.rhythm`.
    enum TriggerForm of Trigger {
        #[serde(rename = "fast")]
        Drain,
        #[serde(rename = "slow")]
        Scheduled,
    }
}

form! {
    /// What the decision saw.
    struct EvidenceForm of Evidence {
        ratio: f64,
        target_ratio: f64,
        tpm: f64,
        tpm_history: f64,
        forwards: f64,
        stocked_share: f64,
    }
}

form! {
    /// The relative moves asked for.
    struct TermsForm of Terms {
        balance: f64,
        throughput: f64,
        #[serde(default)]
        level: f64,
        protection: f64,
        dampening: f64,
    }
}

form_enum! {
    /// What held the fee to less than was asked.
    #[serde(tag = "limit")]
    enum LimitForm of Limit {
        Minimum { ppm: u32 },
        CostFloor { ppm: u32 },
        Maximum { ppm: u32 },
        Step { ppm: u32 },
        NewChannel { ppm: u32 },
        Pinned { ppm: u32 },
        Depleted,
    }
}

form_enum! {
    /// Why nothing was changed.
    #[serde(tag = "hold")]
    enum HoldForm of Hold {
        Ignored,
        NodeNotReady,
        PeerOffline,
        NoPolicy,
        Disabled,
        NameUnknown,
        PolicyUnread,
        HistoryUnread,
        ClockSet { until: i64 },
        Foreign { until: i64 },
        WriteUnresolved { until: i64 },
        AtRest,
        Deadband { wanted: u32, needed_ppm: u32 },
        Cooldown { until: i64, raise: bool },
        DailyLimit { until: i64 },
        Budget { until: i64 },
        Paused { until: Option<i64> },
        Paced { until: i64 },
        MassMove { moving: u32, channels: u32 },
    }
}

form_enum! {
    /// The outcome.
    #[serde(tag = "verdict")]
    enum VerdictForm of Verdict {
        Hold { reason: HoldForm },
        Change { to: FeePartsForm },
        WouldChange { to: FeePartsForm },
    }
}
