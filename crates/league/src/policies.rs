//! The fee managers of the league, one file each.
//!
//! Each is modelled on its source: the rules and the constants, not the code.
//! What of the source could not be modelled is said in each file.

pub mod charge_lnd;
pub mod clboss;
pub mod eclair;
pub mod feeadjuster;
pub mod feelancer;
pub mod fixed;
pub mod hydrus;
pub mod lightningmate;
pub mod lit;
pub mod lndg;
pub mod lndmanage;
pub mod nodeguard;
pub mod revenue_ops;
#[cfg(test)]
mod trial;
