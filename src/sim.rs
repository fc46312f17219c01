//! The simulated Lightning market and node.

pub mod load;
pub mod math;
pub mod network;
pub mod random;
pub mod routes;
pub mod scenario;
pub mod synthetic;
