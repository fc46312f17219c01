//! The pure core: types, estimates, decisions. No I/O, no clock, no randomness
//! of its own; time and seeds are arguments, so a stored cycle replays exactly.
//!
//! What derives `Serialize` is printed by the commands as JSON, and nothing is
//! read by it: what is stored has forms of its own, in the store.

pub mod alarm;
pub mod backtest;
pub mod decision;
pub mod engine;
pub mod inbound;
pub mod limits;
pub mod max_htlc;
pub mod money;
pub mod peers;
pub mod ports;
pub mod prune;
pub mod recall;
pub mod settings;
pub mod signals;
pub mod state;
pub mod strategy;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;
