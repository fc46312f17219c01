//! What is remembered of a max HTLC, and what was decided on it. Amounts are in msat,
//! those of a balance and of its bounds in sat.

use sweetspot_core::decision::max_htlc::{MaxHtlcHold, MaxHtlcPart};
use sweetspot_core::state::max_htlc::{ForeignMaxHtlc, MaxHtlcMemory};

use super::{form, form_enum};

form! {
    /// What was decided.
    struct MaxHtlcPartForm of MaxHtlcPart {
        local: u64,
        now: u64,
        wanted: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        held: Option<MaxHtlcHoldForm>,
    }
}

form_enum! {
    /// Why it was left as it was.
    #[serde(tag = "hold")]
    enum MaxHtlcHoldForm of MaxHtlcHold {
        Fits,
        NoRoom { least: u64, most: u64 },
        Foreign { until: i64 },
        Cooldown { until: i64 },
        Riding { until: i64 },
        Busy { until: i64 },
    }
}

form! {
    /// What someone else set.
    #[derive(PartialEq)]
    struct ForeignMaxHtlcForm of ForeignMaxHtlc {
        max_htlc: u64,
        seen_at: i64,
    }
}

form! {
    /// What is remembered.
    #[derive(Default, PartialEq)]
    #[serde(default)]
    struct MaxHtlcMemoryForm of MaxHtlcMemory {
        #[serde(skip_serializing_if = "Option::is_none")]
        confirmed: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        foreign: Option<ForeignMaxHtlcForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        written_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting_since: Option<i64>,
    }
}

impl MaxHtlcMemoryForm {
    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
