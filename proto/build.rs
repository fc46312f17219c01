//! Generates the LND client from our own subset of its interface.

fn main() {}
