//! The pure core: types, estimates, decisions. No I/O, no clock, no randomness
//! of its own; time and seeds are arguments, so a stored cycle replays exactly.

pub mod absorb;
pub mod backtest;
pub mod book;
pub mod budget;
pub mod channel;
pub mod classic;
pub mod cost;
pub mod decide;
pub mod decision;
pub mod demand;
pub mod discount;
pub mod estimate;
pub mod exposure;
pub mod guard;
pub mod inbound;
pub mod keys;
pub mod level;
pub mod matcher;
pub mod memory;
pub mod observation;
pub mod pool;
pub mod press;
pub mod prune;
pub mod recommend;
pub mod replay;
pub mod schedule;
pub mod settings;
pub mod shelf;
pub mod standing;
pub mod sweetspot;
pub mod time;
pub mod tuning;
pub mod turn;
pub mod units;
pub mod write;
