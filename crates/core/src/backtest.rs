//! Other settings tried on what was stored.

pub mod demand;
pub mod run;
pub mod sales;
