//! What is remembered between cycles and over restarts.

pub mod clock;
pub mod inbound;
pub mod market;
pub mod max_htlc;
pub mod memory;
pub mod prune;
