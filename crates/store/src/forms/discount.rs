//! What was decided on an inbound discount: part of a decision.

use sweetspot_core::decision::discount::{Discount, DiscountHold};

use super::{form, form_enum};

form! {
    /// An inbound discount; rates are in ppm.
    struct DiscountForm of Discount {
        missing: f64,
        now: u32,
        most: u32,
        wanted: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fixed: Option<u32>,
        held: Option<DiscountHoldForm>,
    }
}

form_enum! {
    /// Why a discount was left as it was.
    #[serde(tag = "hold")]
    enum DiscountHoldForm of DiscountHold {
        ByHand,
        Foreign { until: i64 },
        AtRest,
        Expiring { until: i64 },
        Deadband { needed_ppm: u32 },
        Cooldown { until: i64 },
        Busy { until: i64 },
    }
}
