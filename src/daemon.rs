//! The daemon: one cycle after the other, beside one node.

pub mod clock;
pub mod connect;
pub mod cycle;
pub mod history;
pub mod log;
pub mod logging;
pub mod serve;
pub mod systemd;
mod trouble;
pub mod write;
