//! The league: fee managers against each other in the simulated market.
//!
//! Every policy meets the same nodes, payments and outages; what it earns is
//! compared pair by pair.

pub mod flows;
pub mod model;
pub mod policies;
