//! What held for a channel in a cycle: part of what the cycle was given.
//!
//! A setting that was not known then is the built-in one, on the top level only:
//! a group of settings is stored whole.

use std::time::Duration;

use sweetspot_core::settings::cost::Cost;
use sweetspot_core::settings::orders::Pause;
use sweetspot_core::settings::values::{
    BaseFee, ChannelSettings, Gains, InboundRate, LevelChoice, MaxHtlc, Mode, Pace, Protect,
    PruneRules, StrategyName,
};

use super::{default_of, form, form_enum};

form! {
    /// Everything that governed a channel. Rates are in ppm.
    #[serde(default)]
    struct ChannelSettingsForm of ChannelSettings {
        mode: ModeForm,
        observe_only: bool,
        #[serde(rename = "law")]
        strategy: StrategyForm,
        level: LevelChoiceForm,
        initial: LevelChoiceForm,
        target_ratio: f64,
        min: u32,
        max: u32,
        cost: CostForm,
        cost_floor: u32,
        base_fee: BaseFeeForm,
        #[serde(skip_serializing_if = "MaxHtlcForm::is_off")]
        max_htlc: MaxHtlcForm,
        max_htlc_min_sat: u64,
        gains: GainsForm,
        pace: PaceForm,
        protect: ProtectForm,
        prune: PruneRulesForm,
        keep: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        kept_small: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        chain_is_cheap: bool,
        inbound_discount: bool,
        #[serde(skip_serializing_if = "InboundRateForm::is_auto")]
        inbound_rate: InboundRateForm,
        #[serde(skip_serializing_if = "Option::is_none")]
        paused: Option<PauseForm>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        name_unknown: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        explicit: bool,
    }
}

form! {
    /// That the operator has paused the node.
    struct PauseForm of Pause {
        at: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    }
}

default_of!(ChannelSettingsForm, ChannelSettings);

form_enum! {
    /// What might be done; a pinned rate is in ppm.
    enum ModeForm of Mode {
        Manage,
        Observe,
        Pin(ppm: u32),
        Ignore,
    }
}

form_enum! {
    /// The strategy.
    enum StrategyForm of StrategyName {
        Sweetspot,
        Classic,
    }
}

form_enum! {
    /// The price level; a fixed one is in ppm.
    enum LevelChoiceForm of LevelChoice {
        #[serde(alias = "learned")]
        Market,
        Fixed(ppm: u32),
    }
}

form_enum! {
    /// The base fee, in msat where it is set.
    enum BaseFeeForm of BaseFee {
        Set(msat: u32),
        Keep,
    }
}

form_enum! {
    /// What the inbound rate follows; a fixed one is a discount in ppm.
    enum InboundRateForm of InboundRate {
        Auto,
        Fixed(ppm: u32),
    }
}

impl InboundRateForm {
    fn is_auto(&self) -> bool {
        matches!(self, Self::Auto)
    }
}

form_enum! {
    /// What the max HTLC follows; one that is restored is in msat.
    enum MaxHtlcForm of MaxHtlc {
        Off,
        Balance,
        Restored(msat: u64),
    }
}

impl MaxHtlcForm {
    fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

form! {
    /// What the channel's liquidity cost.
    struct CostForm of Cost {
        ppm: u32,
        sat: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        measured: bool,
    }
}

form! {
    /// The classic strategy's gains.
    struct GainsForm of Gains {
        balance: f64,
        throughput: f64,
        evidence_forwards: f64,
        balance_undamped_share: f64,
    }
}

form! {
    /// Limits on how a fee reaches the node.
    struct PaceForm of Pace {
        max_raise: f64,
        max_cut: f64,
        step_floor_ppm: u32,
        deadband_ppm: u32,
        deadband: f64,
        cooldown_raise: Duration,
        cooldown_cut: Duration,
        max_updates_per_day: u32,
        foreign_hands_off: Duration,
    }
}

form! {
    /// When a draining channel is raised early.
    struct ProtectForm of Protect {
        drain_share: f64,
        window: Duration,
        low_ratio: f64,
        raise: f64,
        cooldown: Duration,
    }
}

form! {
    /// When pruning is recommended; `stuck_fee` is in ppm.
    struct PruneRulesForm of PruneRules {
        min_history: Duration,
        stuck_local_ratio: f64,
        stuck_fee: u32,
        stuck_tpm: f64,
        stuck_for: Duration,
        drained_local_ratio: f64,
        drained_for: Duration,
        idle_tpm: f64,
        idle_for: Duration,
        floor_for: Duration,
        ignore_below_sat: u64,
        quiet_node_share: f64,
    }
}
