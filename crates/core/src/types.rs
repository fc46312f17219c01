//! What everything speaks of: units, times, channels, what a node said.

pub mod channel;
pub mod fee_change;
pub mod format;
pub mod graph_visit;
pub mod observation;
pub mod segment;
pub mod time;
pub mod units;
