//! What is remembered between cycles and over restarts.

pub mod market;
pub mod memory;
