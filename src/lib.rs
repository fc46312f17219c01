//! sweetspot sets the routing fees of a Lightning node.
//!
//! Arrows point inward only: `main → cli → daemon → {config, lnd, store, cycle}
//! → ports → domain`, and `domain` imports nothing of ours. The cycle sees the
//! ports, never an adapter; `simnode` puts the market of `sim` behind the ports
//! and LND's interface. Beside the daemon stands `cli → league → sim → domain`:
//! policies in a simulated market. `tests/layering.rs` keeps it so.

pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod cycle;
pub mod daemon;
pub mod demo;
pub mod domain;
pub mod history;
pub mod league;
pub mod lnd;
pub mod logging;
pub mod overview;
pub mod ports;
pub mod report;
pub mod service;
pub mod sim;
pub mod simnode;
pub mod store;
pub mod table;
pub mod writing;
