//! Discounts for flow that refills a channel.

pub mod discount;
pub mod rules;
pub mod supply;
