//! What a new channel would add to a node's income, by the public graph.

pub mod parties;
