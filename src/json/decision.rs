//! A decision as `--json` tells it: words, codes and units, whatever the core calls
//! its parts.

use serde::Serialize;

use crate::format::times;
use sweetspot_core::decision::{Decision, Limit, Trigger, Verdict};
use sweetspot_core::types::channel::FeeParts;
use sweetspot_core::types::time::{Timestamp, rfc3339};
use sweetspot_core::types::units::FeePpm;

/// One decision.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionJson {
    /// When.
    #[serde(serialize_with = "times")]
    at: Timestamp,
    /// `scheduled` or `drain`.
    trigger: &'static str,
    /// `change`, `would_change`, or why nothing was changed.
    code: &'static str,
    /// The same in words.
    outcome: String,
    /// Until when it waits, if it does.
    #[serde(serialize_with = "times")]
    waits_until: Option<Timestamp>,
    /// The fees on the node then.
    current: Option<Fees>,
    /// The fees to be set; null where none are.
    to: Option<Fees>,
    /// The rate before.
    before_ppm: f64,
    /// What the terms ask for, without any limit.
    asked_ppm: f64,
    /// What it arrived at.
    target_fee_ppm: f64,
    /// The price level, where one pulled.
    level_ppm: Option<f64>,
    /// The relative parts of the way from `before_ppm` to `asked_ppm`.
    terms: TermsJson,
    /// What was seen, of the whole peer group.
    evidence: EvidenceJson,
    /// What limited it.
    limits: Vec<LimitJson>,
    /// The inbound discount, where there is one to decide.
    inbound: Option<InboundJson>,
    /// The max HTLC, where it is managed.
    max_htlc: Option<MaxHtlcJson>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Fees {
    fee_ppm: u32,
    base_fee_msat: u32,
    inbound_ppm: i32,
    inbound_base_fee_msat: i32,
}

impl From<FeeParts> for Fees {
    fn from(fees: FeeParts) -> Self {
        Self {
            fee_ppm: fees.outbound.0,
            base_fee_msat: fees.base_fee_msat,
            inbound_ppm: fees.inbound.rate_ppm,
            inbound_base_fee_msat: fees.inbound.base_fee_msat,
        }
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
struct TermsJson {
    balance: f64,
    throughput: f64,
    level: f64,
    drain: f64,
    /// How far the evidence counts, 0 to 1.
    weight: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct EvidenceJson {
    local_ratio: f64,
    target_ratio: f64,
    tpm: f64,
    tpm_history: f64,
    forwards: f64,
    stocked_share: f64,
}

#[derive(Clone, Debug, Serialize)]
struct LimitJson {
    code: &'static str,
    ppm: Option<u32>,
    words: String,
}

#[derive(Clone, Debug, Serialize)]
struct InboundJson {
    discount_ppm: u32,
    wanted_ppm: u32,
    most_ppm: u32,
    /// What the settings fix it at; null where it goes by the need.
    fixed_ppm: Option<u32>,
    words: String,
}

#[derive(Clone, Debug, Serialize)]
struct MaxHtlcJson {
    now_msat: u64,
    wanted_msat: u64,
    /// What it is set to; null where it stays.
    to_msat: Option<u64>,
    words: String,
}

impl From<&Decision> for DecisionJson {
    fn from(decision: &Decision) -> Self {
        let (terms, seen) = (&decision.terms, &decision.evidence);
        let current = decision.current.map(|fees| fees.outbound);
        Self {
            at: decision.at,
            trigger: match decision.trigger {
                Trigger::Drain => "drain",
                Trigger::Scheduled => "scheduled",
            },
            code: decision.code(),
            outcome: decision.outcome(&rfc3339),
            waits_until: decision.waits_until(),
            current: decision.current.map(Into::into),
            to: match decision.verdict {
                Verdict::Change { to } | Verdict::WouldChange { to } => Some(to.into()),
                Verdict::Hold { .. } => None,
            },
            before_ppm: decision.wanted_before_ppm,
            asked_ppm: decision.asked_ppm(),
            target_fee_ppm: decision.wanted_ppm,
            level_ppm: decision.level_ppm(),
            terms: TermsJson {
                balance: terms.balance,
                throughput: terms.throughput,
                level: terms.level,
                drain: terms.protection,
                weight: terms.dampening,
            },
            evidence: EvidenceJson {
                local_ratio: seen.ratio,
                target_ratio: seen.target_ratio,
                tpm: seen.tpm,
                tpm_history: seen.tpm_history,
                forwards: seen.forwards,
                stocked_share: seen.stocked_share,
            },
            limits: decision
                .limits
                .iter()
                .map(|limit| limit_json(*limit, current))
                .collect(),
            inbound: decision.inbound.map(|discount| InboundJson {
                discount_ppm: discount.now.0,
                wanted_ppm: discount.wanted.0,
                most_ppm: discount.most.0,
                fixed_ppm: discount.fixed.map(|fixed| fixed.0),
                words: discount.words(&rfc3339),
            }),
            max_htlc: decision.max_htlc.map(|part| MaxHtlcJson {
                now_msat: part.now.0,
                wanted_msat: part.wanted.0,
                to_msat: decision.max_htlc_change().map(|change| change.to.0),
                words: part.words(&rfc3339),
            }),
        }
    }
}

fn limit_json(limit: Limit, current: Option<FeePpm>) -> LimitJson {
    let (code, ppm) = match limit {
        Limit::Minimum { ppm } => ("minimum", Some(ppm)),
        Limit::CostFloor { ppm } => ("cost_floor", Some(ppm)),
        Limit::Maximum { ppm } => ("maximum", Some(ppm)),
        Limit::Step { ppm } => ("step", Some(ppm)),
        Limit::NewChannel { ppm } => ("new_channel", Some(ppm)),
        Limit::Pinned { ppm } => ("pinned", Some(ppm)),
        Limit::Depleted => ("depleted", None),
    };
    LimitJson {
        code,
        ppm: ppm.map(|ppm| ppm.0),
        words: limit.words(current),
    }
}
