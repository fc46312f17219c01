//! The one binary: arguments in, exit code out.

fn main() {}
