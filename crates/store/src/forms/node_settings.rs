//! What held for the node in a cycle: part of what the cycle was given.
//!
//! A setting or constant that was not known then is the built-in one; the rules
//! of inbound discounts are stored whole.

use std::time::Duration;

use sweetspot_core::settings::inbound::InboundRules;
use sweetspot_core::settings::tuning::{Learning, Tuning};
use sweetspot_core::settings::values::NodeSettings;

use super::{default_of, form};

form! {
    /// What governed the node.
    #[serde(default)]
    struct NodeSettingsForm of NodeSettings {
        fast_interval: Duration,
        slow_interval: Duration,
        tpm_window: Duration,
        tpm_history: Duration,
        updates_per_hour: u32,
        reserved_for_protection: u32,
        max_moving_share: f64,
        max_moving_free: u32,
        inbound: InboundRulesForm,
        tuning: TuningForm,
    }
}

default_of!(NodeSettingsForm, NodeSettings);

form! {
    /// Inbound discounts; the largest is in ppm.
    struct InboundRulesForm of InboundRules {
        discount: bool,
        share: f64,
        cheapest_ignored: f64,
        max_discount: u32,
        dead_zone: f64,
        cooldown: Duration,
        expires_after: Duration,
    }
}

form! {
    /// The constants of the sweetspot strategy.
    #[serde(default)]
    struct TuningForm of Tuning {
        balance_up: f64,
        balance_down: f64,
        #[serde(rename = "press_days")]
        urgency_days: f64,
        throughput: f64,
        evidence_sessions: f64,
        dead_after_days: f64,
        dead_expected_sessions: f64,
        dead_per_day: f64,
        learning: LearningForm,
        unannounced: LearningForm,
    }
}

default_of!(TuningForm, Tuning);

form! {
    /// How a price level was learned.
    #[serde(default)]
    struct LearningForm of Learning {
        prior_ppm: f64,
        prior_ln_sd: f64,
        memory_days: f64,
        #[serde(rename = "early_stand_days")]
        early_trial_days: f64,
        #[serde(rename = "stand_days")]
        trial_days: f64,
        #[serde(rename = "longest_stand_days")]
        longest_trial_days: f64,
        enough_sales: f64,
        wash_in_days: f64,
        #[serde(rename = "early_stands")]
        early_trials: u32,
        explored: f64,
        largest_move: f64,
        sale: f64,
        swing: f64,
        wander_per_day: f64,
    }
}

default_of!(LearningForm, Learning);
