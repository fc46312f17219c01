//! What the sweetspot strategy remembers: part of the node's memory.

use sweetspot_core::signals::level::Level;
use sweetspot_core::state::market::{NodeMarket, SegmentLevel, TakeOver};
use sweetspot_core::types::segment::Segment;
use sweetspot_core::types::time::Timestamp;

use super::level::{IncomeForm, LevelForm, PriceIndexForm};
use super::{default_of, form, form_enum};

form_enum! {
    /// Which market a channel is in.
    enum SegmentForm of Segment {
        Announced,
        Unannounced,
    }
}

default_of!(SegmentForm, Segment);

form! {
    /// The node's part in the market.
    struct NodeMarketForm of NodeMarket {
        announced: SegmentLevelForm,
        unannounced: SegmentLevelForm,
        index: PriceIndexForm,
        #[serde(skip_serializing_if = "Option::is_none")]
        index_read_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        take_over: Option<TakeOverForm>,
    }
}

form! {
    /// A segment's level; rates are natural logarithms of ppm.
    struct SegmentLevelForm of SegmentLevel {
        #[serde(skip_serializing_if = "Option::is_none")]
        level: Option<LevelForm>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sold_ln_ppm: Option<f64>,
    }
}

form! {
    /// How it was when sweetspot took the node over.
    struct TakeOverForm of TakeOver {
        at: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        past: Option<IncomeForm>,
        given_way: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        gave_way_at: Option<i64>,
    }
}

/// The levels that an earlier version learned from its own sales: of what it wrote
/// of the market, all that still means something. They go on from there.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct EarlierMarketForm {
    level: EarlierLevelForm,
    unannounced_level: EarlierLevelForm,
}

/// A learned level, natural logarithm of ppm.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct EarlierLevelForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    ln_ppm: Option<f64>,
}

impl EarlierMarketForm {
    /// The market as this version remembers it.
    pub(crate) fn into_core(self) -> NodeMarket {
        let level = |earlier: EarlierLevelForm| SegmentLevel {
            level: earlier.ln_ppm.map(|ln_ppm| Level {
                ln_ppm,
                looked_at: Timestamp::EPOCH,
            }),
            sold_ln_ppm: None,
        };
        NodeMarket {
            announced: level(self.level),
            unannounced: level(self.unannounced_level),
            ..NodeMarket::default()
        }
    }
}
