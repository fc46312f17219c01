//! What held for the node in a cycle: part of what the cycle was given.
//!
//! A setting or constant that was not known then is the built-in one; the rules
//! of inbound discounts are stored whole.

use std::time::Duration;

use sweetspot_core::settings::inbound::InboundRules;
use sweetspot_core::settings::tuning::Tuning;
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
        // Not `tuning`: an earlier version's constants meant another strategy.
        #[serde(rename = "constants")]
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
        throughput: f64,
        announced_ppm: f64,
        unannounced_ppm: f64,
        index_exponent: f64,
    }
}

default_of!(TuningForm, Tuning);
