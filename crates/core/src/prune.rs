//! Advice on dead channels.

pub mod judge;
pub mod recommend;
pub mod rules;
