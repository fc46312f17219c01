//! Advice on dead channels.

pub mod recommend;
pub mod rules;
