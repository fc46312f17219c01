//! An attack on the node: what is done, how often, and to whom.

use serde::Deserialize;

/// What an attacker does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttackKind {
    /// Forwards of `amount_sat` leave by a target and settle: one sat every few
    /// minutes keeps a meter awake, thousands of them lower a mean amount.
    Dust,
    /// The author's own two peers pay each other there and back over us, so
    /// that demand seems to be what it is not.
    Wash,
    /// HTLCs that leave by a target stay pending for `hold_secs`, then fail.
    Hang,
    /// HTLCs of random amounts, up to the target's capacity, that fail: at us
    /// if we have too little, further on otherwise.
    Probe,
    /// A target's peer goes away for `hold_secs`, and comes back.
    Flap,
}

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackRules {
    /// What is done.
    pub kind: AttackKind,
    /// Seconds between two acts.
    pub every_secs: f64,
    /// The amount that leaves our node in one act, at most, in sat.
    #[serde(default = "one")]
    pub amount_sat: f64,
    /// How long an HTLC is pending, or a peer away, in seconds.
    #[serde(default = "one")]
    pub hold_secs: f64,
    /// How many of our largest channels are aimed at, in turn. Of a wash, each
    /// pairs with the next largest.
    #[serde(default = "one_target")]
    pub targets: usize,
    /// When it begins, in days after the warm-up.
    #[serde(default)]
    pub after_days: f64,
    /// How long it goes on, in days.
    #[serde(default = "for_good")]
    pub for_days: f64,
}

fn one() -> f64 {
    1.0
}

fn one_target() -> usize {
    1
}

/// Longer than any scenario.
fn for_good() -> f64 {
    1e6
}
