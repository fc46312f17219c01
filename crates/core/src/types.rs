//! What everything speaks of: units, times, channels, what a node said.

pub mod beside;
pub mod channel;
pub mod clean_text;
pub mod clock_reading;
pub mod day_total;
pub mod fee_change;
pub mod format;
pub mod graph_edge;
pub mod graph_visit;
pub mod observation;
pub mod raw_forward;
pub mod segment;
pub mod time;
pub mod units;
