//! Advice on dead channels.

pub mod came_back;
pub mod cause;
pub mod judge;
pub mod recommend;
pub mod rules;
