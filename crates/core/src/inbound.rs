//! Discounts for flow that refills a channel.

pub mod rules;
pub mod supply;
