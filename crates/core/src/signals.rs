//! What is measured: demand, stock, the price level.

pub mod estimate;
pub mod exposure;
pub mod level;
pub mod stock;
pub mod tally;
pub mod urgency;
