//! sweetspot sets the routing fees of a Lightning node.
//!
//! Arrows point inward only: `main → cli → daemon → {config, lnd, store} → core`,
//! and each of these is a crate of its own but the daemon, its settings file and
//! its commands, which are this one. The core's manifest names no I/O. The
//! laboratory (feature `lab`) stands beside the daemon: `simnode` puts the market
//! behind LND's interface, `league` plays fee policies in it.

pub mod base_fee;
pub mod cli;
pub mod config;
pub mod cycles;
pub mod daemon;
#[cfg(feature = "lab")]
pub mod demo;
pub mod explain;
pub mod format;
pub mod import;
pub mod json;
pub mod leases;
pub mod orders;
pub mod overview;
pub mod peers;
pub mod plan;
pub mod prepare;
pub mod prune;
pub mod report;
pub mod rollback;
pub mod scout;
pub mod table;
#[cfg(feature = "web")]
pub mod web;
