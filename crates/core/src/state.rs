//! What is remembered between cycles and over restarts.

pub mod memory;
pub mod standing;
