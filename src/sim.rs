//! The simulated Lightning market and node.
