//! What is measured: demand, stock, prices.

pub mod fading;
pub mod level;
pub mod meter;
pub mod price_index;
pub mod stock;
pub mod volume;
