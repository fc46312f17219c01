//! Advice on dead channels.

pub mod cause;
pub mod judge;
pub mod recommend;
pub mod rules;
