//! What the sweetspot strategy remembers: part of memories.
//!
//! What is missing of a channel's sales reads as none, a missing segment as the
//! announced one, a missing level of unannounced channels as one not learned.

use sweetspot_core::signals::exposure::{Exposure, Pending};
use sweetspot_core::signals::tally::Tally;
use sweetspot_core::signals::urgency::Turnover;
use sweetspot_core::state::market::{ChannelMarket, MeanAmount, NodeMarket, Segment};

use super::level::LevelForm;
use super::{default_of, form, form_enum};

form! {
    /// A channel's part in the market.
    struct ChannelMarketForm of ChannelMarket {
        exposure: ExposureForm,
        #[serde(default)]
        segment: SegmentForm,
    }
}

default_of!(ChannelMarketForm, ChannelMarket);

form_enum! {
    /// Which market that is.
    enum SegmentForm of Segment {
        Announced,
        Unannounced,
    }
}

default_of!(SegmentForm, Segment);

form! {
    /// What a channel sold, and when it could. Volumes are in mean forwards.
    #[serde(default)]
    struct ExposureForm of Exposure {
        short: TallyForm,
        long: TallyForm,
        idle_days: f64,
        last_forward: Option<i64>,
        session_room: f64,
        pending: PendingForm,
        turnover: TurnoverForm,
    }
}

default_of!(ExposureForm, Exposure);

form! {
    /// Sessions and the liquid days they came in.
    struct TallyForm of Tally {
        sessions: f64,
        liquid_days: f64,
    }
}

form! {
    /// What was counted since a span was last watched.
    #[serde(default)]
    struct PendingForm of Pending {
        sessions: f64,
        volume: f64,
        worth: f64,
        brought: f64,
    }
}

default_of!(PendingForm, Pending);

form! {
    /// What passes through a channel.
    struct TurnoverForm of Turnover {
        out: TallyForm,
        back: TallyForm,
    }
}

form! {
    /// The node's part in the market.
    struct NodeMarketForm of NodeMarket {
        level: LevelForm,
        #[serde(default)]
        unannounced_level: LevelForm,
        amount: MeanAmountForm,
        counted_through: i64,
        watched_at: Option<i64>,
    }
}

default_of!(NodeMarketForm, NodeMarket);

form! {
    /// The mean of amounts, in sat.
    struct MeanAmountForm of MeanAmount {
        sat: f64,
        count: f64,
    }
}
