//! What a new channel would add to a node's income, by the public graph.
//!
//! Payments go between [`parties`] by the cheapest way, and a payment takes us
//! while the way over us is cheaper than every other. The [market] holds what all ways
//! around us cost; [candidate] asks of one more channel which payments it would draw,
//! and at what fee most is earned. [check] drops real peers of real nodes and looks
//! where they come back.

pub mod candidate;
pub mod check;
pub mod market;
pub mod parties;
pub mod terms;
