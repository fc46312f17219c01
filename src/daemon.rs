//! The daemon: one cycle after the other, beside one node.

pub mod clock;
pub mod connect;
pub mod cycle;
mod first_words;
pub mod history;
pub mod log;
pub mod logging;
mod repeated_error;
pub mod serve;
pub mod systemd;
mod vital_signs;
pub mod write;
