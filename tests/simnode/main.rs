//! The simulated node: faithful to LND, and good for whole cycles that lose
//! nothing and write nothing wrong, whatever goes wrong with it.

#![allow(clippy::expect_used, reason = "a panic is the report of a test")]

#[path = "../adapter_suite/mod.rs"]
mod adapter_suite;
#[path = "../support/anyone.rs"]
mod anyone;

mod clock;
mod cycles;
mod faults;
mod fidelity;
mod inbound;
mod leases;
mod market;
mod month;
mod own_nodes;
mod peers;
mod raw;
mod rig;
mod scout;
mod suite;
