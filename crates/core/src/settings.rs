//! What the operator wants, validated, and which of it holds for a channel.

pub mod alias_pins;
pub mod built_in;
pub mod cost;
pub mod inbound;
pub mod keys;
pub mod latches;
pub mod layers;
pub mod matcher;
pub mod orders;
pub mod own_nodes;
mod pattern;
pub mod preparation;
pub mod schedule;
pub mod small_peers;
pub mod tuning;
pub mod values;
pub mod windows;
