//! The demand meter: part of memories.
//!
//! Its forwards are not stored here: they are counted again from the stored ones.
//! What an earlier version kept beside `since` is passed over.

use sweetspot_core::signals::meter::{FirstSight, Meter};
use sweetspot_core::signals::stock::StockLog;
use sweetspot_core::signals::volume::Volume;

use super::{Form, form};

/// A channel's or the node's meter.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct MeterForm {
    since: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sight: Option<FirstSightForm>,
    /// Moments, and whether it was stocked from then on.
    #[serde(default)]
    stock: Vec<(i64, bool)>,
}

form! {
    /// The first balance read, in sat.
    struct FirstSightForm of FirstSight {
        at: i64,
        spendable: u64,
        needed: u64,
    }
}

impl Form<Meter> for MeterForm {
    fn of(value: &Meter) -> Self {
        let Meter {
            since,
            first_sight,
            stock: StockLog { changes },
            volume: _,
        } = value;
        Self {
            since: Form::of(since),
            first_sight: Form::of(first_sight),
            stock: Form::of(changes),
        }
    }

    fn into_core(self) -> Meter {
        Meter {
            since: self.since.into_core(),
            first_sight: self.first_sight.into_core(),
            stock: StockLog {
                changes: self.stock.into_core(),
            },
            volume: Volume::default(),
        }
    }
}
