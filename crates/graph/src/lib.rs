//! The public graph as senders see it, and what routes through it cost.
//!
//! [`network`] holds nodes by number and directed hops with their policies,
//! [`routes`] the cheapest ways between them. [`graph`] names the nodes, and
//! [`load`] reads a graph from a file: the one part that reads a disk.

pub mod graph;
pub mod load;
pub mod math;
pub mod network;
pub mod routes;
