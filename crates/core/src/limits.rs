//! The last word on every change: bounds, steps, waits, budgets.

pub mod budget;
pub mod guard;
