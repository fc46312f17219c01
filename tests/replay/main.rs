//! Stored turns decided again: a simulated month with everything that goes
//! wrong in one, lived through once, then replayed and backtested from copies
//! of its database.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

#[path = "../simnode/market.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod market;

#[path = "../cycle/node.rs"]
#[allow(dead_code, reason = "whole cycles need more of it")]
mod node;

mod backtest;
mod month;
mod replay;
