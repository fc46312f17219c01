//! The standard world. Its figures come from the public graph, a year of one
//! routing node's forwards and LND's defaults; where they were fitted, the
//! calibration test says to what.

use super::*;

/// 2026-01-01T00:00:00Z.
const START_SECS: i64 = 1_767_225_600;

impl Default for Scenario {
    fn default() -> Self {
        Self {
            network: NetworkChoice::Synthetic {
                nodes: 1_200,
                seed: 1,
            },
            fee_scale: 1.0,
            node: 1,
            channels: 40,
            seed: 1,
            start_secs: START_SECS,
            days: 120.0,
            warm_up_days: 20.0,
            rate: 0.5,
            scale: 1.0,
            start_fee: StartFee::Ppm(200),
            start_base_fee_msat: 0,
            peers: PeerMix::default(),
            demand: DemandRules::default(),
            rivals: RivalRules::default(),
            htlcs: HtlcRules::default(),
            gossip_mean_secs: 300.0,
            churn: ChurnRules::default(),
            outages: OutageRules::default(),
            events: vec![],
            take_over: false,
            attack: None,
        }
    }
}

impl Default for PeerMix {
    fn default() -> Self {
        Self {
            source: 0.08,
            sink: 0.08,
            small: 0.08,
            dead: 0.04,
            private: 0.04,
            parallel: 0.04,
        }
    }
}

impl Default for DemandRules {
    fn default() -> Self {
        Self {
            amount_median_sat: 75_000.0,
            amount_ln_sd: 1.1,
            tiny: 0.12,
            cluster: 2.2,
            cluster_gap_secs: 45.0,
            regular: false,
            shock_shape: 0.5,
            receiver_shock_shape: 1.0,
            drift_sd: 0.5,
            drift_days: 30.0,
            rhythm: 0.4,
            budget_ppm: 5_000.0,
            inbound_aware: 0.5,
        }
    }
}

impl Default for RivalRules {
    fn default() -> Self {
        Self {
            sd: 0.2,
            peers_sd: 0.25,
            days: 15.0,
            noise: 0.15,
            reaction: 0.0,
            reliability_weight: 1.0,
        }
    }
}

impl Default for HtlcRules {
    fn default() -> Self {
        Self {
            hold_mean_secs: 6.0,
            hanging: 0.005,
            hanging_mean_hours: 6.0,
            downstream_failure: 0.3,
        }
    }
}

impl Default for ChurnRules {
    fn default() -> Self {
        Self {
            closes_per_channel_year: 0.87,
            reopen_mean_days: 3.0,
            zero_conf: 0.1,
            failed: 0.05,
        }
    }
}

impl Default for OutageRules {
    fn default() -> Self {
        Self {
            per_channel_year: 12.0,
            mean_hours: 4.0,
            node_per_year: 2.0,
            node_mean_hours: 1.0,
        }
    }
}
